"""Attention read off the dendrites: which past symbols raised the branches that voted."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from bioplastic.errors import UsageError


def attention(cycles: Sequence[Sequence[tuple[Collection[int], float]]], lags: int) -> np.ndarray:
    """Return how far each prediction used the symbol k + 1 places back, (L, lags).

    a[t, k] = Σ_b |c_b| [k + 1 in lags_b] / |lags_b|,  then each row is divided by its sum.

    cycles  one entry for each prediction: the active branches as (lags, contribution), where lags
            are the places back (1 = the symbol just before) that raised the branch's plateau and
            contribution is what it gave to the potential of the symbol in question
    A branch without lags (order 0) takes part in no column; lags beyond `lags` lose their share. A
    row in which nothing is left stays zero.

    >>> attention([[((1,), 1.0), ((1, 2), 2.0)]], 3).tolist()
    [[0.6666666666666666, 0.3333333333333333, 0.0]]
    """
    if lags < 1:
        raise UsageError(f"attention: lags = {lags} must be at least 1")
    used = np.zeros((len(cycles), lags))
    for row, branches in zip(used, cycles, strict=True):
        for places, contribution in branches:
            for place in places:
                if place < 1:
                    raise UsageError(f"attention: lag {place} must be at least 1")
                if place <= lags:
                    row[place - 1] += abs(contribution) / len(places)
    total = used.sum(axis=1, keepdims=True)
    return np.divide(used, total, out=np.zeros_like(used), where=total > 0)
