"""`bioplastic compare [TASK …]`: every learner on every task, finished cells kept, one page."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bioplastic.errors import BioplasticError, UsageError

if TYPE_CHECKING:
    from bioplastic.learning.compare.cells import Store
    from bioplastic.learning.compare.grid import Grid

OUT = Path("runs") / "compare"


def add_parser(verbs: Any) -> None:
    """Declare the verb and its options."""
    parser = verbs.add_parser("compare", help="measure learners side by side, write one page")
    parser.add_argument(
        "tasks", nargs="*", metavar="TASK", help="default: every task whose data are there"
    )
    parser.add_argument(
        "--learners", default="", metavar="A,B", help="or all, ablations; default: all"
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="how many; default: the task's")
    parser.add_argument("--seed", type=int, default=1, metavar="K", help="the first one, default 1")
    parser.add_argument(
        "--set", action="append", default=[], metavar="TASK.KEY=VALUE", dest="overrides",
        help="change a setting of a task, e.g. kjv.symbols=20000; repeatable",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help=f"default {OUT}")
    parser.add_argument("--data", type=Path, metavar="DIR", help="datasets; sets BIOPLASTIC_DATA")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes, default 1")
    parser.add_argument("--quick", action="store_true", help="toy size, for a first look")
    parser.add_argument("--list", action="store_true", help="tasks, learners, what is finished")
    parser.add_argument(
        "--report-only", action="store_true", help="a page of the finished cells; runs nothing"
    )
    parser.add_argument(
        "--any-code", action="store_true",
        help="take finished cells with equal settings that an earlier version of the code made",
    )  # fmt: skip
    parser.set_defaults(verb=main)


def main(arguments: argparse.Namespace) -> int:
    """Check everything, run what is not finished, write the page."""
    from bioplastic.learning.compare import grid, kept
    from bioplastic.learning.compare.cells import Store

    if arguments.jobs < 1:
        raise UsageError(f"--jobs {arguments.jobs}: at least 1 process is needed")
    if arguments.data is not None:
        if not arguments.data.is_dir():
            raise UsageError(f"--data {arguments.data}: no such folder")
        os.environ["BIOPLASTIC_DATA"] = str(arguments.data.resolve())
    if arguments.out.exists() and not arguments.out.is_dir():
        raise UsageError(f"--out {arguments.out}: exists and is not a folder")
    learners = [name.strip() for name in arguments.learners.split(",") if name.strip()]
    chosen = grid.choose(
        arguments.tasks, learners=learners, seeds=arguments.seeds, first_seed=arguments.seed,
        quick=arguments.quick, settings=arguments.overrides, data=not arguments.report_only,
    )  # fmt: skip
    store = Store(arguments.out / "cells", behind=kept.of_checkout())
    if arguments.list:
        return _list(chosen, store, any_code=arguments.any_code)
    for name, why in chosen.left_out.items():
        print(f"left out, {name}: {why}", file=sys.stderr)
    return _compare(arguments, chosen, store)


def _compare(arguments: argparse.Namespace, chosen: Grid, store: Store) -> int:
    from bioplastic.learning.compare import grid
    from bioplastic.learning.compare.progress import show

    started, clock = datetime.now().astimezone(), time.perf_counter()
    if arguments.report_only:
        kept = (store.load(c, any_code=True) for c in chosen.cells)
        found = [f for f in kept if f is not None]
        if not found:
            raise UsageError(
                f"--report-only: neither {store.folder} nor docs/figures/cells has a finished cell"
                " of these tasks with these settings"
            )
    else:
        try:
            found = grid.run(
                chosen.cells, store, jobs=arguments.jobs, any_code=arguments.any_code, say=show
            )
        except KeyboardInterrupt:
            done = sum(store.load(c) is not None for c in chosen.cells)
            print(
                f"bioplastic: interrupted; {done} of {len(chosen.cells)} cells are finished in"
                f" {store.folder}; the same command goes on from there",
                file=sys.stderr,
            )
            return 130
    folder = _write(arguments, chosen, found, started, time.perf_counter() - clock)
    if arguments.quick:
        print("toy size (--quick): the figures show that it works, not what it can do")
    print(f"report: {folder}")
    broken = [f.record for f in found if grid.is_defect(f.record)]
    if broken:
        first = broken[0]
        raise BioplasticError(
            f"{len(broken)} of {len(found)} cells failed and are not kept, first {first.task}"
            f" {first.learner} seed {first.seed}: {first.note.removeprefix(grid.DEFECT)}"
        )
    return 0


def _write(
    arguments: argparse.Namespace,
    chosen: Grid,
    found: Sequence[Any],
    started: datetime,
    wall: float,
) -> Path:
    """Write the page as a run folder beside the cells; return the path of the page."""
    from bioplastic import provenance, runs
    from bioplastic.report import compare as report

    commands = {t.name: _command(arguments, t.name) for t in chosen.tasks}
    result = report.result(report.gather(chosen, found, commands, [arguments.out]))
    print(result.headline)
    lines = ["[tasks]", *(f"{t.name} = {_quoted(t)}" for t in chosen.tasks)]
    manifest = provenance.manifest(
        name="compare", seed=arguments.seed, backend="each learner's own", quick=arguments.quick,
        command=arguments.command, started=started, wall_seconds={"run": wall},
    )  # fmt: skip
    out = arguments.out / f"report-{started:%Y%m%d-%H%M%S}"
    return runs.write_run(
        out, name="compare", result=result, config_text="\n".join(lines) + "\n", manifest=manifest
    ).report


def _quoted(task: Any) -> str:
    import json

    return json.dumps(repr(task), ensure_ascii=False)


def _command(arguments: argparse.Namespace, task: str) -> str:
    """The command that runs the cells of one task."""
    words = ["bioplastic", "compare", task]
    words += [
        w for text in arguments.overrides if text.startswith(f"{task}.") for w in ("--set", text)
    ]
    if arguments.learners:
        words += ["--learners", arguments.learners]
    if arguments.seeds is not None:
        words += ["--seeds", str(arguments.seeds)]
    if arguments.seed != 1:
        words += ["--seed", str(arguments.seed)]
    if arguments.quick:
        words += ["--quick"]
    if arguments.out != OUT:
        words += ["--out", str(arguments.out)]
    return shlex.join(words)


def _list(chosen: Grid, store: Store, *, any_code: bool) -> int:
    """Print tasks with their questions, learners, and how many cells are finished."""
    for task in chosen.tasks:
        cells = [c for c in chosen.cells if c.task is task]
        done = sum(store.load(c, any_code=any_code) is not None for c in cells)
        print(f"{task.name}: {task.question}")
        print(f"  {task.metric.name} ({task.metric.unit}); {done} of {len(cells)} cells finished")
        print(f"  learners: {', '.join(dict.fromkeys(c.learner.name for c in cells))}")
    for name, why in chosen.left_out.items():
        print(f"{name}: left out: {why}")
    return 0
