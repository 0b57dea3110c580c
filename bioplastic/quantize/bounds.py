"""Proof that no state of a lowered network can overflow, whatever spikes arrive.

One function per kind of neuron; `arrivals` says how spikes pile up. For LIF: an alpha current stays
below its rise state, a potential below the sum of its currents (kept as R·I) plus the largest of
reset and threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.arrivals import arrivals
from bioplastic.quantize.bounds_conductance import reach
from bioplastic.quantize.bounds_linear import Incoming, largest_states
from bioplastic.quantize.integer_network import (
    AnyPopulation,
    ExponentialChannel,
    IntegerConductance,
    IntegerLinear,
    IntegerNetwork,
    IntegerPopulation,
    PlateauChannel,
)
from bioplastic.quantize.report import Bound

ONE = 2.0**fp.PROPAGATOR


def bound_population(p: AnyPopulation, incoming: Incoming) -> list[Bound]:
    """Bounds of every state of `p`; raises UnsupportedModel naming the first that can overflow.

    incoming   channel place -> projections onto it, each with its pre population
    """
    bounds = find_bounds(p, incoming)
    for b in bounds:
        if not b.bound <= b.limit:
            raise UnsupportedModel(
                f"{b.what}: could reach {b.bound:.3g} LSB, the format holds {b.limit:.3g}: "
                f"lower the weights or the fan-in, or pass fewer fraction bits (fraction=12)"
            )
    return bounds


def check_trains(network: IntegerNetwork) -> None:
    """Raise UnsupportedModel, naming the state, when the sources' trains could overflow it."""
    _check(network, {s.name: s for s in network.sources})


@dataclass(frozen=True)
class EveryStep:
    """A source whose neurons may all spike in every step, as the overflow proof sees it."""

    size: int
    refractory: int = 1


def check_any_spikes(network: IntegerNetwork) -> None:
    """Raise UnsupportedModel, naming the state, when some input could overflow it."""
    try:
        _check(network, {s.name: EveryStep(s.size) for s in network.sources})
    except UnsupportedModel as error:
        raise UnsupportedModel(
            f"{network.name}: if every neuron of every source spikes in every step, {error}"
        ) from None


def any_spikes_hold(network: IntegerNetwork) -> bool:
    """Whether `check_any_spikes` passes: found once and kept with the network, which never changes.

    Where it does, no train needs a proof of its own.
    """
    kept = network.__dict__
    if "_any_spikes_hold" not in kept:
        try:
            check_any_spikes(network)
            kept["_any_spikes_hold"] = True
        except UnsupportedModel:
            kept["_any_spikes_hold"] = False
    return bool(kept["_any_spikes_hold"])


def _check(network: IntegerNetwork, sources: dict[str, Any]) -> None:
    pre = sources | {p.name: p for p in network.populations}
    for p in network.populations:
        incoming: dict[int, list[tuple[Any, Any]]] = {}
        for q in network.projections:
            if q.post == p.name:
                incoming.setdefault(q.channel, []).append((q, pre[q.pre]))
        bound_population(p, incoming)


@singledispatch
def find_bounds(p: Any, incoming: Incoming) -> list[Bound]:
    """The same bounds, some of which may pass their limits; inf where there is none."""
    raise NotImplementedError(type(p).__name__)


@find_bounds.register
def _lif(p: IntegerPopulation, incoming: Incoming) -> list[Bound]:
    bounds, drive = [], np.abs(p.offset) / p.pv1
    product = np.abs(p.offset).astype(float)
    for place, channel in enumerate(p.channels):
        decay = channel.pii / ONE
        state = np.full(p.size, 0.5 / (1 - decay))
        for q, pre in incoming.get(place, []):
            state = state + arrivals(q, pre, decay, p.size)
        if isinstance(channel, PlateauChannel):
            state = np.maximum(state, channel.clamp)
        bounds.append(_bound(f"{p.name}.{channel.name}", state, p.lsb))
        drive = drive + state
        rise = 0 if isinstance(channel, ExponentialChannel) else abs(channel.pvh)
        product = product + (abs(channel.pvi) + rise) * state
    theta = 0.0
    if p.theta_step:
        theta = p.theta_step / (1 - (p.theta_decay / ONE) ** max(p.refractory, 1))
    top = max(abs(p.v_th) + theta, abs(p.v_reset)) + 0.5 / (1 - p.pvv / ONE)
    bounds.append(_bound(f"{p.name}.v", drive + top, p.lsb))
    bounds.append(_product(f"{p.name}.v, 64-bit sum", product + p.pvv * (drive + top)))
    return bounds


@find_bounds.register
def _linear(p: IntegerLinear, incoming: Incoming) -> list[Bound]:
    rest, far = largest_states(p, incoming)
    size = np.abs(rest) + far
    bounds = [_bound(f"{p.name}.{s.name}", size[:, k], s.lsb) for k, s in enumerate(p.states)]
    finite = np.where(np.isfinite(size), size, 0.0)
    half = ONE / 2
    for what, step in (("free", p.free), ("held", p.held)):
        drives = sum((np.abs(e.drive) + np.abs(e.held_drive) for e in p.events), np.zeros(1))
        sums = finite @ np.abs(step.matrix).T + np.abs(step.offset) + drives + half
        bounds.append(_product(f"{p.name}, 64-bit sum of a {what} step", sums))
    maps = {"reset": p.reset} | {e.name: e.jump for e in p.events}
    for name, jump in maps.items():
        sums = finite @ np.abs(jump.matrix).T.astype(float) + np.abs(jump.offset) + half
        bounds.append(_product(f"{p.name}.{name}, 64-bit sum", sums))
    forms = {"theta": p.form} | {f"{e.name}.theta": e.form for e in p.events}
    for name, form in forms.items():
        sums = finite @ np.abs(form.row).astype(float)
        bounds.append(_product(f"{p.name}.{name}, 64-bit sum", sums))
    return bounds


@find_bounds.register
def _conductance(p: IntegerConductance, incoming: Incoming) -> list[Bound]:
    r = reach(p, incoming)
    bounds = [_bound(f"{p.name}.v", r.v, p.channels[0].lsb)]
    bounds += [_bound(f"{p.name}.{c.name}", r.g[k], c.lsb) for k, c in enumerate(p.receptors)]
    if np.any(r.theta):
        bounds.append(_bound(f"{p.name}.theta", r.theta, p.channels[0].lsb))
    bounds.append(_product(f"{p.name}.v, 64-bit sum", np.array([r.pull])))
    bounds.append(_product(f"{p.name}.v, 64-bit exponent", np.array([r.exponent])))
    return bounds


def _bound(what: str, state: np.ndarray, lsb: float) -> Bound:
    return Bound(what=what, bound=float(np.max(state)), limit=fp.STATE_LIMIT, lsb=lsb)


def _product(what: str, sums: np.ndarray) -> Bound:
    return Bound(what=what, bound=float(np.max(sums)), limit=fp.PRODUCT_LIMIT)
