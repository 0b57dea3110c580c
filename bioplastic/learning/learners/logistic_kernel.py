"""The loop of the online logistic regression: contexts found exactly, sparse Adagrad updates."""

from __future__ import annotations

import numba as nb
import numpy as np

from bioplastic.learning._hashmap import FREE, place

WORD = 1
"""Row of the empty word; row 0 is the empty context."""
ROWS, MET, AT_WORD, ACTIVE, STORED, WRITTEN = range(6)
"""Places in `tally` (int64): rows in use; symbols met; row of the word so far or −1; sums over the
predictions: of active rows, of stored rows; sum over updates of rows written."""


@nb.njit(cache=True)
def contexts(
    keys: np.ndarray,
    rows: np.ndarray,
    recent: np.ndarray,
    tally: np.ndarray,
    size: int,
    grow: bool,
    found: np.ndarray,
) -> int:
    """Write the rows of the contexts that hold now into `found`; return how many.

    recent   the last symbols, the newest first
    grow     give a row to contexts met for the first time; else they are left out
    """
    found[0] = 0
    n = 1
    node = 0
    for k in range(min(len(recent), tally[MET])):
        key = node * size + recent[k]
        at = place(keys, key)
        if keys[at] == FREE:
            if not grow:
                break
            keys[at] = key
            rows[at] = tally[ROWS]
            tally[ROWS] += 1
        node = rows[at]
        found[n] = node
        n += 1
    if tally[AT_WORD] >= 0:
        found[n] = tally[AT_WORD]
        n += 1
    return n


@nb.njit(cache=True)
def probabilities(w: np.ndarray, found: np.ndarray, n: int, p: np.ndarray) -> None:
    """Softmax of the summed rows into p."""
    p[:] = 0.0
    for i in range(n):
        for s in range(len(p)):
            p[s] += w[found[i], s]
    p[:] = np.exp(p - p.max())
    p /= p.sum()


@nb.njit(cache=True)
def meet(
    x: int,
    keys: np.ndarray,
    rows: np.ndarray,
    recent: np.ndarray,
    tally: np.ndarray,
    size: int,
    ends: np.ndarray,
    grow: bool,
) -> None:
    """Move the contexts on past x. An unknown word stays unknown until it ends.

    ends (V,)   where a word ends; empty: no words
    """
    for k in range(len(recent) - 1, 0, -1):
        recent[k] = recent[k - 1]
    if len(recent):
        recent[0] = x
    tally[MET] += 1
    if len(ends) == 0:
        return
    if ends[x]:
        tally[AT_WORD] = WORD
    elif tally[AT_WORD] >= 0:
        key = tally[AT_WORD] * size + x
        at = place(keys, key)
        if keys[at] == FREE:
            if not grow:
                tally[AT_WORD] = -1
                return
            keys[at] = key
            rows[at] = tally[ROWS]
            tally[ROWS] += 1
        tally[AT_WORD] = rows[at]


@nb.njit(cache=True)
def go(
    x: np.ndarray,
    learning: bool,
    size: int,
    ends: np.ndarray,
    rate: float,
    keys: np.ndarray,
    rows: np.ndarray,
    recent: np.ndarray,
    tally: np.ndarray,
    w: np.ndarray,
    g: np.ndarray,
    live: np.ndarray,
) -> np.ndarray:
    """Go through x: bits of each, then its update. The arrays have room for all new rows.

    w, g (R, V)   weights and Adagrad's sums of squares, which start at the damping
    live (R, V)   False where a lesion removed the weight; no rows if there was none
    """
    bits = np.empty(len(x))
    p = np.empty(size)
    found = np.empty(len(recent) + 2, np.int64)
    for t in range(len(x)):
        n = contexts(keys, rows, recent, tally, size, False, found)
        probabilities(w, found, n, p)
        tally[ACTIVE] += n
        tally[STORED] += tally[ROWS]
        bits[t] = -np.log2(p[x[t]])
        if learning:
            n = contexts(keys, rows, recent, tally, size, True, found)
            p[x[t]] -= 1.0
            for i in range(n):
                row = found[i]
                tally[WRITTEN] += 1
                for s in range(size):
                    if len(live) and not live[row, s]:
                        continue
                    g[row, s] += p[s] * p[s]
                    w[row, s] -= rate * p[s] / np.sqrt(g[row, s])
        meet(x[t], keys, rows, recent, tally, size, ends, learning)
    return bits
