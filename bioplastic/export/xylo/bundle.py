"""A bundle for Xylo: a network, events, and every spike and potential that belongs to them, sealed.

A folder, complete or absent:
    network.json   name, dt, steps; numbers of channels and neurons, shifts, what hidden neurons are
    arrays.h5      w_in, w_rec, w_out (i, j, synapse, weight); neurons (decays, thresholds);
                   stimulus, expected_hidden, expected_out (steps, ids, counts of spikes); a SHA-256
                   over the potentials of every step is in network.json
    index.json     format, specification, facts, sizes and SHA-256 of the other two
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bioplastic import hdf5, hdf5_guard
from bioplastic.atomic import publish_new
from bioplastic.errors import CorruptFile, Malformed, UsageError, one_line
from bioplastic.export.bundle.sealed import listed, read_json, seal, unseal, write_json
from bioplastic.kernels.xylo.reference import Trace
from bioplastic.kernels.xylo.run import run_xylo
from bioplastic.quantize.xylo import (
    EVENTS_HIDDEN,
    EVENTS_IN,
    EVENTS_OUT,
    HIDDEN,
    LISTS,
    SPECIFICATION,
    XyloNetwork,
    XyloSynapses,
)

FORMAT = "bioplastic-xylo-bundle"
NETWORK, ARRAYS = "network.json", "arrays.h5"
LIMIT = 2**30
MOST_STEPS = 1 << 20
MATRICES = ("w_in", "w_rec", "w_out")
NEURONS = ("dash_mem", "dash_syn", "threshold", "dash_mem_out", "dash_syn_out", "threshold_out")
Counted = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Steps, ids and counts of spikes, in order, (E,) int64 each."""


@dataclass(frozen=True, kw_only=True, eq=False)
class XyloBundle:
    """A network of the specification `xylo-1` and its golden trace.

    events         (steps, ids, counts) of the channels          steps   length of the trace
    hidden, out    (steps, ids, counts) of the spikes
    potentials     SHA-256 over v (T, H) and v_out (T, O) as little-endian int32, step by step
    """

    network: XyloNetwork
    events: Counted
    steps: int
    hidden: Counted
    out: Counted
    potentials: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def raster(self) -> np.ndarray:
        """The events as (T, channels) int64."""
        found = np.zeros((self.steps, self.network.inputs), np.int64)
        found[self.events[0], self.events[1]] = self.events[2]
        return found


def counted(raster: np.ndarray) -> Counted:
    """Return (steps, ids, counts) of a raster (T, N)."""
    steps, ids = np.nonzero(raster)
    return steps.astype(np.int64), ids.astype(np.int64), raster[steps, ids].astype(np.int64)


def digest(v: np.ndarray, v_out: np.ndarray) -> str:
    """SHA-256 over the potentials of every step."""
    total = hashlib.sha256()
    for values in (v, v_out):
        total.update(np.ascontiguousarray(values, "<i4").tobytes())
    return total.hexdigest()


def made(
    network: XyloNetwork, events: np.ndarray, facts: Mapping[str, Any] | None = None
) -> XyloBundle:
    """Run the network on events (T, channels) and keep what came out."""
    trace = run_xylo(network, events)
    return of_trace(network, events, trace, facts)


def of_trace(
    network: XyloNetwork, events: np.ndarray, trace: Trace, facts: Mapping[str, Any] | None = None
) -> XyloBundle:
    """The same from a trace that is at hand."""
    return XyloBundle(
        network=network, events=counted(np.asarray(events)), steps=len(events),
        hidden=counted(trace.hidden), out=counted(trace.out),
        potentials=digest(trace.v, trace.v_out), facts=dict(facts or {}),
    )  # fmt: skip


def write(bundle: XyloBundle, folder: Path) -> Path:
    """Write a bundle into a new folder and return it; it is read back before it appears.

    Raises UsageError when the folder exists, BioplasticError when the disk refuses.
    """
    return publish_new(
        folder,
        lambda partial: _write_into(bundle, partial),
        lambda partial: same(read(partial), bundle),
    )


def _write_into(bundle: XyloBundle, folder: Path) -> None:
    net = bundle.network
    table = {
        "name": net.name, "dt": net.dt, "steps": bundle.steps, "inputs": net.inputs,
        "hidden": net.hidden, "outputs": net.outputs,
        **{f"shift_{m[2:]}": getattr(net, m).shift for m in MATRICES},
        "labels": {name: list(span) for name, span in net.labels.items()},
        "potentials_sha256": bundle.potentials,
    }  # fmt: skip

    def fill(file: h5py.File) -> None:
        for m in MATRICES:
            for key in LISTS:
                file[f"{m}/{key}"] = np.asarray(getattr(getattr(net, m), key), np.int64)
        for key in NEURONS:
            file[f"neurons/{key}"] = np.asarray(getattr(net, key), np.int64)
        for where in ("events", "hidden", "out"):
            group = "stimulus" if where == "events" else f"expected_{where}"
            for key, values in zip(("steps", "ids", "counts"), getattr(bundle, where), strict=True):
                file[f"{group}/{key}"] = values

    write_json(folder / NETWORK, table)
    (folder / ARRAYS).write_bytes(hdf5.image(fill))
    seal(folder, FORMAT, {"specification": SPECIFICATION, "facts": dict(bundle.facts)})


