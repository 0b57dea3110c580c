"""The learned network as SONATA nodes and edges.

Each population and source is a node population, each projection an edge population with
``syn_weight``, ``delay`` in ms and, for structural plasticity, ``permanence``. Weights are in pA,
nS or mV by their dimension, named by the attribute ``units`` and in edge_types.csv. Neuron
equations, branches and rules have no place in SONATA: node_types.csv and edge_types.csv name them,
and learned.h5 holds them.
Source: Dai et al. 2020 [dai2020].
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from brian2 import Quantity, get_dimensions, mV, nS, pA

from bioplastic import hdf5, hdf5_guard
from bioplastic.description import Connectivity, Network, Population, Projection, Source
from bioplastic.errors import CorruptFile, UsageError
from bioplastic.export.sealed import write_json
from bioplastic.export.sonata import stamp
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
            _edges(file.create_group(f"edges/{projection.name}"), kind, projection)

    (folder / NODES).write_bytes(hdf5.image(nodes))
    (folder / EDGES).write_bytes(hdf5.image(edges))
    _table(
        folder / "node_types.csv",
        ("node_type_id", "population", "model_type", "model_template"),
        [
            (k, g.name, "virtual", "NULL")
            if isinstance(g, Source)
            else (k, g.name, "point_neuron", f"bioplastic:{type(g.neuron).__name__}")
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


def _edges(top: h5py.Group, kind: int, projection: Projection) -> None:
    synapses = _synapses(projection)
    for end, index, population in (
        ("source", synapses.i, projection.pre),
        ("target", synapses.j, projection.post),
    ):
        data = top.create_dataset(f"{end}_node_id", data=index.astype(np.uint64))
        data.attrs["node_population"] = population
    _rows(top, "edge", kind, len(synapses))
    for name, (values, units) in columns(projection).items():
        top.create_dataset(f"0/{name}", data=values).attrs["units"] = units


def columns(projection: Projection) -> dict[str, tuple[np.ndarray, str]]:
    """Return the attributes of a projection's edges, name -> (values (S,) float64, unit)."""
    synapses = _synapses(projection)
    name, unit = _unit(projection)
    found = {
        "syn_weight": (synapses.weights(unit), name),
        "delay": (synapses.delays() * 1e3, "ms"),
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
        for name, (values, _) in columns(projection).items():
            expected[f"{at}/0/{name}"] = values
    found: dict[str, np.ndarray] = {}
    try:
        for path in (folder / NODES, folder / EDGES):
            with h5py.File(path, "r") as file:
                for name, data in hdf5_guard.datasets(file, _LIMIT):
                    if name in expected:
                        found[name] = hdf5_guard.numbers(name, data)
    except (Malformed, OSError, RuntimeError, KeyError) as error:
        raise CorruptFile(f"{folder}: the network was not written whole ({error})") from None
    for name, values in expected.items():
        if name not in found or not np.array_equal(found[name], values):
            raise CorruptFile(f"{folder}: {name} was not written as it is")
