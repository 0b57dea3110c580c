"""Flat arrays for the Triton kernels, made by numpy: tables of a network, state in and out.

Neurons, channel slots and spike words of a group begin at multiples of 32 units. The lanes between
two groups are never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.kernels.sparse import gpu_tables as tables
from bioplastic.kernels.sparse.gpu_plan import words
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_network import (
    ExponentialChannel,
    IntegerNetwork,
    IntegerPairSTDP,
    IntegerPermanence,
    IntegerPopulation,
    IntegerProjection,
    PlateauChannel,
)
from bioplastic.quantize.integer_rule import IntegerRule

POPULATION = [f for f in tables.Population._fields if f != "place"]
CHANNEL = [f for f in tables.Channels._fields if f != "known"]
PROJECTION = [f for f in tables.Projection._fields if f != "place"]
KINDS: dict[str, Any] = {
    "first": np.int64, "seed": np.int64, "v": np.int32, "refractory": np.int32, "theta": np.int32,
    "left": np.int32, "current": np.int32, "rise": np.int32, "hold": np.int32, "trace": np.int64,
    "trace_step": np.int64, "weight": np.int16, "permanence": np.int32, "pre_trace": np.int64,
    "pre_step": np.int64, "post_trace": np.int64, "post_step": np.int64,
}  # fmt: skip
"""Type of every array of `gpu_tables.State` that comes from a KernelState."""


@dataclass(frozen=True)
class Piece:
    """An array of a KernelState and its place in a flat array: flat[low : low + size]."""

    field: str
    key: str
    low: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where everything is.

    word      first word of every group in a row of spikes
    neuron    first neuron of every population      slot   first channel slot of every channel
    onset     "population.branch" -> first word in a row of onsets
    length    numbers of one member in every flat array of the state
    """

    word: dict[str, int]
    words: int
    neuron: dict[str, int]
    slot: list[list[int]]
    slots: int
    onset: dict[str, int]
    onset_words: int
    pieces: tuple[Piece, ...]
    length: dict[str, int]


def lay_out(network: IntegerNetwork) -> Layout:
    """Give every array its place."""
    word, neuron, onset, slot = {}, {}, {}, []
    at = dict.fromkeys(["word", "neuron", "slot", "onset"], 0)
    for g in network.groups:
        word[g.name] = at["word"]
        at["word"] += words(g.size)
    pieces = []
    for place, p in enumerate(network.populations):
        neuron[p.name] = at["neuron"]
        pieces += [Piece(n, f"{p.name}/{n}", at["neuron"], p.size) for n in KINDS if n in _NEURON]
        pieces.append(Piece("left", f"{p.name}/left", place, 1))
        at["neuron"] += 32 * words(p.size)
        slot.append([at["slot"] + 32 * words(p.size) * n for n in range(len(p.channels))])
        at["slot"] += 32 * words(p.size) * len(p.channels)
        for c, base in zip(p.channels, slot[-1], strict=True):
            key = f"{p.name}.{c.name}"
            pieces += [Piece(n, f"{key}/{n}", base, p.size) for n in _names(c)]
            if isinstance(c, PlateauChannel):
                onset[key] = at["onset"]
                at["onset"] += words(p.size)
    learned, length = _lay_learned(network)
    length |= dict.fromkeys(_NEURON, at["neuron"]) | dict.fromkeys(_SLOT, at["slot"])
    length |= {"left": len(network.populations), "first": 1, "seed": 1}
    return Layout(
        word=word, words=at["word"], neuron=neuron, slot=slot, slots=at["slot"], onset=onset,
        onset_words=at["onset"], pieces=(*pieces, *learned), length=length,
    )  # fmt: skip


_NEURON = ("v", "refractory", "theta")
_SLOT = ("current", "rise", "hold", "trace", "trace_step")


def _names(c: Any) -> tuple[str, ...]:
    if isinstance(c, ExponentialChannel):
        return _SLOT[:1]
    return _SLOT if isinstance(c, PlateauChannel) else _SLOT[:2]


