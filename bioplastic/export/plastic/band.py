"""How far a weight may stray under stochastic rounding: its exact mean, and a bound from it.

A trace of 7 bits that is rounded up with the probability of its fraction is a Markov chain on
0..127. Under given events the weight is Σ g(trace) over them, so its mean follows from the chain's
marginals, exactly. Each random bit moves the expected weight by at most the range r of its two
outcomes, found by going backwards through the chain; then (Azuma, Hoeffding)
    P(|w − E w| >= d) <= 2 exp(−2 d²/Σ r²),   d = √(½ Σ r² ln(2/δ))
Nothing is tuned: δ is the chance that a right tool fails one of all comparisons.
Source: Hoeffding 1963, theorem 2 and its remark on martingales.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.export.plastic.loihi import TRACE_MAX, LoihiRule

STATES = TRACE_MAX + 1
DELTA = 1e-9
"""Chance, over all comparisons of one tool, that a right tool leaves the band."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """How a tool moves a trace and a weight.

    keep         tau in steps → share that a trace keeps in a step
    late         the random bit of a step is drawn for the trace before its jump (brian2-loihi), and
                 decay comes after the jump; otherwise decay comes first (lava-nc)
    whole        dw is rounded away from zero (brian2-loihi); otherwise the weight is rounded
                 stochastically after each change (lava-nc)
    """

    keep: Callable[[float], float]
    late: bool
    whole: bool


LAVA = Engine(keep=lambda tau: math.exp(-1 / tau), late=False, whole=False)


def whole_tau(tau: float) -> int:
    """The whole number whose 1 − 1/tau is nearest exp(−1/tau), as brian2-loihi takes it."""
    return max(1, round(1 / (1 - math.exp(-1 / tau))))


BRIAN2 = Engine(keep=lambda tau: 1 - 1 / whole_tau(tau), late=True, whole=True)


def band(
    engine: Engine, rule: LoihiRule, pre: np.ndarray, post: np.ndarray, w_0: float, checks: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least, mean and greatest weight after each step, (S, T) LSB, for trains of events.

    pre, post (S, T) bool      checks   comparisons that will be made with the band, for δ
    Without the bounds of the weight: what leaves 0..255 is no fair comparison.
    Raises UnsupportedModel for a term with two traces, or of both sides at one event.
    """
    gains = {event: _gain(rule, event) for event in ("x0", "y0")}
    taus = {t.name: (t.impulse, engine.keep(t.tau)) for t in rule.traces}
    shape = pre.shape
    mean, radius = np.full(shape, float(w_0)), np.zeros(shape)
    for s in range(shape[0]):
        spread = np.zeros(shape[1])
        events = {"x0": pre[s].astype(bool), "y0": post[s].astype(bool)}
        for event, (trace, factor, constant) in gains.items():
            levels = np.arange(STATES if trace else 1, dtype=float)
            value: np.ndarray = factor * levels + constant
            if engine.whole:
                value = np.sign(value) * np.ceil(np.abs(value))
            if trace is None:
                mean[s] += np.cumsum(events[event]) * value[0]
                continue
            jumps = events["x0" if trace.startswith("x") else "y0"]
            step, before = _chain(engine, *taus[trace])
            added, ranges = _walk(step, before, engine, jumps, events[event], value)
            mean[s] += np.cumsum(added)
            spread += ranges
        both = np.cumsum(events["x0"] & events["y0"])
        if not engine.whole:  # the weight itself is rounded once a step that changes it
            spread += np.cumsum(events["x0"] | events["y0"])
        radius[s] = np.sqrt(spread * math.log(2 * checks / DELTA) / 2)
        if engine.whole:  # two terms of one step are rounded together
            radius[s] += both
    return mean - radius, mean, mean + radius


