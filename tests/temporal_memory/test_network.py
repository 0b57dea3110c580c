"""The spiking temporal memory: its numbers are the paper's, its scores are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import ms, pA

from bioplastic.analysis.temporal_memory import (
    active_neurons,
    plateau_ends,
    predicted_groups,
    score_predictions,
)
from bioplastic.networks import temporal_memory as tm
from bioplastic.result import SpikeRecord


def draw(task="I", **changes):
    return tm.temporal_memory(tm.parameters(task, **changes), np.random.default_rng(1))


@pytest.mark.parametrize(
    ("task", "neurons", "synapses", "seconds", "episode"),
    [
        ("I", 900, 162_000, 37.87, 0.44),
        ("II", 2100, 882_000, 134.19, 1.56),
        ("III", 1950, 760_500, 134.19, 1.56),
    ],
)
def test_sizes_and_durations_are_those_of_the_paper(task, neurons, synapses, seconds, episode):
    p = tm.parameters(task)
    assert len(p.symbols) * p.neurons == neurons
    assert round(p.connectivity * neurons) * neurons == synapses
    assert float(p.duration) == pytest.approx(seconds)
    assert float(p.tau_trace) == float(p.episode) == pytest.approx(episode)


def test_weights_give_the_postsynaptic_potentials_of_the_paper():
    network = draw(neurons=10)
    ampere = {q.name: float(q.connectivity.weight / pA) for q in network.projections}
    assert ampere["external"] == pytest.approx(4112.2, rel=1e-4)
    assert ampere["inhibit"] == pytest.approx(-12915.5, rel=1e-4)
    assert ampere["excite"] == pytest.approx(581.2, rel=1e-4)
    assert float(network.projection("recurrent").plasticity.w_mature / pA) == pytest.approx(12.98)


def test_every_neuron_has_its_in_degree_and_no_autapse():
    c = draw(neurons=20).projection("recurrent").connectivity
    assert set(np.bincount(c.j)) == {24}
    assert not np.any(c.i == c.j)
    assert len(np.unique(c.i * 1000 + c.j)) == len(c)
    assert c.permanence.min() >= 0
    assert c.permanence.max() <= 8


def test_elements_and_pauses_follow_delta_t_but_a_plateau_ends_before_the_next_sequence():
    for delta_t, pause in ((40, 100), (10, 60)):
        p = tm.parameters("I", delta_t=delta_t * ms, episodes=2)
        train, times = tm.schedule(p)
        assert len(train) == 16
        assert np.diff(times[0, 0]) == pytest.approx(delta_t * 1e-3)
        assert times[0, 1, 0] - times[0, 0, -1] == pytest.approx(pause * 1e-3)
        assert p.tau_trace == 440 * ms


def test_set_three_primes_the_first_elements():
    network = draw("III", neurons=30, episodes=2)
    c = network.projection("priming").connectivity
    group = network.notes["group"]
    first = [network["symbols"].labels.index(s[0]) for s in network.notes["sequences"]]
    assert [set(group[c.j[c.i == k]]) for k in range(6)] == [{g} for g in first]
    ahead = network.notes["element_times"][:, :, 0].ravel() - np.asarray(network["prime"].train.t)
    assert ahead == pytest.approx(0.02)
    assert "priming" not in [q.name for q in draw("II", neurons=30).projections]


def test_homeostasis_can_be_left_out_and_unknown_tasks_are_refused():
    rule = draw(neurons=10, homeostasis=False).projection("recurrent").plasticity
    assert rule.homeostasis is None
    with pytest.raises(ValueError, match="must be one of I, II, III, IV, V"):
        tm.parameters("VI")


def record(pairs: list[tuple[int, int]], size: int = 4) -> SpikeRecord:
    table = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return SpikeRecord(population="p", steps=table[:, 0], ids=table[:, 1], size=size, dt=1e-4)


def test_a_plateau_ends_after_its_duration_or_at_the_next_spike():
    onsets = record([(10, 0), (10, 1), (10, 2), (50, 1)])
    spikes = record([(5, 0), (30, 1), (10, 2), (30, 3)])
    assert plateau_ends(onsets, spikes, 60).tolist() == [70, 30, 10, 110]


def test_a_group_is_predicted_by_enough_neurons_each_counted_once():
    onsets = record([(10, 0), (12, 0), (10, 1), (10, 2)])
    ends = np.array([20, 30, 20, 20])
    group = np.array([0, 0, 1, 1])
    probes = np.array([9, 12, 20])
    predicted = predicted_groups(onsets, ends, probes, group, enough=2)
    assert predicted.tolist() == [[False, False], [True, False], [False, False]]


def test_error_counts_what_was_missed_and_what_was_wrong():
    # one sequence of groups 0, 1, 2: probe 8 ms after the second element, at step 480
    times = np.array([[[0.0, 0.04, 0.08]], [[0.5, 0.54, 0.58]], [[1.0, 1.04, 1.08]]])
    group = np.repeat(np.arange(3), 2)
    onsets = record([(450, 4), (450, 5), (5450, 0), (5450, 1)], size=6)
    score = score_predictions(
        onsets, record([], size=6), times=times, last_group=np.array([2]), group=group,
        duration=6e-3, probe=8e-3, enough=2,
    )  # fmt: skip
    assert score.false_negatives.ravel().tolist() == [0, 1, 1]
    assert score.false_positives.ravel().tolist() == [0, 1, 0]
    assert score.error == pytest.approx([0, np.sqrt(2), 1])
    assert (score.first_zero, score.stable_zero) == (0, -1)


def test_active_neurons_counts_the_right_group_inside_the_window():
    spikes = record([(401, 0), (402, 1), (405, 2), (900, 0)], size=4)
    active = active_neurons(
        spikes, np.array([[[0.04, np.nan]]]), np.array([[0, -1]]), np.array([0, 0, 1, 1]), 0.04
    )
    assert active[0, 0, 0] == 2
    assert np.isnan(active[0, 0, 1])
