"""What a run records, refuses, and leaves as it found it."""

import brian2
import numpy as np
import pytest
from brian2 import ms, mV, pA, second
from hypothesis import given, settings
from hypothesis import strategies as st

from bioplastic import simulate
from bioplastic.description import (
    LIF,
    Connectivity,
    EscapeRace,
    ExponentialCurrent,
    GroupShunt,
    HardWTA,
    Network,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.errors import DescriptionError, UnsupportedModel, UsageError
from bioplastic.simulate import Record, Voltages, Weights


def pair(delay=1 * ms, weight=1 * pA, t_ref=2 * ms, times=(1.0,)):
    times = np.asarray(times) * ms
    synapse = Connectivity(i=np.array([0]), j=np.array([0]), weight=weight, delay=delay)
    neuron = LIF(t_ref=t_ref, receptors=(ExponentialCurrent(name="r", tau=2 * ms),))
    return Network(
        name="pair",
        sources=[Source(name="s", size=1, train=SpikeTrain(i=np.zeros(len(times)), t=times))],
        populations=[Population(name="n", size=1, neuron=neuron)],
        projections=[Projection(name="p", pre="s", post="n", target="r", connectivity=synapse)],
    )


@pytest.mark.parametrize(
    ("network", "changes", "message"),
    [
        (pair(delay=0.25 * ms), {}, r"p\.delay = 0\.25 ms: must be a multiple of .* dt = 0\.1 ms"),
        (pair(t_ref=0.17 * ms), {}, r"n\.neuron\.t_ref = 0\.17 ms"),
        (pair(times=(1.0, 1.04)), {}, r"s: source 0 spikes twice in the step at 1 ms"),
        (pair(), {"duration": 0.17 * ms}, r"duration = 0\.17 ms"),
        (pair(), {"dt": 0 * ms}, r"dt = .*must be > 0"),
        (pair(), {"target": "cyton"}, r"did you mean 'cython'"),
        (pair(), {"record": Record(spikes=("m",))}, r"nothing is named 'm'.*valid: n, s"),
        (
            pair(),
            {"record": Record(voltages=(Voltages(population="n", variables=("w",)),))},
            r"no variable 'w' to sample.*valid: r, v",
        ),
        (
            pair(),
            {"record": Record(weights=(Weights(projection="p", variable="permanence"),))},
            "no variable 'permanence'",
        ),
        (
            pair(),
            {"record": Record(voltages=(Voltages(population="n", subset=[1]),))},
            r"subset: must lie in 0\.\.0",
        ),
        (
            pair(),
            {"record": Record(voltages=(Voltages(population="n", every=0.15 * ms),))},
            r"every = 0\.15 ms",
        ),
    ],
)
def test_bad_requests_are_one_clear_line(network, changes, message):
    with pytest.raises(UsageError, match=message) as caught:
        simulate.run(network, **{"duration": 1 * ms, **changes})
    assert "\n" not in str(caught.value)


def test_weights_need_the_unit_of_their_target():
    with pytest.raises(DescriptionError, match=r"p\.connectivity\.weight is in .*: .* needs amp"):
        simulate.run(pair(weight=1 * mV), 1 * ms)


def test_samples_over_the_limit_are_refused_before_anything_runs():
    record = Record(voltages=(Voltages(population="n", every=0.1 * ms),), limit=1000)
    assert record.bytes(pair(), 10 * ms) == 800
    simulate.run(pair(), 10 * ms, record=record)
    with pytest.raises(UsageError, match="the limit is"):
        simulate.run(pair(), 1000 * second, record=record)


@pytest.mark.parametrize(
    ("population", "message"),
    [
        (Population(name="r", size=3, neuron=EscapeRace()), r"r\.neuron: EscapeRace has no Brian2"),
        (Population(name="r", size=3, neuron=LIF(), inhibition=GroupShunt()), "GroupShunt"),
        (Population(name="r", size=3, neuron=EscapeRace(), inhibition=HardWTA()), "EscapeRace"),
    ],
)
def test_what_has_no_builder_is_named(population, message):
    with pytest.raises(UnsupportedModel, match=message):
        simulate.run(Network(name="x", populations=[population]), 1 * ms)


def test_delay_zero_and_one_differ_by_one_step():
    def first_move(delay):
        record = Record(voltages=(Voltages(population="n", every=0.1 * ms),))
        run = simulate.run(pair(delay=delay), 3 * ms, record=record)
        return np.flatnonzero(run.voltages["n"]["v"][:, 0])[0]

    # spike in step 10, delivered in that step, integrated in 11, sampled before 12
    assert [first_move(d * ms) for d in (0, 0.1, 0.7)] == [12, 13, 19]


def test_records_are_ordered_and_sampled_on_the_grid(everything):
    record = Record(
        spikes=("e", "s"),
        weights=(
            Weights(projection="in", every=7 * ms, subset=[3, 1]),
            Weights(projection="rec", every=10 * ms, variable="permanence"),
        ),
        voltages=(Voltages(population="e", every=2 * ms, subset=[4, 9], variables=("v", "theta")),),
    )
    network = everything()
    run = simulate.run(network, 30 * ms, record=record)
    assert set(run.spikes) == {"e", "s"}
    e = run.spikes["e"]
    assert np.array_equal(np.lexsort((e.ids, e.steps)), np.arange(len(e.ids)))
    np.testing.assert_allclose(run.weights["in"].times, [0, 7e-3, 14e-3, 21e-3, 28e-3])
    assert run.weights["in"]["weight"].shape == (5, 2)
    given = network.projection("in").connectivity.weights(1 * pA)[[3, 1]]
    np.testing.assert_allclose(run.weights["in"]["weight"][0], given * 1e-12, rtol=1e-12)
    assert run.weights["rec.permanence"]["permanence"].shape == (3, 160)
    assert run.voltages["e"]["theta"].shape == (15, 2)
    assert list(run.voltages["e"].ids) == [4, 9]
    assert run.sample_bytes == 8 * (5 * 2 + 3 * 160 + 15 * 4)
    train = network["s"].train
    assert np.array_equal(run.spikes["s"].ids, train.i[train.steps(0.1 * ms) < 300])


def test_preferences_and_default_clock_stay_as_they_were():
    before = brian2.prefs["codegen.target"], brian2.defaultclock.dt
    simulate.run(pair(), 1 * ms, dt=0.05 * ms)
    assert (brian2.prefs["codegen.target"], brian2.defaultclock.dt) == before


def test_nothing_is_printed(everything, capfd, recwarn):
    simulate.run(everything(), 2 * ms)
    out, err = capfd.readouterr()
    assert out == err == ""
    assert not [w for w in recwarn.list if "brian2" in str(w.filename)]


def test_scaling_keeps_the_sum_onto_each_neuron(everything):
    run = simulate.run(everything(), 21 * ms, plasticity=True)
    frozen = simulate.run(everything(), 20.1 * ms, plasticity=False)
    j = everything().projection("in").connectivity.j
    sums = np.bincount(j, run.final.weight("in")) / 1e-12
    assert np.all(np.abs(sums - 900) < 150)  # one millisecond of plasticity after scaling
    given = everything().projection("in").connectivity.weights(1 * pA)
    np.testing.assert_allclose(frozen.final.weight("in") / 1e-12, given, rtol=1e-12)


@settings(max_examples=3, deadline=None)
@given(st.permutations(range(20)))
def test_permuting_neurons_permutes_the_result(everything, order):
    order = np.array(order)
    plain = simulate.run(everything(python=False), 20 * ms)
    moved = simulate.run(everything(python=False, order=order), 20 * ms)
    for name in ("e", "e.distal", "e.tuft"):
        a, b = plain.spikes[name], moved.spikes[name]
        back = np.lexsort((order[b.ids], b.steps))
        assert np.array_equal(a.steps, b.steps[back])
        assert np.array_equal(a.ids, order[b.ids][back])
    np.testing.assert_allclose(
        plain.final.weight("in"), moved.final.weight("in"), rtol=0, atol=1e-12 * 400e-12
    )
