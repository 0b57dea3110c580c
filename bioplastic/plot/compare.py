"""Figures of the comparison. One hue for each kind of rule; the best of each kind has its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from bioplastic.plot.palette import colour
from bioplastic.plot.style import axes, glyph, label_ends, note, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bioplastic.learning.compare.table import Entry, Standing

HUE = {
    "local": "blue",
    "three-factor": "purple",
    "backprop": "orange",
    "least-squares": "red",
    "floor": "muted",
    "ablation": "teal",
}


def _count(x: float, _: object = None) -> str:
    for size, prefix in ((1e6, "M"), (1e3, "k")):
        if abs(x) >= size:
            return f"{x / size:g}{prefix}"
    return f"{x:g}"


COUNT = FuncFormatter(_count)
WHOLE = FuncFormatter(lambda x, _: f"{x:,g}")
LONGEST = 34
"""Characters of a name beside the axis; a longer one is cut at its first comma."""


@styled
def scores(standing: Standing, ax: Axes | None = None) -> Axes:
    """Draw every seed of every learner, its mean and its interval; published rows hollow.

    Rows are ordered best first. The dashed line is the target that was set beforehand. Who is much
    further from the best than the others stands at the edge, with its figure.
    """
    shown = [e for e in standing.entries if e.interval is not None]
    lower = standing.metric.lower_is_better
    rows: list[tuple[float, Entry | str]] = [(e.score, e) for e in shown]
    rows += [(p.score, p.name) for p in standing.published]
    rows.sort(key=lambda row: row[0] if lower else -row[0])
    ax = axes(ax, (4.6, 0.6 + 0.2 * max(1, len(rows))))
    ax.set_title(standing.name)
    ax.set_xlabel(standing.unit)
    ax.spines["left"].set_visible(False)
    if not rows:
        ax.set_yticks([])
        return note(ax, "no figures")
    edge = _edge(rows)
    for y, (score, who) in enumerate(rows):
        if edge is not None and abs(score - rows[0][0]) > abs(edge - rows[0][0]):
            _beyond(ax, y, score, edge, "muted" if isinstance(who, str) else HUE[who.group])
            continue
        if isinstance(who, str):
            ax.plot(score, y, "D", ms=4, mfc="none", color=colour("muted"), mew=0.9)
            continue
        hue = colour(HUE.get(who.group, "muted"))
        ax.plot(list(who.scores.values()), [y] * len(who.scores), "|", ms=7, color=hue, alpha=0.45)
        if who.interval is not None and who.interval.known:
            ax.plot([who.interval.low, who.interval.high], [y, y], color=hue, lw=2.4, alpha=0.5)
        ax.plot(score, y, "o", ms=4.2, color=hue)
    if standing.target is not None:
        ax.axvline(standing.target.score, color=colour("ink"), lw=0.8, ls=(0, (4, 3)), zorder=0)
    names = [glyph(_short(w) if isinstance(w, str) else w.learner) for _, w in rows]
    ax.set_yticks(range(len(rows)), names, fontsize=7.5)
    for label, (_, who) in zip(ax.get_yticklabels(), rows, strict=True):
        published = isinstance(who, str)
        label.set_color(colour("muted" if published else HUE.get(who.group, "muted")))  # type: ignore[union-attr]
        label.set_fontstyle("italic" if published else "normal")
        if not isinstance(who, str) and standing.bold(who):
            label.set_fontweight("bold")
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="x")
    return ax


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name.partition(",")[0]


def _edge(rows: Sequence[tuple[float, Entry | str]]) -> float | None:
    """Where the axis is cut: three times as far from the best as three quarters of the rivals."""
    best = rows[0][0]
    compete = [s - best for s, who in rows if isinstance(who, str) or who.group != "ablation"]
    reach = 3.0 * float(np.quantile(np.abs(compete), 0.75))
    far = max(abs(s - best) for s, _ in rows)
    return None if far <= reach or reach == 0 else best + np.sign(rows[-1][0] - best) * reach


def _beyond(ax: Axes, y: int, score: float, edge: float, hue: str) -> None:
    """Write a figure that lies outside, at the edge."""
    ax.plot(edge, y, marker=">" if score > edge else "<", ms=4, color=colour(hue))
    side = -6 if score > edge else 6
    ax.annotate(
        f"{score:.3g}", (edge, y), xytext=(side, 0), textcoords="offset points", fontsize=7,
        ha="right" if score > edge else "left", va="center", color=colour(hue),
    )  # fmt: skip


@styled
def curves(standing: Standing, ax: Axes | None = None) -> Axes:
    """Draw the learning curves: the best of each rule with the range of its seeds, others thin."""
    ax = axes(ax, (4.6, 3.0))
    ax.set_title(standing.name)
    ax.set(xlabel="examples met", ylabel=standing.unit)
    ax.xaxis.set_major_formatter(COUNT)
    known = [e for e in standing.entries if len(e.x) and np.isfinite(e.y).any()]
    known = [e for e in known if e.group != "ablation"]
    if not known:
        ax.set_axis_off()
        return note(ax, "no curves")

    def draw(e: Entry, *, first: bool) -> float:
        hue = colour(HUE.get(e.group, "muted"))
        if first and len(e.records) > 1:
            ax.fill_between(e.x, e.low, e.high, color=hue, alpha=0.18, lw=0)
        ax.plot(e.x, e.y, color=hue, lw=1.7 if first else 0.7, alpha=1.0 if first else 0.4)
        return float(e.y[np.isfinite(e.y)][-1])

    firsts = _named(ax, known, draw)
    bounds = np.concatenate([e.y[np.isfinite(e.y)] for e in firsts])
    tail = np.concatenate([e.y[np.isfinite(e.y)][len(e.y) // 10 :] for e in firsts])
    low, high = float(bounds.min()), float(tail.max() if len(tail) else bounds.max())
    room = 0.08 * (high - low) or 0.1
    ax.set_ylim(low - room, high + room)
    ax.set_xlim(0, max(float(e.x[-1]) for e in known))
    ax.grid(axis="y")
    _label(
        ax,
        [(e.learner, float(e.y[np.isfinite(e.y)][-1]), HUE.get(e.group, "muted")) for e in firsts],
    )
    return ax


@styled
def pareto(standing: Standing, ax: Axes | None = None) -> Axes:
    """Draw the score against operations per symbol, prediction and learning, on a log axis.

    The line joins the learners that nobody beats in both; who counted no operation is left out.
    """
    ax = axes(ax, (4.6, 3.2))
    ax.set_title(standing.name)
    ax.set(xlabel="MACs + ACs per symbol, learning included", ylabel=standing.unit)
    shown = [
        (operations(e), e.score, e)
        for e in standing.entries
        if e.interval is not None and e.group != "ablation" and operations(e) > 0
    ]
    if not shown:
        return note(ax, "nobody counted operations")
    ax.set_xscale("log")
    for x, y, e in shown:
        ax.plot(x, y, "o", ms=5, color=colour(HUE.get(e.group, "muted")), zorder=3)
    front = _front([(x, y) for x, y, _ in shown], lower=standing.metric.lower_is_better)
    ax.plot(*zip(*front, strict=True), color=colour("line"), lw=1.4, zorder=1)
    xs, ys = np.array([s[0] for s in shown]), np.array([s[1] for s in shown])
    ax.set_xlim(xs.min() / 4, xs.max() * 8)
    ax.xaxis.set_minor_formatter(NullFormatter())
    room = 0.12 * (ys.max() - ys.min()) or 0.1 * abs(float(ys.max())) or 0.1
    ax.set_ylim(ys.min() - room, ys.max() + room)
    ax.grid(axis="both")
    _beside(ax, xs, ys, [e for *_, e in shown])
    return ax


def operations(entry: Entry) -> float:
    """Effective MACs and ACs of one symbol, with the MACs of learning; nan where not counted."""
    names = ("effective_macs", "effective_acs", "learning_macs")
    return sum(entry.cost.get(f"{n}_per_symbol", float("nan")) for n in names)


def _front(points: Sequence[tuple[float, float]], *, lower: bool) -> list[tuple[float, float]]:
    """Points that no other beats in both, by rising cost."""
    found: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda p: (p[0], p[1] if lower else -p[1])):
        if not found or (y < found[-1][1] if lower else y > found[-1][1]):
            found.append((x, y))
    return found


@styled
def lines(
    entries: Sequence[Entry],
    curve: Callable[[Entry], tuple[np.ndarray, np.ndarray] | None],
    ax: Axes | None = None,
    *,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    marks: Mapping[str, float] | None = None,
    published: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    log: str = "",
    lower: bool | None = None,
) -> Axes:
    """Draw one curve for each learner that has one; the best of each rule is named at its end.

    curve      entry → (x, y) mean over its seeds, or None
    marks      name → place of a vertical line, such as where another text begins
    published  name → (x, y) from the literature, dashed
    log        axes with a logarithmic scale: "", "x" or "xy"
    lower      whether y is better when low; the curve that ends best of all is then named too
    """
    ax = axes(ax, (4.6, 3.0))
    ax.set_title(title)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if "x" in log:
        ax.set_xscale("log", base=2)
    if "y" in log:
        ax.set_yscale("log")
    found = {id(e): line for e in entries if (line := curve(e)) is not None and len(line[0])}
    known = [e for e in entries if id(e) in found and np.isfinite(found[id(e)][1]).all()]
    if not known:
        ax.set_axis_off()
        return note(ax, "no curves")
    for name, place in (marks or {}).items():
        ax.axvline(place, color=colour("grey"), lw=0.8, ls=(0, (4, 3)), zorder=0)
        ax.annotate(
            name, (place, 1.0), xycoords=("data", "axes fraction"), xytext=(-3, -2), fontsize=7,
            textcoords="offset points", ha="right", va="top", color=colour("muted"), rotation=90,
        )  # fmt: skip

    def draw(e: Entry, *, first: bool) -> float:
        x, y = found[id(e)]
        ax.plot(
            x, y, "o-", ms=3 if first else 0, color=colour(HUE.get(e.group, "muted")),
            lw=1.7 if first else 0.7, alpha=1.0 if first else 0.4,
        )  # fmt: skip
        return float(y[-1])

    also = None
    if lower is not None:
        also = (min if lower else max)(known, key=lambda e: float(found[id(e)][1][-1]))
    firsts = _named(ax, known, draw, also=also)
    ends = [(e.learner, float(found[id(e)][1][-1]), HUE.get(e.group, "muted")) for e in firsts]
    for name, (x, y) in (published or {}).items():
        ax.plot(x, y, "D--", ms=3, mfc="none", mew=0.8, lw=0.9, color=colour("muted"))
        ends.append((name, float(y[-1]), "muted"))
    ax.xaxis.set_major_formatter(WHOLE if "x" in log else COUNT)
    if "y" in log:
        ax.yaxis.set_major_formatter(COUNT)
    ax.grid(axis="y")
    _label(ax, ends)
    return ax


def _named(
    ax: Axes, known: Sequence[Entry], draw: Callable[..., float], *, also: Entry | None = None
) -> list[Entry]:
    """Draw all, the first of each group (they come best first) last and thick; return those.

    also   one more to be thick and named
    """
    firsts = list({e.group: e for e in reversed(known)}.values())[::-1]
    if also is not None and not any(also is f for f in firsts):
        firsts.append(also)
    for e in known:
        if not any(e is f for f in firsts):
            draw(e, first=False)
    for e in reversed(firsts):
        draw(e, first=True)
    return firsts


def _label(ax: Axes, ends: Sequence[tuple[str, float, str]]) -> None:
    """Name, height of the end and hue of each curve that is named."""
    low, high = ax.get_ylim()
    ax.set_ylim(low, high)
    inside = [min(max(end, low), high) for _, end, _ in ends]
    texts = [f"{name} {_count(float(f'{end:.3g}'))}" for name, end, _ in ends]
    label_ends(ax, inside, texts, [hue for *_, hue in ends])


def _beside(ax: Axes, xs: np.ndarray, ys: np.ndarray, entries: Sequence[Entry]) -> None:
    """Write each name beside its point, on the side where it covers least of what stands there.

    Widths are estimated (0.58 em a letter), as no renderer is asked before the layout is made.
    """
    figure = ax.get_figure(root=True)
    inches = figure.get_size_inches() if figure is not None else np.array([4.6, 3.2])
    box = ax.get_position()
    scale = 72 * np.array([inches[0] * box.width, inches[1] * box.height])
    place = ax.transAxes.inverted().transform(ax.transData.transform(np.column_stack([xs, ys])))
    points = place * scale
    size, gap = 7.0, 5.0
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in points]
    for k in np.argsort(-points[:, 1]):
        width, height = 0.58 * size * len(entries[k].learner), size * 1.1
        x, y = points[k]
        sides = [
            (gap, 0, "left", "center"), (-gap, 0, "right", "center"),
            (0, gap + 1, "center", "bottom"), (0, -gap - 1, "center", "top"),
            (gap, gap + 1, "left", "bottom"), (gap, -gap - 1, "left", "top"),
            (-gap, gap + 1, "right", "bottom"), (-gap, -gap - 1, "right", "top"),
        ]  # fmt: skip
        boxes = []
        for dx, dy, ha, va in sides:
            left = x + dx - {"left": 0.0, "center": 0.5, "right": 1.0}[ha] * width
            low = y + dy - {"bottom": 0.0, "center": 0.5, "top": 1.0}[va] * height
            boxes.append((left, low, left + width, low + height))
        costs = [
            sum(_overlap(b, t) for j, t in enumerate(taken) if j != k) + _outside(b, scale)
            for b in boxes
        ]
        best = int(np.argmin(costs))
        dx, dy, ha, va = sides[best]
        taken.append(boxes[best])
        ax.annotate(
            glyph(entries[k].learner), (xs[k], ys[k]), xytext=(dx, dy), fontsize=size, ha=ha, va=va,
            textcoords="offset points", color=colour(HUE.get(entries[k].group, "muted")),
        )  # fmt: skip


Box = tuple[float, float, float, float]


def _overlap(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0


def _outside(a: Box, scale: np.ndarray) -> float:
    beyond = (
        max(0.0, -a[0]) + max(0.0, -a[1]) + max(0.0, a[2] - scale[0]) + max(0.0, a[3] - scale[1])
    )
    return 20.0 * beyond
