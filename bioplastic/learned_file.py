"""The file of a learned network: HDF5 behind a seal that is checked before HDF5 sees a byte.

The first 512 bytes are an HDF5 user block with one line of text:

    bioplastic-learned <version> <size of the file> <SHA-256 of everything after the user block>

so a file that was cut, changed or exchanged is refused without parsing it. Then come the string
datasets ``/description`` and ``/manifest`` (JSON), the groups ``/network`` (arrays of the
description) and ``/arrays`` (what was learned, each with a ``unit``), and the attribute
``content``: SHA-256 over names, types, shapes, bytes, units and JSON, the same on every machine
and for every version of HDF5.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from bioplastic import hdf5, hdf5_guard
from bioplastic.errors import BioplasticError, CorruptFile, UsageError
from bioplastic.unit_si import Malformed

FORMAT = "bioplastic-learned"
VERSION = 1
LIMIT = 4 * 2**30  # bytes of arrays in one file
HEAD = 512
_HEAD = re.compile(rb"bioplastic-learned (\d{1,9}) (\d{1,18}) ([0-9a-f]{64})\n *\n")
_GROUPS = ("network", "arrays")
Stored = tuple[np.ndarray, str]  # SI numbers or plain ones, and their unit


@dataclass(frozen=True)
class Content:
    """What the file holds: two JSON texts, and arrays with units below network/ and arrays/."""

    description: str
    manifest: str
    arrays: Mapping[str, Stored] = field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256 in hex over everything, in an order that does not depend on the file."""
        total = hashlib.sha256()

        def add(*parts: bytes) -> None:
            for part in parts:
                total.update(len(part).to_bytes(8, "little"))
                total.update(part)

        add(FORMAT.encode(), str(VERSION).encode())
        add(self.description.encode(), self.manifest.encode())
        for name in sorted(self.arrays):
            values, unit = self.arrays[name]
            add(name.encode(), values.dtype.str.encode(), repr(values.shape).encode())
            add(unit.encode(), str(values.nbytes).encode())
            total.update(np.ravel(values).view(np.uint8).data)
        return total.hexdigest()


def write(path: Path, content: Content) -> None:
    """Write the file beside `path` and rename it; nothing half-written is ever called `path`.

    Raises BioplasticError when the disk refuses, UsageError when the arrays exceed `LIMIT`.
    """
    size = sum(values.nbytes for values, _ in content.arrays.values())
    if size > LIMIT:
        raise UsageError(f"{path}: {size:,} bytes of arrays; a file holds at most {LIMIT:,}")
    try:
        data = hdf5.image(lambda file: _fill(file, content), userblock_size=HEAD)
        seal = hashlib.sha256(memoryview(data)[HEAD:]).hexdigest()
        line = f"{FORMAT} {VERSION} {len(data)} {seal}\n"
        data[:HEAD] = line.encode().ljust(HEAD - 1) + b"\n"
        hdf5.store(path, data)
    except OSError as error:
        raise BioplasticError(f"{path}: not written: {error}") from None


def _fill(file: h5py.File, content: Content) -> None:
    file.attrs["content"] = np.bytes_(content.digest())
    file["description"] = np.bytes_(content.description)
    file["manifest"] = np.bytes_(content.manifest)
    for group in _GROUPS:
        file.create_group(group)
    for name, (values, unit) in content.arrays.items():
        packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        options = packed if values.nbytes > 4096 else {}
        data = file.create_dataset(name, data=values, **options)
        data.attrs["unit"] = np.bytes_(unit or "1")


def read(path: Path, limit: int = LIMIT) -> Content:
    """Return the content of a file; `limit` bounds the bytes of arrays taken into memory.

    Raises UsageError when there is no such file, CorruptFile, naming file and reason, when it is
    not a learned network, of another version, truncated, changed, or larger than `limit`.
    """
    try:
        _check_seal(path)
    except CorruptFile as error:
        raise CorruptFile(f"{path}: {error}") from None
    with hdf5_guard.reading(path) as file:
        content, stated = _take(file, limit)
    if content.digest() != stated:
        raise CorruptFile(f"{path}: the content does not match its SHA-256")
    return content


def _check_seal(path: Path) -> None:
    if not path.exists():
        raise UsageError(f"{path}: no such file")
    if not path.is_file():
        raise UsageError(f"{path}: not a file")
    try:
        raw = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    with raw:
        head = raw.read(HEAD)
        size = os.fstat(raw.fileno()).st_size
        if not head.startswith(FORMAT.encode() + b" "):
            raise CorruptFile("not a learned network (no bioplastic-learned at its start)")
        if len(head) < HEAD:
            raise CorruptFile(f"truncated: {size} bytes")
        match = _HEAD.fullmatch(head)
        if match is None:
            raise CorruptFile("its first line is damaged")
        if int(match[1]) != VERSION:
            raise CorruptFile(f"version {int(match[1])} is not {VERSION}, the one known here")
        if int(match[2]) != size:
            raise CorruptFile(f"truncated or extended: {size} bytes of {int(match[2])}")
        if hashlib.file_digest(raw, "sha256").hexdigest() != match[3].decode():
            raise CorruptFile("changed after it was written (SHA-256 differs)")


def _take(file: h5py.File, limit: int) -> tuple[Content, str]:
    """Read everything that the format names, within `limit`; refuse everything else."""
    if set(file) != {"description", "manifest", *_GROUPS}:
        raise Malformed("must hold description, manifest, network and arrays, nothing else")
    stated = hdf5_guard.attribute(file, "content")
    texts, arrays = {}, {}
    for name, data in hdf5_guard.datasets(file, limit):
        if name in ("description", "manifest"):
            if data.dtype.kind != "S" or data.shape != ():
                raise Malformed(f"{name} must be a text")
            texts[name] = data[()].decode("ascii")
        elif name.startswith(tuple(f"{group}/" for group in _GROUPS)):
            arrays[name] = hdf5_guard.numbers(name, data), hdf5_guard.attribute(data, "unit")
        else:
            raise Malformed(f"{name} must be a group")
    if set(texts) != {"description", "manifest"}:
        raise Malformed("description and manifest must be texts")
    return Content(texts["description"], texts["manifest"], arrays), stated
