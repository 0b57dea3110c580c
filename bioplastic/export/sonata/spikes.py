"""SONATA: spikes, and the learned network when there is one, for libsonata, BMTK, PyNN, Neo.

    spikes.h5           /spikes/<population>/{timestamps (ms), node_ids}, sorted by time
    address_map.json    population -> addresses, grid dt, labels
    nodes.h5, edges.h5, node_types.csv, edge_types.csv, circuit_config.json
                        the learned network (`bioplastic.export.sonata.network`), if the run has one
    index.json          SHA-256 of every file

Node ids are the neuron indices of each population, from 0. Nothing is compressed: the HDF5 inside
libsonata's wheels knows no filter.
Source: Dai et al. 2020 [dai2020]; SONATA developer guide, spike file format.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bioplastic import hdf5, hdf5_guard
from bioplastic.errors import CorruptFile, one_line
from bioplastic.export.aer.address import AddressMap, increasing
from bioplastic.export.bundle import sealed
from bioplastic.result import SpikeRecord
from bioplastic.unit_si import Malformed

KIND = "bioplastic-sonata"
MAP = "address_map.json"
SPIKES = "spikes.h5"
SORTING = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="u1")
_MAGIC, _VERSION = 0x0A7A, (0, 1)
_LIMIT = 8 * 2**30


def write(records: Mapping[str, SpikeRecord], folder: Path) -> dict[str, Any]:
    """Write spikes and address map of ordered records, then seal all files of the folder."""
    addresses = AddressMap.of(records)
    sealed.write_json(folder / MAP, addresses.table())
    (folder / SPIKES).write_bytes(hdf5.image(lambda file: _fill(file, records)))
    body = {"spikes": SPIKES, "address_map": MAP}
    sealed.seal(folder, KIND, body)
    return body


def _fill(file: h5py.File, records: Mapping[str, SpikeRecord]) -> None:
    stamp(file)
    for name, record in records.items():
        group = file.create_group(f"spikes/{name}")
        group.attrs.create("sorting", 2, dtype=SORTING)
        times = milliseconds(record.steps, record.dt)
        group.create_dataset("timestamps", data=times).attrs["units"] = "ms"
        group.create_dataset("node_ids", data=record.ids.astype(np.uint64))


def stamp(file: h5py.File) -> None:
    """Mark a file as SONATA: the attributes `magic` and `version`."""
    file.attrs["magic"] = np.uint32(_MAGIC)
    file.attrs["version"] = np.array(_VERSION, np.uint32)


def milliseconds(steps: np.ndarray, dt: float) -> np.ndarray:
    """Times in ms of grid steps, (E,) float64; correctly rounded where dt is in whole µs."""
    ticks = round(dt * 1e6)
    if ticks >= 1 and abs(dt * 1e6 - ticks) <= 1e-9 * ticks:
        return steps * ticks / 1000.0
    return steps * (dt * 1e3)


def read(folder: Path) -> dict[str, SpikeRecord]:
    """Return population -> SpikeRecord of a folder from `write`.

    Raises UsageError when there is none; CorruptFile when a file is missing, changed or not what
    the format says: a node outside its population, a time off the grid, spikes out of order.
    """
    index = sealed.unseal(folder, KIND)
    path = sealed.listed(folder, index, index.get("spikes"))
    try:
        table = sealed.read_json(sealed.listed(folder, index, index.get("address_map")))
        addresses = AddressMap.parse(table)
        return _records(addresses, hdf5_guard.arrays(path, _LIMIT))
    except Malformed as error:
        raise CorruptFile(f"{folder}: {one_line(error)}") from None


def _records(addresses: AddressMap, arrays: dict[str, np.ndarray]) -> dict[str, SpikeRecord]:
    expected = {
        f"spikes/{b.population}/{what}" for b in addresses for what in ("timestamps", "node_ids")
    }
    if set(arrays) != expected:
        raise Malformed(f"{SPIKES} has not the populations of the address map")
    records = {}
    for block in addresses:
        times, nodes = (
            arrays[f"spikes/{block.population}/{what}"] for what in ("timestamps", "node_ids")
        )
        if times.ndim != 1 or times.shape != nodes.shape:
            raise Malformed(f"{block.population!r}: times and nodes must be lists of one length")
        if times.dtype != np.float64 or nodes.dtype != np.uint64:
            raise Malformed(f"{block.population!r}: times must be float64 and nodes uint64")
        if len(nodes) and nodes.max() >= block.size:
            raise Malformed(f"{block.population!r}: node {nodes.max()} is outside the population")
        if len(times) and not (np.all(np.isfinite(times)) and times.min() >= 0):
            raise Malformed(f"{block.population!r}: times must be finite and not negative")
        ratio = np.rint(times / (block.dt * 1e3))
        if len(ratio) and not ratio.max() < 2**53:
            raise Malformed(f"{block.population!r}: a time is too late for its grid")
        steps, ids = ratio.astype(np.int64), nodes.astype(np.int64)
        if not np.array_equal(milliseconds(steps, block.dt), times):
            raise Malformed(f"{block.population!r}: a time is off its grid of {block.dt} s")
        if not increasing(steps, ids):
            raise Malformed(f"{block.population!r}: spikes are out of order or there twice")
        records[block.population] = SpikeRecord(
            population=block.population, steps=steps, ids=ids, size=block.size, dt=block.dt,
            labels=block.labels,
        )  # fmt: skip
    return records
