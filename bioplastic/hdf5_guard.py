"""Reading HDF5 files that nobody vouches for: bounded memory, no way out of the file, plain types.

A few bytes of HDF5 can declare terabytes, point to other files, or link in circles. Everything
here raises `Malformed`, with the place and the reason, before anything large is allocated. What the
library itself does not survive is found out by another process first (`bioplastic.hdf5_probe`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bioplastic.errors import BioplasticError, CorruptFile, Malformed, one_line

_INFLATE = 1100  # deflate packs 1032 to 1 at most
_OVERHEAD = 256  # bytes that an array object costs beside its numbers
_DEPTH = 8
_OBJECTS = 1 << 16
_ATTRIBUTES, _ATTRIBUTE_BYTES = 64, 1 << 16
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}


@contextmanager
def reading(path: Path | str) -> Iterator[h5py.File]:
    """Yield the HDF5 file at `path`; whatever is wrong with it is one CorruptFile with its path."""
    from bioplastic import hdf5_probe

    if not Path(path).is_file():
        raise CorruptFile(f"{path}: no such file")
    try:
        hdf5_probe.check(Path(path))
        with h5py.File(path, "r") as file:
            yield file
    except CorruptFile as error:
        told = str(error).startswith(f"{path}: ")
        raise error if told else CorruptFile(f"{path}: {one_line(error)}") from None
    except BioplasticError:
        raise
    except Malformed as error:
        raise CorruptFile(f"{path}: {one_line(error)}") from None
    except Exception as error:  # whatever HDF5 says of a file that was made to break it
        raise CorruptFile(f"{path}: truncated or damaged ({one_line(error)})") from None


def visit(file: h5py.File) -> None:
    """Read all attributes and arrays and forget them: what `hdf5_probe` does in its process."""
    _read_attributes("", file)
    for name, item in _walk(file, "", 0, [_OBJECTS]):
        _read_attributes(name, item)
        if isinstance(item, h5py.Dataset):
            _cost(name, item, _FILTERS)
            item[()]


def _read_attributes(name: str, item: h5py.Group | h5py.Dataset) -> None:
    if len(item.attrs) > _ATTRIBUTES:
        raise Malformed(f"{name}: has {len(item.attrs)} attributes")
    for key in item.attrs:
        if item.attrs.get_id(key).get_storage_size() > _ATTRIBUTE_BYTES:
            raise Malformed(f"{name}: its attribute {key} is too large")
        item.attrs[key]


def arrays(path: Path, limit: int) -> dict[str, np.ndarray]:
    """Return all arrays of a file that holds numbers as they are, by path: nothing packed.

    limit   bytes of arrays that may be taken into memory
    Raises CorruptFile for anything else.
    """
    with reading(path) as file:
        return {name: numbers(name, data) for name, data in datasets(file, limit, packed=False)}


def datasets(
    file: h5py.Group, limit: int, *, packed: bool = True
) -> Iterator[tuple[str, h5py.Dataset]]:
    """Walk all datasets below `file`, by path, while what they declare stays within `limit` bytes.

    packed   whether datasets may be packed with deflate and shuffle. Without, no file can declare
             more than it is long
    Soft and external links, virtual, external and growing datasets, filters other than deflate
    and shuffle, and sizes that the file cannot back are refused.
    """
    left, allowed = limit, _FILTERS if packed else set()
    for name, data in _walk(file, "", 0, [_OBJECTS]):
        if isinstance(data, h5py.Group):
            continue
        left -= _cost(name, data, allowed)
        if left < 0:
            raise Malformed(f"its arrays need more than the {limit:,} bytes allowed")
        yield name, data


def _walk(
    group: h5py.Group, prefix: str, depth: int, left: list[int]
) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    """Walk groups and datasets by path, each once; `left` counts down what may still come."""
    if depth > _DEPTH:
        raise Malformed("groups nested too deep")
    for name in group:
        left[0] -= 1
        if left[0] < 0:
            raise Malformed(f"more than {_OBJECTS:,} groups and arrays")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise Malformed(f"{prefix}{name}: links are not part of this format")
        item = group[name]
        if not isinstance(item, (h5py.Group, h5py.Dataset)):
            raise Malformed(f"{prefix}{name}: is neither group nor array")
        if h5py.h5o.get_info(item.id).rc != 1:  # circles of hard links too
            raise Malformed(f"{prefix}{name}: stands in more than one place")
        yield f"{prefix}{name}", item
        if isinstance(item, h5py.Group):
            yield from _walk(item, f"{prefix}{name}/", depth + 1, left)


def _cost(name: str, data: h5py.Dataset, allowed: set[int]) -> int:
    """Return the bytes that reading takes, from what is declared; refuse what is not backed."""
    plist = data.id.get_create_plist()
    filters = {plist.get_filter(k)[0] for k in range(plist.get_nfilters())}
    if data.shape is None or data.maxshape != data.shape or data.is_virtual or data.external:
        raise Malformed(f"{name}: is not a plain array")
    if not filters <= allowed:
        raise Malformed(f"{name}: is packed with a filter that is not part of this format")
    size = data.dtype.itemsize
    for length in data.shape:
        size *= int(length)
    if size > data.id.get_storage_size() * (_INFLATE if filters else 1) + _OVERHEAD:
        raise Malformed(f"{name}: declares {size:,} bytes that the file does not hold")
    return size + _OVERHEAD


def member(owner: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """Return what hangs in a group under a plain link."""
    if not isinstance(owner.get(name, getlink=True), h5py.HardLink):
        raise Malformed(f"{owner.name}/{name}: is missing, or no plain link")
    return owner[name]


def numbers(name: str, data: h5py.Dataset, *, foreign: bool = False) -> np.ndarray:
    """Read a dataset of booleans, integers or floats of at most 8 bytes, little-endian.

    foreign   take complex and longer floats too, and either byte order
    """
    kind = data.dtype
    plain = kind.kind in "biuf" and kind.itemsize <= 8 and kind.str[0] != ">"
    if not plain and not (foreign and kind.kind in "biufc"):
        raise Malformed(f"{name}: type {kind} is not one of this format")
    return np.asarray(data[()])


def texts(name: str, data: h5py.Dataset, count: int, longest: int = 512) -> tuple[str, ...]:
    """Read a row of exactly `count` texts of variable length, each of at most `longest` letters."""
    if h5py.check_string_dtype(data.dtype) is None or data.shape != (count,):
        raise Malformed(f"{name}: must hold {count:,} texts")
    found = tuple(map(str, data.asstr()[:]))
    if any(len(text) > longest for text in found):
        raise Malformed(f"{name}: a text of more than {longest} letters")
    return found


def scalar(owner: h5py.Group | h5py.Dataset, name: str) -> int | float:
    """Read an attribute that is one whole number or one float of at most 8 bytes."""
    if name not in owner.attrs:
        raise Malformed(f"{owner.name}: its {name} is missing")
    kind = owner.attrs.get_id(name)
    if kind.shape != () or kind.dtype.kind not in "iuf" or kind.dtype.itemsize > 8:
        raise Malformed(f"{owner.name}: its {name} must be one number")
    value: int | float = owner.attrs[name].item()
    return value


def word(owner: h5py.Group | h5py.Dataset, name: str, longest: int = 512) -> str:
    """Read an attribute that is one text of variable length."""
    if name not in owner.attrs:
        raise Malformed(f"{owner.name}: its {name} is missing")
    kind = owner.attrs.get_id(name)
    if kind.shape != () or h5py.check_string_dtype(kind.dtype) is None:
        raise Malformed(f"{owner.name}: its {name} must be a text")
    value = owner.attrs[name]
    if not isinstance(value, str) or len(value) > longest:
        raise Malformed(f"{owner.name}: its {name} must be a text of at most {longest} letters")
    return value


def attribute(owner: h5py.Group | h5py.Dataset, name: str) -> str:
    """Read a short ASCII text attribute of fixed length."""
    if name not in owner.attrs:
        raise Malformed(f"{owner.name}: its {name} is missing")
    kind = owner.attrs.get_id(name)
    if kind.shape != () or kind.dtype.kind != "S" or kind.dtype.itemsize > 512:
        raise Malformed(f"{owner.name}: its {name} must be a short text")
    value: Any = owner.attrs[name]
    return bytes(value).decode("ascii")
