"""Search on whole tasks: equal trials for all, none on what the comparison scores."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning.compare import task_search
from bioplastic.learning.compare.grid import make
from bioplastic.learning.compare.search import Choice, Search, trials
from bioplastic.learning.compare.task_search import loss, main, search
from bioplastic.learning.compare.task_spaces import GIVEN, SEARCHED, SMALL, TaxiBefore
from bioplastic.learning.learners.floor import Floor
from bioplastic.learning.task import Metric, Record
from bioplastic.learning.tasks.taxi import Taxi

LOG = Path(__file__).parents[2] / "docs/figures/search-tasks.jsonl"


@dataclass(frozen=True, kw_only=True)
class Small:
    """A task that the order of an n-gram decides."""

    name: str = "small"
    metric: ClassVar[Metric] = Metric(name="right", unit="fraction", lower_is_better=False)

    def check(self) -> None:
        """Nothing is missing."""

    def learners(self):
        """One."""
        return (Floor(name="ngram"),)

    def measure(self, learner, *, seed):
        """A quarter for each order up to four; none beyond."""
        score = learner.order / 4 if learner.order <= 4 else np.nan
        return Record(
            task="small", learner=learner.name, rule="none", seed=seed, score=score, cost=None,
            y=np.array([score, 0.0]),
        )  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(task_search, "SMALL", {"small": Small})
    monkeypatch.setattr(task_search, "SEARCHED", {"small": {"ngram": {"order": Choice(
        options=(1, 2, 3, 4, 9))}}})  # fmt: skip
    monkeypatch.setattr(task_search, "make", lambda name: Small())


def test_the_search_writes_every_trial_and_finds_the_best(small, tmp_path):
    log = tmp_path / "log.jsonl"
    found = search("small", [], trials=6, seed=3, log=log, say=lambda line: None)
    best, tried = found["ngram"]
    assert trials(log) == tried
    assert [json.loads(line)["trial"] for line in log.read_text().splitlines()] == list(range(6))
    fine = [t for t in tried if not t.diverged]
    assert best.order == max(t.settings["order"] for t in fine)  # type: ignore[attr-defined]
    assert {t.score for t in fine} == {1 - t.settings["order"] / 4 for t in fine}
    assert all(t.settings["order"] == 9 for t in tried if t.diverged)


def test_given_settings_are_one_more_trial(small, monkeypatch, tmp_path):
    monkeypatch.setattr(task_search, "GIVEN", {"small": {"ngram": {"order": 4}}})
    monkeypatch.setattr(task_search, "SEARCHED", {"small": {"ngram": {"order": Choice(
        options=(1, 2))}}})  # fmt: skip
    best, tried = search("small", [], trials=3, seed=3, log=tmp_path / "x", say=print)["ngram"]
    assert [t.trial for t in tried] == [-1, 0, 1, 2]
    assert best.order == 4  # type: ignore[attr-defined]


def test_given_settings_are_those_that_are_searched():
    for name, own in GIVEN.items():
        assert {who: set(given) for who, given in own.items()} == {
            who: set(space) for who, space in SEARCHED[name].items()
        }


def test_a_curve_is_scored_where_the_end_tells_nothing(small, monkeypatch):
    task: Any = Small()
    assert loss(task, Floor(name="ngram", order=2), 1) == (0.5, "")
    monkeypatch.setattr(task_search, "BY_CURVE", ("small",))
    assert loss(task, Floor(name="ngram", order=2), 1) == (0.75, "")


def test_unknown_names_are_refused(small, tmp_path, capsys):
    with pytest.raises(UsageError, match="no search on task 'smal'; did you mean 'small'"):
        search("smal", [], trials=1, seed=0, log=tmp_path / "x")
    assert main(["small", "ngrm", "--log", str(tmp_path / "x")]) == 2
    assert "did you mean 'ngram'" in capsys.readouterr().err


def test_every_searched_setting_is_one_of_its_learner():
    for name, spaces in SEARCHED.items():
        taking = {x.name: x for x in make(name).learners()}
        assert set(spaces) <= set(taking)
        assert name in SMALL
        for who, space in spaces.items():
            assert set(space) <= set(taking[who].settings()), who


def test_the_taxi_series_ends_before_what_is_scored():
    before = TaxiBefore()
    assert before.records <= Taxi().scored_from
    assert before.scored_from < before.records


@pytest.mark.parametrize("name", ["jsb", "jsb-joint", "jsb-epochs"])
def test_chorales_are_searched_on_the_valid_pieces(name):
    task: Any = SMALL[name]()
    assert task.name == name
    assert task.valid


@pytest.mark.skipif(not LOG.exists(), reason="docs/ is not beside the tests")
def test_the_published_log_gives_everybody_the_same_trials():
    found = trials(LOG)
    counts: dict[tuple[str, str], list[int]] = {}
    for t in found:
        counts.setdefault((t.task, t.learner), []).append(t.trial)
    for name, spaces in SEARCHED.items():
        mine = {who: counts.get((f"{name}:small", who), []) for who in spaces}
        assert len({tuple(sorted(m)) for m in mine.values()}) == 1, mine
    for t in found:  # the log holds what the search draws today
        name = t.task.partition(":")[0]
        plan = Search(settings=SEARCHED[name][t.learner], seed=t.seed)
        own = GIVEN[name][t.learner] if t.trial < 0 else plan.drawn(t.learner, t.trial)
        assert {k: str(v) for k, v in own.items()} == {k: str(v) for k, v in t.settings.items()}


@pytest.mark.skipif(not LOG.exists(), reason="docs/ is not beside the tests")
@pytest.mark.parametrize("name", sorted(GIVEN))
def test_the_chorale_nets_take_their_best_trial(name):
    best: dict[str, Any] = {}
    for t in trials(LOG):
        if t.task == f"{name}:small" and not t.diverged:
            best[t.learner] = min(best.get(t.learner, t), t, key=lambda one: one.score)
    assert set(best) == set(GIVEN[name])
    for taken in make(name).learners():
        if taken.name in best:
            drawn = best[taken.name].settings
            assert {k: getattr(taken, k) for k in drawn} == drawn, taken.name
