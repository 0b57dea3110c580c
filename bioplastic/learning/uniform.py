"""The predictor that knows the alphabet and nothing else: log2 V bits a symbol."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.learning.corpus import SymbolStream


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """p(s) = 1 / V. It never learns: the ceiling that every other figure is read against."""

    name: str = "uniform"

    def bits(self, stream: SymbolStream) -> np.ndarray:
        """Return (L,) float64 bits, all log2 V."""
        return np.full(len(stream), np.log2(stream.alphabet_size))
