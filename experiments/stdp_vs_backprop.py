"""Does learning by local spikes predict as well as backprop, and what does a symbol cost?

The comparison of `bioplastic compare` as one experiment: the same tasks, learners and page, with
the seeds from `--seed` on. The default takes hours on one core; `cells=FOLDER` keeps what is
finished, in the form of `bioplastic compare --out`, so that it goes on where it was stopped.
How to read the page stands in docs/compare.md.
"""

if __name__ != "bioplastic.experiments.stdp_vs_backprop":
    raise ImportError("import bioplastic.experiments.stdp_vs_backprop")

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bioplastic.config import setting
from bioplastic.learning.compare import grid, kept
from bioplastic.learning.compare.cells import Store
from bioplastic.learning.compare.progress import show
from bioplastic.report import compare as report
from bioplastic.result import Result, Table

QUICK = {"tasks": "", "seeds": 2, "toy": True}
BACKENDS = ("cpu",)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which tasks, which learners, how many seeds."""

    tasks: str = setting("kjv,alice29", help="names with commas; empty: all whose data are there")
    learners: str = setting("", help="names with commas, all, ablations; empty: all")
    seeds: int = setting(0, low=0, high=100, help="how many; 0: as many as each task asks for")
    jobs: int = setting(1, low=1, high=256, help="processes")
    cells: str = setting("", help="folder that keeps finished cells; empty: none is kept")
    toy: bool = setting(False, help="toy sizes, and the floors beside attention only")


@dataclass(frozen=True)
class Plan:
    """What is going to be run, for --dry-run."""

    grid: grid.Grid

    def table(self) -> Table:
        """Tasks with their learners and seeds."""
        rows = []
        for task in self.grid.tasks:
            mine = [c for c in self.grid.cells if c.task is task]
            names = dict.fromkeys(c.learner.name for c in mine)
            rows.append((task.name, len(names), len({c.seed for c in mine}), ", ".join(names)))
        return Table(
            key="cells", title="Cells", caption=f"{len(self.grid.cells)} cells, each run once.",
            columns=("task", "learners", "seeds", "who"), rows=rows,
        )  # fmt: skip


def describe(config: Config, *, seed: int) -> Plan:
    """The cells, after every name and file was checked."""
    return Plan(
        grid.choose(
            _names(config.tasks), learners=_names(config.learners), seeds=config.seeds or None,
            first_seed=seed, quick=config.toy,
        )
    )  # fmt: skip


def run(config: Config, *, seed: int, backend: str) -> Result:
    """Run the cells that are not finished, and put the page together."""
    chosen = describe(config, seed=seed).grid
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(config.cells) if config.cells else Path(scratch)
        store = Store(out / "cells", behind=kept.of_checkout())
        found = grid.run(chosen.cells, store, jobs=config.jobs, say=show)
        return report.result(report.gather(chosen, found, _commands(config, seed, chosen), [out]))


def _commands(config: Config, seed: int, chosen: grid.Grid) -> dict[str, str]:
    """The same cells by `bioplastic compare`."""
    rest = f" --learners {config.learners}" if config.learners else ""
    rest += f" --seeds {config.seeds}" if config.seeds else ""
    rest += f" --seed {seed}" if seed != 1 else ""
    rest += " --quick" if config.toy else ""
    return {t.name: f"bioplastic compare {t.name}{rest}" for t in chosen.tasks}


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
