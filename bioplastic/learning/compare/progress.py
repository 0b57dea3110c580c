"""How far a comparison is: one line for each finished cell."""

from __future__ import annotations

from dataclasses import dataclass

from bioplastic.learning.compare.cells import Cell, Finished


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One finished cell, for a line on the screen.

    done, total   cells behind, cells in all        fresh   False: it was there already
    """

    cell: Cell
    finished: Finished
    done: int
    total: int
    fresh: bool


def show(progress: Progress) -> None:
    """Print one line for a finished cell."""
    r, c = progress.finished.record, progress.cell
    figure = f"{r.score:.4g} {c.task.metric.unit}" if r.score == r.score else ""
    seconds = progress.finished.made.get("wall_seconds")
    how = f"{seconds:.1f} s" if progress.fresh and isinstance(seconds, float) else "kept"
    said = "  ".join(x for x in (figure, r.note) if x)
    print(f"[{progress.done}/{progress.total}] {c.name}: {said} ({how})", flush=True)
