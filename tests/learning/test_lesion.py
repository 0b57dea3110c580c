"""Damage: equal draws for all, nothing learned in the test, n/a with a reason."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Unsuited
from bioplastic.learning.lesion import InputNoise, Jitter, Neurons, Synapses, lesions
from bioplastic.learning.space import Symbols
from bioplastic.learning.tasks.lesion import Lesion
from bioplastic.learning.walk import walk
from bioplastic.provenance import stream
from tests.learning.compare_fakes import Counter, Counting

SPACE = Symbols(size=6)
X = np.arange(3000) % 6


def trained() -> Counting:
    student = Counting(6, 1.0, None)
    walk(student, SPACE, X[:600])
    return student


class Bare:
    """Predicts evenly and has nothing to remove."""

    def predict(self, history):
        return np.full(6, 1 / 6)

    def learn(self, x):
        raise AssertionError("nothing is learned in the test")

    def observe(self, x):
        """Go on."""

    def cost(self):
        raise AssertionError


def test_every_kind_hurts_and_the_student_stays_whole():
    student = trained()
    before = student.counts.copy()
    found = lesions(student, SPACE, X, seed=1)
    np.testing.assert_array_equal(student.counts, before)
    assert not student.silent.any()
    assert set(found.curves) == {"neurons removed", "synapses removed", "input noise"}
    assert list(found.absent) == ["spike jitter (ms)"]
    assert "no input spikes" in found.absent["spike jitter (ms)"]
    intact = float(walk(deepcopy(student), SPACE, X, learning=False).mean())
    for levels, losses in found.curves.values():
        assert levels[0] == 0
        assert losses[0] == pytest.approx(intact)
        assert losses[-1] > losses[0]


def test_half_of_the_neurons_by_hand():
    """3 of 6 rows are uniform: half of the symbols cost log2(6), the rest what they did before."""
    student = trained()
    intact = float(walk(deepcopy(student), SPACE, X, learning=False)[1:].mean())
    levels, losses = lesions(student, SPACE, X, seed=3, damages=[Neurons()]).curves[
        "neurons removed"
    ]
    assert losses[levels == 0.5][0] == pytest.approx((np.log2(6) + intact) / 2, abs=0.002)


def test_draws_belong_to_the_seed_and_not_to_the_learner():
    rngs: list[np.random.Generator] = []

    class Spy(Counting):
        def lesion_neurons(self, fraction, rng):
            rngs.append(rng)
            super().lesion_neurons(fraction, rng)

        def __deepcopy__(self, memo):
            return Spy(6, 1.0, None)

    a = lesions(Spy(6, 1.0, None), SPACE, X[:50], seed=5, damages=[Neurons()])
    b = lesions(Spy(6, 1.0, None), SPACE, X[:50], seed=5, damages=[Neurons(levels=(0.5,))])
    same = rngs[4].bit_generator.state == rngs[5].bit_generator.state
    assert same  # level 0.5 has its own stream, whatever levels come before it
    assert a.curves["neurons removed"][1][5] == b.curves["neurons removed"][1][0]


def test_input_noise_charges_only_what_was_left_alone():
    """A learner that sees nothing is not touched by noise: log2(6) at every level."""
    found = lesions(Bare(), SPACE, X, seed=1, damages=[InputNoise(), Neurons(), Synapses()])
    np.testing.assert_allclose(found.curves["input noise"][1], np.log2(6))
    assert "no neurons and no synapses" in found.absent["neurons removed"]
    rng = stream(1, "lesion", "input noise", "0.5")
    replaced = rng.random(len(X)) < 0.5
    assert abs(replaced.mean() - 0.5) <= 4 * np.sqrt(0.25 / len(X))


def test_input_noise_costs_what_the_wrong_symbols_cost():
    """After a wrong symbol the prediction is wrong for sure: counts are all on one successor.

    A charged symbol follows a replaced one in 40 % of the cases; then it costs log2((n+3)/0.5) for
    the n = 100 counts of each row. Counting error: 4 sd of a share of 1800 or more.
    """
    student = trained()
    row = student.counts[1]
    wrong, right = -np.log2(row.min() / row.sum()), -np.log2(row.max() / row.sum())
    levels, losses = lesions(student, SPACE, X, seed=2, damages=[InputNoise()]).curves[
        "input noise"
    ]
    expected = 0.4 * wrong + 0.6 * right
    sd = np.sqrt(0.24 / (0.6 * len(X))) * (wrong - right)
    assert abs(losses[levels == 0.4][0] - expected) <= 4 * sd + 0.1


def test_jitter_reaches_who_has_spikes():
    class Spiking(Bare):
        moved = 0.0

        def jitter_spikes(self, sd_ms, rng):
            self.moved = sd_ms

        def predict(self, history):
            p = 1 / 6 + self.moved / 100
            return np.array([p, *[(1 - p) / 5] * 5])

    levels, losses = lesions(Spiking(), SPACE, np.zeros(5, int), seed=1, damages=[Jitter()]).curves[
        "spike jitter (ms)"
    ]
    np.testing.assert_allclose(losses, -np.log2(1 / 6 + levels / 100))


def test_refusals():
    with pytest.raises(UsageError, match="no symbol is left"):
        InputNoise().test(Bare(), SPACE, X, 1.0, stream(1))
    with pytest.raises(UsageError, match="from 0 to 1"):
        Neurons().test(trained(), SPACE, X, 1.5, stream(1))
    with pytest.raises(Unsuited):
        Jitter().test(Bare(), SPACE, X, 1.0, stream(1))


def test_task_runs_on_bundled_text():
    task = Lesion(train=300, test=100, levels=(0.0, 0.5))
    task.check()
    learner = Counter(name="counter", rule="local", noisy=False)
    record = task.measure(learner, seed=1)
    assert record.score == record.series["neurons removed"][1][1]
    assert record.cost is not None
    assert record.cost.symbols == 300
    assert record.settings["absent"] == {
        "spike jitter (ms)": "spike jitter (ms): no input spikes that could be moved"
    }
    again = task.measure(replace(learner, name="other"), seed=1)
    np.testing.assert_array_equal(
        again.series["synapses removed"][1], record.series["synapses removed"][1]
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"train": 0}, "each from 1"),
        ({"levels": (0.1, 0.2)}, "rising fractions from 0"),
        ({"levels": (0.0, 0.5, 0.5)}, "rising fractions from 0"),
        ({"levels": (0.0, 1.0)}, "to below 1"),
        ({"text": "alice29", "train": 200_000}, "are needed"),
    ],
)
def test_task_refuses_what_cannot_be(settings, said):
    with pytest.raises(UsageError, match=said):
        Lesion(**settings).check()
