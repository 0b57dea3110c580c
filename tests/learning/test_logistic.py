"""Online logistic regression against a restatement with dictionaries."""

import copy

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning import load
from bioplastic.learning.learner import Lesionable, Streaming, Unsuited
from bioplastic.learning.learners import learner
from bioplastic.learning.learners.logistic import Logistic
from bioplastic.learning.space import Frames, Symbols
from bioplastic.learning.walk import walk


class Loop:
    def __init__(self, student):
        self.predict, self.learn = student.predict, student.learn
        self.observe, self.cost = student.observe, student.cost


def naive(x, size, delimiter, made):
    """The docstring: contexts as tuples, weights in dictionaries of float32 rows."""
    w: dict = {}
    g: dict = {}
    bits, rows = [], 0
    for t, y in enumerate(x):
        held = [("last", *x[t - k : t]) for k in range(min(made.order, t) + 1)]
        if delimiter is not None and delimiter in x[:t]:
            start = t - 1 - list(x[:t][::-1]).index(delimiter)
            held.append(("word", *x[start + 1 : t]))
        zeros = np.zeros(size, np.float32)
        sums = sum((w.get(c, zeros).astype(float) for c in held), np.zeros(size))
        p = np.exp(sums - sums.max())
        p /= p.sum()
        bits.append(-np.log2(p[y]))
        p[y] -= 1
        for c in held:
            g[c] = (g.get(c, np.float32(made.damping) + zeros) + p * p).astype(np.float32)
            step = made.learning_rate * p / np.sqrt(g[c].astype(float))
            w[c] = (w.get(c, zeros) - step).astype(np.float32)
            rows += 1
    return np.array(bits), rows


@pytest.mark.parametrize(("order", "delimiter"), [(0, None), (3, None), (4, 0), (7, 2)])
def test_it_equals_the_naive_one(order, delimiter):
    stream = load("alice29", symbols=400).symbols.astype(np.int64) % 9
    made = Logistic(order=order)
    student = made.begin(Symbols(size=9, delimiter=delimiter), seed=0)
    bits = student.run(stream)
    slow, rows = naive(stream.tolist(), 9, delimiter, made)
    # weights are float32: 2⁻²⁴ relative per update, at most 400 updates of a weight, and the
    # square root may round differently once
    np.testing.assert_allclose(bits, slow, rtol=400 * 2**-23)
    cost = student.cost()
    assert cost.weight_updates == 9 * rows
    assert cost.learning_macs == 4 * 9 * rows
    assert cost.effective_acs <= 9 * rows  # contexts of zeros, not stored yet, add nothing
    assert cost.silent_activations < cost.activations


def test_run_is_the_loop_exactly():
    text = load("kjv", symbols=700)
    x, space = text.symbols.astype(np.int64), Symbols(size=27, delimiter=0)
    fast, slow = (Logistic().begin(space, seed=0) for _ in range(2))
    assert isinstance(fast, Streaming)
    assert isinstance(fast, Lesionable)
    for piece, learning in ((x[:301], True), (x[301:400], False), (x[400:], True)):
        one = fast.run(piece, learning=learning)
        two = walk(Loop(slow), space, piece, learning=learning)
        np.testing.assert_allclose(one, two, rtol=1e-13)  # −log2 in two libraries
    other = copy.deepcopy(fast)
    assert (fast.run(x) == other.run(x)).all()
    assert fast.predict(x).sum() == pytest.approx(1.0, abs=1e-14)


def test_the_future_changes_no_earlier_figure():
    x = np.random.default_rng(0).integers(0, 5, 300)
    changed = x.copy()
    changed[150:] = (x[150:] + 1) % 5
    space = Symbols(size=5, delimiter=1)
    one, other = (Logistic().begin(space, seed=0).run(s) for s in (x, changed))
    assert (one[:150] == other[:150]).all()
    assert (one[150:] != other[150:]).any()


def test_observing_learns_nothing():
    x = np.random.default_rng(0).integers(0, 5, 300)
    student = Logistic().begin(Symbols(size=5, delimiter=1), seed=0)
    student.run(x[:200])
    w, cost = student.w.copy(), student.cost()
    student.run(x[200:], learning=False)
    assert (student.w == w).all()
    assert student.cost().plastic_synapses == cost.plastic_synapses
    assert student.cost().weight_updates == cost.weight_updates
    assert student.cost().symbols == 300


def test_lesions_stay():
    x = np.random.default_rng(0).integers(0, 5, 400)
    student = Logistic().begin(Symbols(size=5), seed=0)
    student.run(x)
    whole = student.cost().plastic_synapses
    student.lesion_synapses(0.3, np.random.default_rng(0))
    assert student.cost().plastic_synapses == whole - round(0.3 * whole)
    dead = ~student.live
    student.lesion_neurons(0.5, np.random.default_rng(0))
    assert (~student.live).all(axis=1).sum() >= round(0.5 * whole / 5)
    dead |= ~student.live
    student.run(x)
    assert (student.w[: len(dead)][dead] == 0).all()


def test_snapshot_and_restore():
    x = np.random.default_rng(0).integers(0, 5, 400)
    student = Logistic().begin(Symbols(size=5), seed=0)
    student.run(x)
    student.restart()
    kept = student.snapshot()
    one = student.run(x)
    student.restore(kept)
    assert (one == student.run(x)).all()
    assert student.cost().symbols == 1200


def test_it_says_what_it_cannot_do():
    assert learner("logistic") == Logistic()
    assert all(use.local for use in Logistic().locality())
    with pytest.raises(Unsuited, match="contexts are made of symbols, not Frames"):
        Logistic().begin(Frames(size=3), seed=0)
    with pytest.raises(UsageError, match="order=17 is out of range 0 to 16"):
        Logistic(order=17)
    with pytest.raises(UsageError, match=r"damping=0\.0 must be positive"):
        Logistic(damping=0.0)
