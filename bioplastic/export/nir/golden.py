"""The trace of a bundle beside its graph, in NIR's own container: golden.nird.

By name of node, for flat.nir and network.nir alike: spikes of `input` and of every population as
`EventData`, and v of the populations that are shown, after the reset, as `TimeGriddedData`. An
event of step k has the time (k + 1/2)·dt, the middle of its step, so that no rounding moves it.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bioplastic import hdf5_guard
from bioplastic.errors import Malformed, one_line
from bioplastic.export.bundle.folder import Bundle, Spikes
from bioplastic.export.nir.file import LIMIT
from bioplastic.export.nir.graph import lanes, node_names, sinks
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.quantize.loihi import LoihiNetwork

if TYPE_CHECKING:
    import nir

MOST_SAMPLES = 1 << 24
"""Samples of v that are stored at most; more are left out, not thinned."""


def _events(spikes: Spikes, size: int, dt: float, steps: int) -> Any:
    import nir

    when, which = (np.asarray(a, np.int64) for a in spikes)
    order = np.lexsort((which, when))
    end = steps * dt
    while int(end / dt) < steps:  # a reader cuts t_max/dt down to whole steps
        end = float(np.nextafter(end, np.inf))
    return nir.EventData(
        idx=which[order][None], time=((when[order] + 0.5) * dt)[None], n_neurons=size, t_max=end
    )


def data(bundle: Bundle) -> nir.NIRGraphData:
    """Stimulus and response of a bundle by name of node."""
    import nir

    net, name, columns = bundle.network, node_names(bundle.network), lanes(bundle.network)
    given = [np.zeros(0, np.int64)] * 2
    for s in net.sources:
        when, which = bundle.stimulus[s.name]
        given = [np.concatenate([given[0], when]),
                 np.concatenate([given[1], np.asarray(which) + columns[s.name][0]])]  # fmt: skip
    total = sum(s.size for s in net.sources)
    found: dict[str, dict[str, Any]] = {
        "input": {"spikes": _events((given[0], given[1]), total, net.dt, bundle.steps)}
    }
    for p in net.populations:
        spikes = _events(bundle.expected[p.name], p.size, net.dt, bundle.steps)
        found[name[p.name]] = {"spikes": spikes}
    seen = sinks(net)
    if bundle.steps and bundle.steps * sum(p.size for p in net.populations) <= MOST_SAMPLES:
        run = run_loihi(net, bundle.stimulus, bundle.steps, trace=True)
        for p in seen:
            v = run.v[p.name].astype(np.int32)[None]
            found[name[p.name]]["v"] = nir.TimeGriddedData(data=v, dt=net.dt)
    return nir.NIRGraphData({node: nir.NIRNodeData(seen) for node, seen in found.items()})


def write(bundle: Bundle, path: Path) -> None:
    """Write golden.nird of a bundle."""
    import nir

    held = io.BytesIO()  # the HDF5 library crashes on a full disk
    nir.write_data(held, data(bundle), compression="gzip")
    path.write_bytes(held.getbuffer())


def read(path: Path, network: LoihiNetwork) -> tuple[dict[str, Spikes], dict[str, Spikes]]:
    """Return (stimulus by source, spikes by population) of a golden.nird that nobody vouches for.

    Raises CorruptFile where it is none, or does not belong to the network.
    """
    import nir

    name, columns = node_names(network), lanes(network)
    total = sum(s.size for s in network.sources)
    with hdf5_guard.reading(path) as file:
        for at, held in hdf5_guard.datasets(file, LIMIT):
            hdf5_guard.numbers(at, held)
        try:
            found = nir.read_data(str(path))
            when, which = _spikes(found, "input", total, network.dt)
            stimulus = {}
            for s in network.sources:
                first = columns[s.name][0]
                mine = (which >= first) & (which < first + s.size)
                stimulus[s.name] = when[mine], which[mine] - first
            return stimulus, {
                p.name: _spikes(found, name[p.name], p.size, network.dt)
                for p in network.populations
            }
        except Exception as error:  # whatever the library says of a file that is not its own
            what = f"is no trace of {network.name!r} ({type(error).__name__}: {one_line(error)})"
            raise Malformed(what) from None


def _spikes(found: nir.NIRGraphData, node: str, size: int, dt: float) -> Spikes:
    """Steps and ids of a node, from times in the middle of steps."""
    events = found.nodes[node].observables["spikes"]
    idx = events.idx
    with np.errstate(all="ignore"):
        where = np.asarray(events.time, np.float64) / dt - 0.5
    if events.n_neurons != size:
        raise Malformed(f"{node}: {events.n_neurons} neurons instead of {size}")
    if idx.ndim != 2 or idx.shape[0] != 1 or idx.dtype != np.int64:
        raise Malformed(f"{node}: is not one sample of events")
    when = np.rint(where)
    if idx.size and not (np.abs(where - when).max() < 0.25 and when.min() >= 0):
        raise Malformed(f"{node}: an event that lies in no step")
    if idx.size and not (0 <= idx.min() <= idx.max() < size and when.max() < 2**53):
        raise Malformed(f"{node}: an event outside the node")
    return when[0].astype(np.int64), idx[0]
