"""Flat arrays for the fast executor: one compiled kernel serves every network.

Neurons of all populations stand in one row, cut into blocks of BLOCK that never straddle two
populations. Channel states stand in one row too: neuron k of population p, channel c is at
``base[c] + k``. Synapses stand projection after projection in row order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bioplastic.quantize.integer_network import (
    ExponentialChannel,
    IntegerNetwork,
    PlateauChannel,
)

BLOCK = 32
EXPONENTIAL, ALPHA, PLATEAU = 0, 1, 2
STATIC, PAIR, PERMANENCE = 0, 1, 2


class Populations(NamedTuple):
    """Per population; `number` (P, 11) holds the columns named in POPULATION_NUMBERS."""

    first: np.ndarray  # (P + 1,) first neuron
    first_block: np.ndarray  # (P + 1,)
    first_channel: np.ndarray  # (P + 1,)
    number: np.ndarray
    offset: np.ndarray  # (N,)
    block_low: np.ndarray  # (blocks,) first neuron of each block
    block_high: np.ndarray
    first_start: np.ndarray  # (P + 1,) into start
    start: np.ndarray


POPULATION_NUMBERS = [
    "pvv",
    "pv1",
    "v_th",
    "v_reset",
    "refractory",
    "theta_decay",
    "theta_step",
    "winners",
    "cycle",
    "group",
    "unit",
]


class Channels(NamedTuple):
    """Per channel; `number` (C, 10) holds kind, base, pii, pih, pvi, pvh, threshold, …"""

    number: np.ndarray
    table: np.ndarray  # all decay tables of plateau traces, one after the other


CHANNEL_NUMBERS = [
    "kind",
    "base",
    "pii",
    "pih",
    "pvi",
    "pvh",
    "threshold",
    "clamp",
    "duration",
    "population",
    "table_low",
    "table_length",
]


class Projections(NamedTuple):
    """Per projection; `number` (Q, …) holds the columns named in PROJECTION_NUMBERS."""

    number: np.ndarray
    first_delay: np.ndarray  # (Q + 1,) into delay
    delay: np.ndarray
    row_ptr: np.ndarray  # flat, global synapse places
    post: np.ndarray  # (S,) int32
    weight: np.ndarray  # (S,) int16
    permanence: np.ndarray  # int32
    floor: np.ndarray
    col_ptr: np.ndarray  # flat, places in col_syn
    col_syn: np.ndarray  # int32 global synapse
    col_trace: np.ndarray  # int32 place of the pre trace
    col_delay: np.ndarray  # int32 steps
    step_up: np.ndarray  # (Q, 128) int32
    step_down: np.ndarray
    table: np.ndarray


PROJECTION_NUMBERS = [
    "rule",
    "pre_group",
    "pre_unit",
    "post_group",
    "post_population",
    "post_unit",
    "channel",
    "scale",
    "row",
    "col",
    "delays",
    "permanence",
    "pre_trace",
    "post_trace",
    "plus_low",
    "plus_length",
    "minus_low",
    "minus_length",
    "hebbian",
    "decrement",
    "rate",
    "target",
    "homeostatic",
    "first_lag",
    "last_lag",
    "theta",
    "syn",
]


class State(NamedTuple):
    """Mutable state of a run."""

    v: np.ndarray
    refractory: np.ndarray
    theta: np.ndarray
    left: np.ndarray
    current: np.ndarray
    rise: np.ndarray
    hold: np.ndarray
    trace: np.ndarray
    trace_step: np.ndarray
    pre_trace: np.ndarray
    pre_step: np.ndarray
    post_trace: np.ndarray
    post_step: np.ndarray
    active: np.ndarray  # (blocks,) uint8: 0 = the block rests at a fixed point


def _table(rows: list[dict[str, Any]], names: list[str]) -> np.ndarray:
    return np.array([[int(r.get(n, 0)) for n in names] for r in rows], np.int64).reshape(
        len(rows), len(names)
    )


def _starts(sizes: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)


def _joined(parts: list[np.ndarray], dtype: Any) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype, copy=False)


def groups(network: IntegerNetwork) -> tuple[dict[str, int], np.ndarray]:
    """Place of each source and population among the unit groups, and their first units."""
    every = network.groups
    return {g.name: k for k, g in enumerate(every)}, _starts([g.size for g in every])


def lay_populations(network: IntegerNetwork) -> tuple[Populations, Channels]:
    """Numbers of populations and channels."""
    place, unit = groups(network)
    rows, channels, tables, low, high = [], [], [], [], []
    base, table_low = 0, 0
    first = _starts([p.size for p in network.populations])
    for k, p in enumerate(network.populations):
        fields = {n: getattr(p, n, 0) for n in POPULATION_NUMBERS}
        rows.append(fields | {"group": place[p.name], "unit": unit[place[p.name]]})
        edges = np.arange(first[k], first[k + 1], BLOCK)
        low.append(edges)
        high.append(np.minimum(edges + BLOCK, first[k + 1]))
        for c in p.channels:
            kind = EXPONENTIAL if isinstance(c, ExponentialChannel) else ALPHA
            fields = {n: getattr(c, n, 0) for n in CHANNEL_NUMBERS if n != "table"}
            if isinstance(c, PlateauChannel):
                kind = PLATEAU
                fields |= {"table_low": table_low, "table_length": len(c.table)}
                tables.append(c.table)
                table_low += len(c.table)
            channels.append(fields | {"kind": kind, "base": base, "population": k})
            base += p.size
    return Populations(
        first=first,
        first_block=_starts([len(x) for x in low]),
        first_channel=_starts([len(p.channels) for p in network.populations]),
        number=_table(rows, POPULATION_NUMBERS),
        offset=_joined([p.offset for p in network.populations], np.int64),
        block_low=_joined(low, np.int64),
        block_high=_joined(high, np.int64),
        first_start=_starts([len(p.starts) for p in network.populations]),
        start=_joined([np.array(p.starts) for p in network.populations], np.int64),
    ), Channels(number=_table(channels, CHANNEL_NUMBERS), table=_joined(tables, np.int32))
