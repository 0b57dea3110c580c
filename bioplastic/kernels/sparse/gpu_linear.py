"""Linear neurons of the sparse kernel in Triton: a matrix, affine resets, events.

A step of a block is a loop over the states that drive: column j of the matrix times row j of the
tile. What a refractory neuron does differently is another coefficient, chosen neuron by neuron.

Numbers of a population of n states and m events, in this order: matrix of a free step (n, n), of a
held one (n, n), row of the threshold (n), which states are deaf (n); then m + 1 maps as a step
applies them: number of the event or −1 for the spike, matrix (n, n), offset (n); then for every
event: dead time, duration, first word in a row of onsets, row (n), drive (n), held drive (n). What
differs between neurons: free offsets (n rows), held offsets (n), threshold, thresholds of the
events.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import triton
import triton.language as tl

from bioplastic.kernels.sparse import gpu_neurons as neurons
from bioplastic.kernels.sparse.gpu_states import arrived, clear, column, event_rows, row, rows
from bioplastic.quantize import fixed_point as fp

HALF = tl.constexpr(1 << (fp.PROPAGATOR - 1))
SHIFT = tl.constexpr(fp.PROPAGATOR)


class Linear(NamedTuple):
    """State of a block: states [C, B], refractory [B]; of events hold and last step [E, B]."""

    state: Any
    refractory: Any
    hold: Any
    last: Any


@triton.jit
def read(x, p, k, inside, CHANNELS: tl.constexpr, EVENTS: tl.constexpr):
    """Load a block."""
    slot, there = rows(p, k, inside, CHANNELS)
    refractory = tl.load(x.refractory + p.neuron + k, mask=inside, other=0)
    hold, last = refractory, refractory  # nobody reads them without events
    if EVENTS:
        at, known = event_rows(p, k, inside, EVENTS)
        hold = tl.load(x.hold + at, mask=known, other=0)
        last = tl.load(x.trace_step + at, mask=known, other=0)
    return Linear(
        state=tl.load(x.current + slot, mask=there, other=0),
        refractory=refractory, hold=hold, last=last,
    )  # fmt: skip


@triton.jit
def write(x, p, k, inside, s, CHANNELS: tl.constexpr, EVENTS: tl.constexpr):
    """Store a block; the caller puts a barrier before it."""
    slot, there = rows(p, k, inside, CHANNELS)
    tl.store(x.current + slot, s.state, mask=there)
    tl.store(x.refractory + p.neuron + k, s.refractory, mask=inside)
    if EVENTS:
        at, known = event_rows(p, k, inside, EVENTS)
        tl.store(x.hold + at, s.hold, mask=known)
        tl.store(x.trace_step + at, s.last, mask=known)


@triton.jit
def event_numbers(p, n):
    """First number of event `n`."""
    square = p.states * p.states
    maps = p.number + 2 * square + 2 * p.states + (p.events + 1) * (1 + square + p.states)
    return maps + n * (3 + 3 * p.states)


@triton.jit
def integrate(net, p, s, k, inside, CHANNELS: tl.constexpr, EVENTS: tl.constexpr):
    """See `reference_neurons.integrate`."""
    refractory = tl.maximum(s.refractory - 1, 0)
    held, square = (refractory > 0)[None, :], p.states * p.states
    c = tl.arange(0, CHANNELS)[:, None]
    offset = p.each + (c + tl.where(held, p.states, 0)) * p.stride + k[None, :]
    total = tl.load(net.each + offset, mask=(c < p.states) & inside[None, :], other=0)
    for j in range(p.states):
        free = column(net, p.number + j, p.states, CHANNELS, p.states)
        own = column(net, p.number + square + j, p.states, CHANNELS, p.states)
        factor = tl.where(held, own.to(tl.int32), free.to(tl.int32))  # Q30, below 2
        total += factor.to(tl.int64) * row(s.state, j)[None, :].to(tl.int64)
    hold = s.hold
    if EVENTS:
        for n in range(p.events):
            drive = event_numbers(p, n) + 3 + p.states
            free = column(net, drive, p.states, CHANNELS, 1)
            own = column(net, drive + p.states, p.states, CHANNELS, 1)
            lasts = (row(hold, n) > 0)[None, :]
            total += tl.where(lasts, tl.where(held, own, free), 0)
        hold = hold - (hold > 0).to(tl.int32)
    state = ((total + HALF) >> SHIFT).to(tl.int32)
    return Linear(state=state, refractory=refractory, hold=hold, last=s.last)


@triton.jit
def passes(net, p, state, first, theta, k, inside, CHANNELS: tl.constexpr):
    """Whose condition holds [B]: row from number `first` on, threshold in row `theta`."""
    weights = column(net, first, p.states, CHANNELS, 1)
    total = tl.sum(weights * state.to(tl.int64), axis=0)
    level = tl.load(net.each + p.each + theta * p.stride + k, mask=inside, other=0)
    return inside & (total > level)


@triton.jit
def notice(net, p, s, k, inside, step, CHANNELS: tl.constexpr, EVENTS: tl.constexpr):
    """See `reference_neurons.notice`: whose events happen [E, B]."""
    which = tl.arange(0, EVENTS)[:, None]
    fired = (s.hold * 0) != 0
    for n in range(p.events):
        first = event_numbers(p, n)
        theta = 2 * p.states + 1 + n
        now = passes(net, p, s.state, first + 3, theta, k, inside, CHANNELS)
        able = step - s.last >= tl.load(net.number + first)
        fired = fired | ((which == n) & able & now[None, :])
    return fired


@triton.jit
def onset_words(net, x, e, p, t, EVENTS: tl.constexpr):
    """First word of every event in row `t` of the onsets [E, 1]; nothing beyond the last event."""
    n = tl.arange(0, EVENTS)[:, None]
    word = tl.load(net.number + event_numbers(p, n) + 2, mask=n < p.events, other=0)
    return x.onsets + t * e.onset_words + word, n < p.events


@triton.jit
def write_onsets(net, x, e, p, k, fired, t, EVENTS: tl.constexpr):
    """Pack whose events happened into row `t`."""
    at, known = onset_words(net, x, e, p, t, EVENTS)
    words = tl.reshape(fired.to(tl.int32), [EVENTS, fired.shape[1] // 32, 32])
    words = tl.sum(words << tl.arange(0, 32)[None, None, :], axis=2)
    number = tl.min(k, axis=0) // 32 + tl.arange(0, fired.shape[1] // 32)[None, :]
    tl.store(at + number, words, mask=known & (number * 32 < p.size))


@triton.jit
def read_onsets(net, x, e, p, k, inside, t, EVENTS: tl.constexpr):
    """Whose events happened in row `t` [E, B]."""
    at, known = onset_words(net, x, e, p, t, EVENTS)
    words = tl.load(at + (k // 32)[None, :], mask=known & inside[None, :], other=0)
    return ((words >> (k % 32).to(tl.int32)[None, :]) & 1) != 0


@triton.jit
def spike(net, p, s, k, inside, CHANNELS: tl.constexpr):
    """See `reference_neurons.spiking`: who spikes [B], and is refractory from here on."""
    first = p.number + 2 * p.states * p.states
    now = passes(net, p, s.state, first, 2 * p.states, k, inside, CHANNELS)
    spiked = now & (s.refractory == 0)
    refractory = tl.where(spiked, p.refractory.to(tl.int32), s.refractory)
    return spiked, Linear(state=s.state, refractory=refractory, hold=s.hold, last=s.last)


@triton.jit
def jump(net, p, state, who, first, CHANNELS: tl.constexpr):
    """The states after the map whose matrix begins at number `first`, in the neurons `who` [B]."""
    total = tl.zeros(state.shape, tl.int64)
    total += column(net, first + p.states * p.states, p.states, CHANNELS, 1)
    for j in range(p.states):
        factor = column(net, first + j, p.states, CHANNELS, p.states)
        total += factor * row(state, j)[None, :].to(tl.int64)
    return tl.where(who[None, :], ((total + HALF) >> SHIFT).to(tl.int32), state)


@triton.jit
def arrive_and_reset(
    net, x, e, p, s, k, inside, spiked, fired, t, step,
    CHANNELS: tl.constexpr, EVENTS: tl.constexpr,
):  # fmt: skip
    """Add what arrives in step `t` (deaf states lose it), then `reference_neurons.reset`."""
    slot, there = rows(p, k, inside, CHANNELS)
    square = p.states * p.states
    deaf = column(net, p.number + 2 * square + p.states, p.states, CHANNELS, 1) != 0
    state = s.state + tl.where(deaf & (s.refractory > 0)[None, :], 0, arrived(x, e, slot, there, t))
    hold, last = s.hold, s.last
    at = p.number + 2 * square + 2 * p.states
    for _ in range(p.events + 1):
        who = spiked
        if EVENTS:
            which = tl.load(net.number + at)
            who = tl.where(which < 0, spiked, row(fired.to(tl.int32), which) > 0)
        if tl.max(who.to(tl.int32), axis=0) > 0:
            state = jump(net, p, state, who, at + 1, CHANNELS)
        at += 1 + square + p.states
    if EVENTS:
        n = tl.arange(0, EVENTS)[:, None]
        first = event_numbers(p, n)
        duration = tl.load(net.number + first + 1, mask=n < p.events, other=0).to(tl.int32)
        hold = tl.where(fired, duration, hold)
        last = tl.where(fired, step, last)
    return Linear(state=state, refractory=s.refractory, hold=hold, last=last)


@triton.jit
def begin(net, x, e, p, k, inside, t, step, CHANNELS: tl.constexpr, EVENTS: tl.constexpr):
    """Step `t` of a block up to its spikes."""
    s = read(x, p, k, inside, CHANNELS, EVENTS)
    s = integrate(net, p, s, k, inside, CHANNELS, EVENTS)
    if EVENTS:
        fired = notice(net, p, s, k, inside, step, CHANNELS, EVENTS)
        write_onsets(net, x, e, p, k, fired, t, EVENTS)
    spiked, s = spike(net, p, s, k, inside, CHANNELS)
    tl.debug_barrier()  # the old state is read
    neurons.write_spikes(x, e, p, k, spiked, t)
    write(x, p, k, inside, s, CHANNELS, EVENTS)


@triton.jit
def end(net, x, e, p, k, inside, t, step, CHANNELS: tl.constexpr, EVENTS: tl.constexpr):
    """Arrivals of step `t` at a block, and its resets."""
    s = read(x, p, k, inside, CHANNELS, EVENTS)
    spiked = neurons.read_spikes(x, e, p, k, inside, t)
    fired = spiked
    if EVENTS:
        fired = read_onsets(net, x, e, p, k, inside, t, EVENTS)
    s = arrive_and_reset(net, x, e, p, s, k, inside, spiked, fired, t, step, CHANNELS, EVENTS)
    slot, there = rows(p, k, inside, CHANNELS)
    tl.debug_barrier()  # arrivals and the old state are read
    clear(x, e, slot, there, t)
    write(x, p, k, inside, s, CHANNELS, EVENTS)


@triton.jit
def advance(
    net, x, e, p, k, inside, first, last, begun, CHANNELS: tl.constexpr, EVENTS: tl.constexpr
):
    """Steps first … last − 1 of a block, its state in registers; the run began in step `begun`."""
    s = read(x, p, k, inside, CHANNELS, EVENTS)
    for t in range(first, last):
        s = integrate(net, p, s, k, inside, CHANNELS, EVENTS)
        fired = s.refractory
        if EVENTS:
            fired = notice(net, p, s, k, inside, begun + t, CHANNELS, EVENTS)
            write_onsets(net, x, e, p, k, fired, t, EVENTS)
        spiked, s = spike(net, p, s, k, inside, CHANNELS)
        neurons.write_spikes(x, e, p, k, spiked, t)
        s = arrive_and_reset(
            net, x, e, p, s, k, inside, spiked, fired, t, begun + t, CHANNELS, EVENTS
        )
    slot, there = rows(p, k, inside, CHANNELS)
    tl.debug_barrier()  # arrivals and the old state are read
    for t in range(first, last):
        clear(x, e, slot, there, t)
    write(x, p, k, inside, s, CHANNELS, EVENTS)
