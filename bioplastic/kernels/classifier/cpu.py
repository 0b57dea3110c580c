"""The fused loop on one CPU thread (numba): the steps of the sparse specification, in its order.

integrate → threshold and winners → arrivals → traces and changes at pre → changes at post → reset.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from bioplastic.kernels.compiled import inner
from bioplastic.philox import philox4x32
from bioplastic.quantize import fixed_point as fp

Q = np.int64(fp.PROPAGATOR)
HALF = np.int64(1 << (fp.PROPAGATOR - 1))
TABLE, TABLE_HALF = np.int64(fp.TABLE), np.int64(1 << (fp.TABLE - 1))
TRACE_MAX, TRACE_ONE = np.int64(fp.TRACE_MAX), np.int64(fp.TRACE_ONE)
DITHER = np.int64(fp.DITHER)
PRE, POST = 0, 1
EVENTS, UPDATES, SATURATIONS, SPIKES = 0, 1, 2, 3


@inner
def _integrate(v: Any, current: Any, refractory: Any, n: Any) -> Any:
    """One step of all neurons; whether one of them is above threshold and free."""
    pvv, pii, pvi, v_th = np.int64(n.pvv), np.int64(n.pii), np.int64(n.pvi), np.int64(n.v_th)
    above = np.int32(0)
    for j in range(len(v)):
        old, i = np.int64(v[j]), np.int64(current[j])
        left = max(refractory[j] - np.int32(1), np.int32(0))
        new = np.int32((pvv * old + pvi * i + HALF) >> Q)
        refractory[j] = left
        current[j] = np.int32((pii * i + HALF) >> Q)
        v[j] = new if left == 0 else v[j]
        above = np.int32(above + np.int32((left == 0) & (np.int64(v[j]) > v_th)))
    return above


@inner
def _win(v: Any, refractory: Any, v_th: Any, left: Any, found: Any) -> Any:
    """The `left` neurons that are furthest above threshold, ascending; how many they are."""
    count = 0
    for _ in range(left):
        best, margin = -1, np.int64(0)
        for j in range(len(v)):
            far = np.int64(v[j]) - np.int64(v_th)
            if far <= margin or refractory[j]:
                continue
            taken = False
            for k in range(count):
                taken = taken or found[k] == j
            if not taken:
                best, margin = j, far
        if best < 0:
            break
        found[count] = best
        count += 1
    for k in range(1, count):  # numba's sort would allocate
        own, at = found[k], k
        while at and found[at - 1] > own:
            found[at] = found[at - 1]
            at -= 1
        found[at] = own
    return count


@inner
def _dithers(first: Any, size: Any, step: Any, kind: Any, number: Any, seed: Any, out: Any) -> None:
    """Dithers of `size` places from `first` on: byte place mod 16 of the call of each block."""
    place, end = np.int64(first), np.int64(first) + size
    while place < end:
        a, b, c, d = philox4x32(place >> 4, step, kind, number, seed, 0)
        stop = min((place | 15) + 1, end)
        for at in range(place, stop):
            low = at & 15
            word = np.int64(a) if low < 4 else np.int64(b)
            if low >= 8:
                word = np.int64(c) if low < 12 else np.int64(d)
            out[at - first] = (word >> (8 * (low & 3))) & 255
        place = stop


@inner
def _change(w: Any, change: Any, s: Any, x: Any, dither: Any, counters: Any) -> Any:
    """The new weight after one change at trace x; counts it unless it is nothing."""
    e = (np.int64(w) - s.low) >> s.entry
    total = change.towards[e] * x + change.constant[e] * TRACE_ONE
    size = (total + (np.int64(1) << (change.shift - 1))) >> change.shift
    if size == 0:
        return np.int64(w)
    wanted = np.int64(w) + ((size + dither) >> DITHER)
    kept = min(max(wanted, np.int64(s.low)), np.int64(s.high))
    counters[UPDATES] += 1
    counters[SATURATIONS] += kept != wanted
    return kept


@inner
def _aged(value: Any, age: Any, table: Any) -> Any:
    """A trace of that age."""
    if age >= len(table):
        return np.int64(0)
    return (value * np.int64(table[age]) + TABLE_HALF) >> TABLE


@inner
def _arrive(s: Any, row: Any, total: Any) -> Any:
    """Add one row of weights; how many are not zero."""
    w, open_ = s.weight[row], np.int32(0)
    for j in range(len(total)):
        total[j] += np.int32(w[j])
        open_ += np.int32(w[j] != 0)
    return np.int64(open_)


@inner
def _deliver(s: Any, total: Any, current: Any) -> None:
    """Scale the summed weights into the currents and clear the sums."""
    scale = np.int64(s.scale)
    for j in range(len(total)):
        current[j] = np.int32(np.int64(current[j]) + np.int64(total[j]) * scale)
        total[j] = 0


@inner
def _jump(value: Any, last: Any, i: Any, amount: Any, step: Any, table: Any) -> Any:
    """Let the trace of a pixel jump; 1 when it saturates."""
    wanted = _aged(value[i], step - last[i], table) + amount
    kept = min(max(wanted, -TRACE_MAX), TRACE_MAX)
    value[i], last[i] = kept, step
    return np.int64(kept != wanted)


@inner
def _learn_post(
    image: Any, clock: Any, value: Any, last: Any, table: Any, j: Any, step: Any, seed: Any,
    dither: Any, counters: Any,
) -> None:  # fmt: skip
    """All changes onto neuron j at its spike."""
    size = len(image.weight)
    if image.on_post.number:
        _dithers(np.int64(j) * size, size, step, POST, image.place, seed, dither)
        for i in range(size):
            x = _aged(value[i], step - last[i], table)
            image.weight[i, j] = _change(
                image.weight[i, j], image.on_post, image, x, dither[i], counters
            )
    if clock.on_post.number:
        _dithers(np.int64(j), 1, step, POST, clock.place, seed, dither)
        clock.weight[0, j] = _change(
            clock.weight[0, j], clock.on_post, clock, np.int64(0), dither[0], counters
        )


@nb.njit(cache=True)
def advance(
    v: Any, current: Any, refractory: Any, left: Any, n: Any, image: Any, clock: Any,
    value: Any, last: Any, jump: Any, table: Any,
    steps: Any, pixels: Any, ticks: Any, start: Any, end: Any, seed: Any,
    out_step: Any, out_id: Any, counters: Any,
) -> None:  # fmt: skip
    """Steps start … end − 1; given spikes are ordered, from start − 1 on; arrays change in place.

    steps, pixels (E,)   spikes of pixels       ticks (C,)   steps of clock spikes
    value, last (P,)     pre traces, empty when the image projection is static
    """
    next_pixel, next_tick = 0, 0
    total = np.zeros(len(v), np.int32)
    found = np.zeros(len(v), np.int64)
    dither = np.zeros(max(len(v), len(image.weight)), np.int64)
    for step in range(start, end):
        above = _integrate(v, current, refractory, n)
        if n.cycle and step % n.cycle == 0:
            left[0] = n.winners
        count = 0
        if above and left[0] > 0:
            count = _win(v, refractory, n.v_th, left[0], found)
            left[0] -= count
        first, tick = next_pixel, next_tick
        while next_pixel < len(steps) and steps[next_pixel] < step:
            counters[EVENTS] += _arrive(image, pixels[next_pixel], total)
            next_pixel += 1
        if next_pixel > first:
            _deliver(image, total, current)
        while next_tick < len(ticks) and ticks[next_tick] < step:
            counters[EVENTS] += _arrive(clock, 0, total)
            next_tick += 1
        if next_tick > tick:
            _deliver(clock, total, current)
        if len(value):
            for k in range(first, next_pixel):
                counters[SATURATIONS] += _jump(value, last, pixels[k], jump, step, table)
        if clock.on_pre.number and next_tick > tick:
            _dithers(np.int64(0), len(v), step, PRE, clock.place, seed, dither)
            for j in range(len(v)):
                clock.weight[0, j] = _change(
                    clock.weight[0, j], clock.on_pre, clock, np.int64(0), dither[j], counters
                )
        for k in range(count):
            j = found[k]
            _learn_post(image, clock, value, last, table, j, step, seed, dither, counters)
            out_step[counters[SPIKES]], out_id[counters[SPIKES]] = step, j
            counters[SPIKES] += 1
        for k in range(count):
            v[found[k]], refractory[found[k]] = n.v_reset, n.refractory
