"""Reading HDF5 files that nobody vouches for: bounded memory, no way out of the file, plain types.

A few bytes of HDF5 can declare terabytes, point to other files, or link in circles. Everything
here raises `Malformed`, with the place and the reason, before anything large is allocated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from bioplastic.unit_si import Malformed

_INFLATE = 1100  # deflate packs 1032 to 1 at most
_OVERHEAD = 256  # bytes that an array object costs beside its numbers
_DEPTH = 8
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}


def datasets(file: h5py.Group, limit: int) -> Iterator[tuple[str, h5py.Dataset]]:
    """Walk all datasets below `file`, by path, while what they declare stays within `limit` bytes.

    Soft and external links, virtual, external and growing datasets, filters other than deflate
    and shuffle, and sizes that the file cannot back are refused.
    """
    left = limit
    for name, data in _walk(file, "", 0):
        left -= _cost(name, data)
        if left < 0:
            raise Malformed(f"its arrays need more than the {limit:,} bytes allowed")
        yield name, data


def _walk(group: h5py.Group, prefix: str, depth: int) -> Iterator[tuple[str, h5py.Dataset]]:
    if depth > _DEPTH:  # also what ends a circle of hard links
        raise Malformed("groups nested too deep")
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise Malformed(f"{prefix}{name}: links are not part of this format")
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _walk(item, f"{prefix}{name}/", depth + 1)
        elif isinstance(item, h5py.Dataset):
            yield f"{prefix}{name}", item
        else:
            raise Malformed(f"{prefix}{name}: is neither group nor array")


def _cost(name: str, data: h5py.Dataset) -> int:
    """Return the bytes that reading takes, from what is declared; refuse what is not backed."""
    plist = data.id.get_create_plist()
    filters = {plist.get_filter(k)[0] for k in range(plist.get_nfilters())}
    if data.shape is None or data.maxshape != data.shape or data.is_virtual or data.external:
        raise Malformed(f"{name}: is not a plain array")
    if not filters <= _FILTERS:
        raise Malformed(f"{name}: is packed with a filter that is not part of this format")
    size = data.dtype.itemsize
    for length in data.shape:
        size *= int(length)
    if size > data.id.get_storage_size() * (_INFLATE if filters else 1) + _OVERHEAD:
        raise Malformed(f"{name}: declares {size:,} bytes that the file does not hold")
    return size + _OVERHEAD


def numbers(name: str, data: h5py.Dataset) -> np.ndarray:
    """Read a dataset of booleans, integers or floats of at most 8 bytes, little-endian."""
    kind = data.dtype
    if kind.kind not in "biuf" or kind.itemsize > 8 or kind.str[0] == ">":
        raise Malformed(f"{name}: type {kind} is not one of this format")
    return np.asarray(data[()])


def attribute(owner: h5py.Group | h5py.Dataset, name: str) -> str:
    """Read a short ASCII text attribute of fixed length."""
    if name not in owner.attrs:
        raise Malformed(f"{owner.name}: its {name} is missing")
    kind = owner.attrs.get_id(name)
    if kind.shape != () or kind.dtype.kind != "S" or kind.dtype.itemsize > 512:
        raise Malformed(f"{owner.name}: its {name} must be a short text")
    value: Any = owner.attrs[name]
    return bytes(value).decode("ascii")
