"""Circuit kernel on one CPU thread, part one: keys — gates, drive, recruitment, shunt."""

from __future__ import annotations

import numpy as np

from bioplastic.kernels.circuit.cpu_parts import NEVER
from bioplastic.kernels.compiled import merged
from bioplastic.quantize.circuit_program import COUNTERS, DIRECT, DRIVE, PRIME, TEACHER, VALUE

KEY_SPIKES = COUNTERS.index("key_spikes")
CONDUCTED = COUNTERS.index("conducted_events")
BLOCKED = COUNTERS.index("blocked_arrivals")
EXHAUSTED = COUNTERS.index("pool_exhausted")


@merged
def _push(qu, delay, kind, a, b):
    slot = (qu.step[0] + delay) % len(qu.queued)
    n = qu.queued[slot]
    qu.queue[slot, n, 0], qu.queue[slot, n, 1], qu.queue[slot, n, 2] = kind, a, b
    qu.queued[slot] = n + 1


@merged
def slot_of(table, parent, symbol, at_parent, at_symbol):
    """(place, tag) of a grown pair in the open-addressing table, or of the free cell for it.

    An entry is (tag, child). The tag, 31 bits of the hash, spares most looks at other keys; whether
    it is this pair, at_parent and at_symbol decide.
    """
    mask = len(table) - 1
    mixed = (np.int64(parent) * 0x9E3779B1 + np.int64(symbol)) * np.int64(0x2545F4914F6CDD1D)
    tag, at = np.int32((mixed >> 33) & 0x7FFFFFFF), (mixed >> 20) & mask
    while True:
        k = table[at, 1]
        if k < 0 or (table[at, 0] == tag and at_parent[k] == parent and at_symbol[k] == symbol):
            return at, tag
        at = (at + 1) & mask


@merged
def _adopt(ks, p, k, at, tag):
    """Enter the grown synapses of key k at their place in the table, and count them."""
    ks.table[at, 0], ks.table[at, 1] = tag, k
    ks.children[ks.parent[k]] += 1
    ks.by_symbol[p, ks.symbol[k]] += 1


@merged
def adopt_all(ks):
    """Enter every grown key of every pool."""
    for p in range(len(ks.mature)):
        for k in range(ks.first[p], ks.first[p] + ks.mature[p]):
            if ks.parent[k] >= 0:
                at, tag = slot_of(ks.table, ks.parent[k], ks.symbol[k], ks.parent, ks.symbol)
                _adopt(ks, p, k, at, tag)


@merged
def _trunc30(x):
    """x·2⁻³⁰ rounded toward zero."""
    return np.int32((x + ((x >> 63) & ((1 << 30) - 1))) >> 30)


@merged
def wake(ks, count, k, p):
    """Put key k of pool p on the list of keys to integrate unless it is there already."""
    for m in range(count):
        if ks.awake[m] == k:
            return count
    ks.awake[count], ks.pool[count] = k, p
    return count + 1


@merged
def integrate(v, i, ref, p_vv, p_vi, p_ii, v_th, awake, pool, fired, count):
    """Advance awake keys one step; fired[p] = who spikes, −1 = none.

    Returns (awake count, did any spike, do all that stay awake only wait for the end of t_ref).
    Takes bare arrays: it runs in many steps.
    """
    kept, any_fired, resting = 0, False, True
    for m in range(count):
        k, p = awake[m], pool[m]
        if ref[k] > 0:
            ref[k] -= 1
        else:
            v[k] = _trunc30(np.int64(v[k]) * p_vv[p] + np.int64(i[k]) * p_vi[p])
            if v[k] > v_th[p]:
                best = fired[p]
                any_fired = True
                if best < 0 or v[k] > v[best] or (v[k] == v[best] and k < best):
                    fired[p] = k
        i[k] = _trunc30(np.int64(i[k]) * p_ii[p])
        live = v[k] != 0 or i[k] != 0
        if live or ref[k] > 0:
            awake[kept], pool[kept] = k, p
            kept += 1
            resting = resting and not live
    return kept, any_fired, resting


@merged
def shortest_rest(ref, awake, count):
    """Steps until the first awake key stops being refractory."""
    shortest = ref[awake[0]]
    for m in range(1, count):
        shortest = min(shortest, ref[awake[m]])
    return shortest


@merged
def rest(ref, awake, pool, count, steps):
    """Let `steps` steps pass for keys that only wait; returns how many stay awake."""
    kept = 0
    for m in range(count):
        k, p = awake[m], pool[m]
        ref[k] -= steps
        if ref[k] > 0:
            awake[kept], pool[kept] = k, p
            kept += 1
    return kept


