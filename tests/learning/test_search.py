"""Random search: equal trials, every one on record, taken up where it stopped."""

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from bioplastic.errors import CorruptFile, UsageError
from bioplastic.learning.compare.search import (
    SEARCHED,
    Choice,
    LogUniform,
    Search,
    main,
    space_of,
    trials,
)
from bioplastic.learning.learner import Learner
from bioplastic.learning.learners import learner
from bioplastic.learning.learners.linear_attention import Delta
from bioplastic.learning.space import Symbols

SPACE = Symbols(size=2)
X = np.array([0, 1, 0])


@dataclass(frozen=True, kw_only=True)
class Fake(Learner):
    """Loses |rate − 1|; diverges when told."""

    name: str = "fake"
    rate: float = 9.0
    kind: object = "fine"
    begun: Any = None

    def begin(self, space, *, seed):
        self.begun.append(self.rate)
        loss = math.nan if self.kind == "bad" else abs(self.rate - 1)
        made: Any = type("Student", (), {"run": lambda _, x, learning: np.full(len(x), loss)})
        return made()


def empty() -> list:
    return []


RATES = LogUniform(low=0.1, high=10.0)


def test_the_best_of_all_trials_comes_back(tmp_path):
    log, begun = tmp_path / "deep" / "log.jsonl", empty()
    search = Search(settings={"rate": RATES}, trials=6, seed=3)
    best, found = search.run(Fake(begun=begun), SPACE, X, task="toy", log=log)
    assert len(begun) == 6
    assert len(set(begun)) == 6
    assert best.rate == min(begun, key=lambda r: abs(r - 1))
    np.testing.assert_allclose([t.score for t in found], np.abs(np.array(begun) - 1), rtol=1e-12)
    stored = [json.loads(line) for line in log.read_text().splitlines()]
    assert [s["settings"]["rate"] for s in stored] == begun
    assert trials(log) == found


def test_it_resumes_and_draws_do_not_depend_on_the_number(tmp_path):
    log, begun = tmp_path / "log.jsonl", empty()
    base = Fake(begun=begun)
    Search(settings={"rate": RATES}, trials=2).run(base, SPACE, X, task="toy", log=log)
    _, found = Search(settings={"rate": RATES}, trials=4).run(base, SPACE, X, task="toy", log=log)
    assert len(begun) == 4  # two and two
    assert [t.trial for t in found] == [0, 1, 2, 3]
    assert [t.settings["rate"] for t in found] == begun
    told = empty()
    Search(settings={"rate": RATES}, trials=4).run(
        base, SPACE, X, task="toy", log=log, progress=told.append
    )
    assert len(begun) == 4
    assert told[0].startswith("fake 0: ")
    other = {"rate": LogUniform(low=0.1, high=5.0)}
    with pytest.raises(CorruptFile, match="trial 0 of fake on toy has settings"):
        Search(settings=other, trials=4).run(base, SPACE, X, task="toy", log=log)


def test_diverged_trials_are_on_record_and_never_win(tmp_path):
    log, begun = tmp_path / "log.jsonl", empty()
    settings: dict[str, Any] = {"rate": RATES, "kind": Choice(options=("bad", "fine", Delta()))}
    base = Fake(begun=begun)
    best, found = Search(settings=settings, trials=8).run(base, SPACE, X, task="toy", log=log)
    bad = [t for t in found if t.settings["kind"] == "bad"]
    assert 0 < len(bad) < 8
    assert all(math.isnan(t.score) and "diverged: loss nan" in t.diverged for t in bad)
    assert best.kind != "bad"
    assert "Delta()" in {t.settings["kind"] for t in found}
    assert '"score": null' in log.read_text()
    settings["kind"] = Choice(options=("bad",))
    gone, _ = Search(settings=settings, trials=2).run(
        base, SPACE, X, task="all bad", log=log
    )  # fmt: skip
    assert gone is base


def test_draws_lie_in_the_range():
    rng = np.random.default_rng(0)
    drawn = np.array([RATES.draw(rng) for _ in range(400)])
    assert 0.1 <= drawn.min() <= drawn.max() <= 10.0
    # the median of the logarithm is 0; 400 draws: sd of the share below is 1/40, four of them
    assert abs((drawn < 1.0).mean() - 0.5) < 0.1
    assert {Choice(options=(1, 2)).draw(rng) for _ in range(50)} == {1, 2}


def test_everyone_is_searched_in_settings_that_exist(tmp_path):
    for name in SEARCHED:
        made, drawn = learner(name), Search(settings=space_of(name)).drawn(name, 0)
        assert set(drawn) <= set(made.settings())
        type(made)(**{**made.settings(), **drawn})
    with pytest.raises(UsageError, match=r"no settings are searched for 'grus'.*gru"):
        space_of("grus")


def test_bad_input(tmp_path):
    for make in (
        lambda: LogUniform(low=0.0, high=1.0),
        lambda: Choice(options=()),
        lambda: Search(settings={}, trials=0),
    ):
        with pytest.raises(UsageError):
            make()
    log = tmp_path / "log.jsonl"
    log.write_text('{"task": "toy"}\n')
    with pytest.raises(CorruptFile, match="line 1 is not a trial"):
        trials(log)
    assert trials(tmp_path / "none") == []


def test_the_command(tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    asked = ["logistic", "--symbols", "300", "--trials", "2", "--log", str(log)]
    assert main(asked) == 0
    assert "Logistic(" in capsys.readouterr().out
    assert len(trials(log)) == 2
    assert {t.task for t in trials(log)} == {"kjv:300"}
    assert main(["logistics"]) == 2
    assert "no settings are searched" in capsys.readouterr().err
