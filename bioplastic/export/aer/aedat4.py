"""AEDAT 4.0, one file: the container of iniVation's DV tools, with polarity events.

    "#!AER-DAT4.0\\r\\n"
    IOHeader     size-prefixed FlatBuffer "IOHE": compression, position of an index, XML description
    packets      i32 stream, i32 size, then a size-prefixed FlatBuffer; "EVTS" holds events of
                 16 bytes each: i64 time in µs, i16 x, i16 y, u8 polarity

The writer packs nothing and writes no index. The reader also takes files of others: other streams
are passed over, LZ4 is unpacked, Zstandard is refused.

Written here, because the permissive writer there is (dv-processing, Apache-2.0) is a C++ library of
its own, with OpenCV, that this package cannot ask everybody to install; what is written is checked
with it.
Source: iniVation, AEDAT 4.0 file format and its FlatBuffers schemas.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from bioplastic.errors import CorruptFile, UsageError, one_line
from bioplastic.export.aer import flatbuffer, lz4
from bioplastic.export.aer.address import increasing
from bioplastic.export.aer.event_file import Events, following
from bioplastic.export.aer.fold import Fold
from bioplastic.unit_si import Malformed

MAGIC = b"#!AER-DAT4.0\r\n"
LARGEST = 32_767  # addresses along a side: x and y are int16
EVENT = np.dtype({
    "names": ["time", "x", "y", "on"], "formats": ["<i8", "<i2", "<i2", "u1"],
    "offsets": [0, 8, 10, 12], "itemsize": 16,
})  # fmt: skip
_NONE, _LZ4 = 0, (1, 2)
_PER_PACKET = 1 << 16
_MAX_XML = 1 << 20
_MAX_PACKET = 1 << 30
_LZ4_RATIO = 255  # bytes that one byte of LZ4 can stand for, at most


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """The polarity events of a file: time (µs), x, y, on, (E,) int64 each, and the picture."""

    time: np.ndarray
    x: np.ndarray
    y: np.ndarray
    on: np.ndarray
    width: int
    height: int


def _prefixed(schema: bytes, field: int, fields: int, body: bytes) -> bytes:
    """A buffer of one table whose only field that is present is a vector; `body` begins with its
    length. The vector's items lie on a multiple of 8 from the start."""
    vtable = [4 + 2 * fields, 8, *(4 if k == field else 0 for k in range(fields))]
    head = struct.pack(f"<{len(vtable)}H", *vtable)
    gap = -(12 + len(head) + 8 + 4) % 8
    table = 12 + len(head) + gap
    rest = struct.pack("<I", table - 4) + schema + head + bytes(gap)
    rest += struct.pack("<iI", table - 12, 4) + body
    rest += bytes(-len(rest) % 4)
    return struct.pack("<I", len(rest)) + rest


def _description(fold: Fold, comments: Iterable[str]) -> str:
    """The XML that names stream 0 and its picture."""
    at = "/mainloop/Recorder/outInfo/"
    text = "; ".join(comments)
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    def attribute(key: str, kind: str, value: object) -> str:
        return f'<attr key="{key}" type="{kind}">{value}</attr>'

    return (
        f'<dv version="2.0"><node name="outInfo" path="{at}"><node name="0" path="{at}0/">'
        + attribute("compression", "string", "NONE")
        + attribute("originalModuleName", "string", "bioplastic")
        + attribute("originalOutputName", "string", "events")
        + attribute("typeDescription", "string", "Array of events (polarity ON/OFF).")
        + attribute("typeIdentifier", "string", "EVTS")
        + f'<node name="info" path="{at}0/info/">'
        + attribute("sizeX", "int", fold.width)
        + attribute("sizeY", "int", fold.height)
        + attribute("source", "string", "bioplastic")
        + attribute("comment", "string", safe)
        + "</node></node></node></dv>"
    )


def write(path: Path, chunks: Iterable[Events], comments: Iterable[str], fold: Fold | None) -> int:
    """Write a new file from chunks (times, addresses) in canonical order; return their count."""
    assert fold is not None, "AEDAT4 has no addresses of one dimension"
    count = 0
    with path.open("xb") as file:
        xml = _description(fold, comments).encode()
        file.write(MAGIC)
        file.write(_prefixed(b"IOHE", 2, 3, struct.pack("<I", len(xml)) + xml + b"\0"))
        for time, address, _ in following(chunks):
            x, y = fold.xy(address)
            for first in range(0, len(time), _PER_PACKET):
                part = slice(first, first + _PER_PACKET)
                events = np.zeros(len(time[part]), EVENT)
                events["time"], events["x"], events["y"] = time[part], x[part], y[part]
                events["on"] = 1
                head = struct.pack("<I", len(events))
                body = _prefixed(b"EVTS", 0, 1, head + events.tobytes())
                file.write(struct.pack("<ii", 0, len(body)) + body)
            count += len(time)
    return count


