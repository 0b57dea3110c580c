"""Five ways to write whole numbers as spikes over T steps, one class for each.

BinaryCount            0, 1      carries 0 … T                      every step is worth 1
TernaryCount           −1, 0, 1  carries −T … T                     every step is worth 1
BitwiseUnsigned        0, 1      carries 0 … 2^T − 1                step t is worth 2^(T−1−t)
BitwiseBidirectional   −1, 0, 1  carries −(2^T − 1) … 2^T − 1       step t is worth 2^(T−1−t)
TwosComplement         0, 1      carries −2^(T−1) … 2^(T−1) − 1     the same, step 0 negative

A number is the sum of what its spikes are worth. The steps of a count code may be permuted; a
bitwise code is a positional number system, most significant bit first, and they may not.
Source: the codes that Int2Spike runs, restated from behaviour (docs/spike-codes.md compares).
"""

from __future__ import annotations

import numpy as np

from bioplastic.kernels.spikecode.code import MOST_SPIKES, SpikeCode
from bioplastic.kernels.spikecode.executors import Kernels

MOST_BITS = 62
"""Steps of a bitwise code: every number and every partial sum stays inside int64."""


class _Count(SpikeCode):
    """Codes whose steps are all worth 1."""

    most_steps = MOST_SPIKES

    def weights(self, steps: int) -> np.ndarray:
        """(T,) int64, all 1."""
        return np.ones(steps, np.int64)

    def emit(self, run: Kernels, x: np.ndarray, steps: int) -> np.ndarray:
        """All spikes first, then silence."""
        return run.unary(x, steps)


class _Bitwise(SpikeCode):
    """Codes whose steps are powers of two, the largest first."""

    most_steps = MOST_BITS

    def weights(self, steps: int) -> np.ndarray:
        """(T,) int64: 2^(T−1) … 1."""
        return np.left_shift(1, np.arange(steps - 1, -1, -1, dtype=np.int64))

    def emit(self, run: Kernels, x: np.ndarray, steps: int) -> np.ndarray:
        """The bits of abs(x) with the sign of x."""
        return run.positional(x, steps)


class BinaryCount(_Count):
    """x ≥ 0 as x spikes in the steps 0 … x − 1.

    >>> code = BinaryCount()
    >>> code.encode(np.array([0, 2, 3])).spikes.tolist()
    [[0, 1, 1], [0, 1, 1], [0, 0, 1]]
    """

    symbols = (0, 1)

    def bounds(self, steps: int) -> tuple[int, int]:
        """0 … T."""
        return 0, steps

    def minimal_steps(self, low: int, high: int) -> int:
        """The largest number; 0 steps when all are 0."""
        return max(high, 0)


class TernaryCount(_Count):
    """x as abs(x) spikes of its sign.

    >>> TernaryCount().encode(np.array([-2, 0, 1])).spikes.tolist()
    [[-1, 0, 1], [-1, 0, 0]]
    """

    symbols = (-1, 0, 1)

    def bounds(self, steps: int) -> tuple[int, int]:
        """−T … T."""
        return -steps, steps

    def minimal_steps(self, low: int, high: int) -> int:
        """The largest abs(x); 0 steps when all are 0."""
        return max(high, -low, 0)


class BitwiseUnsigned(_Bitwise):
    """x ≥ 0 as its bits.

    >>> BitwiseUnsigned().encode(np.array([1, 5])).spikes.tolist()
    [[0, 1], [0, 0], [1, 1]]
    """

    symbols = (0, 1)

    def bounds(self, steps: int) -> tuple[int, int]:
        """0 … 2^T − 1."""
        return 0, (1 << steps) - 1

    def minimal_steps(self, low: int, high: int) -> int:
        """Bits of the largest number, at least 1."""
        return max(high, 1).bit_length()


class BitwiseBidirectional(_Bitwise):
    """x as the bits of abs(x), each with the sign of x.

    >>> BitwiseBidirectional().encode(np.array([-5, 2])).spikes.tolist()
    [[-1, 0], [0, 1], [-1, 0]]
    """

    symbols = (-1, 0, 1)

    def bounds(self, steps: int) -> tuple[int, int]:
        """−(2^T − 1) … 2^T − 1."""
        return 1 - (1 << steps), (1 << steps) - 1

    def minimal_steps(self, low: int, high: int) -> int:
        """Bits of the largest abs(x), at least 1."""
        return max(high, -low, 1).bit_length()


class TwosComplement(_Bitwise):
    """x as the bits of x mod 2^T; step 0 is worth −2^(T−1), so that decoding keeps the sign.

    >>> code = TwosComplement()
    >>> spikes = code.encode(np.array([-4, 3])).spikes
    >>> spikes.tolist(), code.decode(spikes).tolist()
    ([[1, 0], [0, 1], [0, 1]], [-4, 3])
    """

    symbols = (0, 1)

    def bounds(self, steps: int) -> tuple[int, int]:
        """−2^(T−1) … 2^(T−1) − 1; nothing but 0 in no steps."""
        half = 1 << steps >> 1
        return -half, max(half - 1, 0)

    def minimal_steps(self, low: int, high: int) -> int:
        """Bits of the largest x ≥ 0 or −1 − x < 0, plus one for the sign."""
        return max(high, -1 - low, 0).bit_length() + 1

    def weights(self, steps: int) -> np.ndarray:
        """(T,) int64: −2^(T−1), then 2^(T−2) … 1."""
        worth = super().weights(steps)
        worth[:1] *= -1
        return worth

    def emit(self, run: Kernels, x: np.ndarray, steps: int) -> np.ndarray:
        """The bits of x mod 2^T."""
        return run.positional(x & ((1 << steps) - 1), steps)


CODES = (BinaryCount, TernaryCount, BitwiseUnsigned, BitwiseBidirectional, TwosComplement)
