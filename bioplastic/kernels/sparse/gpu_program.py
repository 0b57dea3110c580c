"""A small network in one Triton program: all populations, projections and steps in one launch.

The programs of a launch are the members of a batch. Phases of a step are separated by barriers of
the program: what one thread wrote to memory before a barrier, every thread of the program reads
after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import triton
import triton.language as tl

from bioplastic.kernels.sparse import gpu_conductance as conductance
from bioplastic.kernels.sparse import gpu_linear as linear
from bioplastic.kernels.sparse import gpu_neurons as neurons
from bioplastic.kernels.sparse import gpu_synapses as synapses
from bioplastic.kernels.sparse import gpu_traces as traces
from bioplastic.kernels.sparse.executors import OneProgram
from bioplastic.kernels.sparse.gpu_plan import Plan, all_flags, learns, tile, warps
from bioplastic.kernels.sparse.gpu_tables import (
    CONDUCTANCE,
    LEAKY,
    LINEAR,
    PAIR,
    PERMANENCE,
    STATIC,
    TRACES,
    channel_rows,
    extent,
    member,
    population_row,
    projection_row,
)

LANES = 128


@triton.jit
def begin_leaky(
    net, x, e, p, t, step,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, RISE: tl.constexpr, ADAPTIVE: tl.constexpr,
    BRANCHES: tl.constexpr, COMPETE: tl.constexpr,
):  # fmt: skip
    """A LIF population up to its spikes of step `t`."""
    c = channel_rows(net, p, CHANNELS)
    left = tl.load(x.left + p.place).to(tl.int64)
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
        tl.store(x.left + p.place, left.to(tl.int32))


@triton.jit
def end_leaky(
    net, x, e, p, t,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, RISE: tl.constexpr, ADAPTIVE: tl.constexpr,
    BRANCHES: tl.constexpr,
):  # fmt: skip
    """Arrivals and resets of step `t` in a LIF population."""
    c = channel_rows(net, p, CHANNELS)
    for first in range(0, p.size, BLOCK):
        k = (first + tl.arange(0, BLOCK)).to(tl.int64)
        inside = k < p.size
        s = neurons.read(x, p, c, k, inside, RISE, ADAPTIVE, BRANCHES)
        spiked = neurons.read_spikes(x, e, p, k, inside, t)
        s = neurons.arrive_and_reset(x, e, p, c, k, inside, s, spiked, t, RISE, ADAPTIVE, BRANCHES)
        tl.debug_barrier()  # arrivals and the old state are read
        neurons.clear(x, e, c, k, inside, t)
        neurons.write(x, p, c, k, inside, s, RISE, ADAPTIVE, BRANCHES)


@triton.jit
def begin(
    net, x, e, populations, t, step,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, RISE: tl.constexpr, ADAPTIVE: tl.constexpr,
    BRANCHES: tl.constexpr, COMPETE: tl.constexpr,
    LINEAR_CHANNELS: tl.constexpr, LINEAR_EVENTS: tl.constexpr,
    CONDUCTANCE_CHANNELS: tl.constexpr, CONDUCTANCE_EXPONENTIAL: tl.constexpr,
    CONDUCTANCE_EULER: tl.constexpr,
):  # fmt: skip
    """Every population up to its spikes of step `t`."""
    for place in range(populations):
        p = population_row(net, place)
        if CHANNELS and ((p.kind == LEAKY) | (LINEAR_CHANNELS + CONDUCTANCE_CHANNELS == 0)):
            begin_leaky(net, x, e, p, t, step, BLOCK, CHANNELS, RISE, ADAPTIVE, BRANCHES, COMPETE)
        if LINEAR_CHANNELS and ((p.kind == LINEAR) | (CHANNELS + CONDUCTANCE_CHANNELS == 0)):
            for first in range(0, p.size, BLOCK):
                k = (first + tl.arange(0, BLOCK)).to(tl.int64)
                linear.begin(net, x, e, p, k, k < p.size, t, step, LINEAR_CHANNELS, LINEAR_EVENTS)
        if CONDUCTANCE_CHANNELS and ((p.kind == CONDUCTANCE) | (CHANNELS + LINEAR_CHANNELS == 0)):
            for first in range(0, p.size, BLOCK):
                k = (first + tl.arange(0, BLOCK)).to(tl.int64)
                conductance.begin(
                    net, x, e, p, k, k < p.size, t,
                    CONDUCTANCE_CHANNELS, CONDUCTANCE_EXPONENTIAL, CONDUCTANCE_EULER,
                )  # fmt: skip


@triton.jit
def end(
    net, x, e, populations, t, step,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, RISE: tl.constexpr, ADAPTIVE: tl.constexpr,
    BRANCHES: tl.constexpr, LINEAR_CHANNELS: tl.constexpr, LINEAR_EVENTS: tl.constexpr,
    CONDUCTANCE_CHANNELS: tl.constexpr,
):  # fmt: skip
    """Arrivals and resets of step `t` in every population."""
    for place in range(populations):
        p = population_row(net, place)
        if CHANNELS and ((p.kind == LEAKY) | (LINEAR_CHANNELS + CONDUCTANCE_CHANNELS == 0)):
            end_leaky(net, x, e, p, t, BLOCK, CHANNELS, RISE, ADAPTIVE, BRANCHES)
        if LINEAR_CHANNELS and ((p.kind == LINEAR) | (CHANNELS + CONDUCTANCE_CHANNELS == 0)):
            for first in range(0, p.size, BLOCK):
                k = (first + tl.arange(0, BLOCK)).to(tl.int64)
                linear.end(net, x, e, p, k, k < p.size, t, step, LINEAR_CHANNELS, LINEAR_EVENTS)
        if CONDUCTANCE_CHANNELS and ((p.kind == CONDUCTANCE) | (CHANNELS + LINEAR_CHANNELS == 0)):
            for first in range(0, p.size, BLOCK):
                k = (first + tl.arange(0, BLOCK)).to(tl.int64)
                conductance.end(net, x, e, p, k, k < p.size, t, CONDUCTANCE_CHANNELS)


@triton.jit
def arrive(net, x, sizes, e, projections, t, step, PAIRS: tl.constexpr, OPEN: tl.constexpr,
           TRACED: tl.constexpr, LANES: tl.constexpr):  # fmt: skip
    """Deliver; what a rule does at arrivals it does on the way, event by event."""
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
        if TRACED and q.rule == TRACES:
            for n in range(q.pre_words * q.delays):
                again = projection_row(net, place)  # so that no register keeps it through an event
                word, k = n // again.delays, n % again.delays
                bits = synapses.arriving(net, x, extent(sizes), again, k, word, t)
                traces.arrive(net, x, sizes, place, bits, k, word, t, step, LANES // 16)


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
def on_post(net, x, sizes, e, projections, t, step, PAIRS: tl.constexpr, OPEN: tl.constexpr,
            TRACED: tl.constexpr, LANES: tl.constexpr):  # fmt: skip
    """Weights, permanences and traces at spikes of post."""
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
        if TRACED and q.rule == TRACES:
            for word in range(q.post_words):
                bits = synapses.sent(
                    x, extent(sizes), projection_row(net, place).post_word, word, t
                )
                traces.post(net, x, place, bits, word, step, LANES // 16)


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
    BRANCHES: tl.constexpr, COMPETE: tl.constexpr,
    LINEAR_CHANNELS: tl.constexpr, LINEAR_EVENTS: tl.constexpr,
    CONDUCTANCE_CHANNELS: tl.constexpr, CONDUCTANCE_EXPONENTIAL: tl.constexpr,
    CONDUCTANCE_EULER: tl.constexpr,
    PAIRS: tl.constexpr, OPEN: tl.constexpr, TRACED: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    """`steps` steps of one member of the batch."""
    x = member(x, sizes, tl.program_id(0).to(tl.int64))
    once = extent(sizes)
    for t in range(steps):
        step = tl.load(x.first) + t
        # programs on traces need the registers: then every phase reads the sizes for itself
        e = extent(sizes) if TRACED else once
        begin(
            net, x, e, populations, t, step, BLOCK, CHANNELS, RISE, ADAPTIVE, BRANCHES, COMPETE,
            LINEAR_CHANNELS, LINEAR_EVENTS,
            CONDUCTANCE_CHANNELS, CONDUCTANCE_EXPONENTIAL, CONDUCTANCE_EULER,
        )  # fmt: skip
        tl.debug_barrier()  # spikes, onsets, refractory times and plateau traces are written
        e = extent(sizes) if TRACED else once
        arrive(net, x, sizes, e, projections, t, step, PAIRS, OPEN, TRACED, LANES)
        if PAIRS or OPEN or TRACED:
            tl.debug_barrier()  # what arrivals change is written, delivery has read permanences
            if OPEN:
                on_pre(net, x, e, projections, t, step, LANES)
                tl.debug_barrier()  # depressed permanences and traces of pre are written
            on_post(net, x, sizes, e, projections, t, step, PAIRS, OPEN, TRACED, LANES)
            if PAIRS:
                tl.debug_barrier()  # traces of pre are read
                jump(net, x, e, projections, t, step)
        tl.debug_barrier()  # arrivals are added, traces are written
        e = extent(sizes) if TRACED else once
        end(
            net, x, e, populations, t, step, BLOCK, CHANNELS, RISE, ADAPTIVE, BRANCHES,
            LINEAR_CHANNELS, LINEAR_EVENTS, CONDUCTANCE_CHANNELS,
        )  # fmt: skip
        tl.debug_barrier()  # the state is written


def most_registers(known: Mapping[str, Any]) -> int | None:
    """Registers that a thread of this program may have; None: as many as the compiler likes.

    known   the constants of `program`
    With programs on traces, ptxas stops at 128 of itself, so that two programs fit into a
    multiprocessor. One kind of neurons without branches, events or adaptation needs no more; any
    other would spill.
    """
    kinds = [known[name] for name in ("CHANNELS", "LINEAR_CHANNELS", "CONDUCTANCE_CHANNELS")]
    rich = ("RISE", "ADAPTIVE", "BRANCHES", "COMPETE", "LINEAR_EVENTS", "PAIRS", "OPEN")
    small = sum(map(bool, kinds)) == 1 and not any(known[name] for name in rich)
    return 255 if known["TRACED"] and not small else None


def launch(plan: Plan, executor: OneProgram) -> None:
    """The launch of a run."""
    block = max((tile(p, executor.block) for p in plan.populations), default=32)
    known = all_flags(plan.populations) | learns(plan.parts)
    rows = max(n for name, n in known.items() if name.endswith("CHANNELS"))
    most = most_registers(known)
    limit = {} if most is None or torch.version.hip else {"maxnreg": most}
    program[(plan.batch,)](
        *plan.arguments, len(plan.populations), len(plan.parts), plan.steps,
        BLOCK=block, **known, LANES=LANES, num_warps=warps(block * max(rows, 1)), **limit,
    )  # fmt: skip
