"""What Int2Spike emitted for 54 inputs, and what we do with each: equal, refused, or counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.kernels.spikecode.code import SpikeCode
from bioplastic.kernels.spikecode.codes import (
    BinaryCount,
    BitwiseBidirectional,
    BitwiseUnsigned,
    TernaryCount,
    TwosComplement,
)

VECTORS = json.loads((Path(__file__).parent / "int2spike_vectors.json").read_text())
CODES: dict[str, SpikeCode] = {
    "binary": BinaryCount(),
    "ternary": TernaryCount(),
    "bitwise_unsigned": BitwiseUnsigned(),
    "bitwise_bidirectional": BitwiseBidirectional(),
    "bitwise_twos_complement": TwosComplement(),
}
SHORTER = {"[-8, -7, -5, -3, -1, 0, 1, 3, 5, 7]": 4, "[-128, -127, -64, -1, 0, 1, 64, 127]": 8,
           "[0, 0, 0]": 1}  # fmt: skip
"""Two's complement inputs that need one step less than the original takes."""


def name(case: dict[str, Any]) -> str:
    return f"{case['code']} {case['x']} {case.get('T_arg') or ''}"


def spikes_of(case: dict[str, Any]) -> np.ndarray:
    return np.array(case["spikes"], np.int8).reshape(case["T"], len(case["x"]))


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("case", VECTORS["encode"], ids=name)
def test_encode(case, backend):
    code, x = CODES[case["code"]], np.array(case["x"])
    if "raises" in case:  # negative in an unsigned code, or not whole numbers: so do we
        with pytest.raises(UsageError, match="x"):
            code.encode(x, case["T_arg"], backend=backend)
        return
    first, last = code.bounds(case["T"])
    if np.any((x < first) | (x > last)):  # the original dropped counts or high bits in silence
        with pytest.raises(UsageError, match="do not fit"):
            code.encode(x, case["T"], backend=backend)
        moved = code.encode(x, case["T"], saturate=True, backend=backend)
        assert moved.saturated == np.count_nonzero((x < first) | (x > last))
        back = code.decode(moved.spikes, backend=backend)
        assert np.array_equal(back, np.clip(x, first, last))
        return
    made = code.encode(x, case["T"], backend=backend)
    assert made.saturated == 0
    assert made.spikes.dtype == np.int8
    assert np.array_equal(made.spikes, spikes_of(case))
    assert np.array_equal(code.decode(made.spikes, backend=backend), x)
    if not isinstance(code, TwosComplement):
        assert np.array_equal(x, case["decoded"])
    else:  # the original reads the same spikes as x mod 2^T
        assert np.array_equal(x % (1 << case["T"]), case["decoded"])
    if case["T_arg"] is None:
        shortest = code.encode(x, backend=backend).spikes.shape[0]
        short = isinstance(code, TwosComplement) and SHORTER.get(str(case["x"]))
        assert shortest == (short or case["T"])


@pytest.mark.parametrize("case", VECTORS["zero_point"], ids=name)
def test_zero_points_are_not_needed(case):
    """Where the original shifts x, our spikes of the shifted numbers are the same."""
    code, x = CODES[case["code"]], np.array(case["x"])
    shifted = x + np.array(case["x_zero_after"])
    assert np.array_equal(shifted, case["decoded"])
    if isinstance(code, TwosComplement):  # its shift by 2^T for x < 0 changes no bit
        shifted = np.where(shifted > code.bounds(case["T"])[1], x, shifted)
    assert np.array_equal(code.encode(shifted, case["T"]).spikes, spikes_of(case))


@pytest.mark.parametrize("case", VECTORS["matmul"], ids=name)
def test_product_step_by_step(case):
    """Σ_t weight_t · (spikes_t @ w) = x @ w; the original adds zero points, and crashes on four."""
    code, x, w = CODES[case["code"]], np.array(case["x"]), np.array(case["w"])
    if "raises" not in case:
        x, w = x + np.array(case["x_zero"]), w + np.array(case["w_zero"])
        assert np.array_equal(x @ w, case["y"])
    if code.symbols == (0, 1) and not isinstance(code, TwosComplement):
        x = x - min(x.min(), 0)  # an unsigned code has no negative numbers
    spikes = code.encode(x).spikes.astype(np.int64)
    y = sum(u * (s @ w) for u, s in zip(code.weights(len(spikes)), spikes, strict=True))
    assert np.array_equal(y, x @ w)


@pytest.mark.parametrize("case", VECTORS["adaptive_threshold"], ids=lambda c: f"k={c['k']}")
@pytest.mark.parametrize("code", [TernaryCount(), BitwiseBidirectional(), TwosComplement()])
def test_integers_of_the_adaptive_threshold(case, code):
    s = np.array(case["s_int"])
    assert np.array_equal(code.decode(code.encode(s).spikes), s)
