"""The published search log: the defaults of the learners are its best trials."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from bioplastic.learning.compare.search import SEARCHED, Search, trials
from bioplastic.learning.learners import learner

LOG = Path(__file__).parents[2] / "docs/figures/search-kjv.jsonl"


DEEP = (
    "gru",
    "lstm",
    "transformer",
    "linear_attention",
    "low_rank_attention",
    "window_mlp",
    "logistic",
)


@pytest.mark.parametrize("name", DEEP)
def test_the_defaults_are_the_best_of_the_published_trials(name):
    if not LOG.exists():
        pytest.skip("docs/ is not beside the tests")
    found = [t for t in trials(LOG) if t.learner == name and t.task == "kjv:10000"]
    assert [t.trial for t in found] == list(range(8))
    best = min(found, key=lambda t: t.score)
    search = Search(settings=SEARCHED[name])
    drawn = search.drawn(name, best.trial)
    settings = learner(name).settings()
    assert {key: settings[key] for key in drawn} == drawn
    for trial in found:  # the log holds what the search draws today
        assert {k: str(v) for k, v in search.drawn(name, trial.trial).items()} == {
            k: str(v) for k, v in trial.settings.items()
        }
