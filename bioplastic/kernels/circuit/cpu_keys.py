"""Circuit kernel on one CPU thread, part one: keys — gates, drive, recruitment, shunt."""

from __future__ import annotations

import numpy as np

from bioplastic.kernels.compiled import inner
from bioplastic.quantize.circuit_program import COUNTERS, DIRECT, DRIVE, PRIME, TEACHER, VALUE

KEY_SPIKES = COUNTERS.index("key_spikes")
CONDUCTED = COUNTERS.index("conducted_events")
BLOCKED = COUNTERS.index("blocked_arrivals")
EXHAUSTED = COUNTERS.index("pool_exhausted")
NEVER = np.int64(2**62)


@inner
def _push(st, delay, kind, a, b):
    slot = (st.step[0] + delay) % len(st.queued)
    n = st.queued[slot]
    st.queue[slot, n, 0], st.queue[slot, n, 1], st.queue[slot, n, 2] = kind, a, b
    st.queued[slot] = n + 1


@inner
def _slot(table, key):
    """Place of key in an open-addressing table of (key, child), or of the free cell for it."""
    mask = len(table) - 1
    at = (key * np.int64(0x9E3779B97F4A7C1)) >> np.int64(17) & mask
    while table[at, 0] >= 0 and table[at, 0] != key:
        at = (at + 1) & mask
    return at


@inner
def _adopt(pr, st, table, children, by_symbol, p, k):
    key = np.int64(st.parent[k]) * pr.symbols + st.symbol[k]
    at = _slot(table, key)
    table[at, 0], table[at, 1] = key, k
    children[st.parent[k]] += 1
    by_symbol[p, st.symbol[k]] += 1


@inner
def index(pr, st):
    """Children by (parent, symbol), children per key, mature keys per pool and symbol."""
    n = len(st.parent)
    size = 16
    while size < 2 * n:
        size *= 2
    table = np.full((size, 2), -1, np.int64)
    children = np.zeros(n, np.int32)
    by_symbol = np.zeros((len(st.mature), pr.symbols), np.int32)
    for p in range(len(st.mature)):
        for k in range(pr.first[p], pr.first[p] + st.mature[p]):
            if st.parent[k] >= 0:
                _adopt(pr, st, table, children, by_symbol, p, k)
    return table, children, by_symbol


@inner
def _trunc30(x):
    """x·2⁻³⁰ rounded toward zero."""
    return np.int32(x >> 30) if x >= 0 else np.int32(-((-x) >> 30))


@inner
def wake(active, count, k):
    """Put k on the list of keys to integrate unless it is there already."""
    for m in range(count):
        if active[m] == k:
            return count
    active[count] = k
    return count + 1


@inner
def awake(pr, st, pool_of, active):
    """Pool of every key, and the keys that are not at rest."""
    count = 0
    for p in range(len(st.mature)):
        pool_of[pr.first[p] : pr.first[p + 1]] = p
    for k in range(len(st.v)):
        if st.v[k] != 0 or st.i[k] != 0 or st.ref[k] > 0:
            active[count] = k
            count += 1
    return count


@inner
def integrate(v, i, ref, p_vv, p_vi, p_ii, v_th, active, count, pool_of, fired):
    """Advance awake keys one step; fired[p] = who spikes, −1 = none.

    Returns (awake count, did any spike). Takes bare arrays: it runs in many steps, and a call that
    passes the whole state costs more than the work.
    """
    kept, any_fired = 0, False
    for m in range(count):
        k = active[m]
        p = pool_of[k]
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
        if v[k] != 0 or i[k] != 0 or ref[k] > 0:
            active[kept] = k
            kept += 1
    return kept, any_fired


@inner
def arrive_prime(pr, st, e, key, now):
    """A parent's prime arrives: note how long it gates (the oldest note is dropped)."""
    slot, oldest = 0, NEVER
    for m in range(st.prime_key.shape[1]):
        if st.prime_until[e, m] < oldest:
            slot, oldest = m, st.prime_until[e, m]
    st.prime_key[e, slot] = key
    st.prime_until[e, slot] = now + pr.prime_window[e]


