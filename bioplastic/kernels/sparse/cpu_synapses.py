"""Synapses of the fast executor: what one spike does, along a row (pre) or a column (post)."""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.kernels.compiled import inner
from bioplastic.kernels.sparse.cpu_events import (
    BASE,
    KIND,
    TABLE_LENGTH,
    TABLE_LOW,
    decayed,
)
from bioplastic.kernels.sparse.layout import (
    BLOCK,
    EXPONENTIAL,
    PERMANENCE,
    PLATEAU,
    PROJECTION_NUMBERS,
)
from bioplastic.kernels.sparse.reference_learning import KIND_POST, KIND_PRE
from bioplastic.philox import philox4x32
from bioplastic.quantize import fixed_point as fp

(
    RULE, PRE_GROUP, PRE_UNIT, POST_GROUP, POST_POPULATION, POST_UNIT, CHANNEL, SCALE, ROW, COL,
    DELAYS, SHIFT, PRE_TRACE, POST_TRACE, PLUS_LOW, PLUS_LENGTH, MINUS_LOW, MINUS_LENGTH, HEBBIAN,
    DECREMENT, RATE, TARGET, HOMEOSTATIC, FIRST_LAG, LAST_LAG, THETA, SYN,
) = range(len(PROJECTION_NUMBERS))  # fmt: skip
P_MAX = np.int64(1 << fp.PERMANENCE)
TRACE, TRACE_HALF = fp.TRACE, 1 << (fp.TRACE - 1)
TO_DITHER = 2 * fp.TRACE - fp.DITHER
TO_DITHER_HALF = 1 << (TO_DITHER - 1)
DITHER, TRACE_ONE, TRACE_MAX, WEIGHT_MAX = fp.DITHER, fp.TRACE_ONE, fp.TRACE_MAX, fp.WEIGHT_MAX


