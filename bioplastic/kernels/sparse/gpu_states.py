"""States of linear and conductance neurons in Triton: a block of one population as a tile.

[B] is a block of neurons, [C, B] its states, one row for each; rows beyond the last state are zero
and are neither read nor written. A number of one row is had by summing the tile with the other rows
struck out, so a kernel has the same code for two states and for twenty.
"""

from __future__ import annotations

import triton
import triton.language as tl

from bioplastic.kernels.sparse.gpu_tables import ring_row


@triton.jit
def rows(p, k, inside, CHANNELS: tl.constexpr):
    """Channel slots of the states [C, B], and which of them are states of neurons."""
    c = tl.arange(0, CHANNELS)[:, None]
    return p.slot + c * p.stride + k[None, :], (c < p.states) & inside[None, :]


@triton.jit
def event_rows(p, k, inside, EVENTS: tl.constexpr):
    """Channel slots of the events [E, B], and which of them are events of neurons."""
    n = tl.arange(0, EVENTS)[:, None]
    return p.slot + (p.states + n) * p.stride + k[None, :], (n < p.events) & inside[None, :]


@triton.jit
def row(tile, which):
    """Row `which` of a tile [C, B] of int32: [B]."""
    c = tl.arange(0, tile.shape[0])[:, None]
    return tl.sum(tl.where(c == which, tile, 0), axis=0)


@triton.jit
def column(net, first, count, CHANNELS: tl.constexpr, apart):
    """`count` of the numbers of a population from `first` on, `apart` from each other: [C, 1]."""
    c = tl.arange(0, CHANNELS)[:, None]
    return tl.load(net.number + first + c * apart, mask=c < count, other=0)


@triton.jit
def arrived(x, e, slot, there, t):
    """What arrives in step `t` [C, B]."""
    # atomic adds wrote it past the nearest cache, so it is read past it too
    return tl.load(ring_row(x, e, t) + slot, mask=there, other=0, cache_modifier=".cg")


@triton.jit
def clear(x, e, slot, there, t):
    """Nothing arrives in the slot of step `t` any more; the caller puts a barrier before it."""
    tl.store(ring_row(x, e, t) + slot, tl.zeros(slot.shape, tl.int32), mask=there)
