"""A Loihi network as flat arrays: neurons of all populations in a row, synapses by pre."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bioplastic.quantize.loihi import (
    LONGEST_DELAY,
    LoihiNetwork,
    LoihiPopulation,
    LoihiSource,
)

SLOTS = LONGEST_DELAY + 2
"""Steps that a charge can lie ahead: 1 + 62, and the step that is being read."""


class Arrays(NamedTuple):
    """What the executors read. Units: sources first, then neurons; N neurons, S synapses.

    keep_u, keep_v (N,)    int64: 4095 − du, 4096 − dv
    threshold, bias (N,)   int64, in units of v
    refractory (N,)        int64 steps
    first (units + 1,)     row of each unit in the lists below
    post, charge, lag (S,) int64: neuron, what u gains, steps until it does (1 + delay)
    """

    sources: int
    keep_u: np.ndarray
    keep_v: np.ndarray
    threshold: np.ndarray
    bias: np.ndarray
    refractory: np.ndarray
    first: np.ndarray
    post: np.ndarray
    charge: np.ndarray
    lag: np.ndarray


class State(NamedTuple):
    """Where a run stands; `step` holds one number.

    u, v, wait (N,) int64      current, potential, steps until v integrates
    coming (SLOTS, N) int64    charge that arrives in step t, in row t mod SLOTS
    """

    step: np.ndarray
    u: np.ndarray
    v: np.ndarray
    wait: np.ndarray
    coming: np.ndarray


def begins(network: LoihiNetwork) -> dict[str, int]:
    """First unit of each source and population; populations count on after the sources."""
    found, at = {}, 0
    groups: list[LoihiSource | LoihiPopulation] = [*network.sources, *network.populations]
    for group in groups:
        found[group.name] = at
        at += group.size
    return found


def arrays(network: LoihiNetwork) -> Arrays:
    """The flat form of a network; synapses of a unit keep the order in which they were listed."""
    begin = begins(network)
    sources = sum(s.size for s in network.sources)
    units = sources + sum(p.size for p in network.populations)

    def each(name: str) -> np.ndarray:
        parts = [np.full(p.size, getattr(p, name), np.int64) for p in network.populations]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def listed(parts: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64)

    pre = listed([q.i + begin[q.pre] for q in network.projections])
    order = np.argsort(pre, kind="stable")
    post = listed([q.j + begin[q.post] - sources for q in network.projections])
    return Arrays(
        sources=sources,
        keep_u=4095 - each("du"),
        keep_v=4096 - each("dv"),
        threshold=each("vth") << 6,
        bias=listed([p.bias for p in network.populations]),
        refractory=each("refractory"),
        first=np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=units))]).astype(np.int64),
        post=post[order],
        charge=listed([q.charge for q in network.projections])[order],
        lag=1 + listed([np.asarray(q.delay) for q in network.projections])[order],
    )


def fresh(flat: Arrays) -> State:
    """The state at step 0: all zero, nothing under way."""
    n = len(flat.keep_u)
    zero = np.zeros(n, np.int64)
    return State(
        step=np.zeros(1, np.int64), u=zero, v=zero.copy(), wait=zero.copy(),
        coming=np.zeros((SLOTS, n), np.int64),
    )  # fmt: skip


def copied(state: State) -> State:
    """A state that shares no array with the given one."""
    return State(*(a.copy() for a in state))
