"""Philox4x32-10: counter-based random bits that every executor computes alike.

Salmon et al. 2011 [salmon2011], Random123 known answers. numpy's own Philox is the 4x64 variant and
gives other bits. One call yields 128 bits: four 32-bit words, or 16 dithers of 8 bits.

A counter is never used twice for two purposes: (c0, c1, c2, c3) is (block, step, kind, projection)
throughout, the key is (seed, 0).
"""

from __future__ import annotations

import numba as nb
import numpy as np

M0, M1 = 0xD2511F53, 0xCD9E8D57
W0, W1 = 0x9E3779B9, 0xBB67AE85
ROUNDS = 10


@nb.njit(cache=True, inline="always")
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Return four uint32 words for the counter (c0..c3) under the key (k0, k1); numba-callable."""
    mask = np.uint64(0xFFFFFFFF)
    a, b, c, d = np.uint64(c0), np.uint64(c1), np.uint64(c2), np.uint64(c3)
    x, y = np.uint64(k0), np.uint64(k1)
    for _ in range(10):
        p0 = np.uint64(0xD2511F53) * a
        p1 = np.uint64(0xCD9E8D57) * c
        a = (p1 >> np.uint64(32)) ^ b ^ x
        b = p1 & mask
        c = (p0 >> np.uint64(32)) ^ d ^ y
        d = p0 & mask
        x = (x + np.uint64(0x9E3779B9)) & mask
        y = (y + np.uint64(0xBB67AE85)) & mask
    return np.uint32(a), np.uint32(b), np.uint32(c), np.uint32(d)


def philox4x32_array(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """The same function on arrays: counter (…, 4) integers → words (…, 4) uint32 (plain numpy)."""
    c = np.asarray(counter, dtype=np.uint64) & np.uint64(0xFFFFFFFF)
    a, b, cc, d = (c[..., n].copy() for n in range(4))
    x, y = np.uint64(key[0] & 0xFFFFFFFF), np.uint64(key[1] & 0xFFFFFFFF)
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(ROUNDS):
        p0, p1 = np.uint64(M0) * a, np.uint64(M1) * cc
        a, b, cc, d = (p1 >> half) ^ b ^ x, p1 & mask, (p0 >> half) ^ d ^ y, p0 & mask
        x, y = (x + np.uint64(W0)) & mask, (y + np.uint64(W1)) & mask
    return np.stack([a, b, cc, d], axis=-1).astype(np.uint32)
