"""The protocol that every predictor keeps: predict, be charged, then learn; one pass.

The charge for symbol x[t] is its surprise −log2 p(x[t] | x[0..t−1]) in bits. A predictor may use
x[0..t−1], the alphabet size V and nothing else, so changing the future changes no earlier figure.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from bioplastic.errors import BioplasticError
from bioplastic.learning.corpus import SymbolStream


class Unavailable(BioplasticError):
    """A baseline cannot be measured here; the message says why and what would help."""


class Predictor(Protocol):
    """A baseline with a probability for every symbol."""

    @property
    def name(self) -> str:
        """Name in tables and metrics."""
        ...

    def bits(self, stream: SymbolStream) -> np.ndarray:
        """Return (L,) float64 bits: the surprise of each symbol, predicted before it is learned."""
        ...


class Compressor(Protocol):
    """A baseline known only by the size of what it writes."""

    @property
    def name(self) -> str:
        """Name in tables and metrics."""
        ...

    def bits_total(self, stream: SymbolStream, length: int | None = None) -> float:
        """Return the bits that the first `length` symbols (all of them if None) take."""
        ...


def last_third_start(length: int) -> int:
    """Return the first index of the last third, ``2 * length // 3``."""
    return 2 * length // 3
