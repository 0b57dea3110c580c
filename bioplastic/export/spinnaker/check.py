"""Is what sPyNNaker compiled the network that was written? Every key, synapse and STDP table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.errors import BioplasticError
from bioplastic.export.pynn.network import RECEPTORS, PynnNetwork, PynnProjection
from bioplastic.export.spinnaker import memory, route
from bioplastic.export.spinnaker import stdp as spinnaker_stdp
from bioplastic.export.spinnaker.memory import SynapseParams
from bioplastic.export.spinnaker.route import Part

NAMES = ("pre neuron", "post neuron", "receptor", "delay", "plastic", "weight")


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What a compile report says when it is checked.

    wrong      the first difference, in words, or None
    said       one line for a person where nothing is wrong
    figures    name with unit → number
    report     JSON: placements, keys, sizes of routing tables, memory of each core
    """

    wrong: str | None
    said: str
    figures: Mapping[str, float]
    report: Mapping[str, Any]


def check(network: PynnNetwork, stored: Mapping[str, np.ndarray]) -> Compiled:
    """Compare a compilation with the network; `stored` is what compile_spynnaker.py wrote.

    Raises BioplasticError where the memory is not in the format that is decoded here.
    """
    report = json.loads(bytes(stored["report"]))
    parts = route.parts(report)
    heard = {q.pre for q in network.projections if len(q.i)}
    wrong = route.uncovered(parts, network.sizes, heard)
    decoded, largest = 0, 0.0
    populations = {g.name for g in network.populations}
    for part in (p for p in parts if p.label in populations and p.neurons):
        if wrong:
            break
        ears = [q for q in parts if (q.label, q.first) == (part.label, part.first) and q.hears]
        regions: dict[str, np.ndarray] = {}
        for ear in ears:
            regions = _regions(report, stored, ear) | regions
        count, error, wrong = _synapses(network, report["tables"], parts, ears, regions)
        decoded, largest = decoded + count, max(largest, error)
        wrong = wrong or _stdp(network, part, regions)
    figures = _figures(report, parts)
    figures |= {"synapses_decoded": decoded, "largest_weight_error": largest}
    neurons = sum(network.sizes.values())
    said = (
        f"{neurons:,} neurons on {len(parts)} cores of {len({p.core[:2] for p in parts})} chips"
        f" have one key each and are heard; {decoded:,} synapses decoded, none differs"
    )
    return Compiled(wrong=wrong, said=said, figures=figures, report=_summary(report, figures))


def _regions(
    report: Mapping[str, Any], stored: Mapping[str, np.ndarray], part: Part
) -> dict[str, np.ndarray]:
    core = ",".join(map(str, part.core))
    return {
        label: stored[f"{core}/{number}"]
        for number, label, _ in report["regions"].get(core, ())
        if f"{core}/{number}" in stored
    }


def _synapses(
    network: PynnNetwork, tables: Mapping[str, Any], parts: list[Part], ears: list[Part],
    regions: Mapping[str, np.ndarray],
) -> tuple[int, float, str | None]:  # fmt: skip
    """Synapses decoded for one slice, largest error of a weight, and the first difference."""
    post = ears[0]
    mine = [q for q in network.projections if q.post == post.label]
    if not any(len(q.i) for q in mine):
        return 0, 0.0, None
    for name in ("SynapseParams", "PopTable", "SynBlocks"):
        if name not in regions:
            return 0, 0.0, f"{post.label}: core {post.core} has no region {name}"
    layout = memory.synapse_params(regions["SynapseParams"])
    theirs = _decoded(parts, post, regions, layout, _header(mine))
    ours, error = _expected(mine, post, layout)
    count, wrong = 0, None
    for pre in sorted({*ours, *theirs}):
        a, b = (_sorted(side.get(pre, _none())) for side in (ours, theirs))
        count += b.shape[1]
        wrong = wrong or route.unreached(tables, parts, ears, pre, a[0], a[3] > layout.slots)
        if not np.array_equal(a, b):
            wrong = wrong or _first(network, pre, post, a, b, layout)
    return count, error, wrong


def _none() -> np.ndarray:
    return np.zeros((6, 0), np.int64)


def _sorted(rows: np.ndarray) -> np.ndarray:
    return rows[:, np.lexsort(rows[::-1])]


def _header(mine: list[PynnProjection]) -> int | None:
    timings = {q.rule.timing for q in mine if q.rule is not None}
    if not timings:
        return None
    return memory.HEADER_WORDS[timings.pop()]