def _lay_learned(network: IntegerNetwork) -> tuple[list[Piece], dict[str, int]]:
    pieces: list[Piece] = []
    names = ("weight", "permanence", "pre_trace", "pre_step", "post_trace", "post_step")
    length = dict.fromkeys(names, 0)
    for q in network.projections:
        sizes: dict[str, int] = {}
        if isinstance(q.rule, IntegerPairSTDP):
            sizes = {"weight": len(q.post_ids)}
            sizes |= dict.fromkeys(("pre_trace", "pre_step"), len(q.row_ptr) - 1)
            sizes |= dict.fromkeys(("post_trace", "post_step"), network[q.post].size)
        elif isinstance(q.rule, IntegerPermanence):
            sizes = {"permanence": len(q.post_ids)}
            sizes |= dict.fromkeys(("pre_trace", "pre_step"), network[q.pre].size)
        for name, size in sizes.items():
            pieces.append(Piece(name, f"{q.name}/{name}", length[name], size))
            length[name] += size
    return pieces, length


def pack_state(
    layout: Layout, states: Sequence[KernelState], seeds: Sequence[int]
) -> dict[str, np.ndarray]:
    """Flat arrays (B, …) of the states of a batch; the lanes in between are zero."""
    flat = {
        name: np.zeros((len(states), max(layout.length[name], 1)), kind)
        for name, kind in KINDS.items()
    }
    for b, state in enumerate(states):
        flat["first"][b], flat["seed"][b] = state.step, seeds[b] & 0xFFFFFFFF
        for piece in layout.pieces:
            flat[piece.field][b, piece.low : piece.low + piece.size] = state.arrays[piece.key]
    return flat


def unpack_state(
    layout: Layout, start: KernelState, flat: dict[str, np.ndarray], b: int
) -> dict[str, np.ndarray]:
    """Arrays of member `b` as a KernelState has them, without the recent spikes."""
    return {
        piece.key: flat[piece.field][b, piece.low : piece.low + piece.size].astype(
            start.arrays[piece.key].dtype
        )
        for piece in layout.pieces
    }


def lay_tables(network: IntegerNetwork, layout: Layout) -> tables.Topology:
    """The arrays that all members of a batch share."""
    decay = _Joined(np.int32)
    populations, offset, start = _populations(network, layout)
    channels, z = _channels(network, layout, decay)
    projections, synapses = _projections(network, layout, decay, z)
    return tables.Topology(
        population=_table(populations, POPULATION, tables.POPULATION_NUMBERS),
        channel=_table(channels, CHANNEL, tables.CHANNEL_NUMBERS),
        projection=_table(projections, PROJECTION, tables.PROJECTION_NUMBERS),
        offset=offset,
        start=start.array,
        table=decay.array,
        **{name: joined.array for name, joined in synapses.items()},
    )


class _Joined:
    """Arrays one after the other; `add` returns where the new one begins."""

    def __init__(self, kind: Any) -> None:
        self.kind, self.parts, self.size = kind, [np.zeros(0, kind)], 0

    def add(self, array: Any) -> int:
        low = self.size
        self.parts.append(np.asarray(array).ravel().astype(self.kind))
        self.size += len(self.parts[-1])
        return low

    @property
    def array(self) -> np.ndarray:
        """At least one number long, so that there is an address."""
        return np.concatenate([*self.parts, np.zeros(0 if self.size else 1, self.kind)])


def _table(rows: list[dict[str, Any]], names: list[str], width: Any) -> np.ndarray:
    assert len(names) == width.value, (names, width)
    found = [[int(row.get(name, 0)) for name in names] for row in rows]
    return np.array(found or [[0] * len(names)], np.int64)


def _populations(
    network: IntegerNetwork, layout: Layout
) -> tuple[list[dict[str, Any]], np.ndarray, _Joined]:
    rows, channel = [], 0
    start = _Joined(np.int64)
    offset = np.zeros(max(layout.length["v"], 1), np.int64)
    for p in network.populations:
        assert isinstance(p, IntegerPopulation)  # gpu_plan.check_known refuses the others
        first = layout.neuron[p.name]
        offset[first : first + p.size] = p.offset
        begin = start.add(p.starts if p.cycle else ())
        row = {name: getattr(p, name, 0) for name in POPULATION}
        rows.append(
            row
            | {"neuron": first, "word": layout.word[p.name], "channel": channel}
            | {"channels": len(p.channels), "start_low": begin, "start_high": start.size}
        )
        channel += len(p.channels)
    return rows, offset, start


