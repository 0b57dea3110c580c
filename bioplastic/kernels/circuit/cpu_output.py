"""Circuit kernel on one CPU thread, part two: outputs — graded plateaus, race, theta-phase STDP."""

from __future__ import annotations

import numpy as np

from bioplastic.kernels.circuit.cpu_parts import (
    CHANGE,
    CROSS,
    LEADER,
    NEVER,
    TAUGHT,
    UNSOLVED,
)
from bioplastic.kernels.compiled import merged
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
U_SHIFT = GAIN_FRACTION + WEIGHT_FRACTION - FRACTION
DITHER, NOISE = 1, 2


@merged
def _worth(gain, w, f, efficacy, held_w, held_f, held_u, fast_levels):
    """Latch w, f and (gain·w rounded) + efficacy[f] of every output; returns how many heard.

    gain·w needs 64 bits. With gain = 2^s·high + low and h = 2^(s−1),
    (gain·w + h) >> s = high·w + ((low·w + h) >> s) exactly, and each product fits 32.
    """
    high, low = np.int32(gain >> U_SHIFT), np.int32(gain & ((1 << U_SHIFT) - 1))
    half = np.int32(1 << (U_SHIFT - 1))
    heard = np.int32(0)
    for v in range(len(w)):
        x = np.int32(w[v])
        held_w[v], held_f[v] = w[v], f[v]
        held_u[v] = high * x + (np.int32(low * x + half) >> U_SHIFT)
    if fast_levels == 0:
        return np.int32(len(w))
    for v in range(len(w)):
        held_u[v] += efficacy[np.int64(f[v])]
        heard += np.int32(f[v] > 0)
    return heard


@merged
def arrive_value(out, b, key, now, counts):
    """A key raises the graded plateau of branch b on every output: latch n, w, f and g·w + fast."""
    row = out.branch_first[b] + key - out.first[out.branch_pool[b]]
    n = min(out.arrivals[row], len(out.gain_bin) - 1)
    out.arrivals[row] += 1
    counts[VALUE_EVENTS] += _worth(
        out.gain[b, out.gain_bin[n]], out.w[row], out.f[row], out.fast[b],
        out.held_w[b], out.held_f[b], out.held_u[b], out.fast_levels,
    )  # fmt: skip
    out.held_row[b], out.held_n[b], out.held_until[b] = row, n, now + out.branch_hold[b]


@merged
def potentials(out, now):
    """u[v] = Σ of plateaus that live now; notes the first step at which one of them ends."""
    u, change = out.u, NEVER
    u[:] = 0
    for b in range(len(out.held_row)):
        if out.held_row[b] >= 0 and now < out.held_until[b]:
            change = min(change, out.held_until[b])
            held = out.held_u[b]
            for v in range(len(u)):
                u[v] += held[v]
    out.plan[CHANGE] = change


@merged
def _gumbel(noise, table, v, word):
    """Two Gumbel numbers from one word, for outputs v and v + 1 where they exist."""
    if v < len(noise):
        noise[v] = table[np.int64(word) & 0xFFFF]
    if v + 1 < len(noise):
        noise[v + 1] = table[np.int64(word) >> 16]


