"""NIR files of this package, read back into the integers of the chip.

What a graph says becomes a Loihi network; the graph of that network is made anew and compared with
the file, node by node and edge by edge. So a file whose metadata and graph disagree, or that was
changed anywhere, is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.errors import CorruptFile, Malformed, UsageError, one_line
from bioplastic.export.nir.file import BROKEN, difference, load
from bioplastic.export.nir.graph import flat, lanes, node_names, sinks
from bioplastic.export.nir.nested import nested
from bioplastic.export.nir.nodes import Tree
from bioplastic.quantize.loihi import (
    SHIFT,
    SPECIFICATION,
    LoihiNetwork,
    LoihiPopulation,
    LoihiProjection,
    LoihiSource,
)

FORMS = {"flat": flat, "nested": nested}
_WHOLE = ("du", "dv", "vth", "bias_exponent", "refractory")


def read(path: Path) -> LoihiNetwork:
    """Read flat.nir or network.nir, of either dialect, as a canonical Loihi network.

    Raises CorruptFile for anything but a file that `bioplastic.export.nir.target.write` made.
    """
    tree = load(path)
    try:
        with np.errstate(all="ignore"):
            network, about = _network(tree)
            _refuse_larger(network, tree)
            again = FORMS[tree["metadata"]["form"]](network, about)
            place = difference(again, tree)
    except (Malformed, UsageError, ArithmeticError, MemoryError, *BROKEN) as error:
        what = f"is not a network of {SPECIFICATION} ({one_line(error)})"
        raise CorruptFile(f"{path}: {what}") from None
    if place:
        raise CorruptFile(
            f"{path}: {place:.200}: is not what the network in its metadata has there"
        )
    return network


def _refuse_larger(network: LoihiNetwork, tree: Tree) -> None:
    """Raise Malformed where the graph of the network must hold more numbers than the file does.

    A few bytes can name long delays of wide groups, each a line of relays, and large sinks.
    """
    columns, node, ends = lanes(network), node_names(network), sinks(network)
    ways = {
        (node[q.pre], d): columns[q.pre][1]
        for q in network.projections
        for d in np.unique(q.delay).tolist()
    }
    relays = tree["metadata"]["form"] == "nested"
    least = sum(width * (3 * d if relays else 1) for (_, d), width in ways.items())
    if len(ends) > 1:
        total = sum(p.size for p in ends)
        least += total * total
    held = _numbers(tree)
    if least > held:
        raise Malformed(f"{held:,} numbers, where its network has at least {least:,}")


def _numbers(tree: Tree) -> int:
    parts = tree.values()
    return sum(
        _numbers(x) if isinstance(x, dict) else x.size if isinstance(x, np.ndarray) else 1
        for x in parts
    )


def _field(table: Tree, name: str, kind: type) -> Any:
    value = table.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Malformed(f"{name} is missing or of another type")
    return value


def _rows(table: Tree, name: str) -> list[Any]:
    """Entries of a numbered group, in order; none where it is empty."""
    return [row for _, row in sorted(_field({name: {}, **table}, name, dict).items())]


def _cells(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """All nodes by name, those inside sub-graphs too."""
    for name, node in tree["nodes"].items():
        yield name, node
        if node["type"] == "NIRGraph":
            yield from _cells(node)


def _network(tree: Tree) -> tuple[LoihiNetwork, Tree]:
    kept = tree["metadata"]
    if kept.get("specification") != SPECIFICATION or kept.get("form") not in FORMS:
        raise Malformed("its metadata name no form of it")
    cells = {
        node["metadata"]["population"]: node
        for _, node in _cells(tree)
        if "population" in node["metadata"]
    }
    populations = tuple(_population(name, cells[name]) for name in _rows(kept, "populations"))
    sources = tuple(
        LoihiSource(name=_field(s, "name", str), size=_field(s, "size", int))
        for s in _rows(kept, "sources")
    )
    dt = _field(kept, "dt", float)
    if not 0 < dt < 1e6:
        raise Malformed(f"dt = {dt} s")
    bare = LoihiNetwork(
        name=_field(kept, "name", str), dt=dt, sources=sources, populations=populations,
        projections=(),
    )  # fmt: skip
    found = _synapses(tree)
    projections = tuple(
        _projection(bare, row, found.get(k, [])) for k, row in enumerate(_rows(kept, "projections"))
    )
    network = LoihiNetwork(
        name=bare.name, dt=dt, sources=sources, populations=populations, projections=projections
    )
    about = kept.get("about", {})
    if not isinstance(about, dict):
        raise Malformed("about: is not a group")
    return network, about


def _population(name: str, node: Tree) -> LoihiPopulation:
    kept = node["metadata"]
    bias = kept.get("bias_mantissa", np.zeros(0, np.int64))
    if not isinstance(bias, np.ndarray) or bias.dtype != np.int64:
        raise Malformed(f"{name}: bias_mantissa is no row of int64")
    return LoihiPopulation(
        name=name, size=len(node["v_threshold"]), bias_mantissa=bias,
        **{key: _field(kept, key, int) for key in _WHOLE},
    )  # fmt: skip


def _synapses(tree: Tree) -> dict[int, list[tuple[int, np.ndarray]]]:
    """Projection → (delay, charges or scaled charges (post, pre lanes)) of its matrices."""
    found: dict[int, list[tuple[int, np.ndarray]]] = {}
    for _, node in _cells(tree):
        if node["type"] == "Linear" and "projection" in node["metadata"]:
            k, d = (_field(node["metadata"], key, int) for key in ("projection", "delay"))
            found.setdefault(k, []).append((d, node["weight"]))
    return found


def _projection(
    bare: LoihiNetwork, row: Tree, held: list[tuple[int, np.ndarray]]
) -> LoihiProjection:
    """The synapses of one projection, in canonical order; weights from charges, exactly."""
    pre, post = _field(row, "pre", str), _field(row, "post", str)
    exponent = _field(row, "exponent", int)
    first, width = lanes(bare)[pre]
    size = {p.name: p.size for p in bare.populations}[post]
    decay = {p.name: p.dv for p in bare.populations}[post]
    none = np.zeros(0, np.int64)
    parts = [(none, none, none, none)]
    for d, weight in held:
        if weight.shape != (size, width):
            raise Malformed(f"{row['name']}: a matrix of {weight.shape}, not {(size, width)}")
        j, i = np.nonzero(weight)
        charge = weight[j, i].astype(np.float64)
        if weight.dtype != np.int32:  # scaled for a reader that takes r as 1
            charge = np.rint(charge * decay / 4096)
        parts.append(
            (i - first, j, np.rint(charge * 2.0 ** -(SHIFT + exponent)), np.full(len(i), d))
        )
    i, j, w, delay = (np.concatenate(p).astype(np.int64) for p in zip(*parts, strict=True))
    order = np.lexsort((w, j, i, delay))
    return LoihiProjection(
        name=_field(row, "name", str), pre=pre, post=post, exponent=exponent,
        i=i[order], j=j[order], weight=w[order], delay=delay[order],
    )  # fmt: skip
