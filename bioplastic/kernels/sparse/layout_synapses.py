"""Flat arrays for the fast executor: projections, and the way of a state in and out."""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.kernels.sparse.layout import (
    PAIR,
    PERMANENCE,
    PROJECTION_NUMBERS,
    STATIC,
    Populations,
    Projections,
    State,
    _joined,
    _starts,
    _table,
    groups,
)
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.quantize.integer_network import (
    IntegerNetwork,
    IntegerPairSTDP,
    IntegerPermanence,
    IntegerProjection,
)


def lay_projections(network: IntegerNetwork, x: dict[str, np.ndarray]) -> Projections:
    """Numbers and synapses of all projections, weights and permanences as in the state `x`."""
    place, unit = groups(network)
    names = [p.name for p in network.populations]
    first_channel = _starts([len(p.channels) for p in network.populations])
    at = {"row": 0, "col": 0, "syn": 0, "permanence": 0, "pre": 0, "post": 0, "table": 0, "ptr": 0}
    parts: dict[str, list[np.ndarray]] = {n: [] for n in Projections._fields}
    rows: list[dict[str, Any]] = []
    for q in network.projections:
        post = names.index(q.post)
        fields: dict[str, Any] = {
            "rule": STATIC,
            "pre_group": place[q.pre],
            "pre_unit": unit[place[q.pre]],
            "post_group": place[q.post],
            "post_unit": unit[place[q.post]],
            "post_population": post,
            "channel": first_channel[post] + q.channel,
            "scale": q.scale,
            "row": at["row"],
            "col": at["col"],
            "delays": len(q.delays),
            "syn": at["syn"],
            "permanence": at["permanence"] - at["syn"],
            "pre_trace": at["pre"],
            "post_trace": at["post"],
        }
        _lay_synapses(network, q, x, parts, at)
        rows.append(fields | _lay_rule(network, q, x, parts, at))
    return Projections(
        number=_table(rows, PROJECTION_NUMBERS),
        first_delay=_starts([len(q.delays) for q in network.projections]),
        delay=_joined([q.delays for q in network.projections], np.int64),
        row_ptr=_joined(parts["row_ptr"], np.int64),
        post=_joined(parts["post"], np.int32),
        weight=_joined(parts["weight"], np.int16),
        permanence=_joined(parts["permanence"], np.int32),
        floor=_joined(parts["floor"], np.int32),
        col_ptr=_joined(parts["col_ptr"], np.int64),
        col_syn=_joined(parts["col_syn"], np.int32),
        col_trace=_joined(parts["col_trace"], np.int32),
        col_delay=_joined(parts["col_delay"], np.int32),
        step_up=np.array(parts["step_up"], np.int32).reshape(len(rows), 128),
        step_down=np.array(parts["step_down"], np.int32).reshape(len(rows), 128),
        table=_joined(parts["table"], np.int32),
    )


def _lay_synapses(
    network: IntegerNetwork,
    q: IntegerProjection,
    x: dict[str, np.ndarray],
    parts: dict[str, list[np.ndarray]],
    at: dict[str, int],
) -> None:
    parts["row_ptr"].append(q.row_ptr + at["syn"])
    parts["post"].append(q.post_ids)
    parts["weight"].append(x.get(f"{q.name}/weight", q.weight).astype(np.int16))
    at["row"] += len(q.row_ptr)
    if q.rule is not None:
        group = q.group[q.col_syn]
        pre, which = np.divmod(group, max(len(q.delays), 1))
        trace = group if isinstance(q.rule, IntegerPairSTDP) else pre
        parts["col_ptr"].append(q.col_ptr + at["ptr"])
        parts["col_syn"].append(q.col_syn + at["syn"])
        parts["col_trace"].append(trace + at["pre"])
        parts["col_delay"].append(q.delays[which] if len(which) else which)
        at["col"] += len(q.col_ptr)
        at["ptr"] += len(q.col_syn)
    at["syn"] += len(q.post_ids)


def _lay_rule(
    network: IntegerNetwork,
    q: IntegerProjection,
    x: dict[str, np.ndarray],
    parts: dict[str, list[np.ndarray]],
    at: dict[str, int],
) -> dict[str, Any]:
    none = np.zeros(128, np.int32)
    rule, fields = q.rule, {}
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
        fields = {n: getattr(rule, n) for n in names} | {"rule": PERMANENCE}
        fields |= _lay_table(rule.table, "plus", parts, at)
        parts["permanence"].append(x[f"{q.name}/permanence"])
        parts["floor"].append(rule.floor)
        at["permanence"] += len(rule.floor)
        at["pre"] += network[q.pre].size
    if isinstance(rule, IntegerPairSTDP):
        fields = {"rule": PAIR} | _lay_table(rule.plus_table, "plus", parts, at)
        fields |= _lay_table(rule.minus_table, "minus", parts, at)
        at["pre"] += len(q.row_ptr) - 1
        at["post"] += network[q.post].size
    pair = isinstance(rule, IntegerPairSTDP)
    parts["step_up"].append(rule.potentiate if pair else none)  # type: ignore[union-attr]
    parts["step_down"].append(rule.depress if pair else none)  # type: ignore[union-attr]
    return fields


def _lay_table(
    table: np.ndarray, which: str, parts: dict[str, list[np.ndarray]], at: dict[str, int]
) -> dict[str, int]:
    low = at["table"]
    parts["table"].append(table)
    at["table"] += len(table)
    return {f"{which}_low": low, f"{which}_length": len(table)}


def _pieces(network: IntegerNetwork) -> list[tuple[str, str, str]]:
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
    for field, key, owner in _pieces(network):
        array = state.arrays.get(key)
        if array is None and owner:
            array = np.zeros(network[owner].size, np.int64)
        if array is not None:
            parts[field].append(array)
    parts["active"] = [np.ones(len(populations.block_low), np.uint8)]
    kinds = {n: np.int64 if n in WIDE else np.int32 for n in State._fields} | {"active": np.uint8}
    return State(**{n: _joined(parts[n], kinds[n]) for n in State._fields})


def read_back(
    network: IntegerNetwork, start: KernelState, flat: State, synapses: Projections
) -> dict[str, np.ndarray]:
    """Arrays of a KernelState from the flat ones, without the recent spikes."""
    arrays: dict[str, np.ndarray] = {}
    at = dict.fromkeys(State._fields, 0)
    for field, key, owner in _pieces(network):
        old = start.arrays.get(key)
        size = len(old) if old is not None else (network[owner].size if owner else 0)
        if old is not None:
            piece = getattr(flat, field)[at[field] : at[field] + size]
            arrays[key] = piece.astype(old.dtype)
        at[field] += size
    syn = permanence = 0
    for q in network.projections:
        size = len(q.post_ids)
        if isinstance(q.rule, IntegerPairSTDP):
            arrays[f"{q.name}/weight"] = synapses.weight[syn : syn + size].astype(np.int8)
        if isinstance(q.rule, IntegerPermanence):
            arrays[f"{q.name}/permanence"] = synapses.permanence[permanence:][:size].copy()
            permanence += size
        syn += size
    return arrays
