"""Weights of a row or a column, brought together as int32 and put back (numba).

A row is a group: contiguous in row order, eight weights of every tile in tiles. `stride` 0 means
row order. Buffers have room up to the next multiple of eight.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.kernels.compiled import inner
from bioplastic.kernels.sparse.layout_synapses import PROJECTION_NUMBERS

(
    RULE, PRE_GROUP, PRE_UNIT, POST_GROUP, POST_POPULATION, POST_UNIT, CHANNEL, SCALE, ROW, COL,
    DELAYS, GROUPS, POSTS, SYNAPSES, FULL, SYN, COLUMN, WEIGHT, WIDE, STRIDE, LOW, HIGH, SHIFT,
    TRACE_FIRST, PRE_TRACES, POST_TRACES, ON_PRE, ON_POST, ON_END, FRESH, PERMANENCE_FIRST, HEBBIAN,
    DECREMENT, RATE, TARGET, HOMEOSTATIC, FIRST_LAG, LAST_LAG, THETA,
) = range(len(PROJECTION_NUMBERS))  # fmt: skip
U = np.uint64


@inner
def take_row(
    weight: Any, first: Any, at: Any, size: Any, stride: Any, group: Any, out: Any
) -> None:
    """out[:size] = the weights of a group, which begins at row place `at`."""
    if stride == 0:
        low = U(first + at)
        for k in range(U(size)):
            out[k] = weight[low + k]
    else:
        low = U(first + (group >> 3) * stride + (group & 7) * 8)
        for t in range(U((size + 7) >> 3)):
            for c in range(U(8)):
                out[t * U(8) + c] = weight[low + t * U(64) + c]


@inner
def put_row(weight: Any, first: Any, at: Any, size: Any, stride: Any, group: Any, new: Any) -> None:
    """The inverse of `take_row`."""
    if stride == 0:
        low = U(first + at)
        for k in range(U(size)):
            weight[low + k] = new[k]
    else:
        low = U(first + (group >> 3) * stride + (group & 7) * 8)
        for t in range(U((size + 7) >> 3)):
            for c in range(U(8)):
                weight[low + t * U(64) + c] = new[t * U(8) + c]


@inner
def take_column(weight: Any, first: Any, places: Any, size: Any, stride: Any, post: Any,
                out: Any) -> None:  # fmt: skip
    """out[:size] = the weights onto `post`; `places` are their row places where stride is 0."""
    if stride == 0:
        low = U(first)
        for k in range(U(size)):
            out[k] = weight[low + U(places[k])]
    else:
        low, step = U(first + (post >> 3) * 64 + (post & 7)), U(stride)
        for t in range(U((size + 7) >> 3)):
            for c in range(U(8)):
                out[t * U(8) + c] = weight[low + t * step + c * U(8)]


@inner
def put_column(weight: Any, first: Any, places: Any, size: Any, stride: Any, post: Any,
               new: Any) -> None:  # fmt: skip
    """The inverse of `take_column`."""
    if stride == 0:
        low = U(first)
        for k in range(U(size)):
            weight[low + U(places[k])] = new[k]
    else:
        low, step = U(first + (post >> 3) * 64 + (post & 7)), U(stride)
        for t in range(U((size + 7) >> 3)):
            for c in range(U(8)):
                weight[low + t * step + c * U(8)] = new[t * U(8) + c]


@inner
def column_places(
    row_ptr: Any, col_group: Any, col_rank: Any, n: Any, low: Any, size: Any, out: Any
) -> None:
    """Row places of the synapses of a column, which begins at column place `low`."""
    first, row = U(n[COLUMN] + low), U(n[ROW])
    for k in range(U(size)):
        out[k] = row_ptr[row + U(col_group[first + k])] + np.int64(col_rank[first + k])
