"""Run the comparison and print its tables in Markdown; finished cells are taken as they are.

python docs/measure.py compare      puts what this prints into compare.md

Cells are kept in runs/compare, as by `bioplastic compare`; whatever is finished there with these
settings and this code is not run again, so an interrupted measurement goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bioplastic.commands.compare import OUT
from bioplastic.learning.compare import grid, verdict
from bioplastic.learning.compare.cells import Store
from bioplastic.report import compare as report
from bioplastic.report import compare_tables as tables
from bioplastic.result import Table


def markdown(table: Table) -> list[str]:
    """One table; cells that win are bold."""
    lines = [f"| {' | '.join(table.columns)} |", f"|{'---|' * len(table.columns)}"]
    for r, row in enumerate(table.rows):
        cells = [f"**{cell}**" if (r, c) in table.bold else str(cell) for c, cell in enumerate(row)]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def note(progress: grid.Progress) -> None:
    """One line for each cell, out of the way of the tables."""
    print(f"{progress.done}/{progress.total} {progress.cell.name}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run what is missing, print summary and verdicts.

    arguments   names of tasks; none: every task whose data are there
    """
    chosen = grid.choose(arguments)
    found = grid.run(chosen.cells, Store(Path(OUT) / "cells"), say=note)
    gathered = report.gather(chosen, found, {}, [])
    lines = markdown(tables.summary(gathered.standings))
    for s in gathered.standings:
        lines += [f"**{s.name}.** {' '.join(verdict.sentences(s))}", ""]
    for name, why in chosen.left_out.items():
        lines += [f"**{name}** was not run: {why}.", ""]
    made = found[-1].made
    git, hardware, versions = (made[k] or {} for k in ("git", "hardware", "versions"))
    revision = str(git.get("revision", "unknown"))[:7] + "+ changes" * bool(git.get("dirty"))
    lines.append(
        f"*{len(found)} cells; bioplastic {versions['bioplastic']}, last revision {revision};"
        f" {hardware['processor']}, {hardware['cores']} cores; `python docs/measure_compare.py`.*"
    )
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
