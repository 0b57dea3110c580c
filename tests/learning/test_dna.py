"""The genome of phage lambda: read whole, and nobody predicts it."""

from dataclasses import replace

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.learners import learner
from bioplastic.learning.space import Symbols
from bioplastic.learning.task import Record
from bioplastic.learning.tasks import task
from bioplastic.learning.tasks.dna import DNA
from bioplastic.learning.tasks.split_stream import split_record, told
from bioplastic.learning.walk import walk

DNA_48K = DNA()


def test_the_genome_is_whole():
    found = DNA_48K.stream()
    assert found.glyphs == ("A", "C", "G", "T")
    assert len(found) == found.symbols_available == 48_502
    assert np.bincount(found.symbols).tolist() == [12_334, 11_362, 12_820, 11_986]
    assert "".join(found.text(0, 12)) == "GGGCGGCGACCT"


def witten_bell(train, test, order, size):
    """Bits per symbol of test under counts of train, orders mixed by Witten & Bell's method C."""
    p = np.full((len(test), size), 1.0 / size)
    both = np.concatenate((train, test))
    for k in range(order + 1):
        code = np.zeros(len(both), np.int64)
        for back in range(1, k + 1):
            code[k:] = code[k:] * size + both[k - back : len(both) - back]
        counts = np.zeros((size**k, size))
        np.add.at(counts, (code[k : len(train)], train[k:]), 1.0)
        here = counts[code[len(train) :]]
        n, kinds = here.sum(axis=1, keepdims=True), (here > 0).sum(axis=1, keepdims=True)
        p = np.where(n > 0, (here + kinds * p) / np.maximum(n + kinds, 1), p)
    return float(-np.log2(p[np.arange(len(test)), test]).mean())


def test_counting_gives_the_published_row():
    x = DNA_48K.stream().symbols.astype(np.int64)
    cut = int(0.8 * len(x))
    bits = [witten_bell(x[:cut], x[cut:], order, 4) for order in range(5)]
    assert round(bits[3], 2) == DNA_48K.published[0].score
    assert min(bits) > 1.95
    unigram = DNA_48K.measure(learner("unigram"), seed=1)
    # the same counts, up to the half that Krichevsky and Trofimov add to each
    assert unigram.score == pytest.approx(bits[0], abs=1e-3)


def test_a_record_has_both_ends():
    found = replace(DNA_48K, symbols=2000).measure(learner("unigram"), seed=1)
    assert found.note == ""
    assert set(found.extra) == {
        "bits_train_prequential", "bits_test_learning_on", "bits_prequential", "top1_test",
        "top1_test_learning_on",
    }  # fmt: skip
    assert found.cost is not None
    assert found.cost.symbols == 2000
    assert found.x[-1] == 1600
    assert found.y.mean() == pytest.approx(found.extra["bits_train_prequential"])
    first, then = (found.extra[k] for k in ("bits_train_prequential", "bits_test_learning_on"))
    assert found.extra["bits_prequential"] == pytest.approx((1600 * first + 400 * then) / 2000)


def test_the_score_is_with_learning_off():
    """Frozen after all A, a test part of all C stays as dear as it was; counting learns it."""
    space = Symbols(size=4)
    blank = Record(task="dna", learner="unigram", rule="none", seed=1, score=0.0, cost=None)
    train, test = np.zeros(99, np.int64), np.ones(40, np.int64)
    found = split_record(blank, learner("unigram"), space, train, test)
    assert found.score == pytest.approx(-np.log2(0.5 / (99 + 2)))
    assert found.extra["bits_test_learning_on"] < found.score
    assert found.extra["top1_test"] == 0.0


class _Whole:
    """A student that knows streams only, as a compressor does."""

    def run(self, stream, *, learning=True):
        if not learning:
            raise Unsuited("whole: always learns")
        return np.full(len(stream), 2.0)

    def predict(self, history):
        raise Unsuited("whole: has no predictions")

    def learn(self, x):
        raise Unsuited("whole: one at a time is not for me")

    def observe(self, x):
        raise Unsuited("whole: one at a time is not for me")

    def cost(self):
        return None


class _Compressor(Learner):
    def begin(self, space, *, seed):
        return _Whole()


class _Broken(_Whole):
    def run(self, stream, *, learning=True):
        return np.full(len(stream), np.nan)


class _Diverging(Learner):
    def begin(self, space, *, seed):
        return _Broken()


def test_what_cannot_stop_learning_is_scored_with_learning_on_and_says_so():
    found = replace(DNA_48K, symbols=500).measure(_Compressor(name="whole"), seed=1)
    assert found.score == 2.0
    assert "scored with learning on" in found.note
    assert "top1_test" not in found.extra


def test_divergence_is_reported():
    found = replace(DNA_48K, symbols=500).measure(_Diverging(name="broken"), seed=1)
    assert np.isnan(found.score)
    assert found.note.startswith("diverged: loss nan at example 0")


def test_the_fast_way_and_the_loop_tell_the_same():
    space, x = Symbols(size=4), DNA_48K.stream().symbols[:300].astype(np.int64)
    made = learner("hebbian_attention_recruited")
    fast, slow = made.begin(space, seed=1), made.begin(space, seed=1)
    part = told(fast, space, x, learning=True)
    assert np.allclose(part.losses, walk(slow, space, x), atol=1e-9)
    uniform = told(learner("uniform").begin(space, seed=1), space, x, learning=True)
    assert uniform.right is not None
    assert uniform.right.mean() == 0.25  # equals share


def test_sizes_are_checked():
    for change in ({"symbols": 9}, {"symbols": 48_503}, {"train": 1.0}):
        with pytest.raises(UsageError, match="dna: "):
            replace(DNA_48K, **change).check()
    assert task("dna").seeds == 10
