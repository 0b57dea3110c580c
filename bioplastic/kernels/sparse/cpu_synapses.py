"""Synapses of the fast executor: delivery along a row, and permanences (numba)."""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.kernels.compiled import inner, merged
from bioplastic.kernels.sparse.cpu_events import (
    BASE,
    KIND,
    TABLE_LENGTH,
    TABLE_LOW,
    decayed,
)
from bioplastic.kernels.sparse.cpu_linear import add_unless_refractory
from bioplastic.kernels.sparse.cpu_traces import jump
from bioplastic.kernels.sparse.cpu_weights import (
    CHANNEL,
    COL,
    COLUMN,
    DECREMENT,
    DELAYS,
    FIRST_LAG,
    FULL,
    HEBBIAN,
    HOMEOSTATIC,
    LAST_LAG,
    PERMANENCE_FIRST,
    POST_POPULATION,
    RATE,
    ROW,
    RULE,
    SCALE,
    STRIDE,
    SYN,
    TARGET,
    THETA,
    TRACE_FIRST,
    WEIGHT,
    WIDE,
    U,
    take_row,
)
from bioplastic.kernels.sparse.layout import ALPHA, BLOCK, DEAF, PERMANENCE, PLATEAU, STATIC
from bioplastic.quantize import fixed_point as fp

P_MAX = np.int64(1 << fp.PERMANENCE)
TRACE, TRACE_HALF, TRACE_ONE = fp.TRACE, 1 << (fp.TRACE - 1), fp.TRACE_ONE


@inner
def add_everywhere(state: Any, base: Any, weight: Any, size: Any, scale: Any) -> None:
    """A row onto all post neurons, in their order."""
    low = U(base)
    for k in range(U(size)):
        state[low + k] += np.int32(np.int32(weight[k]) * scale)


