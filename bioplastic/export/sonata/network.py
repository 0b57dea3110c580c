"""The learned network as SONATA nodes and edges.

Each population and source is a node population, each projection an edge population. Every synapse
has ``syn_weight``, ``delay`` in ms, ``compartment`` and, for structural plasticity, ``permanence``.
Weights are in pA, nS or mV by their dimension, named by the attribute ``units`` and in
edge_types.csv. Compartment 0 is the soma and k the k-th branch of the postsynaptic population,
which node_types.csv lists. Neuron equations and rules have no place in SONATA: node_types.csv and
edge_types.csv name them, and learned.h5 holds them.
Source: Dai et al. 2020 [dai2020].
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from brian2 import Quantity, get_dimensions, mV, nS, pA

from bioplastic import hdf5, hdf5_guard
from bioplastic.description import Connectivity, Network, Population, Projection, Source
from bioplastic.errors import CorruptFile, UsageError, one_line
from bioplastic.export.bundle.sealed import write_json
from bioplastic.export.sonata.spikes import stamp
from bioplastic.learned import Learned
from bioplastic.unit_si import Malformed, unit_of

NODES, EDGES, CONFIG = "nodes.h5", "edges.h5", "circuit_config.json"
_UNITS = {pA.dim: ("pA", pA), nS.dim: ("nS", nS), mV.dim: ("mV", mV)}
_LIMIT = 8 * 2**30
MOST = 20_000_000


def listable(network: Network) -> tuple[list[Projection], list[str]]:
    """Return the projections with listed synapses, and one line for each that is left out.

    An AllToAll of more than `MOST` potential synapses cannot be listed unless it was learned.
    """
    kept, left_out = [], []
    for projection in network.projections:
        synapses = projection.connectivity
        if isinstance(synapses, Connectivity):
            kept.append(projection)
        elif len(synapses) <= MOST:
            kept.append(replace(projection, connectivity=synapses.explicit()))
        else:
            left_out.append(
                f"{projection.name} ({len(synapses):,} potential synapses, none listed)"
            )
    return kept, left_out


def write(learned: Learned, folder: Path) -> list[str]:
    """Write nodes.h5, edges.h5, their type tables and circuit_config.json; return what is left out.

    Weights are those in effect: with permanences, of mature synapses only.
    """
    network = learned.network(plastic=False)
    groups: list[Source | Population] = [*network.sources, *network.populations]
    projections, left_out = listable(network)
    for name in [g.name for g in groups] + [p.name for p in projections]:
        if not name.isprintable() or "/" in name or name in ("", ".", ".."):
            raise UsageError(f"{name!r}: this name cannot stand in a SONATA file")

    def nodes(file: h5py.File) -> None:
        stamp(file)
        for kind, group in enumerate(groups):
            top = file.create_group(f"nodes/{group.name}")
            _rows(top, "node", kind, group.size)
            top.create_group("0")

    def edges(file: h5py.File) -> None:
        stamp(file)
        for kind, projection in enumerate(projections):
            _edges(file.create_group(f"edges/{projection.name}"), kind, network, projection)

    (folder / NODES).write_bytes(hdf5.image(nodes))
    (folder / EDGES).write_bytes(hdf5.image(edges))
    _table(
        folder / "node_types.csv",
        ("node_type_id", "population", "model_type", "model_template", "compartments"),
        [
            (k, g.name, "virtual", "NULL", "NULL")
            if isinstance(g, Source)
            else (
                k,
                g.name,
                "point_neuron",
                f"bioplastic:{type(g.neuron).__name__}",
                ";".join(compartments(g)),
            )
            for k, g in enumerate(groups)
        ],
    )
    _table(
        folder / "edge_types.csv",
        ("edge_type_id", "population", "model_template", "target", "weight_units"),
        [
            (k, p.name, _rule(learned, p.name), p.target, _unit(p)[0])
            for k, p in enumerate(projections)
        ],
    )  # fmt: skip
    write_json(folder / CONFIG, {
        "manifest": {"$BASE_DIR": "."},
        "networks": {
            "nodes": [{"nodes_file": f"$BASE_DIR/{NODES}",
                       "node_types_file": "$BASE_DIR/node_types.csv"}],
            "edges": [{"edges_file": f"$BASE_DIR/{EDGES}",
                       "edge_types_file": "$BASE_DIR/edge_types.csv"}],
        },
    })  # fmt: skip
    return left_out


def _rule(learned: Learned, projection: str) -> str:
    rule = learned.description.projection(projection).plasticity
    return f"bioplastic:{type(rule).__name__}" if rule else "static"


def compartments(population: Source | Population) -> tuple[str, ...]:
    """Names of the compartments of a population by number: the soma, then the branches."""
    tree = None if isinstance(population, Source) else population.dendrites
    branches = tree.branches if tree else ()
    return ("soma", *(b.name for b in branches))


def _edges(top: h5py.Group, kind: int, network: Network, projection: Projection) -> None:
    synapses = _synapses(projection)
    for end, index, population in (
        ("source", synapses.i, projection.pre),
        ("target", synapses.j, projection.post),
    ):
        data = top.create_dataset(f"{end}_node_id", data=index.astype(np.uint64))
        data.attrs["node_population"] = population
    _rows(top, "edge", kind, len(synapses))
    for name, (values, units) in columns(network, projection).items():
        top.create_dataset(f"0/{name}", data=values).attrs["units"] = units


def columns(network: Network, projection: Projection) -> dict[str, tuple[np.ndarray, str]]:
    """Return the attributes of a projection's edges, name -> (values (S,), unit).

    Weights, delays and permanences are float64, compartments int32.
    """
    synapses = _synapses(projection)
    name, unit = _unit(projection)
    places = compartments(network[projection.post])[1:]
    place = places.index(projection.target) + 1 if projection.target in places else 0
    found = {
        "syn_weight": (synapses.weights(unit), name),
        "delay": (synapses.delays() * 1e3, "ms"),
        "compartment": (np.full(len(synapses), place, np.int32), "1"),
    }
    if synapses.permanence is not None:
        values = np.broadcast_to(np.asarray(synapses.permanence, float), synapses.i.shape)
        found["permanence"] = (values.copy(), "1")
    return found


def _synapses(projection: Projection) -> Connectivity:
    assert isinstance(projection.connectivity, Connectivity), "see listable"
    return projection.connectivity


def _unit(projection: Projection) -> tuple[str, Any]:
    dimension = get_dimensions(projection.connectivity.weight)
    return _UNITS.get(dimension) or (unit_of(dimension), Quantity(1.0, dim=dimension))


def _rows(top: h5py.Group, what: str, kind: int, size: int) -> None:
    """Write the three columns that say: all rows of type `kind`, in group 0, in order."""
    top.create_dataset(f"{what}_type_id", data=np.full(size, kind, np.int64))
    top.create_dataset(f"{what}_group_id", data=np.zeros(size, np.uint64))
    top.create_dataset(f"{what}_group_index", data=np.arange(size, dtype=np.uint64))


def _table(path: Path, head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=" ", lineterminator="\n").writerows([head, *rows])


def compare(learned: Learned, folder: Path) -> None:
    """Read nodes and edges back; CorruptFile unless they are exactly those of `learned`."""
    network = learned.network(plastic=False)
    groups: list[Source | Population] = [*network.sources, *network.populations]
    expected: dict[str, np.ndarray] = {
        f"nodes/{g.name}/node_group_index": np.arange(g.size, dtype=np.uint64) for g in groups
    }
    for projection in listable(network)[0]:
        at, synapses = f"edges/{projection.name}", _synapses(projection)
        expected[f"{at}/source_node_id"] = synapses.i.astype(np.uint64)
        expected[f"{at}/target_node_id"] = synapses.j.astype(np.uint64)
        for name, (values, _) in columns(network, projection).items():
            expected[f"{at}/0/{name}"] = values
    found = _all(folder)
    for name, values in expected.items():
        if name not in found or not np.array_equal(found[name], values):
            raise CorruptFile(f"{folder}: {name} was not written as it is")


def _all(folder: Path) -> dict[str, np.ndarray]:
    """All arrays of nodes.h5 and edges.h5 by path; CorruptFile when they are not sound."""
    return {
        name: values
        for file in (NODES, EDGES)
        for name, values in hdf5_guard.arrays(folder / file, _LIMIT).items()
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class Edges:
    """The synapses of one projection, (S,) each, as a SONATA file holds them.

    i, j          index of the pre and the postsynaptic neuron, int64
    weight        in the unit that edge_types.csv names    delay         ms
    compartment   0 = soma, k = k-th branch                permanence    or None
    """

    i: np.ndarray
    j: np.ndarray
    weight: np.ndarray
    delay: np.ndarray
    compartment: np.ndarray
    permanence: np.ndarray | None


_COLUMNS = {"syn_weight": "f", "delay": "f", "compartment": "i", "permanence": "f"}


def read(folder: Path) -> tuple[dict[str, int], dict[str, Edges]]:
    """Return population -> size and projection -> `Edges` of a folder from `write`.

    Raises CorruptFile when a file is missing, damaged or not what `write` writes.
    """
    sizes: dict[str, int] = {}
    tables: dict[str, dict[str, np.ndarray]] = {}
    for path, values in _all(folder).items():
        kind, _, rest = path.partition("/")
        name, _, column = rest.partition("/")
        if values.ndim != 1 or kind not in ("nodes", "edges") or not column:
            raise CorruptFile(f"{folder}: {path} is no column of nodes or edges")
        if kind == "edges":
            tables.setdefault(name, {})[column.removeprefix("0/")] = values
        elif sizes.setdefault(name, len(values)) != len(values):
            raise CorruptFile(f"{folder}: the columns of {name!r} differ in length")
    try:
        return sizes, {name: _read_edges(name, columns) for name, columns in tables.items()}
    except Malformed as error:
        raise CorruptFile(f"{folder}: {one_line(error)}") from None


def _read_edges(name: str, table: dict[str, np.ndarray]) -> Edges:
    needed = {"source_node_id", "target_node_id", "syn_weight", "delay", "compartment"}
    rows = {f"edge_{x}" for x in ("type_id", "group_id", "group_index")}
    if not needed | rows <= set(table) <= needed | rows | {"permanence"}:
        raise Malformed(f"{EDGES}: the columns of {name!r} are not those of an edge population")
    if len({len(values) for values in table.values()}) != 1:
        raise Malformed(f"{EDGES}: the columns of {name!r} differ in length")
    for column, kind in _COLUMNS.items():
        values = table.get(column, np.zeros(0))
        if (column in table and values.dtype.kind != kind) or not np.isfinite(values).all():
            raise Malformed(f"{EDGES}: {column} of {name!r} is not finite numbers of its type")
    ends = [table[f"{end}_node_id"] for end in ("source", "target")]
    if any(e.dtype != np.uint64 or (len(e) and e.max() >= 2**62) for e in ends):
        raise Malformed(f"{EDGES}: node ids of {name!r} must be uint64")
    return Edges(
        i=ends[0].astype(np.int64), j=ends[1].astype(np.int64), weight=table["syn_weight"],
        delay=table["delay"], compartment=table["compartment"], permanence=table.get("permanence"),
    )  # fmt: skip
