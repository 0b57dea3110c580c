"""Who stands where on one task: entries with intervals, the best, and whether that is certain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np

from bioplastic.learning.compare.energy import Energy, energy
from bioplastic.learning.compare.paired import Interval, Paired, compare, holm, interval
from bioplastic.learning.task import (
    Literature,
    Metric,
    Published,
    Record,
    Reviewed,
    Target,
    Task,
)

GROUPS = ("local", "three-factor", "backprop", "least-squares", "floor", "ablation")
"""Order of the tables. "floor": what learns no weights, such as counts, a suffix table, kNN."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One learner on one task, all its seeds.

    scores    seed → score, nan where there is none
    notes     seed → why a figure is missing or bad; seeds without a note are left out
    interval  None unless every seed has a finite score: nobody is judged by the seeds it survived
    cost      name → mean over seeds of what one symbol costs, and sizes; {} where nothing counted
    energy    of the first seed that counted its cost
    x, y      (W,) learning curve, mean over seeds; low, high (W,) the range of all seeds
    fresh     each seed met other data
    """

    learner: str
    rule: str
    group: str
    records: tuple[Record, ...]
    scores: Mapping[int, float]
    notes: Mapping[int, str]
    interval: Interval | None
    cost: Mapping[str, float]
    energy: Energy | None
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    fresh: bool = False

    @property
    def score(self) -> float:
        """Mean over all seeds, nan where one is missing."""
        return self.interval.mean if self.interval is not None else float("nan")

    @property
    def note(self) -> str:
        """One note for the table: that of all seeds, or of how many."""
        if not self.notes:
            return ""
        text = next(iter(self.notes.values()))
        of = len(self.scores)
        return text if len(self.notes) == of else f"{len(self.notes)} of {of} seeds: {text}"

    @property
    def windows(self) -> np.ndarray | None:
        """Means over stretches of the stream, where the score is their mean; else None."""
        if len(self.x) < 2 or not np.isfinite(self.y).all():
            return None
        mean = float(np.average(self.y, weights=np.diff(self.x, prepend=0.0)))
        return self.y if np.isclose(mean, self.score, rtol=1e-6, atol=0.0) else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """All entries of a task, by group and then best first.

    best     the best mean of all that ran on the full task, None where nobody has one
    pairs    learner → the best against it       corrected   learner → p after Holm's correction
    certain  the best is better than *every* other, beyond doubt: only then its number is bold
    """

    name: str
    question: str
    protocol: str
    metric: Metric
    published: tuple[Published, ...]
    literature: tuple[Literature, ...]
    target: Target | None
    entries: tuple[Entry, ...]
    best: Entry | None
    pairs: Mapping[str, Paired]
    corrected: Mapping[str, float]
    certain: bool

    def better(self, a: float, b: float) -> bool:
        """Whether score a is strictly better than b; never where one is missing."""
        return a < b if self.metric.lower_is_better else a > b

    def first(self, group: str) -> Entry | None:
        """The best entry of a group, or None."""
        found = [e for e in self.entries if e.group == group and e.interval is not None]
        return found[0] if found else None

    def bold(self, entry: Entry) -> bool:
        """Whether this entry's score is printed bold."""
        return self.certain and entry is self.best

    @property
    def doubtful(self) -> list[str]:
        """Rivals that the best cannot be told apart from."""
        return [
            e.learner
            for e in self.entries
            if self.best is not None and e.learner in self.pairs and not self.apart(self.best, e)
        ]

    def apart(self, a: Entry, b: Entry) -> bool:
        """Whether two entries differ beyond doubt; with the best, by the corrected p."""
        other = b if a is self.best else a
        if self.best not in (a, b) or other.learner not in self.pairs:
            return versus(a, b).clear()
        pair, p = self.pairs[other.learner], self.corrected[other.learner]
        return a.score != b.score and pair.clear(p, len(self.pairs))

    @property
    def unit(self) -> str:
        """Unit with the arrow that says which way is better."""
        arrow = "↓" if self.metric.lower_is_better else "↑"
        return f"{self.metric.unit or self.metric.name} {arrow}"


