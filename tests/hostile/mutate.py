"""Ways to break a file that was whole: bytes, JSON trees, the structure of HDF5 files."""

from __future__ import annotations

import contextlib
import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any, Literal

import h5py
import numpy as np

Draw = random.Random
EXTREME = (0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1,
           2**63, 2**64 - 1)  # fmt: skip


def broken(raw: bytes, draw: Draw, others: tuple[bytes, ...] = ()) -> bytes:
    """One to three changes of some bytes."""
    data = bytearray(raw)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        draw.choice(BYTES)(data, draw, others)
    return bytes(data)


def _place(data: bytearray, draw: Draw, *, head: bool = True) -> int:
    """A place, half of the time near the start, where formats keep what they say of themselves."""
    most = max(1, len(data))
    return draw.randrange(min(most, 600) if head and draw.random() < 0.5 else most)


def _flip(data: bytearray, draw: Draw, others: tuple[bytes, ...]) -> None:
    for _ in range(draw.choice((1, 1, 2, 8))):
        if data:
            data[_place(data, draw)] ^= 1 << draw.randrange(8)


def _set(data: bytearray, draw: Draw, others: tuple[bytes, ...]) -> None:
    if data:
        data[_place(data, draw)] = draw.choice((0, 1, 127, 128, 255, 35, 37, draw.randrange(256)))


def _truncate(data: bytearray, draw: Draw, others: tuple[bytes, ...]) -> None:
    del data[_place(data, draw) :]


def _extend(data: bytearray, draw: Draw, others: tuple[bytes, ...]) -> None:
    data += draw.randbytes(draw.choice((1, 2, 7, 64))) if draw.random() < 0.7 else bytes(4096)


def _duplicate(data: bytearray, draw: Draw, others: tuple[bytes, ...]) -> None:
    at, size = _place(data, draw), draw.choice((1, 2, 8, 16, 100, 512))
    data[at:at] = data[at : at + size] * draw.choice((1, 1, 2, 50))


def _drop(data: bytearray, draw: Draw, others: tuple[bytes, ...]) -> None:
    at = _place(data, draw)
    del data[at : at + draw.choice((1, 2, 4, 8, 16, 100))]


def _splice(data: bytearray, draw: Draw, others: tuple[bytes, ...]) -> None:
    source = draw.choice(others) if others and draw.random() < 0.6 else bytes(data)
    at, size = draw.randrange(max(1, len(source))), draw.choice((2, 8, 16, 100, 1000))
    to, block = _place(data, draw), source[at : at + size]
    data[to : to + (len(block) if draw.random() < 0.7 else 0)] = block


def _number(data: bytearray, draw: Draw, others: tuple[bytes, ...]) -> None:
    """Overwrite what may be a length, a count or an offset with an extreme or a near number."""
    width = draw.choice((1, 2, 4, 8))
    at = _place(data, draw) // width * width
    order: Literal["little", "big"] = draw.choice(("little", "little", "big"))
    if at + width > len(data):
        return
    old = int.from_bytes(data[at : at + width], order)
    near = (
        old + 1,
        old - 1,
        old * 2,
        old ^ 0x80,
        len(data),
        len(data) - at,
        draw.randrange(1 << 16),
    )
    value = draw.choice(EXTREME if draw.random() < 0.5 else near) % (1 << 8 * width)
    data[at : at + width] = value.to_bytes(width, order)


def _zero(data: bytearray, draw: Draw, others: tuple[bytes, ...]) -> None:
    at, size = _place(data, draw), draw.choice((2, 4, 8, 32, 256))
    size = len(data[at : at + size])
    data[at : at + size] = bytes([draw.choice((0, 255))]) * size


BYTES: tuple[Callable[[bytearray, Draw, tuple[bytes, ...]], None], ...] = (
    _flip, _flip, _set, _truncate, _extend, _duplicate, _drop, _splice, _number, _number, _zero,
)  # fmt: skip


def json_value(draw: Draw) -> Any:
    """A value that no field asks for."""
    deep: Any = 1
    for _ in range(draw.choice((2, 30, 400))):
        deep = [deep] if draw.random() < 0.5 else {"$": deep}
    return draw.choice((
        None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, -(2**63), 10**25, 10**400, 0.0, -0.0, 1.5,
        1e308, 5e-324, "", "x", "a/b", "..", "\0", "\ud800", "β" * 600, "x" * 5000, [], {}, [[]],
        [None] * 50, {"$": "Network"}, {"$": "array", "at": "x", "unit": None}, deep,
    ))  # fmt: skip


