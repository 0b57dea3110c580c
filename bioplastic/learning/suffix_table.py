"""The longest context seen before, and what followed it last time: memory without averaging."""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning._hashmap import FREE, create, doubled, longer, place
from bioplastic.learning.corpus import SymbolStream

MAX_LONGEST = 1024


@nb.njit(cache=True)
def _matched(
    x: np.ndarray,
    t: int,
    alphabet_size: int,
    longest: int,
    child_key: np.ndarray,
    child: np.ndarray,
    last: np.ndarray,
    open_: np.ndarray,
) -> tuple[int, int]:
    """Return (position of the successor, length) of the longest context of x[t] seen before.

    Nodes are contexts read backwards. An open node knows its children; a closed one has been met
    once and stands for everything before its only successor at `last`.
    """
    limit = min(longest, t)
    node = 0
    depth = 0
    while open_[node] and depth < limit:
        at = place(child_key, node * alphabet_size + x[t - 1 - depth])
        if child_key[at] == FREE:
            break
        node = child[at]
        depth += 1
    source = last[node]
    if not open_[node]:
        limit = min(limit, source)
        while depth < limit and x[source - 1 - depth] == x[t - 1 - depth]:
            depth += 1
    return source, depth


@nb.njit(cache=True)
def _bits(x: np.ndarray, alphabet_size: int, longest: int) -> np.ndarray:
    child_key, child = create(1 << 12)
    last = np.zeros(1 << 12, np.int64)  # by node: index of its most recent successor
    open_ = np.zeros(1 << 12, np.bool_)
    nodes = 1
    right = np.zeros(longest + 1)
    asked = np.zeros(longest + 1)
    count = np.zeros(alphabet_size)
    bits = np.empty(len(x))
    for t in range(len(x)):
        y = x[t]
        whole = t + 0.5 * alphabet_size
        plain = (count[y] + 0.5) / whole
        if t == 0:
            bits[t] = -np.log2(plain)
        else:
            source, length = _matched(x, t, alphabet_size, longest, child_key, child, last, open_)
            guess = x[source]
            trust = (right[length] + 0.5) / (asked[length] + 1.0)
            rest = (1.0 - trust) * plain / (1.0 - (count[guess] + 0.5) / whole)
            bits[t] = -np.log2(trust if y == guess else rest)
            asked[length] += 1
            right[length] += y == guess
        count[y] += 1
        if nodes + 2 * longest + 2 > len(last):
            last = longer(last)
            open_ = longer(open_)
        if 2 * (nodes + 2 * longest + 2) > len(child_key):
            child_key, child = doubled(child_key, child)
        node = 0
        for depth in range(longest + 1):
            before = last[node]
            last[node] = t
            if depth == longest or depth >= t:
                break
            if not open_[node]:
                open_[node] = True
                if depth < before:  # the earlier visitor moves one level down
                    at = place(child_key, node * alphabet_size + x[before - 1 - depth])
                    child_key[at] = node * alphabet_size + x[before - 1 - depth]
                    child[at] = nodes
                    last[nodes] = before
                    nodes += 1
            at = place(child_key, node * alphabet_size + x[t - 1 - depth])
            if child_key[at] == FREE:
                child_key[at] = node * alphabet_size + x[t - 1 - depth]
                child[at] = nodes
                last[nodes] = t
                nodes += 1
                break
            node = child[at]
    return bits


@dataclass(frozen=True, kw_only=True)
class SuffixTable:
    """Longest match, most recent successor, with a probability that it earns.

    The longest context of x[t] that occurred before, of at most `longest` symbols, names as guess g
    the symbol that followed its most recent occurrence. With m the length of that match,

        p(g) = (right_m + ½) / (asked_m + 1),    p(s) = (1 − p(g)) q(s) / (1 − q(g)) for s ≠ g,

    where right_m of asked_m guesses from matches of length m were right so far, and q is the
    Krichevsky–Trofimov unigram. So the figure is finite, sums to one, and is as sure as its record.

    longest   longest context compared, 1 to 1024 symbols; longer matches count as this long
    Raises UsageError for a length out of range.
    """

    longest: int = 32
    name: str = "suffix_table"

    def __post_init__(self) -> None:
        """Check the length."""
        if not 1 <= self.longest <= MAX_LONGEST:
            raise UsageError(
                f"suffix_table longest={self.longest} is out of range 1 to {MAX_LONGEST}"
            )

    def bits(self, stream: SymbolStream) -> np.ndarray:
        """Return (L,) float64 bits."""
        return _bits(stream.symbols.astype(np.int64), stream.alphabet_size, self.longest)
