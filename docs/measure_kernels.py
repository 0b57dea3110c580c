"""Tables of `kernels-compiled.md`: what the compiler made of the Triton kernels, as Markdown.

    python docs/measure_kernels.py             every declared kernel, three targets
    python docs/measure_kernels.py roofline    lower bounds of the time on an H100, from them

`python docs/measure.py kernels roofline` puts both into the page.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import triton

from bioplastic.kernels.ahead_of_time import INSTRUCTIONS, TARGETS, measure, modules

Row = Mapping[str, Any]

FLOPS, BANDWIDTH = 67e12, 3.35e12
"""Published for the H100 SXM: fp32 operations/s (two for a lane and clock), B/s."""
ISSUE = FLOPS / 2 / 32
"""Instructions of a warp that all schedulers together can start in a second."""


def by_kernel(rows: Sequence[Row]) -> dict[str, dict[str, Row]]:
    """Kernel → target → figures."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row["kernel"], {})[row["target"]] = row
    return found


def each(cell: Callable[[Row], object]) -> Callable[[Mapping[str, Row]], str]:
    """Return a column with one figure for each target."""
    return lambda targets: " / ".join(str(cell(targets[name])) for name in TARGETS)


def special(row: Row) -> str:
    """Instructions that are told apart, with their number; a dash without any."""
    return ", ".join(f"{n} {row['found'][n]}" for n in INSTRUCTIONS if row["found"][n]) or "–"


COLUMNS: Mapping[str, Callable[[Mapping[str, Row]], str]] = {
    "warps": lambda targets: str(targets["sm_90"]["warps"]),
    "registers": each(lambda row: row["registers"]),
    "spills": each(lambda row: row["spills"]),
    "stack, B": each(lambda row: row["stack"]),
    "shared, B": each(lambda row: row["shared"]),
    "instructions": each(lambda row: row["instructions"]),
    "scalar registers, spills of them": lambda targets: "{scalar}, {scalar_spills}".format(
        **targets["gfx942"]
    ),
    "sm_90 has": lambda targets: special(targets["sm_90"]),
}


def compiled() -> list[str]:
    """Lines of the table of kernels."""
    lines = [f"| kernel | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    for name, targets in by_kernel(list(measure(modules()))).items():
        cells = [column(targets) for column in COLUMNS.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, "", source("python docs/measure_kernels.py")]


@dataclass(frozen=True, kw_only=True)
class Work:
    """A task for one kernel.

    programs   how many are started
    trips      how often a program runs the instructions of each loop depth, outermost first
    moved      bytes to and from memory, each byte once
    """

    what: str
    kernel: str
    programs: int
    trips: Sequence[int]
    moved: int


STEPS, INPUTS, NEURONS, EVENTS = 10_000, 1024, 65_536, 10_240
LAYER = f"1 s in steps of 0.1 ms, {INPUTS} inputs at 10 Hz, {NEURONS:,} neurons"
WORK = (
    Work(
        what=LAYER,
        kernel="layer, by events",
        programs=NEURONS // 128,
        trips=(1, STEPS, STEPS, STEPS * INPUTS // 32, EVENTS),
        moved=EVENTS * NEURONS + STEPS * (NEURONS + INPUTS) // 8 + 24 * NEURONS,
    ),
    Work(
        what="the same, first half of the other way",
        kernel="layer, arrivals of many steps",
        programs=(NEURONS // 64) * -(-STEPS // 32),
        trips=(1, 1, INPUTS // 32),
        moved=INPUTS * NEURONS + STEPS * INPUTS // 8 + 4 * STEPS * NEURONS,
    ),
    Work(
        what="the same, second half",
        kernel="layer, steps",
        programs=NEURONS // 128,
        trips=(1, STEPS),
        moved=4 * STEPS * NEURONS + STEPS * NEURONS // 8 + 24 * NEURONS,
    ),
    Work(
        what="one query, 1000 vectors of 100 000 bits",
        kernel="distance",
        programs=1000,
        trips=(1, -(-3125 // 256)),
        moved=1001 * 12_500 + 8000,
    ),
)


def roofline() -> list[str]:
    """Lines of the table of lower bounds."""
    rows = by_kernel(
        list(measure([m for m in modules() if m.split(".")[2] in ("feedforward", "hypervector")]))
    )
    head = ("task", "kernel", "warp instructions", "to start them, ms", "bytes", "to move them, ms")
    lines = [f"| {' | '.join(head)} |", "|---|---|---|---|---|---|"]
    for work in WORK:
        row = rows[work.kernel]["sm_90"]
        if len(row["by_depth"]) != len(work.trips):
            raise SystemExit(f"{work.kernel}: loops {row['by_depth']} for trips {work.trips}")
        one = sum(n * trips for n, trips in zip(row["by_depth"], work.trips, strict=True))
        started = one * work.programs * row["warps"]
        lines.append(
            f"| {work.what} | {work.kernel} | {started:.2g} | {1e3 * started / ISSUE:.2g} "
            f"| {work.moved:.2g} | {1e3 * work.moved / BANDWIDTH:.2g} |"
        )
    return [*lines, "", source("python docs/measure_kernels.py roofline")]


def source(command: str) -> str:
    """Return the line that says what made the table."""
    return f"*Made by `{command}` with triton {triton.__version__}; no GPU was there.*"


if __name__ == "__main__":
    print("\n".join(roofline() if sys.argv[1:] == ["roofline"] else compiled()))
