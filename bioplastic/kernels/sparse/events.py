"""Spikes of a step, where they go, and how they are logged: helpers of the reference."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bioplastic.quantize.integer_network import IntegerNetwork, IntegerProjection

Spikes = dict[str, np.ndarray]  # name of a source or population -> ids that spike in one step
Found = dict[str, tuple[np.ndarray, np.ndarray]]  # name -> steps, ids, ordered by (step, id)
Past = dict[int, Spikes]  # step -> spikes, as far back as the longest delay


def arriving_groups(q: IntegerProjection, past: Past, step: int) -> np.ndarray:
    """Groups (one pre, one delay) whose spikes arrive in `step`, ascending."""
    found = [
        past[step - d][q.pre] * len(q.delays) + k
        for k, d in enumerate(q.delays.tolist())
        if step - d in past
    ]
    return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)


def rows(q: IntegerProjection, groups: np.ndarray) -> np.ndarray:
    """Row places of all synapses of `groups`."""
    parts = [np.arange(q.row_ptr[g], q.row_ptr[g + 1]) for g in groups]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def columns(q: IntegerProjection, ids: np.ndarray) -> np.ndarray:
    """Column places of all synapses onto the neurons `ids`."""
    parts = [np.arange(q.col_ptr[i], q.col_ptr[i + 1]) for i in ids]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


class Log:
    """Events by name, collected step by step."""

    def __init__(self, names: Iterable[str]) -> None:
        self.events: dict[str, list[tuple[int, np.ndarray]]] = {name: [] for name in names}

    def add(self, name: str, step: int, ids: np.ndarray) -> None:
        """Note that `ids` (ascending) had an event in `step`."""
        if len(ids):
            self.events[name].append((step, ids))

    def found(self) -> Found:
        """Steps and ids of every name, int64."""
        none = np.zeros(0, np.int64)
        return {
            name: (
                np.concatenate([none, *(np.full(len(ids), step) for step, ids in events)]),
                np.concatenate([none, *(ids for _, ids in events)]),
            )
            for name, events in self.events.items()
        }


def _units(network: IntegerNetwork) -> dict[str, int]:
    first, start = {}, 0
    for group in network.groups:
        first[group.name] = start
        start += group.size
    return first


def past_spikes(network: IntegerNetwork, x: dict[str, np.ndarray]) -> Past:
    """Spikes that may still be on their way, from the arrays of a state, which they leave."""
    past: Past = {}
    units, steps = x.pop("recent_unit"), x.pop("recent_step")
    for step in np.unique(steps).tolist():
        past[step] = {}
        for group in network.groups:
            ids = units[steps == step] - _units(network)[group.name]
            past[step][group.name] = ids[(ids >= 0) & (ids < group.size)]
    return past


def recent_spikes(network: IntegerNetwork, past: Past) -> dict[str, np.ndarray]:
    """The arrays of a state that hold the spikes which may still be on their way."""
    first = _units(network)
    found = [
        (step, first[name] + int(i))
        for step in sorted(past)
        for name in first
        for i in past[step][name]
    ]
    table = np.array(found, dtype=np.int64).reshape(-1, 2)
    return {"recent_unit": table[:, 1].copy(), "recent_step": table[:, 0].copy()}
