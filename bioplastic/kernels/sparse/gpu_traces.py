"""Programs on traces (TraceSTDP) of the sparse kernel in Triton: statement by statement.

An event, a group that arrives or a post neuron that spikes, runs the statements of its side one
after the other, like `reference_traces`. Its weights and its own traces belong to it alone; traces
of the other side stand still meanwhile. What a statement wrote is read by the next one after a
barrier.
"""

from __future__ import annotations

import triton
import triton.language as tl

from bioplastic.kernels.sparse.gpu_synapses import (
    KIND_POST,
    KIND_PRE,
    TRACE,
    TRACE_HALF,
    TRACE_MAX,
    TRACE_ONE,
    count,
    dithers,
    store_weights,
)
from bioplastic.kernels.sparse.gpu_tables import (
    EVENTS,
    SATURATIONS,
    decayed,
    extent,
    projection_row,
    ring_row,
    take_bit,
)
from bioplastic.kernels.sparse.layout_rule import CHANGE as CHANGE_CODE
from bioplastic.kernels.sparse.layout_rule import JUMP as JUMP_CODE
from bioplastic.quantize import fixed_point as fp

CHANGE, JUMP = tl.constexpr(CHANGE_CODE), tl.constexpr(JUMP_CODE)
DITHER = tl.constexpr(fp.DITHER)


@triton.jit
def deliver(net, x, sizes, place, low, high, t, LANES: tl.constexpr):
    """Add the present weights of the synapses low … high − 1 to what arrives in step `t`."""
    e, q = extent(sizes), projection_row(net, place)
    events = tl.zeros([LANES], tl.int32)
    for start in range(low, high, LANES):
        at = start + tl.arange(0, LANES)
        inside = at < high
        weight = tl.load(x.weight + q.own + at, mask=inside, other=0)
        target = q.base + tl.load(net.post + q.syn + at, mask=inside, other=0)
        heard = weight != 0
        add = (weight.to(tl.int64) * q.scale).to(tl.int32)
        tl.atomic_add(ring_row(x, e, t) + target, add, mask=heard, sem="relaxed")
        events += heard.to(tl.int32)
    count(x, EVENTS, tl.sum(events, axis=0))


@triton.jit
def factor(net, x, number, own, other, inside, step, SIDE: tl.constexpr):
    """Trace `number` at the synapses of an event, decayed to `step`, Q20.

    own   group or post neuron of the event      other   of its synapses on the other side
    """
    at = net.trace + number * 4
    first, low, length = tl.load(at), tl.load(at + 1), tl.load(at + 2)
    of_pre = tl.load(at + 3) == KIND_PRE
    place = first + tl.where(of_pre == (SIDE == KIND_PRE), own, other)
    if of_pre:
        value = tl.load(x.pre_trace + place, mask=inside, other=0)
        last = tl.load(x.pre_step + place, mask=inside, other=0)
    else:
        value = tl.load(x.post_trace + place, mask=inside, other=0)
        last = tl.load(x.post_step + place, mask=inside, other=0)
    return decayed(value, step - last, net.table, low, length, inside)


