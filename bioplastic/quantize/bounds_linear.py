"""Proof that no state of a linear neuron can overflow.

States that drive each other in a circle form a block; blocks are taken drivers first. Inside a
block the response to one unit of input n steps ago, under any sequence of spikes, refractory times
and events, is at most K βⁿ in a norm |D x|: free steps shrink by α = |D P D⁻¹|, a reset with the
refractory steps after it (m steps) by γ = |D Pₕ^(m−1) R D⁻¹|, and a free step lies between two
resets, so β = max(α, (γα)^(1/m)); K pays for a cycle cut off at either end. D balances the block.
Then a constant input c is worth K c/(1 − β), a train of jumps at least k steps apart K c/(1 − βᵏ).
Everything is measured from the resting state x* = P x* + offset, where there is one.

A state without decay has such a bound only through its threshold: see `_through_threshold`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.quantize.arrivals import arrivals, weight_bounds
from bioplastic.quantize.integer_population import IntegerLinear

ONE = 2.0**30
Incoming = dict[int, list[tuple[Any, Any]]]  # channel -> projections onto it with their pre


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """A linear population in LSB, as float: `maps` are resets and events with their distance.

    free, held (n, n)    offset, held_offset (N, n)    rest (N, n)  x*
    jumps   (matrix, size (N, n) of the jump at x*, fewest steps between two)
    extra   (n,) largest input of all plateaus in a step
    """

    free: np.ndarray
    held: np.ndarray
    refractory: int
    rest: np.ndarray
    leak: np.ndarray
    reset: np.ndarray
    events: list[np.ndarray]
    jumps: list[tuple[np.ndarray, np.ndarray, int]]
    extra: np.ndarray
    start: np.ndarray


def system(p: IntegerLinear, *, spiking: bool = True) -> System:
    """The numbers of the proof; spiking=False leaves out what a spike does."""
    n = len(p.states)
    free, held = p.free.matrix / ONE, p.held.matrix / ONE
    offset, held_offset = p.free.offset / ONE, p.held.offset / ONE
    rest = _rest(free, offset)
    leak = np.maximum(
        np.abs(rest @ free.T + offset - rest), np.abs(rest @ held.T + held_offset - rest)
    )
    reset = p.reset.matrix / ONE if spiking else np.eye(n)
    refractory = max(p.refractory, 1) if spiking else 1
    jumps = []
    if spiking:
        size = np.abs(rest @ reset.T + p.reset.offset / ONE - rest)
        jumps.append((reset, size + 0.5, refractory))
    extra = np.full(n, 0.5)
    for e in p.events:
        matrix = e.jump.matrix / ONE
        size = np.abs(rest @ matrix.T + e.jump.offset / ONE - rest)
        jumps.append((matrix, size + 0.5, e.dead))
        if e.duration:
            extra = extra + np.maximum(np.abs(e.drive), np.abs(e.held_drive)) / ONE
    return System(
        free=free,
        held=held if spiking else free,
        refractory=refractory,
        rest=rest,
        leak=leak,
        reset=reset,
        events=[e.jump.matrix / ONE for e in p.events],
        jumps=jumps,
        extra=extra,
        start=np.abs(p.initial - rest),
    )


def _rest(free: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """x* = P x* + offset of every neuron, (N, n); zero where the system has none."""
    missing = np.eye(len(free)) - free
    if np.linalg.matrix_rank(missing, tol=1e-9) < len(free):
        return np.zeros(offset.shape)
    rest: np.ndarray = np.linalg.solve(missing, offset.T).T
    return rest if np.all(np.abs(rest) < 2.0**60) else np.zeros(offset.shape)


def largest_states(
    p: IntegerLinear, incoming: Incoming, *, spiking: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return x* and the largest |x − x*| that any input allows, both (N, n), LSB; inf: no bound.

    incoming   channel -> projections onto it, each with its pre population
    """
    s = system(p, spiking=spiking)
    n = len(s.free)
    far = np.zeros((p.size, n))
    coupled = np.abs(s.free) + np.abs(s.held) + sum((np.abs(m) for m, _, _ in s.jumps), np.eye(n))
    for block in _blocks(coupled > 0):
        others = [j for j in range(n) if j not in block]
        if _only_adds(p, s, block[0]):
            far[:, block] = _sum(p, s, block[0], incoming)
            continue
        d = _balance(s.free[np.ix_(block, block)])
        gain, decay = _gain(s, block, d)
        if decay >= 1:
            far[:, block] = _through_threshold(p, s, block, far, incoming)
            continue
        pull = np.maximum(np.abs(s.free), np.abs(s.held))[np.ix_(block, others)]
        constant = s.leak[:, block] + s.extra[block] + far[:, others] @ pull.T
        total = gain / (1 - decay) * np.linalg.norm(d * constant, axis=1)
        total += gain * np.linalg.norm(d * s.start[:, block], axis=1)
        for matrix, size, apart in s.jumps:
            pushed = far[:, others] @ np.abs(matrix[np.ix_(block, others)]).T
            moved = size[:, block] * _moves(matrix, size, block) + pushed
            total += gain / (1 - decay**apart) * np.linalg.norm(d * moved, axis=1)
        for weight, place in zip(d, block, strict=True):
            for q, pre in incoming.get(place, []):
                total += gain * weight * arrivals(q, pre, decay, p.size)
        far[:, block] = total[:, None] / d
    return s.rest, far


