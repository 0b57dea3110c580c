"""An exact map from non-negative int64 keys to int64 values, as plain arrays for compiled loops.

Two arrays of equal power-of-two length; key −1 marks a free place. Open addressing with linear
probing; keys are compared in full, so two keys never share a value.
"""

from __future__ import annotations

import numba as nb
import numpy as np

FREE = -1


@nb.njit(cache=True)
def create(places: int) -> tuple[np.ndarray, np.ndarray]:
    """Return empty keys and values; `places` is a power of two."""
    return np.full(places, FREE, np.int64), np.zeros(places, np.int64)


@nb.njit(cache=True)
def place(keys: np.ndarray, key: int) -> int:
    """Return the place where `key` lies, or the free place where it belongs.

    The map must have a free place. Hash: the finaliser of MurmurHash3.
    """
    h = np.uint64(key)
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    mask = len(keys) - 1
    at: int = np.int64(h ^ (h >> np.uint64(33))) & mask  # type: ignore[assignment]
    while keys[at] != FREE and keys[at] != key:
        at = (at + 1) & mask
    return at


@nb.njit(cache=True)
def doubled(keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the same map with twice the places."""
    new_keys, new_values = create(2 * len(keys))
    for i in range(len(keys)):
        if keys[i] != FREE:
            at = place(new_keys, keys[i])
            new_keys[at] = keys[i]
            new_values[at] = values[i]
    return new_keys, new_values


@nb.njit(cache=True)
def longer(values: np.ndarray) -> np.ndarray:
    """Return the values followed by as many zeros."""
    grown = np.zeros(2 * len(values), values.dtype)
    grown[: len(values)] = values
    return grown
