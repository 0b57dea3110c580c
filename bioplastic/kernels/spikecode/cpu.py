"""Spike codes on one CPU thread, bit-equal to `reference`, without its int64 intermediates."""

from __future__ import annotations

import numba as nb
import numpy as np


@nb.njit(cache=True)
def unary(x: np.ndarray, steps: int) -> np.ndarray:
    """Count out every number: (N,) int64 → (T, N) int8; see `reference.unary`."""
    spikes = np.empty((steps, len(x)), np.int8)
    for t in range(steps):
        for n in range(len(x)):
            spikes[t, n] = np.int8(x[n] > t) - np.int8(x[n] < -t)
    return spikes


@nb.njit(cache=True)
def positional(x: np.ndarray, steps: int) -> np.ndarray:
    """Spell every number: (N,) int64 → (T, N) int8; see `reference.positional`."""
    spikes = np.empty((steps, len(x)), np.int8)
    for t in range(steps):
        place = steps - 1 - t
        for n in range(len(x)):
            bit = np.int8(abs(x[n]) >> place & 1)
            spikes[t, n] = -bit if x[n] < 0 else bit
    return spikes


@nb.njit(cache=True)
def weighted_sum(spikes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Read numbers back: (T, N) int8, (T,) int64 → (N,) int64; see `reference.weighted_sum`."""
    found = np.zeros(spikes.shape[1], np.int64)
    for t in range(spikes.shape[0]):
        for n in range(spikes.shape[1]):
            found[n] += weights[t] * spikes[t, n]
    return found
