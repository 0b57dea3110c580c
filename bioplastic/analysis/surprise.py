"""From membrane potentials to bits: the race of the output neurons is a softmax."""

from __future__ import annotations

import numpy as np

from bioplastic.errors import UsageError


def log_softmax(u: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Return ln P(v fires first) = scale·u_v − ln Σ_k exp(scale·u_k), same shape as u (..., V).

    u      potentials, integer or float      scale  nats per LSB (1 when u is in nats already)
    """
    nats = np.asarray(u, dtype=np.float64) * scale
    nats = nats - nats.max(axis=-1, keepdims=True)
    return nats - np.log(np.exp(nats).sum(axis=-1, keepdims=True))


def bits(u: np.ndarray, scale: float, target: np.ndarray) -> np.ndarray:
    """Return the surprise of each symbol that came, −log2 P(target), (L,) bits.

    u (L, V)    potentials before the symbol was learned      scale  nats per LSB
    target (L,) index of the symbol that came; UsageError when it is none of 0..V−1

    >>> bits(np.zeros((1, 8), int), 1 / 32, np.array([3])).tolist()
    [3.0]
    """
    u, target = np.atleast_2d(u), np.asarray(target, dtype=np.int64)
    if u.shape[0] != len(target):
        raise UsageError(f"bits: {u.shape[0]} rows of potentials but {len(target)} targets")
    if len(target) == 0:
        return np.zeros(0)
    if target.min() < 0 or target.max() >= u.shape[1]:
        raise UsageError(f"bits: a target lies outside 0..{u.shape[1] - 1}")
    found = -log_softmax(u, scale)[np.arange(len(target)), target] / np.log(2.0)
    return np.maximum(found, 0.0)


def entropy(u: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Return the expected surprise Σ_v −p_v log2 p_v of each race, (...,) bits."""
    log_p = log_softmax(u, scale)
    return -(np.exp(log_p) * log_p).sum(axis=-1) / np.log(2.0)


def window_means(values: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Means of consecutive windows of `width` values: centres (W,), means (W,).

    A last window of less than half the width joins the one before it; nan values are left out.

    >>> [x.tolist() for x in window_means(np.array([1.0, 3.0, 5.0, 7.0]), 2)]
    [[1.0, 3.0], [2.0, 6.0]]
    """
    values = np.asarray(values, dtype=np.float64)
    if width < 1:
        raise UsageError(f"window_means: width = {width} must be at least 1")
    starts = np.arange(0, len(values), width)
    if len(starts) > 1 and 2 * (len(values) - starts[-1]) < width:
        starts = starts[:-1]
    if len(starts) == 0:
        return np.zeros(0), np.zeros(0)
    stops = np.append(starts[1:], len(values))
    ok = np.isfinite(values)
    sums = np.add.reduceat(np.where(ok, values, 0.0), starts)
    counts = np.add.reduceat(ok.astype(np.int64), starts)
    means = np.divide(sums, counts, out=np.full(len(starts), np.nan), where=counts > 0)
    return (starts + stops) / 2.0, means
