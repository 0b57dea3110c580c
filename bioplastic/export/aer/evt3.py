"""EVT 3.0, one file: text lines that start with '%', then 16-bit little-endian words.

The upper four bits of a word say what the lower twelve hold:

    0x8  bits 12–23 of the time in µs      0x6  bits 0–11 of it
    0x0  y (11 bits)                       0x2  an event at x (11 bits), bit 11: polarity

Time has 24 bits and wraps after 16.8 s. The writer sends the upper bits at every quarter of that,
through silence too, and 0xFFF before 0x000, so that readers that look for any fall of them, for a
fall from near the top, or for a step of less than half the range, count the same wraps. Other words
(vectors, triggers) are no part of these views and are refused. Events are ordered by (time,
address), none twice.

Written here: of the packages that write EVT 3.0 one is read by itself alone (expelliarmus), the
others are LGPL (faery) or need a camera's plug-ins.
Source: Prophesee, EVT 3.0 format.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bioplastic.errors import CorruptFile, UsageError, one_line
from bioplastic.export.aer.address import increasing
from bioplastic.export.aer.event_file import Events, following, header
from bioplastic.export.aer.fold import Fold
from bioplastic.unit_si import Malformed

LARGEST = 2048  # addresses along a side of 11 bits
TIME_LIMIT = 2**31  # µs
WRAP = 24
"""Bits of the time."""
_Y, _X, _LOW, _HIGH = 0x0000, 0x2000, 0x6000, 0x8000
_TOP = 0xFFF
_QUARTER = WRAP - 2
_ON = 0x800
_END = b"% end\n"


def encode(time: np.ndarray, address: np.ndarray, fold: Fold, after: int = -1) -> np.ndarray:
    """Return the words (W,) uint16 of events, (E,) times in µs and addresses in canonical order.

    after   time of the event before, −1 at the start of a file
    Raises UsageError for a time outside 0 … 2³¹ − 1 or events out of order.
    """
    time, address = np.asarray(time, np.int64), np.asarray(address, np.int64)
    if len(time) == 0:
        return np.empty(0, np.uint16)
    if time[0] < max(after, 0) or time.max() >= TIME_LIMIT or not increasing(time, address):
        raise UsageError("events must be ordered by (time, address) within 0…2^31 − 1 µs")
    x, y = fold.xy(address)
    before = np.concatenate([[after], time[:-1]])
    since, until = np.maximum(before, 0) >> _QUARTER, time >> _QUARTER
    signs = until - since + (until >> 2) - (since >> 2)  # one a quarter, two where it wraps
    high, low = time >> 12 & _TOP, time & _TOP
    told = np.where(signs > 0, until << _QUARTER, before) >> 12
    moved = time >> 12 != told
    later = time != before
    row = np.concatenate([[True], (y[1:] != y[:-1])]) | later
    count = signs + moved + later + row + 1
    end = np.cumsum(count)
    words = np.empty(int(end[-1]), np.int64)
    words[end - 1] = _X | _ON | x
    words[(end - 2)[row]] = _Y | y[row]
    words[(end - 3)[later]] = _LOW | low[later]
    words[(end - 4)[moved]] = _HIGH | high[moved]
    for k in np.flatnonzero(signs):
        first = end[k] - count[k]
        words[first : first + signs[k]] = [
            _HIGH | word
            for quarter in range(since[k] + 1, until[k] + 1)
            for word in ([quarter % 4 << 10] if quarter % 4 else [_TOP, 0])
        ]
    return words.astype(np.uint16)


def decode(words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return time (µs), x, y, polarity, (E,) int64 each, of words (W,) uint16.

    Raises Malformed for a word of another kind, an event before time and row are known, and upper
    bits of the time that fall other than from 0xFFF to 0.
    """
    kind, value = words >> 12, (words & _TOP).astype(np.int64)
    strange = np.flatnonzero(~np.isin(kind, (0, 2, 6, 8)))
    if len(strange):
        at = int(strange[0])
        raise Malformed(f"word {at} is {int(words[at]):#06x}, which is no part of these views")
    is_high = kind == 8
    upper = value[is_high]
    falls = np.diff(upper) < 0
    if np.any(falls & ((upper[:-1] != _TOP) | (upper[1:] != 0))):
        raise Malformed("the upper bits of the time fall without a wrap")
    wraps = np.concatenate([[0], np.cumsum(falls)]) if len(upper) else np.empty(0, np.int64)
    event = np.flatnonzero(kind == 2)
    seen = {what: np.searchsorted(np.flatnonzero(kind == what), event) - 1 for what in (0, 6, 8)}
    if len(event) and min(int(s[0]) for s in seen.values()) < 0:
        raise Malformed("an event before its time and row are known")
    y = value[kind == 0]
    if len(y) and y.max() >= LARGEST:
        raise Malformed("a row of the second camera of a pair")
    time = (
        (wraps[seen[8]] << WRAP) + (upper[seen[8]] << 12) + value[kind == 6][seen[6]]
        if len(event)
        else np.empty(0, np.int64)
    )
    x = value[event]
    return time, x & (LARGEST - 1), y[seen[0]] if len(event) else x, (x & _ON) >> 11


def write(path: Path, chunks: Iterable[Events], comments: Iterable[str], fold: Fold | None) -> int:
    """Write a new file from chunks (times, addresses) in canonical order; return their count."""
    assert fold is not None, "EVT3 has no addresses of one dimension"
    count = 0
    head = ["evt 3.0", f"format EVT3;height={fold.height};width={fold.width}",
            f"geometry {fold.width}x{fold.height}", *comments]  # fmt: skip
    with path.open("xb") as file:
        file.writelines(f"% {line}\n".encode("ascii", "backslashreplace") for line in head)
        file.write(_END)
        for time, address, before in following(chunks):
            file.write(encode(time, address, fold, before).astype("<u2").tobytes())
            count += len(time)
    return count


def read_xy(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return time (µs), x, y, polarity, (E,) int64 each, of any EVT 3.0 file of single events.

    Raises UsageError when there is no such file, CorruptFile for a header without end, half words
    and what `decode` refuses.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    with path.open("rb") as file:
        lines = header(file, path, b"%", _END)
        payload = file.read()
    if not any(line.startswith((b"% evt 3.0", b"% format EVT3")) for line in lines):
        raise CorruptFile(f"{path}: not an EVT 3.0 file (its header does not say so)")
    if len(payload) % 2:
        raise CorruptFile(f"{path}: half a word at the end; truncated?")
    try:
        return decode(np.frombuffer(payload, "<u2"))
    except Malformed as error:
        raise CorruptFile(f"{path}: {one_line(error)}") from None


def read(path: Path, fold: Fold | None) -> Events:
    """Return times (µs) and addresses of a view; CorruptFile unless it is as `write` writes it."""
    assert fold is not None, "EVT3 has no addresses of one dimension"
    time, x, y, on = read_xy(path)
    try:
        address = fold.address(x, y)
    except Malformed as error:
        raise CorruptFile(f"{path}: {one_line(error)}") from None
    if not increasing(time, address) or not on.all():
        raise CorruptFile(f"{path}: events out of order, there twice, or of polarity off")
    if len(time) and time[-1] >= TIME_LIMIT:
        raise CorruptFile(f"{path}: event time {time[-1]} µs is not below 2^31")
    return time, address
