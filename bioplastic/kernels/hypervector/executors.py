"""Which executor runs the operations on packed words, chosen by name."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from bioplastic.errors import UsageError, nearest
from bioplastic.kernels.hypervector import reference
from bioplastic.kernels.hypervector.vector import pack_words, unpack

BACKENDS = ("cpu", "reference", "gpu")


class Kernels(Protocol):
    """What an executor must have: D = dimension, words (M, W) uint64 and contiguous.

    `bind` alone takes any shapes (…, W) that broadcast against each other, and writes into `out`
    when it is given.
    """

    def bind(
        self, a: np.ndarray, b: np.ndarray, dimension: int, out: np.ndarray | None = None
    ) -> np.ndarray:
        """(…, W), (…, W) → (…, W)."""

    def bundle(self, vectors: np.ndarray, tie: np.ndarray, dimension: int) -> np.ndarray:
        """(K, W), (W,) → (W,)."""

    def permute(self, vectors: np.ndarray, shift: int, dimension: int) -> np.ndarray:
        """(M, W) → (M, W); 0 <= shift < D."""

    def distance(self, query: np.ndarray, memory: np.ndarray, dimension: int) -> np.ndarray:
        """(W,), (M, W) → (M,) int64."""


class Reference:
    """The specification between unpacking and packing."""

    def bind(
        self, a: np.ndarray, b: np.ndarray, dimension: int, out: np.ndarray | None = None
    ) -> np.ndarray:
        """(…, W), (…, W) → (…, W)."""
        return handed(pack_words(reference.bind(unpack(a, dimension), unpack(b, dimension))), out)

    def bundle(self, vectors: np.ndarray, tie: np.ndarray, dimension: int) -> np.ndarray:
        """(K, W), (W,) → (W,)."""
        return pack_words(reference.bundle(unpack(vectors, dimension), unpack(tie, dimension)))

    def permute(self, vectors: np.ndarray, shift: int, dimension: int) -> np.ndarray:
        """(M, W) → (M, W)."""
        return pack_words(reference.permute(unpack(vectors, dimension), shift))

    def distance(self, query: np.ndarray, memory: np.ndarray, dimension: int) -> np.ndarray:
        """(W,), (M, W) → (M,) int64."""
        return reference.distance(unpack(query, dimension), unpack(memory, dimension))


def handed(made: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    """What was made, in `out` when that is given."""
    if out is None:
        return made
    out[...] = made
    return out


@cache
def _cpu() -> Kernels:
    """Imported at the first use: it compiles."""
    from bioplastic.kernels.hypervector import cpu

    return cpu


def kernels(backend: str) -> Kernels:
    """The executor of that name; UsageError with the nearest name, or why there is no GPU."""
    if backend == "cpu":
        return _cpu()
    if backend == "reference":
        return Reference()
    if backend == "gpu":
        if find_spec("triton") is None:
            raise UsageError("backend = 'gpu': triton is not installed; use 'cpu'")
        from bioplastic.kernels.hypervector.gpu import Gpu

        return Gpu()
    raise UsageError(f"backend = {backend!r}: no such backend{nearest(backend, BACKENDS)}")
