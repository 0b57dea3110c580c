"""The sparse kernel as a specification: numpy, dense, step by step. Slow, and meant to be read.

Order inside a step (Brian2's): integrate -> plateau onset -> threshold and competition -> deliver
arrivals -> plasticity on pre -> plasticity on post -> traces jump -> reset. The fast executors must
agree with this file in every bit of spikes, state and counters.
"""

from __future__ import annotations

import numpy as np

from bioplastic.kernels.sparse.events import (
    Found,
    Log,
    Spikes,
    arriving_groups,
    past_spikes,
    recent_spikes,
    rows,
)
from bioplastic.kernels.sparse.reference_learning import make_learning
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.quantize.fixed_point import PROPAGATOR, TRACE_MAX, TRACE_ONE, decayed, round_shift
from bioplastic.quantize.integer_network import (
    ExponentialChannel,
    IntegerNetwork,
    IntegerPermanence,
    IntegerPopulation,
    IntegerProjection,
    PlateauChannel,
)


def run_reference(
    network: IntegerNetwork, steps: int, state: KernelState
) -> tuple[KernelState, Found, Found, dict[str, int]]:
    """Run `steps` steps from `state`.

    Returns the new state, the spikes by population, the plateau onsets by "population.branch", and
    the counters.
    """
    x = state.copy().arrays
    counters = {"spikes": 0, "synaptic_events": 0, "weight_updates": 0, "saturations": 0}
    learning = [make_learning(network, q, x, counters) for q in network.projections]
    past = past_spikes(network, x)
    spikes = Log(p.name for p in network.populations)
    onsets = Log(
        f"{p.name}.{c.name}"
        for p in network.populations
        for c in p.channels
        if isinstance(c, PlateauChannel)
    )
    for step in range(state.step, state.step + steps):
        now: Spikes = {s.name: s.ids[s.steps == step] for s in network.sources}
        for p in network.populations:
            integrate(p, x)
            for c in p.channels:
                if isinstance(c, PlateauChannel):
                    onsets.add(f"{p.name}.{c.name}", step, start_plateaus(p, c, x, step, counters))
            now[p.name] = compete(p, x, step)
            spikes.add(p.name, step, now[p.name])
            counters["spikes"] += len(now[p.name])
        past[step] = now
        for q in network.projections:
            deliver(network, q, x, arriving_groups(q, past, step), counters)
        for rule in learning:
            rule.on_pre(step, past)
        for rule in learning:
            rule.on_post(step, past)
        for rule in learning:
            rule.jump(step, past)
        for p in network.populations:
            reset(p, x, now[p.name])
        past.pop(step - network.max_delay, None)
    counters["neuron_updates"] = steps * sum(p.size for p in network.populations)
    counters["neuron_updates_skipped"] = 0
    x |= recent_spikes(network, past)
    return KernelState(step=state.step + steps, arrays=x), spikes.found(), onsets.found(), counters


def integrate(p: IntegerPopulation, x: dict[str, np.ndarray]) -> None:
    """One exact step of potential and currents; a refractory or clamped state stands still."""
    refractory = np.maximum(x[f"{p.name}/refractory"] - 1, 0)
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
    moved = np.where(refractory > 0, v, round_shift(total, PROPAGATOR))
    x[f"{p.name}/v"] = moved.astype(np.int32)
    x[f"{p.name}/refractory"] = refractory
    if p.theta_step:
        theta = round_shift(p.theta_decay * x[f"{p.name}/theta"].astype(np.int64), PROPAGATOR)
        x[f"{p.name}/theta"] = np.asarray(theta, dtype=np.int32)


def start_plateaus(
    p: IntegerPopulation,
    c: PlateauChannel,
    x: dict[str, np.ndarray],
    step: int,
    counters: dict[str, int],
) -> np.ndarray:
    """Clamp the branches above threshold, let their trace jump, and return their ids."""
    key = f"{p.name}.{c.name}"
    above = (x[f"{key}/current"] > c.threshold) & (x[f"{key}/hold"] == 0)
    ids = np.flatnonzero(above)
    x[f"{key}/current"][ids], x[f"{key}/rise"][ids] = c.clamp, 0
    x[f"{key}/hold"][ids] = c.duration
    trace, last = x[f"{key}/trace"], x[f"{key}/trace_step"]
    fresh = decayed(trace[ids], step - last[ids], c.table) + TRACE_ONE
    trace[ids], last[ids] = np.minimum(fresh, TRACE_MAX), step
    counters["saturations"] += int(np.count_nonzero(fresh > TRACE_MAX))
    return ids


def compete(p: IntegerPopulation, x: dict[str, np.ndarray], step: int) -> np.ndarray:
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


def deliver(
    network: IntegerNetwork,
    q: IntegerProjection,
    x: dict[str, np.ndarray],
    groups: np.ndarray,
    counters: dict[str, int],
) -> None:
    """Add the weights of the arriving groups to their targets; a held branch loses them."""
    at = rows(q, groups)
    if isinstance(q.rule, IntegerPermanence):
        weight = (x[f"{q.name}/permanence"][at] > q.rule.theta).astype(np.int64)
    else:
        weight = x.get(f"{q.name}/weight", q.weight)[at].astype(np.int64)
    counters["synaptic_events"] += int(np.count_nonzero(weight))
    p = network[q.post]
    channel = p.channels[q.channel]
    key = f"{p.name}.{channel.name}"
    sums = np.zeros(p.size, np.int64)
    np.add.at(sums, q.post_ids[at], weight * q.scale)
    if isinstance(channel, PlateauChannel):
        sums[(x[f"{key}/hold"] > 0) | (x[f"{p.name}/refractory"] > 0)] = 0
    state = "current" if isinstance(channel, ExponentialChannel) else "rise"
    x[f"{key}/{state}"] += sums.astype(np.int32)


def reset(p: IntegerPopulation, x: dict[str, np.ndarray], ids: np.ndarray) -> None:
    """After a spike: v at reset, refractory, plateaus over, threshold up."""
    x[f"{p.name}/v"][ids] = p.v_reset
    x[f"{p.name}/refractory"][ids] = p.refractory
    x[f"{p.name}/theta"][ids] += p.theta_step
    for c in p.channels:
        if isinstance(c, PlateauChannel):
            for name in ("current", "rise", "hold"):
                x[f"{p.name}.{c.name}/{name}"][ids] = 0
