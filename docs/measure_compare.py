"""Print the tables of the finished cells of a comparison in Markdown.

bioplastic compare --data DIR       makes the cells, in hours, one after the other
python docs/measure.py compare      puts what this prints into compare.md

Nothing is run here: what is not finished in runs/compare is missing from the tables, and the last
line says how much that is. Of several cells with equal names the newest counts.
"""

from __future__ import annotations

import re
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

    def plain(cell: object) -> str:
        return str(cell).replace("|", "\\|")

    for r, row in enumerate(table.rows):
        cells = [
            f"**{plain(cell)}**" if (r, c) in table.bold else plain(cell)
            for c, cell in enumerate(row)
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def main(arguments: Sequence[str]) -> int:
    """Print summary and verdicts of what is finished.

    arguments   names of tasks; none: every task whose data are there
    """
    chosen = grid.choose(arguments)
    wanted = {(c.task.name, c.learner.name) for c in chosen.cells}
    newest = Store(Path(OUT) / "cells").newest()
    found = [f for f in newest if (f.record.task, f.record.learner) in wanted]
    if not found:
        raise SystemExit(f"no finished cell in {OUT}: run bioplastic compare first")
    gathered = report.gather(chosen, found, {}, [])
    lines = markdown(tables.summary(gathered.standings))
    for s in gathered.standings:
        lines += [f"**{s.name}.** {' '.join(verdict.sentences(s))}", ""]
    for name, why in chosen.left_out.items():
        told = re.sub(r" \(looked at [^)]*\)", "", why)  # folders of this machine
        lines += [f"**{name}** was not run: {told}.", ""]
    made = found[-1].made
    git, hardware, versions = (made[k] or {} for k in ("git", "hardware", "versions"))
    revision = str(git.get("revision", "unknown"))[:7] + "+ changes" * bool(git.get("dirty"))
    lines.append(
        f"*{len(found)} of {len(chosen.cells)} cells, made by `bioplastic compare`;"
        f" bioplastic {versions['bioplastic']}, last revision {revision};"
        f" {hardware['processor']}, {hardware['cores']} cores; `python docs/measure_compare.py`.*"
    )
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
