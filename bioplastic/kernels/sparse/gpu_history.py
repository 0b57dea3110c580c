"""Spikes as words of 32 bits, and back: what a run is given, what it finds under way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bioplastic.kernels.sparse.gpu_layout import Layout
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.quantize.integer_network import IntegerNetwork


def pack(rows: np.ndarray, row: np.ndarray, word: int, ids: np.ndarray) -> None:
    """Set bit `ids` mod 32 of word `word` + `ids`/32 in every `row` of `rows` (T, words) int32."""
    bit = np.left_shift(np.uint32(1), (ids % 32).astype(np.uint32))
    np.bitwise_or.at(rows.view(np.uint32), (row, word + ids // 32), bit)


def unpack(rows: np.ndarray, word: int, size: int, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps and ids of the bits of one group, ordered by (step, id); row 0 is step `first`."""
    group = np.ascontiguousarray(rows[:, word : word + -(-size // 32)])
    row, number = np.nonzero(group)
    bits = (group[row, number].view(np.uint32)[:, None] >> np.arange(32, dtype=np.uint32)) & 1
    which, bit = np.nonzero(bits)
    return (row[which] + first).astype(np.int64), (number[which] * 32 + bit).astype(np.int64)


def first_units(network: IntegerNetwork) -> dict[str, int]:
    """First unit of every group, as a KernelState counts."""
    first, start = {}, 0
    for g in network.groups:
        first[g.name] = start
        start += g.size
    return first


def history_words(
    network: IntegerNetwork, layout: Layout, states: Sequence[KernelState]
) -> np.ndarray:
    """Rows of the steps before each state, as far back as the longest delay: (B, delay, words)."""
    history = network.max_delay
    rows = np.zeros((len(states), history, max(layout.words, 1)), np.int32)
    for b, state in enumerate(states):
        units = state.arrays["recent_unit"]
        row = state.arrays["recent_step"] - (state.step - history)
        for name, first in first_units(network).items():
            here = (units >= first) & (units < first + network[name].size) & (row >= 0)
            pack(rows[b], row[here], layout.word[name], units[here] - first)
    return rows


def given_words(
    networks: Sequence[IntegerNetwork],
    layout: Layout,
    states: Sequence[KernelState],
    steps: int,
) -> np.ndarray:
    """What the sources of every network send in the next steps: (B, T, words of the sources)."""
    wide = sum(-(-s.size // 32) for s in networks[0].sources)
    rows = np.zeros((len(networks), steps, wide), np.int32)
    for b, (network, state) in enumerate(zip(networks, states, strict=True)):
        for s in network.sources:
            inside = (s.steps >= state.step) & (s.steps < state.step + steps)
            pack(rows[b], s.steps[inside] - state.step, layout.word[s.name], s.ids[inside])
    return rows


def recent(
    network: IntegerNetwork, layout: Layout, rows: np.ndarray, end: int
) -> dict[str, np.ndarray]:
    """The arrays of a state that hold the spikes which may still be on their way."""
    history = network.max_delay
    last = rows[len(rows) - history :]
    steps, units = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for name, first in first_units(network).items():
        step, ids = unpack(last, layout.word[name], network[name].size, end - history)
        steps.append(step)
        units.append(ids + first)
    step, unit = np.concatenate(steps), np.concatenate(units)
    order = np.lexsort((unit, step))
    return {"recent_unit": unit[order], "recent_step": step[order]}


def under_way(
    network: IntegerNetwork,
    layout: Layout,
    states: Sequence[KernelState],
    slots: int,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """What earlier spikes still bring along static synapses: ring (B, slots, places), events (B,).

    Only arrivals before the end of the run, `steps` steps later, count as events.
    """
    ring = np.zeros((len(states), slots, max(layout.slots, 1)), np.int32)
    events = np.zeros(len(states), np.int64)
    names = [p.name for p in network.populations]
    for q in network.projections:
        if q.rule is not None or not len(q.post_ids):
            continue
        base = layout.slot[names.index(q.post)][q.channel]
        first, late = first_units(network)[q.pre], q.delays[q.group % len(q.delays)]
        pre_ptr = q.row_ptr[:: len(q.delays)]
        for b, state in enumerate(states):
            units, sent = state.arrays["recent_unit"] - first, state.arrays["recent_step"]
            here = (units >= 0) & (units < network[q.pre].size)
            for unit, step in zip(units[here].tolist(), sent[here].tolist(), strict=True):
                at = np.arange(pre_ptr[unit], pre_ptr[unit + 1])
                arrival = step + late[at] - state.step
                at, arrival = at[arrival >= 0], arrival[arrival >= 0]
                add = q.weight[at].astype(np.int64) * q.scale
                np.add.at(ring[b], (arrival, base + q.post_ids[at]), add.astype(np.int32))
                events[b] += np.count_nonzero((q.weight[at] != 0) & (arrival < steps))
    return ring, events
