"""What integer collapse does and does not keep: semantics, probes, and the text network."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from brian2 import Hz, ms, mV, pA, volt
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from bioplastic.bridge import collapse_probes as probes
from bioplastic.bridge.collapse import collapse, count, shuffled
from bioplastic.bridge.collapse_audit import audit, likeness, same, separation
from bioplastic.config import configure
from bioplastic.description import (
    LIF,
    AlphaCurrent,
    ExponentialCurrent,
    HardWTA,
    Network,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.description.connectivity import one_to_one
from bioplastic.description.stimulus import poisson
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.learning.collapse import collapsed_windows, permuted
from bioplastic.learning.collapse_counts import CountPredictor, count_bits
from bioplastic.networks.balanced import cuba
from bioplastic.result import SpikeRecord

DT = 0.1 * ms


def one_synapse(receptor, weight, train, **neuron):
    return Network(
        name="one",
        sources=[Source(name="in", size=1, train=train)],
        populations=[Population(name="out", size=1, neuron=LIF(receptors=(receptor,), **neuron))],
        projections=[
            Projection(name="q", pre="in", post="out", target=receptor.name,
                       connectivity=one_to_one(1, weight=weight, delay=DT))
        ],
    )  # fmt: skip


@pytest.mark.parametrize("kind", [ExponentialCurrent, AlphaCurrent])
def test_the_charge_of_an_arrival_is_what_a_membrane_without_leak_would_integrate(kind):
    receptor, weight = kind(name="syn", tau=3 * ms), 100 * pA
    area = 3e-3 * (np.e if kind is AlphaCurrent else 1.0)  # ∫ I dt of a current of peak 1
    gap = float(weight) * area / 250e-12 / 1.9  # so that one arrival is 1.9 gaps: rounds to 2
    net = one_synapse(
        receptor, weight, SpikeTrain(i=np.array([0]), t=[1] * ms), v_th=gap * volt, v_reset=-1 * mV
    )
    assert collapse(net, {"in": np.array([[1], [0], [3]])}, 0.01, 3)["out"].tolist() == [
        [2], [0], [6]
    ]  # fmt: skip


def test_counts_of_inhibition_never_go_below_zero():
    net = one_synapse(ExponentialCurrent(name="syn", tau=3 * ms), -900 * pA,
                      SpikeTrain(i=np.array([0]), t=[1] * ms))  # fmt: skip
    assert collapse(net, {"in": np.array([[9]])}, 0.01, 1)["out"].tolist() == [[0]]


def test_what_has_no_counterpart_is_refused_by_name():
    net = Network(
        name="wta",
        populations=[Population(name="cells", size=2, neuron=LIF(), inhibition=HardWTA(k=1))],
    )
    with pytest.raises(UnsupportedModel, match=r"cells: branches and inhibition"):
        collapse(net, {}, 0.01, 1)


def test_a_network_of_linear_neurons_has_the_charge_of_its_filters():
    counts = collapse(cuba(size=50, probability=0.2, e_l=-60 * mV), {}, 0.1, 2)["neurons"]
    assert counts.shape == (2, 50)
    assert not counts.any()  # at rest, no source: nothing ever starts
    driven = collapse(cuba(size=50, probability=0.0, e_l=-43.5 * mV), {}, 0.02, 1)["neurons"]
    assert set(driven.ravel().tolist()) == {round(16.5 / 10)}  # 16.5 mV of drive, gap 10 mV


@given(st.integers(0, 2**31), st.sampled_from([5, 20, 50]))
def test_a_shuffle_keeps_every_count_and_puts_two_spikes_nowhere(seed, each):
    rng = np.random.default_rng(seed)
    train = poisson(rng, np.full(7, 900) * Hz, 20 * ms, DT)
    net = Network(name="n", sources=[Source(name="in", size=7, train=train)])
    moved = shuffled(net, rng, each * DT, DT).sources[0].train
    a, b = (np.stack([t.steps(DT) // each, t.i]) for t in (train, moved))
    assert sorted(a.T.tolist()) == sorted(b.T.tolist())
    places = moved.steps(DT) * 7 + moved.i
    assert len(np.unique(places)) == len(places)


def test_windows_must_be_whole_steps():
    record = SpikeRecord(population="p", steps=np.array([0, 9, 10]), ids=np.array([0, 0, 1]),
                         size=2, dt=1e-4)  # fmt: skip
    assert count(record, 1e-3, 2).tolist() == [[2, 0], [0, 1]]
    with pytest.raises(UsageError, match="whole number of steps"):
        count(record, 1.5e-4, 2)


def test_leak_is_what_makes_weak_inputs_silent():
    duration = 100 * ms
    found = audit(probes.leak(8, duration), window=duration, duration=duration, dt=DT, seed=1,
                  backend="reference")  # fmt: skip
    assert found.collapsed is not None
    assert found.collapsed["cells"][0].tolist() == list(range(1, 9))
    # R·I = X·V_th·tau/T = X·V_th/5: at most threshold up to X = 5, where v never passes it
    assert (found.full["cells"][0] == 0).tolist() == [True] * 5 + [False] * 3


def test_measures_of_likeness():
    a = np.array([[0, 2], [1, 0]])
    assert same(a, a) == 1
    assert likeness(a, a) == pytest.approx(1)
    assert same(a, np.array([[0, 1], [1, 3]])) == pytest.approx(1 / 3)
    assert np.isnan(likeness(a, np.zeros((2, 2))))
    label = np.array([True, False, True, False])
    assert separation(np.array([3, 1, 4, 2]), label) == 1
    assert separation(np.array([5, 5, 5, 5]), label) == 0.5


@given(st.integers(1, 6), st.integers(0, 5), st.integers(0, 40), st.integers(0, 2**31))
def test_windows_lose_their_order_and_nothing_else(width, phase, length, seed):
    rng = np.random.default_rng(seed)
    symbols = rng.integers(0, 9, length)
    stream = permuted(symbols, width, phase, rng)
    for start in range(phase, length - width + 1, width):
        window = slice(start, start + width)
        assert sorted(stream[window]) == sorted(symbols[window])
    assert stream[:phase].tolist() == symbols[:phase].tolist()


def test_count_predictor_sees_counts_only_and_its_forecast_is_a_distribution():
    rng = np.random.default_rng(2)
    stream = rng.integers(0, 4, 300)
    table = CountPredictor(2, 4)
    table.learn(stream, 0, 250)
    swapped = stream.copy()
    swapped[[260, 261]] = swapped[[261, 260]]
    assert table.bits(stream, 262).tolist() == table.bits(swapped, 262).tolist()
    total = np.zeros(table.depth + 1)
    for symbol in range(4):
        other = stream.copy()
        other[262] = symbol
        total += 2 ** -table.bits(other, 262)
    assert total == pytest.approx(1)


def test_order_inside_a_window_is_all_that_a_pair_of_letters_can_lose():
    # abcabc…: with order the next letter is certain; the counts of two letters say it as well
    stream = np.tile([0, 1, 2], 60)
    assert count_bits(stream[:150], stream[150:], 2, 3).mean() < 0.2
    assert count_bits(stream[:150], stream[150:], 3, 3).mean() > 1.4  # all windows are alike


def test_full_time_is_the_window_of_one(circuit):
    symbols = np.tile([0, 1, 2, 3], 12)
    lowered, _, _ = circuit(symbols, 4)
    rng = np.random.default_rng(0)
    found = collapsed_windows(lowered, symbols, [1, 4], draws=2, rng=rng, backend="reference")
    assert np.isnan(found.surprise[0, 0])
    assert not np.isnan(found.surprise[0, 1:]).any()
    assert np.isnan(found.surprise[1, :4]).all()
    with pytest.raises(UsageError, match="at least 1"):
        collapsed_windows(lowered, symbols, [0], draws=1, rng=rng)


def test_the_experiment_at_toy_size_draws_and_says_what_is_lost():
    module = importlib.import_module("bioplastic.experiments.collapse_audit")
    config = configure(module.Config, ("trials=6", "copies=4", "symbols=120", "test=30",
                                       "windows=2", "draws=8"), base=module.QUICK)  # fmt: skip
    result = module.run(config, seed=1, backend="cpu")
    for section in result.sections:
        if hasattr(section, "draw"):
            section.draw(Figure(figsize=section.size, layout="constrained"))
    m = result.metrics
    assert m["leak_silent_up_to"] == 5
    assert m["synchrony_roc_full"] == 1
    assert m["synchrony_roc_collapsed"] == 0.5
    assert m["order_change_pre_first"] > 0 > m["order_change_post_first"]
    assert m["permutation_least"] < m["permutation_most"]
    assert m["bits_per_symbol_window_1"] < m["bits_per_symbol_window_2"]
    with pytest.raises(UsageError, match="windows = '0'"):
        module.run(configure(module.Config, ("windows=0",), base=module.QUICK), seed=1,
                   backend="cpu")  # fmt: skip
