"""The n-gram and the suffix table with their state held outside, to go on from where they stand.

The figures are those of learning.ngram and learning.suffix_table, bit for bit: tests compare them.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from bioplastic.learning._hashmap import FREE, place

NODES, PAIRS, MET, USED = range(4)
"""Places in `tally` (int64): nodes and pairs in use; symbols met in this piece; contexts used by
all predictions."""


@nb.njit(cache=True)
def ngram_path(
    child_key: np.ndarray,
    child: np.ndarray,
    recent: np.ndarray,
    tally: np.ndarray,
    size: int,
    grow: bool,
    path: np.ndarray,
) -> int:
    """Write the nodes of the contexts of orders 0, 1, … into `path`; return the deepest order."""
    path[0] = 0
    for k in range(1, min(len(recent), tally[MET]) + 1):
        key = path[k - 1] * size + recent[k - 1]
        at = place(child_key, key)
        if child_key[at] == FREE:
            if not grow:
                return k - 1
            child_key[at] = key
            child[at] = tally[NODES]
            tally[NODES] += 1
        path[k] = child[at]
    return min(len(recent), tally[MET])


@nb.njit(cache=True)
def ngram_probability(
    x: int,
    pair_key: np.ndarray,
    pair: np.ndarray,
    total: np.ndarray,
    kinds: np.ndarray,
    seen: np.ndarray,
    size: int,
    path: np.ndarray,
    deepest: int,
) -> float:
    """p(x) by the formula of `ngram.NGram`. seen (2, orders): pairs counted once and twice."""
    p = 1.0 / size
    for k in range(deepest + 1):
        node = path[k]
        if total[node] > 0:
            at = place(pair_key, node * size + x)
            d = (seen[0, k] + 1.0) / (seen[0, k] + 2.0 * seen[1, k] + 2.0)
            c = pair[at] if pair_key[at] != FREE else 0
            p = (max(c - d, 0.0) + d * kinds[node] * p) / total[node]
    return p


@nb.njit(cache=True)
def ngram_go(
    x: np.ndarray,
    learning: bool,
    size: int,
    child_key: np.ndarray,
    child: np.ndarray,
    pair_key: np.ndarray,
    pair: np.ndarray,
    total: np.ndarray,
    kinds: np.ndarray,
    seen: np.ndarray,
    recent: np.ndarray,
    tally: np.ndarray,
) -> np.ndarray:
    """Go through x: bits of each, then its counts. The arrays have room."""
    bits = np.empty(len(x))
    path = np.empty(len(recent) + 1, np.int64)
    for t in range(len(x)):
        deepest = ngram_path(child_key, child, recent, tally, size, learning, path)
        tally[USED] += deepest + 1
        bits[t] = -np.log2(
            ngram_probability(x[t], pair_key, pair, total, kinds, seen, size, path, deepest)
        )
        if learning:
            for k in range(deepest, -1, -1):
                key = path[k] * size + x[t]
                at = place(pair_key, key)
                fresh = pair_key[at] == FREE
                if fresh:
                    pair_key[at] = key
                    tally[PAIRS] += 1
                    kinds[path[k]] += 1
                pair[at] += 1
                total[path[k]] += 1
                seen[0, k] += (pair[at] == 1) - (pair[at] == 2)
                seen[1, k] += (pair[at] == 2) - (pair[at] == 3)
                if not fresh:
                    break
        for k in range(len(recent) - 1, 0, -1):
            recent[k] = recent[k - 1]
        if len(recent):
            recent[0] = x[t]
        tally[MET] += 1
    return bits


@nb.njit(cache=True)
def suffix_match(
    past: np.ndarray,
    t: int,
    limit: int,
    size: int,
    child_key: np.ndarray,
    child: np.ndarray,
    last: np.ndarray,
    open_: np.ndarray,
) -> tuple[int, int]:
    """Position of the successor and length of the longest context of past[t] learned before.

    The position is −1 where nothing was learned yet. Pieces are parted by −1 in `past`, which
    matches nothing; `limit` is the length of the context that holds now.
    """
    node = 0
    depth = 0
    while open_[node] and depth < limit:
        at = place(child_key, node * size + past[t - 1 - depth])
        if child_key[at] == FREE:
            break
        node = child[at]
        depth += 1
    source = last[node]
    if not open_[node] and source >= 0:
        limit = min(limit, source)
        while depth < limit and past[source - 1 - depth] == past[t - 1 - depth]:
            depth += 1
    return source, depth


@nb.njit(cache=True)
def suffix_insert(
    past: np.ndarray,
    t: int,
    limit: int,
    longest: int,
    size: int,
    child_key: np.ndarray,
    child: np.ndarray,
    last: np.ndarray,
    open_: np.ndarray,
    tally: np.ndarray,
) -> None:
    """Learn that past[t] followed its contexts, of at most `limit` symbols."""
    node = 0
    for depth in range(longest + 1):
        before = last[node]
        last[node] = t
        if depth == longest or depth >= limit:
            return
        if not open_[node]:
            open_[node] = True
            if depth < before and past[before - 1 - depth] >= 0:
                key = node * size + past[before - 1 - depth]
                at = place(child_key, key)
                child_key[at] = key
                child[at] = tally[NODES]
                last[tally[NODES]] = before
                tally[NODES] += 1
        key = node * size + past[t - 1 - depth]
        at = place(child_key, key)
        if child_key[at] == FREE:
            child_key[at] = key
            child[at] = tally[NODES]
            last[tally[NODES]] = t
            tally[NODES] += 1
            return
        node = child[at]


@nb.njit(cache=True)
def suffix_go(
    past: np.ndarray,
    first: int,
    learning: bool,
    size: int,
    longest: int,
    child_key: np.ndarray,
    child: np.ndarray,
    last: np.ndarray,
    open_: np.ndarray,
    record: np.ndarray,
    count: np.ndarray,
    tally: np.ndarray,
) -> np.ndarray:
    """Go through past[first:]: bits of each, then what it teaches. The arrays have room.

    record (2, longest + 1)   guesses asked for and right, by the length of the match
    count (V)                 how often each symbol was learned
    """
    bits = np.empty(len(past) - first)
    learned = count.sum()
    for t in range(first, len(past)):
        y = past[t]
        limit = min(longest, tally[MET])
        whole = learned + 0.5 * size
        plain = (count[y] + 0.5) / whole
        source, length = suffix_match(past, t, limit, size, child_key, child, last, open_)
        if source < 0:
            bits[t - first] = -np.log2(plain)
        else:
            guess = past[source]
            trust = (record[1, length] + 0.5) / (record[0, length] + 1.0)
            rest = (1.0 - trust) * plain / (1.0 - (count[guess] + 0.5) / whole)
            bits[t - first] = -np.log2(trust if y == guess else rest)
            if learning:
                record[0, length] += 1
                record[1, length] += y == guess
        tally[USED] += length + 1
        if learning:
            count[y] += 1
            learned += 1.0
            suffix_insert(
                past, t, limit, longest, size, child_key, child, last, open_, tally
            )  # fmt: skip
        tally[MET] += 1
    return bits
