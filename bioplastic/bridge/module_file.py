"""A state of a network as an HDF5 file: sealed, and read without trusting it.

Layout: attributes format, version, program (the content hash of the network), seal; one dataset for
every tensor, state/0, state/1, …, whose attribute `name` says what it is.
The seal is sha256 over program, names, types, shapes and bytes: it shows damage, not malice, so the
values are checked too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bioplastic import hdf5
from bioplastic.bridge.module_state import ModuleState
from bioplastic.bridge.ops_program import Prepared
from bioplastic.errors import CorruptFile, UsageError
from bioplastic.hdf5_guard import attribute, datasets, numbers
from bioplastic.unit_si import Malformed

FORMAT, VERSION = "bioplastic-module-state", 1
LONGEST = 256
"""Bytes of a name."""
LARGEST = 1 << 36
"""Bytes that a file may make a reader allocate."""


def write_state(path: Path | str, state: ModuleState) -> None:
    """Write a state to a new file; OSError when there is one, or the disk refuses."""
    arrays = [t.cpu().contiguous().numpy() for t in state.tensors]
    for name in state.names:
        if len(name.encode()) > LONGEST:
            raise UsageError(f"{path}: a name of {len(name.encode())} bytes: at most {LONGEST} fit")
    with hdf5.new_file(path, format=FORMAT, version=VERSION) as file:
        file.attrs["program"] = np.bytes_(state.program)
        file.attrs["seal"] = np.bytes_(_seal(state.program, state.names, arrays))
        for k, (name, array) in enumerate(zip(state.names, arrays, strict=True)):
            data = file.create_dataset(f"state/{k}", data=array)
            data.attrs["name"] = np.bytes_(name.encode().hex())


def read_state(path: Path | str, program: Prepared) -> ModuleState:
    """Read a state of `program`.

    Raises CorruptFile for a file that is damaged or was changed, and for a wrong name, shape, type
    or number; UsageError, naming what differs, for a state of another network.
    """
    with hdf5.open_file(path, format=FORMAT, version=VERSION) as file:
        try:
            owner, seal = attribute(file, "program"), attribute(file, "seal")
            if owner != program.program:
                raise UsageError(
                    f"{path}: a state of another network: its content is {owner[:12]}…, that of "
                    f"{program.name} {program.program[:12]}…"
                )
            found = {
                attribute(data, "name"): (place, numbers(place, data))
                for place, data in datasets(file, LARGEST)
            }
        except Malformed as error:
            raise CorruptFile(f"{path}: {error}") from None
    arrays = []
    for k, field in enumerate(program.state):
        place, array = found.pop(field.name.encode().hex(), ("", np.zeros(0)))
        if place != f"state/{k}":
            raise CorruptFile(f"{path}: state {field.name!r} is missing, or not where it belongs")
        if array.dtype != field.kind or array.ndim < 1 or array.shape[1:] != field.shape:
            raise CorruptFile(
                f"{path}: state {field.name!r}: must be (B, *{field.shape}) "
                f"{np.dtype(field.kind)}, not {array.shape} {array.dtype}"
            )
        arrays.append(array)
    if found:
        raise CorruptFile(f"{path}: {len(found)} arrays are not part of this state")
    if len({len(a) for a in arrays}) != 1 or not len(arrays[0]):
        raise CorruptFile(f"{path}: its arrays do not hold one and the same batch")
    names = tuple(f.name for f in program.state)
    if _seal(owner, names, arrays) != seal:
        raise CorruptFile(f"{path}: its content is not what was sealed")
    try:
        program.check_values(arrays)
    except UsageError as error:
        raise CorruptFile(f"{path}: {error}") from None
    return ModuleState(owner, names, tuple(torch.from_numpy(a) for a in arrays))


def _seal(program: str, names: Sequence[str], arrays: Sequence[np.ndarray]) -> str:
    sha = hashlib.sha256(program.encode())
    for name, array in zip(names, arrays, strict=True):
        sha.update(f"|{name}={array.dtype.name}{array.shape};".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()
