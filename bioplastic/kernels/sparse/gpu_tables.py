"""What the Triton kernels of the sparse kernel are handed: pointers and rows of numbers by name.

A NamedTuple is passed to a kernel as its fields, one after the other. Units of a group (a source or
a population) begin at a multiple of 32, so that unit k is bit k mod 32 of word k/32 of its group.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import triton
import triton.language as tl

POPULATION_NUMBERS = tl.constexpr(23)
CHANNEL_NUMBERS = tl.constexpr(13)
PROJECTION_NUMBERS = tl.constexpr(41)
EXTENT = tl.constexpr(6)
STATIC, PAIR, PERMANENCE, TRACES = (tl.constexpr(n) for n in range(4))
LEAKY, LINEAR, CONDUCTANCE = (tl.constexpr(n) for n in range(3))
EVENTS, UPDATES, SATURATIONS = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)


class Topology(NamedTuple):
    """What all members of a batch share."""

    population: Any  # (P, POPULATION_NUMBERS) int64
    channel: Any  # (C, CHANNEL_NUMBERS) int64
    projection: Any  # (Q, PROJECTION_NUMBERS) int64
    offset: Any  # (N,) int64
    start: Any  # steps of a cycle at which competitions start, int64
    table: Any  # all decay tables, int32
    delay: Any  # distinct delays of every projection, int32
    row_ptr: Any  # int64, into the synapses of all projections
    post: Any  # (S,) int32
    late: Any  # (S,) int32 delay of every synapse, steps
    weight: Any  # (S,) int16, static
    floor: Any  # int32, lower bounds of permanences
    col_ptr: Any  # int64
    col_syn: Any  # int64 synapse, counted inside its projection, as the next
    col_trace: Any  # int64 pre trace
    col_late: Any  # int32 delay
    step_up: Any  # (Q, 128) int32
    step_down: Any  # (Q, 128) int32
    number: Any  # int64: matrices, rows, events; decays and reversals, see `gpu_layout_neurons`
    each: Any  # int64: what differs between linear or conductance neurons
    statement: Any  # (…, 3) int64 of `layout_rule.Program`, as the next three
    change: Any  # (…, 4)
    term: Any  # (…, 3)
    trace: Any  # (…, 4)
    step: Any  # (terms, 128) int32


class State(NamedTuple):
    """State of the members of a batch, (B, …)."""

    first: Any  # int64 step at which the run starts
    seed: Any  # int64
    v: Any  # (N,) int32, and the next two
    refractory: Any
    theta: Any
    left: Any  # (P,) int32
    current: Any  # (channel slots,) int32, and the next two
    rise: Any
    hold: Any
    trace: Any  # (channel slots,) int64, and the next
    trace_step: Any
    ring: Any  # (slots, channel slots) int32: what arrives in a step
    weight: Any  # int16, learned
    permanence: Any  # int32
    pre_trace: Any  # int64, and the next three
    pre_step: Any
    post_trace: Any
    post_step: Any
    spikes: Any  # (history + steps, words) int32
    onsets: Any  # (steps, onset words) int32
    counters: Any  # (3,) int64


class Extent(NamedTuple):
    """Sizes of a run.

    They stand in an int64 array `sizes`, followed by the numbers of one member in every array of
    `State`: an argument would make another kernel for every run that a 16 or a 1 comes up in.
    """

    history: Any  # rows of `spikes` before the first step
    steps: Any
    words: Any  # of a row of spikes
    onset_words: Any
    slots: Any  # of the ring
    places: Any  # channel slots


class Population(NamedTuple):
    """One row of the table of populations."""

    place: Any
    neuron: Any  # first neuron
    size: Any
    word: Any  # first word in a row of spikes
    pvv: Any
    pv1: Any
    v_th: Any
    v_reset: Any
    refractory: Any
    theta_decay: Any
    theta_step: Any
    winners: Any
    cycle: Any
    start_low: Any
    start_high: Any
    channel: Any  # first channel
    channels: Any
    kind: Any  # LEAKY, LINEAR, CONDUCTANCE; the rest is for the last two
    states: Any  # of a neuron: state n of neuron k is in channel slot `slot + n·stride + k`
    events: Any  # their slots follow
    slot: Any
    stride: Any
    number: Any  # first of its numbers
    each: Any  # first of what differs between its neurons, rows of `stride`


class Channels(NamedTuple):
    """The rows of the channels of a population, [C, 1]."""

    known: Any
    exponential: Any
    plateau: Any
    base: Any  # first channel slot
    pii: Any
    pih: Any
    pvi: Any
    pvh: Any
    threshold: Any
    clamp: Any
    duration: Any
    table: Any
    length: Any
    onset: Any  # first word in a row of onsets


class Projection(NamedTuple):
    """One row of the table of projections."""

    place: Any
    rule: Any
    pre_word: Any
    pre_words: Any
    post_word: Any
    post_words: Any
    base: Any  # channel slot of the first post neuron
    scale: Any
    row: Any
    col: Any
    delays: Any
    delay: Any
    syn: Any  # first synapse
    own: Any  # first weight or permanence in the state
    column: Any  # first place in column order
    pre_trace: Any
    post_trace: Any
    plus: Any
    plus_length: Any
    minus: Any
    minus_length: Any
    hebbian: Any
    decrement: Any
    rate: Any
    target: Any
    homeostatic: Any
    first_lag: Any
    last_lag: Any
    theta: Any
    z_table: Any  # of the plateau trace of the channel
    z_length: Any
    high: Any  # greatest weight; the least one of pair STDP is 0
    shift: Any  # entry w >> shift of a table of steps belongs to weight w
    bits: Any  # a step times a trace, shifted by `bits`, is Q8; `half` rounds it
    half: Any
    low: Any  # least weight; from here on of programs on traces
    trace: Any  # first trace, those of pre before those of post
    pre_traces: Any
    on_pre: Any  # first statement of every side, and the end
    on_post: Any
    on_end: Any
    fresh: Any  # weights are delivered after on_pre


@triton.jit
def population_row(net, place):
    """Row `place` of the table of populations."""
    at = net.population + place * POPULATION_NUMBERS
    return Population(
        place=place, neuron=tl.load(at), size=tl.load(at + 1), word=tl.load(at + 2),
        pvv=tl.load(at + 3), pv1=tl.load(at + 4), v_th=tl.load(at + 5), v_reset=tl.load(at + 6),
        refractory=tl.load(at + 7), theta_decay=tl.load(at + 8), theta_step=tl.load(at + 9),
        winners=tl.load(at + 10), cycle=tl.load(at + 11), start_low=tl.load(at + 12),
        start_high=tl.load(at + 13), channel=tl.load(at + 14), channels=tl.load(at + 15),
        kind=tl.load(at + 16), states=tl.load(at + 17), events=tl.load(at + 18),
        slot=tl.load(at + 19), stride=tl.load(at + 20), number=tl.load(at + 21),
        each=tl.load(at + 22),
    )  # fmt: skip


@triton.jit
def channel_rows(net, p, CHANNELS: tl.constexpr):
    """Rows of the channels of `p`, zero beyond them."""
    c = tl.arange(0, CHANNELS)[:, None]
    known = c < p.channels
    at = net.channel + (p.channel + c) * CHANNEL_NUMBERS
    return Channels(
        known=known,
        exponential=tl.load(at, mask=known, other=0) != 0,
        plateau=tl.load(at + 1, mask=known, other=0) != 0,
        base=tl.load(at + 2, mask=known, other=0),
        pii=tl.load(at + 3, mask=known, other=0),
        pih=tl.load(at + 4, mask=known, other=0),
        pvi=tl.load(at + 5, mask=known, other=0),
        pvh=tl.load(at + 6, mask=known, other=0),
        threshold=tl.load(at + 7, mask=known, other=0),
        clamp=tl.load(at + 8, mask=known, other=0).to(tl.int32),
        duration=tl.load(at + 9, mask=known, other=0).to(tl.int32),
        table=tl.load(at + 10, mask=known, other=0),
        length=tl.load(at + 11, mask=known, other=1),
        onset=tl.load(at + 12, mask=known, other=0),
    )


@triton.jit
def projection_row(net, place):
    """Row `place` of the table of projections."""
    at = net.projection + place * PROJECTION_NUMBERS
    return Projection(
        place=place, rule=tl.load(at), pre_word=tl.load(at + 1), pre_words=tl.load(at + 2),
        post_word=tl.load(at + 3), post_words=tl.load(at + 4), base=tl.load(at + 5),
        scale=tl.load(at + 6), row=tl.load(at + 7), col=tl.load(at + 8), delays=tl.load(at + 9),
        delay=tl.load(at + 10), syn=tl.load(at + 11), own=tl.load(at + 12),
        column=tl.load(at + 13), pre_trace=tl.load(at + 14), post_trace=tl.load(at + 15),
        plus=tl.load(at + 16), plus_length=tl.load(at + 17), minus=tl.load(at + 18),
        minus_length=tl.load(at + 19), hebbian=tl.load(at + 20), decrement=tl.load(at + 21),
        rate=tl.load(at + 22), target=tl.load(at + 23), homeostatic=tl.load(at + 24),
        first_lag=tl.load(at + 25), last_lag=tl.load(at + 26), theta=tl.load(at + 27),
        z_table=tl.load(at + 28), z_length=tl.load(at + 29), high=tl.load(at + 30),
        shift=tl.load(at + 31), bits=tl.load(at + 32), half=tl.load(at + 33),
        low=tl.load(at + 34), trace=tl.load(at + 35), pre_traces=tl.load(at + 36),
        on_pre=tl.load(at + 37), on_post=tl.load(at + 38), on_end=tl.load(at + 39),
        fresh=tl.load(at + 40),
    )  # fmt: skip


@triton.jit
def member(x, sizes, b):
    """The arrays of member `b` of a batch."""
    at = sizes + EXTENT
    return State(
        first=x.first + b * tl.load(at),
        seed=x.seed + b * tl.load(at + 1),
        v=x.v + b * tl.load(at + 2),
        refractory=x.refractory + b * tl.load(at + 3),
        theta=x.theta + b * tl.load(at + 4),
        left=x.left + b * tl.load(at + 5),
        current=x.current + b * tl.load(at + 6),
        rise=x.rise + b * tl.load(at + 7),
        hold=x.hold + b * tl.load(at + 8),
        trace=x.trace + b * tl.load(at + 9),
        trace_step=x.trace_step + b * tl.load(at + 10),
        ring=x.ring + b * tl.load(at + 11),
        weight=x.weight + b * tl.load(at + 12),
        permanence=x.permanence + b * tl.load(at + 13),
        pre_trace=x.pre_trace + b * tl.load(at + 14),
        pre_step=x.pre_step + b * tl.load(at + 15),
        post_trace=x.post_trace + b * tl.load(at + 16),
        post_step=x.post_step + b * tl.load(at + 17),
        spikes=x.spikes + b * tl.load(at + 18),
        onsets=x.onsets + b * tl.load(at + 19),
        counters=x.counters + b * tl.load(at + 20),
    )


@triton.jit
def extent(sizes):
    """The sizes of a run."""
    return Extent(
        history=tl.load(sizes), steps=tl.load(sizes + 1), words=tl.load(sizes + 2),
        onset_words=tl.load(sizes + 3), slots=tl.load(sizes + 4), places=tl.load(sizes + 5),
    )  # fmt: skip


@triton.jit
def peek(x, sizes, b, word, t):
    """Word `word` of the spikes of step `t` of member `b`, before anything else is loaded."""
    row = tl.load(sizes) + t
    at = b * tl.load(sizes + EXTENT + 18) + row * tl.load(sizes + 2) + word
    return tl.load(x.spikes + at).to(tl.uint32, bitcast=True)


@triton.jit
def spike_row(x, e, t):
    """The row of spikes of step `t` of the run; t < 0 reads what an earlier run left."""
    return x.spikes + (t + e.history) * e.words


@triton.jit
def ring_row(x, e, t):
    """What arrives in step `t` of the run."""
    return x.ring + (t % e.slots) * e.places


@triton.jit
def take_bit(bits):
    """The lowest set bit of a word that has one: the word without it, and its place."""
    rest = bits & (bits - 1)
    below = (bits ^ rest) - 1  # ones below the bit: their number is its place
    below = below - ((below >> 1) & 0x55555555)
    below = (below & 0x33333333) + ((below >> 2) & 0x33333333)
    below = (below + (below >> 4)) & 0x0F0F0F0F
    below = below + (below >> 8)
    return rest, ((below + (below >> 16)) & 63).to(tl.int64)


@triton.jit
def decayed(value, age, table, low, length, mask):
    """See `fixed_point.decayed`; `table` starts at `low` and has `length` entries."""
    factor = tl.load(table + low + tl.minimum(age, length - 1), mask=mask, other=0)
    return tl.where(age < length, (value * factor.to(tl.int64) + (1 << 29)) >> 30, 0)
