"""NIR files: written by the nir library, read as plain trees when nobody vouches for them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bioplastic import hdf5_guard
from bioplastic.errors import Malformed
from bioplastic.export.nir.nodes import Tree

LIMIT = 4 * 2**30
OLD = "1.0.4"
"""The dialect of readers up to this version of nir. They stop at a v_reset, and at metadata of most
nodes: it holds no v_reset, and the metadata of nodes stand in those of the graph, under `nodes`."""
BROKEN = (OSError, LookupError, AttributeError, RuntimeError, TypeError, ValueError)


def write(path: Path, tree: Tree, *, old: bool = False) -> None:
    """Write a graph, given as a tree, with the nir library, which checks its types.

    old   in the dialect of nir 1.0.4
    The file is built in memory: the HDF5 library crashes on a full disk. Raises OSError there.
    """
    import nir

    held = io.BytesIO()
    nir.write(held, nir.dict2NIRNode(tree))
    if old:
        with h5py.File(held, "r+") as file:
            _forget(file["node"], file["node"].require_group("metadata"), ())
            del file["version"]
            file.create_dataset("version", data=OLD, dtype=h5py.string_dtype())
    path.write_bytes(held.getbuffer())


def _forget(node: h5py.Group, kept: h5py.Group, path: tuple[str, ...]) -> None:
    """Take v_reset away from a node and all nodes inside, and move their metadata to `kept`."""
    if "v_reset" in node:
        del node["v_reset"]
    if path and "metadata" in node:
        node.move("metadata", f"{kept.name}/nodes/{'.'.join(path)}")
    for name, inner in node.get("nodes", {}).items():
        _forget(inner, kept, (*path, name))


def _returned(node: Tree) -> None:
    """Give nodes their metadata back that `_forget` moved."""
    for path, held in node["metadata"].pop("nodes", {}).items():
        at = node
        for name in path.split("."):
            at = at["nodes"][name]
        at["metadata"] = held


def load(path: Path) -> Tree:
    """Read a NIR file as a tree of plain Python and numpy; nothing in it is believed.

    Raises CorruptFile, with the place, where it is no NIR file or declares what it does not hold.
    """
    tree: Tree = {}
    with hdf5_guard.reading(path) as file:
        for name, data in hdf5_guard.datasets(file, LIMIT):
            *groups, last = name.split("/")
            at = tree
            for group in groups:
                at = at.setdefault(group, {})
            at[last] = _value(name, data)
        node = tree.get("node")
        if not isinstance(node, dict) or not isinstance(tree.get("version"), str):
            raise Malformed("version or node is missing")
        whole = _whole(node, "node")
        if tree["version"] == OLD:
            _returned(whole)
        return whole


def _value(name: str, data: h5py.Dataset) -> Any:
    """A text, a table of texts, a number or an array of numbers."""
    if h5py.check_string_dtype(data.dtype) is None:
        found = hdf5_guard.numbers(name, data)
        return found.item() if found.ndim == 0 else found
    found = data[()]
    if isinstance(found, bytes):
        return found.decode("utf-8")
    if name.rsplit("/", 1)[-1] != "edges" or found.ndim != 2 or found.shape[1] != 2:
        raise Malformed(f"{name}: is neither a text nor a list of edges")
    return [(a.decode("utf-8"), b.decode("utf-8")) for a, b in found]


def _whole(node: Tree, where: str) -> Tree:
    """Fill in what files leave out: empty metadata, v_reset in the old dialect."""
    if not isinstance(node.get("type"), str) or not isinstance(node.get("metadata", {}), dict):
        raise Malformed(f"{where}: is not a node")
    node.setdefault("metadata", {})
    if isinstance(node.get("v_threshold"), np.ndarray):
        node.setdefault("v_reset", np.zeros_like(node["v_threshold"]))
    if node["type"] == "NIRGraph":
        inner = node.get("nodes")
        if not isinstance(inner, dict) or not isinstance(node.get("edges"), list):
            raise Malformed(f"{where}: a graph without nodes or edges")
        for name, held in inner.items():
            if not isinstance(held, dict):
                raise Malformed(f"{where}/nodes/{name}: is not a node")
            _whole(held, f"{where}/nodes/{name}")
    return node


def difference(ours: Any, theirs: Any, where: str = "node") -> str | None:
    """The first place where two trees differ in a value, a type or a shape; None where nowhere."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if ours.keys() != theirs.keys():
            return f"{where}: {sorted(ours.keys() ^ theirs.keys())[0]} is on one side only"
        parts = (difference(ours[k], theirs[k], f"{where}/{k}") for k in ours)
        return next((found for found in parts if found), None)
    if isinstance(ours, np.ndarray) and isinstance(theirs, np.ndarray):
        same = ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    else:
        same = type(ours) is type(theirs) and ours == theirs
    return None if same else where
