"""Which executor runs the operations on packed words, chosen by name."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

import numpy as np

from bioplastic.errors import UsageError, nearest
from bioplastic.kernels.hypervector import reference
from bioplastic.kernels.hypervector.vector import pack_words, unpack

BACKENDS = ("cpu", "reference", "gpu")


class Kernels(Protocol):
    """What an executor must have: D = dimension, words (M, W) uint64 and contiguous."""

    def bind(self, a: np.ndarray, b: np.ndarray, dimension: int) -> np.ndarray:
        """(M, W), (M, W) → (M, W)."""

    def bundle(self, vectors: np.ndarray, tie: np.ndarray, dimension: int) -> np.ndarray:
        """(K, W), (W,) → (W,)."""

    def permute(self, vectors: np.ndarray, shift: int, dimension: int) -> np.ndarray:
        """(M, W) → (M, W); 0 <= shift < D."""

    def distance(self, query: np.ndarray, memory: np.ndarray, dimension: int) -> np.ndarray:
        """(W,), (M, W) → (M,) int64."""


class Reference:
    """The specification between unpacking and packing."""

    def bind(self, a: np.ndarray, b: np.ndarray, dimension: int) -> np.ndarray:
        """(M, W), (M, W) → (M, W)."""
        return pack_words(reference.bind(unpack(a, dimension), unpack(b, dimension)))

    def bundle(self, vectors: np.ndarray, tie: np.ndarray, dimension: int) -> np.ndarray:
        """(K, W), (W,) → (W,)."""
        return pack_words(reference.bundle(unpack(vectors, dimension), unpack(tie, dimension)))

    def permute(self, vectors: np.ndarray, shift: int, dimension: int) -> np.ndarray:
        """(M, W) → (M, W)."""
        return pack_words(reference.permute(unpack(vectors, dimension), shift))

    def distance(self, query: np.ndarray, memory: np.ndarray, dimension: int) -> np.ndarray:
        """(W,), (M, W) → (M,) int64."""
        return reference.distance(unpack(query, dimension), unpack(memory, dimension))


def kernels(backend: str) -> Kernels:
    """The executor of that name; UsageError with the nearest name, or why there is no GPU."""
    if backend == "cpu":
        from bioplastic.kernels.hypervector import cpu

        return cpu
    if backend == "reference":
        return Reference()
    if backend == "gpu":
        if find_spec("triton") is None:
            raise UsageError("backend = 'gpu': triton is not installed; use 'cpu'")
        from bioplastic.kernels.hypervector.gpu import Gpu

        return Gpu()
    raise UsageError(f"backend = {backend!r}: no such backend{nearest(backend, BACKENDS)}")
