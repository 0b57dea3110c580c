"""The one page of the comparison: verdict first, then tables, figures, audits and every command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import bioplastic
from bioplastic.learning.compare import verdict
from bioplastic.learning.compare.cells import Finished
from bioplastic.learning.compare.energy import CAVEAT
from bioplastic.learning.compare.paired import FEWEST
from bioplastic.learning.compare.table import Standing, standing
from bioplastic.learning.learner import Learner
from bioplastic.plot import compare as figures
from bioplastic.report import compare_audits as audits
from bioplastic.report import compare_panels as panels
from bioplastic.report import compare_tables as tables
from bioplastic.result import FoldedTable, Note, Panel, Result, Table

if TYPE_CHECKING:
    from bioplastic.learning.compare.grid import Grid

QUESTION = (
    "Does learning by local spikes predict as well as backprop, on the same data, with the same"
    " number of passes, and what does each symbol cost?"
)
READING = (
    "↓ lower is better, ↑ higher is better. Intervals are 95 % over paired seeds (expanded"
    " percentile bootstrap). A score is bold only if it is better than every other that ran, the"
    " paired interval of each difference excludes 0, and the sign-flip test with Holm's correction"
    " gives p ≤ 0.05 (where that few seeds against that many rivals can give such a p at all)."
    " Learners that no seed changes are compared over windows of the stream. Published rows were"
    " not run here and are never bold."
    f" Below {FEWEST} seeds there is no interval, and nothing is bold."
)

OPEN = 3
"""Tasks whose tables stand open; with more, figures are read and tables are looked up."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Everything the page shows.

    standings   one a task, in the order of the report
    finished    the cells behind them
    learners    name → recipe, for the locality audit
    commands    task → the command that runs its cells
    lacking     task → learners without a single finished cell
    older       task → learner → how many of its cells were made by older code
    left_out    task → why it was not run
    searches    name of a search log → its lines
    """

    standings: Sequence[Standing]
    finished: Sequence[Finished]
    learners: Mapping[str, Learner]
    commands: Mapping[str, str]
    lacking: Mapping[str, Sequence[str]] = field(default_factory=dict)
    older: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    searches: Mapping[str, Sequence[Mapping[str, object]]] = field(default_factory=dict)


def gather(
    chosen: Grid, finished: Sequence[Finished], commands: Mapping[str, str], folders: Sequence[Path]
) -> Comparison:
    """Rank the finished cells of a grid.

    commands   task → the command that runs its cells
    folders    where search logs lie, besides docs/figures of the checkout
    """
    standings = [
        standing(task, [f.record for f in finished if f.record.task == task.name])
        for task in chosen.tasks
    ]
    docs = Path(bioplastic.__file__).resolve().parent.parent / "docs" / "figures"
    return Comparison(
        standings=[s for s in standings if s.entries], finished=finished, commands=commands,
        learners={c.learner.name: c.learner for c in chosen.cells}, left_out=chosen.left_out,
        lacking=lacking(chosen, finished), older=older(chosen, finished),
        searches=audits.read_logs([docs, *folders]),
    )  # fmt: skip


def lacking(chosen: Grid, finished: Sequence[Finished]) -> dict[str, list[str]]:
    """Task → learners that were asked for and have no finished cell."""
    have = {(f.record.task, f.record.learner) for f in finished}
    found: dict[str, list[str]] = {}
    for task, learner in dict.fromkeys((c.task.name, c.learner.name) for c in chosen.cells):
        if (task, learner) not in have:
            found.setdefault(task, []).append(learner)
    return found


def older(chosen: Grid, finished: Sequence[Finished]) -> dict[str, dict[str, int]]:
    """Task → learner → how many of its finished cells were made by other code than is here now."""
    now = {(c.task.name, c.learner.name): c for c in chosen.cells}
    found: dict[str, dict[str, int]] = {}
    for f in finished:
        cell = now.get((f.record.task, f.record.learner))
        if cell is not None and f.code != cell.fingerprints()[1]:
            own = found.setdefault(f.record.task, {})
            own[f.record.learner] = own.get(f.record.learner, 0) + 1
    return found


def result(found: Comparison) -> Result:
    """Return what a run folder needs: headline, flat metrics, and the sections of the page."""
    return Result(
        metrics=metrics(found), headline=headline(found.standings), sections=sections(found)
    )


def headline(standings: Sequence[Standing]) -> str:
    """One sentence that counts the tasks which each kind of rule wins beyond doubt."""
    counts = dict.fromkeys(verdict.NAMES, 0)
    for s in standings:
        if s.best is not None and s.certain and s.best.group in counts:
            counts[s.best.group] += 1
    open_ = len(standings) - sum(counts.values())
    said = [f"{verdict.NAMES[g]} {n}" for g, n in counts.items()]
    tail = f", not decided {open_}" if open_ else ""
    noun = "task" if len(standings) == 1 else "tasks"
    return f"Who wins beyond doubt, over {len(standings)} {noun}: {', '.join(said)}{tail}."


def sections(found: Comparison) -> list[Panel | Table | Note]:
    """The page in reading order."""
    s = found.standings
    made: list[Panel | Table | Note] = [
        Note(key="question", title="Question", text=f"{QUESTION}\n\n{READING}"),
        tables.summary(s),
        _verdicts(found),
        _protocols(found),
        panels.each_task(
            "scores", "Every seed of every learner", s, figures.scores,
            "Marks: seeds; dots: means; bars: 95 % intervals. Blue local, purple three-factor,"
            " orange backprop, red least squares, grey floor, teal ablations; hollow and italic:"
            " published, not run. Dashed: the target that was set beforehand. A bold name wins"
            " beyond doubt.",
            height=lambda t: 0.75 + 0.17 * max(4, len(t.entries) + len(t.published)),
        ),
        panels.each_task(
            "curves", "Learning curves", s, figures.curves,
            "The best learner of each kind with the range of its seeds; all others thin, in the"
            " colour of their kind. The axis is cut where only the first tenth lies outside.",
        ),
        panels.each_task(
            "pareto", "Cost and quality", s, figures.pareto,
            "Operations of one symbol against the score; on the line nobody is beaten in both."
            " Learners that count no operation are left out.",
        ),
        *(panels.forgetting(t) for t in s if "held-out A" in panels.further(t)),
        *(panel for t in s for panel in (*panels.lesions(t), *panels.growth(t))),
        *tables.ablations(s),
        *audits.locality(found.learners),
        Note(key="changes", title="What would change the verdict", text=_changes(s)),
        tables.commands(s, found.finished, found.commands, found.older),
        Note(key="energy", title="What the energy column is", text=CAVEAT),
        *(_folded(table, len(s)) for k, t in enumerate(s) for table in (
            tables.task_table(t, like=s[0].name if k else ""), *tables.further(t)
        )),
        *(_folded(item, len(s)) for item in audits.searches(found.searches)),
        *(_folded(table, len(s)) for table in audits.audit(found.learners)),
    ]  # fmt: skip
    return made


def _folded(item: Table | Note, tasks: int) -> Table | Note:
    """The item, a table closed where there are more tasks than one reads table by table."""
    if tasks <= OPEN or not isinstance(item, Table):
        return item
    return FoldedTable(**{f.name: getattr(item, f.name) for f in fields(item)})


def _protocols(found: Comparison) -> Table:
    """What each task asks and how, then the tasks that were not run."""
    rows = [(s.name, s.question, s.protocol) for s in found.standings]
    rows += [(name, "not run", why) for name, why in found.left_out.items()]
    return Table(
        key="protocol", title="Protocol", columns=("task", "question", "protocol"), rows=rows,
        caption="Equal for every learner of a task.",
        tight=True,
    )  # fmt: skip


def _verdicts(found: Comparison) -> Table:
    """What may be said of each task."""
    rows = [(s.name, sentences(found, s)) for s in found.standings]
    have = {s.name for s in found.standings}
    rows += [(t, "Nobody was measured yet.") for t in found.lacking if t not in have]
    return Table(
        key="verdict", title="Verdict", columns=("task", "who wins, by how much, how certain"),
        rows=rows or [("none", "Nothing was run.")],
        caption="“Not told apart”: the interval of the difference holds 0; it takes"
        f" {FEWEST} seeds to have one.",
    )  # fmt: skip


def sentences(found: Comparison, s: Standing) -> str:
    """The verdict of a task, and who was not measured yet: a win is one over those who were."""
    away = found.lacking.get(s.name, ())
    more = [f"Not measured yet: {', '.join(away)}."] if away else []
    return " ".join([*verdict.sentences(s), *more])


def _changes(standings: Sequence[Standing]) -> str:
    found = [f"{s.name}: {' '.join(verdict.changes(s))}" for s in standings]
    found.append(
        "Everywhere: a defect in a counter of costs or in a baseline; a larger search for any"
        " learner; other data, for an interval over seeds speaks of the same data only."
    )
    return "\n\n".join(found)


def metrics(found: Comparison) -> dict[str, float | int]:
    """Flat figures: how many tasks each kind wins, then mean, interval and every seed."""
    flat: dict[str, float | int] = {
        "tasks": len(found.standings),
        "cells": len(found.finished),
        **{
            f"won_by_{group.replace('-', '_')}": sum(
                s.certain and s.best is not None and s.best.group == group for s in found.standings
            )
            for group in verdict.NAMES
        },
    }
    for s in found.standings:
        unit = tables.flat(s)
        for e in s.entries:
            stem = f"{s.name}_{e.learner}".replace("-", "_")
            flat[f"{stem}_{unit}".strip("_")] = e.score
            if e.interval is not None and e.interval.known:
                flat[f"{stem}_low"], flat[f"{stem}_high"] = e.interval.low, e.interval.high
            for name, value in (*e.cost.items(), *tables.mean_extra(e).items()):
                flat[f"{stem}_{name}"] = value
            for seed, score in e.scores.items():
                flat[f"{stem}_seed{seed}"] = score
    return flat
