"""Run every benchmark and print its table in Markdown; the flat figures go to figures/bench.json.

python docs/measure.py bench      puts what this prints into benchmarks.md
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from importlib import import_module
from pathlib import Path

from bioplastic import provenance
from bioplastic.commands.bench import NAMES
from bioplastic.result import Table

FIGURES = Path(__file__).resolve().parent / "figures" / "bench.json"


def markdown(table: Table) -> list[str]:
    """One table with its title and caption."""
    lines = [f"**{table.title}**", "", f"| {' | '.join(table.columns)} |"]
    lines.append(f"|{'---|' * len(table.columns)}")
    lines += [f"| {' | '.join(str(cell) for cell in row)} |" for row in table.rows]
    return [*lines, "", table.caption, ""]


def main() -> int:
    """Measure, print, write."""
    figures: dict[str, float] = {}
    for name in NAMES:
        print(f"$ bioplastic bench {name}", file=sys.stderr, flush=True)
        module = import_module(f"bioplastic.benchmarks.{name.replace('-', '_')}")
        found = module.measure(**module.FULL)
        print("\n".join(markdown(found.table)))
        for who, why in found.absent.items():
            print(f"Not measured: {who} {why}.\n")
        figures |= found.figures
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    manifest = provenance.manifest(
        name="bench", seed=1, backend="cpu", quick=False, started=datetime.now().astimezone(),
        command=["bioplastic", "bench", "all"], wall_seconds={},
    )  # fmt: skip
    git, hardware, versions = (manifest[k] or {} for k in ("git", "hardware", "versions"))
    print(
        f"*bioplastic {versions['bioplastic']}, revision {str(git.get('revision'))[:7]};"
        f" {hardware['processor']}, {hardware['cores']} cores; one run,"
        " `python docs/measure_bench.py`.*"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
