"""The step loop of the fast executor.

Blocks of neurons at a fixed point are skipped until a spike arrives; when every block rests and no
spike is under way, time jumps to the next given spike.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bioplastic.kernels.compiled import entry, inner, merged
from bioplastic.kernels.sparse import cpu_events as events
from bioplastic.kernels.sparse import cpu_neurons as neurons
from bioplastic.kernels.sparse import cpu_synapses as synapses
from bioplastic.kernels.sparse import cpu_traces as traces
from bioplastic.kernels.sparse.cpu_events import (
    CYCLE,
    EVENTS,
    GROUP,
    SATURATIONS,
    SPIKES,
    UNIT,
    UPDATES,
    V_TH,
    WINNERS,
)
from bioplastic.kernels.sparse.cpu_linear import happen
from bioplastic.kernels.sparse.cpu_ring import emit_given, slot_of
from bioplastic.kernels.sparse.cpu_weights import (
    CHANNEL,
    DELAYS,
    FRESH,
    FULL,
    GROUPS,
    POST_GROUP,
    POST_TRACES,
    POST_UNIT,
    POSTS,
    PRE_GROUP,
    PRE_TRACES,
    PRE_UNIT,
    ROW,
    RULE,
    SYNAPSES,
    TRACE_FIRST,
)
from bioplastic.kernels.sparse.layout import PAIR, PERMANENCE, STATIC
from bioplastic.quantize.fixed_point import TRACE_ONE


# What each phase reads and writes. A call copies every field of the tuples that it is given, seven
# words for an array, so the phases of a step are given no more than they need. No tuple holds
# another: to read a field of an inner one counts a reference more to all of its arrays.
class Targets(NamedTuple):
    """Where arrivals go."""

    current: Any
    rise: Any
    hold: Any
    refractory: Any
    active: Any


class Homes(NamedTuple):
    """First neuron and first block of every population."""

    first: Any
    first_block: Any


class Rows(NamedTuple):
    """Synapses as delivery sees them; fields of Projections."""

    number: Any
    first_delay: Any
    delay: Any
    row_ptr: Any
    post: Any
    static8: Any
    static16: Any
    plastic8: Any
    plastic16: Any
    permanence: Any


class Learned(NamedTuple):
    """Synapses as PairSTDP and TraceSTDP see them; fields of Projections."""

    number: Any
    first_delay: Any
    delay: Any
    row_ptr: Any
    plastic8: Any
    plastic16: Any
    col_rank: Any
    statement: Any
    change: Any
    term: Any
    step: Any
    trace: Any
    decay: Any


class Side(NamedTuple):
    """Traces of the side that has an event and of the other one, and where the other one stands."""

    value: Any
    last: Any
    other_value: Any
    other_last: Any
    index: Any  # post neuron of a synapse in row order, or its group in column order
    ptr: Any  # starts of rows, or of columns


@inner
def _compete(x: Any, pops: Any, p: Any, units: Any, first: Any, count: Any, step: Any) -> Any:
    """HardWTA among units[first:count]; a competition may start in this step."""
    number = pops.number[p]
    if number[CYCLE]:
        phase = step % number[CYCLE]
        for k in range(pops.first_start[p], pops.first_start[p + 1]):
            if pops.start[k] == phase:
                x.left[p] = number[WINNERS]
    return events.best(x, p, number[V_TH], number[UNIT] - pops.first[p], units, first, count)


@inner
def _deliver_all(
    x: Any, pops: Any, channel: Any, s: Any, weight: Any, ring: Any, counters: Any, step: Any,
    fresh: Any,
) -> None:  # fmt: skip
    """Deliver what arrives in `step`, of the projections that do so before or after on_pre."""
    for q in range(len(s.number)):
        n = s.number[q]
        if n[FRESH] != fresh:
            continue
        for d in range(n[DELAYS]):
            slot, low, high = slot_of(ring, step - s.delay[s.first_delay[q] + d], n[PRE_GROUP])
            for k in range(low, high):
                group = (ring.units[slot, k] - n[PRE_UNIT]) * n[DELAYS] + d
                at = s.row_ptr[n[ROW] + group]
                size = s.row_ptr[n[ROW] + group + 1] - at
                if size:
                    counters[EVENTS] += synapses.deliver(
                        x, pops, channel[n[CHANNEL]], s, n, group, at, size, weight
                    )


@merged
def _arriving(s: Any, ring: Any, q: Any, n: Any, step: Any) -> Any:
    """How many groups of projection q arrive in `step`."""
    count = 0
    for d in range(n[DELAYS]):
        _, low, high = slot_of(ring, step - s.delay[s.first_delay[q] + d], n[PRE_GROUP])
        count += high - low
    return count


@inner
def _learn_permanences(
    x: Any, s: Any, channels: Any, ring: Any, out: Any, step: Any, side: Any
) -> None:
    """PermanenceSTDP at the spikes of pre or of post."""
    for q in range(len(s.number)):
        n = s.number[q]
        if n[RULE] != PERMANENCE:
            continue
        group, unit = (PRE_GROUP, PRE_UNIT) if side == traces.PRE else (POST_GROUP, POST_UNIT)
        slot, low, high = slot_of(ring, step, n[group])
        for k in range(low, high):
            who = ring.units[slot, k] - n[unit]
            if side == traces.PRE:
                updates, saturated = synapses.permanence_on_pre(x, s, n, who, step)
            else:
                updates, saturated = synapses.permanence_on_post(
                    x, s, channels, n, who, step, s.first_delay[q]
                )
            out.counters[UPDATES] += updates
            out.counters[SATURATIONS] += saturated


@inner
def _learn_weights(
    e: Any, s: Any, b: Any, ring: Any, counters: Any, step: Any, seed: Any, side: Any
) -> None:
    """PairSTDP and TraceSTDP at arrivals or at the spikes of post."""
    for q in range(len(s.number)):
        n = s.number[q]
        if n[RULE] == STATIC or n[RULE] == PERMANENCE:
            continue
        count, turns = _arriving(s, ring, q, n, step), n[DELAYS]
        if side == traces.POST:
            slot, low, high = slot_of(ring, step, n[POST_GROUP])
            count, turns = high - low, np.int64(1)
        if not count:
            continue
        # all traces at once cost as much as half the rows that need them one by one
        dense = n[FULL] or 2 * count * n[SYNAPSES] >= n[GROUPS] * n[POSTS]
        if dense:
            first = n[TRACE_FIRST] + (n[PRE_TRACES] if side == traces.PRE else 0)
            end = first + (n[POST_TRACES] if side == traces.PRE else n[PRE_TRACES])
            size = n[POSTS] if side == traces.PRE else n[GROUPS]
            traces.refresh(
                e.other_value, e.other_last, s.trace, first, end, size, step, s.decay, b.now
            )
        for d in range(turns):
            lag = s.delay[s.first_delay[q] + d] if side == traces.PRE else np.int64(0)
            slot, low, high = slot_of(
                ring, step - lag, n[PRE_GROUP] if side == traces.PRE else n[POST_GROUP]
            )
            for k in range(low, high):
                own = ring.units[slot, k] - n[POST_UNIT]
                if side == traces.PRE:
                    own = (ring.units[slot, k] - n[PRE_UNIT]) * n[DELAYS] + d
                updates, saturated = traces.event(e, s, b, n, q, side, own, dense, step, seed)
                counters[UPDATES] += updates
                counters[SATURATIONS] += saturated


@merged
def _jump(e: Any, s: Any, n: Any, side: Any, own: Any, counters: Any, step: Any) -> None:
    """One spike more on the trace of a group or of a post neuron of PairSTDP."""
    row = s.trace[n[TRACE_FIRST] + side]
    value, last = (e.value, e.last) if side == traces.PRE else (e.other_value, e.other_last)
    counters[SATURATIONS] += traces.jump(
        value, last, row[0] + own, TRACE_ONE, step, s.decay, row[1], row[2]
    )


@inner
def _jump_traces(e: Any, s: Any, ring: Any, counters: Any, step: Any) -> None:
    """Traces of PairSTDP jump last, so that coincident spikes change nothing."""
    for q in range(len(s.number)):
        n = s.number[q]
        if n[RULE] != PAIR:
            continue
        for d in range(n[DELAYS]):
            slot, low, high = slot_of(ring, step - s.delay[s.first_delay[q] + d], n[PRE_GROUP])
            for k in range(low, high):
                group = (ring.units[slot, k] - n[PRE_UNIT]) * n[DELAYS] + d
                _jump(e, s, n, traces.PRE, group, counters, step)
        slot, low, high = slot_of(ring, step, n[POST_GROUP])
        for k in range(low, high):
            _jump(e, s, n, traces.POST, ring.units[slot, k] - n[POST_UNIT], counters, step)


@inner
def _reset_all(
    x: Any, pops: Any, others: Any, channels: Any, ring: Any, slot: Any, out: Any, step: Any
) -> None:
    """Reset what spiked and write it to the output."""
    for p in range(len(pops.number)):
        group, unit = pops.number[p, GROUP], pops.number[p, UNIT]
        for k in range(ring.edge[slot, group], ring.edge[slot, group + 1]):
            events.reset(x, pops, others, channels, p, ring.units[slot, k] - unit + pops.first[p])
            out.step[out.written[0]], out.unit[out.written[0]] = step, ring.units[slot, k]
            out.written[0] += 1
            out.counters[SPIKES] += 1


@inner
def _any_awake(active: Any) -> Any:
    """Whether any block is awake."""
    found = np.uint8(0)
    for k in range(np.uint64(len(active))):
        found |= active[k]
    return found != 0


@entry
def advance(
    x: Any, pops: Any, others: Any, channels: Any, s: Any, b: Any, weight: Any, ring: Any,
    given: Any, out: Any, total: Any, has: Any, step: Any, last: Any, seed: Any, longest: Any,
) -> Any:  # fmt: skip
    """Run from `step` up to `last`, or until an output buffer may overflow; returns the step.

    others, b   None where every neuron is LIF, and where nothing learns: what would deal with them
            is not compiled
    weight, total   (longest row,) int32 and (SPAN·BLOCK,) int64 buffers
    has     whether there are cyclic competitions, permanences, late deliveries, weights that learn
    """
    n, sources = pops.first[-1], len(given.first) - 1
    next_given = np.searchsorted(given.step, step)
    cyclic, permanent, late, plastic = has
    targets = Targets(x.current, x.rise, x.hold, x.refractory, x.active)
    homes, counters = Homes(pops.first, pops.first_block), out.counters
    rows = Rows(
        s.number, s.first_delay, s.delay, s.row_ptr, s.post, s.static8, s.static16, s.plastic8,
        s.plastic16, s.permanence,
    )  # fmt: skip
    learned = Learned(
        s.number, s.first_delay, s.delay, s.row_ptr, s.plastic8, s.plastic16, s.col_rank,
        s.statement, s.change, s.term, s.step, s.trace, s.decay,
    )  # fmt: skip
    arriving = Side(x.pre_trace, x.pre_step, x.post_trace, x.post_step, s.post, s.row_ptr)
    spiking = Side(x.post_trace, x.post_step, x.pre_trace, x.pre_step, s.col_group, s.col_ptr)
    last_spike = step - 1
    while step < last:
        room = min(
            len(out.step) - out.written[0] - n, len(out.onset_step) - out.written[1] - len(x.hold)
        )
        if room < 0:
            break
        slot = step & (len(ring.step) - 1)
        ring.step[slot] = step
        count, next_given = emit_given(ring, slot, given, next_given, step)
        begun = out.written[1]
        for p in range(len(pops.number)):
            ring.edge[slot, sources + p] = count
            units = ring.units[slot]
            count = neurons.advance_population(
                x, pops, others, channels, p, total, step, units, count, out, out.counters
            )
            if pops.number[p, WINNERS]:
                first = ring.edge[slot, sources + p]
                count = _compete(x, pops, p, units, first, count, step)
        ring.edge[slot, sources + len(pops.number)] = count
        if count:
            last_spike = step
        if step <= last_spike + longest:
            _deliver_all(targets, homes, channels.number, rows, weight, ring, counters, step, 0)
            if b is not None:
                if permanent:
                    _learn_permanences(x, s, channels, ring, out, step, traces.PRE)
                if plastic:
                    _learn_weights(arriving, learned, b, ring, counters, step, seed, traces.PRE)
                if late:
                    _deliver_all(
                        targets, homes, channels.number, rows, weight, ring, counters, step, 1
                    )
                if permanent:
                    _learn_permanences(x, s, channels, ring, out, step, traces.POST)
                if plastic:
                    _learn_weights(spiking, learned, b, ring, counters, step, seed, traces.POST)
                    _jump_traces(arriving, learned, ring, counters, step)
        if others is not None and out.written[1] > begun:
            happen(x, pops, others.linear, channels, out, begun, step, 0)
        if count:
            _reset_all(x, pops, others, channels, ring, slot, out, step)
        if others is not None and out.written[1] > begun:
            happen(x, pops, others.linear, channels, out, begun, step, 1)
        step += 1
        if step > last_spike + longest and not cyclic and not _any_awake(x.active):
            ahead = given.step[next_given] if next_given < len(given.step) else last
            step = max(step, min(ahead, last))
    return step
