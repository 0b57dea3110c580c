"""Flat arrays for the fast executor: tables of linear and conductance populations.

Every state is a channel of kind EXPONENTIAL (arrivals add to `current`), every event a channel of
kind EVENT. A population keeps its place in these tables in the column `place`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bioplastic.quantize.fixed_point import exponential_table
from bioplastic.quantize.integer_population import AffineMap, IntegerConductance, IntegerLinear

LINEAR_NUMBERS = [
    "states",
    "events",
    "matrix",
    "vector",
    "neuron",
    "entry",
    "event",
    "row",
    "alone",
    "mixes",
    "begin",
]
STANDS, OFFSET, ALONE_STATE = 1, 2, 4
EVENT_NUMBERS = ["dead", "duration", "late"]
CONDUCTANCE_NUMBERS = [
    "shift",
    "rate",
    "v_reset",
    "exponential",
    "held",
    "theta_decay",
    "theta_step",
    "neuron",
    "receptor",
    "receptors",
]


class Linear(NamedTuple):
    """Linear populations; `number` (L, 10) holds the columns named in LINEAR_NUMBERS.

    matrix   flat: free, held, reset, then the jump of every event, (n, n) each
    vector   flat: reset offset (n), then for every event jump offset, drive, held drive (n each)
    neuron   flat: free offsets (n rows), held offsets (n), theta, theta of events, N each
    first_entry, column, coefficient   entries of the free matrix that are not zero, state by state
    way      of every state, bits: STANDS in refractory neurons, OFFSET that is not zero somewhere,
             ALONE_STATE: no other state drives it and it never stands
    first_row, row_column, row_coefficient   entries of the threshold rows: spike, then events
    """

    number: np.ndarray
    matrix: np.ndarray
    vector: np.ndarray
    neuron: np.ndarray
    first_entry: np.ndarray
    column: np.ndarray
    coefficient: np.ndarray
    way: np.ndarray
    first_row: np.ndarray
    row_column: np.ndarray
    row_coefficient: np.ndarray
    event: np.ndarray
    new: np.ndarray  # (32 n,) int32 scratch
    jump: np.ndarray  # (n,) int32 scratch
    zero: np.ndarray  # (32,) int64, stays zero


class Conductance(NamedTuple):
    """Conductance populations; `number` (G, 10) holds the columns named in CONDUCTANCE_NUMBERS.

    neuron   flat: rest, v_th, N each      decay, reversal   of every receptor
    table    Q30 exponentials              pull (32,) int64 scratch
    """

    number: np.ndarray
    neuron: np.ndarray
    decay: np.ndarray
    reversal: np.ndarray
    table: np.ndarray
    pull: np.ndarray


class _Flat:
    """Arrays joined one after the other."""

    def __init__(self, dtype: Any) -> None:
        self.parts: list[np.ndarray] = [np.zeros(0, dtype)]
        self.size, self.dtype = 0, dtype

    def add(self, values: Any) -> int:
        """Append; returns where it begins."""
        start = self.size
        self.parts.append(np.asarray(values, self.dtype).ravel())
        self.size += self.parts[-1].size
        return start

    def joined(self) -> np.ndarray:
        return np.concatenate(self.parts)


def _sparse(rows: np.ndarray, first: _Flat, column: _Flat, coefficient: _Flat) -> int:
    """Append the entries of `rows` (m, n) that are not zero; returns the place of their starts."""
    place = first.size
    for row in rows:
        first.add(column.size)
        at = np.flatnonzero(row)
        column.add(at)
        coefficient.add(row[at])
    first.add(column.size)
    return place


def lay_linear(populations: list[IntegerLinear], begin: list[int]) -> Linear:
    """Tables of linear populations; begin: where the channels of each begin."""
    matrix, vector, neuron = _Flat(np.int64), _Flat(np.int64), _Flat(np.int64)
    first, column, coefficient = _Flat(np.int64), _Flat(np.int64), _Flat(np.int32)
    row, row_column, row_coefficient = _Flat(np.int64), _Flat(np.int64), _Flat(np.int32)
    way, event = _Flat(np.int64), _Flat(np.int64)
    numbers = []
    for p, start in zip(populations, begin, strict=True):
        n = len(p.states)
        kinds = _stands(p)
        alone = np.count_nonzero(p.form.row) == 1 and np.abs(p.form.row).max() == 1
        numbers.append(
            {
                "states": n,
                "events": len(p.events),
                "matrix": matrix.add(p.free.matrix),
                "vector": vector.add(p.reset.offset),
                "neuron": neuron.add(p.free.offset.T),
                "entry": _sparse(p.free.matrix, first, column, coefficient),
                "event": event.size // len(EVENT_NUMBERS),
                "row": _sparse(
                    np.stack([p.form.row, *(e.form.row for e in p.events)]),
                    row, row_column, row_coefficient,
                ),
                "alone": alone,
                "mixes": np.any(kinds == 2),
                "begin": start,
            }
        )  # fmt: skip
        # `way` shares the places of `first_entry`, one unused at the end of each population
        way.add([*_ways(p, kinds), 0])
        matrix.add(p.held.matrix)
        neuron.add(p.held.offset.T)
        neuron.add(p.form.theta)
        _add_map(p.reset, matrix, None)
        for e in p.events:
            _add_map(e.jump, matrix, vector)
            vector.add(e.drive)
            vector.add(e.held_drive)
            neuron.add(e.form.theta)
            event.add([e.dead, e.duration, e.late])
    most = max((len(p.states) for p in populations), default=1)
    return Linear(
        number=table(numbers, LINEAR_NUMBERS),
        matrix=matrix.joined(),
        vector=vector.joined(),
        neuron=neuron.joined(),
        first_entry=first.joined(),
        column=column.joined(),
        coefficient=coefficient.joined(),
        way=way.joined(),
        first_row=row.joined(),
        row_column=row_column.joined(),
        row_coefficient=row_coefficient.joined(),
        event=event.joined().reshape(-1, len(EVENT_NUMBERS)),
        new=np.zeros(32 * most, np.int32),
        jump=np.zeros(most, np.int32),
        zero=np.zeros(32, np.int64),
    )


def _add_map(by: AffineMap, matrix: _Flat, vector: _Flat | None) -> None:
    matrix.add(by.matrix)
    if vector is not None:
        vector.add(by.offset)


def _ways(p: IntegerLinear, kinds: np.ndarray) -> np.ndarray:
    alone = [
        kinds[k] == 0 and row[k] != 0 and np.count_nonzero(row) == 1
        for k, row in enumerate(p.free.matrix)
    ]
    offset = np.any(p.free.offset != 0, axis=0)
    return STANDS * (kinds == 1) + OFFSET * offset + ALONE_STATE * np.array(alone)


def _stands(p: IntegerLinear) -> np.ndarray:
    """What a refractory neuron does with each state: 0 as ever, 1 stands, 2 by its own row."""
    one = np.eye(len(p.states), dtype=np.int64) << 30
    kinds = np.full(len(p.states), 2)
    for k in range(len(p.states)):
        if np.array_equal(p.held.matrix[k], one[k]) and not np.any(p.held.offset[:, k]):
            kinds[k] = 1
        if np.array_equal(p.held.matrix[k], p.free.matrix[k]) and np.array_equal(
            p.held.offset[:, k], p.free.offset[:, k]
        ):
            kinds[k] = 0
    return kinds


def lay_conductance(populations: list[IntegerConductance]) -> Conductance:
    """Tables of conductance populations."""
    neuron, decay, reversal = _Flat(np.int64), _Flat(np.int32), _Flat(np.int32)
    numbers = []
    for p in populations:
        fields = {name: getattr(p, name, 0) for name in CONDUCTANCE_NUMBERS[:7]}
        fields |= {"receptors": len(p.receptors), "neuron": neuron.add(p.rest)}
        neuron.add(p.v_th)
        fields["receptor"] = decay.add([r.decay for r in p.receptors])
        reversal.add([r.reversal for r in p.receptors])
        numbers.append(fields)
    return Conductance(
        number=table(numbers, CONDUCTANCE_NUMBERS),
        neuron=neuron.joined(),
        decay=decay.joined(),
        reversal=reversal.joined(),
        table=exponential_table(),
        pull=np.zeros(32, np.int64),
    )


def table(rows: list[dict[str, Any]], names: list[str]) -> np.ndarray:
    """Rows of named numbers as an int64 table."""
    numbers = [[int(r.get(n, 0)) for n in names] for r in rows]
    return np.array(numbers, np.int64).reshape(len(rows), len(names))
