"""Symbol frequencies learned as they come, without context."""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np

from bioplastic.learning.corpus import SymbolStream


@nb.njit(cache=True)
def _bits(x: np.ndarray, alphabet_size: int) -> np.ndarray:
    count = np.zeros(alphabet_size, np.int64)
    bits = np.empty(len(x))
    for t in range(len(x)):
        bits[t] = -np.log2((count[x[t]] + 0.5) / (t + 0.5 * alphabet_size))
        count[x[t]] += 1
    return bits


@dataclass(frozen=True, kw_only=True)
class Unigram:
    """Krichevsky–Trofimov estimate of the symbol frequencies.

    p(s) = (c(s) + ½) / (t + V/2) after t symbols of which c(s) were s. Over the whole stream
    Σ bits = log2 [Γ(L + V/2) / Γ(V/2)] − Σ_s log2 [Γ(c(s) + ½) / Γ(½)], whatever the order.
    Source: Krichevsky & Trofimov 1981 [krichevsky1981].
    """

    name: str = "unigram"

    def bits(self, stream: SymbolStream) -> np.ndarray:
        """Return (L,) float64 bits."""
        return _bits(stream.symbols.astype(np.int64), stream.alphabet_size)
