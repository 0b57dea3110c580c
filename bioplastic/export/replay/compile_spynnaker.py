"""Compile the PyNN script of a bundle for a virtual SpiNNaker board; store what would be loaded.

Usage: python compile_spynnaker.py FOLDER OUT.npz. FOLDER has network_pynn.py; the working directory
is an empty folder that sPyNNaker may write in. No board is needed and nothing is run. OUT.npz has
`report`, a JSON text, and an array of bytes for each region of memory of each core of the network.
"""

import importlib.util
import json
import os
import sqlite3
import sys
from pathlib import Path

import numpy as np

BOARD = "[Machine]\nvirtual_board = True\nversion = 5\n[Mode]\nmode = Production\n"


def groups(view):
    """Return what sPyNNaker placed: label, first and last atom, chip and core of every part."""
    found = []
    for placement in view.iterate_placemements():
        vertex = placement.vertex
        if vertex.app_vertex is None:
            continue
        part = vertex.vertex_slice
        found.append(
            {
                "label": vertex.app_vertex.label, "kind": type(vertex.app_vertex).__name__,
                "part": type(vertex).__name__,
                "first": int(part.lo_atom), "last": int(part.hi_atom),
                "x": placement.x, "y": placement.y, "p": placement.p,
                "colour_bits": int(getattr(vertex.app_vertex, "n_colour_bits", 0)),
            }
        )  # fmt: skip
    return found


def keys(view):
    """Return the routing keys of populations (part None) and of their parts."""
    found = []
    for info in view.get_routing_infos():
        vertex = info.vertex
        app = getattr(vertex, "app_vertex", None)
        part = getattr(vertex, "vertex_slice", None)
        if app is None and part is not None:
            continue
        found.append(
            {
                "label": (app or vertex).label, "key": int(info.key), "mask": int(info.mask),
                "first": None if part is None else int(part.lo_atom),
                "last": None if part is None else int(part.hi_atom),
            }
        )  # fmt: skip
    return found


def tables(view):
    """Return the routing table of every chip: [key, mask, links, cores] of each entry."""
    found = {}
    for table in view.get_uncompressed().routing_tables:
        found[f"{table.x},{table.y}"] = [
            [int(e.key), int(e.mask), sorted(e.link_ids), sorted(e.processor_ids)]
            for e in table.multicast_routing_entries
        ]
    return found


def regions(view, cores):
    """Return the memory of the cores: name -> bytes, and for each core [region, label, size]."""
    content, sizes = {}, {}
    with sqlite3.connect(view.get_ds_database_path()) as base:
        rows = base.execute(
            "SELECT x, y, p, region_num, region_label, size, content FROM region ORDER BY x, y, p, "
            "region_num"
        )
        for x, y, p, number, label, size, data in rows:
            if (x, y, p) not in cores:
                continue
            sizes.setdefault(f"{x},{y},{p}", []).append([number, label, size])
            if data is not None:
                name = f"{x},{y},{p}/{number}"
                content[name] = np.frombuffer(data, np.uint8)
    return content, sizes


def main(folder, out):
    """Build, map, store."""
    os.environ["HOME"] = str(Path.cwd())
    Path(".spynnaker.cfg").write_text(BOARD)
    Path("spynnaker.cfg").write_text(BOARD)
    import pyNN.spiNNaker as sim
    from spynnaker import _version
    from spynnaker.pyNN.data import SpynnakerDataView as view

    spec = importlib.util.spec_from_file_location("network_pynn", Path(folder) / "network_pynn.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    sim.setup(timestep=script.TIMESTEP)
    script.build(sim)
    sim.run(script.STEPS * script.TIMESTEP)
    parts = groups(view)
    content, sizes = regions(view, {(g["x"], g["y"], g["p"]) for g in parts})
    report = {
        "tool": f"sPyNNaker {_version.__version__}", "board": "virtual, version 5, 48 chips",
        "placements": parts, "keys": keys(view), "tables": tables(view), "regions": sizes,
    }  # fmt: skip
    sim.end()
    text = np.frombuffer(json.dumps(report).encode(), np.uint8)
    np.savez(out, report=text, **content)


if __name__ == "__main__":
    main(*sys.argv[1:])