def broken_tree(tree: Any, draw: Draw) -> Any:
    """Change, remove, add or exchange one to three entries of a JSON tree, which is changed."""
    for _ in range(draw.choice((1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            return json_value(draw)
        owner, key = draw.choice(places)
        what = draw.random()
        if what < 0.55:
            owner[key] = json_value(draw)
        elif what < 0.7:
            del owner[key]
        elif what < 0.8 and isinstance(owner, list):
            owner.insert(key, json.loads(json.dumps(owner[key])))
        elif what < 0.9:
            other, place = draw.choice(places)
            owner[key] = json.loads(json.dumps(other[place]))
        elif isinstance(owner, dict):
            owner[draw.choice(("more", "", "$", "files", "sha256"))] = json_value(draw)
    return tree


def _places(tree: Any) -> Any:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(pairs):
        yield tree, key
        if isinstance(value, (dict, list)) and value:
            yield from _places(value)


def broken_json(raw: bytes, draw: Draw) -> bytes:
    """A JSON text with a broken tree, or one that JSON itself forbids."""
    what = draw.random()
    if what < 0.1:
        return draw.choice((
            b"", b"[" * 100_000, b'{"a":' * 50_000, b"NaN", b"1e999", b"[1,]", b'{"a":1,"a":2}',
            b"\xff\xfe", b"\xef\xbb\xbf{}", b"1" * 5000, b"-", b'"\\ud800"', b"null", b"[]",
        ))  # fmt: skip
    if what < 0.25:
        return broken(raw, draw)
    return json.dumps(broken_tree(json.loads(raw), draw)).encode()


def broken_hdf5(raw: bytes, draw: Draw) -> bytes:
    """An HDF5 file with one or two objects removed, exchanged, retyped, resized or linked."""
    held = io.BytesIO(raw)
    with h5py.File(held, "r+") as file:
        for _ in range(draw.choice((1, 1, 2))):
            names: list[str] = []
            file.visit(names.append)
            if not names:
                break
            name = draw.choice(names)
            with contextlib.suppress(Exception):  # what an earlier change has made impossible
                draw.choice(STRUCTURE)(file, name, draw)
    return held.getvalue()


def broken_tree_of_numbers(raw: bytes, draw: Draw) -> bytes:
    """Put another text or number where an HDF5 file has a single one, as NIR keeps its metadata."""
    held = io.BytesIO(raw)
    with h5py.File(held, "r+") as file:
        found: list[str] = []
        file.visititems(lambda n, x: found.append(n) if getattr(x, "shape", None) == () else None)
        for _ in range(draw.choice((1, 1, 2)) if found else 0):
            name = draw.choice(found)
            with contextlib.suppress(KeyError):
                del file[name]
            file[name] = draw.choice((
                0, 1, -1, 2, 63, 4096, 2**20, 2**31, 2**62, 1.0, 5e-324, 1e300, np.nan, np.inf, "",
                "x", "flat", "nested", "β" * 300, "x" * 6000, b"\xff", True, np.zeros((2, 2)),
                [3], np.array(["a", "b"], dtype=h5py.string_dtype()), np.float32(2), 1j,
            ))  # fmt: skip
    return held.getvalue()


def broken_npz(raw: bytes, draw: Draw) -> bytes:
    """Break one array of a .npz and pack it again, so that its checksum holds."""
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    name = draw.choice(sorted(parts))
    values, what = np.load(io.BytesIO(parts[name])), draw.randrange(7)
    if what == 0:
        parts[draw.choice(("x.npy", "x", "../x.npy", "y" * 3000 + ".npy"))] = parts.pop(name)
    elif what == 1:
        parts[name] = broken(parts[name], draw, tuple(parts.values()))
    elif what == 2:  # declares what it does not hold
        size = draw.choice(("(1099511627776,)", "(4611686018427387904, 4)", "(-1,)", "(2,", "()"))
        kind = draw.choice(("'<i8'", "'|O'", "'<f8'", "'|V65536'", "'<U99999'", "[('a', 'b')]"))
        head = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {size}, }}\n".encode()
        parts[name] = b"\x93NUMPY\x01\0" + len(head).to_bytes(2, "little") + head + bytes(64)
    elif what == 3:
        parts[name] = _npy(values.astype(draw.choice(("?", "i1", ">i8", "f4", "f8", "c16", "U3"))))
    elif what == 4:
        shape = draw.choice(((), (0,), (1,), (3, 3), (0, 2**40), (1, 1, 1), (2**20,)))
        parts[name] = _npy(np.zeros(shape, values.dtype))
    elif values.size and values.dtype.kind in "if":
        extreme = (np.nan, np.inf, -1.0, 1e300) if values.dtype.kind == "f" else (-1, 2**62, 10**6)
        values.reshape(-1)[draw.randrange(values.size)] = draw.choice(extreme)
        parts[name] = _npy(values)
    else:
        del parts[name]
    held = io.BytesIO()
    how = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED,
                       zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2))  # fmt: skip
    with zipfile.ZipFile(held, "w", how) as packed:
        for name, part in parts.items():
            packed.writestr(name, part)
    return held.getvalue()


def _npy(values: np.ndarray) -> bytes:
    held = io.BytesIO()
    np.save(held, values)
    return held.getvalue()


def _remove(file: h5py.File, name: str, draw: Draw) -> None:
    del file[name]


