"""Tables of a network for the Triton kernels: what all members of a batch share."""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.kernels.sparse import gpu_tables as tables
from bioplastic.kernels.sparse.gpu_layout import Layout
from bioplastic.kernels.sparse.gpu_layout_neurons import Joined, lay_numbers
from bioplastic.kernels.sparse.gpu_plan import words
from bioplastic.kernels.sparse.layout_rule import Programs
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_network import (
    ExponentialChannel,
    IntegerNetwork,
    IntegerPairSTDP,
    IntegerPermanence,
    IntegerPopulation,
    IntegerProjection,
    IntegerTraceRule,
    PlateauChannel,
)
from bioplastic.quantize.integer_population import noted
from bioplastic.quantize.integer_rule import IntegerRule

POPULATION = [f for f in tables.Population._fields if f != "place"]
CHANNEL = [f for f in tables.Channels._fields if f != "known"]
PROJECTION = [f for f in tables.Projection._fields if f != "place"]


def lay_tables(network: IntegerNetwork, layout: Layout) -> tables.Topology:
    """The arrays that all members of a batch share."""
    decay, numbers, each = Joined(np.int32), Joined(np.int64), Joined(np.int64)
    populations, offset, start = _populations(network, layout, decay, numbers, each)
    channels, z = _channels(network, layout, decay)
    projections, synapses, programs = _projections(network, layout, decay, z)
    return tables.Topology(
        population=_table(populations, POPULATION, tables.POPULATION_NUMBERS),
        channel=_table(channels, CHANNEL, tables.CHANNEL_NUMBERS),
        projection=_table(projections, PROJECTION, tables.PROJECTION_NUMBERS),
        offset=offset,
        start=start.array,
        table=decay.array,
        number=numbers.array,
        each=each.array,
        **programs,
        **{name: joined.array for name, joined in synapses.items()},
    )


def _table(rows: list[dict[str, Any]], names: list[str], width: Any) -> np.ndarray:
    assert len(names) == width.value, (names, width)
    found = [[int(row.get(name, 0)) for name in names] for row in rows]
    return np.array(found or [[0] * len(names)], np.int64)


def _populations(
    network: IntegerNetwork, layout: Layout, decay: Joined, numbers: Joined, each: Joined
) -> tuple[list[dict[str, Any]], np.ndarray, Joined]:
    rows, channel = [], 0
    start = Joined(np.int64)
    offset = np.zeros(max(layout.length["v"], 1), np.int64)
    for p, slots in zip(network.populations, layout.slot, strict=True):
        first = layout.neuron[p.name]
        row = {n: getattr(p, n, 0) for n in POPULATION if np.isscalar(getattr(p, n, None))}
        row |= {"neuron": first, "word": layout.word[p.name]}
        if isinstance(p, IntegerPopulation):
            offset[first : first + p.size] = p.offset
            begin = start.add(p.starts if p.cycle else ())
            row |= {"channel": channel, "channels": len(p.channels)}
            row |= {"start_low": begin, "start_high": start.size}
            channel += len(p.channels)
        else:
            onset = [layout.onset[f"{p.name}.{name}"] for name in noted(p)]
            row |= lay_numbers(p, slots[0], onset, decay, numbers, each)
        rows.append(row)
    return rows, offset, start


def _channels(
    network: IntegerNetwork, layout: Layout, decay: Joined
) -> tuple[list[dict[str, Any]], dict[tuple[str, int], dict[str, int]]]:
    """Rows of the channels, and where the decay table of every plateau trace is."""
    rows, tables_of = [], {}
    for p, slots in zip(network.populations, layout.slot, strict=True):
        if not isinstance(p, IntegerPopulation):
            continue
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
    decay: Joined,
    z: dict[tuple[str, int], dict[str, int]],
) -> tuple[list[dict[str, Any]], dict[str, Joined], dict[str, np.ndarray]]:
    kinds: dict[str, Any] = {
        "delay": np.int32, "row_ptr": np.int64, "post": np.int32, "late": np.int32,
        "weight": np.int16, "floor": np.int32, "col_ptr": np.int64, "col_syn": np.int64,
        "col_trace": np.int64, "col_late": np.int32, "step_up": np.int32, "step_down": np.int32,
    }  # fmt: skip
    joined = {name: Joined(kind) for name, kind in kinds.items()}
    names = [p.name for p in network.populations]
    low = {piece.key: piece.low for piece in layout.pieces}
    rows, programs = [], Programs()
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
        if isinstance(q.rule, IntegerTraceRule):
            programs.pre, programs.post = row["pre_trace"], row["post_trace"]
            row |= programs.add(q.rule, len(q.row_ptr) - 1, network[q.post].size)
            row |= {name: getattr(q.rule, name) for name in ("low", "high", "shift", "fresh")}
        rows.append(row | _synapses(q, joined))
    return rows, joined, _flat(programs, decay)


def _flat(programs: Programs, decay: Joined) -> dict[str, np.ndarray]:
    """Rows of the programs on traces; their decay tables go to all others."""
    flat = programs.flat()
    flat.trace[:, 1] += decay.add(flat.decay)
    found = {name: getattr(flat, name) for name in ("statement", "change", "term", "trace", "step")}
    return {name: a if a.size else np.zeros(1, a.dtype) for name, a in found.items()}


def _number(rule: IntegerRule | None) -> int:
    if isinstance(rule, IntegerPairSTDP):
        return int(tables.PAIR.value)
    if isinstance(rule, IntegerTraceRule):
        return int(tables.TRACES.value)
    return int(tables.STATIC.value if rule is None else tables.PERMANENCE.value)


def _synapses(q: IntegerProjection, joined: dict[str, Joined]) -> dict[str, int]:
    pre, which = np.divmod(q.group, max(len(q.delays), 1))
    late = q.delays[which] if len(which) else which
    syn = joined["post"].add(q.post_ids)
    joined["late"].add(late)
    joined["weight"].add(q.weight)
    found = {"syn": syn, "delay": joined["delay"].add(q.delays)}
    found["row"] = joined["row_ptr"].add(q.row_ptr + syn)
    if q.rule is not None:
        trace = pre if isinstance(q.rule, IntegerPermanence) else q.group
        found["col"] = joined["col_ptr"].add(q.col_ptr)
        found["column"] = joined["col_syn"].add(q.col_syn)
        joined["col_trace"].add(trace[q.col_syn])
        joined["col_late"].add(late[q.col_syn])
    return found


def _rule(q: IntegerProjection, decay: Joined, joined: dict[str, Joined]) -> dict[str, Any]:
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
