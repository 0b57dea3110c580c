"""Conductance neurons of the sparse kernel in Triton: exponential Euler, or Euler.

Row 0 of a tile is the membrane potential, the others are conductances; decay and reversal of row 0
are 0, so that sums over rows need no mask.

Numbers of a population of n states: rate, shift + 2, leak, its gain under Euler's method, whether
the method is exponential, whether v stands still while refractory, first entry of the table of
exponentials, decays (n), reversals (n). What differs between neurons: rest, v_th.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import triton
import triton.language as tl

from bioplastic.kernels.sparse import gpu_neurons as neurons
from bioplastic.kernels.sparse.gpu_states import arrived, clear, column, row, rows
from bioplastic.quantize import fixed_point as fp

HALF = tl.constexpr(1 << (fp.PROPAGATOR - 1))
SHIFT = tl.constexpr(fp.PROPAGATOR)
ONE, TABLE = tl.constexpr(1 << fp.TABLE), tl.constexpr(fp.TABLE)
ONE_HALF = tl.constexpr(1 << (fp.TABLE - 1))
LOW_BITS = tl.constexpr(fp.TABLE - fp.EXP_INDEX)
LOW_MASK = tl.constexpr((1 << (fp.TABLE - fp.EXP_INDEX)) - 1)
LENGTH, THIRD = tl.constexpr(fp.EXP_LENGTH), tl.constexpr(fp.THIRD)
HEAD = tl.constexpr(7)


class Conductance(NamedTuple):
    """State of a block: v and conductances [C, B], refractory, theta [B]."""

    state: Any
    refractory: Any
    theta: Any


@triton.jit
def read(x, p, k, inside, CHANNELS: tl.constexpr):
    """Load a block."""
    slot, there = rows(p, k, inside, CHANNELS)
    return Conductance(
        state=tl.load(x.current + slot, mask=there, other=0),
        refractory=tl.load(x.refractory + p.neuron + k, mask=inside, other=0),
        theta=tl.load(x.theta + p.neuron + k, mask=inside, other=0),
    )


@triton.jit
def write(x, p, k, inside, s, CHANNELS: tl.constexpr):
    """Store a block; the caller puts a barrier before it."""
    slot, there = rows(p, k, inside, CHANNELS)
    tl.store(x.current + slot, s.state, mask=there)
    tl.store(x.refractory + p.neuron + k, s.refractory, mask=inside)
    tl.store(x.theta + p.neuron + k, s.theta, mask=inside)


@triton.jit
def exponential(net, low, x):
    """See `fixed_point.exponential`; the table starts at `low`."""
    n, rest = x >> LOW_BITS, x & LOW_MASK
    inside = ONE - ((rest * THIRD + ONE_HALF) >> TABLE)
    inside = ONE - ((rest * inside + ONE) >> (TABLE + 1))
    inside = ONE - ((rest * inside + ONE_HALF) >> TABLE)
    whole = tl.load(net.table + low + tl.minimum(n, LENGTH - 1)).to(tl.int64)
    return tl.where(n < LENGTH, (whole * inside + ONE_HALF) >> TABLE, 0)


@triton.jit
def exponential_step(net, p, v, g, rest, rate, bits, leak, CHANNELS: tl.constexpr):
    """See `reference_neurons._exponential_step`."""
    reversal = column(net, p.number + HEAD + p.states, p.states, CHANNELS, 1)
    total = leak + tl.sum(g, axis=0)
    above = leak * rest + tl.sum(reversal * g, axis=0) + (total >> 1)
    drawn_to = above // total  # toward zero
    drawn_to -= (drawn_to * total > above).to(tl.int64)  # down
    exponent = (total * rate + ((1 << bits) >> 1)) >> bits
    kept = exponential(net, tl.load(net.number + p.number + 6), exponent)
    return drawn_to + (((v - drawn_to) * kept + HALF) >> SHIFT)


@triton.jit
def euler_step(net, p, v, g, rest, rate, bits, CHANNELS: tl.constexpr):
    """See `reference_neurons._euler_step`."""
    reversal = column(net, p.number + HEAD + p.states, p.states, CHANNELS, 1)
    gain = (g * rate + ((1 << bits) >> 1)) >> bits
    moved = (rest - v) * tl.load(net.number + p.number + 3)
    moved += tl.sum((reversal - v[None, :]) * gain, axis=0)
    return v + ((moved + HALF) >> SHIFT)


@triton.jit
def integrate(
    net, p, s, k, inside, CHANNELS: tl.constexpr, EXPONENTIAL: tl.constexpr, EULER: tl.constexpr
):
    """See `reference_neurons.integrate`."""
    refractory = tl.maximum(s.refractory - 1, 0)
    at = net.number + p.number
    rate, bits, leak = tl.load(at), tl.load(at + 1), tl.load(at + 2)
    v, c = row(s.state, 0).to(tl.int64), tl.arange(0, CHANNELS)[:, None]
    g = tl.where(c == 0, 0, s.state).to(tl.int64)
    rest = tl.load(net.each + p.each + k, mask=inside, other=0)
    if EXPONENTIAL:
        fresh = exponential_step(net, p, v, g, rest, rate, bits, leak, CHANNELS)
    if EULER:
        euler = euler_step(net, p, v, g, rest, rate, bits, CHANNELS)
        fresh = tl.where(tl.load(at + 4) != 0, fresh, euler) if EXPONENTIAL else euler
    stands = (refractory > 0) & (tl.load(at + 5) != 0)
    fresh = tl.where(stands, v, fresh)
    decay = column(net, p.number + HEAD, p.states, CHANNELS, 1)
    faded = (decay * g + HALF) >> SHIFT
    theta = (p.theta_decay * s.theta.to(tl.int64) + HALF) >> SHIFT
    return Conductance(
        state=tl.where(c == 0, fresh[None, :], faded).to(tl.int32),
        refractory=refractory, theta=theta.to(tl.int32),
    )  # fmt: skip


@triton.jit
def spike(net, p, s, k, inside):
    """See `reference_neurons.spiking`: who spikes [B]."""
    v_th = tl.load(net.each + p.each + p.stride + k, mask=inside, other=0)
    above = row(s.state, 0).to(tl.int64) > v_th + s.theta
    return inside & above & (s.refractory == 0)


@triton.jit
def arrive_and_reset(x, e, p, s, k, inside, spiked, t, CHANNELS: tl.constexpr):
    """Add what arrives in step `t`, then `reference_neurons.reset`."""
    slot, there = rows(p, k, inside, CHANNELS)
    state = s.state + arrived(x, e, slot, there, t)
    first = tl.arange(0, CHANNELS)[:, None] == 0
    return Conductance(
        state=tl.where(first & spiked[None, :], p.v_reset.to(tl.int32), state),
        refractory=tl.where(spiked, p.refractory.to(tl.int32), s.refractory),
        theta=tl.where(spiked, s.theta + p.theta_step.to(tl.int32), s.theta),
    )


@triton.jit
def begin(
    net, x, e, p, k, inside, t,
    CHANNELS: tl.constexpr, EXPONENTIAL: tl.constexpr, EULER: tl.constexpr,
):  # fmt: skip
    """Step `t` of a block up to its spikes."""
    s = read(x, p, k, inside, CHANNELS)
    s = integrate(net, p, s, k, inside, CHANNELS, EXPONENTIAL, EULER)
    spiked = spike(net, p, s, k, inside)
    tl.debug_barrier()  # the old state is read
    neurons.write_spikes(x, e, p, k, spiked, t)
    write(x, p, k, inside, s, CHANNELS)


@triton.jit
def end(net, x, e, p, k, inside, t, CHANNELS: tl.constexpr):
    """Arrivals of step `t` at a block, and its resets."""
    s = read(x, p, k, inside, CHANNELS)
    spiked = neurons.read_spikes(x, e, p, k, inside, t)
    s = arrive_and_reset(x, e, p, s, k, inside, spiked, t, CHANNELS)
    slot, there = rows(p, k, inside, CHANNELS)
    tl.debug_barrier()  # arrivals and the old state are read
    clear(x, e, slot, there, t)
    write(x, p, k, inside, s, CHANNELS)


@triton.jit
def advance(
    net, x, e, p, k, inside, first, last,
    CHANNELS: tl.constexpr, EXPONENTIAL: tl.constexpr, EULER: tl.constexpr,
):  # fmt: skip
    """Steps first … last − 1 of a block, its state in registers."""
    s = read(x, p, k, inside, CHANNELS)
    for t in range(first, last):
        s = integrate(net, p, s, k, inside, CHANNELS, EXPONENTIAL, EULER)
        spiked = spike(net, p, s, k, inside)
        neurons.write_spikes(x, e, p, k, spiked, t)
        s = arrive_and_reset(x, e, p, s, k, inside, spiked, t, CHANNELS)
    slot, there = rows(p, k, inside, CHANNELS)
    tl.debug_barrier()  # arrivals and the old state are read
    for t in range(first, last):
        clear(x, e, slot, there, t)
    write(x, p, k, inside, s, CHANNELS)
