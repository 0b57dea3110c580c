"""A lowered network as a torch module: spikes and a state in, spikes and a state out.

Nothing is hidden in the module: its buffers are the constants of the network, and what a run
changes, learned weights among it, is the state that the caller holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

import bioplastic.bridge.ops  # noqa: F401  registers the ops
from bioplastic.bridge.module_file import read_state, write_state
from bioplastic.bridge.module_state import ModuleState
from bioplastic.bridge.ops_circuit import PreparedCircuit
from bioplastic.bridge.ops_program import Executor, Prepared, check, prepare, tables
from bioplastic.bridge.ops_sparse import PreparedSparse
from bioplastic.errors import UsageError
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.quantize.circuit_program import State

_HASH = "content"


class IntegerRun(NamedTuple):
    """Everything that a run gives back.

    made    tensors by name: spikes, onsets, counters of a network, and so on: see `Prepared.made`
    state   where the run stopped
    """

    made: dict[str, Tensor]
    state: ModuleState


class IntegerModule(nn.Module):
    """A lowered network for torch: `module(spikes, state) -> (spikes, state)`.

    program    IntegerNetwork (`lower`), Layers (`kernels.feedforward.layer.layers`) or
               IntegerCircuit (`lower_circuit`)
    executor   Numba(…), Triton(…), or None: numba for tensors on the CPU, Triton for tensors on a
               GPU. All give the same bits

    A circuit is called `module(symbols, state)`, symbols (B, L) int32, and answers with the
    membrane potentials (B, L, V) that predict the next symbol.

    Integers have no gradient: the differentiable path is `bioplastic.twin`. Raises what
    `ops.prepare` raises; a call raises UsageError, naming the tensor, for a wrong type, shape or
    device, and for a state of another network.
    """

    def __init__(self, program: Any, *, executor: Executor = None) -> None:
        super().__init__()
        self.prepared: Prepared = prepare(program, executor)
        digest = np.frombuffer(bytes.fromhex(self.prepared.program), np.uint8)
        self.register_buffer(_HASH, torch.from_numpy(digest.copy()))
        for path, array in tables(program).items():
            self.register_buffer(path.replace(".", "_"), torch.from_numpy(np.array(array)))

    @property
    def program(self) -> str:
        """Content hash of the network, 64 hexadecimal digits."""
        return self.prepared.program

    @property
    def device(self) -> torch.device:
        """Where the buffers are."""
        return self.get_buffer(_HASH).device

    def extra_repr(self) -> str:
        """Name, hash and executor."""
        return f"{self.prepared.name!r}, {self.program[:12]}…, executor={self.prepared.executor!r}"

    def forward(self, given: Tensor, state: ModuleState) -> tuple[Tensor, ModuleState]:
        """Run; what is given is left as it is."""
        tensors = self._run([given], state)
        return tensors[0], self._after(tensors)

    def record(
        self, given: Tensor, state: ModuleState, *, phase: Tensor | None = None
    ) -> IntegerRun:
        """Run and give back everything: spikes, onsets of plateaus and events, counters.

        phase   for a circuit, (B, L) int32: the step of each cycle in which its symbol spikes
        """
        tensors = self._run([given] if phase is None else [given, phase], state)
        names = [f.name for f in self.prepared.made(0)]
        return IntegerRun(dict(zip(names, tensors, strict=False)), self._after(tensors))

    def _run(self, given: list[Tensor], state: ModuleState) -> list[Tensor]:
        for thing, kind in (*((g, Tensor) for g in given), (state, ModuleState)):
            if not isinstance(thing, kind):
                raise UsageError(
                    f"{self.prepared.name}: {'state' if kind is ModuleState else 'spikes'}: must be"
                    f" a {kind.__name__}, not a {type(thing).__name__}"
                )
        if any(t.requires_grad for t in given):
            raise UsageError(
                f"{self.prepared.name}: an input asks for a gradient: integers have none; "
                "bioplastic.twin is the differentiable path"
            )
        if state.program != self.prepared.program:
            raise UsageError(
                f"{self.prepared.name}: a state of another network: its content is "
                f"{state.program[:12]}…, this network's {self.prepared.program[:12]}…"
            )
        if self.prepared.op == "circuit" and len(given) == 1:
            given = [given[0], torch.zeros_like(given[0])]
        if len(given) == 2 and self.prepared.op != "circuit":
            raise UsageError(f"{self.prepared.name}: phase: is for circuits only")
        op = getattr(torch.ops.bioplastic, self.prepared.op)
        found: list[Tensor] = op(*given, list(state.tensors), self.prepared.key)
        return found

    def _after(self, tensors: Sequence[Tensor]) -> ModuleState:
        fields = self.prepared.state
        names = tuple(f.name for f in fields)
        return ModuleState(
            self.prepared.program, names, tuple(tensors[len(tensors) - len(fields) :])
        )

    def initial_state(self, batch: int = 1, *, seeds: Sequence[int] | None = None) -> ModuleState:
        """The state at the start of `batch` independent copies, where the buffers are.

        seeds   for each copy the key of its stochastic rounding, 0..2^32 − 1; None: the network's.
                Layers draw nothing and have none
        """
        if batch < 1:
            raise UsageError(f"batch = {batch}: must be >= 1")
        made = []
        for field, one in zip(self.prepared.state, self.prepared.initial(), strict=True):
            array = np.broadcast_to(one, (batch, *field.shape)).astype(field.kind, order="C")
            made.append(torch.from_numpy(array).to(self.device))
        state = self._after(made)
        if seeds is None:
            return state
        if "seed" not in state.names or len(seeds) != batch:
            raise UsageError(f"seeds: {len(seeds)} for {batch} copies of {self.prepared.name}")
        for seed in seeds:
            if not 0 <= seed < 1 << 32:
                raise UsageError(f"seed = {seed}: must be in 0..2^32 - 1")
        return state.replace(seed=torch.tensor(list(seeds), dtype=torch.int64, device=self.device))

    def from_kernel(
        self, states: Sequence[Any], *, seeds: Sequence[int] | None = None
    ) -> ModuleState:
        """The states of another executor as one batch.

        states   KernelStates of `kernels.dispatch.run`, or States of the circuit kernel
        """
        p = self.prepared
        fresh = self.initial_state(max(len(states), 1), seeds=seeds)
        keys = fresh["seed"].tolist() if "seed" in fresh.names else [0] * len(states)
        rows: list[list[np.ndarray]] = []
        for one, seed in zip(states, keys, strict=False):
            if isinstance(p, PreparedSparse) and isinstance(one, KernelState):
                rows.append(p.arrays_of(one, seed))
            elif isinstance(p, PreparedCircuit) and isinstance(one, State):
                rows.append([np.array(seed), *(np.copy(a) for a in one)])
            else:
                raise UsageError(f"{p.name}: a {type(one).__name__} is no state of this kernel")
        columns = [np.stack(c) for c in zip(*rows, strict=True)]
        return self._checked(self._after([torch.from_numpy(c).to(self.device) for c in columns]))

    def to_kernel(self, state: ModuleState, b: int = 0) -> Any:
        """The state of member `b` as `kernels.dispatch.run` or the circuit kernel takes it."""
        arrays = [t[0].cpu().numpy() for t in state.member(b).tensors]
        if isinstance(self.prepared, PreparedSparse):
            return self.prepared.kernel_state(arrays)[0]
        if isinstance(self.prepared, PreparedCircuit):
            return State(*(a.copy() for a in arrays[1:]))
        raise UsageError(f"{self.prepared.name}: layers keep their states as one batch")

    def _checked(self, state: ModuleState) -> ModuleState:
        self.prepared.check_values([t.cpu().numpy() for t in state.tensors])
        return state

    def save(self, path: Path | str, state: ModuleState) -> None:
        """Write a state to a new HDF5 file; OSError when there is one, or the disk refuses."""
        if state.program != self.program:
            raise UsageError(f"{path}: the state belongs to another network")
        write_state(path, state)

    def load(self, path: Path | str) -> ModuleState:
        """Read a state, to where the buffers are.

        Raises CorruptFile for a file that is damaged or was changed, for a wrong name, shape or
        type, and for a number that no run can have left; UsageError for a state of another network.
        """
        state = read_state(path, self.prepared)
        return state.to(self.device)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Compare instead of copying: buffers are constants of the network this module has."""
        mine = dict(self.named_buffers(recurse=False))
        given = {k[len(prefix) :]: v for k, v in state_dict.items() if k.startswith(prefix)}
        missing_keys += [prefix + name for name in mine if name not in given]
        if strict:
            unexpected_keys += [prefix + name for name in given if name not in mine]
        found = given.get(_HASH)
        if found is not None and not _equal(found, mine[_HASH]):
            error_msgs.append(
                f"{self.prepared.name}: the content of the network differs: this module has "
                f"{self.program[:12]}…, the state_dict {_hex(found)}…"
            )
        for name, tensor in mine.items():
            if name != _HASH and name in given and not _equal(given[name], tensor):
                error_msgs.append(
                    f"{self.prepared.name}: {name} differs: this module has "
                    f"{tuple(tensor.shape)} {tensor.dtype}, the state_dict "
                    f"{tuple(given[name].shape)} {given[name].dtype}"
                )


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a.cpu(), b.cpu())


def _hex(tensor: Tensor) -> str:
    return bytes(tensor.flatten().to(torch.uint8).tolist()).hex()[:12]


def check_state(module: IntegerModule, given: Tensor, state: ModuleState) -> None:
    """Raise UsageError, naming the tensor, unless `module(given, state)` is well formed."""
    more = [torch.zeros_like(given)] if module.prepared.op == "circuit" else []
    check(module.prepared, [given, *more], state.tensors)
