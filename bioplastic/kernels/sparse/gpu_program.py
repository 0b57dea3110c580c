"""A small network in one Triton program: all populations, projections and steps in one launch.

The programs of a launch are the members of a batch. Phases of a step are separated by barriers of
the program: what one thread wrote to memory before a barrier, every thread of the program reads
after it.
"""

from __future__ import annotations

import triton
import triton.language as tl

from bioplastic.kernels.sparse import gpu_neurons as neurons
from bioplastic.kernels.sparse import gpu_synapses as synapses
from bioplastic.kernels.sparse.executors import OneProgram
from bioplastic.kernels.sparse.gpu_plan import Plan, flags, learns, tile, warps
from bioplastic.kernels.sparse.gpu_tables import (
    PAIR,
    PERMANENCE,
    STATIC,
    channel_rows,
    extent,
    member,
    population_row,
    projection_row,
)

LANES = 128


@triton.jit
def begin(
    net, x, e, populations, t, step,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, RISE: tl.constexpr, ADAPTIVE: tl.constexpr,
    BRANCHES: tl.constexpr, COMPETE: tl.constexpr,
):  # fmt: skip
    """Every population up to its spikes of step `t`."""
    for place in range(populations):
        p = population_row(net, place)
        c = channel_rows(net, p, CHANNELS)
        left = tl.load(x.left + place).to(tl.int64)
        for first in range(0, p.size, BLOCK):
            k = (first + tl.arange(0, BLOCK)).to(tl.int64)
            inside = k < p.size
            offset = tl.load(net.offset + p.neuron + k, mask=inside, other=0)
            s = neurons.read(x, p, c, k, inside, RISE, ADAPTIVE, BRANCHES)
            s = neurons.integrate(p, c, s, offset, RISE, ADAPTIVE, BRANCHES)
            if BRANCHES:
                s = neurons.start_plateaus(net, x, e, p, c, k, inside, s, t, step)
            spiked, left = neurons.compete(net, p, k, inside, s, left, step, COMPETE)
            tl.debug_barrier()  # the old state is read
            neurons.write_spikes(x, e, p, k, spiked, t)
            neurons.write(x, p, c, k, inside, s, RISE, ADAPTIVE, BRANCHES)
        if COMPETE:
            tl.store(x.left + place, left.to(tl.int32))


@triton.jit
def end(
    net, x, e, populations, t,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, RISE: tl.constexpr, ADAPTIVE: tl.constexpr,
    BRANCHES: tl.constexpr,
):  # fmt: skip
    """Arrivals and resets of step `t` in every population."""
    for place in range(populations):
        p = population_row(net, place)
        c = channel_rows(net, p, CHANNELS)
        for first in range(0, p.size, BLOCK):
            k = (first + tl.arange(0, BLOCK)).to(tl.int64)
            inside = k < p.size
            s = neurons.read(x, p, c, k, inside, RISE, ADAPTIVE, BRANCHES)
            spiked = neurons.read_spikes(x, e, p, k, inside, t)
            s = neurons.arrive_and_reset(
                x, e, p, c, k, inside, s, spiked, t, RISE, ADAPTIVE, BRANCHES
            )
            tl.debug_barrier()  # arrivals and the old state are read
            neurons.clear(x, e, c, k, inside, t)
            neurons.write(x, p, c, k, inside, s, RISE, ADAPTIVE, BRANCHES)


