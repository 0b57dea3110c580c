"""Unpacking LZ4 frames, for event files that others packed; nothing here packs.

A frame: magic number, flags, header checksum, blocks (size, bytes), a size of 0. A block: runs of
literal bytes and copies of what came up to 64 KiB before. Checksums are skipped, not verified: what
is unpacked is checked by its own reader. Python's standard library has no LZ4.
Source: LZ4 frame format 1.6.1 and block format, Collet.
"""

from __future__ import annotations

import struct

from bioplastic.unit_si import Malformed

_MAGIC = 0x184D2204
_BLOCK_SUM, _SIZE, _END_SUM, _DICTIONARY = 0x10, 0x08, 0x04, 0x01


def unpack(data: bytes | memoryview, limit: int) -> bytes:
    """Return what one frame holds; Malformed when it is damaged or holds more than `limit`."""
    data, out = bytes(data), bytearray()
    try:
        magic, flags = struct.unpack_from("<IB", data)
        if magic != _MAGIC or flags >> 6 != 1 or flags & _DICTIONARY:
            raise Malformed("not an LZ4 frame of version 1 without dictionary")
        at = 7 + (8 if flags & _SIZE else 0)
        while size := struct.unpack_from("<I", data, at)[0]:
            raw, size = size >> 31, size & 0x7FFF_FFFF
            at += 4
            if at + size > len(data):
                raise Malformed("an LZ4 block ends behind its frame")
            if raw:
                _room(out, size, limit)
                out += data[at : at + size]
            else:
                _block(data, at, at + size, out, limit)
            at += size + (4 if flags & _BLOCK_SUM else 0)
        at += 4 + (4 if flags & _END_SUM else 0)
    except struct.error:
        raise Malformed("an LZ4 frame is cut off") from None
    if at != len(data):
        raise Malformed("an LZ4 frame is cut off, or bytes follow it")
    return bytes(out)


def _room(out: bytearray, more: int, limit: int) -> None:
    if len(out) + more > limit:
        raise Malformed(f"an LZ4 frame holds more than the {limit:,} bytes allowed")


def _block(data: bytes, at: int, end: int, out: bytearray, limit: int) -> None:
    """Unpack the block data[at:end] behind what is already in `out`."""
    while at < end:
        token = data[at]
        literals, at = _length(data, at + 1, end, token >> 4)
        if at + literals > end:
            raise Malformed("an LZ4 run of literals ends behind its block")
        _room(out, literals, limit)
        out += data[at : at + literals]
        at += literals
        if at == end:  # the last sequence has no copy
            return
        if at + 2 > end:
            raise Malformed("an LZ4 block is cut off")
        back = data[at] | data[at + 1] << 8
        copy, at = _length(data, at + 2, end, token & 15)
        copy += 4
        if not 0 < back <= len(out):
            raise Malformed("an LZ4 copy from before the start")
        _room(out, copy, limit)
        start = len(out) - back
        if back >= copy:
            out += out[start : start + copy]
        else:  # overlaps itself: the pattern repeats
            pattern = bytes(out[start:])
            out += (pattern * (copy // back + 1))[:copy]
    raise Malformed("an LZ4 block ends with a copy")


def _length(data: bytes, at: int, end: int, first: int) -> tuple[int, int]:
    """Return a length and where reading goes on: after 15 more bytes follow, until one < 255."""
    total = first
    if first < 15:
        return total, at
    while True:
        if at >= end:
            raise Malformed("an LZ4 block is cut off")
        total += data[at]
        at += 1
        if data[at - 1] != 255:
            return total, at
