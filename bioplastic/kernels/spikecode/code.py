"""What every spike code does: check that the numbers fit, emit, read back.

A code never drops a bit or a count in silence: a number that does not fit is an error, or with
`saturate=True` it is moved to the end of the range and counted.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.kernels.spikecode.executors import Kernels, kernels

MOST_SPIKES = 1 << 31
"""Places (T times numbers) in one array; one outlier makes everybody's time long."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoded:
    """Numbers as spikes.

    spikes     (T, *shape of x) int8, step 0 first
    saturated  how many numbers did not fit and were moved to the end of the range
    """

    spikes: np.ndarray
    saturated: int


class SpikeCode(ABC):
    """A code: which numbers fit into T steps, what is emitted, what a spike in step t is worth."""

    symbols: tuple[int, ...]
    """Values that a spike may have."""
    most_steps: int
    """Largest T."""

    @abstractmethod
    def bounds(self, steps: int) -> tuple[int, int]:
        """Smallest and largest number that T = `steps` steps carry."""

    @abstractmethod
    def weights(self, steps: int) -> np.ndarray:
        """(T,) int64: what a spike in each step is worth."""

    @abstractmethod
    def minimal_steps(self, low: int, high: int) -> int:
        """The smallest T that carries `low` … `high`, leaving out what no T carries."""

    @abstractmethod
    def emit(self, run: Kernels, x: np.ndarray, steps: int) -> np.ndarray:
        """(N,) int64 inside the bounds → (T, N) int8, on the executor `run`."""

    def encode(
        self,
        x: np.ndarray,
        steps: int | None = None,
        *,
        saturate: bool = False,
        backend: str = "cpu",
    ) -> Encoded:
        """Write whole numbers as spikes.

        x         integers of any shape, in an integer dtype
        steps     T; None: the smallest for all of x (so that the largest number decides)
        saturate  move what does not fit to the end of the range, and count it
        backend   "cpu", "reference" or "gpu"; equal in every bit
        Raises UsageError when a number does not fit and `saturate` is off (naming the first one),
        for a dtype that is not whole numbers, for T outside the code, and for 2^31 places or more.
        """
        x = np.asarray(x)
        if x.dtype.kind not in "iu":
            raise UsageError(f"x: must hold whole numbers in an integer dtype, not {x.dtype}")
        if steps is None:
            low, high = (int(x.min()), int(x.max())) if x.size else (0, 0)
            steps = self.minimal_steps(low, high)
        self._check_steps(steps, x.size)
        first, last = self.bounds(steps)
        below, above = x < first, x > last
        saturated = int(np.count_nonzero(below | above))
        if saturated and not saturate:
            raise UsageError(
                f"x = {x[below | above].flat[0]}: {type(self).__name__} carries {first} … {last} "
                f"in {steps} steps and {saturated} of {x.size} numbers do not fit; saturate=True "
                "moves them to the end of the range"
            )
        inside = x.astype(np.int64)
        inside[below], inside[above] = first, last
        spikes = self.emit(kernels(backend), inside.reshape(-1), steps)
        return Encoded(spikes=spikes.reshape(steps, *x.shape), saturated=saturated)

    def decode(self, spikes: np.ndarray, *, backend: str = "cpu") -> np.ndarray:
        """Read numbers from spikes: (T, …) int8 → (…) int64, the weighted sum over the steps.

        Raises UsageError for another dtype, for no time axis, for T outside the code, for a spike
        that the code does not have.
        """
        spikes = np.asarray(spikes)
        if spikes.dtype != np.int8 or spikes.ndim == 0:
            raise UsageError(f"spikes: must be (T, …) int8, not {spikes.shape} {spikes.dtype}")
        if spikes.size and not min(self.symbols) <= spikes.min() <= spikes.max() <= 1:
            name = type(self).__name__
            raise UsageError(f"spikes: {name} has {self.symbols}, found {spikes.min()} … "
                             f"{spikes.max()}")  # fmt: skip
        steps, shape = spikes.shape[0], spikes.shape[1:]
        self._check_steps(steps, 0)
        flat = np.ascontiguousarray(spikes.reshape(steps, math.prod(shape)))
        return kernels(backend).weighted_sum(flat, self.weights(steps)).reshape(shape)

    def _check_steps(self, steps: int, size: int) -> None:
        if not 0 <= steps <= self.most_steps:
            raise UsageError(
                f"steps = {steps}: {type(self).__name__} takes 0 … {self.most_steps} steps"
            )
        if steps * size >= MOST_SPIKES:
            raise UsageError(
                f"steps = {steps}: {size} numbers would take {steps * size} places; at most "
                f"{MOST_SPIKES - 1}"
            )
