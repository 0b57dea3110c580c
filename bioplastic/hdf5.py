"""HDF5 files that are whole or an error.

The HDF5 library does not survive a full disk: it raises in destructors and then crashes the
process. So a new file is built in memory and written as plain bytes, and every way in which a file
can be broken becomes one CorruptFile on reading.
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bioplastic.errors import CorruptFile

if TYPE_CHECKING:
    import h5py


def image(fill: Callable[[h5py.File], None], **options: Any) -> bytearray:
    """Return the bytes of an HDF5 file that `fill` writes into, built in memory.

    options   of h5py.File, such as userblock_size
    """
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        fill(file)
    return bytearray(buffer.getbuffer())


def store(path: Path, data: bytes | bytearray) -> None:
    """Write `data` beside `path`, bring it to the disk, rename it: complete or not at all.

    Raises OSError when the disk refuses; an older file of that name is then still there.
    """
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with partial.open("xb") as raw:
            raw.write(data)
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def new_file(path: Path | str, *, format: str, version: int) -> Iterator[h5py.File]:
    """Yield an HDF5 file in memory; on leaving without an error it becomes the new file `path`.

    format, version  what `open_file` will ask for; stored as attributes of the root

    Raises OSError, and leaves no file, when `path` exists or the disk refuses.
    """
    import h5py

    path = Path(path)
    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        file.attrs["format"] = format
        file.attrs["version"] = version
        yield file
        file.flush()
        image = file.id.get_file_image()
    with path.open("xb") as target:
        try:
            target.write(image)
            target.flush()
        except OSError:
            path.unlink(missing_ok=True)
            raise


@contextmanager
def open_file(path: Path | str, *, format: str, version: int) -> Iterator[h5py.File]:
    """Yield the HDF5 file at `path` for reading.

    Raises CorruptFile when there is none, when it is truncated or damaged, when a name that the
    caller asks for is missing, or when its format or version is another.
    """
    from bioplastic import hdf5_guard

    with hdf5_guard.reading(path) as file:
        found, number = file.attrs.get("format"), file.attrs.get("version")
        if not isinstance(found, str) or found != format:
            raise CorruptFile(f"format {found!r} is not {format!r}")
        if not isinstance(number, Integral) or number != version:
            raise CorruptFile(f"version {number} is not {version}, the one known here")
        yield file
