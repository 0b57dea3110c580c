"""The step loop of the fast executor.

Blocks of neurons at a fixed point are skipped until a spike arrives; when every block rests and no
spike is under way, time jumps to the next given spike.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from bioplastic.kernels.compiled import inner
from bioplastic.kernels.sparse import cpu_events as events
from bioplastic.kernels.sparse import cpu_neurons as neurons
from bioplastic.kernels.sparse import cpu_synapses as synapses
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
from bioplastic.kernels.sparse.cpu_synapses import (
    DELAYS,
    MINUS_LENGTH,
    MINUS_LOW,
    PLUS_LENGTH,
    PLUS_LOW,
    POST_GROUP,
    POST_TRACE,
    POST_UNIT,
    PRE_GROUP,
    PRE_TRACE,
    PRE_UNIT,
    RULE,
)
from bioplastic.kernels.sparse.layout import BLOCK, PAIR, PERMANENCE, STATIC


@inner
def _emit_given(ring: Any, slot: Any, given: Any, next_given: Any, step: Any) -> Any:
    """Put the given spikes of `step` into the ring; returns their number and the next place."""
    count = 0
    for source in range(len(given.first) - 1):
        ring.edge[slot, source] = count
        while (
            next_given < len(given.step)
            and given.step[next_given] == step
            and given.unit[next_given] < given.first[source + 1]
        ):
            ring.units[slot, count] = given.unit[next_given]
            count += 1
            next_given += 1
    return count, next_given


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
def _slot_of(ring: Any, step: Any, group: Any) -> Any:
    """Slot, first and end of the spikes of `group` in `step`; an empty range when forgotten."""
    slot = step & (len(ring.step) - 1)
    if step < 0 or ring.step[slot] != step:
        return slot, 0, 0
    return slot, ring.edge[slot, group], ring.edge[slot, group + 1]


@inner
def _deliver_all(
    x: Any, pops: Any, channels: Any, s: Any, ring: Any, out: Any, step: Any
) -> Any:  # fmt: skip
    """Deliver what arrives in `step`, then PairSTDP at the arrivals (after every delivery)."""
    for q in range(len(s.number)):
        n = s.number[q]
        for d in range(n[DELAYS]):
            slot, low, high = _slot_of(ring, step - s.delay[s.first_delay[q] + d], n[PRE_GROUP])
            for k in range(low, high):
                group = (ring.units[slot, k] - n[PRE_UNIT]) * n[DELAYS] + d
                out.counters[EVENTS] += synapses.deliver(x, pops, channels, s, n, group)


@inner
def _learn_pre(x: Any, s: Any, ring: Any, out: Any, step: Any, seed: Any) -> None:
    """Plasticity on pre: permanences at the spike, pairs at the arrival."""
    for q in range(len(s.number)):
        n = s.number[q]
        if n[RULE] == PERMANENCE:
            slot, low, high = _slot_of(ring, step, n[PRE_GROUP])
            for k in range(low, high):
                pre = ring.units[slot, k] - n[PRE_UNIT]
                updates, saturated = synapses.permanence_on_pre(x, s, n, pre, step)
                out.counters[UPDATES] += updates
                out.counters[SATURATIONS] += saturated
        if n[RULE] != PAIR:
            continue
        for d in range(n[DELAYS]):
            slot, low, high = _slot_of(ring, step - s.delay[s.first_delay[q] + d], n[PRE_GROUP])
            for k in range(low, high):
                group = (ring.units[slot, k] - n[PRE_UNIT]) * n[DELAYS] + d
                updates, saturated = synapses.pair_on_pre(x, s, n, q, group, step, seed)
                out.counters[UPDATES] += updates
                out.counters[SATURATIONS] += saturated


@inner
def _learn_post(x: Any, s: Any, channels: Any, ring: Any, out: Any, step: Any, seed: Any) -> None:
    """Plasticity on post."""
    for q in range(len(s.number)):
        n = s.number[q]
        if n[RULE] == STATIC:
            continue
        slot, low, high = _slot_of(ring, step, n[POST_GROUP])
        for k in range(low, high):
            post = ring.units[slot, k] - n[POST_UNIT]
            if n[RULE] == PERMANENCE:
                updates, saturated = synapses.permanence_on_post(x, s, channels, n, post, step)
            else:
                updates, saturated = synapses.pair_on_post(x, s, n, q, post, step, seed)
            out.counters[UPDATES] += updates
            out.counters[SATURATIONS] += saturated


@inner
def _jump_traces(x: Any, s: Any, ring: Any, out: Any, step: Any) -> None:
    """Traces of PairSTDP jump last, so that coincident spikes change nothing."""
    for q in range(len(s.number)):
        n = s.number[q]
        if n[RULE] != PAIR:
            continue
        for d in range(n[DELAYS]):
            slot, low, high = _slot_of(ring, step - s.delay[s.first_delay[q] + d], n[PRE_GROUP])
            for k in range(low, high):
                g = n[PRE_TRACE] + (ring.units[slot, k] - n[PRE_UNIT]) * n[DELAYS] + d
                out.counters[SATURATIONS] += synapses.jump(
                    x.pre_trace, x.pre_step, g, step, s.table, n[PLUS_LOW], n[PLUS_LENGTH]
                )
        slot, low, high = _slot_of(ring, step, n[POST_GROUP])
        for k in range(low, high):
            j = n[POST_TRACE] + ring.units[slot, k] - n[POST_UNIT]
            out.counters[SATURATIONS] += synapses.jump(
                x.post_trace, x.post_step, j, step, s.table, n[MINUS_LOW], n[MINUS_LENGTH]
            )


@inner
def _reset_all(x: Any, pops: Any, channels: Any, ring: Any, slot: Any, out: Any, step: Any) -> None:
    """Reset what spiked and write it to the output."""
    for p in range(len(pops.number)):
        group, unit = pops.number[p, GROUP], pops.number[p, UNIT]
        for k in range(ring.edge[slot, group], ring.edge[slot, group + 1]):
            events.reset(x, pops, channels, p, ring.units[slot, k] - unit + pops.first[p])
            out.step[out.written[0]], out.unit[out.written[0]] = step, ring.units[slot, k]
            out.written[0] += 1
            out.counters[SPIKES] += 1


@nb.njit(cache=True)
def advance(
    x: Any, pops: Any, channels: Any, s: Any, ring: Any, given: Any, out: Any,
    step: Any, last: Any, seed: Any, longest: Any,
) -> Any:  # fmt: skip
    """Run from `step` up to `last`, or until an output buffer may overflow; returns the step."""
    total = np.zeros(BLOCK, np.int64)
    n, sources = pops.first[-1], len(given.first) - 1
    next_given = np.searchsorted(given.step, step)
    cyclic = np.any((pops.number[:, WINNERS] > 0) & (pops.number[:, CYCLE] > 0))
    last_spike = step - 1
    while step < last:
        room = min(
            len(out.step) - out.written[0] - n, len(out.onset_step) - out.written[1] - len(x.hold)
        )
        if room < 0:
            break
        slot = step & (len(ring.step) - 1)
        ring.step[slot] = step
        count, next_given = _emit_given(ring, slot, given, next_given, step)
        for p in range(len(pops.number)):
            ring.edge[slot, sources + p] = count
            units = ring.units[slot]
            count = neurons.advance_population(
                x, pops, channels, p, total, step, units, count, out, out.counters
            )
            if pops.number[p, WINNERS]:
                first = ring.edge[slot, sources + p]
                count = _compete(x, pops, p, units, first, count, step)
        ring.edge[slot, sources + len(pops.number)] = count
        if count:
            last_spike = step
        if step <= last_spike + longest:
            _deliver_all(x, pops, channels, s, ring, out, step)
            _learn_pre(x, s, ring, out, step, seed)
            _learn_post(x, s, channels, ring, out, step, seed)
            _jump_traces(x, s, ring, out, step)
        if count:
            _reset_all(x, pops, channels, ring, slot, out, step)
        step += 1
        if step > last_spike + longest and not cyclic and not np.any(x.active):
            ahead = given.step[next_given] if next_given < len(given.step) else last
            step = max(step, min(ahead, last))
    return step
