"""Winner-take-all under known input: who wins, how many, and what keeps the losers silent."""

import numpy as np
import pytest
from brian2 import ms, pA

from bioplastic import simulate
from bioplastic.description import LIF, HardWTA, Network, Population, Rhythm
from bioplastic.errors import UnsupportedModel
from bioplastic.networks.wta import hard_wta, latency_trials, spiking_wta
from bioplastic.theory.race import share_of_strong

PERIOD = 20 * ms


def driven(currents, inhibition, rhythm=None, **neuron):
    return Network(
        name="driven",
        populations=[
            Population(
                name="n",
                size=len(currents),
                neuron=LIF(i_offset=np.asarray(currents) * pA, **neuron),
                inhibition=inhibition,
            )
        ],
        rhythm=rhythm,
    )


def trials(seed, k, lead, jitter):
    return latency_trials(
        np.random.default_rng(seed),
        size=8,
        k=k,
        trials=12,
        period=PERIOD,
        lead=lead,
        jitter=jitter,
    )


def test_the_strongest_k_win_and_the_rest_stay_silent():
    currents = [600, 900, 700, 1000, 800, 100]
    for k in (1, 2, 3):
        spikes = simulate.run(driven(currents, HardWTA(k=k), t_ref=50 * ms), 40 * ms).spikes["n"]
        assert sorted(spikes.ids) == sorted(np.argsort(currents)[::-1][:k])


def test_equal_inputs_the_lower_index_wins():
    spikes = simulate.run(driven([800] * 5, HardWTA(k=2)), 40 * ms).spikes["n"]
    assert list(spikes.ids) == [0, 1]


def test_largest_overshoot_wins_inside_one_step_whatever_the_index():
    currents = [4000, 4040, 4030]  # all cross in the same step
    spikes = simulate.run(driven(currents, HardWTA(k=1)), 20 * ms).spikes["n"]
    assert list(spikes.ids) == [1]


def test_each_period_is_a_new_competition():
    spikes = simulate.run(driven([700, 900], HardWTA(k=1, period=20 * ms), t_ref=15 * ms), 99 * ms)
    assert np.array_equal(np.unique(spikes.spikes["n"].steps // 200), np.arange(5))
    assert len(spikes.spikes["n"].steps) == 5


def test_without_a_period_competitions_follow_the_rhythm():
    rhythm = Rhythm(period=50 * ms, encoding=10 * ms, gamma=2)
    run = simulate.run(driven([4000, 3000], HardWTA(k=1), rhythm), 100 * ms)
    steps = run.spikes["n"].steps
    assert len(steps) == 6  # encoding + 2 gamma cycles, twice
    assert np.array_equal(
        np.searchsorted([0, 100, 300, 500, 600, 800], steps, "right"), range(1, 7)
    )


@pytest.mark.parametrize("k", [1, 3])
def test_hard_wta_selects_the_inputs_that_lead(k):
    inputs, strong = latency_trials(
        np.random.default_rng(0),
        size=8,
        k=k,
        trials=12,
        period=PERIOD,
        lead=2 * ms,
        jitter=0.2 * ms,
    )
    run = simulate.run(hard_wta(inputs, size=8, k=k, period=PERIOD), 12 * PERIOD)
    spikes = run.spikes["excitatory"]
    for trial in range(12):
        ids = spikes.ids[spikes.steps // 200 == trial]
        assert sorted(ids) == sorted(strong[trial])


def test_spiking_inhibition_silences_the_losers():
    inputs, strong = latency_trials(
        np.random.default_rng(1),
        size=8,
        k=2,
        trials=12,
        period=PERIOD,
        lead=3 * ms,
        jitter=0.1 * ms,
    )
    network = spiking_wta(inputs, size=8, k=2, period=PERIOD, delay=0.1 * ms)
    run = simulate.run(network, 12 * PERIOD)
    spikes = run.spikes["excitatory"]
    for trial in range(12):
        ids = spikes.ids[spikes.steps // 200 == trial]
        assert sorted(ids) == sorted(strong[trial])
    assert len(run.spikes["inhibitory"].steps) == 12


def test_closed_form_of_the_race():
    assert share_of_strong(10, 1, 0.0, 1.0) == pytest.approx(0.1)
    assert share_of_strong(10, 3, 0.0, 1.0) == pytest.approx(0.3)
    assert share_of_strong(10, 3, 9.0, 1.0) == pytest.approx(1.0)
    rng = np.random.default_rng(5)
    when = rng.standard_normal((200_000, 6))
    when[:, :2] -= 0.7
    first = np.argsort(when, axis=1)[:, :2]
    assert share_of_strong(6, 2, 0.7, 1.0) == pytest.approx((first < 2).mean(), abs=3e-3)


def test_ranking_needs_python_in_the_step():
    network = driven([700], HardWTA(k=1))
    with pytest.raises(UnsupportedModel, match=r"n\.inhibition: runs Python inside a step"):
        simulate.build(network, 1e-4, python=False)
