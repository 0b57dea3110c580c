"""AEDAT 2.0, one file: text lines that start with '#', then pairs of 32-bit numbers.

Each event is a big-endian address and a big-endian time in µs. The address is the number of the
neuron (a "raw address", one dimension), the time stays below 2^31 because some readers take it as
signed. Events are ordered by (time, address), none twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bioplastic.errors import CorruptFile, UsageError
from bioplastic.export.aer.address import MAX_ADDRESSES, increasing
from bioplastic.export.aer.event_file import Events, following, header

EVENT = np.dtype([("address", ">u4"), ("time", ">u4")])
TIME_LIMIT = 2**31  # µs
MAGIC = b"#!AER-DAT2.0\r\n"
_END = b"#End Of ASCII Header\r\n"
_TEXT = (
    b"# This is a raw AE data file - do not edit\r\n"
    b"# Data format is int32 address, int32 timestamp (8 bytes total), repeated for each event\r\n"
    b"# Timestamps tick is 1 us\r\n"
)


def encode(time: np.ndarray, address: np.ndarray) -> bytes:
    """Return the bytes of events, (E,) times in µs and (E,) addresses in canonical order.

    Raises UsageError when a time is not in 0 … 2^31 − 1, an address is not in 0 … 0x22FFFFFF, or
    (time, address) does not increase.
    """
    time, address = np.asarray(time), np.asarray(address)
    if len(time) and (time.min() < 0 or time.max() >= TIME_LIMIT):
        raise UsageError(f"event times {time.min()}…{time.max()} µs: must be within 0…{2**31 - 1}")
    if len(address) and (address.min() < 0 or address.max() >= MAX_ADDRESSES):
        raise UsageError(f"event address {address.max()}: must be within 0…{MAX_ADDRESSES - 1}")
    if not increasing(time, address):
        raise UsageError("events must be ordered by (time, address), none twice")
    events = np.empty(len(time), EVENT)
    events["address"], events["time"] = address, time
    return events.tobytes()


def decode(payload: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return times (E,) int64 in µs and addresses (E,) int64 of bytes from `encode`.

    Raises CorruptFile when the bytes are not whole events in canonical order.
    """
    if len(payload) % EVENT.itemsize:
        raise CorruptFile(f"{len(payload)} bytes of events are not a multiple of 8; truncated?")
    events = np.frombuffer(payload, EVENT)
    time, address = events["time"].astype(np.int64), events["address"].astype(np.int64)
    if len(time) and time.max() >= TIME_LIMIT:
        raise CorruptFile(f"event time {time.max()} µs is not below 2^31")
    if len(address) and address.max() >= MAX_ADDRESSES:
        raise CorruptFile(f"event address {address.max()} is not below {MAX_ADDRESSES}")
    if not increasing(time, address):
        raise CorruptFile("events are not ordered by (time, address), or one is there twice")
    return time, address


def write(path: Path, chunks: Iterable[Events], comments: Iterable[str] = ()) -> int:
    """Write a new file from chunks (times, addresses) in canonical order; return the event count.

    comments   lines of ASCII text for the header
    """
    count = 0
    with path.open("xb") as file:
        file.write(MAGIC + _TEXT)
        file.writelines(f"# {line}\r\n".encode("ascii", "backslashreplace") for line in comments)
        file.write(_END)
        for time, address, _ in following(chunks):
            file.write(encode(time, address))
            count += len(time)
    return count


def read(path: Path) -> Events:
    """Return times (E,) in µs and addresses (E,), int64, of an AEDAT 2.0 file of raw addresses.

    Raises UsageError when there is no such file, CorruptFile for a wrong magic number, a header
    without end, half events, times of 2^31 µs or more, or events out of order.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise CorruptFile(f"{path}: not an AEDAT 2.0 file (no #!AER-DAT2.0 at its start)")
        header(file, path, b"#", _END)
        payload = file.read()
    try:
        return decode(payload)
    except CorruptFile as error:
        raise CorruptFile(f"{path}: {error}") from None
