"""Put finished cells of a comparison into docs/figures/cells, and print their tables in Markdown.

bioplastic compare --data DIR       makes the cells, in hours, one after the other
python docs/measure.py compare      keeps what is new, and puts what this prints into compare.md

Nothing is run here and no data are needed: what is not finished is missing from the tables, and the
last table says how much that is. Cells of older code are shown, and named.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bioplastic.commands.compare import OUT
from bioplastic.learning.compare import grid, kept
from bioplastic.learning.compare.cells import Finished, Store, started
from bioplastic.report import compare as report
from bioplastic.report import compare_tables as tables
from bioplastic.result import Table

CELLS = Path(__file__).resolve().parent / "figures" / "cells"


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


def keep(out: Path, chosen: grid.Grid) -> tuple[list[Finished], list[Path]]:
    """Put what is finished in a folder of `bioplastic compare` with the cells that are kept.

    Returns all finished cells of the grid, and the files that changed.
    """
    shelf = kept.Kept(CELLS)
    store = Store(out / "cells", behind=shelf)
    found = [f for c in chosen.cells if (f := store.load(c, any_code=True)) is not None]
    return found, shelf.put(found, chosen.cells)


def older(gathered: report.Comparison) -> list[str]:
    """The sentence about cells of older code; none where there are none."""
    found = gathered.older.items()
    said = [f"{task} {learner} ({n})" for task, own in found for learner, n in own.items()]
    if not said:
        return []
    return [
        "Made before code changed on which they depend, and not measured again since:"
        f" {', '.join(said)}.", "",
    ]  # fmt: skip


def counted(gathered: report.Comparison, chosen: grid.Grid) -> list[str]:
    """How many cells of each task are finished."""
    rows = []
    for task in chosen.tasks:
        cells = [c for c in chosen.cells if c.task is task]
        have = {(f.record.learner, f.record.seed) for f in gathered.finished
                if f.record.task == task.name}  # fmt: skip
        lacking: dict[str, int] = {}
        for c in cells:
            if (c.learner.name, c.seed) not in have:
                lacking[c.learner.name] = lacking.get(c.learner.name, 0) + 1
        said = ", ".join(f"{who} ({n})" for who, n in lacking.items()) or "none"
        rows.append((task.name, f"{len(have)} of {len(cells)}", said))
    return markdown(
        Table(
            key="count",
            title="",
            caption="",
            columns=("task", "cells", "not finished (seeds)"),
            rows=rows,
        )
    )


def main(arguments: Sequence[str]) -> int:
    """Keep what is finished; print summary, verdicts and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", help="default: every task whose data are there")
    parser.add_argument("--out", type=Path, default=OUT, help=f"where cells lie, default {OUT}")
    asked = parser.parse_args(arguments)
    chosen = grid.choose(asked.tasks, data=False)
    found, changed = keep(asked.out, chosen)
    for path in changed:
        print(f"{path.name}: kept", file=sys.stderr)
    if not found:
        raise SystemExit(
            f"no finished cell in {asked.out} or {CELLS}: run bioplastic compare first"
        )
    gathered = report.gather(chosen, found, {}, [])
    lines = markdown(tables.summary(gathered.standings))
    for s in gathered.standings:
        lines += [f"**{s.name}.** {report.sentences(gathered, s)}", ""]
    lines += [*counted(gathered, chosen), *older(gathered)]
    made = max(found, key=started).made
    git, hardware, versions = (made[k] or {} for k in ("git", "hardware", "versions"))
    revision = str(git.get("revision", "unknown"))[:7] + "+ changes" * bool(git.get("dirty"))
    lines.append(
        f"*{len(found)} of {len(chosen.cells)} cells, made by `bioplastic compare`, kept in"
        f" `docs/figures/cells`; bioplastic {versions['bioplastic']}, latest revision {revision};"
        f" {hardware['processor']}, {hardware['cores']} cores; `python docs/measure_compare.py`.*"
    )
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
