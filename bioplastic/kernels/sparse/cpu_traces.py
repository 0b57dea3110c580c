"""Plasticity of weights in the fast executor: pair STDP and programs on traces (numba).

An event is the arrival of a group or the spike of a post neuron. Its synapses are a row or a
column; what differs along it (traces of the other side, weights, dithers) is brought together in
contiguous buffers, and every pass over them is a loop that the compiler can turn into SIMD code.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bioplastic.kernels.compiled import inner, merged
from bioplastic.kernels.sparse.cpu_weights import (
    COL,
    COLUMN,
    FULL,
    GROUPS,
    HIGH,
    LOW,
    ON_END,
    ON_POST,
    ON_PRE,
    POST_TRACES,
    POSTS,
    PRE_TRACES,
    ROW,
    SHIFT,
    STRIDE,
    SYN,
    TRACE_FIRST,
    WEIGHT,
    WIDE,
    U,
    column_places,
    put_column,
    put_row,
    take_column,
    take_row,
)
from bioplastic.kernels.sparse.layout_rule import CHANGE, JUMP
from bioplastic.kernels.sparse.layout_synapses import Projections
from bioplastic.philox import philox4x32
from bioplastic.quantize import fixed_point as fp

PRE, POST = 0, 1
TABLE_HALF, TABLE = 1 << (fp.TABLE - 1), fp.TABLE
TRACE_HALF, TRACE, TRACE_ONE = 1 << (fp.TRACE - 1), fp.TRACE, fp.TRACE_ONE
TRACE_MAX, DITHER = np.int64(fp.TRACE_MAX), fp.DITHER
MASK = U(0xFFFFFFFF)  # tells the compiler that 32-bit products will do
SIZE_MAX = np.int64(1 << 30)  # a step beyond every range of weights, Q8


class Scratch(NamedTuple):
    """Buffers of one event, as long as the longest row, column or side of what learns."""

    weight: np.ndarray  # int32
    size: np.ndarray  # int32, Q8
    total: np.ndarray  # int64
    product: np.ndarray  # int32, Q20
    first: np.ndarray  # int32, factors of a term
    second: np.ndarray
    now: np.ndarray  # (traces of a side, length) int32: all traces of the other side in this step
    places: np.ndarray  # int64
    known: np.ndarray  # (2,) Change and step that `size` belongs to
    words: np.ndarray  # uint32
    dither: np.ndarray  # uint8, the same memory


def buffers_of(s: Projections) -> Scratch:
    """Fresh buffers for the events of all projections."""
    ends = (s.row_ptr, s.col_ptr)
    length = max((int(np.max(np.diff(e), initial=0)) for e in ends), default=0)
    for row in s.number:
        if row[ON_END]:
            length = max(length, int(row[GROUPS]), int(row[POSTS]))
    traces = int(np.max(s.number[:, [PRE_TRACES, POST_TRACES]], initial=1))
    length = (length + 63) // 32 * 32
    words = np.zeros(length // 4 + 4, np.uint32)
    return Scratch(
        weight=np.zeros(length, np.int32),
        size=np.zeros(length, np.int32),
        total=np.zeros(length, np.int64),
        product=np.zeros(length, np.int32),
        first=np.zeros(length, np.int32),
        second=np.zeros(length, np.int32),
        now=np.zeros((traces, length), np.int32),
        places=np.zeros(length, np.int64),
        known=np.full(2, -1, np.int64),
        words=words,
        dither=words.view(np.uint8),
    )


@inner
def read(value: Any, last: Any, at: Any, step: Any, decay: Any, low: Any, length: Any) -> Any:
    """Trace at place `at`, decayed to `step`."""
    age = step - last[U(at)]
    if age >= length:
        return np.int64(0)
    return (value[U(at)] * np.int64(decay[U(low + age)]) + TABLE_HALF) >> TABLE


@inner
def read_all(
    value: Any,
    last: Any,
    at: Any,
    size: Any,
    step: Any,
    decay: Any,
    low: Any,
    length: Any,
    out: Any,
) -> None:
    """out[:size] = traces from place `at` on."""
    for k in range(U(size)):
        age = step - last[U(at) + k]
        factor = np.int64(decay[U(low + min(age, length - 1))]) * np.int64(age < length)
        out[k] = (np.int64(np.int32(value[U(at) + k])) * factor + TABLE_HALF) >> TABLE


@inner
def jump(value: Any, last: Any, at: Any, amount: Any, step: Any, decay: Any, low: Any,
         length: Any) -> Any:  # fmt: skip
    """Decay a trace to `step` and add `amount`; returns 1 when it saturated."""
    wanted = read(value, last, at, step, decay, low, length) + amount
    kept = min(max(wanted, -TRACE_MAX), TRACE_MAX)
    value[at], last[at] = kept, step
    return np.int64(kept != wanted)


@inner
def refresh(
    value: Any, last: Any, trace: Any, first: Any, end: Any, size: Any, step: Any, decay: Any,
    now: Any,
) -> None:  # fmt: skip
    """Read all traces first..end−1, which lie opposite to the events of this step."""
    for t in range(first, end):
        read_all(
            value, last, trace[t, 0], size, step, decay, trace[t, 1], trace[t, 2], now[t - first]
        )


@inner
def gather(now: Any, index: Any, first: Any, size: Any, out: Any) -> None:
    """out[:size] = traces that `refresh` has read, for the synapses from place `first` on."""
    at = U(first)
    for k in range(U(size)):
        out[k] = now[U(index[at + k])]


@inner
def gather_read(
    value: Any, last: Any, base: Any, index: Any, first: Any, size: Any, step: Any, decay: Any,
    low: Any, length: Any, out: Any,
) -> None:  # fmt: skip
    """The same for traces that nobody has read."""
    at = U(first)
    for k in range(U(size)):
        out[k] = read(value, last, base + np.int64(index[at + k]), step, decay, low, length)


@inner
def scale(one: Any, scalar: Any, size: Any, out: Any) -> None:
    """Traces along an event times a trace of its own, Q20."""
    factor = np.int64(np.int32(scalar))
    for k in range(U(size)):
        out[k] = (factor * np.int64(one[k]) + TRACE_HALF) >> TRACE


@inner
def multiply(one: Any, other: Any, size: Any, out: Any) -> None:
    """Products of traces, Q20."""
    for k in range(U(size)):
        out[k] = (np.int64(one[k]) * np.int64(other[k]) + TRACE_HALF) >> TRACE


@inner
def weigh(
    total: Any, product: Any, weight: Any, step: Any, low: Any, shift: Any, size: Any
) -> None:
    """total += entry of the weight · product."""
    for k in range(U(size)):
        entry = step[U((np.int64(weight[k]) - low) >> shift)]
        total[k] += np.int64(entry) * np.int64(product[k])


@inner
def weigh_alike(total: Any, product: Any, entry: Any, size: Any) -> None:
    """total += entry · product, for a term that does not read the weight."""
    c = np.int64(np.int32(entry))
    for k in range(U(size)):
        total[k] += c * np.int64(product[k])


@inner
def to_eighths(total: Any, size: Any, bits: Any, out: Any) -> None:
    """Round sums to Q8, nearest; what lies far outside every range of weights is clipped."""
    if bits == 32:  # the sum is below 2^62
        for k in range(U(size)):
            out[k] = (total[k] + np.int64(1 << 31)) >> 32
        return
    half = np.int64(1) << (bits - 1)
    for k in range(U(size)):
        out[k] = min(max((total[k] + half) >> bits, -SIZE_MAX), SIZE_MAX)


@inner
def one_term(product: Any, entry: Any, size: Any, bits: Any, out: Any) -> None:
    """The same for a change of one term that does not read the weight."""
    c = np.int64(np.int32(entry))
    if bits == 32:
        for k in range(U(size)):
            out[k] = (c * np.int64(product[k]) + np.int64(1 << 31)) >> 32
        return
    half = np.int64(1) << (bits - 1)
    for k in range(U(size)):
        out[k] = min(max((c * np.int64(product[k]) + half) >> bits, -SIZE_MAX), SIZE_MAX)


@inner
def throw(words: Any, place: Any, size: Any, step: Any, kind: Any, q: Any, seed: Any) -> Any:
    """Draw the dithers of `size` places from `place` on; returns where the first one stands."""
    first = place >> 4
    c1, c2, c3, key = U(step) & MASK, U(kind) & MASK, U(q) & MASK, U(seed) & MASK
    for k in range(U(((place + size + 15) >> 4) - first)):
        w0, w1, w2, w3 = philox4x32((U(first) + k) & MASK, c1, c2, c3, key, U(0))
        at = k * U(4)
        words[at], words[at + U(1)], words[at + U(2)], words[at + U(3)] = w0, w1, w2, w3
    return place & 15


@inner
def settle(weight: Any, step: Any, dither: Any, off: Any, size: Any, sign: Any, low: Any,
           high: Any) -> Any:  # fmt: skip
    """w ← clip(w + sign·((step + dither) >> 8)); returns how many moved, how many hit a bound."""
    moved, hit = np.int32(0), np.int32(0)
    for k in range(U(size)):
        eighths = np.int32(step[k] + np.int32(dither[U(off) + k]))
        wanted = np.int32(weight[k] + np.int32(sign * np.int32(eighths >> DITHER)))
        kept = min(max(wanted, low), high)
        moved = np.int32(moved + np.int32(step[k] != 0))
        hit = np.int32(hit + np.int32(kept != wanted))
        weight[k] = kept
    return np.int64(moved), np.int64(hit)


@merged
def sizes(
    e: Any, s: Any, b: Any, n: Any, side: Any, number: Any, own: Any, low: Any, size: Any,
    dense: Any, step: Any,
) -> None:  # fmt: skip
    """b.size = the steps of one Change along the row or column whose weights are in b.weight, Q8.

    Steps that depend on the traces of a full other side alone are the same for all events of a
    step: b.known says which Change they are of.
    """
    first, end, bits = s.change[number, 0], s.change[number, 1], s.change[number, 2]
    middle = n[TRACE_FIRST] + n[PRE_TRACES]
    alone = end - first == 1 and s.term[first, 0] == 1
    alike = alone and n[FULL] and s.term[first, 2] < 0 and s.term[first, 1] >= 0
    alike = alike and (s.term[first, 1] < middle) == (side == POST)
    if alike and b.known[0] == number and b.known[1] == step:
        return
    b.known[0], b.known[1] = number if alike else -1, step
    if not alone:
        b.total[:size] = 0
    place = low + (n[SYN] if side == PRE else n[COLUMN])
    for term in range(first, end):
        scalar, vectors, plain = np.int64(TRACE_ONE), 0, True
        one, other, product = b.first, b.second, b.product
        for f in range(1, 3):
            t = s.term[term, f]
            if t < 0:
                continue
            at, entry, length = s.trace[t, 0], s.trace[t, 1], s.trace[t, 2]
            if (t < middle) == (side == PRE):
                mine = read(e.value, e.last, at + own, step, s.decay, entry, length)
                scalar, plain = (scalar * mine + TRACE_HALF) >> TRACE, False
                continue
            now = b.now[t - (middle if side == PRE else n[TRACE_FIRST])]
            found = other if vectors else one
            if n[FULL]:
                found = now
            elif dense:
                gather(now, e.index, place, size, found)
            else:
                gather_read(
                    e.other_value, e.other_last, at, e.index, place, size, step, s.decay, entry,
                    length, found,
                )  # fmt: skip
            if vectors:
                other = found
            else:
                one = found
            vectors += 1
        if vectors == 2:
            multiply(one, other, size, product)
        elif vectors and plain:
            product = one
        elif vectors:
            scale(one, scalar, size, product)
        else:
            product[:size] = np.int32(scalar)
        if alone:
            one_term(product, s.step[term, 0], size, bits, b.size)
        elif s.term[term, 0]:
            weigh_alike(b.total, product, s.step[term, 0], size)
        else:
            weigh(b.total, product, b.weight, s.step[term], n[LOW], n[SHIFT], size)
    if not alone:
        to_eighths(b.total, size, bits, b.size)


@merged
def take(
    narrow: Any, wide: Any, n: Any, side: Any, own: Any, low: Any, size: Any, places: Any, out: Any
) -> None:
    """Bring the weights of an event into `out`."""
    if side == PRE and n[WIDE]:
        take_row(wide, n[WEIGHT], low, size, n[STRIDE], own, out)
    elif side == PRE:
        take_row(narrow, n[WEIGHT], low, size, n[STRIDE], own, out)
    elif n[WIDE]:
        take_column(wide, n[WEIGHT], places, size, n[STRIDE], own, out)
    else:
        take_column(narrow, n[WEIGHT], places, size, n[STRIDE], own, out)


@merged
def put(
    narrow: Any, wide: Any, n: Any, side: Any, own: Any, low: Any, size: Any, places: Any, new: Any
) -> None:
    """Put the weights of an event back."""
    if side == PRE and n[WIDE]:
        put_row(wide, n[WEIGHT], low, size, n[STRIDE], own, new)
    elif side == PRE:
        put_row(narrow, n[WEIGHT], low, size, n[STRIDE], own, new)
    elif n[WIDE]:
        put_column(wide, n[WEIGHT], places, size, n[STRIDE], own, new)
    else:
        put_column(narrow, n[WEIGHT], places, size, n[STRIDE], own, new)


@merged
def event(
    e: Any, s: Any, b: Any, n: Any, q: Any, side: Any, own: Any, dense: Any, step: Any, seed: Any
) -> Any:
    """Run the statements of one side for one group or post neuron; returns updates, saturations."""
    at, first, end = n[ROW] + own, n[ON_PRE], n[ON_POST]
    if side == POST:
        at, first, end = n[COL] + own, n[ON_POST], n[ON_END]
    low = e.ptr[at]
    size = e.ptr[at + 1] - low
    kind, updates, saturated, taken = side, np.int64(0), np.int64(0), False
    for number in range(first, end):
        code, what, amount = s.statement[number, 0], s.statement[number, 1], s.statement[number, 2]
        if code == CHANGE:
            if not taken:
                if side == POST and n[STRIDE] == 0:
                    column_places(s.row_ptr, e.index, s.col_rank, n, low, size, b.places)
                take(s.plastic8, s.plastic16, n, side, own, low, size, b.places, b.weight)
                taken = True
            sizes(e, s, b, n, side, what, own, low, size, dense, step)
            off = throw(b.words, low, size, step, kind, q, seed)
            moved, hit = settle(
                b.weight, b.size, b.dither, off, size, np.int32(s.change[what, 3]),
                np.int32(n[LOW]), np.int32(n[HIGH]),
            )  # fmt: skip
            updates, saturated, kind = updates + moved, saturated + hit, kind + 2
            continue
        at = s.trace[what, 0] + own
        if code == JUMP:
            saturated += jump(
                e.value, e.last, at, amount, step, s.decay, s.trace[what, 1], s.trace[what, 2]
            )
        else:
            e.value[at], e.last[at] = amount, step
    if taken:
        put(s.plastic8, s.plastic16, n, side, own, low, size, b.places, b.weight)
    return updates, saturated
