"""Proof that no state of a lowered network can overflow, whatever spikes arrive.

One synapse of weight w whose pre neuron spikes at most every m steps keeps a state with decay α
(per step) below |w|/(1 − α^m); fan-in adds. An alpha current stays below its rise state. A
potential stays below the sum of its currents (kept as R·I) plus the largest of reset and threshold.
"""

from __future__ import annotations

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_network import (
    ExponentialChannel,
    IntegerPermanence,
    IntegerPopulation,
    IntegerProjection,
    IntegerSource,
    PlateauChannel,
)
from bioplastic.quantize.report import Bound

ONE = 2.0**fp.PROPAGATOR


def pile_up(pre: IntegerSource | IntegerPopulation, decay: float) -> np.ndarray:
    """Largest Σ decay^age over the spikes of each pre neuron, (N_pre,) float64.

    Neurons: 1/(1 − decay^m), m = refractory steps. Sources: their own trains, windows of 2^n steps.
    """
    if isinstance(pre, IntegerPopulation):
        return np.full(pre.size, 1 / (1 - decay ** max(pre.refractory, 1)))
    best = np.full(pre.size, np.inf)
    for window in 2 ** np.arange(0, 20, 2):
        best = np.minimum(best, _most_in_window(pre, int(window)) / (1 - decay ** int(window)))
    return best


def _most_in_window(source: IntegerSource, window: int) -> np.ndarray:
    order = np.lexsort((source.steps, source.ids))
    ids, steps = source.ids[order], source.steps[order]
    span = int(steps.max(initial=0)) + window + 1
    keys = ids * span + steps
    count = np.searchsorted(keys, keys + window) - np.arange(len(keys))
    most = np.zeros(source.size)
    np.maximum.at(most, ids, count)
    return most


def arrivals(q: IntegerProjection, pre: IntegerSource | IntegerPopulation, decay: float,
             n_post: int) -> np.ndarray:  # fmt: skip
    """Bound of what `q` alone keeps on its channel, (N_post,) float64, LSB."""
    size = np.abs(q.weight.astype(float))
    if q.rule is not None:
        size = np.full(len(size), 1.0 if isinstance(q.rule, IntegerPermanence) else fp.WEIGHT_MAX)
    each = np.repeat(pile_up(pre, decay), len(q.delays)) if len(q.delays) else np.zeros(0)
    return np.bincount(q.post_ids, weights=size * q.scale * each[q.group], minlength=n_post)


def bound_population(
    p: IntegerPopulation, incoming: dict[int, list[tuple[IntegerProjection, object]]]
) -> list[Bound]:
    """Bounds of every state of `p`; raises UnsupportedModel naming the first that can overflow.

    incoming   channel place -> projections onto it, each with its pre population
    """
    bounds, drive = [], np.abs(p.offset) / p.pv1
    product = np.abs(p.offset).astype(float)
    for place, channel in enumerate(p.channels):
        decay = channel.pii / ONE
        state = np.full(p.size, 0.5 / (1 - decay))
        for q, pre in incoming.get(place, []):
            assert isinstance(pre, IntegerSource | IntegerPopulation)
            state = state + arrivals(q, pre, decay, p.size)
        if isinstance(channel, PlateauChannel):
            state = np.maximum(state, channel.clamp)
        bounds.append(_bound(f"{p.name}.{channel.name}", state))
        drive = drive + state
        rise = 0 if isinstance(channel, ExponentialChannel) else abs(channel.pvh)
        product = product + (abs(channel.pvi) + rise) * state
    theta = 0.0
    if p.theta_step:
        theta = p.theta_step / (1 - (p.theta_decay / ONE) ** max(p.refractory, 1))
    top = max(abs(p.v_th) + theta, abs(p.v_reset)) + 0.5 / (1 - p.pvv / ONE)
    bounds.append(_bound(f"{p.name}.v", drive + top))
    largest = float(np.max(product + p.pvv * (drive + top)))
    bounds.append(_bound(f"{p.name}.v, 64-bit sum", np.array([largest]), fp.PRODUCT_LIMIT))
    return bounds


def _bound(what: str, state: np.ndarray, limit: int = fp.STATE_LIMIT) -> Bound:
    bound = Bound(what=what, bound=float(np.max(state)), limit=limit)
    if bound.bound > limit:
        raise UnsupportedModel(
            f"{what}: could reach {bound.bound:.3g} LSB, the format holds {limit:.3g}: "
            f"lower the weights or the fan-in, or pass fewer fraction bits (fraction=12)"
        )
    return bound
