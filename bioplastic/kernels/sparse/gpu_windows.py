"""Large networks in Triton: windows of the smallest delay, and the launches that make a run.

`advance` runs the neurons of a window, `deliver` its spikes. Where a window is one step because
something may change inside it, the phases of a step are launches of their own; the end of a launch
is the only barrier between programs. Nothing is read back between launches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import triton
import triton.language as tl

from bioplastic.kernels.sparse import gpu_neurons as neurons
from bioplastic.kernels.sparse import gpu_synapses as synapses
from bioplastic.kernels.sparse import gpu_traces as traces
from bioplastic.kernels.sparse import gpu_windows_states as states
from bioplastic.kernels.sparse.executors import Windows
from bioplastic.kernels.sparse.gpu_plan import Part, Plan, flags, tile, warps_of
from bioplastic.kernels.sparse.gpu_tables import (
    channel_rows,
    extent,
    member,
    peek,
    population_row,
    projection_row,
)
from bioplastic.quantize.integer_population import (
    IntegerConductance,
    IntegerLinear,
    IntegerPopulation,
)
from bioplastic.quantize.integer_rule import (
    IntegerPairSTDP,
    IntegerPermanence,
    IntegerTraceRule,
    WidePairSTDP,
)

LANES = 128
TIME = ["place", "sender", "delay", "first", "last", "t"]  # another value is no other kernel


@triton.jit(do_not_specialize=TIME)
def advance(
    net, x, sizes, place, first, last,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, RISE: tl.constexpr, ADAPTIVE: tl.constexpr,
    BRANCHES: tl.constexpr, COMPETE: tl.constexpr,
):  # fmt: skip
    """Steps first … last − 1 of a block of population `place`; nothing may arrive from inside."""
    x, e = member(x, sizes, tl.program_id(1).to(tl.int64)), extent(sizes)
    p = population_row(net, place)
    c = channel_rows(net, p, CHANNELS)
    k = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = k < p.size
    offset = tl.load(net.offset + p.neuron + k, mask=inside, other=0)
    s = neurons.read(x, p, c, k, inside, RISE, ADAPTIVE, BRANCHES)
    left = tl.load(x.left + place).to(tl.int64)
    begin = tl.load(x.first)
    for t in range(first, last):
        s = neurons.integrate(p, c, s, offset, RISE, ADAPTIVE, BRANCHES)
        if BRANCHES:
            s = neurons.start_plateaus(net, x, e, p, c, k, inside, s, t, begin + t)
        spiked, left = neurons.compete(net, p, k, inside, s, left, begin + t, COMPETE)
        neurons.write_spikes(x, e, p, k, spiked, t)
        s = neurons.arrive_and_reset(x, e, p, c, k, inside, s, spiked, t, RISE, ADAPTIVE, BRANCHES)
    tl.debug_barrier()  # arrivals and the old state are read
    for t in range(first, last):
        neurons.clear(x, e, c, k, inside, t)
    neurons.write(x, p, c, k, inside, s, RISE, ADAPTIVE, BRANCHES)
    if COMPETE:
        tl.store(x.left + place, left.to(tl.int32))


@triton.jit(do_not_specialize=TIME)
def begin_step(
    net, x, sizes, place, t,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, RISE: tl.constexpr, ADAPTIVE: tl.constexpr,
    BRANCHES: tl.constexpr, COMPETE: tl.constexpr,
):  # fmt: skip
    """Step `t` of a block up to its spikes."""
    x, e = member(x, sizes, tl.program_id(1).to(tl.int64)), extent(sizes)
    p = population_row(net, place)
    c = channel_rows(net, p, CHANNELS)
    k = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = k < p.size
    step = tl.load(x.first) + t
    offset = tl.load(net.offset + p.neuron + k, mask=inside, other=0)
    s = neurons.read(x, p, c, k, inside, RISE, ADAPTIVE, BRANCHES)
    left = tl.load(x.left + place).to(tl.int64)
    s = neurons.integrate(p, c, s, offset, RISE, ADAPTIVE, BRANCHES)
    if BRANCHES:
        s = neurons.start_plateaus(net, x, e, p, c, k, inside, s, t, step)
    spiked, left = neurons.compete(net, p, k, inside, s, left, step, COMPETE)
    tl.debug_barrier()  # the old state is read
    neurons.write_spikes(x, e, p, k, spiked, t)
    neurons.write(x, p, c, k, inside, s, RISE, ADAPTIVE, BRANCHES)
    if COMPETE:
        tl.store(x.left + place, left.to(tl.int32))


@triton.jit(do_not_specialize=TIME)
def end_step(
    net, x, sizes, place, t,
    BLOCK: tl.constexpr, CHANNELS: tl.constexpr, RISE: tl.constexpr, ADAPTIVE: tl.constexpr,
    BRANCHES: tl.constexpr,
):  # fmt: skip
    """Arrivals of step `t` at a block, and its reset."""
    x, e = member(x, sizes, tl.program_id(1).to(tl.int64)), extent(sizes)
    p = population_row(net, place)
    c = channel_rows(net, p, CHANNELS)
    k = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = k < p.size
    s = neurons.read(x, p, c, k, inside, RISE, ADAPTIVE, BRANCHES)
    spiked = neurons.read_spikes(x, e, p, k, inside, t)
    s = neurons.arrive_and_reset(x, e, p, c, k, inside, s, spiked, t, RISE, ADAPTIVE, BRANCHES)
    tl.debug_barrier()  # arrivals and the old state are read
    neurons.clear(x, e, c, k, inside, t)
    neurons.write(x, p, c, k, inside, s, RISE, ADAPTIVE, BRANCHES)


@triton.jit(do_not_specialize=TIME)
def deliver(net, x, sizes, place, sender, first, LANES: tl.constexpr):
    """One word of the spikes of one step of a window, along static synapses.

    sender   first word of pre in a row of spikes
    """
    word, b, t = tl.program_id(0), tl.program_id(2).to(tl.int64), first + tl.program_id(1)
    bits = peek(x, sizes, b, sender + word, t)
    if bits != 0:
        x, e, q = member(x, sizes, b), extent(sizes), projection_row(net, place)
        synapses.spread(net, x, e, q, bits, word, t, LANES)


@triton.jit(do_not_specialize=TIME)
def arrive_pair(net, x, sizes, place, sender, delay, t, ROWS: tl.constexpr):
    """One word of pre and one delay: deliver and depress.

    delay   place of the first delay of the projection
    """
    word, k, b = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    bits = peek(x, sizes, b, sender + word, t - tl.load(net.delay + delay + k))
    if bits != 0:
        x, e, q = member(x, sizes, b), extent(sizes), projection_row(net, place)
        synapses.arrive_pair(net, x, e, q, bits, k, word, t, tl.load(x.first) + t, ROWS)


@triton.jit(do_not_specialize=TIME)
def post_pair(net, x, sizes, place, sender, t, ROWS: tl.constexpr):
    """One word of post: potentiate, then raise the traces of post."""
    word, b = tl.program_id(0), tl.program_id(2).to(tl.int64)
    bits = peek(x, sizes, b, sender + word, t)
    if bits != 0:
        x, e, q = member(x, sizes, b), extent(sizes), projection_row(net, place)
        synapses.post_pair(net, x, e, q, bits, word, t, tl.load(x.first) + t, ROWS)


@triton.jit(do_not_specialize=TIME)
def jump_pair(net, x, sizes, place, sender, delay, t):
    """One word of pre and one delay: raise the traces of what arrived."""
    word, k, b = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    bits = peek(x, sizes, b, sender + word, t - tl.load(net.delay + delay + k))
    if bits != 0:
        x, e, q = member(x, sizes, b), extent(sizes), projection_row(net, place)
        synapses.jump_arrived(net, x, e, q, bits, k, word, t, tl.load(x.first) + t)


@triton.jit(do_not_specialize=TIME)
def arrive_traces(net, x, sizes, place, sender, delay, t, ROWS: tl.constexpr):
    """One word of pre and one delay: deliver and run the statements of pre."""
    word, k, b = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    bits = peek(x, sizes, b, sender + word, t - tl.load(net.delay + delay + k))
    if bits != 0:
        x = member(x, sizes, b)
        traces.arrive(net, x, sizes, place, bits, k, word, t, tl.load(x.first) + t, ROWS)


@triton.jit(do_not_specialize=TIME)
def post_traces(net, x, sizes, place, sender, t, ROWS: tl.constexpr):
    """One word of post: run the statements of post."""
    word, b = tl.program_id(0), tl.program_id(2).to(tl.int64)
    bits = peek(x, sizes, b, sender + word, t)
    if bits != 0:
        x = member(x, sizes, b)
        traces.post(net, x, place, bits, word, tl.load(x.first) + t, ROWS)


@triton.jit(do_not_specialize=TIME)
def arrive_open(net, x, sizes, place, sender, delay, t, LANES: tl.constexpr):
    """One word of pre and one delay: deliver through mature synapses."""
    word, k, b = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    bits = peek(x, sizes, b, sender + word, t - tl.load(net.delay + delay + k))
    if bits != 0:
        x, e, q = member(x, sizes, b), extent(sizes), projection_row(net, place)
        synapses.arrive_open(net, x, e, q, bits, k, word, t, LANES)


@triton.jit(do_not_specialize=TIME)
def pre_open(net, x, sizes, place, sender, t, LANES: tl.constexpr):
    """One word of pre: depress permanences, raise the traces of pre."""
    word, b = tl.program_id(0), tl.program_id(2).to(tl.int64)
    bits = peek(x, sizes, b, sender + word, t)
    if bits != 0:
        x, e, q = member(x, sizes, b), extent(sizes), projection_row(net, place)
        synapses.pre_open(net, x, e, q, bits, word, t, tl.load(x.first) + t, LANES)


@triton.jit(do_not_specialize=TIME)
def post_open(net, x, sizes, place, sender, t, LANES: tl.constexpr):
    """One word of post: potentiate paired permanences."""
    word, b = tl.program_id(0), tl.program_id(2).to(tl.int64)
    bits = peek(x, sizes, b, sender + word, t)
    if bits != 0:
        x, e, q = member(x, sizes, b), extent(sizes), projection_row(net, place)
        synapses.post_open(net, x, e, q, bits, word, t, tl.load(x.first) + t, LANES)


def window_of(parts: Sequence[Part], executor: Windows) -> int:
    """Steps of a window: the smallest delay of a spike of a population; 0: every step in phases."""
    if any(part.rule is not None for part in parts):
        return 0
    least = min((part.least for part in parts if not part.given), default=executor.longest)
    return min(least, executor.longest)


def launch(plan: Plan, executor: Windows) -> None:
    """All launches of a run, one after the other; the host waits for none of them."""
    window = window_of(plan.parts, executor)
    if not window:
        for t in range(plan.steps):
            _step(plan, executor, t)
        return
    for first in range(0, plan.steps, window):
        last = min(first + window, plan.steps)
        for part in plan.parts:
            if part.given:  # what a source sends is known, so it may arrive inside the window
                _deliver(plan, part, first, last)
        for place, p in enumerate(plan.populations):
            _neurons(plan, place, executor, _ADVANCE[type(p)], first, last)
        for part in plan.parts:
            if not part.given:
                _deliver(plan, part, first, last)


def _step(plan: Plan, executor: Windows, t: int) -> None:
    """One step in phases; see `reference` for their order."""
    for place, p in enumerate(plan.populations):
        _neurons(plan, place, executor, _BEGIN[type(p)], t)
    for part in plan.parts:
        _LEARNING[type(part.rule)](plan, part, t)
    for place, p in enumerate(plan.populations):
        _neurons(plan, place, executor, _END[type(p)], t)


_ADVANCE: dict[type, Any] = {
    IntegerPopulation: advance,
    IntegerLinear: states.advance_linear,
    IntegerConductance: states.advance_conductance,
}
_BEGIN: dict[type, Any] = {
    IntegerPopulation: begin_step,
    IntegerLinear: states.begin_linear,
    IntegerConductance: states.begin_conductance,
}
_END: dict[type, Any] = {
    IntegerPopulation: end_step,
    IntegerLinear: states.end_linear,
    IntegerConductance: states.end_conductance,
}


def _neurons(plan: Plan, place: int, executor: Windows, kernel: Any, *steps: int) -> None:
    """Launch a kernel for a population, a program for each block of its neurons."""
    population = plan.populations[place]
    block = tile(population, executor.block)
    constants = {n: c for n, c in flags(population).items() if n in kernel.arg_names}
    kernel[(-(-population.size // block), plan.batch)](
        *plan.arguments, place, *steps, BLOCK=block, **constants,
        num_warps=warps_of(population, block),
    )  # fmt: skip


def _deliver(plan: Plan, part: Part, first: int, last: int) -> None:
    if part.synapses:
        grid = (part.pre_words, last - first, plan.batch)
        deliver[grid](*plan.arguments, part.place, part.pre_word, first, LANES=LANES)


def _static(plan: Plan, part: Part, t: int) -> None:
    _deliver(plan, part, t, t + 1)


def _pair(plan: Plan, part: Part, t: int) -> None:
    arrived, post = (part.pre_words, part.delays, plan.batch), (part.post_words, 1, plan.batch)
    here = (*plan.arguments, part.place)
    if part.delays:
        arrive_pair[arrived](*here, part.pre_word, part.delay, t, ROWS=LANES // 16)
    post_pair[post](*here, part.post_word, t, ROWS=LANES // 16)
    if part.delays:
        jump_pair[arrived](*here, part.pre_word, part.delay, t, num_warps=1)


def _traces(plan: Plan, part: Part, t: int) -> None:
    arrived, post = (part.pre_words, part.delays, plan.batch), (part.post_words, 1, plan.batch)
    here = (*plan.arguments, part.place)
    if part.delays:
        arrive_traces[arrived](*here, part.pre_word, part.delay, t, ROWS=LANES // 16, num_warps=2)
    post_traces[post](*here, part.post_word, t, ROWS=LANES // 16, num_warps=2)


def _permanence(plan: Plan, part: Part, t: int) -> None:
    pre, post = (part.pre_words, 1, plan.batch), (part.post_words, 1, plan.batch)
    here = (*plan.arguments, part.place)
    if part.delays:
        arrived = (part.pre_words, part.delays, plan.batch)
        arrive_open[arrived](*here, part.pre_word, part.delay, t, LANES=LANES)
    pre_open[pre](*here, part.pre_word, t, LANES=LANES)
    post_open[post](*here, part.post_word, t, LANES=LANES)


_LEARNING: dict[type, Callable[[Plan, Part, int], None]] = {
    type(None): _static,
    IntegerPairSTDP: _pair,
    WidePairSTDP: _pair,
    IntegerPermanence: _permanence,
    IntegerTraceRule: _traces,
}
