"""Address-events of a run in AEDAT 2.0: segments of 2000 s, see `bioplastic.export.aer.segments`.

A 32-bit µs clock ends after 35 minutes; a segment alone is an ordinary AEDAT 2.0 file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bioplastic.export.aer import aedat2, segments
from bioplastic.result import SpikeRecord

FORM = segments.Form(
    kind="bioplastic-aedat2",
    suffix="aedat",
    segment=2_000_000_000,  # µs, below 2^31
    fold=None,
    write=lambda path, chunks, note, fold: aedat2.write(path, chunks, note),
    read=lambda path, fold: aedat2.read(path),
)
KIND, SEGMENT = FORM.kind, FORM.segment


def write(records: Mapping[str, SpikeRecord], folder: Path) -> dict[str, Any]:
    """Write ordered records into an empty folder; see `segments.write`."""
    return segments.write(records, folder, FORM)


def read(folder: Path) -> dict[str, SpikeRecord]:
    """Return population -> SpikeRecord of a folder from `write`; see `segments.read`."""
    return segments.read(folder, FORM)
