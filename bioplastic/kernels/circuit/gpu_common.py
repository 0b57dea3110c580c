"""Circuit kernel in Triton, what keys and outputs share: counters, queue, list and table of keys.

Threads of one program run apart between barriers, and small tiles are held by many threads at once.
So every function here and in `gpu_keys`, `gpu_output` keeps one order: load, barrier, store,
barrier. A value that is read again in the same step has then been written by everybody, and nobody
overwrites what another thread has yet to read. The interpreter runs one thread and shows neither.
"""

from __future__ import annotations

import triton
import triton.language as tl

from bioplastic.kernels.circuit import gpu_program
from bioplastic.quantize.circuit_program import COUNTERS

NOBODY = tl.constexpr(-(2**63))
FAR = tl.constexpr(2**62)
HASH = tl.constexpr(gpu_program.HASH)
N_COUNTERS = tl.constexpr(16)
SOURCE_SPIKES = tl.constexpr(COUNTERS.index("source_spikes"))
KEY_SPIKES = tl.constexpr(COUNTERS.index("key_spikes"))
OUTPUT_SPIKES = tl.constexpr(COUNTERS.index("output_spikes"))
CONDUCTED = tl.constexpr(COUNTERS.index("conducted_events"))
BLOCKED = tl.constexpr(COUNTERS.index("blocked_arrivals"))
VALUE_EVENTS = tl.constexpr(COUNTERS.index("value_events"))
WEIGHT_UPDATES = tl.constexpr(COUNTERS.index("weight_updates"))
FAST_UPDATES = tl.constexpr(COUNTERS.index("fast_updates"))
SATURATIONS = tl.constexpr(COUNTERS.index("saturations"))
NEURON_UPDATES = tl.constexpr(COUNTERS.index("neuron_updates"))
EXHAUSTED = tl.constexpr(COUNTERS.index("pool_exhausted"))
SILENT_RACES = tl.constexpr(COUNTERS.index("silent_races"))
STEPS = tl.constexpr(COUNTERS.index("steps"))
EMPTY_STEPS = tl.constexpr(COUNTERS.index("empty_steps"))


@triton.jit
def _cell(parent, symbol, rule):
    pair = parent.to(tl.uint32) * rule.symbols.to(tl.uint32) + symbol.to(tl.uint32)
    product = pair * tl.full((), HASH, tl.uint32)
    return (product >> 8).to(tl.int32) & (rule.cells - 1)


@triton.jit
def child_of(st, dv, rule, parent, symbol, asked):
    """The mature key that stands for (parent, symbol), −1 = none; lanes that are not asked get −1.

    Open addressing: the table is at most half full, so a probe ends after a few cells.
    """
    at = _cell(parent, symbol, rule)
    found = tl.where(asked, -1, -1)
    open_ = asked
    while tl.max(open_.to(tl.int32)) > 0:
        child = tl.load(dv.child + at, mask=open_, other=-1)
        full = open_ & (child >= 0)
        same = full & (tl.load(st.parent + child, mask=full, other=-1) == parent)
        same = same & (tl.load(st.symbol + child, mask=full, other=-1) == symbol)
        found = tl.where(same, child, found)
        open_ = full & (same == 0)
        at = (at + 1) & (rule.cells - 1)
    return found


@triton.jit
def adopt(dv, rule, parent, symbol, k):
    """Write one new child into the table (scalars)."""
    at = _cell(parent, symbol, rule)
    while tl.load(dv.child + at) >= 0:
        at = (at + 1) & (rule.cells - 1)
    tl.debug_barrier()
    tl.store(dv.child + at, k)
    tl.debug_barrier()


@triton.jit
def excite(st, dv, rule, k, reached, jump, awake, LANES: tl.constexpr):
    """Current `jump` into the key of every lane that is reached; (lanes that count, awake keys).

    Lanes may name the same key: they write the same sum, and of their marks one stays:
    that lane counts.
    """
    mine = rule.zero + tl.arange(0, LANES) + 1
    i = tl.load(st.i + k, mask=reached, other=0)
    listed = tl.load(dv.mark + k, mask=reached, other=1)
    tl.debug_barrier()
    tl.store(st.i + k, i + jump, mask=reached)
    tl.store(dv.mark + k, mine, mask=reached)
    tl.debug_barrier()
    stays = reached & (tl.load(dv.mark + k, mask=reached, other=0) == mine)
    new = (stays & (listed == 0)).to(tl.int32)
    tl.store(dv.awake + awake + tl.cumsum(new, 0) - 1, k, mask=new != 0)
    tl.debug_barrier()
    return stays, awake + tl.sum(new)


@triton.jit
def push(st, rule, now, due, delay, kind, index, what, M: tl.constexpr):
    """Queue the arrivals of all lanes that are due, in the order of the lanes."""
    slot = tl.where(due, ((now + delay) % rule.delays).to(tl.int32), -1)
    lane = rule.zero + tl.arange(0, M)
    same = (slot[:, None] == slot[None, :]) & due[None, :]
    before = tl.sum((same & (lane[None, :] < lane[:, None])).to(tl.int32), axis=1)
    later = tl.sum((same & (lane[None, :] > lane[:, None])).to(tl.int32), axis=1)
    at = tl.load(st.queued + slot, mask=due, other=0) + before
    tl.debug_barrier()
    cell = st.queue + (slot * rule.width + at) * 3
    tl.store(cell, kind, mask=due)
    tl.store(cell + 1, index, mask=due)
    tl.store(cell + 2, what, mask=due)
    tl.store(st.queued + slot, at + 1, mask=due & (later == 0))
    tl.debug_barrier()
