"""What files of events share: chunks that follow each other, and text lines before the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from bioplastic.errors import CorruptFile, UsageError
from bioplastic.export.aer.address import increasing

Events = tuple[np.ndarray, np.ndarray]
"""Times in µs from the start of the file, and addresses: (E,) int64 each, in canonical order."""
_MAX_HEADER = 2**16


def following(chunks: Iterable[Events]) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Walk the chunks that hold events: times, addresses, and the time of the event before or −1.

    Raises UsageError unless the events increase by (time, address), from chunk to chunk too.
    """
    last = np.array([-1]), np.array([-1])
    for time, address in chunks:
        if not len(time):
            continue
        joint = [np.concatenate([a, b]) for a, b in zip(last, (time, address), strict=True)]
        if not increasing(*joint):
            raise UsageError("events must be ordered by (time, address), none twice")
        yield time, address, int(last[0][0])
        last = time[-1:], address[-1:]


def header(file: BinaryIO, path: Path, mark: bytes, end: bytes) -> list[bytes]:
    """Read the lines of a header up to its last one, `end`; leave the file behind it.

    mark   how each line begins; each must end as `end` does
    Raises CorruptFile where other bytes come first, or nothing ends the header in 64 KiB.
    """
    newline = b"\r\n" if end.endswith(b"\r\n") else b"\n"
    lines: list[bytes] = []
    while (line := file.readline(_MAX_HEADER)) != end:
        if not line.startswith(mark) or not line.endswith(newline) or file.tell() > _MAX_HEADER:
            raise CorruptFile(f"{path}: the header has no end")
        lines.append(line)
    return lines
