"""Event files of a whole run: `AEDAT2.write(records, folder)`, `AEDAT2.read(folder)`, and so on.

AEDAT 2.0 holds addresses as they are; its 32-bit µs clock ends after 35 minutes, and so do its
segments. AEDAT 4.0 and EVT 3.0 hold a folded view, see `bioplastic.export.aer.fold`.
"""

from __future__ import annotations

from bioplastic.export.aer import aedat2, aedat4, evt3
from bioplastic.export.aer.fold import Fold
from bioplastic.export.aer.segments import MAX_TIME, Form

AEDAT2 = Form(
    kind="bioplastic-aedat2",
    suffix="aedat",
    segment=2_000_000_000,  # µs, below 2^31
    fold=None,
    write_file=lambda path, chunks, note, fold: aedat2.write(path, chunks, note),
    read_file=lambda path, fold: aedat2.read(path),
)
AEDAT4 = Form(
    kind="bioplastic-aedat4",
    suffix="aedat4",
    segment=MAX_TIME,
    fold=lambda size: Fold.of(size, aedat4.LARGEST),
    write_file=aedat4.write,
    read_file=aedat4.read,
)
EVT3 = Form(
    kind="bioplastic-evt3",
    suffix="raw",
    segment=2_000_000_000,  # µs: 120 wraps of its 24-bit clock
    fold=lambda size: Fold.of(size, evt3.LARGEST),
    write_file=evt3.write,
    read_file=evt3.read,
)
