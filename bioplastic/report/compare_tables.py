"""Tables of the comparison: the best of each kind, each task, further figures, ablations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

from bioplastic.learning.compare import verdict
from bioplastic.learning.compare.cells import Finished
from bioplastic.learning.compare.paired import LEVEL
from bioplastic.learning.compare.table import GROUPS, Entry, Standing, versus
from bioplastic.result import Table

NBSP, JOIN = "\u00a0", "\u2060"
COLUMNS = (
    "p: the best against this one, Holm-corrected; w: over windows; in parentheses: so few seeds"
    " cannot reach 0.05 against so many rivals, the interval decides. Synapses: the plastic ones."
    " Memory: parameters, buffers and state at the end. Costs are per symbol, prediction and"
    " learning together; MACs and ACs are effective ones, zeros left out. Runs: executions of the"
    " model's step; bytes: touched; n/c: not counted."
)
KINDS = {g: g.replace("-", "\u2011") for g in GROUPS}
FURTHER = 8
"""Most columns of a table of further figures; where there are more, more tables follow."""


def summary(standings: Sequence[Standing]) -> Table:
    """The best of each kind on each task; the first thing to read after the verdict."""
    groups = list(verdict.NAMES)
    rows, bold = [], set()
    for r, s in enumerate(standings):
        cells = []
        for c, group in enumerate(groups):
            first = s.first(group)
            cells.append("–" if first is None else f"{verdict.figure(first.score)} {first.learner}")
            if first is not None and s.bold(first):
                bold.add((r, c + 2))
        best = (min if s.metric.lower_is_better else max)(
            s.published, key=lambda p: p.score, default=None
        )
        shown = "–" if best is None else f"{verdict.figure(best.score)} {best.name}"
        wanted = "–" if s.target is None else verdict.figure(s.target.score)
        rows.append((s.name, s.unit, *cells, shown, wanted))
    names = [verdict.NAMES[g] for g in groups]
    return Table(
        key="summary", title="The best of each kind",
        caption="Bold wins beyond doubt, by the rules above.",
        columns=("task", "metric", *names, "published, not run", "target"), rows=rows, bold=bold,
        tight=True,
    )  # fmt: skip


def task_table(s: Standing, *, like: str = "") -> Table:
    """Everybody on one task: score, certainty and costs.

    like  the task whose table has said what the columns are; "": this one says it
    """
    rows: list[tuple[object, ...]] = []
    bold = set()
    for e in s.entries:
        if e.group == "ablation":
            continue  # in a table of their own
        if s.bold(e):
            bold.add((len(rows), 2))
        rows.append(
            (e.learner, KINDS[e.group], e.score, _span(e), len(e.scores), _p(s, e), *_costs(e))
        )
    for p in s.published:
        ours = next((e for e in s.entries if e.learner == p.ours and e.interval), None)
        beside = "not run" if ours is None else f"{ours.learner} here: {verdict.figure(ours.score)}"
        rows.append((f"{p.name} ({p.measured})", "published", p.score, beside, *"–" * 10))
    return Table(
        key=f"task-{s.name}", title=s.name, tight=True, rows=rows, bold=bold,
        caption=f"{s.metric.name[:1].upper() + s.metric.name[1:]}, {s.unit}."
        f" {f'Columns as for {like}.' if like else COLUMNS}",
        columns=(
            "learner", "kind", s.unit, "95 % interval", "seeds", "p", "synapses", "memory, B",
            "MACs", "ACs", "learn MACs", "runs", "bytes", "energy, nJ",
        ),
    )  # fmt: skip


def further(s: Standing) -> list[Table]:
    """Figures beside the score, such as forgetting or elements until learned: means over seeds."""
    found = {e.learner: mean_extra(e) for e in s.entries if e.group != "ablation"}
    names = list(dict.fromkeys(name for extra in found.values() for name in extra))
    count = max(1, -(-len(names) // FURTHER))
    wide = max(1, -(-len(names) // count))
    parts = [names[k : k + wide] for k in range(0, len(names), wide)]
    return [_further(s, found, part, k + 1, len(parts)) for k, part in enumerate(parts)]


def _further(
    s: Standing, found: Mapping[str, Mapping[str, float]], names: Sequence[str], k: int, count: int
) -> Table:
    """The k-th of `count` tables of further figures."""
    known: dict[str, Mapping[str, float]] = {
        f"{p.name} ({p.measured})": p.figures for p in s.literature
    }
    kept = {w: f for w, f in {**found, **known}.items() if any(name in f for name in names)}
    rows = [(who, *(f.get(name, float("nan")) for name in names)) for who, f in kept.items()]
    caption = f"Means over seeds; {s.metric.unit} where no other unit is named; ∞: never, for at"
    caption += " least one seed."
    if any(who in kept for who in known):
        caption += " Last rows: from the literature, not run here."
    return Table(
        key=f"further-{s.name}" + (f"-{k}" if k > 1 else ""), rows=rows, caption=caption,
        title=f"{s.name}, further figures" + (f" ({k} of {count})" if count > 1 else ""),
        columns=("learner", *(n.removesuffix(f"_{flat(s)}").replace("_", " ") for n in names)),
        tight=True,
    )  # fmt: skip


def mean_extra(e: Entry) -> dict[str, float]:
    """Mean over seeds of each further figure that any seed has."""
    names = dict.fromkeys(name for r in e.records for name in r.extra)
    return {n: fmean(r.extra[n] for r in e.records if n in r.extra) for n in names}


def _span(e: Entry) -> str:
    if e.interval is None:
        return (e.note.partition(":")[0] or "no figure").replace(" ", NBSP)
    if e.interval.deterministic:
        return "one value"
    if not e.interval.known:
        return "too few seeds"
    low, high = (f"{float(x):.4g}" for x in (e.interval.low, e.interval.high))
    return f"{low}{NBSP}…{NBSP}{high}"


def _p(s: Standing, e: Entry) -> str:
    if e is s.best:
        return "best"
    pair = s.pairs.get(e.learner)
    if pair is None or not np.isfinite(pair.p):
        return "–"
    p = s.corrected[e.learner]
    if pair.smallest * len(s.pairs) > 1 - LEVEL:
        return f"({p:.2g})"
    mark = f"{NBSP}w" if pair.over == "windows" else ""
    return f"{p:.2g}{mark}" if p >= 0.001 else f"<0.001{mark}"


def _costs(e: Entry) -> tuple[str, ...]:
    c = e.cost
    if not c:
        return ("–",) * 8
    sizes = si(c["plastic_synapses"]), si(c["footprint_bytes"])
    runs = si(c["executions_per_symbol"])
    if e.records[0].settings.get("uncounted"):
        return (*sizes, *("n/c",) * 3, runs, *("n/c",) * 2)
    per = [f"{n}_per_symbol" for n in ("effective_macs", "effective_acs", "learning_macs")]
    energy = "–"
    if e.energy is not None:
        low, high = e.energy.low, e.energy.high
        energy = si(low) if high <= 1.005 * low else f"{si(low)}{JOIN}–{JOIN}{si(high)}"
        energy = energy if e.energy.traffic else f"≥ {si(low)}"
    return (
        *sizes, *(si(c[n]) for n in per), runs, si(c["bytes_touched_per_symbol"]), energy,
    )  # fmt: skip


def si(value: float) -> str:
    """Three digits and a prefix.

    >>> si(1_234_567), si(0), si(12.34), si(999.9)
    ('1.23M', '0', '12.3', '1k')
    """
    if value == 0 or not np.isfinite(value):
        return "0" if value == 0 else "–"
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")):
        if abs(float(f"{value:.3g}")) >= size:
            return f"{float(f'{value / size:.3g}'):g}{prefix}"
    return f"{value:.2g}"


def ablations(standings: Sequence[Standing]) -> list[Table]:
    """What each removed part was worth: the whole learner against the one without."""
    rows = []
    for s in standings:
        for e in s.entries:
            whole = _whole(s, e)
            if e.group != "ablation" or whole is None or e.interval is None:
                continue
            pair = versus(e, whole)
            span = pair.interval
            sure = f"{span.low:+.4f} … {span.high:+.4f}" if span.known else "–"
            what = e.learner.removeprefix(whole.learner).strip("_").replace("_", " ")
            rows.append((s.name, what, whole.learner, e.score, whole.score, span.mean, sure))
    if not rows:
        return []
    return [
        Table(
            key="ablations", title="Ablations", rows=rows, tight=True,
            caption="Each with one part removed, run like the whole. Difference: without minus"
            " with, and its 95 % interval over paired seeds.",
            columns=("task", "what is missing", "of", "without", "with", "difference", "interval"),
        )
    ]  # fmt: skip


def _whole(s: Standing, e: Entry) -> Entry | None:
    """The learner that an ablation is a part of: the longest name that its own begins with."""
    named = e.records[0].settings.get("ablates")
    fits = [o for o in s.entries if o.group != "ablation" and o.interval is not None]
    fits = [o for o in fits if o.learner == named or e.learner.startswith(f"{o.learner}_")]
    return max(fits, key=lambda o: (o.learner == named, len(o.learner)), default=None)


def commands(
    standings: Sequence[Standing],
    finished: Sequence[Finished],
    how: Mapping[str, str],
    older: Mapping[str, Mapping[str, int]],
) -> Table:
    """One command a task, with its seeds, and where its figures came from.

    how     task → command
    older   task → learner → how many of its cells other code made than is here now
    """
    rows = []
    for s in standings:
        cells = [f for f in finished if f.record.task == s.name]
        seeds = sorted({f.record.seed for f in cells})
        revisions = sorted({_revision(f.made.get("git")) for f in cells})
        shown = f"{seeds[0]}–{seeds[-1]}" if len(seeds) > 1 else ", ".join(map(str, seeds))
        stale = ", ".join(f"{who} ({n})" for who, n in older.get(s.name, {}).items()) or "none"
        rows.append((s.name, shown, how.get(s.name, "–"), ", ".join(revisions), stale))
    return Table(
        key="commands", title="Commands", rows=rows, tight=True,
        caption="One cell: add --learners NAME --seed K --seeds 1. The same command run again"
        " measures nothing twice; a changed setting or rule makes new cells. Older code: cells that"
        " were made before code changed on which they depend; each keeps its revision.",
        columns=("task", "seeds", "command", "revisions", "of older code (cells)"),
    )  # fmt: skip


def _revision(git: object) -> str:
    if not isinstance(git, Mapping):
        return "unknown"
    return str(git.get("revision"))[:7] + ("+ changes" if git.get("dirty") else "")


def flat(s: Standing) -> str:
    """The unit of a task as metrics write it."""
    return s.metric.unit.replace("/", "_per_").replace(" ", "_").replace("%", "percent")
