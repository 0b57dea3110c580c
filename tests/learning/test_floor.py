"""The floor as students: the figures of learning.baselines, and what they add to them."""

from typing import Any

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning import load
from bioplastic.learning.learner import Streaming, Unsuited
from bioplastic.learning.learners import learner as by_name
from bioplastic.learning.learners.floor import FLOORS, Floor
from bioplastic.learning.ngram import NGram
from bioplastic.learning.ppm import PPMd
from bioplastic.learning.space import Frames, Series, Symbols
from bioplastic.learning.suffix_table import SuffixTable
from bioplastic.learning.uniform import Uniform
from bioplastic.learning.unigram import Unigram
from bioplastic.learning.walk import walk

ORIGINALS: dict[str, Any] = {
    "uniform": Uniform(),
    "unigram": Unigram(),
    "ngram": NGram(),
    "suffix_table": SuffixTable(),
}
SPACE = Symbols(size=27)


def learner(name) -> Any:
    return by_name(name)


class Loop:
    def __init__(self, student):
        self.predict, self.learn = student.predict, student.learn
        self.observe, self.cost = student.observe, student.cost


@pytest.fixture(scope="module")
def text():
    return load("alice29", symbols=1500)


@pytest.mark.parametrize("name", ORIGINALS)
def test_the_figures_are_those_of_the_baselines(name, text):
    student = learner(name).begin(SPACE, seed=0)
    assert issubclass(type(student), Streaming)
    x = text.symbols.astype(np.int64)
    found = np.concatenate([student.run(x[:1]), student.run(x[1:700]), student.run(x[700:])])
    # the same sums in the same order; unigram and uniform take the logarithm in numpy
    np.testing.assert_allclose(found, ORIGINALS[name].bits(text), rtol=1e-15)
    cost = student.cost()
    assert cost.symbols == 1500
    assert cost.learning_macs == 0
    assert (cost.footprint_bytes > 0) == (name != "uniform")


@pytest.mark.parametrize("name", ORIGINALS)
def test_run_is_the_loop_and_predictions_sum_to_one(name, text):
    x = text.symbols[:400].astype(np.int64)
    fast, slow = (learner(name).begin(SPACE, seed=0) for _ in range(2))
    for piece, learning in ((x[:150], True), (x[150:250], False), (x[250:], True)):
        one = fast.run(piece, learning=learning)
        np.testing.assert_allclose(
            one, walk(Loop(slow), SPACE, piece, learning=learning), rtol=1e-12
        )
        assert slow.predict(x).sum() == pytest.approx(1.0, abs=1e-12)
    fast.restart()
    kept = fast.snapshot()
    again = fast.run(x)
    fast.restore(kept)
    assert (again == fast.run(x)).all()


@pytest.mark.parametrize("name", ["ngram", "suffix_table"])
def test_a_new_piece_has_no_context(name):
    """Two pieces give the figures of one stream in which nothing crosses the cut."""
    student = learner(name).begin(Symbols(size=4), seed=0)
    student.run(np.array([0, 1, 2] * 20))
    within = student.predict().copy()
    student.restart()
    assert student.predict().max() < 0.5 < within.max()
    student.run(np.array([3, 1]))
    assert student.predict()[2] > 0.5  # the context "1" is known, whatever came before the piece


def test_a_suffix_table_does_not_match_across_pieces():
    student = learner("suffix_table").begin(Symbols(size=4), seed=0)
    student.run(np.array([0, 1]))
    student.restart()
    student.run(np.array([2, 3]))  # "2" stands at the beginning of its piece
    student.restart()
    student.run(np.array([1, 2]))
    asked = student.record[0].copy()
    student.run(
        np.array([3])
    )  # the match is "2" alone, though "1" lay before the first piece's end
    assert (student.record[0] - asked).nonzero()[0].tolist() == [1]


def test_frames_have_frequencies_of_each_key():
    space = Frames(size=3)
    x = np.array([[1, 0, 0], [1, 0, 1], [1, 0, 0]], bool)
    student = Floor(name="unigram").begin(space, seed=0)
    np.testing.assert_allclose(walk(student, space, x)[0], 3 * np.log(2))
    np.testing.assert_allclose(student.predict(x), [3.5 / 4, 0.5 / 4, 1.5 / 4])
    assert walk(Floor().begin(space, seed=0), space, x) == pytest.approx(3 * np.log(2))


def test_ppmd_has_code_lengths(text):
    pytest.importorskip("pyppmd")
    x = text.symbols.astype(np.int64)
    space = Symbols(size=27, labels=text.glyphs)
    student = Floor(name="ppmd").begin(space, seed=0)
    found = np.concatenate([student.run(x[:1]), student.run(x[1:900]), student.run(x[900:])])
    assert found.sum() == pytest.approx(PPMd().bits_total(text), rel=1e-12)
    assert len(found) == 1500
    assert found[0] == pytest.approx(np.log2(27))
    for forbidden in (student.predict, lambda: student.observe(1)):
        with pytest.raises(Unsuited):
            forbidden()
    with pytest.raises(Unsuited, match="learns whatever it codes"):
        student.run(x, learning=False)


def test_floors_say_what_they_cannot_do():
    for name in FLOORS:
        assert learner(name).rule == "none"
        with pytest.raises(Unsuited, match=f"{name}: it cannot predict Series"):
            learner(name).begin(Series(horizon=1), seed=0)
    with pytest.raises(Unsuited, match="ngram: it cannot predict Frames"):
        Floor(name="ngram").begin(Frames(size=2), seed=0)
    with pytest.raises(UsageError, match=r"no floor 'ngran'.*ngram"):
        Floor(name="ngran")
    with pytest.raises(UsageError, match="ngram order 17 is out of range"):
        Floor(name="ngram", order=17)
    with pytest.raises(UsageError, match="it has no context"):
        Floor(name="unigram", order=2)
