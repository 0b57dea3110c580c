"""Neurons of the specification: LIF, linear and conductance neurons, one function per slot.

`integrate`, `notice` (plateaus and events that start), `spiking` and `reset` are called in this
order in every step; arrivals and plasticity stand between the last two.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from bioplastic.quantize.fixed_point import (
    PROPAGATOR,
    TRACE_MAX,
    TRACE_ONE,
    decayed,
    exponential,
    exponential_table,
    round_shift,
)
from bioplastic.quantize.integer_population import (
    AffineMap,
    ExponentialChannel,
    IntegerConductance,
    IntegerLinear,
    IntegerPopulation,
    LinearForm,
    PlateauChannel,
)

Arrays = dict[str, np.ndarray]
Noticed = dict[str, np.ndarray]  # channel -> neurons
EXP = exponential_table()


@singledispatch
def integrate(p: Any, x: Arrays) -> None:
    """One step of every state; all new values come from old ones."""
    raise NotImplementedError(type(p).__name__)


@singledispatch
def notice(p: Any, x: Arrays, step: int, counters: dict[str, int]) -> Noticed:
    """Plateaus and events that start in this step, ids ascending."""
    return {}


@singledispatch
def spiking(p: Any, x: Arrays, step: int) -> np.ndarray:
    """Ids that spike in this step, ascending."""
    raise NotImplementedError(type(p).__name__)


@singledispatch
def reset(p: Any, x: Arrays, step: int, ids: np.ndarray, noticed: Noticed) -> None:
    """What spikes and events do to the states."""
    raise NotImplementedError(type(p).__name__)


def _count_down(p: Any, x: Arrays) -> np.ndarray:
    """One step less of refractory time; returns who is refractory."""
    x[f"{p.name}/refractory"] = np.maximum(x[f"{p.name}/refractory"] - 1, 0)
    return np.asarray(x[f"{p.name}/refractory"] > 0)


@integrate.register
def _(p: IntegerPopulation, x: Arrays) -> None:
    """One exact step of potential and currents; a refractory or clamped state stands still."""
    refractory = _count_down(p, x)
    v = x[f"{p.name}/v"].astype(np.int64)
    total = p.pvv * v + p.offset
    for c in p.channels:
        key = f"{p.name}.{c.name}"
        current = x[f"{key}/current"].astype(np.int64)
        if isinstance(c, ExponentialChannel):
            total = total + c.pvi * current
            new = round_shift(c.pii * current, PROPAGATOR)
        else:
            rise = x[f"{key}/rise"].astype(np.int64)
            pull = c.pvi * current + c.pvh * rise
            new = round_shift(c.pii * current + c.pih * rise, PROPAGATOR)
            new_rise = round_shift(c.pii * rise, PROPAGATOR)
            if isinstance(c, PlateauChannel):
                held = x[f"{key}/hold"] > 0
                x[f"{key}/hold"] -= held.astype(np.int32)
                ended = held & (x[f"{key}/hold"] == 0)
                pull = np.where(held, p.pv1 * current, pull)
                new = np.where(held, np.where(ended, 0, current), new)
                new_rise = np.where(held, 0, new_rise)
            total = total + pull
            x[f"{key}/rise"] = np.asarray(new_rise, dtype=np.int32)
        x[f"{key}/current"] = np.asarray(new, dtype=np.int32)
    moved = np.where(refractory, v, round_shift(total, PROPAGATOR))
    x[f"{p.name}/v"] = moved.astype(np.int32)
    if p.theta_step:
        theta = round_shift(p.theta_decay * x[f"{p.name}/theta"].astype(np.int64), PROPAGATOR)
        x[f"{p.name}/theta"] = np.asarray(theta, dtype=np.int32)


@notice.register
def _(p: IntegerPopulation, x: Arrays, step: int, counters: dict[str, int]) -> Noticed:
    """Clamp the branches above threshold and let their trace jump."""
    noticed = {}
    for c in p.channels:
        if not isinstance(c, PlateauChannel):
            continue
        key = f"{p.name}.{c.name}"
        above = (x[f"{key}/current"] > c.threshold) & (x[f"{key}/hold"] == 0)
        ids = np.flatnonzero(above)
        x[f"{key}/current"][ids], x[f"{key}/rise"][ids] = c.clamp, 0
        x[f"{key}/hold"][ids] = c.duration
        trace, last = x[f"{key}/trace"], x[f"{key}/trace_step"]
        fresh = decayed(trace[ids], step - last[ids], c.table) + TRACE_ONE
        trace[ids], last[ids] = np.minimum(fresh, TRACE_MAX), step
        counters["saturations"] += int(np.count_nonzero(fresh > TRACE_MAX))
        noticed[c.name] = ids
    return noticed


@spiking.register
def _(p: IntegerPopulation, x: Arrays, step: int) -> np.ndarray:
    """Ids above threshold that may spike: all, or the best that HardWTA leaves."""
    margin = x[f"{p.name}/v"].astype(np.int64) - p.v_th - x[f"{p.name}/theta"]
    able = np.flatnonzero((margin > 0) & (x[f"{p.name}/refractory"] == 0))
    if not p.winners:
        return able
    left = x[f"{p.name}/left"]
    if p.cycle and step % p.cycle in p.starts:
        left[0] = p.winners
    best = able[np.argsort(-margin[able], kind="stable")][: left[0]]
    left[0] -= len(best)
    return np.sort(best)


@reset.register
def _(p: IntegerPopulation, x: Arrays, step: int, ids: np.ndarray, noticed: Noticed) -> None:
    """After a spike: v at reset, refractory, plateaus over, threshold up."""
    x[f"{p.name}/v"][ids] = p.v_reset
    x[f"{p.name}/refractory"][ids] = p.refractory
    x[f"{p.name}/theta"][ids] += p.theta_step
    for c in p.channels:
        if isinstance(c, PlateauChannel):
            for name in ("current", "rise", "hold"):
                x[f"{p.name}.{c.name}/{name}"][ids] = 0


def _states(p: IntegerLinear, x: Arrays) -> np.ndarray:
    """States, (N, n) int64."""
    return np.stack([x[f"{p.name}.{s.name}/current"] for s in p.states], axis=1).astype(np.int64)


def _put(p: IntegerLinear, x: Arrays, states: np.ndarray) -> None:
    for k, s in enumerate(p.states):
        x[f"{p.name}.{s.name}/current"] = states[:, k].astype(np.int32)


@integrate.register
def _(p: IntegerLinear, x: Arrays) -> None:
    """x ← (P x + offset + drives + 2²⁹) >> 30; refractory neurons by their own P."""
    refractory = _count_down(p, x)
    old = _states(p, x)
    free = old @ p.free.matrix.T + p.free.offset
    held = old @ p.held.matrix.T + p.held.offset
    for e in p.events:
        lasting = x[f"{p.name}.{e.name}/hold"] > 0
        x[f"{p.name}.{e.name}/hold"] -= lasting.astype(np.int32)
        free = free + np.where(lasting[:, None], e.drive, 0)
        held = held + np.where(lasting[:, None], e.held_drive, 0)
    _put(p, x, round_shift(np.where(refractory[:, None], held, free), PROPAGATOR))  # type: ignore[arg-type]


def _above(form: LinearForm, states: np.ndarray) -> np.ndarray:
    return np.asarray(states @ form.row > form.theta)


@notice.register
def _(p: IntegerLinear, x: Arrays, step: int, counters: dict[str, int]) -> Noticed:
    """Events whose condition holds and that are not too soon."""
    states, noticed = _states(p, x), {}
    for e in p.events:
        able = step - x[f"{p.name}.{e.name}/trace_step"] >= e.dead
        noticed[e.name] = np.flatnonzero(_above(e.form, states) & able)
    return noticed


@spiking.register
def _(p: IntegerLinear, x: Arrays, step: int) -> np.ndarray:
    """Above threshold and not refractory; refractory from here on, so that deaf states lose."""
    able = x[f"{p.name}/refractory"] == 0
    ids = np.flatnonzero(_above(p.form, _states(p, x)) & able)
    x[f"{p.name}/refractory"][ids] = p.refractory
    return ids


@reset.register
def _(p: IntegerLinear, x: Arrays, step: int, ids: np.ndarray, noticed: Noticed) -> None:
    """Early events in the order of the description, the spike, late events."""
    states = _states(p, x)

    def jump(which: np.ndarray, by: AffineMap) -> None:
        moved = states[which] @ by.matrix.T + by.offset
        states[which] = round_shift(moved, PROPAGATOR)

    for late in (False, True):
        for e in p.events:
            if e.late == late:
                which = noticed[e.name]
                jump(which, e.jump)
                x[f"{p.name}.{e.name}/hold"][which] = e.duration
                x[f"{p.name}.{e.name}/trace_step"][which] = step
        if not late:
            jump(ids, p.reset)
    _put(p, x, states)


@integrate.register
def _(p: IntegerConductance, x: Arrays) -> None:
    """Exponential Euler or Euler; v from old conductances."""
    refractory = _count_down(p, x)
    key = f"{p.name}.{p.channels[0].name}/current"
    v = x[key].astype(np.int64)
    g = [x[f"{p.name}.{r.name}/current"].astype(np.int64) for r in p.receptors]
    new = _exponential_step(p, v, g) if p.exponential else _euler_step(p, v, g)
    x[key] = np.where(refractory & p.held, v, new).astype(np.int32)
    for r, old in zip(p.receptors, g, strict=True):
        decayed_g = np.asarray(round_shift(r.decay * old, PROPAGATOR))
        x[f"{p.name}.{r.name}/current"] = decayed_g.astype(np.int32)
    theta = round_shift(p.theta_decay * x[f"{p.name}/theta"].astype(np.int64), PROPAGATOR)
    x[f"{p.name}/theta"] = np.asarray(theta, dtype=np.int32)


def _exponential_step(p: IntegerConductance, v: np.ndarray, g: list[np.ndarray]) -> np.ndarray:
    """v∞ by one rounded division, then the distance to it shrinks by exp(−(1 + Σg) dt/tau_m)."""
    leak = 1 << p.shift
    total = leak + sum(g, np.zeros(p.size, np.int64))
    pull = leak * p.rest + sum((r.reversal * a for r, a in zip(p.receptors, g, strict=True)), 0)
    drawn_to = (pull + (total >> 1)) // total
    exponent = round_shift(total * p.rate, p.shift + 2)
    kept = exponential(np.asarray(exponent), EXP)
    return drawn_to + round_shift((v - drawn_to) * kept, PROPAGATOR)


def _euler_step(p: IntegerConductance, v: np.ndarray, g: list[np.ndarray]) -> np.ndarray:
    """v + Σ (E − v) h, h = g dt/tau_m in Q30; the leak is one of the g."""
    moved = (p.rest - v) * round_shift(p.rate << p.shift, p.shift + 2)
    for r, a in zip(p.receptors, g, strict=True):
        moved = moved + (r.reversal - v) * round_shift(a * p.rate, p.shift + 2)
    return v + round_shift(moved, PROPAGATOR)


@spiking.register
def _(p: IntegerConductance, x: Arrays, step: int) -> np.ndarray:
    v = x[f"{p.name}.{p.channels[0].name}/current"].astype(np.int64)
    able = x[f"{p.name}/refractory"] == 0
    return np.flatnonzero((v > p.v_th + x[f"{p.name}/theta"]) & able)


@reset.register
def _(p: IntegerConductance, x: Arrays, step: int, ids: np.ndarray, noticed: Noticed) -> None:
    x[f"{p.name}.{p.channels[0].name}/current"][ids] = p.v_reset
    x[f"{p.name}/refractory"][ids] = p.refractory
    x[f"{p.name}/theta"][ids] += p.theta_step