def group_of(record: Record) -> str:
    """The group of the tables; a learner with a part removed is an ablation, whatever its rule."""
    if record.settings.get("ablates") or "_no_" in record.learner or "shuffled" in record.learner:
        return "ablation"
    return "floor" if record.rule == "none" else record.rule


def entry(records: Sequence[Record], *, fresh: bool = False) -> Entry:
    """Put the seeds of one learner together; `fresh` as in `Task`."""
    ordered = tuple(sorted(records, key=lambda r: r.seed))
    scores = {r.seed: float(r.score) for r in ordered}
    whole = bool(np.isfinite(list(scores.values())).all())
    costs = [r.cost for r in ordered if r.cost is not None]
    each = [c.per_symbol() for c in costs]
    x, y, low, high = _curve(ordered)
    return Entry(
        learner=ordered[0].learner, rule=ordered[0].rule, group=group_of(ordered[0]),
        records=ordered, scores=scores, notes={r.seed: r.note for r in ordered if r.note},
        interval=interval(list(scores.values()), fresh=fresh) if whole else None, fresh=fresh,
        cost={k: fmean(c[k] for c in each) for k in each[0]} if each else {},
        energy=energy(costs[0]) if costs else None,
        x=x, y=y, low=low, high=high,
    )  # fmt: skip


def _curve(records: Sequence[Record]) -> tuple[np.ndarray, ...]:
    """Mean and range of the learning curves; of the seeds whose windows are those of the first."""
    first = np.asarray(records[0].x, dtype=np.float64)
    rows = [r.y for r in records if np.array_equal(r.x, first) and len(r.y) == len(first)]
    if len(first) == 0 or not rows:
        return (np.zeros(0),) * 4
    stack = np.array(rows, dtype=np.float64)
    return first, stack.mean(axis=0), stack.min(axis=0), stack.max(axis=0)


def standing(task: Task, records: Iterable[Record]) -> Standing:
    """Rank the records of one task and test the best against every other.

    The best is compared with each rival on the seeds that both have; where neither changes with the
    seed, on the windows of the stream. Ablations are listed, and compete with nobody.
    """
    by_learner: dict[str, list[Record]] = {}
    for r in records:
        by_learner.setdefault(r.learner, []).append(r)
    lower = task.metric.lower_is_better
    entries = [entry(rs, fresh=task.fresh) for rs in by_learner.values()]
    entries.sort(
        key=lambda e: (
            GROUPS.index(e.group) if e.group in GROUPS else len(GROUPS),
            e.interval is None,
            (e.score if lower else -e.score) if e.interval is not None else 0.0,
            e.learner,
        )
    )
    rivals = [e for e in entries if e.interval is not None and e.group != "ablation"]
    best = min(rivals, key=lambda e: e.score if lower else -e.score, default=None)
    draft = Standing(
        name=task.name, question=task.question, protocol=task.protocol, metric=task.metric,
        published=tuple(task.published), target=task.target, entries=tuple(entries), best=best,
        literature=task.literature if isinstance(task, Reviewed) else (),
        pairs={}, corrected={}, certain=False,
    )  # fmt: skip
    if best is None:
        return draft
    others = [e for e in rivals if e is not best]
    pairs = {e.learner: versus(best, e) for e in others}
    corrected = dict(zip(pairs, holm([p.p for p in pairs.values()]), strict=True))
    made = replace(draft, pairs=pairs, corrected=corrected)
    return replace(made, certain=bool(others) and not made.doubtful)


def versus(a: Entry, b: Entry) -> Paired:
    """Compare two entries of one task, a − b."""
    u, v = a.windows, b.windows
    same = u is not None and v is not None and np.array_equal(a.x, b.x)
    windows: Any = (u, v) if same else None
    return compare(a.scores, b.scores, windows=windows, fresh=a.fresh)
