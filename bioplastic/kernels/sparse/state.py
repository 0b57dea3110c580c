"""State of a lowered network: named integer arrays, the same for every executor.

Keys, per population p, channel c and projection q:
    p/v, p/refractory, p/theta (N,) int32      p/left (1,) int32: winners still allowed; a linear
                                               neuron has no v, no theta; a conductance neuron no v
    p.c/current, p.c/rise, p.c/hold (N,) int32     hold = steps that a plateau still lasts
    p.c/trace, p.c/trace_step (N,) int64           plateau trace z at its last jump, and that step
    p.s/current (N,) int32     state s of a linear neuron; v, conductances of a conductance neuron
    p.e/hold (N,) int32, p.e/trace_step (N,) int64     event e: steps its plateau lasts, last step
    q/weight (S,) int8 or int16  or  q/permanence (S,) int32                            row order
    q/pre_trace, q/pre_step int64       (groups,) under PairSTDP, (N_pre,) under PermanenceSTDP,
                                        (traces, groups) under TraceSTDP
    q/post_trace, q/post_step int64     (N_post,) under PairSTDP, (traces, N_post) under TraceSTDP
    recent_unit, recent_step (E,) int64     spikes that may still be on their way, by (step, unit)
A unit counts through sources, then populations, in the order of the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from bioplastic.quantize.fixed_point import NEVER
from bioplastic.quantize.integer_network import (
    ExponentialChannel,
    IntegerConductance,
    IntegerLinear,
    IntegerNetwork,
    IntegerPairSTDP,
    IntegerPermanence,
    IntegerPopulation,
    IntegerProjection,
    IntegerTraceRule,
    PlateauChannel,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class KernelState:
    """Everything that decides the future: `step` is the next step to run."""

    step: int
    arrays: dict[str, np.ndarray]

    def copy(self) -> KernelState:
        """A state that shares no memory with this one."""
        return KernelState(step=self.step, arrays={k: v.copy() for k, v in self.arrays.items()})

    def difference(self, other: KernelState) -> list[str]:
        """Names of arrays (or "step") that differ in a single bit, dtype or shape."""
        names = [] if self.step == other.step else ["step"]
        for name in {**self.arrays, **other.arrays}:
            a, b = self.arrays.get(name), other.arrays.get(name)
            if a is None or b is None or a.dtype != b.dtype or not np.array_equal(a, b):
                names.append(name)
        return names


def initial_state(network: IntegerNetwork) -> KernelState:
    """State at step 0: everything at rest, no spike under way, initial weights."""
    arrays: dict[str, np.ndarray] = {
        "recent_unit": np.zeros(0, np.int64),
        "recent_step": np.zeros(0, np.int64),
    }
    for p in network.populations:
        arrays |= _population(p, p.name)
    for q in network.projections:
        arrays |= _projection(network, q)
    return KernelState(step=0, arrays=arrays)


@singledispatch
def _population(p: Any, name: str) -> dict[str, np.ndarray]:
    raise NotImplementedError(type(p).__name__)


def _common(p: Any, *names: str) -> dict[str, np.ndarray]:
    arrays = {f"{p.name}/{x}": np.zeros(p.size, np.int32) for x in ("refractory", *names)}
    return arrays | {f"{p.name}/left": np.zeros(1, np.int32)}


@_population.register
def _(p: IntegerLinear, name: str) -> dict[str, np.ndarray]:
    arrays = _common(p)
    for k, s in enumerate(p.states):
        arrays[f"{name}.{s.name}/current"] = np.ascontiguousarray(p.initial[:, k])
    for e in p.events:
        arrays[f"{name}.{e.name}/hold"] = np.zeros(p.size, np.int32)
        arrays[f"{name}.{e.name}/trace_step"] = np.full(p.size, NEVER, np.int64)
    return arrays


@_population.register
def _(p: IntegerConductance, name: str) -> dict[str, np.ndarray]:
    arrays = _common(p) | {f"{name}/theta": p.initial_theta.copy()}
    arrays[f"{name}.{p.channels[0].name}/current"] = p.initial_v.copy()
    for k, r in enumerate(p.receptors):
        arrays[f"{name}.{r.name}/current"] = np.ascontiguousarray(p.initial_g[:, k])
    return arrays


@_population.register
def _(p: IntegerPopulation, name: str) -> dict[str, np.ndarray]:
    arrays = {f"{p.name}/{x}": np.zeros(p.size, np.int32) for x in ("v", "refractory", "theta")}
    arrays[f"{p.name}/left"] = np.full(1, p.winners, np.int32)
    for c in p.channels:
        key = f"{p.name}.{c.name}"
        arrays[f"{key}/current"] = np.zeros(p.size, np.int32)
        if not isinstance(c, ExponentialChannel):
            arrays[f"{key}/rise"] = np.zeros(p.size, np.int32)
        if isinstance(c, PlateauChannel):
            arrays[f"{key}/hold"] = np.zeros(p.size, np.int32)
            arrays[f"{key}/trace"] = np.zeros(p.size, np.int64)
            arrays[f"{key}/trace_step"] = np.full(p.size, NEVER, np.int64)
    if p.initial:
        keys = [f"{p.name}/v", *(f"{p.name}.{c.name}/current" for c in p.channels)]
        arrays |= {key: start.copy() for key, start in zip(keys, p.initial, strict=True)}
    return arrays


def _projection(network: IntegerNetwork, q: IntegerProjection) -> dict[str, np.ndarray]:
    if isinstance(q.rule, IntegerPermanence):
        size = network[q.pre].size
        arrays = {f"{q.name}/permanence": q.rule.initial.copy()}
        return arrays | _trace(f"{q.name}/pre", size)
    if isinstance(q.rule, IntegerPairSTDP):
        arrays = {f"{q.name}/weight": q.weight.copy()}
        arrays |= _trace(f"{q.name}/pre", len(q.row_ptr) - 1)
        return arrays | _trace(f"{q.name}/post", network[q.post].size)
    if isinstance(q.rule, IntegerTraceRule):
        arrays = {f"{q.name}/weight": q.weight.copy()}
        arrays |= _trace(f"{q.name}/pre", (len(q.rule.pre_traces), len(q.row_ptr) - 1))
        return arrays | _trace(f"{q.name}/post", (len(q.rule.post_traces), network[q.post].size))
    return {}


def _trace(key: str, size: int | tuple[int, int]) -> dict[str, np.ndarray]:
    return {
        f"{key}_trace": np.zeros(size, np.int64),
        f"{key}_step": np.full(size, NEVER, np.int64),
    }
