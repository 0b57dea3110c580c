"""Spikes of a run as EIEIO packets: what a SpiNNaker host sends to a board, or gets from it.

    spikes-0000.eieio …   packets of one grid each; populations that share a dt share a file
    address_map.json      key → population, neuron, label
    index.json            dt, width of keys and counts of every file, SHA-256 of every file
Times are steps of the grid, so nothing is rounded; keys count through all populations. Keys and
times have 16 bits where both fit, else 32.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.errors import CorruptFile, Malformed, UsageError, one_line
from bioplastic.export.aer import eieio_packet
from bioplastic.export.aer.address import AddressMap
from bioplastic.export.bundle import sealed
from bioplastic.result import SpikeRecord

KIND = "bioplastic-eieio"
MAP = "address_map.json"
_LIMIT = 1 << 32


def write(records: Mapping[str, SpikeRecord], folder: Path) -> dict[str, Any]:
    """Write all spikes of ordered records into an empty folder and return the index.

    Raises UsageError, naming the population, for a spike at step 2^32 or later.
    """
    addresses = AddressMap.of(records)
    sealed.write_json(folder / MAP, addresses.table())
    first = {b.population: b.first for b in addresses}
    grids: dict[float, list[str]] = {}
    for name, record in records.items():
        if len(record.steps) and int(record.steps[-1]) >= _LIMIT:
            raise UsageError(f"population {name!r}: a spike at step {record.steps[-1]}: 2^32 end")
        grids.setdefault(float(record.dt), []).append(name)
    files: list[dict[str, Any]] = []
    for dt, names in grids.items():
        step = np.concatenate([np.asarray(records[n].steps, np.int64) for n in names])
        key = np.concatenate([np.asarray(records[n].ids, np.int64) + first[n] for n in names])
        order = np.lexsort((key, step))
        step, key = step[order], key[order]
        if not len(step):
            continue
        bits = 16 if max(int(step.max()), int(key.max())) < 1 << 16 else 32
        name = f"spikes-{len(files):04d}.eieio"
        (folder / name).write_bytes(eieio_packet.encode(step, key, bits))
        files.append({"file": name, "dt": dt, "bits": bits, "spikes": len(step)})
    body = {"address_map": MAP, "packets": files}
    sealed.seal(folder, KIND, body)
    return body


def read(folder: Path) -> dict[str, SpikeRecord]:
    """Return population → SpikeRecord of a folder from `write`.

    Raises UsageError where there is none; CorruptFile where a file is missing, changed or not what
    the format says: a key outside the map or on another grid, packets out of order.
    """
    index = sealed.unseal(folder, KIND)
    try:
        addresses = AddressMap.parse(
            sealed.read_json(sealed.listed(folder, index, index.get("address_map")))
        )
    except (Malformed, UsageError) as error:
        raise CorruptFile(f"{folder / MAP}: {one_line(error)}") from None
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {
        b.population: (np.zeros(0, np.int64), np.zeros(0, np.int64)) for b in addresses
    }
    seen: set[float] = set()
    for path, dt, bits, count in _files(folder, index):
        try:
            step, key = eieio_packet.decode(path.read_bytes(), bits)
        except CorruptFile as error:
            raise CorruptFile(f"{path}: {error}") from None
        if len(step) != count or dt in seen:
            raise CorruptFile(f"{path}: has not the spikes that the index tells")
        seen.add(dt)
        left = np.ones(len(key), np.bool_)
        for block in (b for b in addresses if b.dt == dt):
            inside, ids = addresses.neurons(block, key)
            found[block.population] = step[inside], ids
            left &= ~inside
        if left.any():
            raise CorruptFile(f"{path}: key {key[left][0]} is of no population with dt = {dt:g} s")
    return {
        b.population: SpikeRecord(
            population=b.population, size=b.size, dt=b.dt, labels=b.labels,
            steps=found[b.population][0], ids=found[b.population][1],
        )
        for b in addresses
    }  # fmt: skip


def _files(folder: Path, index: dict[str, Any]) -> list[tuple[Path, float, int, int]]:
    """The list of files, checked: path, dt in s, bits, spikes."""
    listed, found = index.get("packets"), []
    if not isinstance(listed, list):
        raise CorruptFile(f"{folder}: its {sealed.INDEX} lists no packets")
    for item in listed:
        if not isinstance(item, dict) or set(item) != {"file", "dt", "bits", "spikes"}:
            raise CorruptFile(f"{folder}: its {sealed.INDEX} describes a file wrongly")
        dt, bits, count = item["dt"], item["bits"], item["spikes"]
        whole = type(bits) is int and type(count) is int
        if type(dt) is not float or not whole or bits not in (16, 32) or count < 1:
            raise CorruptFile(f"{folder}: its {sealed.INDEX} describes a file wrongly")
        found.append((sealed.listed(folder, index, item["file"]), dt, bits, count))
    return found
