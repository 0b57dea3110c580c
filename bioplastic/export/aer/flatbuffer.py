"""FlatBuffers read without trust: every offset is checked against the buffer before it is followed.

A buffer is: size (u32, of the rest), offset of the root table, four letters that name its schema,
then tables. A table begins with the distance back to its vtable, which lists where its fields lie;
a field of offset 0 is absent. Numbers are little-endian.
Source: FlatBuffers internals, Google.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from bioplastic.unit_si import Malformed

_PREFIX = 12
"""Bytes before the first table: size, root offset, name of the schema."""


@dataclass(frozen=True)
class Table:
    """A table at byte `at` of a buffer; `fields` are offsets from `at`, 0 = absent."""

    data: memoryview
    at: int
    fields: tuple[int, ...]

    def number(self, field: int, code: str, default: int) -> int:
        """Return a scalar field of the `struct` code given."""
        if field >= len(self.fields) or not self.fields[field]:
            return default
        return int(_unpack(self.data, self.at + self.fields[field], f"<{code}"))

    def vector(self, field: int, item: int) -> memoryview:
        """Return the bytes of a vector of items of `item` bytes; empty where it is absent."""
        if field >= len(self.fields) or not self.fields[field]:
            return self.data[:0]
        place = self.at + self.fields[field]
        first = place + _unpack(self.data, place, "<I")
        size = _unpack(self.data, first, "<I") * item
        if first + 4 + size > len(self.data):
            raise Malformed("a vector ends behind its buffer")
        return self.data[first + 4 : first + 4 + size]


def root(data: memoryview, schema: bytes) -> Table:
    """Return the root table of a size-prefixed buffer; Malformed unless it is of this schema."""
    if len(data) < _PREFIX or _unpack(data, 0, "<I") != len(data) - 4:
        raise Malformed("a buffer has not the size that it says")
    if bytes(data[8:12]) != schema:
        raise Malformed(f"a buffer is not of the schema {schema.decode()}")
    return _table(data, 4 + _unpack(data, 4, "<I"))


def schema_of(data: memoryview) -> bytes:
    """Return the four letters of a size-prefixed buffer, or nothing."""
    return bytes(data[8:12])


def _table(data: memoryview, at: int) -> Table:
    vtable = at - _unpack(data, at, "<i")
    size, room = _unpack(data, vtable, "<H"), _unpack(data, vtable + 2, "<H")
    if size < 4 or size % 2 or room < 4 or vtable + size > len(data) or at + room > len(data):
        raise Malformed("a table lies outside its buffer")
    fields = struct.unpack_from(f"<{(size - 4) // 2}H", data, vtable + 4)
    if any(f >= room for f in fields):
        raise Malformed("a field lies outside its table")
    return Table(data, at, fields)


def _unpack(data: memoryview, at: int, code: str) -> int:
    if at < 0 or at + struct.calcsize(code) > len(data):
        raise Malformed("an offset leads out of its buffer")
    (value,) = struct.unpack_from(code, data, at)
    return int(value)
