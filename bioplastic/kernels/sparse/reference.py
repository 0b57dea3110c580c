"""The sparse kernel as a specification: numpy, dense, step by step. Slow, and meant to be read.

Order inside a step (Brian2's): integrate -> plateaus and events -> threshold and competition ->
deliver arrivals -> plasticity on pre -> plasticity on post -> traces jump -> reset. The fast
executors must agree with this file in every bit of spikes, state and counters.
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
from bioplastic.kernels.sparse.reference_neurons import (
    Noticed,
    integrate,
    notice,
    reset,
    spiking,
)
from bioplastic.kernels.sparse.reference_traces import make_learning
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.quantize.integer_network import (
    AlphaChannel,
    IntegerNetwork,
    IntegerPermanence,
    IntegerProjection,
    PlateauChannel,
)
from bioplastic.quantize.integer_population import LinearState, noted


def run_reference(
    network: IntegerNetwork, steps: int, state: KernelState
) -> tuple[KernelState, Found, Found, dict[str, int]]:
    """Run `steps` steps from `state`.

    Returns the new state, the spikes by population, the onsets by "population.branch" or
    "population.event", and the counters.
    """
    x = state.copy().arrays
    counters = {"spikes": 0, "synaptic_events": 0, "weight_updates": 0, "saturations": 0}
    learning = [make_learning(network, q, x, counters) for q in network.projections]
    past = past_spikes(network, x)
    spikes = Log(p.name for p in network.populations)
    onsets = Log(f"{p.name}.{name}" for p in network.populations for name in noted(p))
    for step in range(state.step, state.step + steps):
        now: Spikes = {s.name: s.ids[s.steps == step] for s in network.sources}
        noticed: dict[str, Noticed] = {}
        for p in network.populations:
            integrate(p, x)
            noticed[p.name] = notice(p, x, step, counters)
            for name, ids in noticed[p.name].items():
                onsets.add(f"{p.name}.{name}", step, ids)
            now[p.name] = spiking(p, x, step)
            spikes.add(p.name, step, now[p.name])
            counters["spikes"] += len(now[p.name])
        past[step] = now
        for fresh in (False, True):  # what is delivered before on_pre, and after it
            for rule in learning:
                if rule.fresh == fresh:
                    groups = arriving_groups(rule.q, past, step)
                    deliver(network, rule.q, x, groups, counters)
            if not fresh:
                for rule in learning:
                    rule.on_pre(step, past)
        for rule in learning:
            rule.on_post(step, past)
        for rule in learning:
            rule.jump(step, past)
        for p in network.populations:
            reset(p, x, step, now[p.name], noticed[p.name])
        past.pop(step - network.max_delay, None)
    counters["neuron_updates"] = steps * sum(p.size for p in network.populations)
    counters["neuron_updates_skipped"] = 0
    x |= recent_spikes(network, past)
    return KernelState(step=state.step + steps, arrays=x), spikes.found(), onsets.found(), counters


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
    np.add.at(sums, q.targets[at], weight * q.scale)
    if isinstance(channel, LinearState) and channel.deaf:
        sums[x[f"{p.name}/refractory"] > 0] = 0
    if isinstance(channel, PlateauChannel):
        sums[(x[f"{key}/hold"] > 0) | (x[f"{p.name}/refractory"] > 0)] = 0
    state = "rise" if isinstance(channel, AlphaChannel) else "current"
    x[f"{key}/{state}"] += sums.astype(np.int32)
