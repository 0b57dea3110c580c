"""Vectors of sixteen int32 do what the plain arithmetic says, at the ends of their range too."""

from __future__ import annotations

import numpy as np

from bioplastic.kernels import lanes
from bioplastic.kernels.compiled import entry
from bioplastic.quantize.fixed_point import PROPAGATOR

U = np.uint64
HALF = 1 << (PROPAGATOR - 1)


@entry
def _step(x, until, now, level, factor, out, above, moved):
    """out = x where until > now, else (factor·x + half) >> 30; above: bits of out > level."""
    half, time, top = lanes.longs(np.int64(HALF)), lanes.words(now), lanes.words(level)
    for k in range(len(x) // lanes.LANES):
        at = U(k * lanes.LANES)
        old = lanes.load(x, at)
        even = lanes.add_product(half, lanes.evens(old), factor)
        odd = lanes.add_product(half, lanes.odds(old), factor)
        waits = lanes.greater(lanes.load(until, at), time)
        new = lanes.select(waits, old, lanes.join(even, odd))
        lanes.store(out, at, new)
        above[k] = lanes.bits(lanes.greater(new, top), waits)
        moved[k] = lanes.some(lanes.differences(lanes.words(np.int32(0)), new, old))


def test_a_step_of_sixteen():
    rng = np.random.default_rng(1)
    x = rng.integers(-(1 << 31), 1 << 31, 33 * 16, dtype=np.int64)
    x[:4], x[16:32] = (-(1 << 31), (1 << 31) - 1, -1, 0), 0
    x, until = x.astype(np.int32), rng.integers(0, 4, len(x)).astype(np.int32)
    for factor in (1 << 30, 1, 0, -(1 << 30), 1068373114):
        out, above = np.empty_like(x), np.empty(33, np.uint32)
        moved = np.empty(33, np.bool_)
        _step(x, until, np.int32(2), np.int32(1000), np.int32(factor), out, above, moved)
        total = (x.astype(np.int64) * factor + HALF) >> PROPAGATOR
        wanted = np.where(until > 2, x, total.astype(np.int32))  # −2³¹·−1 wraps, as in C
        np.testing.assert_array_equal(out, wanted)
        over = ((wanted > 1000) & (until <= 2)).reshape(-1, 16)
        np.testing.assert_array_equal(above, (over << np.arange(16)).sum(axis=1))
        np.testing.assert_array_equal(moved, (wanted != x).reshape(-1, 16).any(axis=1))
        assert not moved[1]


def test_loads_need_no_alignment():
    x = np.arange(40, dtype=np.int32)[3:36]
    assert len(x) == 33
    out, n = np.zeros(33, np.int32), np.zeros(2, np.uint32)
    _step(
        x, np.zeros(33, np.int32), np.int32(0), np.int32(0), np.int32(1 << 30), out, n,
        np.zeros(2, np.bool_),
    )  # fmt: skip
    np.testing.assert_array_equal(out[:32], x[:32])
