"""Neurons of the sparse kernel in Triton: a block of one population, all its channels at once.

[B] is a block of neurons, [C, B] its channels. An exponential channel is an alpha channel whose
rise is always zero, so one set of equations serves every kind. What reads and writes the same
memory loads everything before a barrier and stores after it: a tile smaller than a program is held
by several threads, and all of them must have read the old value.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import triton
import triton.language as tl

from bioplastic.kernels.sparse.gpu_tables import SATURATIONS, decayed, ring_row, spike_row
from bioplastic.quantize import fixed_point as fp

HALF = tl.constexpr(1 << (fp.PROPAGATOR - 1))
SHIFT = tl.constexpr(fp.PROPAGATOR)
TRACE_ONE = tl.constexpr(fp.TRACE_ONE)
TRACE_MAX = tl.constexpr(fp.TRACE_MAX)


class Cells(NamedTuple):
    """State of a block: v, refractory, theta [B], and current, rise, hold [C, B]."""

    v: Any
    refractory: Any
    theta: Any
    current: Any
    rise: Any
    hold: Any


@triton.jit
def read(x, p, c, k, inside, RISE: tl.constexpr, ADAPTIVE: tl.constexpr, BRANCHES: tl.constexpr):
    """Load a block."""
    n, slot, there = p.neuron + k, c.base + k[None, :], c.known & inside[None, :]
    current = tl.load(x.current + slot, mask=there, other=0)
    rise, hold = tl.zeros_like(current), tl.zeros_like(current)
    v = tl.load(x.v + n, mask=inside, other=0)
    theta = tl.zeros_like(v)
    if RISE:
        rise = tl.load(x.rise + slot, mask=there, other=0)
    if BRANCHES:
        hold = tl.load(x.hold + slot, mask=there, other=0)
    if ADAPTIVE:
        theta = tl.load(x.theta + n, mask=inside, other=0)
    refractory = tl.load(x.refractory + n, mask=inside, other=0)
    return Cells(v=v, refractory=refractory, theta=theta, current=current, rise=rise, hold=hold)


@triton.jit
def write(
    x, p, c, k, inside, s, RISE: tl.constexpr, ADAPTIVE: tl.constexpr, BRANCHES: tl.constexpr
):
    """Store a block; the caller puts a barrier before it."""
    n, slot, there = p.neuron + k, c.base + k[None, :], c.known & inside[None, :]
    tl.store(x.v + n, s.v, mask=inside)
    tl.store(x.refractory + n, s.refractory, mask=inside)
    tl.store(x.current + slot, s.current, mask=there)
    if RISE:
        tl.store(x.rise + slot, s.rise, mask=there)
    if BRANCHES:
        tl.store(x.hold + slot, s.hold, mask=there)
    if ADAPTIVE:
        tl.store(x.theta + n, s.theta, mask=inside)


@triton.jit
def integrate(p, c, s, offset, RISE: tl.constexpr, ADAPTIVE: tl.constexpr, BRANCHES: tl.constexpr):
    """See `reference.integrate`."""
    refractory = tl.maximum(s.refractory - 1, 0)
    v, theta, hold = s.v.to(tl.int64), s.theta, s.hold
    current, rise = s.current.to(tl.int64), s.rise.to(tl.int64)
    pull, new, new_rise = c.pvi * current, c.pii * current, rise
    if RISE:
        pull += c.pvh * rise
        new += c.pih * rise
        new_rise = (c.pii * rise + HALF) >> SHIFT
    new = (new + HALF) >> SHIFT
    if BRANCHES:
        held = hold > 0
        hold = hold - held.to(tl.int32)
        pull = tl.where(held, p.pv1 * current, pull)
        new = tl.where(held, tl.where(hold == 0, 0, current), new)
        new_rise = tl.where(held, 0, new_rise)
    total = p.pvv * v + offset + tl.sum(pull, axis=0)
    v = tl.where(refractory > 0, v, (total + HALF) >> SHIFT)
    if ADAPTIVE:
        faded = (p.theta_decay * theta.to(tl.int64) + HALF) >> SHIFT
        theta = tl.where(p.theta_step != 0, faded.to(tl.int32), theta)
    return Cells(
        v=v.to(tl.int32), refractory=refractory, theta=theta,
        current=new.to(tl.int32), rise=new_rise.to(tl.int32), hold=hold,
    )  # fmt: skip


@triton.jit
def start_plateaus(net, x, e, p, c, k, inside, s, t, step):
    """See `reference.start_plateaus`; onsets go to row `t`, traces stay in memory."""
    there = c.plateau & inside[None, :]
    above = there & (s.current > c.threshold) & (s.hold == 0)
    if tl.max(tl.max(above.to(tl.int32), axis=1), axis=0) > 0:
        slot = c.base + k[None, :]
        value = tl.load(x.trace + slot, mask=above, other=0)
        age = step - tl.load(x.trace_step + slot, mask=above, other=0)
        fresh = decayed(value, age, net.table, c.table, c.length, above) + TRACE_ONE
        full = (above & (fresh > TRACE_MAX)).to(tl.int64)
        tl.debug_barrier()  # old traces are read
        tl.store(x.trace + slot, tl.minimum(fresh, TRACE_MAX), mask=above)
        tl.store(x.trace_step + slot, tl.zeros_like(fresh) + step, mask=above)
        tl.atomic_add(x.counters + SATURATIONS, tl.sum(tl.sum(full, axis=1), axis=0), sem="relaxed")
        words = tl.reshape(above.to(tl.int32), [above.shape[0], above.shape[1] // 32, 32])
        words = tl.sum(words << tl.arange(0, 32)[None, None, :], axis=2)
        number = tl.min(k, axis=0) // 32 + tl.arange(0, above.shape[1] // 32)[None, :]
        row = x.onsets + t * e.onset_words
        tl.store(row + c.onset + number, words, mask=c.plateau & (number * 32 < p.size))
        tl.debug_barrier()  # new traces are written
    return Cells(
        v=s.v, refractory=s.refractory, theta=s.theta,
        current=tl.where(above, c.clamp, s.current),
        rise=tl.where(above, 0, s.rise),
        hold=tl.where(above, c.duration, s.hold),
    )  # fmt: skip


@triton.jit
def compete(net, p, k, inside, s, left, step, COMPETE: tl.constexpr):
    """See `reference.compete`: who spikes [B], and how many winners are left."""
    margin = s.v.to(tl.int64) - p.v_th - s.theta
    able = inside & (margin > 0) & (s.refractory == 0)
    if COMPETE:
        limited = p.winners > 0
        phase = step % tl.maximum(p.cycle, 1)
        for n in range(p.start_low, p.start_high):
            left = tl.where(tl.load(net.start + n) == phase, p.winners, left)
        count = tl.sum(able.to(tl.int64), axis=0)
        # the larger margin, then the lower index, is the larger key; every key is another one
        key = tl.where(able, (margin << 24) | (0xFFFFFF - k), -1)
        rest = key
        for _ in range(tl.where(limited & (count > left), left, 0)):
            rest = tl.where(rest == tl.max(rest, axis=0), -1, rest)
        able = able & ((limited == 0) | (count <= left) | (rest < 0))
        left = tl.where(limited, left - tl.minimum(count, left), left)
    return able, left


@triton.jit
def write_spikes(x, e, p, k, spiked, t):
    """Pack who spiked into row `t`."""
    words = tl.reshape(spiked.to(tl.int32), [spiked.shape[0] // 32, 32])
    words = tl.sum(words << tl.arange(0, 32)[None, :], axis=1)
    number = tl.min(k, axis=0) // 32 + tl.arange(0, spiked.shape[0] // 32)
    tl.store(spike_row(x, e, t) + p.word + number, words, mask=number * 32 < p.size)


@triton.jit
def read_spikes(x, e, p, k, inside, t):
    """Who spiked in row `t`."""
    words = tl.load(spike_row(x, e, t) + p.word + k // 32, mask=inside, other=0)
    return ((words >> (k % 32).to(tl.int32)) & 1) != 0


@triton.jit
def arrive_and_reset(
    x, e, p, c, k, inside, s, spiked, t,
    RISE: tl.constexpr, ADAPTIVE: tl.constexpr, BRANCHES: tl.constexpr,
):  # fmt: skip
    """Add what arrives in step `t` (a held branch loses it), then `reference.reset`."""
    there = c.known & inside[None, :]
    # atomic adds wrote it past the nearest cache, so it is read past it too
    arrived = tl.load(
        ring_row(x, e, t) + c.base + k[None, :], mask=there, other=0, cache_modifier=".cg"
    )
    theta, rise, hold = s.theta, s.rise, s.hold
    if BRANCHES:
        arrived = tl.where(c.plateau & ((hold > 0) | (s.refractory > 0)[None, :]), 0, arrived)
    current = s.current + tl.where(c.exponential, arrived, 0)
    if RISE:
        rise = rise + tl.where(c.exponential, 0, arrived)
    if BRANCHES:
        over = c.plateau & spiked[None, :]
        current = tl.where(over, 0, current)
        rise = tl.where(over, 0, rise)
        hold = tl.where(over, 0, hold)
    if ADAPTIVE:
        theta = tl.where(spiked, theta + p.theta_step.to(tl.int32), theta)
    return Cells(
        v=tl.where(spiked, p.v_reset.to(tl.int32), s.v),
        refractory=tl.where(spiked, p.refractory.to(tl.int32), s.refractory),
        theta=theta, current=current, rise=rise, hold=hold,
    )  # fmt: skip


@triton.jit
def clear(x, e, c, k, inside, t):
    """Nothing arrives in the slot of step `t` any more; the caller puts a barrier before it."""
    nothing = tl.zeros([c.known.shape[0], k.shape[0]], tl.int32)
    at = ring_row(x, e, t) + c.base + k[None, :]
    tl.store(at, nothing, mask=c.known & inside[None, :])