@inner
def _latest_parent(pr, st, e, now):
    """The eligible parent whose prime arrived last and still gates the front; −1 = none."""
    best, until = -1, np.int64(now)
    for m in range(st.prime_key.shape[1]):
        key = st.prime_key[e, m]
        if st.prime_until[e, m] > until and st.spikes[key] >= pr.prime_after[e]:
            best, until = key, st.prime_until[e, m]
    return best


@inner
def arrive_drive(pr, st, p, symbol, now, table, by_symbol, active, count, counts):
    """A symbol reaches the gated synapses of pool p."""
    e = pr.has_pool_parent[p]
    passed = 0
    for m in range(st.prime_key.shape[1]):
        if st.prime_until[e, m] > now:
            at = _slot(table, np.int64(st.prime_key[e, m]) * pr.symbols + symbol)
            if table[at, 0] >= 0:
                k = table[at, 1]
                if pr.first[p] <= k < pr.first[p + 1]:
                    st.i[k] += pr.drive[p, symbol]
                    count = wake(active, count, k)
                    passed += 1
    counts[CONDUCTED] += passed
    counts[BLOCKED] += by_symbol[p, symbol] - passed
    front = pr.first[p] + st.mature[p]
    parent = _latest_parent(pr, st, e, now)
    if parent >= 0:
        if front >= pr.first[p + 1]:
            counts[EXHAUSTED] += passed == 0
        else:
            st.i[front] += pr.drive_young[p, symbol]
            st.candidate[p, 0], st.candidate[p, 1] = parent, symbol
            count = wake(active, count, front)
            counts[CONDUCTED] += 1
    return count


@inner
def _mature(pr, st, p, k, table, children, by_symbol):
    """Recruit k if it is the front and its context is free; (k is mature, k is new)."""
    if k < pr.first[p] + st.mature[p]:
        return True, False
    parent, symbol = st.candidate[p, 0], st.candidate[p, 1]
    if table[_slot(table, np.int64(parent) * pr.symbols + symbol), 0] >= 0:
        return False, False
    st.parent[k], st.symbol[k] = parent, symbol
    st.mature[p] += 1
    _adopt(pr, st, table, children, by_symbol, p, k)
    return True, True


@inner
def _emit(pr, st, p, k):
    """Queue the arrivals of a key spike."""
    for e in range(len(pr.prime_pre)):
        if pr.prime_pre[e] == p:
            _push(st, pr.prime_delay[e], PRIME, e, k)
    for b in range(len(pr.branch_pool)):
        if pr.branch_pool[b] == p:
            _push(st, pr.branch_delay[b], VALUE, b, k)


@inner
def _shunt(pr, st, p, k, active, count, pool_of):
    """The pool of spike k goes to rest; returns how many keys stay awake."""
    kept = 0
    st.ref[k] = pr.still[p]
    for m in range(count):
        key = active[m]
        if pool_of[key] == p:
            st.v[key] = 0
            st.i[key] = 0
        if st.v[key] != 0 or st.i[key] != 0 or st.ref[key] > 0:
            active[kept] = key
            kept += 1
    return kept


@inner
def finish_keys(pr, st, c, now, fired, active, count, pool_of, grown_synapses, tr, written):
    """Key spikes of this step: recruitment, shunt, arrivals queued; clears `fired`."""
    table, children, by_symbol = grown_synapses
    for p in range(len(fired)):
        k = fired[p]
        if k < 0:
            continue
        fired[p] = -1
        st.spikes[k] += 1
        grown, new = _mature(pr, st, p, k, table, children, by_symbol)
        if new:
            tr.recruited[c, p] = k
        count = _shunt(pr, st, p, k, active, count, pool_of)
        tr.key_step[written[0]], tr.key_id[written[0]] = now, k
        written[0] += 1
        tr.counts[KEY_SPIKES] += 1
        if grown:
            _emit(pr, st, p, k)
    return count


@inner
def source_spike(pr, st, symbol):
    """A symbol spikes: queue its arrivals at drive, direct and teacher synapses."""
    for p in range(len(st.mature)):
        if pr.has_pool_parent[p] >= 0 and pr.drive[p, symbol] != 0:
            _push(st, pr.drive_delay[p], DRIVE, p, symbol)
        if pr.direct[p, symbol] != 0:
            _push(st, pr.direct_delay[p], DIRECT, p, symbol)
    _push(st, pr.teacher_delay, TEACHER, 0, symbol)
