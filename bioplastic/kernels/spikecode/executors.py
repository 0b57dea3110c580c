"""Which executor runs the three functions that all codes are made of, chosen by name."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

import numpy as np

from bioplastic.errors import UsageError, nearest

BACKENDS = ("cpu", "reference", "gpu")


class Kernels(Protocol):
    """What an executor must have; see `reference` for the meaning."""

    def unary(self, x: np.ndarray, steps: int) -> np.ndarray:
        """(N,) int64 → (T, N) int8."""

    def positional(self, x: np.ndarray, steps: int) -> np.ndarray:
        """(N,) int64 → (T, N) int8."""

    def weighted_sum(self, spikes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(T, N) int8, (T,) int64 → (N,) int64."""


def kernels(backend: str) -> Kernels:
    """The executor of that name; UsageError with the nearest name, or why there is no GPU."""
    if backend == "cpu":
        from bioplastic.kernels.spikecode import cpu

        return cpu
    if backend == "reference":
        from bioplastic.kernels.spikecode import reference

        return reference
    if backend == "gpu":
        if find_spec("triton") is None:
            raise UsageError("backend = 'gpu': triton is not installed; use 'cpu'")
        from bioplastic.kernels.spikecode.gpu import Gpu

        return Gpu()
    raise UsageError(f"backend = {backend!r}: no such backend{nearest(backend, BACKENDS)}")
