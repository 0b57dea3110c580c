"""What every replay script does: read a bundle, write the spikes that a tool found.

These scripts run under another interpreter, in an environment that has the tool; they need numpy
and h5py, and nothing of bioplastic. Usage: python SCRIPT.py BUNDLE OUT.npz
"""

import json
import sys
from pathlib import Path

import h5py
import numpy as np


def load(folder):
    """Return (network, arrays, steps): network.json, arrays.h5 by path, length of the trace."""
    folder = Path(folder)
    network = json.loads((folder / "network.json").read_text())
    steps = json.loads((folder / "index.json").read_text())["steps"]
    arrays = {}
    with h5py.File(folder / "arrays.h5") as file:
        file.visititems(
            lambda name, item: (
                arrays.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None
            )
        )
    return network, arrays, steps


def raster(arrays, where, size, steps):
    """Return spikes as (size, steps) int32."""
    found = np.zeros((size, steps), np.int32)
    found[arrays[f"{where}/ids"], arrays[f"{where}/steps"]] = 1
    return found


def places(network):
    """Return name -> first number of each group: sources first, then populations."""
    found, at = {}, 0
    for group in (*network["sources"], *network["populations"]):
        found[group["name"]] = at
        at += group["size"]
    return found


def grouped(network, keys):
    """Return (place, members): neurons of populations that agree in `keys` become one group.

    place    (group, index in it) of every number of `places`; the sources are the group None
    members  group -> numbers, in order
    """
    members, place = {None: []}, []
    for group in (*network["sources"], *network["populations"]):
        key = tuple(group[k] for k in keys) if "du" in group else None
        own = members.setdefault(key, [])
        for _ in range(group["size"]):
            place.append((key, len(own)))
            own.append(len(place) - 1)
    return place, {key: np.array(own, int) for key, own in members.items()}


def links(network, arrays, place):
    """Return (pre group, post group, delay, exponent) -> (i, j, weight), indices in the groups."""
    begin, found = places(network), {}
    for k, q in enumerate(network["projections"]):
        rows = zip(
            *(arrays[f"projections/{k}/{x}"].tolist() for x in ("i", "j", "weight", "delay")),
            strict=True,
        )
        for i, j, w, d in rows:
            pre, post = place[begin[q["pre"]] + i], place[begin[q["post"]] + j]
            row = found.setdefault((pre[0], post[0], d, q["exponent"]), ([], [], []))
            for part, value in zip(row, (pre[1], post[1], w), strict=True):
                part.append(value)
    return {key: tuple(np.array(part, int) for part in row) for key, row in found.items()}


def stimulus(network, arrays, steps):
    """Return the spikes of all sources as (size, steps) int32."""
    parts = [
        raster(arrays, f"stimulus/{k}", s["size"], steps) for k, s in enumerate(network["sources"])
    ]
    return np.concatenate(parts)


def biases(network, arrays):
    """Return the bias mantissa by number, zero for sources."""
    parts = [np.zeros(s["size"], int) for s in network["sources"]]
    for k, p in enumerate(network["populations"]):
        own = arrays[f"populations/{k}/bias_mantissa"]
        parts.append(own if len(own) else np.zeros(p["size"], int))
    return np.concatenate(parts)


def by_population(network, found):
    """Cut a raster over all numbers into (steps, ids) of each population."""
    begin = places(network)
    cut = [found[begin[p["name"]] :][: p["size"]] for p in network["populations"]]
    return [np.nonzero(rows.T) for rows in cut]


def refuse(reason):
    """Say why this tool cannot hold the network, and stop with exit code 3."""
    print(reason, file=sys.stderr)
    raise SystemExit(3)


def store(path, spikes, **more):
    """Write spikes, a list of (steps, ids) in the order of the populations, sorted."""
    out = {}
    for k, (steps, ids) in enumerate(spikes):
        order = np.lexsort((ids, steps))
        out[f"steps{k}"], out[f"ids{k}"] = np.asarray(steps)[order], np.asarray(ids)[order]
    np.savez(path, **out, **more)