@triton.jit
def change(net, x, place, low, high, own, what, nth, step, SIDE: tl.constexpr, ROWS: tl.constexpr):
    """Change number `what`, the `nth` of its side, of the places low … high − 1."""
    row = net.change + what * 4
    for start in range(low // 16 * 16, high, ROWS * 16):
        q = projection_row(net, place)  # here, so that no register keeps it any longer
        blocks = start + tl.arange(0, ROWS) * 16
        at = blocks[:, None] + tl.arange(0, 16)[None, :]
        inside = (at >= low) & (at < high)
        if SIDE == KIND_PRE:
            synapse = at
            other = tl.load(net.post + q.syn + at, mask=inside, other=0).to(tl.int64)
        else:
            synapse = tl.load(net.col_syn + q.column + at, mask=inside, other=0)
            other = tl.load(net.col_trace + q.column + at, mask=inside, other=0)
        weight = tl.load(x.weight + q.own + synapse, mask=inside, other=0).to(tl.int64)
        total = tl.zeros_like(weight)
        for term in range(tl.load(row), tl.load(row + 1)):
            product = tl.zeros_like(weight) + TRACE_ONE
            for n in range(1, 3):
                number = tl.load(net.term + term * 3 + n)
                if number >= 0:
                    value = factor(net, x, number, own, other, inside, step, SIDE)
                    product = (product * value + TRACE_HALF) >> TRACE
            entry = term * 128 + ((weight - q.low) >> q.shift)
            slope = tl.load(net.step + entry, mask=inside, other=0)
            total += slope.to(tl.int64) * product
        bits = tl.load(row + 2)
        size = (total + ((1 << bits) >> 1)) >> bits
        moves = inside & (size != 0)
        dither = dithers(x, blocks, step, SIDE + 2 * nth.to(tl.uint32), place)
        store_weights(x, q, synapse, weight + ((size + dither) >> DITHER), moves, q.low)


@triton.jit
def move(net, x, value, last, number, own, code, amount, step):
    """Let trace `number` of an event jump by `amount`, saturated, or put it there."""
    row = net.trace + number * 4
    at = tl.load(row) + own
    age = step - tl.load(last + at)
    old = decayed(tl.load(value + at), age, net.table, tl.load(row + 1), tl.load(row + 2), age >= 0)
    wanted = tl.where(code == JUMP, old, 0) + amount
    kept = tl.minimum(tl.maximum(wanted, -TRACE_MAX), TRACE_MAX)
    tl.debug_barrier()  # the old trace is read
    tl.store(value + at, kept)
    tl.store(last + at, step)
    count(x, SATURATIONS, (kept != wanted).to(tl.int32))


@triton.jit
def run(net, x, place, low, high, own, step, SIDE: tl.constexpr, ROWS: tl.constexpr):
    """The statements of one side for one event, whose synapses are the places low … high − 1."""
    q = projection_row(net, place)
    if SIDE == KIND_PRE:
        first, end = q.on_pre, q.on_post
    else:
        first, end = q.on_post, q.on_end
    for number in range(first, end):
        at = net.statement + number * 3
        code, what, amount = tl.load(at), tl.load(at + 1), tl.load(at + 2)
        if code == CHANGE:
            change(net, x, place, low, high, own, what, amount, step, SIDE, ROWS)
        elif SIDE == KIND_PRE:
            move(net, x, x.pre_trace, x.pre_step, what, own, code, amount, step)
        else:
            move(net, x, x.post_trace, x.post_step, what, own, code, amount, step)
        tl.debug_barrier()  # what this statement changed is written


@triton.jit
def arrive(net, x, sizes, place, bits, k, word, t, step, ROWS: tl.constexpr):
    """Groups that arrive in step `t` over delay number `k`: deliver and run, or run and deliver."""
    while bits != 0:
        bits, bit = take_bit(bits)
        q = projection_row(net, place)
        group = (word * 32 + bit) * q.delays + k
        at_row = net.row_ptr + q.row + group
        low, high = tl.load(at_row) - q.syn, tl.load(at_row + 1) - q.syn
        if q.fresh == 0:
            deliver(net, x, sizes, place, low, high, t, ROWS * 16)
        run(net, x, place, low, high, group, step, KIND_PRE, ROWS)
        if q.fresh != 0:
            deliver(net, x, sizes, place, low, high, t, ROWS * 16)


@triton.jit
def post(net, x, place, bits, word, step, ROWS: tl.constexpr):
    """Post neurons that spike in this step."""
    while bits != 0:
        bits, bit = take_bit(bits)
        own = word * 32 + bit
        at_col = net.col_ptr + projection_row(net, place).col + own
        run(net, x, place, tl.load(at_col), tl.load(at_col + 1), own, step, KIND_POST, ROWS)