@triton.jit
def arrive(net, x, e, projections, t, step, PAIRS: tl.constexpr, OPEN: tl.constexpr,
           LANES: tl.constexpr):  # fmt: skip
    """Deliver; pairs are depressed on the way, synapse by synapse after it was read."""
    for place in range(projections):
        q = projection_row(net, place)
        if q.rule == STATIC:
            for word in range(q.pre_words):
                bits = synapses.sent(x, e, q.pre_word, word, t)
                synapses.spread(net, x, e, q, bits, word, t, LANES)
        if PAIRS and q.rule == PAIR:
            for n in range(q.pre_words * q.delays):
                word, k = n // q.delays, n % q.delays
                bits = synapses.arriving(net, x, e, q, k, word, t)
                synapses.arrive_pair(net, x, e, q, bits, k, word, t, step, LANES // 16)
        if OPEN and q.rule == PERMANENCE:
            for n in range(q.pre_words * q.delays):
                word, k = n // q.delays, n % q.delays
                bits = synapses.arriving(net, x, e, q, k, word, t)
                synapses.arrive_open(net, x, e, q, bits, k, word, t, LANES)


@triton.jit
def on_pre(net, x, e, projections, t, step, LANES: tl.constexpr):
    """Permanences at spikes of pre."""
    for place in range(projections):
        q = projection_row(net, place)
        if q.rule == PERMANENCE:
            for word in range(q.pre_words):
                bits = synapses.sent(x, e, q.pre_word, word, t)
                synapses.pre_open(net, x, e, q, bits, word, t, step, LANES)


@triton.jit
def on_post(net, x, e, projections, t, step, PAIRS: tl.constexpr, OPEN: tl.constexpr,
            LANES: tl.constexpr):  # fmt: skip
    """Weights and permanences at spikes of post; traces of post jump."""
    for place in range(projections):
        q = projection_row(net, place)
        if PAIRS and q.rule == PAIR:
            for word in range(q.post_words):
                bits = synapses.sent(x, e, q.post_word, word, t)
                synapses.post_pair(net, x, e, q, bits, word, t, step, LANES // 16)
        if OPEN and q.rule == PERMANENCE:
            for word in range(q.post_words):
                bits = synapses.sent(x, e, q.post_word, word, t)
                synapses.post_open(net, x, e, q, bits, word, t, step, LANES)


@triton.jit
def jump(net, x, e, projections, t, step):
    """Traces of the pairs that arrived."""
    for place in range(projections):
        q = projection_row(net, place)
        if q.rule == PAIR:
            for n in range(q.pre_words * q.delays):
                word, k = n // q.delays, n % q.delays
                bits = synapses.arriving(net, x, e, q, k, word, t)
                synapses.jump_arrived(net, x, e, q, bits, k, word, t, step)


@triton.jit(do_not_specialize=["populations", "projections", "steps"])
def program(
    net, x, sizes, populations, projections, steps,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, RISE: tl.constexpr, ADAPTIVE: tl.constexpr,
    BRANCHES: tl.constexpr, COMPETE: tl.constexpr, PAIRS: tl.constexpr, OPEN: tl.constexpr,
    LANES: tl.constexpr,
):  # fmt: skip
    """`steps` steps of one member of the batch."""
    x = member(x, sizes, tl.program_id(0).to(tl.int64))
    e = extent(sizes)
    first = tl.load(x.first)
    for t in range(steps):
        step = first + t
        begin(net, x, e, populations, t, step, BLOCK, CHANNELS, RISE, ADAPTIVE, BRANCHES, COMPETE)
        tl.debug_barrier()  # spikes, refractory times and plateau traces are written
        arrive(net, x, e, projections, t, step, PAIRS, OPEN, LANES)
        if PAIRS or OPEN:
            tl.debug_barrier()  # depressed weights are written, and delivery has read permanences
            if OPEN:
                on_pre(net, x, e, projections, t, step, LANES)
                tl.debug_barrier()  # depressed permanences and traces of pre are written
            on_post(net, x, e, projections, t, step, PAIRS, OPEN, LANES)
            if PAIRS:
                tl.debug_barrier()  # traces of pre are read
                jump(net, x, e, projections, t, step)
        tl.debug_barrier()  # arrivals are added, traces are written
        end(net, x, e, populations, t, BLOCK, CHANNELS, RISE, ADAPTIVE, BRANCHES)
        tl.debug_barrier()  # the state is written


def launch(plan: Plan, executor: OneProgram) -> None:
    """The launch of a run."""
    block = max((tile(p, executor.block) for p in plan.populations), default=32)
    constants = {"BLOCK": block, **flags(plan.populations), **learns(plan.parts)}
    program[(plan.batch,)](
        *plan.arguments, len(plan.populations), len(plan.parts), plan.steps,
        **constants, LANES=LANES, num_warps=warps(block * constants["CHANNELS"]),
    )  # fmt: skip