def _gain(rule: LoihiRule, event: str) -> tuple[str | None, float, float]:
    """The one trace that an event reads, its factor, and the constant."""
    trace, factor, constant = None, 0.0, 0.0
    for q in (q for q in rule.terms if q.event == event):
        if not q.traces:
            constant += q.factor
        elif len(q.traces) == 1 and trace in (None, q.traces[0]):
            trace, factor = q.traces[0], factor + q.factor
        else:
            raise UnsupportedModel(
                f"{q}: a product of two traces: lava's fixed point scales it by 1/8 of its float,"
                " and no band is derived for it"
            )
    return trace, factor, constant


def _chain(
    engine: Engine, impulse: int, keep: float
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """For events 0 and 1: next state without and with the random bit; its probability.

    Also the trace that a term reads in a step, (2, STATES): before it moves on where `late`.
    """
    x = np.arange(STATES)
    low, high, chance = (np.zeros((2, STATES), np.int64), np.zeros((2, STATES), np.int64),
                         np.zeros((2, STATES)))  # fmt: skip
    read = np.zeros((2, STATES), np.int64)
    for event in (0, 1):
        if engine.late:
            read[event] = np.minimum(x + event * impulse, TRACE_MAX)
            floor = np.floor(keep * read[event]).astype(np.int64)
            low[event], high[event] = floor, floor + 1
            chance[event] = keep * x - np.floor(keep * x)
        else:
            floor = np.floor(keep * x).astype(np.int64)
            chance[event] = keep * x - floor
            low[event] = np.minimum(floor + event * impulse, TRACE_MAX)
            high[event] = np.minimum(floor + 1 + event * impulse, TRACE_MAX)
            read[event] = x
    return (low, np.minimum(high, TRACE_MAX), chance), read


def _walk(
    step: tuple[np.ndarray, np.ndarray, np.ndarray], read: np.ndarray, engine: Engine,
    jumps: np.ndarray, reads: np.ndarray, value: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Mean change in each step, and Σ r² up to each step."""
    low, high, chance = step
    steps = len(jumps)
    j = jumps.astype(int)
    added, reachable = np.zeros(steps), []
    marginal: np.ndarray = np.zeros(STATES)
    marginal[0] = 1.0

    def gained(t: int, states: np.ndarray) -> np.ndarray:
        return np.asarray(value[read[j[t]][states]]) if engine.late else np.asarray(value[states])

    every = np.arange(STATES)
    for t in range(steps):
        if engine.late and reads[t]:
            added[t] = marginal @ gained(t, every)
        reachable.append(marginal > 0)
        moved: np.ndarray = np.bincount(low[j[t]], marginal * (1 - chance[j[t]]), STATES)
        marginal = moved + np.bincount(high[j[t]], marginal * chance[j[t]], STATES)
        if not engine.late and reads[t]:
            added[t] = marginal @ gained(t, every)
    spread, last = np.zeros(steps), 0.0
    for end in range(steps):
        if reads[end]:
            last = _ranges(end, step, engine, j, reads, gained, reachable)
        spread[end] = last
    return added, spread


def _ranges(
    end: int, step: tuple[np.ndarray, np.ndarray, np.ndarray], engine: Engine, j: np.ndarray,
    reads: np.ndarray, gained: Callable[[int, np.ndarray], np.ndarray],
    reachable: list[np.ndarray],
) -> float:  # fmt: skip
    """Σ r² of all random bits for the weight after step `end`."""
    low, high, chance = step
    every, total = np.arange(STATES), 0.0
    ahead = np.zeros(STATES)  # expected rest of the sum, by the state after the step
    for t in range(end, -1, -1):
        rest = ahead + gained(t, every) if not engine.late and reads[t] else ahead
        moves = (chance[j[t]] > 0) & reachable[t]
        apart = np.abs(rest[high[j[t]]] - rest[low[j[t]]])[moves]
        total += float(apart.max(initial=0.0)) ** 2
        ahead = (1 - chance[j[t]]) * rest[low[j[t]]] + chance[j[t]] * rest[high[j[t]]]
        if engine.late and reads[t]:
            ahead = ahead + gained(t, every)
    return total
