"""Populations that can never spike: found from the bounds, before anything runs.

A population is dead when nothing reaches it, or when the largest value that its inputs allow stays
at or below threshold in every neuron. A dead population sends nothing, so the search goes on until
no more turn up. What is not listed may still stay silent: the bounds are worst cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from bioplastic.quantize.arrivals import arrivals, weight_bounds
from bioplastic.quantize.bounds_conductance import reach
from bioplastic.quantize.bounds_linear import ONE, Incoming, largest_states
from bioplastic.quantize.integer_network import (
    AnyPopulation,
    ExponentialChannel,
    IntegerConductance,
    IntegerLinear,
    IntegerPopulation,
    IntegerSource,
    PlateauChannel,
)
from bioplastic.quantize.report import Dead


def dead_populations(
    sources: Sequence[IntegerSource],
    populations: Sequence[AnyPopulation],
    incoming: dict[str, Incoming],
) -> list[Dead]:
    """The dead among `populations`, in their order, with the reason."""
    found: dict[str, str] = {}
    silent = {s.name for s in sources if not len(s.ids)}
    while True:
        alive = {p.name: _alive(incoming[p.name], silent | set(found)) for p in populations}
        fresh = _unreached(populations, alive) | _weak(populations, alive)
        fresh = {name: reason for name, reason in fresh.items() if name not in found}
        if not fresh:
            return [Dead(what=p.name, reason=found[p.name]) for p in populations if p.name in found]
        found |= fresh


def _alive(incoming: Incoming, silent: set[str]) -> Incoming:
    return {
        channel: [(q, pre) for q, pre in pairs if pre.name not in silent]
        for channel, pairs in incoming.items()
    }


def _unreached(populations: Sequence[AnyPopulation], alive: dict[str, Incoming]) -> dict[str, str]:
    """No path of synapses from a source that spikes, or from a population that can start alone."""
    reached = {p.name for p in populations if margin(p, {}) > 0}
    while True:
        more = {
            p.name
            for p in populations
            if p.name not in reached
            for pairs in alive[p.name].values()
            for q, pre in pairs
            if (isinstance(pre, IntegerSource) or pre.name in reached) and _carries(q)
        }
        if not more:
            break
        reached |= more
    reason = "no synapse leads to it from anything that spikes, and its own drive is too weak"
    return {p.name: reason for p in populations if p.name not in reached}


def _carries(q: Any) -> bool:
    low, high = weight_bounds(q)
    return bool(np.any(low != 0) or np.any(high != 0))


def _weak(populations: Sequence[AnyPopulation], alive: dict[str, Incoming]) -> dict[str, str]:
    """All inputs together, at their worst, leave every neuron at or below threshold."""
    found = {}
    for p in populations:
        short = margin(p, alive[p.name])
        if short <= 0:
            found[p.name] = f"its inputs leave it {-short:.4g} LSB below threshold at the most"
    return found


@singledispatch
def margin(p: Any, incoming: Incoming) -> float:
    """Largest value above threshold that any neuron of `p` can reach before its first spike, LSB.

    incoming   channel -> projections onto it that are not silent, each with its pre
    """
    raise NotImplementedError(type(p).__name__)


@margin.register
def _(p: IntegerPopulation, incoming: Incoming) -> float:
    top = np.maximum(p.offset, 0) / p.pv1 + 0.5 / (1 - p.pvv / ONE)
    for place, channel in enumerate(p.channels):
        decay = channel.pii / ONE
        above = np.zeros(p.size)
        pairs = incoming.get(place, [])
        for q, pre in pairs:
            above = above + arrivals(q, pre, decay, p.size, upward=True)
        if any(_carries(q) for q, _ in pairs):
            above = above + 0.5 / (1 - decay)
        if isinstance(channel, PlateauChannel):
            above = np.where(above > channel.threshold, np.maximum(above, channel.clamp), above)
        top = top + above * _gain(channel, p)
    return float(np.max(top)) - p.v_th


def _gain(channel: Any, p: IntegerPopulation) -> float:
    """Potential that a current that stands at one keeps up, at most."""
    return 1.0 if isinstance(channel, ExponentialChannel) else 1.0 + abs(channel.pvh) / p.pv1


@margin.register
def _(p: IntegerLinear, incoming: Incoming) -> float:
    rest, far = largest_states(p, incoming, spiking=False)
    value = rest @ p.form.row + far @ np.abs(p.form.row) - p.form.theta
    return float(np.max(np.where(np.isnan(value), np.inf, value)))


@margin.register
def _(p: IntegerConductance, incoming: Incoming) -> float:
    return float(
        np.max(reach(p, incoming, spiking=False).top - p.v_th - np.minimum(p.initial_theta, 0))
    )