@inner
def deliver(x: Any, pops: Any, channels: Any, s: Any, n: Any, group: Any) -> Any:
    """Add the weights of one group to their targets; returns the events through open synapses."""
    channel = channels.number[n[CHANNEL]]
    p, base, kind = n[POST_POPULATION], channel[BASE], channel[KIND]
    state = x.current if kind == EXPONENTIAL else x.rise
    first, blocks = pops.first[p], pops.first_block[p]
    structural, theta, shift, scale = n[RULE] == PERMANENCE, n[THETA], n[SHIFT], n[SCALE]
    events = 0
    for at in range(s.row_ptr[n[ROW] + group], s.row_ptr[n[ROW] + group + 1]):
        if structural:
            if s.permanence[at + shift] <= theta:
                continue
            add = scale
        else:
            add = scale * np.int64(s.weight[at])
            if add == 0:
                continue
        events += 1
        j = np.int64(s.post[at])
        if kind == PLATEAU and (x.hold[base + j] > 0 or x.refractory[first + j] > 0):
            continue
        state[base + j] += np.int32(add)
        x.active[blocks + j // BLOCK] = 1
    return events


@inner
def jump(value: Any, last: Any, k: Any, step: Any, table: Any, low: Any, length: Any) -> Any:
    """Decay trace k to `step`, add one spike, saturate; returns 1 when it saturated."""
    fresh = decayed(value[k], step - last[k], table, low, length) + TRACE_ONE
    value[k], last[k] = min(fresh, TRACE_MAX), step
    return np.int64(fresh > TRACE_MAX)


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
    low, high = s.row_ptr[row] + n[SHIFT], s.row_ptr[row + n[DELAYS]] + n[SHIFT]
    saturated = lower_row(s.permanence[low:high], s.floor[low:high], n[DECREMENT])
    saturated += jump(
        x.pre_trace, x.pre_step, n[PRE_TRACE] + pre, step, s.table, n[PLUS_LOW], n[PLUS_LENGTH]
    )
    return high - low, saturated


@inner
def permanence_on_post(x: Any, s: Any, channels: Any, n: Any, post: Any, step: Any) -> Any:
    """PermanenceSTDP at a spike of `post`: potentiate the paired synapses of its column."""
    home = np.int64(0)
    if n[HOMEOSTATIC]:
        c = channels.number[n[CHANNEL]]
        k = c[BASE] + post
        age = step - x.trace_step[k]
        z = decayed(x.trace[k], age, channels.table, c[TABLE_LOW], c[TABLE_LENGTH])
        home = n[RATE] * (n[TARGET] - z)
    updates = saturated = 0
    first_lag, last_lag, shift = n[FIRST_LAG], n[LAST_LAG], n[SHIFT]
    for place in range(s.col_ptr[n[COL] + post], s.col_ptr[n[COL] + post + 1]):
        pre = s.col_trace[place]
        age = step - x.pre_step[pre]
        lag = age + s.col_delay[place]
        if lag < first_lag or lag > last_lag:
            continue
        trace = decayed(x.pre_trace[pre], age, s.table, n[PLUS_LOW], n[PLUS_LENGTH])
        at = s.col_syn[place] + shift
        change = (n[HEBBIAN] * trace + home + TRACE_HALF) >> TRACE
        wanted = np.int64(s.permanence[at]) + change
        kept = min(max(wanted, np.int64(s.floor[at])), P_MAX)
        saturated += kept != wanted
        s.permanence[at] = kept
        updates += 1
    return updates, saturated


@inner
def dither_byte(words: Any, place: Any) -> Any:
    """Byte `place` mod 16 of four words."""
    w = (place >> 2) & 3
    word = words[0] if w == 0 else words[1] if w == 1 else words[2] if w == 2 else words[3]
    return (np.int64(word) >> (8 * (place & 3))) & 255


@inner
def pair_on_pre(x: Any, s: Any, n: Any, q: Any, group: Any, step: Any, seed: Any) -> Any:
    """PairSTDP at the arrival of a group: depress by the post traces."""
    updates = saturated = 0
    block, words = np.int64(-1), philox4x32(0, 0, 0, 0, 0, 0)
    for at in range(s.row_ptr[n[ROW] + group], s.row_ptr[n[ROW] + group + 1]):
        j = n[POST_TRACE] + s.post[at]
        age = step - x.post_step[j]
        trace = decayed(x.post_trace[j], age, s.table, n[MINUS_LOW], n[MINUS_LENGTH])
        w = np.int64(s.weight[at])
        size = (s.step_down[q, w] * trace + TO_DITHER_HALF) >> TO_DITHER
        if size <= 0:
            continue
        place = at - n[SYN]
        if place >> 4 != block:
            block = place >> 4
            words = philox4x32(block, step, KIND_PRE, q, seed, 0)
        wanted = w - ((size + dither_byte(words, place)) >> DITHER)
        s.weight[at] = max(wanted, 0)
        saturated += wanted < 0
        updates += 1
    return updates, saturated


@inner
def pair_on_post(x: Any, s: Any, n: Any, q: Any, post: Any, step: Any, seed: Any) -> Any:
    """PairSTDP at a spike of `post`: potentiate its column by the pre traces."""
    updates = saturated = 0
    block, words = np.int64(-1), philox4x32(0, 0, 0, 0, 0, 0)
    start = s.col_ptr[n[COL]]
    for column in range(s.col_ptr[n[COL] + post], s.col_ptr[n[COL] + post + 1]):
        g, at = s.col_trace[column], s.col_syn[column]
        age = step - x.pre_step[g]
        trace = decayed(x.pre_trace[g], age, s.table, n[PLUS_LOW], n[PLUS_LENGTH])
        w = np.int64(s.weight[at])
        size = (s.step_up[q, w] * trace + TO_DITHER_HALF) >> TO_DITHER
        if size <= 0:
            continue
        place = column - start
        if place >> 4 != block:
            block = place >> 4
            words = philox4x32(block, step, KIND_POST, q, seed, 0)
        wanted = w + ((size + dither_byte(words, place)) >> DITHER)
        s.weight[at] = min(wanted, WEIGHT_MAX)
        saturated += wanted > WEIGHT_MAX
        updates += 1
    return updates, saturated