def read_xy(path: Path) -> Recording:
    """Return the polarity events of an AEDAT 4.0 file with one stream of them.

    Raises UsageError when there is no such file; CorruptFile when it is not AEDAT 4.0, is packed
    with Zstandard, is cut off, or has not exactly one stream of events.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    data = path.read_bytes()
    try:
        if not data.startswith(MAGIC):
            raise Malformed("not an AEDAT 4.0 file (no #!AER-DAT4.0 at its start)")
        return _recording(memoryview(data))
    except (Malformed, struct.error) as error:
        raise CorruptFile(f"{path}: {one_line(error)}") from None


def _recording(data: memoryview) -> Recording:
    at = len(MAGIC)
    (size,) = struct.unpack_from("<I", data, at)
    header = flatbuffer.root(data[at : at + 4 + size], b"IOHE")
    compression, index = header.number(0, "i", 0), header.number(1, "q", -1)
    if compression != _NONE and compression not in _LZ4:
        raise Malformed(f"packed by method {compression}; only LZ4 is read here")
    stream, width, height = _stream(bytes(header.vector(2, 1)))
    at += 4 + size
    end = len(data) if index < 0 else index
    if not at <= end <= len(data):
        raise Malformed("its index lies outside the file")
    parts = [
        np.frombuffer(flatbuffer.root(p, b"EVTS").vector(0, EVENT.itemsize), EVENT)
        for p in _packets(data[:end], at, stream, packed=compression != _NONE)
    ]
    events = np.concatenate([np.zeros(0, EVENT), *parts])
    x, y = events["x"].astype(np.int64), events["y"].astype(np.int64)
    if len(x) and not (0 <= x.min() <= x.max() < width and 0 <= y.min() <= y.max() < height):
        raise Malformed(f"an event outside the picture of {width} x {height}")
    on = events["on"].astype(np.int64)
    if len(on) and on.max() > 1:
        raise Malformed("a polarity that is neither 0 nor 1")
    time = events["time"].astype(np.int64)
    return Recording(time=time, x=x, y=y, on=on, width=width, height=height)


def _packets(data: memoryview, at: int, stream: int, *, packed: bool) -> Iterator[memoryview]:
    """Walk the packets of one stream, unpacked; what they unpack to is bounded by the file."""
    left = _MAX_PACKET
    while at < len(data):
        number, size = struct.unpack_from("<ii", data, at)
        at += 8
        if size < 0 or at + size > len(data):
            raise Malformed("a packet is cut off")
        if number == stream:
            body = data[at : at + size]
            if packed:
                body = memoryview(lz4.unpack(body, min(left, _LZ4_RATIO * size)))
                left -= len(body)
            yield body
        at += size


def _stream(text: bytes) -> tuple[int, int, int]:
    """Number, width and height of the one stream of events that the XML describes."""
    if len(text) > _MAX_XML or b"<!" in text:
        raise Malformed("its description is too long, or not plain XML")
    try:
        top = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Malformed(f"its description is not XML ({error})") from None
    found = []
    for node in top.findall("./node[@name='outInfo']/node"):
        if node.findtext("./attr[@key='typeIdentifier']") == "EVTS":
            numbers = [node.get("name"), *(
                node.findtext(f"./node[@name='info']/attr[@key='{key}']")
                for key in ("sizeX", "sizeY")
            )]  # fmt: skip
            if not all(n and n.isascii() and n.isdigit() and len(n) < 10 for n in numbers):
                raise Malformed("its description of the events is incomplete")
            found.append([int(n or 0) for n in numbers])
    if len(found) != 1:
        raise Malformed(f"{len(found)} streams of polarity events; one is read here")
    number, width, height = found[0]
    return number, width, height


def read(path: Path, fold: Fold | None) -> Events:
    """Return times (µs) and addresses of a view; CorruptFile unless it is as `write` writes it."""
    assert fold is not None, "AEDAT4 has no addresses of one dimension"
    found = read_xy(path)
    if (found.width, found.height) != (fold.width, fold.height):
        raise CorruptFile(f"{path}: its picture is not that of the address map")
    address = fold.address(found.x, found.y)
    if not increasing(found.time, address) or not found.on.all():
        raise CorruptFile(f"{path}: events out of order, there twice, or of polarity off")
    if len(found.time) and found.time[0] < 0:
        raise CorruptFile(f"{path}: an event before time 0")
    return found.time, address