def _only_adds(p: IntegerLinear, s: System, i: int) -> bool:
    """Whether state i changes by arrivals alone: a constant, or a sum of arrivals."""
    one = np.eye(len(s.free))[i]
    rows = [s.free[i], s.held[i], *(m[i] for m, _, _ in s.jumps)]
    return (
        all(np.array_equal(row, one) for row in rows)
        and not np.any(p.free.offset[:, i])
        and s.extra[i] == 0.5
        and all(np.all(size[:, i] <= 0.5) for _, size, _ in s.jumps)
    )


def _sum(p: IntegerLinear, s: System, i: int, incoming: Incoming) -> np.ndarray:
    total = s.start[:, i].copy()
    for q, pre in incoming.get(i, []):
        total += arrivals(q, pre, 1.0, p.size)
    return total[:, None]


def _moves(matrix: np.ndarray, size: np.ndarray, block: list[int]) -> np.ndarray:
    """1 for every state of the block that the map touches: identity rows without jump are exact."""
    identity = np.all(matrix == np.eye(len(matrix)), axis=1) & np.all(size <= 0.5, axis=0)
    return np.where(identity[block], 0.0, 1.0)


def _blocks(coupled: np.ndarray) -> list[list[int]]:
    """Circles of states that drive each other, drivers first; coupled[i, j]: j drives i."""
    n = len(coupled)
    reach = np.linalg.matrix_power(coupled.astype(float), max(n, 1)) > 0
    left, blocks = list(range(n)), []
    while left:
        for i in left:
            block = [j for j in left if reach[i, j] and reach[j, i]]
            if all(j in block or j not in left for j in range(n) if reach[i, j]):
                break
        blocks.append(block)
        left = [j for j in left if j not in block]
    return blocks


def _balance(block: np.ndarray) -> np.ndarray:
    """Diagonal d that makes row and column norms of D P D⁻¹ equal (Osborne's iteration)."""
    d = np.ones(len(block))
    off = np.abs(block - np.diag(np.diag(block)))
    for _ in range(40 if len(block) > 1 else 0):
        for i in range(len(block)):
            row = d[i] * np.sum(off[i] / d)
            column = np.sum(d * off[:, i]) / d[i]
            d[i] *= np.sqrt(column / row)
    return d


