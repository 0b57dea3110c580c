"""result.h5: the spikes and arrays of a run.

``/spikes/<population>/{timestamps,node_ids}`` is the SONATA layout, so libsonata, BMTK and PyNN
read it: milliseconds, addresses from 0, ``sorting`` an Enum8 attribute of the group. Beside them
``steps`` holds the exact grid step of each spike and the attribute ``dt`` the grid in seconds, so
that reading gives back the run's integers and no rounded time. ``/arrays/<name>`` has a ``unit``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bioplastic import hdf5_guard
from bioplastic.errors import BioplasticError, CorruptFile
from bioplastic.hdf5 import new_file, open_file
from bioplastic.result import Quantity, SpikeRecord

if TYPE_CHECKING:
    import h5py

FORMAT = "bioplastic-result"
VERSION = 1
LIMIT = 4 * 2**30  # bytes of arrays that reading takes into memory
SORTING = {"none": 0, "by_id": 1, "by_time": 2}


def write_result(
    path: Path, spikes: Mapping[str, SpikeRecord], arrays: Mapping[str, Quantity]
) -> None:
    """Write spikes and arrays to a new HDF5 file at `path`.

    Raises BioplasticError, naming population or array, for lengths that differ, ids outside the
    population, spikes out of order, or values that are not numbers. NaN and infinity are stored;
    the attribute ``nonfinite`` counts them.
    """
    with new_file(path, format=FORMAT, version=VERSION) as file:
        top = file.create_group("spikes")
        for name, record in spikes.items():
            _write_spikes(top.create_group(_safe(name)), name, record)
        top = file.create_group("arrays")
        for name, quantity in arrays.items():
            _write_array(top, name, quantity)


def _write_spikes(group: h5py.Group, name: str, record: SpikeRecord) -> None:
    import h5py

    steps, ids = np.asarray(record.steps), np.asarray(record.ids)
    problem = _spike_problem(steps, ids, record.size, record.dt)
    if problem:
        raise BioplasticError(f"spikes of {name!r}: {problem}")
    kind = h5py.enum_dtype(SORTING, basetype="i1")
    group.attrs.create("sorting", SORTING["by_time"], dtype=kind)
    group.attrs["dt"] = float(record.dt)
    group.attrs["size"] = int(record.size)
    packed: dict[str, Any] = {"compression": "gzip", "shuffle": True} if len(steps) else {}
    times = group.create_dataset("timestamps", data=steps * (record.dt * 1e3), **packed)
    times.attrs["units"] = "ms"
    group.create_dataset("node_ids", data=ids.astype(np.uint64), **packed)
    group.create_dataset("steps", data=steps.astype(np.int64), **packed)
    if record.labels is not None:
        group.create_dataset("labels", data=list(record.labels), dtype=h5py.string_dtype())


def _spike_problem(steps: np.ndarray, ids: np.ndarray, size: int, dt: float) -> str | None:
    """Say what is wrong with a spike train, or None."""
    if steps.ndim != 1 or steps.shape != ids.shape:
        return f"steps {steps.shape} and ids {ids.shape} must be two lists of one length"
    if not (np.isfinite(dt) and dt > 0):
        return f"dt = {dt}: must be a positive number of seconds"
    if len(steps) == 0:
        return None
    if not (np.issubdtype(steps.dtype, np.integer) and np.issubdtype(ids.dtype, np.integer)):
        return f"steps ({steps.dtype}) and ids ({ids.dtype}) must be integers"
    if ids.min() < 0 or ids.max() >= size:
        return f"ids {ids.min()}…{ids.max()} must be within 0…{size - 1}"
    if steps[0] < 0 or (np.diff(steps) < 0).any():
        return "steps must be 0 or more and in order of time"
    return None


def _write_array(group: h5py.Group, name: str, quantity: Quantity) -> None:
    values = np.asarray(quantity.values)
    if values.dtype.kind not in "biufc":
        raise BioplasticError(f"array {name!r}: dtype {values.dtype} is not numeric")
    packed: dict[str, Any] = {"compression": "gzip", "shuffle": True} if values.size > 64 else {}
    data = group.create_dataset(_safe(name), data=values, **packed)
    data.attrs["unit"] = quantity.unit
    data.attrs["nonfinite"] = int((~np.isfinite(values)).sum())


def _safe(name: str) -> str:
    if not name or "/" in name or name in (".", ".."):
        raise BioplasticError(f"name {name!r}: cannot be a name in an HDF5 file")
    return name


def read_spikes(path: Path | str) -> dict[str, SpikeRecord]:
    """Return population -> SpikeRecord of a result.h5; CorruptFile when it is not sound."""
    with open_file(path, format=FORMAT, version=VERSION) as file:
        top = _group(file, "spikes")
        return {name: _read_spikes(_group(top, name), name) for name in top}


def _read_spikes(group: h5py.Group, name: str) -> SpikeRecord:
    size, dt = hdf5_guard.scalar(group, "size"), hdf5_guard.scalar(group, "dt")
    if not isinstance(size, int) or not isinstance(dt, float):
        raise CorruptFile(f"spikes of {name!r}: size must be whole, dt a number of seconds")
    found = dict(hdf5_guard.datasets(group, LIMIT))
    if not {"steps", "node_ids"} <= set(found) <= {"steps", "node_ids", "timestamps", "labels"}:
        raise CorruptFile(f"spikes of {name!r}: not steps, node_ids, timestamps and labels")
    steps, ids = (hdf5_guard.numbers(key, found[key]) for key in ("steps", "node_ids"))
    labels = None
    if "labels" in found:
        labels = hdf5_guard.texts("labels", found["labels"], size)
    problem = _spike_problem(steps, ids, size, dt)
    if problem is None and len(ids) and int(ids.max()) >= 2**63:
        problem = "an id of 2^63 or more"
    if problem:
        raise CorruptFile(f"spikes of {name!r}: {problem}")
    return SpikeRecord(
        population=name, steps=steps.astype(np.int64), ids=ids.astype(np.int64), size=size, dt=dt,
        labels=labels,
    )  # fmt: skip


def read_arrays(path: Path | str) -> dict[str, Quantity]:
    """Return name -> Quantity of a result.h5; CorruptFile when it is not sound."""
    with open_file(path, format=FORMAT, version=VERSION) as file:
        return {
            name: Quantity(
                values=hdf5_guard.numbers(name, data, foreign=True),
                unit=hdf5_guard.word(data, "unit"),
            )
            for name, data in hdf5_guard.datasets(_group(file, "arrays"), LIMIT)
        }


def _group(owner: h5py.Group, name: str) -> h5py.Group:
    """A group that hangs on a plain link; CorruptFile for anything else."""
    found = hdf5_guard.member(owner, name)
    if not hasattr(found, "keys"):
        raise CorruptFile(f"{name}: must be a group")
    return found
