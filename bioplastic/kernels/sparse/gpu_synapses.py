"""Synapses of the sparse kernel in Triton: what the spikes in one word of 32 units do.

`bits` is a word of the spikes of step `t` (or of t − delay); every function follows the rows or the
columns of its spikes. Sums are atomic adds of whole numbers: their order changes no bit. A synapse,
a trace and a row belong to one spike, so nothing else is written by two programs.
"""

from __future__ import annotations

import triton
import triton.language as tl

from bioplastic.kernels.sparse.gpu_tables import (
    EVENTS,
    SATURATIONS,
    UPDATES,
    decayed,
    ring_row,
    spike_row,
    take_bit,
)
from bioplastic.kernels.sparse.reference_learning import KIND_POST as POST
from bioplastic.kernels.sparse.reference_learning import KIND_PRE as PRE
from bioplastic.quantize import fixed_point as fp

KIND_PRE, KIND_POST = tl.constexpr(PRE), tl.constexpr(POST)
TRACE_ONE, TRACE_MAX = tl.constexpr(fp.TRACE_ONE), tl.constexpr(fp.TRACE_MAX)
TRACE, TRACE_HALF = tl.constexpr(fp.TRACE), tl.constexpr(1 << (fp.TRACE - 1))
DITHER = tl.constexpr(fp.DITHER)
P_MAX = tl.constexpr(1 << fp.PERMANENCE)


@triton.jit
def sent(x, e, first, word, t):
    """Word `word` of the group that begins at word `first`, in step `t` of the run."""
    return tl.load(spike_row(x, e, t) + first + word).to(tl.uint32, bitcast=True)


@triton.jit
def arriving(net, x, e, q, k, word, t):
    """Word `word` of pre that arrives in step `t` over delay number `k`."""
    return sent(x, e, q.pre_word, word, t - tl.load(net.delay + q.delay + k))


@triton.jit
def count(x, which, number):
    """Add to a counter."""
    tl.atomic_add(x.counters + which, number.to(tl.int64), sem="relaxed")


@triton.jit
def spread(net, x, e, q, bits, word, t, LANES: tl.constexpr):
    """Static synapses of the spikes of step `t`: add to the steps in which they arrive."""
    while bits != 0:
        bits, bit = take_bit(bits)
        at_row = net.row_ptr + q.row + (word * 32 + bit) * q.delays
        low, high = tl.load(at_row), tl.load(at_row + q.delays)
        events = tl.zeros([LANES], tl.int32)
        for start in range(low, high, LANES):
            at = start + tl.arange(0, LANES)
            inside = at < high
            weight = tl.load(net.weight + at, mask=inside, other=0)
            arrival = t + tl.load(net.late + at, mask=inside, other=0)
            target = q.base + tl.load(net.post + at, mask=inside, other=0)
            heard = weight != 0
            add = (weight.to(tl.int64) * q.scale).to(tl.int32)
            tl.atomic_add(ring_row(x, e, arrival) + target, add, mask=heard, sem="relaxed")
            events += (heard & (arrival < e.steps)).to(tl.int32)
        count(x, EVENTS, tl.sum(events, axis=0))


@triton.jit
def dithers(x, place, step, kind, number):
    """Dithers of the blocks of 16 places that start at `place` [R]: [R, 16], 0..255."""
    block = (place >> 4).to(tl.uint32)
    rest = tl.zeros_like(block)
    a, b, c, d = tl.philox(
        tl.load(x.seed),
        block,
        rest + tl.cast(step, tl.uint32),
        rest + kind,
        rest + tl.cast(number, tl.uint32),
    )
    byte = tl.arange(0, 16)[None, :]
    word = tl.where(byte < 8, tl.where(byte < 4, a[:, None], b[:, None]),
                    tl.where(byte < 12, c[:, None], d[:, None]))  # fmt: skip
    return ((word >> (8 * (byte & 3)).to(tl.uint32)) & 255).to(tl.int64)


@triton.jit
def store_weights(x, q, at, wanted, moves, low):
    """Store weights saturated to [low, high] and count."""
    kept = tl.minimum(tl.maximum(wanted, low), q.high)
    saturated = (moves & (kept != wanted)).to(tl.int32)
    tl.debug_barrier()  # old weights are read
    tl.store(x.weight + q.own + at, kept.to(tl.int16), mask=moves)
    count(x, UPDATES, tl.sum(tl.sum(moves.to(tl.int32), axis=1), axis=0))
    count(x, SATURATIONS, tl.sum(tl.sum(saturated, axis=1), axis=0))


