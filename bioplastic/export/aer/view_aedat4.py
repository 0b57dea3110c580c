"""Spikes as a folded view in AEDAT 4.0.

See `bioplastic.export.aer.fold` and `bioplastic.export.aer.segments`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bioplastic.export.aer import aedat4, segments
from bioplastic.export.aer.fold import Fold
from bioplastic.result import SpikeRecord

FORM = segments.Form(
    kind="bioplastic-aedat4",
    suffix="aedat4",
    segment=segments.MAX_TIME,
    fold=lambda size: Fold.of(size, aedat4.LARGEST),
    write=aedat4.write,
    read=aedat4.read,
)
KIND = FORM.kind


def write(records: Mapping[str, SpikeRecord], folder: Path) -> dict[str, Any]:
    """Write ordered records into an empty folder; see `segments.write`."""
    return segments.write(records, folder, FORM)


def read(folder: Path) -> dict[str, SpikeRecord]:
    """Return population -> SpikeRecord of a folder from `write`; see `segments.read`."""
    return segments.read(folder, FORM)
