"""Flat arrays for the fast executor: projections, and the way of a state in and out.

What is large is shared with the lowered network where one array serves (see `pool`): only weights
and permanences that learn are copied.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bioplastic.kernels.sparse.layout import (
    PAIR,
    PERMANENCE,
    STATIC,
    Populations,
    State,
    _joined,
    _starts,
    _table,
    groups,
)
from bioplastic.kernels.sparse.layout_rule import TRACES, Programs
from bioplastic.kernels.sparse.layout_tiles import from_tiles, stride_of, to_tiles
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.quantize.integer_network import IntegerNetwork, IntegerProjection
from bioplastic.quantize.integer_rule import (
    IntegerPairSTDP,
    IntegerPermanence,
    IntegerTraceRule,
)
from bioplastic.quantize.pool import joined_views


class Projections(NamedTuple):
    """Per projection; `number` (Q, …) holds the columns named in PROJECTION_NUMBERS."""

    number: np.ndarray
    first_delay: np.ndarray  # (Q + 1,) into delay
    delay: np.ndarray
    row_ptr: np.ndarray  # starts of groups, counted inside their projection
    post: np.ndarray  # (S,) uint16 or int32
    static8: np.ndarray  # weights that stay, int8
    static16: np.ndarray
    plastic8: np.ndarray  # weights that learn, in row order or in tiles
    plastic16: np.ndarray
    permanence: np.ndarray  # int32
    floor: np.ndarray
    col_ptr: np.ndarray  # starts of columns, counted inside their projection
    col_group: np.ndarray  # group of a synapse, column order
    col_rank: np.ndarray  # place of a synapse in its group, column order
    statement: np.ndarray  # these six: see Program
    change: np.ndarray
    term: np.ndarray
    step: np.ndarray
    trace: np.ndarray
    decay: np.ndarray


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
    "groups",
    "posts",
    "synapses",
    "full",
    "syn",
    "column",
    "weight",
    "wide",
    "stride",
    "low",
    "high",
    "shift",
    "trace",
    "pre_traces",
    "post_traces",
    "on_pre",
    "on_post",
    "on_end",
    "fresh",
    "permanence",
    "hebbian",
    "decrement",
    "rate",
    "target",
    "homeostatic",
    "first_lag",
    "last_lag",
    "theta",
]
LEARNS = (IntegerPairSTDP, IntegerTraceRule)


class _Arrays:
    """The arrays of all projections, one after the other."""

    def __init__(self) -> None:
        self.parts: dict[str, list[np.ndarray]] = {}
        self.ends: dict[str, int] = {}

    def add(self, name: str, array: np.ndarray) -> int:
        """Append, and return where it begins."""
        at = self.ends.get(name, 0)
        self.parts.setdefault(name, []).append(array)
        self.ends[name] = at + len(array)
        return at

    def joined(self, name: str, dtype: Any) -> np.ndarray:
        """One array; no copy where the parts already are one."""
        return joined_views(self.parts.get(name, []), dtype)

    def index(self, name: str) -> np.ndarray:
        """One array of indices, uint16 unless a part is wider."""
        wide = any(p.dtype != np.uint16 for p in self.parts.get(name, []))
        return self.joined(name, np.int32 if wide else np.uint16)


def lay_projections(network: IntegerNetwork, x: dict[str, np.ndarray]) -> Projections:
    """Numbers and synapses of all projections, weights and permanences as in the state `x`."""
    place, unit = groups(network)
    names = [p.name for p in network.populations]
    first_channel = _starts([len(p.channels) for p in network.populations])
    arrays, programs = _Arrays(), Programs()
    rows: list[dict[str, Any]] = []
    for q in network.projections:
        post = names.index(q.post)
        row: dict[str, Any] = {
            "rule": STATIC,
            "pre_group": place[q.pre],
            "pre_unit": unit[place[q.pre]],
            "post_group": place[q.post],
            "post_unit": unit[place[q.post]],
            "post_population": post,
            "channel": first_channel[post] + q.channel,
            "scale": q.scale,
            "row": arrays.add("row_ptr", q.row_ptr),
            "delays": len(q.delays),
            "groups": len(q.row_ptr) - 1,
            "posts": network[q.post].size,
            "synapses": len(q.targets),
            "full": q.full,
            "syn": arrays.add("post", q.targets),
            "wide": q.weight.dtype == np.int16,
        }
        if q.rule is None:
            row["weight"] = arrays.add("static16" if row["wide"] else "static8", q.weight)
        else:
            row["col"] = arrays.add("col_ptr", q.col_ptr)
            row["column"] = arrays.add("col_group", q.col_group)
            arrays.add("col_rank", q.col_rank)
            row |= _lay_rule(network, q, x, arrays, programs)
        rows.append(row)
    return Projections(
        number=_table(rows, PROJECTION_NUMBERS),
        first_delay=_starts([len(q.delays) for q in network.projections]),
        delay=_joined([q.delays for q in network.projections], np.int64),
        row_ptr=arrays.joined("row_ptr", np.int64),
        post=arrays.index("post"),
        static8=arrays.joined("static8", np.int8),
        static16=arrays.joined("static16", np.int16),
        plastic8=arrays.joined("plastic8", np.int8),
        plastic16=arrays.joined("plastic16", np.int16),
        permanence=arrays.joined("permanence", np.int32),
        floor=arrays.joined("floor", np.int32),
        col_ptr=arrays.joined("col_ptr", np.int64),
        col_group=arrays.index("col_group"),
        col_rank=arrays.index("col_rank"),
        **programs.flat()._asdict(),
    )


def _lay_rule(
    network: IntegerNetwork,
    q: IntegerProjection,
    x: dict[str, np.ndarray],
    arrays: _Arrays,
    programs: Programs,
) -> dict[str, Any]:
    rule, posts = q.rule, network[q.post].size
    if isinstance(rule, IntegerPermanence):
        names = [
            "hebbian",
            "decrement",
            "rate",
            "target",
            "homeostatic",
            "first_lag",
            "last_lag",
            "theta",
        ]
        arrays.add("floor", rule.floor)
        return {n: getattr(rule, n) for n in names} | {
            "rule": PERMANENCE,
            "permanence": arrays.add("permanence", x[f"{q.name}/permanence"].copy()),
            "trace": programs.add_permanence(rule, network[q.pre].size),
        }
    assert isinstance(rule, LEARNS)
    weight = x[f"{q.name}/weight"]
    stride = stride_of(posts) if q.full else 0
    kept = to_tiles(weight, posts) if stride else weight.copy()
    return {
        "rule": PAIR if isinstance(rule, IntegerPairSTDP) else TRACES,
        "weight": arrays.add("plastic16" if weight.dtype == np.int16 else "plastic8", kept),
        "stride": stride,
        "low": rule.low,
        "high": rule.high,
        "shift": rule.shift,
        "fresh": getattr(rule, "fresh", False),
        **programs.add(rule, len(q.row_ptr) - 1, posts),
    }


def state_pieces(network: IntegerNetwork) -> list[tuple[str, str, str]]:
    """(field of State, key of the array in KernelState, kind) in flat order."""
    pieces = []
    for p in network.populations:
        pieces += [(n, f"{p.name}/{n}", p.name) for n in ("v", "refractory", "theta", "left")]
        for c in p.channels:
            for n in ("current", "rise", "hold", "trace", "trace_step"):
                pieces.append((n, f"{p.name}.{c.name}/{n}", p.name))
    for q in network.projections:
        for n in ("pre_trace", "pre_step", "post_trace", "post_step"):
            pieces.append((n, f"{q.name}/{n}", ""))
    return pieces


WIDE = ("trace", "trace_step", "pre_trace", "pre_step", "post_trace", "post_step")


def lay_state(network: IntegerNetwork, state: KernelState, populations: Populations) -> State:
    """Flat copies of the arrays of `state`; what a channel lacks is zero. Every block is awake."""
    parts: dict[str, list[np.ndarray]] = {n: [] for n in State._fields}
    for field, key, owner in state_pieces(network):
        array = state.arrays.get(key)
        if array is None and owner:
            array = np.zeros(network[owner].size, np.int64)
        if array is not None:
            parts[field].append(array.ravel())
    parts["active"] = [np.ones(len(populations.block_low), np.uint8)]
    kinds = {n: np.int64 if n in WIDE else np.int32 for n in State._fields} | {"active": np.uint8}
    return State(**{n: _joined(parts[n], kinds[n]) for n in State._fields})


def read_back(
    network: IntegerNetwork, start: KernelState, flat: State, synapses: Projections
) -> dict[str, np.ndarray]:
    """Arrays of a KernelState from the flat ones, without the recent spikes."""
    arrays: dict[str, np.ndarray] = {}
    at = dict.fromkeys(State._fields, 0)
    for field, key, owner in state_pieces(network):
        old = start.arrays.get(key)
        size = old.size if old is not None else (network[owner].size if owner else 0)
        if old is not None:
            piece = getattr(flat, field)[at[field] : at[field] + size]
            arrays[key] = piece.astype(old.dtype).reshape(old.shape)
        at[field] += size
    return arrays | read_synapses(network, synapses)


def read_synapses(network: IntegerNetwork, synapses: Projections) -> dict[str, np.ndarray]:
    """What the synapses learned; parts of the flat arrays, which nobody else holds."""
    arrays = {}
    for q, number in zip(network.projections, synapses.number, strict=True):
        row = dict(zip(PROJECTION_NUMBERS, number.tolist(), strict=True))
        if isinstance(q.rule, IntegerPermanence):
            low = row["permanence"]
            arrays[f"{q.name}/permanence"] = synapses.permanence[low : low + len(q.targets)]
        elif q.rule is not None:
            flat = synapses.plastic16 if row["wide"] else synapses.plastic8
            kept = flat[row["weight"] :]
            if row["stride"]:
                arrays[f"{q.name}/weight"] = from_tiles(kept, row["groups"], row["posts"])
            else:
                arrays[f"{q.name}/weight"] = kept[: len(q.targets)]
    return arrays
