"""The circuit kernel as `bioplastic::circuit`: its state as tensors, and the run on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from bioplastic.bridge.ops_program import (
    Executor,
    Field,
    Numba,
    Prepared,
    Triton,
    check_executor,
    content_hash,
    prepare,
    register,
)
from bioplastic.bridge.ops_values import check_circuit
from bioplastic.errors import UsageError
from bioplastic.quantize.circuit import IntegerCircuit
from bioplastic.quantize.circuit_program import COUNTERS as ALL_COUNTERS
from bioplastic.quantize.circuit_program import State, Trace, fresh_trace

KEPT = [k for k, n in enumerate(ALL_COUNTERS) if n not in ("neuron_updates", "empty_steps")]
COUNTERS = tuple(ALL_COUNTERS[k] for k in KEPT)
"""Columns of the counters: those on which all executors agree."""
MADE = Trace._fields[:-1]
_BY_KEYS, _BY_OUTS = ("key_step", "key_id"), ("out_step", "out_id", "out_forced")


class PreparedCircuit(Prepared):
    """A lowered circuit; L is a number of theta cycles.

    given    symbols (B, L) int32, −1: a cycle without a symbol; phase (B, L) int32: the step of the
             cycle in which it spikes. On the CPU a number outside the alphabet or the cycle is a
             UsageError; a GPU, which is not waited for, takes it as a cycle without a symbol
    made     the fields of a Trace (B, …): potential, held, share, winners, recruited, key_step,
             key_id, out_step, out_id, out_forced, the last five −1 beyond what is written; written
             (B, 2) int64: spikes of keys and of outputs; counters (B, 12) int64, `COUNTERS`
    state    seed (B,) int64, then the fields of a State (B, …)
    """

    op = "circuit"

    def __init__(self, circuit: IntegerCircuit, executor: Executor) -> None:
        self.circuit, self.executor = circuit, executor
        self.name = f"circuit of {circuit.outputs!r}"
        self.program = content_hash(circuit)
        self.state = (
            Field("seed", (), np.int64),
            *(Field(n, a.shape, a.dtype) for n, a in circuit.state._asdict().items()),
        )

    def check_given(self, given: Sequence[torch.Tensor]) -> tuple[Any, Any]:
        """(B, L)."""
        symbols, phase = given
        for name, tensor in (("symbols", symbols), ("phase", phase)):
            if tensor.dtype != torch.int32 or tensor.dim() != 2 or tensor.shape != symbols.shape:
                raise UsageError(
                    f"{self.name}: {name}: must be (B, L) int32, both alike, not "
                    f"{tuple(tensor.shape)} {tensor.dtype}"
                )
            if tensor.device != symbols.device:
                raise UsageError(
                    f"{self.name}: {name} is on {tensor.device}, symbols are on {symbols.device}"
                )
        return symbols.shape[0], symbols.shape[1]

    def made(self, length: Any) -> list[Field]:
        """See the class."""
        p = self.circuit.program
        pools, branches = len(p.first) - 1, len(p.branch_pool)
        keys, outs = pools * (2 * length + 4), length * (p.gamma + 2) + 4  # as in fresh_trace
        one, long = np.int32, np.int64
        return [
            Field("potential", (length, p.symbols), one), Field("held", (length, branches), one),
            Field("share", (length, branches), one), Field("winners", (length, p.gamma), one),
            Field("recruited", (length, pools), one), Field("key_step", (keys,), long),
            Field("key_id", (keys,), one), Field("out_step", (outs,), long),
            Field("out_id", (outs,), one), Field("out_forced", (outs,), np.int8),
            Field("written", (2,), long), Field("counters", (len(COUNTERS),), long),
        ]  # fmt: skip

    def initial(self) -> list[np.ndarray]:
        """The state that the circuit was lowered with, and its seed."""
        return [np.array(self.circuit.program.seed), *(np.copy(a) for a in self.circuit.state)]

    def cpu(
        self, given: Sequence[torch.Tensor], state: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        """Circuit by circuit, by numba."""
        from bioplastic.kernels.circuit.cpu import run

        symbols, phase = (t.numpy() for t in given)
        self._check_symbols(symbols, phase)
        found = []
        for b, shown in enumerate(symbols):
            seed, *arrays = (np.array(s[b].numpy()) for s in state)
            program, now = self.circuit.program._replace(seed=int(seed)), State(*arrays)
            cycles = now.step[0] + program.period * np.arange(len(shown), dtype=np.int64)
            steps = np.where(shown >= 0, cycles + phase[b], -1)
            following = np.append(shown[1:], -1).astype(np.int32)
            trace = fresh_trace(program, len(shown))
            keys, outs = run(program, now, np.maximum(shown, 0), steps, following, trace)
            for names, n in ((_BY_KEYS, keys), (_BY_OUTS, outs)):
                for name in names:
                    getattr(trace, name)[n:] = -1
            record = [getattr(trace, name) for name in MADE]
            counts = [np.array([keys, outs], np.int64), trace.counts[KEPT]]
            found.append([*record, *counts, seed, *now])
        return [torch.from_numpy(np.stack(column)) for column in zip(*found, strict=True)]

    def _check_symbols(self, symbols: np.ndarray, phase: np.ndarray) -> None:
        p = self.circuit.program
        for name, array, low, high in (
            ("symbols", symbols, -1, p.symbols - 1), ("phase", phase, 0, p.period - 1),
        ):  # fmt: skip
            if array.size and not low <= array.min() <= array.max() <= high:
                raise UsageError(
                    f"{self.name}: {name}: {array.min()} to {array.max()}: must be {low} to {high}"
                )

    def resident(self, device: torch.device) -> Any:
        """On a GPU, by Triton."""
        from bioplastic.bridge.resident_circuit import ResidentCircuit

        return ResidentCircuit(self.circuit, device)

    def check_values(self, state: Sequence[np.ndarray]) -> None:
        """See `ops_values.check_circuit`."""
        check_circuit(
            self.circuit.program, {f.name: a for f, a in zip(self.state, state, strict=True)}
        )


@prepare.register
def _(program: IntegerCircuit, executor: Executor = None) -> Prepared:
    check_executor(executor, {Numba: (), Triton: ()})
    return register(PreparedCircuit(program, executor))
