"""Circuit kernel on one CPU thread: event-driven, bit-equal to `reference`.

Only keys that carry potential or current are integrated; a gate is looked up from the arrival that
opened it instead of being stored on every child; the race is solved for its crossing step when u
changes. A step in which nothing is due costs a few comparisons.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from bioplastic.kernels.circuit.program import (
    COUNTERS,
    DIRECT,
    DRIVE,
    FRACTION,
    GAIN_FRACTION,
    PRIME,
    TEACHER,
    VALUE,
    WEIGHT_FRACTION,
    Program,
    State,
    Trace,
)
from bioplastic.kernels.philox import philox4x32

(
    SOURCE_SPIKES, KEY_SPIKES, OUTPUT_SPIKES, CONDUCTED, BLOCKED, VALUE_EVENTS, WEIGHT_UPDATES,
    FAST_UPDATES, SATURATIONS, NEURON_UPDATES, EXHAUSTED, SILENT_RACES, STEPS, EMPTY_STEPS,
) = range(len(COUNTERS))  # fmt: skip
NEVER = np.int64(2**62)
U_SHIFT = GAIN_FRACTION + WEIGHT_FRACTION - FRACTION
DITHER, NOISE = 1, 2
CHANGE, LEADER, CROSS, TAUGHT = range(4)


@nb.njit(cache=True)
def _push(st, delay, kind, a, b):
    slot = (st.step[0] + delay) % len(st.queued)
    n = st.queued[slot]
    st.queue[slot, n, 0], st.queue[slot, n, 1], st.queue[slot, n, 2] = kind, a, b
    st.queued[slot] = n + 1


@nb.njit(cache=True)
def _slot(table, key):
    """Place of key in an open-addressing table of (key, child), or of the free cell for it."""
    mask = len(table) - 1
    at = (key * np.int64(0x9E3779B97F4A7C1)) >> np.int64(17) & mask
    while table[at, 0] >= 0 and table[at, 0] != key:
        at = (at + 1) & mask
    return at


@nb.njit(cache=True)
def _index(pr, st):
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


@nb.njit(cache=True)
def _adopt(pr, st, table, children, by_symbol, p, k):
    key = np.int64(st.parent[k]) * pr.symbols + st.symbol[k]
    at = _slot(table, key)
    table[at, 0], table[at, 1] = key, k
    children[st.parent[k]] += 1
    by_symbol[p, st.symbol[k]] += 1


@nb.njit(cache=True)
def _trunc30(x):
    """x·2⁻³⁰ rounded toward zero."""
    return np.int32(x >> 30) if x >= 0 else np.int32(-((-x) >> 30))


@nb.njit(cache=True)
def _wake(st, active, count, k):
    """Put k on the list of keys to integrate unless it is there already."""
    for m in range(count):
        if active[m] == k:
            return count
    active[count] = k
    return count + 1


@nb.njit(cache=True)
def _integrate(pr, st, active, count, pool_of, fired, counts):
    """Advance awake keys one step; fired[p] = who spikes, −1 = none. Returns the awake count."""
    fired[:] = -1
    kept = 0
    for m in range(count):
        k = active[m]
        p = pool_of[k]
        counts[NEURON_UPDATES] += 1
        if st.ref[k] > 0:
            st.ref[k] -= 1
        else:
            st.v[k] = _trunc30(np.int64(st.v[k]) * pr.p_vv[p] + np.int64(st.i[k]) * pr.p_vi[p])
            if st.v[k] > pr.v_th[p]:
                best = fired[p]
                if best < 0 or st.v[k] > st.v[best] or (st.v[k] == st.v[best] and k < best):
                    fired[p] = k
        st.i[k] = _trunc30(np.int64(st.i[k]) * pr.p_ii[p])
        if st.v[k] != 0 or st.i[k] != 0 or st.ref[k] > 0:
            active[kept] = k
            kept += 1
    return kept


@nb.njit(cache=True)
def _arrive_prime(pr, st, e, key, now):
    slot, oldest = 0, NEVER
    for m in range(st.prime_key.shape[1]):
        if st.prime_until[e, m] < oldest:
            slot, oldest = m, st.prime_until[e, m]
    st.prime_key[e, slot] = key
    st.prime_until[e, slot] = now + pr.prime_window[e]


@nb.njit(cache=True)
def _latest_parent(pr, st, e, now):
    """The eligible parent whose prime arrived last and still gates the front; −1 = none."""
    best, until = -1, np.int64(now)
    for m in range(st.prime_key.shape[1]):
        key = st.prime_key[e, m]
        if st.prime_until[e, m] > until and st.spikes[key] >= pr.prime_after[e]:
            best, until = key, st.prime_until[e, m]
    return best


@nb.njit(cache=True)
def _arrive_drive(pr, st, p, symbol, now, table, by_symbol, active, count, counts):
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
                    count = _wake(st, active, count, k)
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
            count = _wake(st, active, count, front)
            counts[CONDUCTED] += 1
    return count


@nb.njit(cache=True)
def _arrive_value(pr, st, b, key, now, counts):
    """A key raises the graded plateau of branch b on every output: latch n, w, f and g·w + fast."""
    row = pr.branch_first[b] + key - pr.first[pr.branch_pool[b]]
    n = min(st.arrivals[row], len(pr.gain_bin) - 1)
    st.arrivals[row] += 1
    gain = np.int64(st.gain[b, pr.gain_bin[n]])
    for v in range(pr.symbols):
        w, f = st.w[row, v], st.f[row, v]
        u = (gain * w + (1 << (U_SHIFT - 1))) >> U_SHIFT
        if pr.fast_levels > 0:
            u += st.fast[b, f]
            counts[VALUE_EVENTS] += f > 0
        else:
            counts[VALUE_EVENTS] += 1
        st.held_w[b, v], st.held_f[b, v], st.held_u[b, v] = w, f, u
    st.held_row[b], st.held_n[b], st.held_until[b] = row, n, now + pr.branch_hold[b]


@nb.njit(cache=True)
def _deliver(pr, st, now, index, active, count, counts):
    table, children, by_symbol = index
    slot = now % len(st.queued)
    n = st.queued[slot]
    for kind in range(5):
        for m in range(n):
            if st.queue[slot, m, 0] != kind:
                continue
            a, b = st.queue[slot, m, 1], st.queue[slot, m, 2]
            if kind == PRIME:
                _arrive_prime(pr, st, a, b, now)
                counts[CONDUCTED] += children[b]
            elif kind == DRIVE:
                count = _arrive_drive(pr, st, a, b, now, table, by_symbol, active, count, counts)
            elif kind == DIRECT:
                st.i[pr.first[a]] += pr.direct[a, b]
                count = _wake(st, active, count, pr.first[a])
                counts[CONDUCTED] += 1
            elif kind == VALUE:
                _arrive_value(pr, st, a, b, now, counts)
            elif kind == TEACHER:
                st.forced[b] = 1
                counts[CONDUCTED] += 1
    for m in range(n):
        st.queue[slot, m, :] = -1
    st.queued[slot] = 0
    return count


@nb.njit(cache=True)
def _potentials(pr, st, now, u):
    """u[v] = Σ of plateaus that live now; returns the first step at which one of them ends."""
    u[:] = 0
    change = NEVER
    for b in range(len(st.held_row)):
        if st.held_row[b] >= 0 and now < st.held_until[b]:
            change = min(change, st.held_until[b])
            for v in range(pr.symbols):
                u[v] += st.held_u[b, v]
    return change


@nb.njit(cache=True)
def _draw_noise(pr, st, now):
    for block in range((pr.symbols + 7) // 8):
        words = philox4x32(block, now, NOISE, 0, pr.seed, 0)
        for n in range(8):
            if 8 * block + n < pr.symbols:
                bits = (words[n // 2] >> np.uint32(16 * (n % 2))) & np.uint32(0xFFFF)
                st.noise[8 * block + n] = pr.gumbel[bits]


@nb.njit(cache=True)
def _race(pr, st, now, opened, u):
    """(leader, step at which it crosses) of the running race, if nothing changes."""
    leader, best = 0, np.int64(u[0]) + st.noise[0]
    for v in range(1, pr.symbols):
        x = np.int64(u[v]) + st.noise[v]
        if x > best:
            leader, best = v, x
    lack = pr.ramp_start - best
    wait = np.int64(0) if lack < 0 else lack // pr.ramp_slope + 1
    return leader, max(opened + wait, now)


@nb.njit(cache=True)
def _learn_slow(pr, st, b, v, now, teacher, dither, counts):
    row, n = st.held_row[b], st.held_n[b]
    if not teacher and pr.fast_levels > 0 and st.held_f[b, v] == 0:
        return
    step = pr.eta_plus[b, n] if teacher else -pr.eta_minus[b, n]
    if step != 0:
        w = ((np.int32(st.w[row, v]) << 8) + step + dither) >> 8
        if w > pr.w_max or w < -pr.w_max:
            counts[SATURATIONS] += 1
            w = min(max(w, -pr.w_max), pr.w_max)
        st.w[row, v] = w
        counts[WEIGHT_UPDATES] += 1
    if pr.gain_plus == 0 or n < pr.spare:
        return
    change = pr.gain_plus if teacher else -pr.gain_minus
    bin_ = pr.gain_bin[n]
    g = np.int64(st.gain[b, bin_]) + np.int64(change) * st.held_w[b, v]
    st.gain[b, bin_] = min(max(g, 0), pr.gain_max)


@nb.njit(cache=True)
def _learn_fast(pr, st, b, v, teacher, counts):
    f = st.held_f[b, v]
    if f > 0 and st.held_n[b] >= pr.spare:
        st.fast[b, f] += pr.fast_plus if teacher else -pr.fast_minus
    if not teacher:
        return
    row = st.held_row[b]
    for x in range(pr.symbols):
        old = st.f[row, x]
        if x == v:
            st.f[row, x] = min(old + pr.fast_step, pr.fast_levels - 1)
        elif old > pr.fast_keep:
            st.f[row, x] = old - (old - pr.fast_keep + 1) // 2
        if st.f[row, x] != old:
            counts[FAST_UPDATES] += 1


@nb.njit(cache=True)
def _learn(pr, st, v, now, counts):
    """Plasticity of one output spike: the theta phase decides the sign."""
    teacher = now % pr.period < pr.encoding
    word = np.empty(4, np.uint32)
    for b in range(len(st.held_row)):
        if b % 16 == 0:
            word[0], word[1], word[2], word[3] = philox4x32(v, now, DITHER, b // 16, pr.seed, 0)
        if st.held_row[b] < 0 or now >= st.held_until[b]:
            continue
        dither = np.int32((word[b % 16 // 4] >> np.uint32(8 * (b % 4))) & np.uint32(0xFF))
        _learn_slow(pr, st, b, v, now, teacher, dither, counts)
        if pr.fast_levels > 0:
            _learn_fast(pr, st, b, v, teacher, counts)


@nb.njit(cache=True)
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


@nb.njit(cache=True)
def _emit(pr, st, p, k):
    """Queue the arrivals of a key spike."""
    for e in range(len(pr.prime_pre)):
        if pr.prime_pre[e] == p:
            _push(st, pr.prime_delay[e], PRIME, e, k)
    for b in range(len(pr.branch_pool)):
        if pr.branch_pool[b] == p:
            _push(st, pr.branch_delay[b], VALUE, b, k)


@nb.njit(cache=True)
def _source(pr, st, symbol):
    for p in range(len(st.mature)):
        if pr.has_pool_parent[p] >= 0 and pr.drive[p, symbol] != 0:
            _push(st, pr.drive_delay[p], DRIVE, p, symbol)
        if pr.direct[p, symbol] != 0:
            _push(st, pr.direct_delay[p], DIRECT, p, symbol)
    _push(st, pr.teacher_delay, TEACHER, 0, symbol)


@nb.njit(cache=True)
def _open_race(pr, st, now, phase, plan):
    """At the start of a gamma cycle: draw the noise, open the race."""
    if phase >= pr.encoding and (phase - pr.encoding) % pr.gamma_steps == 0:
        _draw_noise(pr, st, now)
        st.race[0] = 1
        plan[CHANGE] = 0


@nb.njit(cache=True)
def _output(pr, st, now, phase, u, plan):
    """(output that spikes in this step or −1, was it forced); plan caches the race's next crossing."""
    if plan[TAUGHT]:
        plan[TAUGHT] = 0
        forced = -1
        for v in range(pr.symbols):
            if st.forced[v]:
                forced = v
                st.forced[v] = 0
        if forced >= 0:
            return forced, 1
    if phase < pr.encoding or st.race[0] == 0:
        return -1, 0
    if now >= plan[CHANGE]:
        plan[CHANGE] = _potentials(pr, st, now, u)
        opened = now - (phase - pr.encoding) % pr.gamma_steps
        plan[LEADER], plan[CROSS] = _race(pr, st, now, opened, u)
    return (plan[LEADER], 0) if now >= plan[CROSS] else (-1, 0)