def _decoded(
    parts: list[Part], post: Part, regions: Mapping[str, np.ndarray], layout: SynapseParams,
    header: int | None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Pre group → (6, S): pre neuron, post neuron, receptor, delay, plastic, units of weight."""
    blocks = memory.words(regions["SynBlocks"], "SynBlocks")
    found: dict[str, list[np.ndarray]] = {}
    for entry in memory.pop_table(regions["PopTable"]):
        senders = [
            p for p in parts
            if p.neurons and p.key is not None and p.key & entry.mask == entry.key
        ]  # fmt: skip
        if not senders:
            raise BioplasticError(f"{post.label}: no group has the key {entry.key:#x}")
        late = senders[0].kind == "DelayExtensionVertex"
        label = senders[0].label.removesuffix("_delayed") if late else senders[0].label
        for length, place in entry.blocks:
            for p in senders:
                assert p.key is not None
                core = p.key >> entry.core_shift & entry.core_mask
                stages = entry.rows_per_core // max(q.count for q in senders) if late else 1
                first = place // 4 + core * entry.rows_per_core * (length + 3)
                held = memory.rows(blocks[first:], p.count * stages, length, layout, header)
                stage, pre = np.divmod(held.row, p.count)
                delay = np.where(held.delay == 0, layout.slots, held.delay)
                if late:
                    delay = delay + (stage + 1) * layout.slots
                found.setdefault(label, []).append(
                    np.stack(
                        [pre + p.first, held.neuron + post.first, held.receptor, delay,
                         held.plastic, held.weight]
                    )
                )  # fmt: skip
    return {label: np.concatenate(held, axis=1) for label, held in found.items()}


def _expected(
    mine: list[PynnProjection], post: Part, layout: SynapseParams
) -> tuple[dict[str, np.ndarray], float]:
    """The same from the network, and the largest difference of a weight to its units."""
    found: dict[str, list[np.ndarray]] = {}
    largest = 0.0
    for q in mine:
        here = np.flatnonzero((q.j >= post.first) & (q.j <= post.last))
        receptor = RECEPTORS.index(q.receptor)
        quantum = layout.quantum(receptor)
        units = np.rint(q.weight[here] / quantum).astype(np.int64)
        if len(here):
            largest = max(largest, float(np.abs(units * quantum - q.weight[here]).max()))
        same = np.ones(len(here), np.int64)
        plastic = same * (q.rule is not None)
        found.setdefault(q.pre, []).append(
            np.stack([q.i[here], q.j[here], same * receptor, q.delay[here], plastic, units])
        )
    return {label: np.concatenate(held, axis=1) for label, held in found.items()}, largest


def _first(
    network: PynnNetwork, pre: str, post: Part, ours: np.ndarray, theirs: np.ndarray,
    layout: SynapseParams,
) -> str:  # fmt: skip
    """The first synapse that only one side has, in words."""
    left, right = ({tuple(c) for c in side.T.tolist()} for side in (ours, theirs))
    only = left ^ right
    if not only:
        return f"{pre} to {post.label}: {ours.shape[1]} synapses, {theirs.shape[1]} in memory"
    i, j = min(only)[:2]
    names = [
        q.name for q in network.projections
        if (q.pre, q.post) == (pre, post.label) and np.any((q.i == i) & (q.j == j))
    ]  # fmt: skip

    def said(side: set[tuple[int, ...]]) -> str:
        here = sorted(s for s in side if s[:2] == (i, j))
        return (
            "; ".join(
                f"{RECEPTORS[r] if r < 2 else r}, delay {d}, weight"
                f" {w * layout.quantum(min(r, 1)):g}{', plastic' if p else ''}"
                for _, _, r, d, p, w in here
            )
            or "none"
        )

    return (
        f"{' and '.join(names) or f'{pre} to {post.label}'}: {pre}[{i}] to {post.label}[{j}]:"
        f" ours {said(left)}; in memory {said(right)}"
    )


def _stdp(network: PynnNetwork, post: Part, regions: Mapping[str, np.ndarray]) -> str | None:
    """What is wrong with the STDP parameters of a core, or None."""
    rules = [q.rule for q in network.projections if q.post == post.label and q.rule is not None]
    if not rules:
        return None
    if "synapseDynamicsParams" not in regions:
        return f"{post.label}: core {post.core} has no region synapseDynamicsParams"
    found = memory.words(regions["synapseDynamicsParams"], "synapseDynamicsParams")
    wrong = spinnaker_stdp.difference(rules[0], found, network.timestep, len(RECEPTORS))
    return None if wrong is None else f"{post.label}: {wrong}"


def _figures(report: Mapping[str, Any], parts: list[Part]) -> dict[str, float]:
    sdram = [sum(size for _, _, size in rows) for rows in report["regions"].values()]
    return {
        "cores": len(parts),
        "chips": len({p.core[:2] for p in parts}),
        "largest_sdram_of_a_core_bytes": max(sdram, default=0),
        "largest_routing_table_entries": max(map(len, report["tables"].values()), default=0),
    }


def _summary(report: Mapping[str, Any], figures: Mapping[str, float]) -> dict[str, Any]:
    """The compile report: placements, keys, entries of routing tables, memory of each core."""
    return {
        "tool": report["tool"], "board": report["board"], "figures": dict(figures),
        "placements": report["placements"], "keys": report["keys"],
        "routing_table_entries": {chip: len(t) for chip, t in report["tables"].items()},
        "sdram_bytes": {
            core: sum(size for _, _, size in rows) for core, rows in report["regions"].items()
        },
    }  # fmt: skip