def read(folder: Path) -> XyloBundle:
    """Read a bundle that nobody vouches for.

    Raises UsageError where there is no folder, CorruptFile where anything is missing, was changed,
    or is not what a bundle holds.
    """
    index = unseal(folder, FORMAT)
    if index.get("specification") != SPECIFICATION or not isinstance(index.get("facts"), dict):
        raise CorruptFile(f"{folder}: not a bundle of the specification {SPECIFICATION!r}")
    table = read_json(listed(folder, index, NETWORK))
    arrays = hdf5_guard.arrays(listed(folder, index, ARRAYS), LIMIT)
    try:
        return _bundle(table, arrays, index["facts"])
    except (Malformed, UsageError) as error:
        raise CorruptFile(f"{folder}: {one_line(error)}") from None


def _bundle(table: dict[str, Any], arrays: Mapping[str, np.ndarray], facts: Any) -> XyloBundle:
    counts = ("inputs", "hidden", "outputs", "steps", *(f"shift_{m[2:]}" for m in MATRICES))
    if any(type(table.get(key)) is not int for key in counts) or not isinstance(
        table.get("name"), str
    ):
        raise Malformed(f"{NETWORK}: {', '.join(counts)} must be whole numbers, the name a text")
    dt, steps, labels = table.get("dt"), table["steps"], table.get("labels")
    if type(dt) is not float or not 0 < dt < 1e6:
        raise Malformed(f"{NETWORK}: dt must be a number of seconds above 0")
    if not 0 <= steps <= MOST_STEPS:
        raise Malformed(f"{NETWORK}: steps must be 0 to {MOST_STEPS:,}")
    if (
        not isinstance(labels, dict)
        or len(labels) > HIDDEN
        or not all(
            isinstance(v, list) and len(v) == 2 and all(type(x) is int for x in v)
            for v in labels.values()
        )
    ):
        raise Malformed(f"{NETWORK}: labels: must be pairs of whole numbers")
    sha = table.get("potentials_sha256")
    if not isinstance(sha, str) or len(sha) != 64:
        raise Malformed(f"{NETWORK}: potentials_sha256 is no SHA-256")
    matrices: dict[str, Any] = {
        m: XyloSynapses(
            **{key: _whole(arrays, f"{m}/{key}") for key in LISTS}, shift=table[f"shift_{m[2:]}"]
        )
        for m in MATRICES
    }
    neurons: dict[str, Any] = {
        key: _whole(arrays, f"neurons/{key}", ndim=1 + (key == "dash_syn")) for key in NEURONS
    }
    network = XyloNetwork(
        name=table["name"], dt=dt, inputs=table["inputs"], **matrices, **neurons,
        labels={name: (span[0], span[1]) for name, span in labels.items()},
    )  # fmt: skip
    if (network.hidden, network.outputs) != (table["hidden"], table["outputs"]):
        raise Malformed(f"{NETWORK}: {ARRAYS} has another number of neurons")
    spikes = {
        where: _counted(arrays, group, size, steps, most)
        for where, group, size, most in (
            ("events", "stimulus", network.inputs, EVENTS_IN),
            ("hidden", "expected_hidden", network.hidden, EVENTS_HIDDEN),
            ("out", "expected_out", network.outputs, EVENTS_OUT),
        )
    }
    return XyloBundle(network=network, steps=steps, potentials=sha, facts=facts, **spikes)


def _whole(arrays: Mapping[str, np.ndarray], name: str, *, ndim: int = 1) -> np.ndarray:
    values = arrays.get(name)
    if values is None or values.ndim != ndim or values.dtype != np.int64:
        raise Malformed(f"{ARRAYS}: {name} is missing, or no table of int64")
    return values


def _counted(
    arrays: Mapping[str, np.ndarray], group: str, size: int, steps: int, most: int
) -> Counted:
    when, which, count = (_whole(arrays, f"{group}/{key}") for key in ("steps", "ids", "counts"))
    if not len(when) == len(which) == len(count):
        raise Malformed(f"{group}: steps, ids and counts differ in length")
    if len(when):
        inside = 0 <= when.min() <= when.max() < steps and 0 <= which.min() <= which.max() < size
        if not (inside and 1 <= count.min() <= count.max() <= most):
            raise Malformed(f"{group}: a spike outside the trace, the neurons, or 1..{most}")
        place = when * size + which
        if not np.all(np.diff(place) > 0):
            raise Malformed(f"{group}: spikes out of order, or there twice")
    return when, which, count


def same(a: XyloBundle, b: XyloBundle) -> bool:
    """Whether two bundles hold the same network, trace and facts."""
    return _flat(a) == _flat(b)


def _flat(bundle: XyloBundle) -> list[Any]:
    net = bundle.network
    return [
        net.name, net.dt, net.inputs, bundle.steps, bundle.potentials, dict(bundle.facts),
        {name: tuple(span) for name, span in net.labels.items()},
        [[np.asarray(getattr(getattr(net, m), key)).tolist() for key in LISTS] for m in MATRICES],
        [getattr(net, m).shift for m in MATRICES],
        [np.asarray(getattr(net, key)).tolist() for key in NEURONS],
        [[x.tolist() for x in part] for part in (bundle.events, bundle.hidden, bundle.out)],
    ]  # fmt: skip
