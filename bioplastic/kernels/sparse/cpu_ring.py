"""Spikes under way in the fast executor (numba)."""

from __future__ import annotations

from typing import Any

from bioplastic.kernels.compiled import inner


@inner
def emit_given(ring: Any, slot: Any, given: Any, next_given: Any, step: Any) -> Any:
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
def slot_of(ring: Any, step: Any, group: Any) -> Any:
    """Slot, first and end of the spikes of `group` in `step`; an empty range when forgotten."""
    slot = step & (len(ring.step) - 1)
    if step < 0 or ring.step[slot] != step:
        return slot, 0, 0
    return slot, ring.edge[slot, group], ring.edge[slot, group + 1]