@inner
def add_listed(
    state: Any, base: Any, weight: Any, size: Any, scale: Any, post: Any, first: Any, active: Any,
    blocks: Any,
) -> None:  # fmt: skip
    """A row onto the post neurons that `post` lists from place `first` on; wakes them."""
    low, at, block = U(base), U(first), U(blocks)
    for k in range(U(size)):
        j = U(post[at + k])
        state[low + j] += np.int32(weight[k] * scale)
        active[block + j // U(BLOCK)] = 1


@merged
def add_to_branches(
    x: Any, base: Any, neuron: Any, weight: Any, size: Any, scale: Any, post: Any, first: Any,
    blocks: Any,
) -> None:  # fmt: skip
    """A row onto plateau branches: what is held, or has a refractory soma, loses arrivals."""
    for k in range(size):
        j = np.int64(post[first + k])
        if weight[k] == 0 or x.hold[base + j] > 0 or x.refractory[neuron + j] > 0:
            continue
        x.rise[base + j] += np.int32(weight[k] * scale)
        x.active[blocks + j // BLOCK] = 1


@inner
def mature_weights(permanence: Any, low: Any, size: Any, theta: Any, out: Any) -> None:
    """out[:size] = 1 for a mature synapse, else 0."""
    first = U(low)
    for k in range(U(size)):
        out[k] = np.int32(1) if permanence[first + k] > theta else np.int32(0)


@inner
def count_open(weight: Any, size: Any) -> Any:
    """How many weights are not zero."""
    found = np.int32(0)
    for k in range(U(size)):
        found = np.int32(found + np.int32(weight[k] != 0))
    return np.int64(found)


@merged
def deliver(
    x: Any, pops: Any, channel: Any, s: Any, n: Any, group: Any, at: Any, size: Any, weight: Any
) -> Any:
    """Add the weights of one group to their targets; returns the events through open synapses.

    at, size   first row place and length of the group      weight   int32 buffer
    """
    p, base, kind = n[POST_POPULATION], channel[BASE], channel[KIND]
    scale, blocks = np.int32(n[SCALE]), pops.first_block[p]
    if n[RULE] == PERMANENCE:
        mature_weights(s.permanence, n[PERMANENCE_FIRST] + at, size, np.int32(n[THETA]), weight)
    elif n[RULE] == STATIC and n[WIDE]:
        take_row(s.static16, n[WEIGHT], at, size, 0, group, weight)
    elif n[RULE] == STATIC:
        take_row(s.static8, n[WEIGHT], at, size, 0, group, weight)
    elif n[WIDE]:
        take_row(s.plastic16, n[WEIGHT], at, size, n[STRIDE], group, weight)
    else:
        take_row(s.plastic8, n[WEIGHT], at, size, n[STRIDE], group, weight)
    first = n[SYN] + at
    if kind == PLATEAU:
        add_to_branches(x, base, pops.first[p], weight, size, scale, s.post, first, blocks)
        return count_open(weight, size)
    if kind == DEAF:
        add_unless_refractory(
            x, base, pops.first[p], weight, size, scale, s.post, first, blocks
        )  # fmt: skip
        return count_open(weight, size)
    state = x.rise if kind == ALPHA else x.current
    if n[FULL]:
        add_everywhere(state, base, weight, size, scale)
        x.active[blocks : pops.first_block[p + 1]] = 1
    else:
        add_listed(state, base, weight, size, scale, s.post, first, x.active, blocks)
    return count_open(weight, size)


@inner
def lower_row(permanence: Any, floor: Any, decrement: Any) -> Any:
    """Depress a row of permanences; returns how many hit their floor."""
    saturated = 0
    for k in range(permanence.size):
        wanted = permanence[k] - np.int32(decrement)
        saturated += wanted < floor[k]
        permanence[k] = max(wanted, floor[k])
    return saturated


@inner
def permanence_on_pre(x: Any, s: Any, n: Any, pre: Any, step: Any) -> Any:
    """PermanenceSTDP at a spike of `pre`: depress its row, raise its trace."""
    row = n[ROW] + pre * n[DELAYS]
    low, high = (
        s.row_ptr[row] + n[PERMANENCE_FIRST],
        s.row_ptr[row + n[DELAYS]] + n[PERMANENCE_FIRST],
    )
    saturated = lower_row(s.permanence[low:high], s.floor[low:high], n[DECREMENT])
    trace = s.trace[n[TRACE_FIRST]]
    saturated += jump(
        x.pre_trace,
        x.pre_step,
        trace[0] + pre,
        TRACE_ONE,
        step,
        s.decay,
        trace[1],
        trace[2],
    )
    return high - low, saturated


@inner
def permanence_on_post(
    x: Any, s: Any, channels: Any, n: Any, post: Any, step: Any, first_delay: Any
) -> Any:
    """PermanenceSTDP at a spike of `post`: potentiate the paired synapses of its column."""
    home = np.int64(0)
    if n[HOMEOSTATIC]:
        c = channels.number[n[CHANNEL]]
        k = c[BASE] + post
        age = step - x.trace_step[k]
        z = decayed(x.trace[k], age, channels.table, c[TABLE_LOW], c[TABLE_LENGTH])
        home = n[RATE] * (n[TARGET] - z)
    updates = saturated = 0
    first_lag, last_lag, shift, delays = n[FIRST_LAG], n[LAST_LAG], n[PERMANENCE_FIRST], n[DELAYS]
    trace = s.trace[n[TRACE_FIRST]]
    base, low, length, hebbian = trace[0], trace[1], trace[2], n[HEBBIAN]
    for place in range(s.col_ptr[n[COL] + post], s.col_ptr[n[COL] + post + 1]):
        group = np.int64(s.col_group[U(n[COLUMN] + place)])
        pre = group if delays == 1 else group // delays
        age = step - x.pre_step[base + pre]
        lag = age + s.delay[first_delay + group - pre * delays]
        if lag < first_lag or lag > last_lag:
            continue
        value = decayed(x.pre_trace[base + pre], age, s.decay, low, length)
        at = s.row_ptr[n[ROW] + group] + np.int64(s.col_rank[U(n[COLUMN] + place)]) + shift
        change = (hebbian * value + home + TRACE_HALF) >> TRACE
        wanted = np.int64(s.permanence[at]) + change
        kept = min(max(wanted, np.int64(s.floor[at])), P_MAX)
        saturated += kept != wanted
        s.permanence[at] = kept
        updates += 1
    return updates, saturated
