"""The text task: one pass, everyone by the same rule, bad corpora by name."""

from __future__ import annotations

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Learner
from bioplastic.learning.learners import LEARNERS, learner
from bioplastic.learning.tasks import task
from bioplastic.learning.tasks.text import ABLATED, Text
from bioplastic.learning.tasks.text import LEARNERS as TAKE_PART

SMALL = Text(name="kjv", symbols=1500, warm_up=100)


def test_measure_fills_a_record():
    record = SMALL.measure(learner("attention"), seed=1)
    assert (record.task, record.learner, record.rule, record.seed) == (
        "kjv",
        "attention",
        "local",
        1,
    )
    assert len(record.x) == len(record.y) == 50
    assert record.x[-1] == 1500
    # 50 windows of 30 symbols: their mean is the mean
    assert record.y.mean() == pytest.approx(record.score)
    assert 1.0 < record.score < np.log2(27)
    assert record.cost is not None
    assert record.cost.symbols == 1500
    assert record.extra["last_third_bits_per_symbol"] < record.score
    assert record.extra["arrivals_at_shut_gates_per_symbol"] > 0
    assert record.settings["order"] == 7


def test_floors_are_charged_by_the_same_rule():
    scores = {n: SMALL.measure(learner(n), seed=1).score for n in ("uniform", "unigram", "ngram")}
    assert scores["uniform"] == pytest.approx(np.log2(27))
    assert scores["uniform"] > scores["unigram"] > scores["ngram"]


def test_files_of_ones_own(tmp_path):
    path = tmp_path / "song.txt"
    path.write_text("Row, row, row your boat,\ngently down the stream. " * 30)
    found = task("file", path=str(path), alphabet="text", symbols=900, warm_up=500)
    assert isinstance(found, Text)
    space = found.space(found.stream())
    assert space.delimiter is not None
    assert space.labels[space.delimiter] == " "
    assert {space.labels[k] for k in space.word_ends} == {" ", ",", ".", "↵"}
    assert found.measure(learner("attention"), seed=1).score < 1.5
    assert str(path) in found.question
    assert found.target is None


def test_bad_corpora_have_named_errors(tmp_path):
    short, same = tmp_path / "short.txt", tmp_path / "same.txt"
    short.write_text("in the beginning")
    same.write_text("a" * 5000)
    with pytest.raises(UsageError, match=r"16 symbols.*warm_up = 1000"):
        Text(name="file", path=str(short)).check()
    with pytest.raises(UsageError, match=r"same symbol.*nothing to predict"):
        Text(name="file", path=str(same), alphabet="text").check()
    with pytest.raises(UsageError, match="neither a bundled text nor a file"):
        Text(name="file", path=str(tmp_path / "absent.txt")).check()
    with pytest.raises(UsageError, match="'kvj' is none of"):
        Text(name="kvj")
    with pytest.raises(UsageError, match="'file' has one"):
        Text(name="file")
    with pytest.raises(UsageError, match="warm_up = 2000"):
        Text(symbols=1500, warm_up=2000)


def test_who_takes_part_is_known_by_name():
    assert set(TAKE_PART) | set(ABLATED) <= set(LEARNERS)
    found = {one.name: one for one in Text().learners()}
    assert list(found) == [*TAKE_PART, *ABLATED]
    assert found["temporal_memory"].settings()["winners"] == 12
    wanted = [Text(name=name).target for name in ("kjv", "alice29")]
    assert [t.score for t in wanted if t is not None] == [1.623, 1.908]
    assert Text(symbols=5000).target is None
    Text().check()


class Broken(Learner):
    """Predicts that the second symbol cannot be."""

    def begin(self, space, *, seed):
        class Student:
            def predict(self, history):
                p = space.start()
                return p if len(history) != 1 else np.zeros(space.size)

            def learn(self, x):
                pass

            observe = learn

            def cost(self):
                return None

        return Student()


def test_divergence_and_what_is_unsuited_are_records():
    record = SMALL.measure(Broken(name="broken"), seed=1)
    assert np.isnan(record.score)
    assert record.note == "diverged: loss inf at example 1"
    wide = Text(name="alice29", alphabet="text", symbols=1000, warm_up=100)
    record = wide.measure(learner("temporal_memory"), seed=1)
    assert np.isnan(record.score)
    assert record.note.startswith("unsuited: temporal_memory: 74 symbols")