@merged
def arrive_prime(ks, e, key, now):
    """A parent's prime arrives: note how long it gates (the oldest note is dropped)."""
    slot, oldest = 0, NEVER
    until = ks.prime_until[e]
    for m in range(len(until)):
        if until[m] < oldest:
            slot, oldest = m, until[m]
    ks.prime_key[e, slot] = key
    until[slot] = now + ks.prime_window[e]


@merged
def _noted_before(until, key, m, now):
    """Whether an earlier note of the same parent gates too: a window longer than a cycle."""
    found = False
    for other in range(m):
        found |= key[other] == key[m] and until[other] > now
    return found


@merged
def arrive_drive(ks, p, symbol, now, count, counts):
    """A symbol reaches the gated synapses of pool p: children of gating parents, and the front.

    The front hears the eligible parent whose prime arrived last.
    """
    e = ks.has_pool_parent[p]
    first, end, after = ks.first[p], ks.first[p + 1], ks.prime_after[e]
    passed, parent, latest = 0, -1, np.int64(now)
    until, keys = ks.prime_until[e], ks.prime_key[e]
    for m in range(len(until)):
        if until[m] > now:
            key = keys[m]
            at, _ = slot_of(ks.table, key, symbol, ks.parent, ks.symbol)
            k = ks.table[at, 1]
            if first <= k < end and not _noted_before(until, keys, m, now):
                ks.i[k] += ks.drive[p, symbol]
                count = wake(ks, count, k, p)
                passed += 1
            if until[m] > latest and ks.spikes[key] >= after:
                parent, latest = key, until[m]
    counts[CONDUCTED] += passed
    counts[BLOCKED] += ks.by_symbol[p, symbol] - passed
    front = first + ks.mature[p]
    if parent >= 0:
        if front >= end:
            counts[EXHAUSTED] += passed == 0
        else:
            ks.i[front] += ks.drive_young[p, symbol]
            ks.candidate[p, 0], ks.candidate[p, 1] = parent, symbol
            count = wake(ks, count, front, p)
            counts[CONDUCTED] += 1
    return count


@merged
def _mature(ks, p, k):
    """Recruit k if it is the front and its context is free; (k is mature, k is new).

    A young key that spikes without any candidate stays young.
    """
    if k < ks.first[p] + ks.mature[p]:
        return True, False
    parent, symbol = ks.candidate[p, 0], ks.candidate[p, 1]
    if parent < 0:
        return False, False
    at, tag = slot_of(ks.table, parent, symbol, ks.parent, ks.symbol)
    if ks.table[at, 1] >= 0:
        return False, False
    ks.parent[k], ks.symbol[k] = parent, symbol
    ks.mature[p] += 1
    _adopt(ks, p, k, at, tag)
    return True, True


@merged
def _emit(ks, qu, p, k):
    """Queue the arrivals of a key spike."""
    for e in range(len(ks.prime_pre)):
        if ks.prime_pre[e] == p:
            _push(qu, ks.prime_delay[e], PRIME, e, k)
    for b in range(len(ks.branch_pool)):
        if ks.branch_pool[b] == p:
            _push(qu, ks.branch_delay[b], VALUE, b, k)


@merged
def _shunt(ks, p, k, count):
    """The pool of spike k goes to rest; returns how many keys stay awake."""
    kept = 0
    ks.ref[k] = ks.still[p]
    for m in range(count):
        key, its = ks.awake[m], ks.pool[m]
        if its == p:
            ks.v[key] = 0
            ks.i[key] = 0
        if ks.v[key] != 0 or ks.i[key] != 0 or ks.ref[key] > 0:
            ks.awake[kept], ks.pool[kept] = key, its
            kept += 1
    return kept


@merged
def finish_keys(ks, qu, c, now, count, tr, written):
    """Key spikes of this step: recruitment, shunt, arrivals queued; clears `fired`."""
    for p in range(len(ks.fired)):
        k = ks.fired[p]
        if k < 0:
            continue
        ks.fired[p] = -1
        ks.spikes[k] += 1
        grown, new = _mature(ks, p, k)
        if new:
            tr.recruited[c, p] = k
        count = _shunt(ks, p, k, count)
        tr.key_step[written[0]], tr.key_id[written[0]] = now, k
        written[0] += 1
        tr.counts[KEY_SPIKES] += 1
        if grown:
            _emit(ks, qu, p, k)
    return count


@merged
def source_spike(ks, qu, symbol):
    """A symbol spikes: queue its arrivals at drive, direct and teacher synapses."""
    for p in range(len(ks.mature)):
        if ks.has_pool_parent[p] >= 0 and ks.drive[p, symbol] != 0:
            _push(qu, ks.drive_delay[p], DRIVE, p, symbol)
        if ks.direct[p, symbol] != 0:
            _push(qu, ks.direct_delay[p], DIRECT, p, symbol)
    _push(qu, ks.teacher_delay, TEACHER, 0, symbol)