@merged
def open_race(out, now):
    """A gamma cycle begins: draw the noise, open the race."""
    for block in range((out.symbols + 7) // 8):
        a, b, c, d = philox4x32(block, now, NOISE, 0, out.seed, 0)
        _gumbel(out.noise, out.gumbel, 8 * block, a)
        _gumbel(out.noise, out.gumbel, 8 * block + 2, b)
        _gumbel(out.noise, out.gumbel, 8 * block + 4, c)
        _gumbel(out.noise, out.gumbel, 8 * block + 6, d)
    out.race[0] = 1
    out.plan[CROSS] = UNSOLVED


@merged
def _solve(out, now, opened):
    """Leader of the running race and the step at which it crosses, if nothing changes."""
    u, noise = out.u, out.noise
    leader, best = 0, u[0] + noise[0]
    for v in range(1, len(u)):
        x = u[v] + noise[v]
        if x > best:
            leader, best = v, x
    lack = out.ramp_start - best
    cross = np.int64(opened)
    if lack >= 0:
        cross = opened + lack // out.ramp_slope + 1 if out.ramp_slope > 0 else NEVER
    out.plan[LEADER], out.plan[CROSS] = leader, max(cross, now)


@merged
def forced_output(out):
    """Output whose teacher arrived in the step before, −1 = none."""
    out.plan[TAUGHT] = 0
    forced = -1
    for v in range(len(out.forced)):
        if out.forced[v]:
            forced = v
            out.forced[v] = 0
    return forced


@merged
def race_winner(out, now, inside):
    """Output that crosses at `now`, −1 = none; plan caches the crossing.

    inside   steps since the gamma cycle began
    """
    if now >= out.plan[CHANGE]:
        potentials(out, now)
        out.plan[CROSS] = UNSOLVED
    if out.plan[CROSS] == UNSOLVED:
        _solve(out, now, now - inside)
    return out.plan[LEADER] if now >= out.plan[CROSS] else -1


@merged
def _learn_slow(out, b, v, teacher, dither, counts):
    row, n = out.held_row[b], out.held_n[b]
    if not teacher and out.fast_levels > 0 and out.held_f[b, v] == 0:
        return
    step = out.eta_plus[b, n] if teacher else -out.eta_minus[b, n]
    if step != 0:
        w = ((np.int32(out.w[row, v]) << 8) + step + dither) >> 8
        if w > out.w_max or w < -out.w_max:
            counts[SATURATIONS] += 1
            w = min(max(w, -out.w_max), out.w_max)
        out.w[row, v] = w
        counts[WEIGHT_UPDATES] += 1
    if out.gain_plus == 0 or n < out.spare:
        return
    change = out.gain_plus if teacher else -out.gain_minus
    bin_ = out.gain_bin[n]
    g = np.int64(out.gain[b, bin_]) + np.int64(change) * out.held_w[b, v]
    out.gain[b, bin_] = min(max(g, 0), out.gain_max)


@merged
def _decay(f, keep):
    """Fast states above keep fall half-way to it, rounded down; returns how many."""
    changed = np.int32(0)
    for x in range(len(f)):
        above = max(np.int32(f[x]) - np.int32(keep), np.int32(0))
        f[x] = np.int8(np.int32(f[x]) - ((above + np.int32(1)) >> np.int32(1)))
        changed += np.int32(above > 0)
    return changed


@merged
def _learn_fast(out, b, v, teacher, counts):
    f = out.held_f[b, v]
    if f > 0 and out.held_n[b] >= out.spare:
        e = out.fast[b, f] + (out.fast_plus if teacher else -out.fast_minus)
        out.fast[b, f] = min(max(e, -EFFICACY_MAX), EFFICACY_MAX)
    if not teacher:
        return
    states = out.f[out.held_row[b]]
    old = np.int32(states[v])
    counts[FAST_UPDATES] += _decay(states, out.fast_keep) - (old > out.fast_keep)
    new = min(old + out.fast_step, out.fast_levels - 1)
    states[v] = new
    counts[FAST_UPDATES] += new != old


@merged
def _learn(out, v, now, counts):
    """Plasticity of one output spike: the theta phase decides the sign."""
    teacher = now % out.period < out.encoding
    words = philox4x32(v, now, DITHER, 0, out.seed, 0)
    for b in range(len(out.held_row)):
        if b % 16 == 0 and b > 0:
            words = philox4x32(v, now, DITHER, b // 16, out.seed, 0)
        if out.held_row[b] < 0 or now >= out.held_until[b]:
            continue
        dither = np.int32((words[b % 16 // 4] >> np.uint32(8 * (b % 4))) & np.uint32(0xFF))
        _learn_slow(out, b, v, teacher, dither, counts)
        if out.fast_levels > 0:
            _learn_fast(out, b, v, teacher, counts)


@merged
def finish_output(out, c, now, phase, inside, winner, forced, tr, written):
    """An output spike, or the end of a race that nobody won."""
    if winner >= 0:
        if inside >= 0:
            if out.race[0]:
                tr.winners[c, (phase - out.encoding) // out.gamma_steps] = winner
            out.race[0] = 0
        at = written[1]
        tr.out_step[at], tr.out_id[at], tr.out_forced[at] = now, winner, forced
        written[1] += 1
        tr.counts[OUTPUT_SPIKES] += 1
        _learn(out, winner, now, tr.counts)
    if out.race[0] and inside == out.gamma_steps - 1:
        tr.counts[SILENT_RACES] += 1
        out.race[0] = 0


@merged
def read_out(out, c, now, following, tr):
    """End of a cycle: potentials that predict the next symbol, and who held them."""
    if now + 1 >= out.plan[CHANGE]:
        potentials(out, now + 1)
    for v in range(len(out.u)):
        tr.potential[c, v] = out.u[v]
    for b in range(len(out.held_row)):
        if out.held_row[b] >= 0 and now + 1 < out.held_until[b]:
            tr.held[c, b] = out.held_row[b] - out.branch_first[b] + out.first[out.branch_pool[b]]
            tr.share[c, b] = out.held_u[b, following] if following >= 0 else 0
