"""The spiking temporal memory as a learner of streams."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Lesionable, Unsuited
from bioplastic.learning.learners import learner
from bioplastic.learning.learners.temporal_memory import HOLD, PERMANENCE, TemporalMemory
from bioplastic.learning.space import Frames, Symbols
from bioplastic.learning.walk import walk

SPACE = Symbols(size=4)
SMALL = TemporalMemory(neurons=40, winners=10)


@pytest.fixture(scope="module")
def trained():
    """A student that met 0 1 2 3 forty times, and its losses."""
    student = SMALL.begin(SPACE, seed=2)
    return student, walk(student, SPACE, np.tile([0, 1, 2, 3], 40))


def test_a_cycle_is_learned(trained):
    losses = trained[1]
    assert losses[0] == pytest.approx(2.0)
    # a certain prediction costs −log2((floor + 1)/(4 floor + 1)) bits
    best = -np.log2(1.02 / 1.08)
    assert losses[-8:].mean() < best + 0.3
    assert losses.min() >= best - 1e-12


def test_the_reading_is_its_formula(trained):
    student = copy.deepcopy(trained[0])
    held = student.arrays[HOLD].reshape(4, 40)
    held[:] = 0
    held[2, :5], held[1, :30] = 7, 7
    assert student.predicted().tolist() == [0, 30, 5, 0]
    vote = np.array([0.02, 1.02, 0.52, 0.02])
    assert student.predict(None) == pytest.approx(vote / vote.sum())


def test_observing_learns_nothing_and_goes_on(trained):
    student = copy.deepcopy(trained[0])
    before = student.session.state()
    losses = walk(student, SPACE, np.tile([0, 1, 2, 3], 2), learning=False)
    assert np.array_equal(student.arrays[PERMANENCE], before.arrays[PERMANENCE])
    assert student.session.step == before.step + 8 * 400
    assert losses.mean() < 1.0
    student.learn(0)
    assert not np.array_equal(student.arrays[PERMANENCE], before.arrays[PERMANENCE])


def test_equal_seeds_give_equal_runs_and_copies_part(trained):
    x = np.tile([0, 1, 2, 3], 5)
    again = walk(SMALL.begin(SPACE, seed=2), SPACE, x)
    assert np.array_equal(again, trained[1][:20])
    student = trained[0]
    taken = student.snapshot()
    twin = copy.deepcopy(student)
    a = walk(twin, SPACE, x)
    assert student.session.step == taken["state"].step
    twin.restore(taken)
    assert np.array_equal(walk(twin, SPACE, x), a)


def test_dead_neurons_stay_silent(trained):
    student = copy.deepcopy(trained[0])
    spikes = student.counts["spikes"]
    student.lesion_neurons(1.0, np.random.default_rng(1))
    assert student.predict(None) == pytest.approx(0.25)
    walk(student, SPACE, np.tile([0, 1, 2, 3], 2))
    assert student.counts["spikes"] == spikes
    assert student.predict(None) == pytest.approx(0.25)


def test_lost_synapses_stay_lost(trained):
    student = copy.deepcopy(trained[0])
    student.lesion_synapses(1.0, np.random.default_rng(1))
    assert not student.arrays[PERMANENCE].any()
    losses = walk(student, SPACE, np.tile([0, 1, 2, 3], 2))
    assert losses[1:] == pytest.approx(2.0)
    assert not student.arrays[PERMANENCE].any()


def test_costs_are_counted(trained):
    student, losses = trained
    cost = student.cost()
    assert cost.symbols == len(losses)
    assert cost.executions == 400 * len(losses)
    assert cost.neurons == 4 * 40 + 4
    assert cost.plastic_synapses == 160 * 32  # a fifth of 160 onto each
    assert cost.activations - cost.silent_activations == student.counts["spikes"]
    assert cost.effective_macs == 0
    assert cost.effective_acs > 0


def test_what_it_cannot_meet_is_named(trained):
    assert isinstance(trained[0], Lesionable)
    assert learner("temporal_memory").name == "temporal_memory"
    with pytest.raises(Unsuited, match="takes symbols"):
        SMALL.begin(Frames(size=3), seed=1)
    with pytest.raises(Unsuited, match="65 symbols; 64"):
        SMALL.begin(Symbols(size=65), seed=1)
    with pytest.raises(UsageError, match="floor"):
        TemporalMemory(floor=0.0)
    with pytest.raises(UsageError, match="neurons = 10"):
        TemporalMemory(neurons=10)
    assert all(u.local for u in SMALL.locality())
