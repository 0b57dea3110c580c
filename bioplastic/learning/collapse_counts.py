"""The best case for collapse: a predictor that is trained on integer counts, not on order.

A back-off table whose contexts are multisets: the last m windows of W symbols, each sorted, for
m = 0, 1, … It sees what a collapsed network sees, and learns from it, so it
is the fair opponent of a network that learned in full time and is then robbed of order.
With W = 1 it is an ordinary interpolated n-gram model.
Source: Witten & Bell 1991 [witten1991], method C, interpolated.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

REACH = 8
"""Symbols that the longest context covers."""
TAIL = 20
"""One part in so many of the learned symbols, its end, chooses how many windows help."""


class CountPredictor:
    """Interpolated contexts of sorted windows.

    p_m(s) = (c_m(s) + d_m p_{m−1}(s)) / (n_m + d_m),   p_{−1} = 1/V
    n_m visits of context m, d_m different successors; a context that never came changes nothing.

    width   symbols per window      size   V
    """

    def __init__(self, width: int, size: int) -> None:
        self.width, self.size, self.depth = width, size, max(REACH // width, 1)
        self.seen: dict[tuple[tuple[int, ...], ...], Counter[int]] = defaultdict(Counter)

    def contexts(self, stream: np.ndarray, t: int) -> list[tuple[tuple[int, ...], ...]]:
        """Contexts of symbol t of `stream`, the shortest first."""
        found: list[tuple[tuple[int, ...], ...]] = [()]
        for m in range(1, self.depth + 1):
            low = t - m * self.width
            if low < 0:
                break
            found.append((*found[-1], tuple(sorted(stream[low : low + self.width].tolist()))))
        return found

    def learn(self, stream: np.ndarray, first: int, last: int) -> None:
        """Count symbols first..last−1 in all of their contexts, at every alignment of windows."""
        for t in range(first, last):
            for context in self.contexts(stream, t):
                self.seen[context][int(stream[t])] += 1

    def bits(self, stream: np.ndarray, t: int) -> np.ndarray:
        """Surprise of symbol t when 0, 1, … windows are used, (depth + 1,) bits."""
        p, now = 1 / self.size, int(stream[t])
        found = np.empty(self.depth + 1)
        contexts = self.contexts(stream, t)
        for m in range(self.depth + 1):
            seen = self.seen.get(contexts[m]) if m < len(contexts) else None
            if seen:
                n, kinds = seen.total(), len(seen)
                p = (seen[now] + kinds * p) / (n + kinds)
            found[m] = -np.log2(p)
        return found


def count_bits(learned: np.ndarray, test: np.ndarray, width: int, size: int) -> np.ndarray:
    """Surprise of every symbol of `test`, (L,) bits.

    learned (M,)   symbols to learn from; the test follows them, and is not learned
    """
    table, stream = CountPredictor(width, size), np.concatenate([learned, test])
    held = len(learned) - max(len(learned) // TAIL, 1)
    table.learn(stream, 0, held)
    tried = np.mean([table.bits(stream, t) for t in range(held, len(learned))], axis=0)
    best = int(np.argmin(tried))
    table.learn(stream, held, len(learned))
    return np.array([table.bits(stream, t)[best] for t in range(len(learned), len(stream))])
