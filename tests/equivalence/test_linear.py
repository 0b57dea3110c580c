"""Linear and conductance neurons: executors agree bit for bit, with LIF, and with Brian2."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from brian2 import amp, ms, mV, pA, second
from hypothesis import HealthCheck, given, settings

from bioplastic.description import (
    LIF,
    ConductanceLIF,
    Connectivity,
    ExponentialConductance,
    ExponentialCurrent,
    LinearIF,
    Network,
    Population,
    Projection,
    Source,
    SpikeTrain,
    Taylor,
)
from bioplastic.kernels.dispatch import run
from bioplastic.kernels.sparse.state import initial_state
from bioplastic.quantize import lower
from bioplastic.quantize.integer_population import (
    AffineMap,
    IntegerLinear,
    LinearForm,
    LinearState,
    LinearStep,
)
from bioplastic.simulate import run as simulate
from tests.equivalence.conftest import recurrent
from tests.equivalence.linear_networks import (
    STEPS,
    adapting,
    conductance,
    cuba,
    dendritic,
    networks,
)

DT = 0.1 * ms
some = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@some
@given(network=networks())
def test_executors_agree_on_drawn_networks(network):
    lowered = lower(network, DT)
    cpu, reference = run(lowered, STEPS), run(lowered, STEPS, backend="reference")
    assert cpu.state.difference(reference.state) == []
    for kind in ("spikes", "onsets"):
        for name, record in getattr(reference, kind).items():
            found = getattr(cpu, kind)[name]
            np.testing.assert_array_equal(found.steps, record.steps, err_msg=name)
            np.testing.assert_array_equal(found.ids, record.ids, err_msg=name)
    assert cpu.counters["synaptic_events"] == reference.counters["synaptic_events"]


@some
@given(network=networks())
def test_states_stay_within_their_proved_bounds(network):
    lowered = lower(network, DT)
    bounds = {b.what: b.bound for b in lowered.report.bounds}
    state = initial_state(lowered)
    for _ in range(STEPS // 5):
        state = run(lowered, 5, state=state).state
        for c in lowered["p"].channels:
            values = state.arrays.get(f"p.{c.name}/current")
            if values is not None:
                assert np.abs(values.astype(np.int64)).max() <= bounds[f"p.{c.name}"]
        if "p.theta" in bounds:
            assert np.abs(state.arrays["p/theta"]).max() <= bounds["p.theta"]


@some
@given(network=networks())
def test_a_split_run_equals_a_whole_run(network):
    lowered = lower(network, DT)
    whole = run(lowered, STEPS)
    first = run(lowered, STEPS // 3)
    second_part = run(lowered, STEPS - STEPS // 3, state=first.state, backend="reference")
    assert second_part.state.difference(whole.state) == []


def as_linear(p) -> IntegerLinear:
    """The integers of an LIF population with exponential currents, as a linear population."""
    n = 1 + len(p.channels)
    one = 1 << 30
    free = np.zeros((n, n), np.int64)
    free[0] = [p.pvv, *(c.pvi for c in p.channels)]
    free[range(1, n), range(1, n)] = [c.pii for c in p.channels]
    held = free.copy()
    held[0] = [one, *(0 for _ in p.channels)]
    offset = np.zeros((p.size, n), np.int64)
    offset[:, 0] = p.offset
    reset = np.eye(n, dtype=np.int64) * one
    reset[0, 0] = 0
    jump = np.zeros(n, np.int64)
    jump[0] = p.v_reset * one
    names = ["v", *(c.name for c in p.channels)]
    return IntegerLinear(
        name=p.name,
        size=p.size,
        channels=tuple(LinearState(name=name, lsb=p.lsb) for name in names),
        free=LinearStep(matrix=free, offset=offset),
        held=LinearStep(matrix=held, offset=np.zeros_like(offset)),
        form=LinearForm(row=np.eye(n, dtype=np.int64)[0], theta=np.full(p.size, p.v_th)),
        reset=AffineMap(matrix=reset, offset=jump),
        refractory=p.refractory,
        initial=np.zeros((p.size, n), np.int32),
    )


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_lif_written_as_a_linear_neuron_has_the_same_bits(backend):
    size = 63
    network = recurrent(size)
    rng = np.random.default_rng(1)
    currents = (
        ExponentialCurrent(name="fast", tau=3 * ms),
        ExponentialCurrent(name="slow", tau=5 * ms),
    )
    neuron = LIF(receptors=currents, i_offset=rng.uniform(0, 0.45, size) * 1000 * pA)
    network = dataclasses.replace(
        network, populations=[Population(name="p", size=size, neuron=neuron)]
    )
    lif = lower(network, DT)
    linear = dataclasses.replace(
        lif,
        populations=(as_linear(lif["p"]),),
        projections=tuple(dataclasses.replace(q, channel=q.channel + 1) for q in lif.projections),
    )
    a, b = run(lif, 600, backend=backend), run(linear, 600, backend=backend)
    assert a.counters["spikes"] > 100
    np.testing.assert_array_equal(a.spikes["p"].steps, b.spikes["p"].steps)
    np.testing.assert_array_equal(a.spikes["p"].ids, b.spikes["p"].ids)
    np.testing.assert_array_equal(a.state.arrays["p/v"], b.state.arrays["p.v/current"])
    for name in ("fast", "slow"):
        key = f"p.{name}/current"
        np.testing.assert_array_equal(a.state.arrays[key], b.state.arrays[key])


def driven(neuron, target: str, weight, *, size: int = 5, seconds: float = 0.1) -> Network:
    """Independent neurons, each with its own source of drawn spikes; no recurrence, no chaos."""
    rng = np.random.default_rng(7)
    at = np.unique(rng.integers(0, round(seconds / 1e-4) * size, 40 * size))
    train = SpikeTrain(i=at % size, t=(at // size) * 1e-4 * second)
    each = Connectivity(i=np.arange(size), j=np.arange(size), weight=weight, delay=0.3 * ms)
    return Network(
        name="driven",
        sources=[Source(name="in", size=size, train=train)],
        populations=[Population(name="p", size=size, neuron=neuron)],
        projections=[Projection(name="q", pre="in", post="p", target=target, connectivity=each)],
    )


RNG = np.random.default_rng(3)
BRIAN = {
    "cuba": (cuba(5, RNG), "ge", 5e-3),
    "cuba deaf": (cuba(5, RNG, deaf=("v",)), "v", 3e-3),
    "cuba euler": (cuba(5, RNG, integrator=Taylor(order=1)), "ge", 5e-3),
    "adapting": (adapting(5, RNG, 2.0), "v", 2e-3),
    "dendritic": (dendritic(5, RNG, 1.0), "current", 8e-3),
    "conductance": (conductance(5, RNG, 2.0), "ge", 0.3),
    "conductance again": (conductance(5, RNG, 0.0), "gi", 0.3),
    "conductance on v": (conductance(5, RNG, 1.0), "v", 2 * mV),
}


@pytest.mark.parametrize("name", BRIAN)
def test_spikes_and_onsets_are_those_of_brian2(name):
    """Equal in every step and neuron. What rounding moves a state by is bounded below, at some
    hundred LSB or 0.1 µV; a threshold passed by less than that could differ, and none is."""
    neuron, target, weight = BRIAN[name]
    network = driven(neuron, target, weight)
    brian = simulate(network, 100 * ms, dt=DT, progress=False)
    found = run(lower(network, DT), 1000)
    assert len(found.spikes["p"].ids) > 0
    wanted = {k: r for k, r in brian.spikes.items() if k.startswith("p")}
    ours = found.spikes | found.onsets
    for key, record in wanted.items():
        np.testing.assert_array_equal(ours[key].steps, record.steps, err_msg=key)
        np.testing.assert_array_equal(ours[key].ids, record.ids, err_msg=key)


def test_dendritic_events_all_happen():
    neuron, target, weight = BRIAN["dendritic"]
    found = run(lower(driven(neuron, target, weight), DT), 1000)
    assert all(len(found.onsets[f"p.{e}"].ids) for e in ("plateau", "clear", "late"))


@pytest.mark.parametrize("name", ["cuba", "adapting"])
def test_states_follow_brian2_within_the_rounding(name):
    """A step adds a rounding of ½ LSB and, for each of the n states, a coefficient error of at most
    ½ LSB (2⁻³¹ of |x| < 2³¹ LSB). Both go on through the propagators and the reset, entries of
    which never exceed N = max(1, |R|)·max(|P|, |Pₕ|): the error is below ΣNᵏ (n + 1)/2 LSB."""
    neuron, target, weight = BRIAN[name]
    assert isinstance(neuron, LinearIF)
    network = driven(neuron, target, weight)
    brian = simulate(network, 20 * ms, dt=DT, progress=False)
    lowered = lower(network, DT)
    end = run(lowered, 200).state
    p, n = lowered["p"], len(neuron.names)
    step = np.maximum(np.abs(p.free.matrix), np.abs(p.held.matrix)) / 2.0**30
    step = np.maximum(np.eye(n), np.abs(p.reset.matrix) / 2.0**30) @ step
    error = np.zeros(n)
    for _ in range(200):
        error = step @ error + (n + 1) / 2
    assert error.max() < 5000
    for k, state in enumerate(p.states):
        found = end.arrays[f"p.{state.name}/current"] * state.lsb
        wanted = brian.final.arrays[f"populations/p/x_{state.name}"]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=error[k] * state.lsb)


def test_a_resting_linear_neuron_is_an_exact_fixed_point_and_costs_nothing():
    neuron = cuba(1, RNG, theta=-40e-3, initial=np.array([-55e-3, 0, 0]))
    network = driven(neuron, "ge", 1e-3, size=1, seconds=0.01)
    lowered = lower(network, DT)
    state = run(lowered, 12_000, backend="reference").state
    assert run(lowered, 300, backend="reference", state=state).state.difference(state) == ["step"]
    far = run(lowered, 2_000_000_000)
    assert far.counters["neuron_updates"] < 20_000
    np.testing.assert_array_equal(far.state.arrays["p.v/current"], state.arrays["p.v/current"])


@pytest.mark.parametrize("steps", [0, 1, 2, 20])
def test_refractory_time_is_that_of_lif(steps):
    """v jumps above threshold in every step: spikes come every max(n, 1) steps."""
    up = LinearIF(
        names=("v",), matrix=-np.ones((1, 1)), offset=np.array([1e5]), row=np.ones(1), theta=1.0,
        reset=np.zeros((1, 1)), reset_offset=np.zeros(1), t_ref=steps * DT, held=("v",),
    )  # fmt: skip
    conductive = ConductanceLIF(drive=1e4 * mV, t_ref=steps * DT)
    populations = [
        Population(name="linear", size=1, neuron=up),
        Population(name="conductance", size=1, neuron=conductive),
    ]
    found = run(lower(Network(name="net", populations=populations), DT), 100)
    for record in found.spikes.values():
        assert set(np.diff(record.steps)) == {max(steps, 1)}


def test_a_network_without_spikes_and_one_without_projections_run():
    quiet = driven(cuba(3, RNG, theta=0.0), "ge", 0.0, size=3)
    quiet = dataclasses.replace(quiet, projections=[])
    found = run(lower(quiet, DT), 100)
    assert found.counters["spikes"] == 0
    assert found.state.step == 100


def test_conductances_draw_v_to_their_reversal():
    receptor = ExponentialConductance(name="ge", tau=1e6 * ms, reversal=0 * mV)
    neuron = ConductanceLIF(receptors=(receptor,), v_th=100 * mV, initial_g=np.array([99.0]))
    network = Network(name="net", populations=[Population(name="p", size=1, neuron=neuron)])
    lowered = lower(network, DT)
    v = run(lowered, 2000).state.arrays["p.v/current"][0] * lowered["p"].channels[0].lsb
    # (v_rest + 99·0)/100 = −0.6 mV; g loses 2·10⁻⁴ of itself in 0.2 s, v moves by less than 0.2 µV
    assert v == pytest.approx(-0.6e-3, abs=2e-6)


def test_weights_of_lif_and_linear_populations_keep_their_units():
    neuron = LIF(receptors=(ExponentialCurrent(name="fast", tau=2 * ms),))
    network = driven(neuron, "fast", 100e-12 * amp)
    rounding = {r.what: r.unit for r in lower(network, DT).report.roundings}
    assert rounding["q.weight"] == "A"
    rounding = {
        r.what: r.unit for r in lower(driven(cuba(5, RNG), "ge", 1e-3), DT).report.roundings
    }
    assert rounding["q.weight"] == "state unit"
