"""Circuit kernel in Triton, outputs: graded plateaus, race, theta-phase STDP.

Tiles are (branches, outputs); outputs are worked through in chunks.
"""

from __future__ import annotations

import triton
import triton.language as tl

from bioplastic.kernels.circuit.gpu_common import (
    FAR,
    FAST_UPDATES,
    N_COUNTERS,
    SATURATIONS,
    VALUE_EVENTS,
    WEIGHT_UPDATES,
)
from bioplastic.quantize import circuit_program

U_SHIFT = tl.constexpr(
    circuit_program.GAIN_FRACTION + circuit_program.WEIGHT_FRACTION - circuit_program.FRACTION
)
U_HALF = tl.constexpr(1 << (U_SHIFT.value - 1))
EFFICACY_MAX = tl.constexpr(circuit_program.EFFICACY_MAX)
DITHER = tl.constexpr(1)
NOISE = tl.constexpr(2)
LOWEST = tl.constexpr(-(2**31))


@triton.jit
def _random(seed, block, now, purpose: tl.constexpr, group):
    """Four words of Philox4x32-10 per lane: counter (block, now, purpose, group), key (seed, 0)."""
    zero = block * 0
    step = (zero + now.to(tl.uint32).to(tl.int32, bitcast=True)).to(tl.uint32, bitcast=True)
    return tl.philox(
        seed.to(tl.uint64),
        block.to(tl.uint32),
        step,
        (zero + purpose).to(tl.uint32),
        group.to(tl.uint32),
    )


@triton.jit
def _part(words, n):
    """words[n] of every lane."""
    a, b, c, d = words
    return tl.where(n < 2, tl.where(n == 0, a, b), tl.where(n == 2, c, d))


@triton.jit
def draw_noise(pr, st, rule, seed, now, tile: tl.constexpr):
    """Gumbel number of every output for the race that starts now."""
    for start in range(0, rule.symbols, tile.V):
        v = start + rule.zero + tl.arange(0, tile.V)
        inside = v < rule.symbols
        n = v & 7
        word = _part(_random(seed, v >> 3, now, NOISE, v * 0), n >> 1)
        bits = ((word >> ((n & 1) * 16).to(tl.uint32)) & 0xFFFF).to(tl.int32)
        noise = tl.load(pr.gumbel + bits)
        tl.debug_barrier()
        tl.store(st.noise + v, noise, mask=inside)
    tl.debug_barrier()


@triton.jit
def _living(st, rule, now, tile: tl.constexpr):
    """(branch indices, does its plateau live at `now`, when it ends)."""
    b = rule.zero + tl.arange(0, tile.B)
    there = b < rule.branches
    until = tl.load(st.held_until + b, mask=there, other=0)
    live = (tl.load(st.held_row + b, mask=there, other=-1) >= 0) & (now < until)
    return b, live, until


@triton.jit
def _potentials(st, rule, b, live, v):
    """u of the outputs v: sum of the plateaus that live."""
    mask = live[:, None] & (v < rule.symbols)[None, :]
    held = tl.load(st.held_u + b[:, None] * rule.symbols + v[None, :], mask=mask, other=0)
    return tl.sum(held, axis=0)


