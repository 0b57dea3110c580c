"""Hypervector operations on packed words, one CPU thread, bit-equal to `reference`.

Bits beyond D are 0 in every input and in every output.
"""

from __future__ import annotations

import numba as nb
import numpy as np

BLOCK = 64
"""Words that a bundle counts at a time; their counters stay in the nearest cache."""
ONE, FULL = np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)


def bind(a: np.ndarray, b: np.ndarray, dimension: int, out: np.ndarray | None = None) -> np.ndarray:
    """XOR: (…, W), (…, W) → (…, W); numpy's own loop is as wide as this machine's registers."""
    return np.bitwise_xor(a, b, out)


@nb.njit(cache=True)
def bundle(vectors: np.ndarray, tie: np.ndarray, dimension: int) -> np.ndarray:
    """Majority by counters sliced into bit planes: (K, W), (W,) → (W,).

    Plane p holds bit p of the count of every component; one vector is added to 64 components by a
    ripple of AND and XOR. The counts are then compared with K/2, plane by plane from the top.
    """
    many, width = vectors.shape
    planes = 1
    while many >> planes:
        planes += 1
    half = many >> 1
    made = np.empty(width, np.uint64)
    count = np.empty((planes, BLOCK), np.uint64)
    carry, more, equal = count[0].copy(), count[0].copy(), count[0].copy()
    for start in range(0, width, BLOCK):
        size = min(BLOCK, width - start)
        count[:] = 0
        used = 0
        for k in range(many):
            carry[:size] = vectors[k, start : start + size]
            if (k + 1) >> used:
                used += 1
            for p in range(used):
                for w in range(size):
                    over = count[p, w] & carry[w]
                    count[p, w] ^= carry[w]
                    carry[w] = over
        more[:] = 0
        equal[:] = FULL
        for p in range(planes - 1, -1, -1):
            wanted = FULL if half >> p & 1 else np.uint64(0)
            for w in range(size):
                more[w] |= equal[w] & count[p, w] & ~wanted
                equal[w] &= ~(count[p, w] ^ wanted)
        for w in range(size):
            tied = equal[w] & tie[start + w] if many == 2 * half else np.uint64(0)
            made[start + w] = more[w] | tied
    return made


@nb.njit(cache=True)
def permute(vectors: np.ndarray, shift: int, dimension: int) -> np.ndarray:
    """Rotate every row as one number of D bits: (v << shift | v >> (D − shift)) mod 2^D."""
    many, width = vectors.shape
    made = np.zeros((many, width), np.uint64)
    up, down = shift, dimension - shift
    last = FULL >> np.uint64(width * 64 - dimension)
    for m in range(many):
        row = vectors[m]
        for w in range(width):
            bits = _shifted(row, w * 64 - up) | _shifted(row, w * 64 + down)
            made[m, w] = bits & last if w == width - 1 else bits
    return made


@nb.njit(cache=True, inline="always")
def _shifted(row: np.ndarray, first: int) -> np.uint64:
    """64 bits of a row from bit `first` on; 0 outside the row."""
    word, bit = first >> 6, np.uint64(first & 63)
    found = row[word] >> bit if 0 <= word < len(row) else np.uint64(0)
    if bit and 0 <= word + 1 < len(row):
        found |= row[word + 1] << (np.uint64(64) - bit)
    return found


@nb.njit(cache=True)
def distance(query: np.ndarray, memory: np.ndarray, dimension: int) -> np.ndarray:
    """Hamming distances by counting bits: (W,), (M, W) → (M,) int64."""
    found = np.empty(len(memory), np.int64)
    for m in range(len(memory)):
        total = np.uint64(0)
        for w in range(len(query)):
            total += _population_count(query[w] ^ memory[m, w])
        found[m] = total
    return found


@nb.njit(cache=True, inline="always")
def _population_count(v: np.uint64) -> np.uint64:
    """Bits set in a word; compilers know this form as one instruction."""
    v = v - (v >> ONE & np.uint64(0x5555555555555555))
    v = (v & np.uint64(0x3333333333333333)) + (v >> np.uint64(2) & np.uint64(0x3333333333333333))
    v = v + (v >> np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return v * np.uint64(0x0101010101010101) >> np.uint64(56)
