"""Flat arrays for the fast executor: one compiled kernel serves every network.

Neurons of all populations stand in one row, cut into blocks of BLOCK that never straddle two
populations. Channel states stand in one row too: neuron k of population p, channel c is at
``base[c] + k``. Synapses stand projection after projection in row order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bioplastic.kernels.sparse.layout_neurons import (
    Conductance,
    Linear,
    lay_conductance,
    lay_linear,
)
from bioplastic.quantize.integer_network import (
    AlphaChannel,
    IntegerConductance,
    IntegerLinear,
    IntegerNetwork,
    IntegerPopulation,
    PlateauChannel,
)
from bioplastic.quantize.integer_population import AnyPopulation, EventChannel, LinearState

BLOCK = 32
EXPONENTIAL, ALPHA, PLATEAU, EVENT, DEAF = 0, 1, 2, 3, 4
LEAKY, LINEAR, CONDUCTANCE = 0, 1, 2
STATIC, PAIR, PERMANENCE = 0, 1, 2


class Populations(NamedTuple):
    """Per population; `number` (P, 13) holds the columns named in POPULATION_NUMBERS."""

    first: np.ndarray  # (P + 1,) first neuron
    first_block: np.ndarray  # (P + 1,)
    first_channel: np.ndarray  # (P + 1,)
    number: np.ndarray
    offset: np.ndarray  # (N,)
    block_low: np.ndarray  # (blocks,) first neuron of each block
    block_high: np.ndarray
    first_start: np.ndarray  # (P + 1,) into start
    start: np.ndarray


class Others(NamedTuple):
    """Neurons that are not LIF; populations keep their place in these tables in `place`."""

    linear: Linear
    conductance: Conductance


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
    "kind",
    "place",
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


def _offset(p: AnyPopulation) -> np.ndarray:
    return p.offset if isinstance(p, IntegerPopulation) else np.zeros(p.size, np.int64)


def _start(p: AnyPopulation) -> tuple[int, ...]:
    return p.starts if isinstance(p, IntegerPopulation) else ()


def lay_populations(network: IntegerNetwork) -> tuple[Populations, Channels]:
    """Numbers of populations and channels."""
    place, unit = groups(network)
    rows, channels, tables, low, high = [], [], [], [], []
    base, table_low = 0, 0
    first = _starts([p.size for p in network.populations])
    linear = [p for p in network.populations if isinstance(p, IntegerLinear)]
    conductance = [p for p in network.populations if isinstance(p, IntegerConductance)]
    for k, p in enumerate(network.populations):
        fields = {"refractory": p.refractory, "group": place[p.name], "unit": unit[place[p.name]]}
        if isinstance(p, IntegerPopulation):
            fields = {n: getattr(p, n, 0) for n in POPULATION_NUMBERS} | fields
        for kind, others in ((LINEAR, linear), (CONDUCTANCE, conductance)):
            if p in others:
                fields |= {"kind": kind, "place": others.index(p)}  # type: ignore[arg-type]
        rows.append(fields)
        edges = np.arange(first[k], first[k + 1], BLOCK)
        low.append(edges)
        high.append(np.minimum(edges + BLOCK, first[k + 1]))
        for c in p.channels:
            kind = ALPHA if isinstance(c, AlphaChannel) else EXPONENTIAL
            kind = EVENT if isinstance(c, EventChannel) else kind
            kind = DEAF if isinstance(c, LinearState) and c.deaf else kind
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
        offset=_joined([_offset(p) for p in network.populations], np.int64),
        block_low=_joined(low, np.int64),
        block_high=_joined(high, np.int64),
        first_start=_starts([len(_start(p)) for p in network.populations]),
        start=_joined([np.array(_start(p)) for p in network.populations], np.int64),
    ), Channels(number=_table(channels, CHANNEL_NUMBERS), table=_joined(tables, np.int32))


def lay_others(network: IntegerNetwork) -> Others | None:
    """Tables of the neurons that are not LIF; None where all are."""
    base, begin = 0, []
    for p in network.populations:
        if isinstance(p, IntegerLinear):
            begin.append(base)
        base += len(p.channels) * p.size
    linear = [p for p in network.populations if isinstance(p, IntegerLinear)]
    conductance = [p for p in network.populations if isinstance(p, IntegerConductance)]
    if not linear and not conductance:
        return None
    return Others(lay_linear(linear, begin), lay_conductance(conductance))
