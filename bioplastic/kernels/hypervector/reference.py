"""Hypervector operations as a specification: on single bits, one numpy expression each.

D is the dimension; vectors are (…, D) uint8 of 0 and 1. The other executors compute the same on
packed words.
"""

from __future__ import annotations

import numpy as np


def bind(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """1 where the two differ: (M, D) and (M, D) → (M, D)."""
    return a ^ b


def bundle(vectors: np.ndarray, tie: np.ndarray) -> np.ndarray:
    """1 where more than half of the K vectors have 1; where exactly half do, what `tie` has there.

    vectors (K, D), tie (D,) → (D,)
    """
    twice = 2 * vectors.sum(axis=0, dtype=np.int64)
    return np.where(twice == len(vectors), tie, twice > len(vectors)).astype(np.uint8)


def permute(vectors: np.ndarray, shift: int) -> np.ndarray:
    """Component i moves to (i + shift) mod D: (M, D) → (M, D)."""
    return np.roll(vectors, shift, axis=-1)


def distance(query: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """Hamming distance of the query to each of M vectors: (D,), (M, D) → (M,) int64."""
    return np.count_nonzero(query != memory, axis=-1).astype(np.int64)