@triton.jit
def arrive_pair(net, x, e, q, bits, k, word, t, step, ROWS: tl.constexpr):
    """Spikes that arrive in step `t` over delay number `k`: deliver, then depress (pair STDP)."""
    while bits != 0:
        bits, bit = take_bit(bits)
        at_row = net.row_ptr + q.row + (word * 32 + bit) * q.delays + k
        low, high = tl.load(at_row) - q.syn, tl.load(at_row + 1) - q.syn
        for start in range(low // 16 * 16, high, ROWS * 16):
            blocks = start + tl.arange(0, ROWS) * 16
            place = blocks[:, None] + tl.arange(0, 16)[None, :]
            inside = (place >= low) & (place < high)
            weight = tl.load(x.weight + q.own + place, mask=inside, other=0).to(tl.int64)
            post = tl.load(net.post + q.syn + place, mask=inside, other=0)
            heard = weight != 0
            add = (weight * q.scale).to(tl.int32)
            tl.atomic_add(ring_row(x, e, t) + q.base + post, add, mask=heard, sem="relaxed")
            count(x, EVENTS, tl.sum(tl.sum(heard.to(tl.int32), axis=1), axis=0))
            trace = q.post_trace + post
            age = step - tl.load(x.post_step + trace, mask=inside, other=0)
            value = tl.load(x.post_trace + trace, mask=inside, other=0)
            value = decayed(value, age, net.table, q.minus, q.minus_length, inside)
            slope = tl.load(
                net.step_down + q.place * 128 + (weight >> q.shift), mask=inside, other=0
            )
            size = (slope.to(tl.int64) * value + q.half) >> q.bits
            moves = inside & (size != 0)
            dither = dithers(x, blocks, step, KIND_PRE, q.place)
            wanted = weight - ((size + dither) >> DITHER)
            store_weights(x, q, place, wanted, moves, 0)


@triton.jit
def post_pair(net, x, e, q, bits, word, t, step, ROWS: tl.constexpr):
    """Spikes of post in step `t`: potentiate their columns, then their traces jump (pair STDP)."""
    spikes = bits
    while bits != 0:
        bits, bit = take_bit(bits)
        at_col = net.col_ptr + q.col + word * 32 + bit
        low, high = tl.load(at_col), tl.load(at_col + 1)
        for start in range(low // 16 * 16, high, ROWS * 16):
            blocks = start + tl.arange(0, ROWS) * 16
            place = blocks[:, None] + tl.arange(0, 16)[None, :]
            inside = (place >= low) & (place < high)
            at = tl.load(net.col_syn + q.column + place, mask=inside, other=0)
            trace = q.pre_trace + tl.load(net.col_trace + q.column + place, mask=inside, other=0)
            weight = tl.load(x.weight + q.own + at, mask=inside, other=0).to(tl.int64)
            age = step - tl.load(x.pre_step + trace, mask=inside, other=0)
            value = tl.load(x.pre_trace + trace, mask=inside, other=0)
            value = decayed(value, age, net.table, q.plus, q.plus_length, inside)
            slope = tl.load(net.step_up + q.place * 128 + (weight >> q.shift), mask=inside, other=0)
            size = (slope.to(tl.int64) * value + q.half) >> q.bits
            moves = inside & (size != 0)
            dither = dithers(x, blocks, step, KIND_POST, q.place)
            wanted = weight + ((size + dither) >> DITHER)
            store_weights(x, q, at, wanted, moves, 0)
    if spikes != 0:  # after every depression of this step, which is an earlier phase
        at = q.post_trace + word * 32 + tl.arange(0, 32)
        jump(net, x, x.post_trace, x.post_step, at, spikes, step, q.minus, q.minus_length)


@triton.jit
def jump(net, x, value, last, at, spikes, step, table, length):
    """See `reference_learning.Learning.jump_trace`, for the 32 traces `at` whose bit is set."""
    spiked = ((spikes >> tl.arange(0, 32).to(tl.uint32)) & 1) != 0
    old = tl.load(value + at, mask=spiked, other=0)
    age = step - tl.load(last + at, mask=spiked, other=0)
    fresh = decayed(old, age, net.table, table, length, spiked) + TRACE_ONE
    full = (spiked & (fresh > TRACE_MAX)).to(tl.int32)
    tl.debug_barrier()  # old traces are read
    tl.store(value + at, tl.minimum(fresh, TRACE_MAX), mask=spiked)
    tl.store(last + at, tl.zeros_like(fresh) + step, mask=spiked)
    count(x, SATURATIONS, tl.sum(full, axis=0))


@triton.jit
def jump_arrived(net, x, e, q, bits, k, word, t, step):
    """Traces of the groups that arrive in step `t` over delay number `k` jump (pair STDP)."""
    if bits != 0:
        at = q.pre_trace + (word * 32 + tl.arange(0, 32)) * q.delays + k
        jump(net, x, x.pre_trace, x.pre_step, at, bits, step, q.plus, q.plus_length)


@triton.jit
def arrive_open(net, x, e, q, bits, k, word, t, LANES: tl.constexpr):
    """Spikes that arrive in step `t` over delay number `k`, through mature synapses."""
    while bits != 0:
        bits, bit = take_bit(bits)
        at_row = net.row_ptr + q.row + (word * 32 + bit) * q.delays + k
        low, high = tl.load(at_row) - q.syn, tl.load(at_row + 1) - q.syn
        events = tl.zeros([LANES], tl.int32)
        for start in range(low, high, LANES):
            at = start + tl.arange(0, LANES)
            inside = at < high
            permanence = tl.load(x.permanence + q.own + at, mask=inside, other=0)
            mature = inside & (permanence > q.theta)
            target = q.base + tl.load(net.post + q.syn + at, mask=inside, other=0)
            add = tl.zeros([LANES], tl.int32) + q.scale.to(tl.int32)
            tl.atomic_add(ring_row(x, e, t) + target, add, mask=mature, sem="relaxed")
            events += mature.to(tl.int32)
        count(x, EVENTS, tl.sum(events, axis=0))


@triton.jit
def store_permanences(net, x, q, at, wanted, moves):
    """Store permanences saturated to [floor, p_max] and count."""
    floor = tl.load(net.floor + q.own + at, mask=moves, other=0).to(tl.int64)
    kept = tl.minimum(tl.maximum(wanted, floor), P_MAX)
    saturated = (moves & (kept != wanted)).to(tl.int32)
    tl.debug_barrier()  # old permanences are read
    tl.store(x.permanence + q.own + at, kept.to(tl.int32), mask=moves)
    count(x, UPDATES, tl.sum(moves.to(tl.int32), axis=0))
    count(x, SATURATIONS, tl.sum(saturated, axis=0))


@triton.jit
def pre_open(net, x, e, q, bits, word, t, step, LANES: tl.constexpr):
    """Spikes of pre in step `t`: depress their rows, then their traces jump (permanences)."""
    spikes = bits
    while bits != 0:
        bits, bit = take_bit(bits)
        at_row = net.row_ptr + q.row + (word * 32 + bit) * q.delays
        low, high = tl.load(at_row) - q.syn, tl.load(at_row + q.delays) - q.syn
        for start in range(low, high, LANES):
            at = start + tl.arange(0, LANES)
            inside = at < high
            old = tl.load(x.permanence + q.own + at, mask=inside, other=0).to(tl.int64)
            store_permanences(net, x, q, at, old - q.decrement, inside)
    if spikes != 0:
        at = q.pre_trace + word * 32 + tl.arange(0, 32)
        jump(net, x, x.pre_trace, x.pre_step, at, spikes, step, q.plus, q.plus_length)


@triton.jit
def post_open(net, x, e, q, bits, word, t, step, LANES: tl.constexpr):
    """Spikes of post in step `t`: potentiate the paired synapses of their columns (permanences)."""
    while bits != 0:
        bits, bit = take_bit(bits)
        post = word * 32 + bit
        home = q.homeostatic * 0
        if q.homeostatic != 0:
            z = tl.load(x.trace + q.base + post)
            age = step - tl.load(x.trace_step + q.base + post)
            z = decayed(z, age, net.table, q.z_table, q.z_length, age >= 0)
            home = q.rate * (q.target - z)
        low, high = tl.load(net.col_ptr + q.col + post), tl.load(net.col_ptr + q.col + post + 1)
        for start in range(low, high, LANES):
            place = start + tl.arange(0, LANES)
            inside = place < high
            at = tl.load(net.col_syn + q.column + place, mask=inside, other=0)
            late = tl.load(net.col_late + q.column + place, mask=inside, other=0)
            trace = q.pre_trace + tl.load(net.col_trace + q.column + place, mask=inside, other=0)
            age = step - tl.load(x.pre_step + trace, mask=inside, other=0)
            paired = inside & (age + late >= q.first_lag) & (age + late <= q.last_lag)
            value = tl.load(x.pre_trace + trace, mask=paired, other=0)
            value = decayed(value, age, net.table, q.plus, q.plus_length, paired)
            change = (q.hebbian * value + home + TRACE_HALF) >> TRACE
            old = tl.load(x.permanence + q.own + at, mask=paired, other=0).to(tl.int64)
            store_permanences(net, x, q, at, old + change, paired)
