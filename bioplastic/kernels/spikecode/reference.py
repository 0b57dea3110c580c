"""Spike codes as a specification: what a unary and a positional code emit, and how both are read.

The five codes are made of these three functions. The first axis is time, step 0 is emitted first.
"""

from __future__ import annotations

import numpy as np


def unary(x: np.ndarray, steps: int) -> np.ndarray:
    """Count out every number: the sign of x while t < abs(x), then silence.

    x      (N,) int64
    steps  T
    Returns (T, N) int8. What does not fit in T steps is left out; the caller sees to that.
    """
    t = np.arange(steps)[:, None]
    return (np.sign(x) * (t < np.abs(x))).astype(np.int8)


def positional(x: np.ndarray, steps: int) -> np.ndarray:
    """Spell every number: sign(x) times the bits of abs(x), most significant bit first.

    x      (N,) int64
    steps  T
    Returns (T, N) int8. Bits from 2^T on are left out; the caller sees to that.
    """
    place = np.arange(steps - 1, -1, -1)[:, None]
    return (np.sign(x) * (np.abs(x) >> place & 1)).astype(np.int8)


def weighted_sum(spikes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Read numbers back: the sum over t of weights[t] · spikes[t].

    spikes   (T, N) int8
    weights  (T,) int64
    Returns (N,) int64.
    """
    return (weights[:, None] * spikes.astype(np.int64)).sum(axis=0, dtype=np.int64)
