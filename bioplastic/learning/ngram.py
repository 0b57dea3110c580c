"""Context counts of orders 0 to k, interpolated: what n-grams with back-off can do online."""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning._hashmap import FREE, create, doubled, longer, place
from bioplastic.learning.corpus import SymbolStream

MAX_ORDER = 16


@nb.njit(cache=True)
def _bits(x: np.ndarray, alphabet_size: int, order: int) -> np.ndarray:
    """Tree of reversed contexts; node 0 is the empty context. Pairs are (context, successor)."""
    child_key, child = create(1 << 12)
    pair_key, pair = create(1 << 12)
    total = np.zeros(1 << 12, np.int64)  # by node: Σ_s c(context, s)
    kinds = np.zeros(1 << 12, np.int64)  # by node: how many s have c > 0
    singles = np.zeros(order + 1, np.int64)  # by order: pairs with c = 1
    doubles = np.zeros(order + 1, np.int64)  # by order: pairs with c = 2
    path = np.zeros(order + 1, np.int64)
    nodes = 1
    pairs = 0
    bits = np.empty(len(x))
    for t in range(len(x)):
        if 2 * (nodes + order) > len(child_key):
            child_key, child = doubled(child_key, child)
        if 2 * (pairs + order + 1) > len(pair_key):
            pair_key, pair = doubled(pair_key, pair)
        if nodes + order > len(total):
            total = longer(total)
            kinds = longer(kinds)
        deepest = min(order, t)
        p = 1.0 / alphabet_size
        for k in range(deepest + 1):
            if k > 0:
                key = path[k - 1] * alphabet_size + x[t - k]
                at = place(child_key, key)
                if child_key[at] == FREE:
                    child_key[at] = key
                    child[at] = nodes
                    nodes += 1
                path[k] = child[at]
            node = path[k]
            at = place(pair_key, node * alphabet_size + x[t])
            if total[node] > 0:
                d = (singles[k] + 1.0) / (singles[k] + 2.0 * doubles[k] + 2.0)
                c = pair[at]
                p = (max(c - d, 0.0) + d * kinds[node] * p) / total[node]
        bits[t] = -np.log2(p)
        for k in range(deepest, -1, -1):
            at = place(pair_key, path[k] * alphabet_size + x[t])
            fresh = pair_key[at] == FREE
            if fresh:
                pair_key[at] = path[k] * alphabet_size + x[t]
                pairs += 1
                kinds[path[k]] += 1
            pair[at] += 1
            total[path[k]] += 1
            singles[k] += (pair[at] == 1) - (pair[at] == 2)
            doubles[k] += (pair[at] == 2) - (pair[at] == 3)
            if not fresh:
                break
    return bits


@dataclass(frozen=True, kw_only=True)
class NGram:
    """Interpolated Kneser–Ney of orders 0 to `order`, counted online.

    p_k(s) = [max(c_k(s) − d_k, 0) + d_k T_k p_{k−1}(s)] / C_k, down to p_{−1} = 1/V, where c_k(s)
    counts s after the last k symbols, C_k = Σ_s c_k(s), T_k = |{s: c_k(s) > 0}|, and
    d_k = (n₁ + 1) / (n₁ + 2 n₂ + 2) with n₁, n₂ the contexts-and-successors of order k counted
    once and twice so far. An order whose context is new is passed over. The highest order counts
    every symbol; a lower one counts it only where the order above met it for the first time.

    order   longest context, 0 to 16 symbols
    Raises UsageError for an order out of range. Contexts are stored exactly, none are merged.
    Source: Kneser & Ney 1995 [kneser1995]; Chen & Goodman 1999, interpolated form [chen1999].
    """

    order: int = 6
    name: str = "ngram"

    def __post_init__(self) -> None:
        """Check the order."""
        if not 0 <= self.order <= MAX_ORDER:
            raise UsageError(f"ngram order {self.order} is out of range 0 to {MAX_ORDER}")

    def bits(self, stream: SymbolStream) -> np.ndarray:
        """Return (L,) float64 bits."""
        return _bits(stream.symbols.astype(np.int64), stream.alphabet_size, self.order)