@triton.jit
def crossing(st, rule, now, opened, tile: tl.constexpr):
    """(leader of the race, step at which it crosses, first step at which a plateau ends)."""
    b, live, until = _living(st, rule, now, tile)
    change = tl.min(tl.where(live, until, FAR))
    best = tl.full((), LOWEST, tl.int32)
    leader = best * 0
    for start in range(0, rule.symbols, tile.V):
        v = start + rule.zero + tl.arange(0, tile.V)
        x = _potentials(st, rule, b, live, v)
        x += tl.load(st.noise + v, mask=v < rule.symbols, other=0)
        x = tl.where(v < rule.symbols, x, LOWEST)
        top = tl.max(x)
        at = tl.min(tl.where(x == top, v, 0x7FFFFFFF))
        leader = tl.where(top > best, at, leader)
        best = tl.maximum(best, top)
    lack = rule.ramp_start - best
    wait = tl.where(lack < 0, 0, lack // tl.maximum(rule.ramp_slope, 1) + 1)
    never = (lack >= 0) & (rule.ramp_slope <= 0)
    return leader, tl.where(never, FAR, opened + wait), change


@triton.jit
def arrive_values(pr, st, rule, key, now, counts, tile: tl.constexpr):
    """Value arrivals, key (B,), −1 = none: latch n, w, f and g·w + E[f] on every output."""
    b = rule.zero + tl.arange(0, tile.B)
    hit = key >= 0
    pool = tl.load(pr.branch_pool + b, mask=hit, other=0)
    row = tl.load(pr.branch_first + b, mask=hit, other=0)
    row = row + key - tl.load(pr.first + pool, mask=hit, other=0)
    earlier = tl.load(st.arrivals + row, mask=hit, other=0)
    n = tl.minimum(earlier, rule.n_cap - 1)
    bin_ = tl.load(pr.gain_bin + n, mask=hit, other=0)
    gain = tl.load(st.gain + b * rule.bins + bin_, mask=hit, other=0).to(tl.int64)
    hold = tl.load(pr.branch_hold + b, mask=hit, other=0)
    tl.debug_barrier()
    tl.store(st.arrivals + row, earlier + 1, mask=hit)
    tl.store(st.held_row + b, row.to(tl.int32), mask=hit)
    tl.store(st.held_n + b, n, mask=hit)
    tl.store(st.held_until + b, now + hold, mask=hit)
    heard = tl.zeros((tile.V,), tl.int32)
    for start in range(0, rule.symbols, tile.V):
        v = start + rule.zero + tl.arange(0, tile.V)
        mask = hit[:, None] & (v < rule.symbols)[None, :]
        synapse = row[:, None] * rule.symbols + v[None, :]
        w = tl.load(st.w + synapse, mask=mask, other=0)
        f = tl.load(st.f + synapse, mask=mask, other=0)
        product = gain[:, None] * w.to(tl.int64) + U_HALF
        level = b[:, None] * rule.levels + f.to(tl.int32)
        u = (product >> U_SHIFT).to(tl.int32) + tl.load(st.fast + level, mask=mask, other=0)
        out = b[:, None] * rule.symbols + v[None, :]
        tl.store(st.held_w + out, w, mask=mask)
        tl.store(st.held_f + out, f, mask=mask)
        tl.store(st.held_u + out, u, mask=mask)
        loud = tl.where(rule.fast_levels > 0, f.to(tl.int32), 1) > 0
        heard += tl.sum((mask & loud).to(tl.int32), axis=0)
    tl.debug_barrier()
    return counts + tl.where(rule.zero + tl.arange(0, N_COUNTERS) == VALUE_EVENTS, tl.sum(heard), 0)


@triton.jit
def _fade(st, rule, row, live, v, counts, tile: tl.constexpr):
    """Fast states after a teacher spike of output v: its own rises, every other decays."""
    changed = tl.zeros((tile.V,), tl.int32)
    for start in range(0, rule.symbols, tile.V):
        x = start + rule.zero + tl.arange(0, tile.V)
        mask = live[:, None] & (x < rule.symbols)[None, :]
        synapse = st.f + row[:, None] * rule.symbols + x[None, :]
        old = tl.load(synapse, mask=mask, other=0)
        f = old.to(tl.int32)
        faded = tl.where(f > rule.fast_keep, f - ((f - rule.fast_keep + 1) >> 1), f)
        risen = tl.minimum(f + rule.fast_step, rule.fast_levels - 1)
        new = tl.where((x == v)[None, :], risen, faded).to(tl.int8)
        tl.debug_barrier()
        tl.store(synapse, new, mask=mask)
        changed += tl.sum((mask & (new != old)).to(tl.int32), axis=0)
    tl.debug_barrier()
    return counts + tl.where(
        rule.zero + tl.arange(0, N_COUNTERS) == FAST_UPDATES, tl.sum(changed), 0
    )


@triton.jit
def learn(pr, st, rule, seed, v, now, counts, tile: tl.constexpr):
    """Plasticity of one output spike on every branch whose plateau lives; one lane per branch."""
    b, live, _ = _living(st, rule, now, tile)
    zero = (
        b * 0
    )  # conditions are spread over the branches: the interpreter needs masks of one shape
    teacher = (zero + now) % rule.period < rule.encoding
    fast, gains = zero + rule.fast_levels > 0, zero + rule.gain_plus != 0
    words = _random(seed, zero + v, now, DITHER, b >> 4)
    dither = (_part(words, (b & 15) >> 2) >> ((b & 3) * 8).to(tl.uint32)) & 0xFF
    row = tl.load(st.held_row + b, mask=live, other=0).to(tl.int64)
    n = tl.load(st.held_n + b, mask=live, other=0)
    latched = b * rule.symbols + v
    held_f = tl.load(st.held_f + latched, mask=live, other=0).to(tl.int32)
    held_w = tl.load(st.held_w + latched, mask=live, other=0).to(tl.int64)
    w = tl.load(st.w + row * rule.symbols + v, mask=live, other=0).to(tl.int32)
    table = b * rule.n_cap + n
    plus = tl.load(pr.eta_plus + table, mask=live, other=0)
    minus = tl.load(pr.eta_minus + table, mask=live, other=0)
    place = b * rule.bins + tl.load(pr.gain_bin + n, mask=live, other=0)
    gain = tl.load(st.gain + place, mask=live, other=0).to(tl.int64)
    level = b * rule.levels + held_f
    efficacy = tl.load(st.fast + level, mask=live, other=0).to(tl.int64)

    late = n >= rule.spare
    efficacy += tl.where(teacher, rule.fast_plus, -rule.fast_minus)
    efficacy = tl.minimum(tl.maximum(efficacy, -EFFICACY_MAX), EFFICACY_MAX)
    slow = live & (teacher | (fast == 0) | (held_f != 0))
    step = tl.where(teacher, plus, -minus)
    moves = slow & (step != 0)
    moved = ((w << 8) + step + dither.to(tl.int32)) >> 8
    clipped = tl.minimum(tl.maximum(moved, -rule.w_max), rule.w_max)
    gain += tl.where(teacher, rule.gain_plus, -rule.gain_minus) * held_w
    gain = tl.minimum(tl.maximum(gain, 0), rule.gain_max)
    tl.debug_barrier()
    tl.store(st.fast + level, efficacy.to(tl.int32), mask=live & fast & (held_f > 0) & late)
    tl.store(st.w + row * rule.symbols + v, clipped.to(tl.int8), mask=moves)
    tl.store(st.gain + place, gain.to(tl.int32), mask=slow & gains & late)
    tl.debug_barrier()
    name = rule.zero + tl.arange(0, N_COUNTERS)
    saturates = (moves & (moved != clipped)).to(tl.int32)
    counts += tl.where(name == SATURATIONS, tl.sum(saturates), 0)
    counts += tl.where(name == WEIGHT_UPDATES, tl.sum(moves.to(tl.int32)), 0)
    if (now % rule.period < rule.encoding) & (rule.fast_levels > 0):
        counts = _fade(st, rule, row, live, v, counts, tile)
    return counts


@triton.jit
def read_out(pr, st, tr, rule, cycle, now, following, tile: tl.constexpr):
    """End of a cycle: the potentials that predict the next symbol, and who held them."""
    b, live, _ = _living(st, rule, now + 1, tile)
    for start in range(0, rule.symbols, tile.V):
        v = start + rule.zero + tl.arange(0, tile.V)
        u = _potentials(st, rule, b, live, v)
        tl.store(tr.potential + cycle * rule.symbols + v, u, mask=v < rule.symbols)
    row = tl.load(st.held_row + b, mask=live, other=0)
    pool = tl.load(pr.branch_pool + b, mask=live, other=0)
    key = row - tl.load(pr.branch_first + b, mask=live, other=0)
    key += tl.load(pr.first + pool, mask=live, other=0)
    asked = live & (b * 0 + following >= 0)
    share = tl.load(st.held_u + b * rule.symbols + following, mask=asked, other=0)
    there = b < rule.branches
    tl.store(tr.held + cycle * rule.branches + b, tl.where(live, key, -1).to(tl.int32), mask=there)
    tl.store(tr.share + cycle * rule.branches + b, share, mask=there)