def _retype(file: h5py.File, name: str, draw: Draw) -> None:
    shape, attrs = getattr(file[name], "shape", (3,)), dict(file[name].attrs)
    del file[name]
    kind = draw.choice((
        "i1", "u8", ">i8", "f2", "f4", "f8", "c16", "S5", "V7", "i2", "?", h5py.string_dtype(),
        h5py.vlen_dtype(np.int32), h5py.enum_dtype({"a": 1, "b": 2}), h5py.ref_dtype,
        h5py.opaque_dtype("M8[s]"), [("a", "i4"), ("b", "f8")], np.dtype(("i8", (3,))),
    ))  # fmt: skip
    new = file.create_dataset(name, shape or (), kind)
    for key, value in attrs.items():
        new.attrs[key] = value


def _reshape(file: h5py.File, name: str, draw: Draw) -> None:
    kind, attrs = getattr(file[name], "dtype", np.dtype("i8")), dict(file[name].attrs)
    del file[name]
    how = draw.randrange(9)
    if how == 0:
        new = file.create_dataset(name, data=h5py.Empty(kind))
    elif how == 1:  # declares terabytes, holds nothing
        new = file.create_dataset(name, (2**40,), kind, chunks=(1024,))
    elif how == 2:
        new = file.create_dataset(name, (2**62,), "i1", chunks=(1024,), compression="gzip")
    elif how == 3:
        new = file.create_dataset(name, (10,), kind, maxshape=(None,))
    elif how == 4:
        new = file.create_dataset(name, (1,) * draw.choice((2, 9, 32)), kind)
    elif how == 5:
        new = file.create_dataset(name, (0, 7), kind)
    elif how == 6:
        new = file.create_dataset(name, (draw.choice((0, 1, 2, 5, 1000)),), kind)
    elif how == 7:
        filters = draw.choice(({"fletcher32": True}, {"scaleoffset": 2}, {"compression": "lzf"}))
        new = file.create_dataset(name, (64,), "i4", chunks=(8,), **filters)
    else:
        layout = h5py.VirtualLayout((5,), kind)
        layout[:] = h5py.VirtualSource("/etc/hostname", "x", (5,))
        new = file.create_virtual_dataset(name, layout)
    for key, value in attrs.items():
        new.attrs[key] = value


def _link(file: h5py.File, name: str, draw: Draw) -> None:
    how = draw.randrange(6)
    if how < 4:
        del file[name]
    if how == 0:
        file[name] = h5py.SoftLink(draw.choice((f"/{name}", "/", "/none")))
    elif how == 1:
        file[name] = h5py.ExternalLink(draw.choice(("/dev/zero", "/etc/passwd", "x.h5")), "/")
    elif how == 2:
        file[name] = file["/"]
    elif how == 3:
        file.create_dataset(name, (10,), "i8", external=[("/etc/passwd", 0, 80)])
    elif how == 4:
        file[f"{name}'"] = file[name]
    else:
        file.create_group("/" + "/".join("abcdefghijkl"))


def _attribute(file: h5py.File, name: str, draw: Draw) -> None:
    owner = file if draw.random() < 0.3 else file[name]
    if not len(owner.attrs):
        owner = file[name].parent
    if not len(owner.attrs):
        return
    key = draw.choice(list(owner.attrs))
    del owner.attrs[key]
    if draw.random() < 0.85:
        owner.attrs[key] = draw.choice((
            0, -1, 1.5, 2**40, np.nan, np.inf, 1e-320, "", "x", "β" * 300, b"x", np.bytes_(b"V"),
            np.bytes_(b"x" * 600), [1, 2], np.zeros((2, 2)), True, np.uint64(2**64 - 1),
            h5py.Empty("f"),
            np.array(["a", "b"], dtype=h5py.string_dtype()), np.float16(1), np.complex128(1),
        ))  # fmt: skip


def _values(file: h5py.File, name: str, draw: Draw) -> None:
    data = file[name]
    if not isinstance(data, h5py.Dataset) or not data.shape or data.size == 0:
        return
    flat = np.asarray(data[()]).reshape(-1)
    if flat.dtype.kind not in "iuf":
        return
    for _ in range(draw.choice((1, 1, 5))):
        at = draw.randrange(len(flat))
        with np.errstate(all="ignore"):
            if flat.dtype.kind == "f":
                flat[at] = draw.choice((np.nan, np.inf, -np.inf, -1.0, 1e300, 0.3, -0.0))
            else:
                value = draw.choice((*EXTREME, -1, -(2**31), -(2**63), int(flat[at]) + 1))
                flat[at] = np.array(value % 2**64, np.uint64).astype(flat.dtype)
    data[()] = flat.reshape(data.shape)


def _swap(file: h5py.File, name: str, draw: Draw) -> None:
    names: list[str] = []
    file.visit(names.append)
    other = draw.choice(names)
    if other.startswith(name) or name.startswith(other):
        return
    file.move(name, "/held")
    file.move(other, name)
    file.move("/held", other)


STRUCTURE: tuple[Callable[[h5py.File, str, Draw], None], ...] = (
    _remove, _retype, _retype, _reshape, _reshape, _link, _attribute, _attribute, _values, _values,
    _swap,
)  # fmt: skip
