"""Spikes as a folded view in EVT 3.0.

See `bioplastic.export.aer.fold` and `bioplastic.export.aer.segments`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bioplastic.export.aer import evt3, segments
from bioplastic.export.aer.fold import Fold
from bioplastic.result import SpikeRecord

FORM = segments.Form(
    kind="bioplastic-evt3",
    suffix="raw",
    segment=2_000_000_000,  # µs: 120 wraps of its 24-bit clock
    fold=lambda size: Fold.of(size, evt3.LARGEST),
    write=evt3.write,
    read=evt3.read,
)
KIND = FORM.kind


def write(records: Mapping[str, SpikeRecord], folder: Path) -> dict[str, Any]:
    """Write ordered records into an empty folder; see `segments.write`."""
    return segments.write(records, folder, FORM)


def read(folder: Path) -> dict[str, SpikeRecord]:
    """Return population -> SpikeRecord of a folder from `write`; see `segments.read`."""
    return segments.read(folder, FORM)
