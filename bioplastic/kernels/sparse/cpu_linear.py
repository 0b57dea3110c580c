"""Linear neurons of the fast executor: blocks of 32, rows of the propagator without their zeros.

A block with a neuron whose plateau lasts, or with a refractory neuron that follows other rows, goes
through `_any_step`, neuron by neuron; the others through loops that a compiler can turn into SIMD.
Both compute the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.kernels.compiled import inner, merged
from bioplastic.kernels.sparse.layout import BLOCK, CHANNEL_NUMBERS, EVENT, POPULATION_NUMBERS
from bioplastic.kernels.sparse.layout_neurons import (
    ALONE_STATE,
    EVENT_NUMBERS,
    LINEAR_NUMBERS,
    OFFSET,
    STANDS,
)
from bioplastic.quantize.fixed_point import PROPAGATOR

(STATES, EVENTS, MATRIX, VECTOR, NEURON, ENTRY, FIRST_EVENT, ROW, ALONE, MIXES, BEGIN) = range(
    len(LINEAR_NUMBERS)
)
DEAD, DURATION, LATE = range(len(EVENT_NUMBERS))
BASE, CHANNEL_KIND = CHANNEL_NUMBERS.index("base"), CHANNEL_NUMBERS.index("kind")
OWNER = CHANNEL_NUMBERS.index("population")
PLACE, REFRACTORY = POPULATION_NUMBERS.index("place"), POPULATION_NUMBERS.index("refractory")
UNIT = POPULATION_NUMBERS.index("unit")
Q = PROPAGATOR
HALF = np.int64(1 << (PROPAGATOR - 1))
inlined = merged
"""For loops over a block: a call with its arrays unpacked takes longer than the 32 neurons."""


@inlined
def count_down(refractory: Any, low: Any, high: Any) -> Any:
    """One step less of refractory time in a block; returns what moved and who still waits."""
    moved, waits = np.int32(0), np.int32(0)
    for k in range(np.uint64(low), np.uint64(high)):
        old = refractory[k]
        new = np.int32(old - 1 if old > 0 else 0)
        moved |= new ^ old
        waits |= new
        refractory[k] = new
    return moved, waits


@inlined
def _decay(x: Any, a: Any, p: Any, extra: Any, at: Any, size: Any) -> Any:
    """A state that no other drives: x[a] ← (p x[a] + extra) >> 30; returns what moved."""
    moved = np.int32(0)
    for k in range(np.uint64(size)):
        old = x[np.uint64(a) + k]
        total = np.int64(p) * np.int64(old) + extra[np.uint64(at) + k] + HALF
        new = np.int32(total >> Q)
        moved |= new ^ old
        x[np.uint64(a) + k] = new
    return moved


@inlined
def _sum1(x: Any, a: Any, p: Any, extra: Any, at: Any, new: Any, to: Any, size: Any) -> None:
    """new = (p x[a] + extra) >> 30."""
    for k in range(np.uint64(size)):
        total = np.int64(p) * np.int64(x[np.uint64(a) + k]) + extra[np.uint64(at) + k] + HALF
        new[np.uint64(to) + k] = np.int32(total >> Q)


@inlined
def _sum2(
    x: Any, a: Any, b: Any, p: Any, q: Any, extra: Any, at: Any, new: Any, to: Any, size: Any
) -> None:
    for k in range(np.uint64(size)):
        total = np.int64(p) * np.int64(x[np.uint64(a) + k]) + extra[np.uint64(at) + k] + HALF
        total += np.int64(q) * np.int64(x[np.uint64(b) + k])
        new[np.uint64(to) + k] = np.int32(total >> Q)


@inlined
def _sum3(
    x: Any, a: Any, b: Any, c: Any, p: Any, q: Any, r: Any,
    extra: Any, at: Any, new: Any, to: Any, size: Any,
) -> None:  # fmt: skip
    for k in range(np.uint64(size)):
        total = np.int64(p) * np.int64(x[np.uint64(a) + k]) + extra[np.uint64(at) + k] + HALF
        total += np.int64(q) * np.int64(x[np.uint64(b) + k])
        total += np.int64(r) * np.int64(x[np.uint64(c) + k])
        new[np.uint64(to) + k] = np.int32(total >> Q)


@inlined
def _add(x: Any, a: Any, p: Any, total: Any, size: Any) -> None:
    for k in range(np.uint64(size)):
        total[k] += np.int64(p) * np.int64(x[np.uint64(a) + k])


@inlined
def _row(
    x: Any, column: Any, coefficient: Any, e: Any, last: Any, a: Any, count: Any,
    extra: Any, at: Any, new: Any, to: Any, size: Any,
) -> None:  # fmt: skip
    """New values of one state from entries e..last−1 of its row, at most three."""
    if last - e == 3:
        b, c = a + column[e + 1] * count, a + column[e + 2] * count
        _sum3(
            x, a + column[e] * count, b, c, coefficient[e], coefficient[e + 1],
            coefficient[e + 2], extra, at, new, to, size,
        )  # fmt: skip
    elif last - e == 2:
        b = a + column[e + 1] * count
        _sum2(
            x, a + column[e] * count, b, coefficient[e], coefficient[e + 1], extra, at, new, to,
            size,
        )  # fmt: skip
    elif last - e == 1:
        _sum1(x, a + column[e] * count, coefficient[e], extra, at, new, to, size)
    else:
        _sum1(x, a, np.int32(0), extra, at, new, to, size)


@inlined
def _put(x: Any, a: Any, new: Any, at: Any, size: Any) -> Any:
    """Write the new values of one state; returns what moved."""
    moved = np.int32(0)
    for k in range(np.uint64(size)):
        fresh = new[np.uint64(at) + k]
        moved |= fresh ^ x[np.uint64(a) + k]
        x[np.uint64(a) + k] = fresh
    return moved


@inlined
def _put_free(x: Any, a: Any, new: Any, at: Any, refractory: Any, low: Any, size: Any) -> Any:
    """The same for a state that stands still in refractory neurons."""
    moved = np.int32(0)
    for k in range(np.uint64(size)):
        old, waits = x[np.uint64(a) + k], refractory[np.uint64(low) + k]
        fresh = old if waits > 0 else new[np.uint64(at) + k]
        moved |= fresh ^ old
        x[np.uint64(a) + k] = fresh
    return moved


@inlined
def _new_values(
    x: Any, first_entry: Any, column: Any, coefficient: Any, way: Any, neuron: Any, new: Any,
    total: Any, entry: Any, states: Any, a: Any, at: Any, size: Any, count: Any,
) -> None:  # fmt: skip
    """New values of the states of a block that others drive, into `new`.

    a, at   places in `x` and `neuron` of the first state of the first neuron; states lie `count`
            apart
    """
    for i in range(states):
        e, last = first_entry[entry + i], first_entry[entry + i + 1]
        offset, to = at + i * count, i * BLOCK
        if way[entry + i] & ALONE_STATE:
            continue
        if last - e > 3:
            for k in range(size):
                total[k] = neuron[offset + k]
            while last - e > 3:
                _add(x, a + column[e] * count, coefficient[e], total, size)
                e += 1
            _row(x, column, coefficient, e, last, a, count, total, 0, new, to, size)
        else:
            _row(x, column, coefficient, e, last, a, count, neuron, offset, new, to, size)


@inlined
def _put_all(
    x: Any, first_entry: Any, coefficient: Any, way: Any, neuron: Any, zero: Any, new: Any,
    refractory: Any, waits: Any, low: Any, entry: Any, states: Any, a: Any, at: Any, size: Any,
    count: Any,
) -> Any:  # fmt: skip
    """Write the new values of a block and step the states that stand alone; returns what moved."""
    moved = np.int32(0)
    for i in range(states):
        b, kind = a + i * count, way[entry + i]
        if kind & ALONE_STATE:
            p = coefficient[first_entry[entry + i]]
            if kind & OFFSET:
                moved |= _decay(x, b, p, neuron, at + i * count, size)
            else:
                moved |= _decay(x, b, p, zero, 0, size)
        elif waits and kind & STANDS:
            moved |= _put_free(x, b, new, i * BLOCK, refractory, low, size)
        else:
            moved |= _put(x, b, new, i * BLOCK, size)
    return moved


@inner
def _any_step(x: Any, hold: Any, lin: Any, n: Any, refractory: Any, a: Any, low: Any, size: Any,
              count: Any) -> Any:  # fmt: skip
    """The same step neuron by neuron, with plateaus and the rows of refractory neurons."""
    here, m, moved = a - n[BEGIN], n[STATES], np.int32(0)
    for k in range(size):
        waits = refractory[low + k] > 0
        matrix = n[MATRIX] + (m * m if waits else 0)
        offset = n[NEURON] + (m * count if waits else 0) + here + k
        for i in range(m):
            total = lin.neuron[offset + i * count] + HALF
            for j in range(m):
                p = lin.matrix[matrix + i * m + j]
                total += p * np.int64(x[a + j * count + k])
            for e in range(n[EVENTS]):
                if hold[a + (m + e) * count + k] > 0:
                    drive = n[VECTOR] + m + 3 * m * e + (2 * m if waits else m)
                    total += lin.vector[drive + i]
            lin.new[i * BLOCK + k] = np.int32(total >> Q)
        for e in range(n[EVENTS]):
            at = a + (m + e) * count + k
            if hold[at] > 0:
                hold[at] -= 1
                moved |= np.int32(1)
    for i in range(m):
        moved |= _put(x, a + i * count, lin.new, i * BLOCK, size)
    return moved


@inlined
def _form(
    x: Any, column: Any, coefficient: Any, e: Any, last: Any, a: Any, size: Any, count: Any,
    total: Any,
) -> None:  # fmt: skip
    """total = row·x, entries e..last−1 of the row."""
    for k in range(size):
        total[k] = 0
    while e < last:
        _add(x, a + column[e] * count, coefficient[e], total, size)
        e += 1


@inlined
def _passes(total: Any, theta: Any, at: Any, size: Any) -> Any:
    """Whether any of the block is above theta."""
    above = np.int32(0)
    for k in range(np.uint64(size)):
        above |= np.int32(1) if total[k] > theta[np.uint64(at) + k] else np.int32(0)
    return above


@inlined
def _passes_alone(x: Any, a: Any, p: Any, theta: Any, at: Any, size: Any) -> Any:
    """The same for a row of one entry, +1 or −1."""
    above = np.int32(0)
    for k in range(np.uint64(size)):
        value = np.int64(p) * np.int64(x[np.uint64(a) + k])
        above |= np.int32(1) if value > theta[np.uint64(at) + k] else np.int32(0)
    return above


@inner
def advance_linear(
    x: Any, pops: Any, lin: Any, channels: Any, p: Any, total: Any, step: Any,
    units: Any, count: Any, out: Any, executed: Any,
) -> Any:  # fmt: skip
    """Integrate the awake blocks of linear population p, note events, append who spikes."""
    n = lin.number[pops.number[p, PLACE]]
    column, coefficient, way, neuron = lin.column, lin.coefficient, lin.way, lin.neuron
    first_entry, first_row, zero, new = lin.first_entry, lin.first_row, lin.zero, lin.new
    row_column, row_coefficient, hold = lin.row_column, lin.row_coefficient, x.hold
    state, refractory, entry, states, row = x.current, x.refractory, n[ENTRY], n[STATES], n[ROW]
    every = pops.first[p + 1] - pops.first[p]
    start = channels.number[pops.first_channel[p], BASE]
    theta = n[NEURON] + 2 * states * every
    for b in range(pops.first_block[p], pops.first_block[p + 1]):
        if not x.active[b]:
            continue
        low, size = pops.block_low[b], pops.block_high[b] - pops.block_low[b]
        here = low - pops.first[p]
        a, at = start + here, n[NEURON] + here
        moved, waits = count_down(refractory, low, low + size)
        lasts = np.int32(0)
        for e in range(n[EVENTS]):
            lasts |= _any_left(hold, a + (states + e) * every, size)
        if lasts or (waits and n[MIXES]):
            moved |= _any_step(state, hold, lin, n, refractory, a, low, size, every)
        else:
            _new_values(
                state, first_entry, column, coefficient, way, neuron, new, total,
                entry, states, a, at, size, every,
            )  # fmt: skip
            moved |= _put_all(
                state, first_entry, coefficient, way, neuron, zero, new, refractory, waits, low,
                entry, states, a, at, size, every,
            )  # fmt: skip
        for e in range(n[EVENTS]):
            k, last, level = first_row[row + e + 1], first_row[row + e + 2], theta + (e + 1) * every
            _form(state, row_column, row_coefficient, k, last, a, size, every, total)
            if _passes(total, neuron, level + here, size):
                moved |= np.int32(1)
                slot, dead = a + (states + e) * every, lin.event[n[FIRST_EVENT] + e, DEAD]
                _note(x, total, neuron, level + here, slot, dead, step, size, out)
        k, last, level = first_row[row], first_row[row + 1], theta + here
        if n[ALONE]:
            only = a + row_column[k] * every
            above = _passes_alone(state, only, row_coefficient[k], neuron, level, size)
        else:
            _form(state, row_column, row_coefficient, k, last, a, size, every, total)
            above = _passes(total, neuron, level, size)
        if above:
            _form(state, row_column, row_coefficient, k, last, a, size, every, total)
            for k in range(size):
                if total[k] > neuron[level + k] and refractory[low + k] == 0:
                    refractory[low + k] = pops.number[p, REFRACTORY]
                    units[count] = pops.number[p, UNIT] + here + k
                    count += 1
        x.active[b] = (moved | above) != 0
        out.counters[executed] += size
    return count


@inlined
def _any_left(hold: Any, low: Any, size: Any) -> Any:
    """Whether a plateau lasts in a block."""
    lasts = np.int32(0)
    for k in range(np.uint64(size)):
        lasts |= hold[np.uint64(low) + k]
    return lasts


@inner
def _note(
    x: Any, total: Any, theta: Any, at: Any, slot: Any, dead: Any, step: Any, size: Any, out: Any
) -> None:
    """Write the events of a block to the output; they happen in the reset slot."""
    for k in range(size):
        if total[k] > theta[at + k] and step - x.trace_step[slot + k] >= dead:
            out.onset_step[out.written[1]], out.onset_slot[out.written[1]] = step, slot + k
            out.written[1] += 1


@inner
def add_unless_refractory(
    x: Any, base: Any, neuron: Any, weight: Any, size: Any, scale: Any, post: Any, first: Any,
    blocks: Any,
) -> None:  # fmt: skip
    """A row of synapses onto a state whose arrivals are lost while its neuron is refractory."""
    for k in range(size):
        j = np.int64(post[first + k])
        if x.refractory[neuron + j] == 0:
            x.current[base + j] += np.int32(weight[k] * scale)
            x.active[blocks + j // BLOCK] = 1


@inner
def _apply(x: Any, lin: Any, m: Any, matrix: Any, vector: Any, a: Any, count: Any) -> None:
    """x ← (matrix x + vector + 2²⁹) >> 30 for the neuron whose first state is at `a`."""
    for i in range(m):
        total = lin.vector[vector + i] + HALF
        for j in range(m):
            p = lin.matrix[matrix + i * m + j]
            if p:
                total += p * np.int64(x[a + j * count])
        lin.jump[i] = np.int32(total >> Q)
    for i in range(m):
        x[a + i * count] = lin.jump[i]


@inner
def reset_linear(x: Any, pops: Any, lin: Any, channels: Any, p: Any, k: Any) -> None:
    """What a spike of neuron k does."""
    n = lin.number[pops.number[p, PLACE]]
    count, m = pops.first[p + 1] - pops.first[p], n[STATES]
    a = channels.number[pops.first_channel[p], BASE] + k - pops.first[p]
    _apply(x.current, lin, m, n[MATRIX] + 2 * m * m, n[VECTOR], a, count)
    x.active[pops.first_block[p] + (k - pops.first[p]) // BLOCK] = 1


@inner
def happen(
    x: Any, pops: Any, lin: Any, channels: Any, out: Any, begun: Any, step: Any, late: Any
) -> None:
    """Apply the events of this step, early or late ones, in the order in which they were noted."""
    for at in range(begun, out.written[1]):
        slot = out.onset_slot[at]
        for c in range(len(channels.number)):
            p = channels.number[c, OWNER]
            count, base = pops.first[p + 1] - pops.first[p], channels.number[c, BASE]
            if channels.number[c, CHANNEL_KIND] != EVENT or not base <= slot < base + count:
                continue
            n = lin.number[pops.number[p, PLACE]]
            m = n[STATES]
            e = c - pops.first_channel[p] - m
            event = lin.event[n[FIRST_EVENT] + e]
            if event[LATE] != late:
                continue
            k = slot - base
            a = channels.number[pops.first_channel[p], BASE] + k
            matrix, vector = n[MATRIX] + (3 + e) * m * m, n[VECTOR] + m + 3 * m * e
            _apply(x.current, lin, m, matrix, vector, a, count)
            x.hold[slot], x.trace_step[slot] = event[DURATION], step
            x.active[pops.first_block[p] + k // BLOCK] = 1
