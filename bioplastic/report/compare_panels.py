"""Figures of the comparison: one axes for each task; forgetting; damage; what grows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bioplastic.learning.compare.table import Entry, Standing
from bioplastic.plot import compare as figures
from bioplastic.result import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def further(s: Standing) -> list[str]:
    """Names of the further curves that any learner of a task has."""
    return list(dict.fromkeys(k for e in s.entries for r in e.records for k in r.series))


def mean_series(e: Entry, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """A further curve of a learner, mean over the seeds that have it on equal places, or None."""
    found = [r.series[name] for r in e.records if name in r.series]
    if not found:
        return None
    x = found[0][0]
    return x, np.mean([y for places, y in found if np.array_equal(places, x)], axis=0)


def forgetting(s: Standing) -> Panel:
    """Loss on held-out A and B along A, B, A."""
    shown = [e for e in s.entries if e.group != "ablation"]
    ends = next((c[0] for e in shown if (c := mean_series(e, "held-out A"))), np.zeros(0))
    marks = {}
    if len(ends) == 4:
        marks = {"B begins": float(ends[1]), "A again": float(ends[2])}

    def draw(figure: Figure) -> None:
        for ax, of in zip(figure.subplots(1, 2), ("A", "B"), strict=True):
            figures.lines(
                shown, lambda e, of=of: mean_series(e, f"held-out {of}"), ax,  # type: ignore[misc]
                title=f"held-out {of}", xlabel="examples met", ylabel=s.unit, marks=marks,
            )  # fmt: skip

    return Panel(
        key=f"forgetting-{s.name}", title=f"Forgetting ({s.name})", draw=draw, size=(9.4, 3.4),
        caption="Loss on held-out pieces of A and of B, learning off, at the start, after A, after"
        " B and after A again. What rises after B in the left panel was forgotten.",
    )  # fmt: skip


DAMAGE = {
    "neurons removed": "fraction", "synapses removed": "fraction", "input noise": "fraction",
    "spike jitter (ms)": "ms", "lesion_neurons": "fraction of the neurons removed",
    "lesion_synapses": "fraction of the synapses removed",
    "input_noise": "fraction of the pixels black or white by a coin",
    "accuracy by fraction dead": "fraction of the neurons dead",
}  # fmt: skip
"""Further curves of the score against damage → what stands below the axis."""


def lesions(s: Standing) -> list[Panel]:
    """The score against the amount of each kind of damage, where a task has such curves."""
    names = [name for name in further(s) if name in DAMAGE]
    shown = [e for e in s.entries if e.group != "ablation"]
    absent: dict[str, list[str]] = {}
    for e in shown:
        reasons = e.records[0].settings.get("absent")
        for kind in reasons if isinstance(reasons, Mapping) else ():
            absent.setdefault(kind, []).append(e.learner)
    missing = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in absent.items())
    caption = (
        "Trained learners with learning off: equal fractions, equal draws by seed, nothing tuned"
        " again. Named: the best of each kind on the whole task, and who ends best."
        + (" Dashed: published, not run." if _literature(s, names) else "")
        + (f" Does not apply ({missing})." if missing else "")
    )

    def draw_one(name: str, ax: Axes) -> None:
        figures.lines(
            shown, lambda e: mean_series(e, name), ax, title=_title(name), xlabel=DAMAGE[name],
            ylabel=s.unit, lower=s.metric.lower_is_better, published=_literature(s, [name]),
        )  # fmt: skip

    return _grid(f"lesion-{s.name}", f"Lesions and noise ({s.name})", names, draw_one, caption)


def growth(s: Standing) -> list[Panel]:
    """Accuracy, state and operations against what grows: pairs to be held, length of the past."""
    names = [name for name in further(s) if name not in DAMAGE and not name.startswith("held-out")]
    shown = [e for e in s.entries if e.group != "ablation"]

    def draw_one(name: str, ax: Axes) -> None:
        what, _, by = name.partition(" by ")
        right = what == "accuracy"
        figures.lines(
            shown, lambda e: mean_series(e, name), ax, title=_title(name),
            xlabel=by.partition(",")[0], ylabel=_title(what), log="x" if right else "xy",
            lower=False if right else None,
        )  # fmt: skip

    caption = (
        "Each learner, trained once if at all, then asked at every size or length. Named: the best"
        " of each kind on the whole task, and whose accuracy ends best."
    )
    return _grid(f"growth-{s.name}", f"What grows ({s.name})", names, draw_one, caption)


def _title(name: str) -> str:
    return name.replace("_", " ")


def _literature(s: Standing, names: Sequence[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {p.name: p.series[name] for p in s.literature for name in names if name in p.series}


def _grid(
    key: str, title: str, names: Sequence[str], draw_one: Callable[[str, Axes], None], caption: str
) -> list[Panel]:
    """One axes for each name, two in a row; no panel without a name."""
    if not names:
        return []
    rows, columns = -(-len(names) // 2), min(2, len(names))

    def draw(figure: Figure) -> None:
        cells = figure.subplots(rows, columns, squeeze=False).ravel()
        for ax, name in zip(cells, names, strict=False):
            draw_one(name, ax)
        for ax in cells[len(names) :]:
            ax.set_axis_off()

    size = (9.4 if columns == 2 else 6.4, 3.1 * rows)
    return [Panel(key=key, title=title, draw=draw, size=size, caption=caption)]


def each_task(
    key: str,
    title: str,
    standings: Sequence[Standing],
    draw_one: Callable[[Standing, Axes], Axes],
    caption: str,
    *,
    height: Callable[[Standing], float] = lambda _: 2.9,
) -> Panel:
    """A panel with one axes for each task, two in a row, each row as high as its higher one."""
    pairs = [standings[k : k + 2] for k in range(0, len(standings), 2)]
    heights = [max(height(s) for s in pair) for pair in pairs]

    def draw(figure: Figure) -> None:
        cells = figure.subplots(
            len(pairs), min(2, len(standings)), squeeze=False, height_ratios=heights
        )
        for k, ax in enumerate(cells.ravel()):
            if k < len(standings):
                draw_one(standings[k], ax)
            else:
                ax.set_axis_off()

    wide = 9.4 if len(standings) > 1 else 6.4
    return Panel(key=key, title=title, caption=caption, draw=draw, size=(wide, sum(heights) or 1.0))
