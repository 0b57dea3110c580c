"""Induction: episodes with one repeated transition, and who repeats it."""

from dataclasses import replace

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning.learners import learner
from bioplastic.learning.learners.hebbian_attention import RecruitedAttention
from bioplastic.learning.learners.recall_pretrained import RecallTransformer
from bioplastic.learning.tasks import task
from bioplastic.learning.tasks.induction import Induction, crowded
from bioplastic.learning.tasks.recall_episodes import Episodes, induction_heads
from bioplastic.provenance import stream

SMALL = Induction(size=8, lengths=(6, 12, 40), trained=(6, 12), episodes=20)


def test_the_asked_symbol_came_once_and_its_successor_is_the_answer():
    found = induction_heads(stream(1, "e"), 8, length=12, episodes=200)
    places = set()
    for x, asked in zip(found.x, found.asked, strict=True):
        assert np.flatnonzero(asked).tolist() == [10]
        at = np.flatnonzero(x == x[10])
        first = int(at[0])
        assert at.tolist() in ([first, 10], [first, 10, 11])  # B may not be A: A stands alone
        assert x[11] == x[first + 1] != x[10]
        places.add(first)
    assert places == set(range(9))  # 200 draws of 9 places: all come, but for 9·(8/9)^200 < 1e-9
    assert set(found.x[:, 10].tolist()) == set(range(8))


def test_training_asks_wherever_a_transition_comes_again():
    """a b a b b a: ab again at 2, its b → b is new at 3, bb → ba differs, a at the end is asked."""
    x = np.array([[0, 1, 0, 1, 1, 0, 1]])
    asked = np.zeros((1, 7), bool)
    found = crowded(Episodes(x=x, asked=asked))
    # 0: → 1 at 0, again at 2 and 5; 1: → 0 at 1, → 1 at 3, → 0 at 4: never the same twice running
    assert np.flatnonzero(found.asked[0]).tolist() == [2, 5]
    assert not asked.any()


def test_last_successors_repeat_what_they_saw_once():
    found = SMALL.measure(RecruitedAttention(), seed=1)
    assert found.score == found.extra["accuracy_12_symbols"] == 1.0
    assert found.extra["accuracy_in_spikes_40_symbols"] == 1.0
    assert found.series["accuracy by length"][0].tolist() == [6, 12, 40]


def test_networks_are_trained_on_the_trained_lengths_only():
    rng = stream(1, "training")
    lengths = {SMALL.draw(rng, 60).x.shape for _ in range(30)}
    assert lengths == {(10, 6), (5, 12)}
    found = SMALL.measure(RecallTransformer(width=8, embedding=8, steps=3, symbols=60), seed=1)
    assert len(found.x) == 3
    assert found.cost is not None
    assert found.cost.learning_macs > 0


def test_untrained_networks_and_wrong_sizes_are_refused():
    assert SMALL.measure(learner("uniform"), seed=1).score == 0.0
    for change in ({"size": 2}, {"lengths": (3, 12)}, {"lengths": (6,)}, {"episodes": 0}):
        with pytest.raises(UsageError, match="induction: "):
            replace(SMALL, **change).check()
    with pytest.raises(UsageError, match="length = 3"):
        induction_heads(stream(1, "e"), 8, length=3, episodes=1)


def test_full_size_is_consistent():
    made = task("induction")
    made.check()
    assert made.target is not None
    assert made.target.learner in [one.name for one in made.learners()]
