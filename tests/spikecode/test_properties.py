"""Bits equal between executors, round trips, step permutation, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioplastic.errors import UsageError
from bioplastic.kernels.spikecode import cpu, reference
from bioplastic.kernels.spikecode.codes import (
    CODES,
    BinaryCount,
    BitwiseBidirectional,
    BitwiseUnsigned,
    TernaryCount,
    TwosComplement,
)

SIGNED = (TernaryCount, BitwiseBidirectional, TwosComplement)
SIZES = (0, 1, 63, 500, 1000)


def numbers(code, size, seed=1, largest=40):
    low = -largest if code in SIGNED else 0
    return np.random.default_rng(seed).integers(low, largest + 1, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("code", CODES)
def test_executors_agree_in_every_bit(code, size):
    x = numbers(code, size)
    pair = [code().encode(x, 50, saturate=True, backend=b).spikes for b in ("reference", "cpu")]
    assert np.array_equal(*pair)
    assert pair[0].dtype == pair[1].dtype == np.int8
    read = [code().decode(pair[0], backend=b) for b in ("reference", "cpu")]
    assert np.array_equal(*read)
    assert np.array_equal(read[0], x)


@given(st.lists(st.integers(-(2**61), 2**61), max_size=20), st.integers(0, 62))
@settings(deadline=None, max_examples=100)
def test_raw_kernels_agree_on_any_number(values, steps):
    x = np.array(values, np.int64)
    for one, other in ((reference.unary, cpu.unary), (reference.positional, cpu.positional)):
        spikes = one(x, steps)
        assert np.array_equal(spikes, other(x, steps))
        weights = np.arange(steps, dtype=np.int64) - 7
        read = reference.weighted_sum(spikes, weights)
        assert np.array_equal(read, cpu.weighted_sum(spikes, weights))


@given(st.lists(st.integers(1 - 2**61, 2**61 - 1), max_size=20))
@settings(deadline=None, max_examples=100)
def test_bitwise_codes_round_trip_in_the_fewest_steps(values):
    for code in (BitwiseUnsigned(), BitwiseBidirectional(), TwosComplement()):
        x = np.array(values, np.int64)
        x = np.abs(x) if type(code) not in SIGNED else x
        made = code.encode(x).spikes
        assert np.array_equal(code.decode(made), x)
        if len(made) > 1:
            with pytest.raises(UsageError, match="do not fit"):
                code.encode(x, len(made) - 1)


@pytest.mark.parametrize("code", CODES)
def test_range_is_exactly_what_fits(code):
    made = code()
    for steps in range(1, 12):
        low, high = made.bounds(steps)
        x = np.arange(low, high + 1)
        assert np.array_equal(made.decode(made.encode(x, steps).spikes), x)
        for outside in (low - 1, high + 1):
            with pytest.raises(UsageError, match=f"x = {outside}: {code.__name__} carries"):
                made.encode(np.array([outside]), steps)
        ends = made.encode(np.array([low - 5, low, high, high + 9]), steps, saturate=True)
        assert ends.saturated == 2
        assert made.decode(ends.spikes).tolist() == [low, low, high, high]


@pytest.mark.parametrize("code", CODES)
def test_only_count_codes_survive_a_permutation_of_the_steps(code):
    x, order = numbers(code, 200, seed=3), np.random.default_rng(4)
    spikes = code().encode(x).spikes
    shuffled = code().decode(spikes[order.permutation(len(spikes))])
    assert np.array_equal(shuffled, x) == (code in (BinaryCount, TernaryCount))


def test_shapes_and_dtypes():
    code = TernaryCount()
    for dtype in (np.int8, np.uint8, np.int32, np.uint64):
        x = np.arange(6, dtype=dtype).reshape(2, 3)
        made = code.encode(x)
        assert made.spikes.shape == (5, 2, 3)
        assert np.array_equal(code.decode(made.spikes), x)
    assert code.encode(np.array(-3)).spikes.shape == (3,)
    assert code.decode(np.zeros((0, 4), np.int8)).tolist() == [0] * 4
    top = np.array([2**64 - 1, 3], np.uint64)
    assert BitwiseUnsigned().encode(top, 4, saturate=True).spikes.T.tolist() == [
        [1] * 4,
        [0, 0, 1, 1],
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.encode(np.array([0.5])), "not float64"),
        (lambda c: c.encode(np.array([1.0])), "not float64"),
        (lambda c: c.encode(np.array([True])), "not bool"),
        (lambda c: c.encode(np.array([1]), -1), "steps = -1"),
        (lambda c: c.encode(np.array([2**40])), "takes 0"),
        (lambda c: c.encode(np.arange(3), 2**30), "places; at most"),
        (lambda c: c.encode(np.array([1]), backend="cuda"), "no such backend"),
        (lambda c: c.decode(np.zeros((2, 2))), "float64"),
        (lambda c: c.decode(np.int8(1)), "int8"),
        (lambda c: c.decode(np.array([[2]], np.int8)), "found 2"),
        (lambda c: c.decode(np.array([[-1]], np.int8)), "found -1"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(UsageError, match=message):
        call(BinaryCount())


def test_bitwise_codes_stay_inside_int64():
    with pytest.raises(UsageError, match="steps = 63: BitwiseUnsigned takes 0 … 62"):
        BitwiseUnsigned().encode(np.array([2**62]))
