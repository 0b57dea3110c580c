"""Further figures and curves of the comparison: none is hidden, the literature stands beside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from matplotlib.figure import Figure

from bioplastic.learning.compare.table import Standing, standing
from bioplastic.learning.task import Literature, Metric, Record
from bioplastic.learning.tasks.high_order import HighOrder
from bioplastic.learning.tasks.taxi import Taxi
from bioplastic.report import compare_panels as panels
from bioplastic.report import compare_tables as tables
from tests.learning import compare_fakes as fakes

DEAD = np.array([0.0, 0.5])
PAIRS = np.array([4.0, 16.0, 64.0])
SERIES = {
    "accuracy by fraction dead": (DEAD, np.array([1.0, 0.4])),
    "lesion_neurons": (DEAD, np.array([0.9, 0.3])),
    "spike jitter (ms)": (DEAD, np.array([0.9, 0.2])),
    "accuracy by pairs": (PAIRS, np.array([1.0, 0.8, 0.5])),
    "state_bytes by pairs": (PAIRS, np.array([1e3, 1e3, 1e3])),
    "accuracy by length, all fillers": (PAIRS, np.array([1.0, 0.8, 0.5])),
}


@dataclass(frozen=True, kw_only=True)
class Told(fakes.Toy):
    """A task on which the literature has more than the score."""

    metric: ClassVar[Metric] = Metric(name="right", unit="fraction", lower_is_better=False)  # type: ignore[misc]

    @property
    def literature(self) -> tuple[Literature, ...]:
        """One method, known at one figure and one curve."""
        curve = {"accuracy by fraction dead": (np.array([0.25, 0.5]), np.array([0.8, 0.6]))}
        return (Literature(name="HTM", source="x", figures={"figure 8": 0.25}, series=curve),)


def record(learner: str, rule: str, score: float, seed: int, *, falls: float) -> Record:
    """One whose curves all fall by so much more."""
    series = {n: (x, y - falls * np.linspace(0, 1, len(x))) for n, (x, y) in SERIES.items()}
    return Record(
        task="toy", learner=learner, rule=rule, seed=seed, score=score, cost=None,
        extra={f"figure {k}": score + k for k in range(10)}, series=series,
    )  # fmt: skip


@pytest.fixture(scope="module")
def told() -> Standing:
    rows = [
        record(learner, rule, score, seed, falls=falls)
        for seed in (1, 2)
        for learner, rule, score, falls in (
            ("sharp", "backprop", 0.9, 0.3), ("tough", "backprop", 0.8, 0.0),
            ("local", "local", 0.7, 0.1),
        )
    ]  # fmt: skip
    return standing(Told(), rows)


def drawn(panel) -> Figure:
    figure = Figure(figsize=panel.size, layout="constrained")
    panel.draw(figure)
    figure.canvas.draw()
    return figure


def test_every_figure_stands_in_exactly_one_table(told):
    made = tables.further(told)
    assert len({t.key for t in made}) == len(made) == 2
    named = [c for t in made for c in t.columns[1:]]
    assert named == [f"figure {k}" for k in range(10)]
    assert max(len(t.columns) for t in made) <= 1 + tables.FURTHER
    for t in made:
        values = {row[0]: row[1:] for row in t.rows}
        expected = [0.9 + int(name.split()[1]) for name in t.columns[1:]]
        assert values["sharp"] == pytest.approx(expected)


def test_the_literature_stands_where_it_has_a_figure(told):
    first, second = tables.further(told)
    assert [row[0] for row in first.rows] == ["local", "sharp", "tough"]
    assert "literature" not in first.caption
    last = dict(zip(second.columns, second.rows[-1], strict=True))
    assert (last["learner"], last["figure 8"]) == ("HTM (read)", 0.25)
    assert np.isnan(last["figure 9"])
    assert "not run here" in second.caption
    nobody = replace(told, literature=())
    assert [row[0] for t in tables.further(nobody) for row in t.rows].count("HTM (read)") == 0


def test_every_curve_is_drawn_once(told):
    made = [*panels.lesions(told), *panels.growth(told)]
    assert [p.key for p in made] == ["lesion-toy", "growth-toy"]
    titles = [ax.get_title(loc="left") or ax.get_title() for p in made for ax in drawn(p).axes]
    assert sorted(t for t in titles if t) == sorted(n.replace("_", " ") for n in SERIES)


def test_published_points_are_where_they_were_published(told):
    (panel,) = panels.lesions(told)
    assert "Dashed: published" in panel.caption
    first, second, *_ = drawn(panel).axes
    (dashed,) = (line for line in first.lines if line.get_linestyle() == "--")
    np.testing.assert_array_equal(dashed.get_xydata(), [[0.25, 0.8], [0.5, 0.6]])
    assert not [line for line in second.lines if line.get_linestyle() == "--"]
    assert "HTM 0.6" in [t.get_text() for t in first.texts]


def test_who_ends_best_is_named_though_another_wins_the_task(told):
    (panel,) = panels.lesions(told)
    said = [t.get_text() for t in drawn(panel).axes[0].texts]
    assert {"sharp 0.1", "tough 0.4", "local 0.3"} <= set(said)
    (grown,) = panels.growth(told)
    state = next(ax for ax in drawn(grown).axes if ax.get_ylabel() == "state bytes")
    assert "tough" not in " ".join(t.get_text() for t in state.texts)  # small is not good there
    assert (state.get_xscale(), state.get_yscale()) == ("log", "log")


def test_a_task_without_further_curves_has_no_such_panels(told):
    bare = replace(told, entries=tuple(
        replace(e, records=tuple(replace(r, series={}, extra={}) for r in e.records))
        for e in told.entries
    ))  # fmt: skip
    assert [*panels.lesions(bare), *panels.growth(bare), *tables.further(bare)] == []


def test_literature_speaks_of_figures_that_the_tasks_make():
    """A name that no record has would stand in no table."""
    task = HighOrder()
    dead = {f"accuracy, {part * 100:g} % dead" for part in task.death}
    said = {name for method in task.literature for name in method.figures}
    made = dead | {f"accuracy, {k} endings" for k in task.several} | {
        "final accuracy before the switch", "learned, as published [elements]",
        "learned again, as published [elements]",
    }  # fmt: skip
    assert said <= made
    for method in task.literature:
        for x, y in method.series.values():
            shown = [method.figures[f"accuracy, {part * 100:g} % dead"] for part in x]
            assert shown == y.tolist()
    names = {p.name for p in Taxi().published}
    assert {method.name for method in Taxi().literature} <= names
