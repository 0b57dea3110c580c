"""The page of the comparison: every part is there, bold stands where it may, figures draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from bioplastic.learning.compare import grid
from bioplastic.learning.compare.cells import Cell, Store
from bioplastic.plot import compare as figures
from bioplastic.report import compare as report
from bioplastic.report import render
from bioplastic.result import FoldedTable, Panel, Table
from tests.learning import compare_fakes as fakes


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    (folder / "search-toy.jsonl").write_text(
        '{"learner": "slow", "score": 1.0, "seconds": 2.0, "diverged": ""}\n'
        '{"learner": "slow", "score": null, "seconds": 1.0, "diverged": "diverged: x"}\nno json\n'
    )
    task = fakes.Toy(length=120)
    cells = [Cell(task=task, learner=x, seed=s) for x in task.learners() for s in range(1, 7)]
    found = grid.run(cells, Store(folder / "cells"))
    chosen = grid.Grid(tasks=(task,), cells=tuple(cells), left_out={"jsb": "no file"})
    return report.gather(chosen, found, {"toy": "bioplastic compare toy --seeds 6"}, [folder])


@pytest.fixture(scope="module")
def result(comparison):
    return report.result(comparison)


def table(result, key) -> Table:
    (found,) = (s for s in result.sections if s.key == key)
    assert isinstance(found, Table)
    return found


def test_parts_are_there_in_reading_order(result):
    keys = [s.key for s in result.sections]
    assert keys == [
        "question", "summary", "verdict", "protocol", "scores", "curves", "pareto", "ablations",
        "locality", "changes", "commands", "energy", "task-toy", "further-toy", "search", "audit",
    ]  # fmt: skip


def test_many_tasks_are_read_in_figures_and_looked_up_in_tables(comparison):
    def folded(count):
        made = report.sections(replace(comparison, standings=comparison.standings * count))
        return [s.key for s in made if isinstance(s, FoldedTable)]

    assert folded(report.OPEN) == []
    many = report.OPEN + 1
    assert folded(many) == [*["task-toy", "further-toy"] * many, "search", "audit"]


def test_bold_stands_at_the_winner_only(result, comparison):
    (standing,) = comparison.standings
    assert standing.certain
    assert standing.best is not None
    shown = table(result, "task-toy")
    ((row, column),) = shown.bold
    assert shown.rows[row][0] == standing.best.learner == "quick"
    assert shown.columns[column] == "bits/symbol ↓"
    assert [shown.rows[r][0] for r in range(len(shown.rows))][-1] == "oracle (read)"


def test_nobody_is_dropped(result):
    shown = {row[0]: row for row in table(result, "task-toy").rows}
    assert set(shown) == {"quick", "slow", "flat", "half", "large", "away", "wild", "oracle (read)"}
    assert shown["large"][3] == "unsuited"
    assert shown["away"][3] == "unavailable"
    assert shown["wild"][3] == "diverged"
    assert shown["flat"][3] == "one value"
    ((_, said),) = table(result, "verdict").rows
    assert "No figure for large: unsuited: too small." in said


def test_ablation_audit_searches_and_commands(result):
    assert [row[:3] for row in table(result, "ablations").rows] == [("toy", "no counts", "quick")]
    audit = table(result, "audit")
    assert [row[5] for row in audit.rows] == ["yes", "NO", "yes"]
    assert audit.rows[1][0] == "slow, large"  # learners with one audit share its rows
    short = table(result, "locality")
    assert short.rows[1] == ("slow, large", "backprop", 2, 1, "error")
    assert "not to be called local: wild" in short.caption
    assert ("search-toy.jsonl", "slow", 2, 1, 3) in [tuple(r) for r in table(result, "search").rows]
    (row,) = table(result, "commands").rows
    assert row[:3] == ("toy", "1–6", "bioplastic compare toy --seeds 6")


def test_metrics_are_flat_and_complete(result):
    m = result.metrics
    assert (m["tasks"], m["cells"], m["won_by_local"], m["won_by_backprop"]) == (1, 48, 1, 0)
    assert m["toy_quick_low"] <= m["toy_quick_bits_per_symbol"] <= m["toy_quick_high"]
    seeds = [m[f"toy_quick_seed{k}"] for k in range(1, 7)]
    assert m["toy_quick_bits_per_symbol"] == pytest.approx(np.mean(seeds))
    assert "toy_quick_effective_acs_per_symbol" in m


def test_page_says_what_was_left_out_and_marks_bold(result):
    page = render(
        name="compare", result=result, config_text="", manifest={}, figures={}, quick=False
    )
    assert ("jsb", "not run", "no file") in table(result, "protocol").rows
    assert "no file" in page
    assert page.count("<b>") >= 2
    assert 'class="tight"' in page
    assert "local rule 1" in result.headline


def test_every_figure_draws(result):
    panels = [s for s in result.sections if isinstance(s, Panel)]
    assert len(panels) == 3
    for panel in panels:
        figure = Figure(figsize=panel.size, layout="constrained")
        panel.draw(figure)
        assert figure.axes[0].has_data()
        figure.canvas.draw()


def test_front_is_what_nobody_beats():
    points = [(1.0, 5.0), (2.0, 3.0), (2.0, 4.0), (3.0, 3.5), (4.0, 1.0)]
    assert figures._front(points, lower=True) == [(1.0, 5.0), (2.0, 3.0), (4.0, 1.0)]
    assert figures._front(points, lower=False) == [(1.0, 5.0)]


def test_empty_standings_have_figures_that_say_so(comparison):
    (standing,) = comparison.standings
    empty = replace(standing, entries=(), best=None, published=(), target=None)
    for draw in (figures.scores, figures.curves, figures.pareto):
        assert draw(empty).texts
    assert figures.lines([], lambda e: None).texts


def test_continual_and_lesion_panels_draw(tmp_path):
    from bioplastic.learning.tasks.continual import Continual
    from bioplastic.learning.tasks.lesion import Lesion

    two = (fakes.Counter(name="quick", rule="local"), fakes.Counter(name="slow", rate=0.1))

    class Two(Continual):
        def learners(self):
            return two

    class Hurt(Lesion):
        def learners(self):
            return two

    tasks = (Two(symbols=120, probe=40, window=20), Hurt(train=100, test=50, levels=(0.0, 0.5)))
    cells = [Cell(task=t, learner=x, seed=1) for t in tasks for x in t.learners()]
    found = grid.run(cells, Store(tmp_path))
    assert [f.record.note for f in found] == [""] * 4
    chosen = grid.Grid(tasks=tasks, cells=tuple(cells))
    made = report.result(report.gather(chosen, found, {}, []))
    keys = {s.key: s for s in made.sections}
    for key in ("forgetting-continual", "lesion-lesion"):
        panel = keys[key]
        assert isinstance(panel, Panel)
        figure = Figure(figsize=panel.size, layout="constrained")
        panel.draw(figure)
        assert figure.axes[0].has_data()
        assert "spike jitter (ms): quick, slow" in panel.caption or key == "forgetting-continual"
    assert any("forgetting" in c for c in table(made, "further-continual").columns)