@nb.njit(cache=True)
def _shunt(pr, st, p, k, active, count, pool_of):
    """The pool of spike k goes to rest; returns how many keys stay awake."""
    kept = 0
    st.ref[k] = pr.t_ref[p]
    for m in range(count):
        key = active[m]
        if pool_of[key] == p:
            st.v[key] = 0
            st.i[key] = 0
        if st.v[key] != 0 or st.i[key] != 0 or st.ref[key] > 0:
            active[kept] = key
            kept += 1
    return kept


@nb.njit(cache=True)
def _finish_keys(pr, st, c, now, fired, active, count, pool_of, index, tr, written):
    """Key spikes of this step: recruitment, shunt, arrivals queued."""
    table, children, by_symbol = index
    for p in range(len(fired)):
        k = fired[p]
        if k < 0:
            continue
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


@nb.njit(cache=True)
def _finish_output(pr, st, c, now, phase, winner, forced, tr, written):
    """An output spike, or the end of a race that nobody won."""
    if winner >= 0:
        if phase >= pr.encoding:
            if st.race[0]:
                tr.winners[c, (phase - pr.encoding) // pr.gamma_steps] = winner
            st.race[0] = 0
        at = written[1]
        tr.out_step[at], tr.out_id[at], tr.out_forced[at] = now, winner, forced
        written[1] += 1
        tr.counts[OUTPUT_SPIKES] += 1
        _learn(pr, st, winner, now, tr.counts)
    last = (phase - pr.encoding) % pr.gamma_steps == pr.gamma_steps - 1
    if st.race[0] and phase >= pr.encoding and last:
        tr.counts[SILENT_RACES] += 1
        st.race[0] = 0


@nb.njit(cache=True)
def _read_out(pr, st, c, now, following, u, tr):
    """End of a cycle: potentials that predict the next symbol, and who held them."""
    _potentials(pr, st, now + 1, u)
    tr.potential[c, :] = u
    for b in range(len(st.held_row)):
        if st.held_row[b] >= 0 and now + 1 < st.held_until[b]:
            tr.held[c, b] = st.held_row[b] - pr.branch_first[b] + pr.first[pr.branch_pool[b]]
            tr.share[c, b] = st.held_u[b, following] if following >= 0 else 0


@nb.njit(cache=True)
def _awake(pr, st, pool_of, active):
    """Pool of every key, and the keys that are not at rest."""
    count = 0
    for p in range(len(st.mature)):
        pool_of[pr.first[p] : pr.first[p + 1]] = p
    for k in range(len(st.v)):
        if st.v[k] != 0 or st.i[k] != 0 or st.ref[k] > 0:
            active[count] = k
            count += 1
    return count


@nb.njit(cache=True)
def _run(pr, st, symbols, spike_steps, following, tr, written):
    index = _index(pr, st)
    pool_of = np.zeros(len(st.v), np.int32)
    active = np.zeros(len(st.v), np.int32)
    count = _awake(pr, st, pool_of, active)
    fired = np.full(len(st.mature), -1, np.int32)
    u = np.zeros(pr.symbols, np.int32)
    plan = np.zeros(4, np.int64)
    plan[CROSS], plan[TAUGHT] = NEVER, 1
    counts = tr.counts
    for c in range(len(symbols)):
        for phase in range(pr.period):
            now = st.step[0]
            idle = count == 0
            if not idle:
                count = _integrate(pr, st, active, count, pool_of, fired, counts)
            _open_race(pr, st, now, phase, plan)
            winner, forced = _output(pr, st, now, phase, u, plan)
            if st.queued[now % len(st.queued)] > 0:
                count = _deliver(pr, st, now, index, active, count, counts)
                plan[CHANGE], plan[TAUGHT] = 0, 1
                idle = False
            if winner >= 0 or st.race[0]:
                _finish_output(pr, st, c, now, phase, winner, forced, tr, written)
            if not idle:
                count = _finish_keys(
                    pr, st, c, now, fired, active, count, pool_of, index, tr, written
                )
                fired[:] = -1
            if spike_steps[c] == now:
                _source(pr, st, symbols[c])
                counts[SOURCE_SPIKES] += 1
            counts[STEPS] += 1
            counts[EMPTY_STEPS] += idle and winner < 0
            if phase == pr.period - 1:
                _read_out(pr, st, c, now, following[c], u, tr)
                plan[CHANGE] = 0
            st.step[0] = now + 1


def run(
    program: Program,
    state: State,
    symbols: np.ndarray,
    steps: np.ndarray,
    following: np.ndarray,
    trace: Trace,
) -> tuple[int, int]:
    """Run len(symbols) theta cycles from `state` (updated in place); returns the spikes written.

    symbols (L,) int32     symbol of each cycle
    steps (L,) int64       step at which it spikes, inside its cycle; −1 = never
    following (L,) int32   the symbol after it, only for `trace.share`; −1 = unknown
    """  # fmt: skip
    written = np.zeros(2, np.int64)
    _run(program, state, symbols, steps, following, trace, written)
    return int(written[0]), int(written[1])
