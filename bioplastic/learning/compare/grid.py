"""Which cells a comparison has, and how they are run: once each, kept as soon as they finish."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from bioplastic import config, provenance
from bioplastic.errors import BioplasticError, UsageError, nearest
from bioplastic.learning.compare.cells import Cell, Finished, Store
from bioplastic.learning.compare.progress import Progress
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.learners import LEARNERS
from bioplastic.learning.learners import learner as by_name
from bioplastic.learning.prequential import Unavailable
from bioplastic.learning.task import MissingData, Record, Task
from bioplastic.learning.tasks import TASKS, task

NEEDS_A_NAME = ("file",)
"""Tasks that make no sense until somebody says on what; no default comparison has them."""

ABLATED = ("kjv",)
"""Tasks on which the ablations run without being asked for."""

GROUPS = ("all", "ablations")

QUICK: Mapping[str, Mapping[str, Any]] = {
    "kjv": {"symbols": 600, "warm_up": 100},
    "continual": {"symbols": 300, "probe": 100, "window": 50},
    "lesion": {"train": 400, "test": 100},
}
"""Toy sizes on bundled data; a task class may name its own as QUICK."""

QUICK_LEARNERS = ("attention", "unigram", "ngram", "suffix_table")


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """The cells of a comparison.

    tasks     in the order of the report
    cells     every task × learner × seed
    left_out  task → why it is not there: its data are missing and nobody named it
    """

    tasks: tuple[Task, ...]
    cells: tuple[Cell, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


def choose(
    names: Sequence[str] = (),
    *,
    learners: Sequence[str] = (),
    seeds: int | None = None,
    first_seed: int = 1,
    quick: bool = False,
    settings: Sequence[str] = (),
    data: bool = True,
) -> Grid:
    """Return the cells that were asked for, after every question that can be refused was refused.

    names       tasks; none: every task whose data are there (quick: the tasks of QUICK)
    learners    names, and the words "all" and "ablations"; none: all, see `_chosen`
    seeds       how many; None: as many as each task asks for (quick: 2)
    first_seed  the seeds are first_seed, first_seed + 1, …
    settings    "task.key=value" texts: sizes and paths of tasks
    data        whether to look for the data of the tasks; a page of finished cells needs none
    Raises UsageError for unknown names, offering the nearest, and for seeds < 1; MissingData,
    naming every file, for tasks that were named and lack one.
    """
    if seeds is not None and seeds < 1:
        raise UsageError(f"seeds = {seeds}: a comparison needs at least 1")
    provenance.seed_tree(first_seed)
    changed = _by_task(settings)
    wanted = list(dict.fromkeys(names)) or (list(QUICK) if quick else _default())
    for name in (*wanted, *changed):
        if name not in TASKS:
            raise UsageError(f"no task {name!r}{nearest(name, TASKS)}")
    for name in changed:
        if name not in wanted:
            raise UsageError(f"{name}: a setting was given, but the task is not among those to run")
    tasks = [make(name, changed.get(name, ()), quick=quick) for name in wanted]
    left_out: dict[str, str] = {}
    if data:
        tasks, left_out = _checked(tasks, named=bool(names) or quick)
    cells: list[Cell] = []
    each = _chosen(tasks, learners, quick=quick and not names)
    for one, taking in zip(tasks, each, strict=True):
        count = seeds or (2 if quick else one.seeds)
        for learner in taking:
            cells += [Cell(task=one, learner=learner, seed=first_seed + k) for k in range(count)]
    return Grid(tasks=tuple(tasks), cells=tuple(cells), left_out=left_out)


def make(name: str, overrides: Sequence[str] = (), *, quick: bool = False) -> Task:
    """Return a task with its settings changed; UsageError for an unknown key or a wrong value."""
    module, _, kind = TASKS[name].partition(":")
    cls: Any = getattr(import_module(f"bioplastic.learning.tasks.{module}"), kind)
    toy = dict(getattr(cls, "QUICK", None) or QUICK.get(name, {})) if quick else {}
    if not overrides:
        return task(name, **toy)
    made: Task = config.configure(cls, overrides, base={"name": name, **toy}, where=name)
    return made


def _default() -> list[str]:
    return [name for name in TASKS if name not in NEEDS_A_NAME]


def _by_task(settings: Sequence[str]) -> dict[str, list[str]]:
    """Sort "task.key=value" by task."""
    found: dict[str, list[str]] = {}
    for text in settings:
        left, equals, value = text.partition("=")
        name, dot, key = left.strip().partition(".")
        if not (equals and dot and key):
            raise UsageError(f"{text!r} must be written task.key=value")
        found.setdefault(name, []).append(f"{key}={value}")
    return found


def _checked(tasks: Sequence[Task], *, named: bool) -> tuple[list[Task], dict[str, str]]:
    """Check every task now; those without data are an error if they were named, else left out."""
    good, missing = [], {}
    for one in tasks:
        try:
            one.check()
        except MissingData as error:
            missing[one.name] = str(error)
        else:
            good.append(one)
    if missing and (named or not good):
        raise MissingData("; ".join(f"{name}: {why}" for name, why in missing.items()))
    return good, missing


def ablations() -> list[str]:
    """Names of all learners with a part removed."""
    return [name for name in LEARNERS if "_no_" in name]


def _chosen(tasks: Sequence[Task], asked: Sequence[str], *, quick: bool) -> list[list[Learner]]:
    """The learners of each task, in its order, then those that were asked for beyond its list.

    asked   names; "all": those of the task; "ablations": see `ablations`; none: the quick few, or
            "all", and on the tasks of ABLATED the ablations too
    A name that takes part somewhere takes part there; one that takes part nowhere is made with its
    defaults and tried on every task. UsageError, with the nearest, for a name that nobody bears.
    """
    if quick and not asked:
        # made by name, without the others, whose libraries load longer than a first look may last
        return [[by_name(name) for name in QUICK_LEARNERS] for _ in tasks]
    taking = [{x.name: x for x in one.learners()} for one in tasks]
    somewhere = {name for own in taking for name in own}
    found = []
    for one, own in zip(tasks, taking, strict=True):
        words = list(asked) or ["all", *(["ablations"] if one.name in ABLATED else [])]
        names = [w for w in words if w not in GROUPS]
        names += ablations() if "ablations" in words else []
        for name in names:
            if name not in somewhere and name not in LEARNERS:
                raise UsageError(f"no learner {name!r}{nearest(name, {*somewhere, *GROUPS})}")
        chosen = [x for x in own.values() if "all" in words or x.name in names]
        more = [n for n in names if n not in somewhere]
        found.append([*chosen, *(by_name(n) for n in dict.fromkeys(more))])
    return found


def run(
    cells: Sequence[Cell],
    store: Store,
    *,
    jobs: int = 1,
    any_code: bool = False,
    say: Callable[[Progress], None] = lambda _: None,
) -> list[Finished]:
    """Run every cell that is not finished, and return all of them in the order of `cells`.

    jobs      processes; the figures do not depend on it, seconds do
    any_code  take finished cells with equal settings that an earlier version of the code made
    say       called for each cell
    A learner that cannot run or diverges becomes a record with a note. A defect in one cell is a
    record with a note too, so that the others go on, but it is not stored: the next run tries
    again. KeyboardInterrupt passes through; what was finished stays.
    """
    if jobs < 1:
        raise UsageError(f"jobs = {jobs}: at least 1 process is needed")
    found: dict[int, Finished] = {}
    for k, cell in enumerate(cells):
        kept = store.load(cell, any_code=any_code)
        if kept is not None:
            found[k] = kept
            say(Progress(cell=cell, finished=kept, done=len(found), total=len(cells), fresh=False))
    todo = [k for k in range(len(cells)) if k not in found]
    work = _here if jobs == 1 or len(todo) < 2 else _in_processes
    for k, finished in work(cells, todo, jobs):
        if not is_defect(finished.record):
            store.save(finished)
        found[k] = finished
        say(
            Progress(
                cell=cells[k], finished=finished, done=len(found), total=len(cells), fresh=True
            )
        )
    return [found[k] for k in range(len(cells))]


def _here(cells: Sequence[Cell], todo: list[int], jobs: int) -> Iterator[tuple[int, Finished]]:
    for k in todo:
        yield k, measure(cells[k])


def _in_processes(
    cells: Sequence[Cell], todo: list[int], jobs: int
) -> Iterator[tuple[int, Finished]]:
    """Run cells in fresh processes, which leave an interrupt to their parent."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_ignore_interrupts)
    try:
        waiting: dict[Future[Finished], int] = {pool.submit(measure, cells[k]): k for k in todo}
        for future in as_completed(waiting):
            k = waiting[future]
            try:
                yield k, future.result()
            except Exception as error:  # the process died, or the record could not be sent
                yield k, _finished(cells[k], _failed(cells[k], error), 0.0, _now())
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    pool.shutdown()


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def measure(cell: Cell) -> Finished:
    """Run one cell; whatever goes wrong is in the note of its record."""
    started, clock = _now(), time.perf_counter()
    try:
        record = cell.task.measure(cell.learner, seed=cell.seed)
        record = replace(
            record, task=cell.task.name, learner=cell.learner.name, seed=cell.seed,
            settings={**cell.learner.settings(), **record.settings},
        )  # fmt: skip
        if not np.isfinite(record.score) and not record.note:
            record = replace(record, note=f"diverged: score {record.score}")
    except Unsuited as reason:
        record = _empty(cell, f"unsuited: {reason}")
    except Unavailable as reason:
        record = _empty(cell, f"unavailable: {reason}")
    except (FloatingPointError, OverflowError) as error:
        record = _empty(cell, f"diverged: {error}")
    except BioplasticError as error:
        record = _empty(cell, f"refused: {error}")
    except Exception as error:
        record = _failed(cell, error)
    return _finished(cell, record, time.perf_counter() - clock, started)


DEFECT = "failed: "


def is_defect(record: Record) -> bool:
    """Whether a record only says that the code failed; such a cell is tried again."""
    return record.note.startswith(DEFECT)


def _failed(cell: Cell, error: Exception) -> Record:
    return _empty(cell, f"{DEFECT}{type(error).__name__}: {' '.join(str(error).split())}")


def _empty(cell: Cell, note: str) -> Record:
    return Record(
        task=cell.task.name, learner=cell.learner.name, rule=cell.learner.rule, seed=cell.seed,
        score=float("nan"), cost=None, note=note, settings=cell.learner.settings(),
    )  # fmt: skip


def _finished(cell: Cell, record: Record, wall: float, started: str) -> Finished:
    settings, code = cell.fingerprints()
    made = {
        "started": started, "wall_seconds": round(wall, 3), **_here_and_now(),
        "settings": cell.settings(),
    }  # fmt: skip
    return Finished(record=record, settings=settings, code=code, made=made)


@cache
def _here_and_now() -> dict[str, Any]:
    """Revision, versions and machine; asked once, as the code of a process does not change."""
    return {
        "git": provenance.git_state(), "versions": provenance.versions(),
        "hardware": provenance.hardware(),
    }  # fmt: skip


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
