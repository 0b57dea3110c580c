"""How much spikes can pile up on a state: the input side of the overflow proof.

One synapse of weight w whose pre neuron spikes at most every m steps keeps a state with decay α
(per step) below |w|/(1 − α^m); fan-in adds.
"""

from __future__ import annotations

import numpy as np

from bioplastic.quantize.integer_network import AnyPopulation, IntegerProjection, IntegerSource


def weight_bounds(q: IntegerProjection) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest value of every weight over a whole run, (S,) float64, row order, LSB."""
    if q.rule is None:
        weight = q.weight.astype(float) * q.scale
        return weight, weight
    none = np.zeros(len(q.weight))
    return none + float(q.rule.low * q.scale), none + float(q.rule.high * q.scale)


def pile_up(pre: IntegerSource | AnyPopulation, decay: float) -> np.ndarray:
    """Largest Σ decay^age over the spikes of each pre neuron, (N_pre,) float64.

    Neurons: 1/(1 − decay^m), m = refractory steps. Sources: their own trains, windows of 2^n steps.
    """
    if not isinstance(pre, IntegerSource):
        kept = decay ** max(pre.refractory, 1)
        return np.full(pre.size, 1 / (1 - kept) if kept < 1 else np.inf)
    if decay >= 1:
        return np.bincount(pre.ids, minlength=pre.size).astype(float)
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


def arrivals(q: IntegerProjection, pre: IntegerSource | AnyPopulation, decay: float,
             n_post: int, *, upward: bool = False) -> np.ndarray:  # fmt: skip
    """Bound of what `q` alone keeps on its channel, (N_post,) float64, LSB.

    upward   of positive values only: what inhibition takes away does not count
    """
    low, high = weight_bounds(q)
    size = np.maximum(high, 0) if upward else np.maximum(np.abs(low), np.abs(high))
    each = np.repeat(pile_up(pre, decay), len(q.delays)) if len(q.delays) else np.zeros(0)
    with np.errstate(invalid="ignore"):
        kept = np.where(size > 0, size * each[q.group], 0.0)
    return np.bincount(q.post_ids, weights=kept, minlength=n_post)
