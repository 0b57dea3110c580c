"""Circuit kernel on one CPU thread, part two: outputs — graded plateaus, race, theta-phase STDP."""

from __future__ import annotations

import numpy as np

from bioplastic.kernels.compiled import inner
from bioplastic.philox import philox4x32
from bioplastic.quantize.circuit_program import (
    COUNTERS,
    EFFICACY_MAX,
    FRACTION,
    GAIN_FRACTION,
    WEIGHT_FRACTION,
)

OUTPUT_SPIKES = COUNTERS.index("output_spikes")
VALUE_EVENTS = COUNTERS.index("value_events")
WEIGHT_UPDATES = COUNTERS.index("weight_updates")
FAST_UPDATES = COUNTERS.index("fast_updates")
SATURATIONS = COUNTERS.index("saturations")
SILENT_RACES = COUNTERS.index("silent_races")
NEVER = np.int64(2**62)
U_SHIFT = GAIN_FRACTION + WEIGHT_FRACTION - FRACTION
DITHER, NOISE = 1, 2
CHANGE, LEADER, CROSS, TAUGHT = range(4)
"""Entries of the plan: next change of u, leader of the race, its crossing step, teacher arrived."""


@inner
def arrive_value(pr, st, b, key, now, counts):
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


@inner
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


@inner
def _draw_noise(pr, st, now):
    for block in range((pr.symbols + 7) // 8):
        words = philox4x32(block, now, NOISE, 0, pr.seed, 0)
        for n in range(8):
            if 8 * block + n < pr.symbols:
                bits = (words[n // 2] >> np.uint32(16 * (n % 2))) & np.uint32(0xFFFF)
                st.noise[8 * block + n] = pr.gumbel[bits]


@inner
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


@inner
def open_race(pr, st, now, plan):
    """A gamma cycle begins: draw the noise, open the race."""
    _draw_noise(pr, st, now)
    st.race[0] = 1
    plan[CHANGE] = 0


@inner
def output(pr, st, now, inside, u, plan):
    """(output that spikes now or −1, was it forced); plan caches the race's next crossing.

    inside   steps since the gamma cycle began, negative outside the retrieval phase
    """
    if plan[TAUGHT]:
        plan[TAUGHT] = 0
        forced = -1
        for v in range(pr.symbols):
            if st.forced[v]:
                forced = v
                st.forced[v] = 0
        if forced >= 0:
            return forced, 1
    if inside < 0 or st.race[0] == 0:
        return -1, 0
    if now >= plan[CHANGE]:
        plan[CHANGE] = _potentials(pr, st, now, u)
        plan[LEADER], plan[CROSS] = _race(pr, st, now, now - inside, u)
    return (plan[LEADER], 0) if now >= plan[CROSS] else (-1, 0)


@inner
def _learn_slow(pr, st, b, v, teacher, dither, counts):
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


@inner
def _learn_fast(pr, st, b, v, teacher, counts):
    f = st.held_f[b, v]
    if f > 0 and st.held_n[b] >= pr.spare:
        e = st.fast[b, f] + (pr.fast_plus if teacher else -pr.fast_minus)
        st.fast[b, f] = min(max(e, -EFFICACY_MAX), EFFICACY_MAX)
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


@inner
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
        _learn_slow(pr, st, b, v, teacher, dither, counts)
        if pr.fast_levels > 0:
            _learn_fast(pr, st, b, v, teacher, counts)


@inner
def finish_output(pr, st, c, now, phase, winner, forced, tr, written):
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


@inner
def read_out(pr, st, c, now, following, u, tr):
    """End of a cycle: potentials that predict the next symbol, and who held them."""
    _potentials(pr, st, now + 1, u)
    for v in range(pr.symbols):
        tr.potential[c, v] = u[v]
    for b in range(len(st.held_row)):
        if st.held_row[b] >= 0 and now + 1 < st.held_until[b]:
            tr.held[c, b] = st.held_row[b] - pr.branch_first[b] + pr.first[pr.branch_pool[b]]
            tr.share[c, b] = st.held_u[b, following] if following >= 0 else 0