def _channels(
    network: IntegerNetwork, layout: Layout, decay: _Joined
) -> tuple[list[dict[str, Any]], dict[tuple[str, int], dict[str, int]]]:
    """Rows of the channels, and where the decay table of every plateau trace is."""
    rows, tables_of = [], {}
    for p, slots in zip(network.populations, layout.slot, strict=True):
        for place, (c, base) in enumerate(zip(p.channels, slots, strict=True)):
            row = {name: getattr(c, name, 0) for name in CHANNEL if name != "table"}
            row |= {"base": base, "length": 1, "exponential": isinstance(c, ExponentialChannel)}
            if isinstance(c, PlateauChannel):
                low = decay.add(c.table)
                row |= {"plateau": 1, "table": low, "length": len(c.table)}
                row["onset"] = layout.onset[f"{p.name}.{c.name}"]
                tables_of[p.name, place] = {"z_table": low, "z_length": len(c.table)}
            rows.append(row)
    return rows, tables_of


def _projections(
    network: IntegerNetwork,
    layout: Layout,
    decay: _Joined,
    z: dict[tuple[str, int], dict[str, int]],
) -> tuple[list[dict[str, Any]], dict[str, _Joined]]:
    kinds: dict[str, Any] = {
        "delay": np.int32, "row_ptr": np.int64, "post": np.int32, "late": np.int32,
        "weight": np.int16, "floor": np.int32, "col_ptr": np.int64, "col_syn": np.int64,
        "col_trace": np.int64, "col_late": np.int32, "step_up": np.int32, "step_down": np.int32,
    }  # fmt: skip
    joined = {name: _Joined(kind) for name, kind in kinds.items()}
    names = [p.name for p in network.populations]
    low = {piece.key: piece.low for piece in layout.pieces}
    rows = []
    for q in network.projections:
        row: dict[str, Any] = {
            "rule": _number(q.rule),
            "pre_word": layout.word[q.pre],
            "pre_words": words(network[q.pre].size),
            "post_word": layout.word[q.post],
            "post_words": words(network[q.post].size),
            "base": layout.slot[names.index(q.post)][q.channel],
            "scale": q.scale,
            "delays": len(q.delays),
            "pre_trace": low.get(f"{q.name}/pre_trace", 0),
            "post_trace": low.get(f"{q.name}/post_trace", 0),
            "own": low.get(f"{q.name}/weight", low.get(f"{q.name}/permanence", 0)),
        }
        row |= _rule(q, decay, joined) | z.get((q.post, q.channel), {})
        rows.append(row | _synapses(q, joined))
    return rows, joined


def _number(rule: IntegerRule | None) -> int:
    if isinstance(rule, IntegerPairSTDP):
        return int(tables.PAIR.value)
    return int(tables.STATIC.value if rule is None else tables.PERMANENCE.value)


def _synapses(q: IntegerProjection, joined: dict[str, _Joined]) -> dict[str, int]:
    pre, which = np.divmod(q.group, max(len(q.delays), 1))
    late = q.delays[which] if len(which) else which
    syn = joined["post"].add(q.post_ids)
    joined["late"].add(late)
    joined["weight"].add(q.weight)
    found = {"syn": syn, "delay": joined["delay"].add(q.delays)}
    found["row"] = joined["row_ptr"].add(q.row_ptr + syn)
    if q.rule is not None:
        trace = q.group if isinstance(q.rule, IntegerPairSTDP) else pre
        found["col"] = joined["col_ptr"].add(q.col_ptr)
        found["column"] = joined["col_syn"].add(q.col_syn)
        joined["col_trace"].add(trace[q.col_syn])
        joined["col_late"].add(late[q.col_syn])
    return found


def _rule(q: IntegerProjection, decay: _Joined, joined: dict[str, _Joined]) -> dict[str, Any]:
    rule, none = q.rule, np.zeros(128)
    joined["step_up"].add(rule.potentiate if isinstance(rule, IntegerPairSTDP) else none)
    joined["step_down"].add(rule.depress if isinstance(rule, IntegerPairSTDP) else none)
    if isinstance(rule, IntegerPermanence):
        joined["floor"].add(rule.floor)
        found = {name: getattr(rule, name) for name in PROJECTION if hasattr(rule, name)}
        return found | {"plus": decay.add(rule.table), "plus_length": len(rule.table)}
    if isinstance(rule, IntegerPairSTDP):
        bits = fp.TRACE + rule.fraction - fp.DITHER
        found = {"high": rule.high, "shift": rule.shift, "bits": bits, "half": 1 << (bits - 1)}
        found |= {"plus": decay.add(rule.plus_table), "plus_length": len(rule.plus_table)}
        found["minus"], found["minus_length"] = (
            decay.add(rule.minus_table), len(rule.minus_table),
        )  # fmt: skip
        return found
    return {}
