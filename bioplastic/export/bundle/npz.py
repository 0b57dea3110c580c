"""Arrays of numbers in a .npz that nobody vouches for: bounded memory, no objects.

numpy itself allocates whatever the head of an array declares, and passes on what zipfile, zlib and
tokenize raise.
"""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from bioplastic.errors import CorruptFile, Malformed, one_line

_INFLATE = 1100  # deflate packs 1032 to 1 at most
_OVERHEAD = 256
_MOST = 1 << 16
_ENCRYPTED = 1
_HEADS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read(path: Path, limit: int) -> dict[str, np.ndarray]:
    """Return all arrays of a file that numpy.savez or savez_compressed wrote, by name.

    limit   bytes that they may take together
    Raises CorruptFile for anything else: other types than booleans, integers and floats, sizes that
    the file does not hold.
    """
    found: dict[str, np.ndarray] = {}
    left = limit
    try:
        with zipfile.ZipFile(path) as packed:
            parts = packed.infolist()
            if len(parts) > _MOST:
                raise Malformed(f"more than {_MOST:,} arrays")
            for part in parts:
                name = part.filename.removesuffix(".npy")
                left -= _cost(part)
                if left < 0:
                    raise Malformed(f"its arrays need more than the {limit:,} bytes allowed")
                if name in found or name == part.filename:
                    raise Malformed(f"{name}: stands there twice, or is no array")
                found[name] = _array(name, packed.read(part))
    except Malformed as error:
        raise CorruptFile(f"{path}: {one_line(error)}") from None
    except Exception as error:  # whatever zipfile, zlib and numpy say of a file made to break them
        raise CorruptFile(f"{path}: truncated or damaged ({one_line(error)})") from None
    return found


def _cost(part: zipfile.ZipInfo) -> int:
    """Return the bytes that reading takes, from what is declared; refuse what is not backed."""
    if part.flag_bits & _ENCRYPTED or part.compress_type not in (
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
    ):
        raise Malformed(f"{part.filename}: is packed in a way that is not part of this format")
    if part.file_size > part.compress_size * _INFLATE + _OVERHEAD:
        raise Malformed(f"{part.filename}: declares {part.file_size:,} bytes that are not there")
    return part.file_size + _OVERHEAD


def _array(name: str, raw: bytes) -> np.ndarray:
    held = io.BytesIO(raw)
    version = np.lib.format.read_magic(held)
    if version not in _HEADS:
        raise Malformed(f"{name}: version {version} of numpy's format")
    shape, fortran, kind = _HEADS[version](held)
    if kind.kind not in "biuf" or kind.itemsize > 8 or not kind.isnative:
        raise Malformed(f"{name}: type {kind} is not one of this format")
    size = math.prod(shape)
    if min(shape, default=0) < 0 or size * kind.itemsize != len(raw) - held.tell():
        raise Malformed(f"{name}: declares {shape} numbers that it does not hold")
    values = np.frombuffer(raw, kind, size, held.tell())
    return values.reshape(shape, order="F" if fortran else "C").copy()
