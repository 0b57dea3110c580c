"""Closed forms of the small analysis functions."""

from __future__ import annotations

import numpy as np
import pytest

from bioplastic.analysis import (
    agreement,
    attention,
    bits,
    entropy,
    first_divergence,
    isi_cv,
    log_softmax,
    population_rate,
    rates,
    window_means,
)
from bioplastic.errors import UsageError
from bioplastic.result import SpikeRecord


def record(steps, ids, size=3, dt=1e-3) -> SpikeRecord:
    steps, ids = np.array(steps, np.int64), np.array(ids, np.int64)
    return SpikeRecord(population="p", steps=steps, ids=ids, size=size, dt=dt)


def test_rates_count_from_start_up_to_stop() -> None:
    r = record([0, 5, 10, 20], [0, 0, 2, 0])
    assert rates(r, stop=0.02).tolist() == [100.0, 0.0, 50.0]
    assert rates(r, start=0.005, stop=0.010).tolist() == [200.0, 0.0, 0.0]
    with pytest.raises(UsageError, match="must lie after"):
        rates(r, start=1.0, stop=1.0)


def test_population_rate_puts_a_spike_on_an_edge_into_the_later_window() -> None:
    edges, hertz = population_rate(record([0, 10, 19, 20], [0, 1, 2, 0]), width=0.01, stop=0.02)
    assert edges == pytest.approx([0, 0.01, 0.02])
    assert hertz == pytest.approx([100 / 3, 200 / 3])


def test_isi_cv_of_a_clock_of_two_intervals_and_of_poisson() -> None:
    rng = np.random.default_rng(1)
    poisson = np.cumsum(rng.exponential(1e4, 20_000)).astype(np.int64)
    steps = np.concatenate([[0, 10, 20, 30], [0, 10, 40], [5, 6], poisson])
    ids = np.repeat([0, 1, 2, 3], [4, 3, 2, len(poisson)])
    cv = isi_cv(record(steps, ids, size=5))
    assert cv[:2] == pytest.approx([0.0, 0.5])
    assert np.isnan(cv[[2, 4]]).all()
    assert cv[3] == pytest.approx(1.0, abs=4 / np.sqrt(len(poisson)))


def test_first_divergence_names_step_neuron_and_side() -> None:
    a = record([1, 5, 5, 9], [0, 0, 2, 1])
    assert first_divergence(a, a) is None
    missing = first_divergence(a, record([1, 5, 9], [0, 0, 1]))
    assert missing is not None
    assert (missing.step, missing.neuron, missing.kind) == (5, 2, "missing")
    extra = first_divergence(a, record([1, 5, 5, 5, 9], [0, 0, 1, 2, 1]))
    assert extra is not None
    assert (extra.step, extra.neuron, extra.kind) == (5, 1, "extra")
    assert str(extra) == "step 5 (5 ms): the second alone has a spike of 1"
    with pytest.raises(UsageError, match="different grids"):
        first_divergence(a, record([], [], size=4))


def test_agreement_to_each_horizon() -> None:
    a, b = record([0, 10, 15], [0, 0, 0]), record([0, 10, 16], [0, 1, 0])
    assert agreement(a, b, (0.010, 0.011, 0.1)) == {0.010: 1.0, 0.011: 1 / 3, 0.1: 1 / 5}
    assert agreement(record([], []), record([], []), (0.01,)) == {0.01: 1.0}


def test_bits_of_a_race() -> None:
    assert bits(np.zeros((2, 4), int), 1 / 32, np.array([0, 3])) == pytest.approx([2, 2])
    u = np.array([[32, 0]])  # one nat ahead
    assert bits(u, 1 / 32, np.array([0])) == pytest.approx(np.log2(1 + np.exp(-1)))
    assert bits(u, 1 / 32, np.array([1])) == pytest.approx(np.log2(1 + np.e))
    assert bits(np.array([[10**6, 0]]), 1.0, np.array([1])) == pytest.approx(1e6 / np.log(2))
    assert bits(np.zeros((0, 4)), 1.0, np.zeros(0, int)).tolist() == []
    assert np.exp(log_softmax(u)).sum() == pytest.approx(1.0)
    for u_bad, target in ((u, [2]), (u, [-1]), (u, [0, 1])):
        with pytest.raises(UsageError, match="bits"):
            bits(u_bad, 1.0, np.array(target))


def test_entropy_of_a_uniform_race_and_of_a_sure_one() -> None:
    assert entropy(np.zeros((1, 8))) == pytest.approx([3.0])
    assert entropy(np.array([1000.0, 0.0])) == pytest.approx(0.0)


def test_window_means_leave_out_nan_and_join_a_short_rest() -> None:
    centres, means = window_means(np.array([1.0, np.nan, 3.0, 5.0, 9.0]), 3)
    assert centres.tolist() == [1.5, 4.0]
    assert means.tolist() == [2.0, 7.0]
    assert window_means(np.arange(7.0), 3)[1].tolist() == [1.0, 4.5]
    assert window_means(np.zeros(0), 3)[0].tolist() == []
    assert np.isnan(window_means(np.array([np.nan]), 1)[1]).all()
    with pytest.raises(UsageError, match="width"):
        window_means(np.ones(3), 0)


def test_attention_shares_a_contribution_among_the_lags_of_its_branch() -> None:
    used = attention([[((1, 2), 1.0), ((3,), -1.0), ((), 9.0)], [], [((5,), 1.0)]], 4)
    assert used.tolist() == [[0.25, 0.25, 0.5, 0.0], [0.0] * 4, [0.0] * 4]
    assert attention([], 4).shape == (0, 4)
    with pytest.raises(UsageError, match="lag 0"):
        attention([[((0,), 1.0)]], 4)
