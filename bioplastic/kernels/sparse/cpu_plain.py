"""The step loop of the fast executor for plain networks: static synapses onto simple LIF neurons.

What such a network does not have costs nothing here: no rules, no branches, no competitions. Its
neurons go sixteen at a time. One step in sixteen looks for blocks in which nothing moved; they rest
until a spike arrives.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.kernels.compiled import entry, inner, merged
from bioplastic.kernels.lanes import (
    LANES,
    add_product,
    bits,
    differences,
    evens,
    greater,
    join,
    load,
    longs,
    odds,
    prefetch,
    select,
    some,
    store,
    words,
)
from bioplastic.kernels.sparse.cpu_events import EVENTS, EXECUTED, SPIKES
from bioplastic.kernels.sparse.cpu_ring import emit_given, slot_of
from bioplastic.kernels.sparse.cpu_weights import (
    DELAYS,
    FULL,
    PRE_GROUP,
    PRE_UNIT,
    ROW,
    SCALE,
    SYN,
    WEIGHT,
    WIDE,
    U,
)
from bioplastic.kernels.sparse.layout import BLOCK
from bioplastic.kernels.sparse.layout_plain import ASLEEP, AWAKE, MIXED, NEVER, PLAIN_NUMBERS
from bioplastic.quantize.fixed_point import PROPAGATOR

(FIRST, END, SIZE, CHANNELS, GROUP, UNIT, PVV, PV1, PV2, P11, P22, V_TH, V_RESET, REFRACTORY,
 OFFSET, SPREAD) = range(len(PLAIN_NUMBERS))  # fmt: skip
HALF = np.int64(1 << (PROPAGATOR - 1))
AHEAD, LINE = 16, 32
"""Rows that are asked for before the first of them is added, and post neurons of a cache line."""
QUIET = 15
"""In one step of 16 every block is asked whether anything moved."""


@inner
def _append(units: Any, count: Any, first: Any, above: Any) -> Any:
    """Append unit first + k for every bit k of `above`; returns the new length."""
    for k in range(LANES):
        if (above >> np.uint32(k)) & np.uint32(1):
            units[count] = first + k
            count += 1
    return count


@merged
def _integrate(
    x: Any, n: Any, low: Any, high: Any, now: Any, units: Any, count: Any, channels: Any, asked: Any
) -> Any:  # fmt: skip
    """One step of the blocks from place `low` to `high`; append who is above threshold to `units`.

    channels, asked   literals: how many currents there are, and whether blocks may fall asleep
    """
    half, time, level = longs(HALF), words(np.int32(now)), words(np.int32(n[V_TH]))
    never = words(np.int32(NEVER - 1))
    pvv, p11, p22 = np.int32(n[PVV]), np.int32(n[P11]), np.int32(n[P22])
    pv1, pv2 = np.int32(n[PV1]), np.int32(n[PV2])
    v, until, current, even, odd = x.v, x.until, x.current, x.even, x.odd
    first, pull, spread = n[FIRST], n[OFFSET], n[SPREAD]
    other, shift = U(len(v)), n[UNIT] - first
    for block in range(low, high, BLOCK):
        moved, stays = words(np.int32(0)), True
        for at in range(block, block + BLOCK, LANES):
            i, o = U(at), U(pull + ((at - first) >> 1) * spread)
            old = load(v, i)
            e = add_product(load(even, o), evens(old), pvv)
            d = add_product(load(odd, o), odds(old), pvv)
            if channels > 0:
                one = load(current, i)
                a, b = evens(one), odds(one)
                e, d = add_product(e, a, pv1), add_product(d, b, pv1)
                new = join(add_product(half, a, p11), add_product(half, b, p11))
                store(current, i, new)
                if asked:
                    moved = differences(moved, new, one)
            if channels > 1:
                two = load(current, other + i)
                a, b = evens(two), odds(two)
                e, d = add_product(e, a, pv2), add_product(d, b, pv2)
                new = join(add_product(half, a, p22), add_product(half, b, p22))
                store(current, other + i, new)
                if asked:
                    moved = differences(moved, new, two)
            ready = load(until, i)
            waits = greater(ready, time)
            fresh = select(waits, old, join(e, d))
            store(v, i, fresh)
            above = bits(greater(fresh, level), waits)
            if above:
                count = _append(units, count, at + shift, above)
            if asked:
                moved = differences(moved, fresh, old)
                unused = greater(ready, never)
                stays = stays and not above and not bits(waits, unused)
        if asked:
            x.active[block // BLOCK] = some(moved) or not stays
    return count


@inner
def _population(
    x: Any, p: Any, low: Any, high: Any, now: Any, units: Any, count: Any, asked: Any
) -> Any:
    """The same for population p, whatever its number of currents."""
    n = x.number[p]
    if asked:
        if n[CHANNELS] == 0:
            return _integrate(x, n, low, high, now, units, count, 0, True)
        if n[CHANNELS] == 1:
            return _integrate(x, n, low, high, now, units, count, 1, True)
        return _integrate(x, n, low, high, now, units, count, 2, True)
    if n[CHANNELS] == 0:
        return _integrate(x, n, low, high, now, units, count, 0, False)
    if n[CHANNELS] == 1:
        return _integrate(x, n, low, high, now, units, count, 1, False)
    return _integrate(x, n, low, high, now, units, count, 2, False)


@inner
def _advance_population(
    x: Any, p: Any, now: Any, asked: Any, units: Any, count: Any, counters: Any
) -> Any:
    """Integrate what is awake of population p; returns the new length of `units`."""
    first, end, size = x.number[p, FIRST], x.number[p, END], x.number[p, SIZE]
    if x.rest[p] == AWAKE:
        counters[EXECUTED] += size
        count = _population(x, p, first, end, now, units, count, asked)
    else:
        low = high = first
        while low < end:
            if not x.active[low // BLOCK]:
                low += BLOCK
                continue
            high = low + BLOCK
            while high < end and x.active[high // BLOCK]:
                high += BLOCK
            counters[EXECUTED] += min(high, first + size) - low
            count = _population(x, p, low, high, now, units, count, asked)
            low = high
    if asked:
        awake = 0
        for block in range(first // BLOCK, end // BLOCK):
            awake += x.active[block]
        x.rest[p] = MIXED
        if awake == 0:
            x.rest[p] = ASLEEP
        elif awake == (end - first) // BLOCK:
            x.rest[p] = AWAKE
    return count


@inner
def _wake(x: Any, p: Any, post: Any, low: Any, high: Any) -> None:
    """Wake the blocks of the post neurons low..high−1 of a row."""
    first = U(x.number[p, FIRST] // BLOCK)
    for k in range(U(low), U(high)):
        x.active[first + U(post[k]) // U(BLOCK)] = 1
    x.rest[p] = min(x.rest[p], MIXED)


@inner
def _add_alike(current: Any, base: Any, post: Any, low: Any, size: Any, amount: Any) -> None:
    """The same amount onto every post neuron of a row."""
    a, first = U(base), U(low)
    for k in range(U(size)):
        current[a + U(post[first + k])] += amount


@inner
def _add_full(current: Any, base: Any, weight: Any, at: Any, size: Any, scale: Any) -> None:
    """A row onto all post neurons, in their order."""
    a, first = U(base), U(at)
    for k in range(U(size)):
        current[a + k] += np.int32(np.int32(weight[first + k]) * scale)


@inner
def _add_listed(
    current: Any, base: Any, post: Any, low: Any, weight: Any, at: Any, size: Any, scale: Any
) -> None:
    """A row onto the post neurons that `post` lists from `low` on, weights from `at` on."""
    a, first, w = U(base), U(low), U(at)
    for k in range(U(size)):
        current[a + U(post[first + k])] += np.int32(np.int32(weight[w + k]) * scale)


@inner
def _open(weight: Any, at: Any, size: Any) -> Any:
    """How many weights are not zero."""
    found, first = np.int32(0), U(at)
    for k in range(U(size)):
        found = np.int32(found + np.int32(weight[first + k] != 0))
    return np.int64(found)


@inner
def _row(
    current: Any, base: Any, post: Any, low: Any, weight: Any, at: Any, size: Any, scale: Any,
    full: Any, closed: Any,
) -> Any:  # fmt: skip
    """One row of weights; returns how many are not zero; closed: whether some may be."""
    if full:
        _add_full(current, base, weight, at, size, scale)
    else:
        _add_listed(current, base, post, low, weight, at, size, scale)
    return _open(weight, at, size) if closed else size


@merged
def _fetch(s: Any, q: Any, d: Any, units: Any, low: Any, high: Any) -> None:
    """Ask for the rows of units[low:high], which lie anywhere in memory."""
    n, post, row_ptr = s.number[q], s.post, s.row_ptr
    for k in range(low, high):
        place = U(n[ROW] + (units[k] - n[PRE_UNIT]) * n[DELAYS] + d)
        for at in range(row_ptr[place], row_ptr[place + U(1)], LINE):
            prefetch(post, U(n[SYN] + at))


@merged
def _deliver_group(x: Any, s: Any, fan: Any, q: Any, group: Any) -> Any:
    """Add one group to its targets; returns the events through open synapses."""
    n, p = s.number[q], fan.population[q]
    base, least, most, scale = fan.base[q], fan.least[q], fan.most[q], np.int32(n[SCALE])
    place, closed = U(n[ROW] + group), least <= 0 and most >= 0
    at = s.row_ptr[place]
    size = s.row_ptr[place + U(1)] - at
    low, weight = n[SYN] + at, n[WEIGHT] + at
    if not size:
        return size
    if x.rest[p] != AWAKE:
        _wake(x, p, s.post, low, low + size)
    if least == most and not n[FULL]:
        _add_alike(x.current, base, s.post, low, size, np.int32(np.int32(least) * scale))
        return np.int64(0) if closed else size
    if n[WIDE]:
        return _row(
            x.current, base, s.post, low, s.static16, weight, size, scale, n[FULL], closed
        )  # fmt: skip
    return _row(x.current, base, s.post, low, s.static8, weight, size, scale, n[FULL], closed)


@merged
def _deliver(x: Any, s: Any, fan: Any, q: Any, ring: Any, step: Any) -> Any:
    """Deliver what arrives in `step` of projection q; returns the events through open synapses."""
    n, events = s.number[q], 0
    for d in range(n[DELAYS]):
        slot, low, high = slot_of(ring, step - s.delay[s.first_delay[q] + d], n[PRE_GROUP])
        units = ring.units[slot]
        for k in range(low, high):
            if (k - low) % AHEAD == 0:
                _fetch(s, q, d, units, k, min(k + AHEAD, high))
            group = (units[k] - n[PRE_UNIT]) * n[DELAYS] + d
            events += _deliver_group(x, s, fan, q, group)
    return events


@inner
def _reset(x: Any, p: Any, ring: Any, slot: Any, group: Any, now: Any, out: Any, step: Any) -> None:
    """Reset what spiked of population p and write it to the output."""
    n, at = x.number[p], out.written[0]
    shift, v_reset, until = n[FIRST] - n[UNIT], n[V_RESET], np.int32(now + n[REFRACTORY])
    low, high = ring.edge[slot, group], ring.edge[slot, group + 1]
    for k in range(low, high):
        unit = ring.units[slot, k]
        x.v[unit + shift], x.until[unit + shift] = v_reset, until
        out.step[at], out.unit[at] = step, unit
        at += 1
    out.written[0] = at
    out.counters[SPIKES] += high - low


@entry
def advance_plain(
    x: Any, s: Any, fan: Any, ring: Any, given: Any, out: Any,
    origin: Any, step: Any, last: Any, longest: Any,
) -> Any:  # fmt: skip
    """Run from `step` up to `last`, or until the output may overflow; returns the step.

    origin   step from which Plain.until counts, at most FAR before `last`
    """
    sources, populations, last_spike = len(given.first) - 1, len(x.number), step - 1
    next_given = np.searchsorted(given.step, step)
    while step < last and len(out.step) - out.written[0] >= len(x.v):
        slot, now = step & (len(ring.step) - 1), step - origin
        ring.step[slot] = step
        count, next_given = emit_given(ring, slot, given, next_given, step)
        units, resting = ring.units[slot], True
        for p in range(populations):
            ring.edge[slot, sources + p] = count
            if x.rest[p] != ASLEEP:
                count = _advance_population(
                    x, p, now, step & QUIET == 0, units, count, out.counters
                )
        ring.edge[slot, sources + populations] = count
        if count:
            last_spike = step
        if step <= last_spike + longest:
            for q in range(len(s.number)):
                out.counters[EVENTS] += _deliver(x, s, fan, q, ring, step)
        for p in range(populations):
            if ring.edge[slot, sources + p + 1] > ring.edge[slot, sources + p]:
                _reset(x, p, ring, slot, sources + p, now, out, step)
            resting = resting and x.rest[p] == ASLEEP
        step += 1
        if resting and step > last_spike + longest:
            ahead = given.step[next_given] if next_given < len(given.step) else last
            step = max(step, min(ahead, last))
    return step
