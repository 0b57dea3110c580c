"""The sparse kernel as `bioplastic::sparse`: its state as tensors, and the run on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
from bioplastic.bridge.ops_values import check_padding, check_sparse, masks
from bioplastic.errors import UsageError
from bioplastic.kernels.feedforward.layer import pack, unpack, words
from bioplastic.kernels.sparse.executors import OneProgram, Windows
from bioplastic.kernels.sparse.state import KernelState, initial_state
from bioplastic.quantize.bounds import check_any_spikes
from bioplastic.quantize.integer_network import IntegerNetwork
from bioplastic.quantize.integer_population import noted

COUNTERS = ("spikes", "synaptic_events", "weight_updates", "saturations")
"""Columns of the counters: those on which all executors agree."""
_RECENT = ("recent_unit", "recent_step")


class PreparedSparse(Prepared):
    """A lowered network.

    given    spikes (B, T, W) int32: sources in their order, each from a word of its own; bits
             beyond the last neuron of a source do not count
    made     spikes (B, T, W), populations likewise; onsets (B, T, W), "population.branch" likewise;
             counters (B, 4) int64, `COUNTERS`
    state    step, seed (B,) int64; recent (B, D, W) int32, the spikes of sources and populations in
             the D = longest delay last steps; then the arrays of a KernelState (B, …)
    """

    op = "sparse"

    def __init__(self, network: IntegerNetwork, executor: Executor) -> None:
        self.network, self.executor = network, executor
        self.name = network.name
        self.program = content_hash(network)
        self.delay = network.max_delay
        self.source_words = sum(words(s.size) for s in network.sources)
        self.words = sum(words(g.size) for g in network.groups)
        self.noted = {f"{p.name}.{name}": p.size for p in network.populations for name in noted(p)}
        self.onset_words = sum(words(size) for size in self.noted.values())
        self._start = initial_state(network)
        self._mask = masks([s.size for s in network.sources])
        arrays = {k: a for k, a in self._start.arrays.items() if k not in _RECENT}
        self.state = (
            Field("step", (), np.int64),
            Field("seed", (), np.int64),
            Field("recent", (self.delay, self.words), np.int32),
            *(Field(name, a.shape, a.dtype) for name, a in arrays.items()),
        )

    def check_given(self, given: Sequence[torch.Tensor]) -> tuple[Any, Any]:
        """(B, T)."""
        return check_spikes(self.name, given[0], self.source_words)

    def made(self, length: Any) -> list[Field]:
        """Spikes, onsets, counters."""
        return [
            Field("spikes", (length, self.words - self.source_words), np.int32),
            Field("onsets", (length, self.onset_words), np.int32),
            Field("counters", (len(COUNTERS),), np.int64),
        ]

    def initial(self) -> list[np.ndarray]:
        """At rest, no spike under way, initial weights, the seed of the network."""
        return self.arrays_of(self._start, self.network.seed)

    def cpu(
        self, given: Sequence[torch.Tensor], state: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        """Member by member, by numba."""
        from bioplastic.kernels.sparse.cpu import run_cpu

        spikes = given[0].numpy() & self._mask
        found = []
        for b, sent in enumerate(spikes):
            start, seed = self.kernel_state([s[b].numpy() for s in state])
            network = replace(self._with(sent, start.step), seed=seed)
            end, fired, onsets, counted = run_cpu(network, len(sent), start)
            rows = self._packed(fired, self._sizes(), start.step, len(sent))
            started = self._packed(onsets, self.noted, start.step, len(sent))
            counters = np.array([counted[name] for name in COUNTERS], np.int64)
            found.append([rows, started, counters, *self.arrays_of(end, seed)])
        return [torch.from_numpy(np.stack(column)) for column in zip(*found, strict=True)]

    def resident(self, device: torch.device) -> Any:
        """On a GPU, by Triton."""
        from bioplastic.bridge.resident import ResidentSparse

        how = self.executor.how if isinstance(self.executor, Triton) else None
        assert isinstance(how, Windows | OneProgram | None)
        return ResidentSparse(self.network, how or Windows(), device)

    def check_values(self, state: Sequence[np.ndarray]) -> None:
        """See `ops_values.check_sparse`."""
        arrays = {f.name: a for f, a in zip(self.state, state, strict=True)}
        check_sparse(self.network, arrays)
        check_padding(arrays["recent"], [g.size for g in self.network.groups])

    def kernel_state(self, arrays: Sequence[np.ndarray]) -> tuple[KernelState, int]:
        """The state of one member as the kernels keep it, and its seed."""
        named = {f.name: np.array(a) for f, a in zip(self.state, arrays, strict=True)}
        step, seed, recent = int(named.pop("step")), int(named.pop("seed")), named.pop("recent")
        first = max(self.delay - step, 0)  # no spike is older than the start
        rows, units, word, unit = [], [], 0, 0
        for g in self.network.groups:
            row, ids = np.nonzero(unpack(recent[first:, word : word + words(g.size)], g.size))
            rows.append(row + first + step - self.delay)
            units.append(ids + unit)
            word, unit = word + words(g.size), unit + g.size
        at, of = np.concatenate([np.zeros(0, np.int64), *rows]), np.concatenate([[], *units])
        order = np.lexsort((of, at))
        named |= {"recent_unit": of[order].astype(np.int64), "recent_step": at[order]}
        return KernelState(step=step, arrays=named), seed

    def arrays_of(self, state: KernelState, seed: int) -> list[np.ndarray]:
        """The arrays of one member, in the order of `state`; UsageError for those of another."""
        bits = np.zeros((self.delay, sum(g.size for g in self.network.groups)), bool)
        row = state.arrays["recent_step"] - (state.step - self.delay)
        bits[row[row >= 0], state.arrays["recent_unit"][row >= 0]] = True
        parts, unit = [np.zeros((self.delay, 0), np.int32)], 0
        for g in self.network.groups:
            parts.append(pack(bits[:, unit : unit + g.size]))
            unit += g.size
        head = [np.array(state.step), np.array(seed), np.concatenate(parts, axis=1)]
        for f in self.state[3:]:
            got = state.arrays.get(f.name)
            if got is None or got.shape != f.shape or got.dtype != f.kind:
                shown = "nothing" if got is None else f"{got.shape} {got.dtype}"
                raise UsageError(
                    f"{self.name}: state {f.name!r}: must be {f.shape} "
                    f"{np.dtype(f.kind)}, not {shown}"
                )
        return [*head, *(state.arrays[f.name].copy() for f in self.state[3:])]

    def _with(self, sent: np.ndarray, first: int) -> IntegerNetwork:
        sources, word = [], 0
        for s in self.network.sources:
            part = sent[:, word : word + words(s.size)]
            row, ids = np.nonzero(unpack(part, s.size))
            sources.append(replace(s, steps=row + first, ids=ids))
            word += words(s.size)
        return replace(self.network, sources=tuple(sources))

    def _sizes(self) -> dict[str, int]:
        return {p.name: p.size for p in self.network.populations}

    @staticmethod
    def _packed(found: Any, sizes: dict[str, int], first: int, steps: int) -> np.ndarray:
        parts = [np.zeros((steps, 0), np.int32)]
        for name, size in sizes.items():
            bits = np.zeros((steps, size), bool)
            at, ids = found[name]
            bits[at - first, ids] = True
            parts.append(pack(bits))
        return np.concatenate(parts, axis=1)


def check_spikes(name: str, spikes: torch.Tensor, wide: int) -> tuple[Any, Any]:
    """(B, T) of packed spikes; UsageError unless (B, T, `wide`) int32."""
    if spikes.dtype != torch.int32 or spikes.dim() != 3 or spikes.shape[2] != wide:
        more = "; spikes are integers and have no gradient, the twin has" if (
            spikes.dtype.is_floating_point
        ) else ""  # fmt: skip
        raise UsageError(
            f"{name}: spikes: must be (B, T, {wide}) int32, packed 32 to a word, not "
            f"{tuple(spikes.shape)} {spikes.dtype}{more}"
        )
    return spikes.shape[0], spikes.shape[1]


@prepare.register
def _(program: IntegerNetwork, executor: Executor = None) -> Prepared:
    check_executor(executor, {Numba: (), Triton: (Windows, OneProgram)})
    check_any_spikes(program)
    if isinstance(executor, Triton):
        try:
            from bioplastic.kernels.sparse.gpu_plan import check_known
        except ImportError:
            raise UsageError(f"executor = {executor!r}: triton is not installed") from None
        check_known(program)
    return register(PreparedSparse(program, executor))