def _gain(s: System, block: list[int], d: np.ndarray) -> tuple[float, float]:
    """K and β of a block; β >= 1: no bound."""

    def inside(matrix: np.ndarray) -> np.ndarray:
        return matrix[np.ix_(block, block)] * d[:, None] / d

    one = np.eye(len(block))
    free, held, reset = inside(s.free), inside(s.held), inside(s.reset)
    events = [m for m in map(inside, s.events) if not np.array_equal(m, one)]
    if not events and np.array_equal(reset, one) and np.array_equal(held, free):
        return _gain_of_powers(free)
    alpha = _norm(free)
    if events:  # any of them in any step: entries of the product never exceed these
        any_of = one
        for event in events:
            any_of = np.maximum(one, np.abs(event)) @ any_of
        alpha = min(_norm(any_of @ np.abs(free)), _norm(any_of) * alpha)
        held, reset = any_of @ np.abs(held), any_of @ np.abs(reset) @ any_of
    m = s.refractory
    waits = [one]
    for _ in range(m - 1):
        waits.append(held @ waits[-1])
    gamma = _norm(waits[-1] @ reset)
    decay = max(alpha, (gamma * alpha) ** (1 / m), float(np.exp(-1 / m)))
    before = max(_norm(w) * decay**-k for k, w in enumerate(waits))
    after = max(_norm(w @ reset) * decay**-k for k, w in enumerate(waits))
    middle = max(1.0, gamma * decay ** (1 - m))
    return max(before, 1.0) * middle * max(after, 1.0), decay


def _gain_of_powers(free: np.ndarray) -> tuple[float, float]:
    """K and β from the powers of P, for a block that no reset, hold or event touches."""
    alpha = _norm(free)
    if alpha < 1:
        return 1.0, alpha
    powers = [np.eye(len(free))]
    while len(powers) <= 4096:
        powers.append(free @ powers[-1])
        decay = _norm(powers[-1]) ** (1 / (len(powers) - 1))
        if decay < 1 - 1e-6 and len(powers) & (len(powers) - 1) == 0:
            return max(_norm(w) * decay**-k for k, w in enumerate(powers)), decay
    return np.inf, 1.0


def _norm(matrix: np.ndarray) -> float:
    return float(np.linalg.norm(matrix, 2))


def _through_threshold(
    p: IntegerLinear, s: System, block: list[int], far: np.ndarray, incoming: Incoming
) -> np.ndarray:
    """Bound of one state that never falls: it is reset when it passes its threshold.

    Holds for a state on whose value alone the threshold rests, that a spike sets anew and that only
    grows in between: no decay, no input below zero. It passes the threshold by at most what arrives
    in the refractory time and the step of the spike. (N, 1); inf where that cannot be said.
    """
    none = np.full((p.size, len(block)), np.inf)
    i = block[0]
    row = p.form.row.copy()
    pushes = s.free[i].copy()
    row[i] = pushes[i] = 0
    still = np.array_equal(s.held[i], np.eye(len(s.free))[i])
    assigned = len(block) == 1 and s.jumps and not np.any(s.reset[i]) and p.form.row[i] > 0
    grows = not np.any(row) and not np.any(pushes) and s.free[i, i] <= 1 and len(s.jumps) == 1
    held_grows = still or np.array_equal(s.held[i], s.free[i])
    weights = [q for q, _ in incoming.get(i, [])]
    positive = np.all(p.free.offset[:, i] >= 0) and all(
        np.all(weight_bounds(q)[0] >= 0) for q in weights
    )
    if not (assigned and grows and held_grows and positive) or np.any(s.rest):
        return none
    step = p.free.offset[:, i] / ONE + 0.5
    for q, pre in incoming.get(i, []):
        step = step + arrivals(q, pre, 0.0, p.size)
    top = np.maximum(np.abs(p.form.theta) / p.form.row[i], s.jumps[0][1][:, i])
    top = np.maximum(top, s.start[:, i])
    return (top + (s.refractory + 2) * step)[:, None]
