"""Large networks in Triton: the launches of linear and conductance populations.

`advance_…` runs a window of a block of neurons, `begin_…` and `end_…` the two halves of one step;
see `gpu_windows`.
"""

from __future__ import annotations

import triton
import triton.language as tl

from bioplastic.kernels.sparse import gpu_conductance as conductance
from bioplastic.kernels.sparse import gpu_linear as linear
from bioplastic.kernels.sparse.gpu_tables import extent, member, population_row

TIME = ["place", "first", "last", "t"]  # another value is no other kernel


@triton.jit
def block(net, x, sizes, place, BLOCK: tl.constexpr):
    """Arrays of the member, sizes, population, neurons, and which of them there are."""
    p = population_row(net, place)
    k = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    return member(x, sizes, tl.program_id(1).to(tl.int64)), extent(sizes), p, k, k < p.size


@triton.jit(do_not_specialize=TIME)
def advance_linear(
    net, x, sizes, place, first, last,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, EVENTS: tl.constexpr,
):  # fmt: skip
    """Steps first … last − 1 of a block; nothing may arrive from inside."""
    x, e, p, k, inside = block(net, x, sizes, place, BLOCK)
    begun = tl.load(x.first)
    linear.advance(net, x, e, p, k, inside, first, last, begun, CHANNELS, EVENTS)


@triton.jit(do_not_specialize=TIME)
def begin_linear(
    net, x, sizes, place, t,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, EVENTS: tl.constexpr,
):  # fmt: skip
    """Step `t` of a block up to its spikes."""
    x, e, p, k, inside = block(net, x, sizes, place, BLOCK)
    linear.begin(net, x, e, p, k, inside, t, tl.load(x.first) + t, CHANNELS, EVENTS)


@triton.jit(do_not_specialize=TIME)
def end_linear(
    net, x, sizes, place, t,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, EVENTS: tl.constexpr,
):  # fmt: skip
    """Arrivals of step `t` at a block, and its resets."""
    x, e, p, k, inside = block(net, x, sizes, place, BLOCK)
    linear.end(net, x, e, p, k, inside, t, tl.load(x.first) + t, CHANNELS, EVENTS)


@triton.jit(do_not_specialize=TIME)
def advance_conductance(
    net, x, sizes, place, first, last,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, EXPONENTIAL: tl.constexpr, EULER: tl.constexpr,
):  # fmt: skip
    """Steps first … last − 1 of a block; nothing may arrive from inside."""
    x, e, p, k, inside = block(net, x, sizes, place, BLOCK)
    conductance.advance(net, x, e, p, k, inside, first, last, CHANNELS, EXPONENTIAL, EULER)


@triton.jit(do_not_specialize=TIME)
def begin_conductance(
    net, x, sizes, place, t,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, EXPONENTIAL: tl.constexpr, EULER: tl.constexpr,
):  # fmt: skip
    """Step `t` of a block up to its spikes."""
    x, e, p, k, inside = block(net, x, sizes, place, BLOCK)
    conductance.begin(net, x, e, p, k, inside, t, CHANNELS, EXPONENTIAL, EULER)


@triton.jit(do_not_specialize=TIME)
def end_conductance(net, x, sizes, place, t, BLOCK: tl.constexpr, CHANNELS: tl.constexpr):
    """Arrivals of step `t` at a block, and its resets."""
    x, e, p, k, inside = block(net, x, sizes, place, BLOCK)
    conductance.end(net, x, e, p, k, inside, t, CHANNELS)
