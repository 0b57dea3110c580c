"""Leaky integrate-and-fire against its closed forms, at every time step."""

import numpy as np
import pytest
from brian2 import ms, mV, pA, pF, second, volt

from bioplastic import simulate
from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    AlphaCurrent,
    ExponentialCurrent,
    LinearIF,
    Network,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.description.connectivity import all_to_all
from bioplastic.simulate import Record, Voltages
from bioplastic.theory import lif

DT = 0.1 * ms


def alone(neuron, size=1):
    return Network(name="alone", populations=[Population(name="n", size=size, neuron=neuron)])


def one_arrival(receptor, weight=100 * pA, at=1 * ms, **changes):
    neuron = LIF(receptors=(receptor,), v_th=1 * volt, **changes)
    train = SpikeTrain(i=np.array([0]), t=np.array([float(at)]) * second)
    return neuron, Network(
        name="one arrival",
        sources=[Source(name="s", size=1, train=train)],
        populations=[Population(name="n", size=1, neuron=neuron)],
        projections=[
            Projection(
                name="p",
                pre="s",
                post="n",
                target=receptor.name,
                connectivity=all_to_all(1, 1, weight=weight, delay=0.3 * ms),
            )
        ],
    )


def voltages_every_step(population="n", variables=("v",)):
    return Record(voltages=(Voltages(population=population, every=DT, variables=variables),))


def test_charging_follows_the_closed_form_to_rounding():
    neuron = LIF(v_rest=-70 * mV, v_reset=-65 * mV, v_th=-40 * mV, i_offset=600 * pA)
    run = simulate.run(alone(neuron), 50 * ms, record=voltages_every_step())
    found = run.voltages["n"]
    want = lif.response(neuron, 600 * pA, found.times * second) / volt
    np.testing.assert_allclose(found["v"][:, 0], want, rtol=0, atol=1e-15)


def test_decay_after_reset_follows_the_closed_form_and_is_held_while_refractory():
    neuron = LIF(v_reset=-10 * mV, v_th=5 * mV, t_ref=1 * ms, receptors=(kick(),))
    _, network = one_arrival(kick())
    network = Network(
        name="kicked",
        sources=network.sources,
        populations=[Population(name="n", size=1, neuron=neuron)],
        projections=[
            Projection(
                name="p",
                pre="s",
                post="n",
                target="kick",
                connectivity=all_to_all(1, 1, weight=1e6 * pA, delay=0.3 * ms),
            )
        ],
    )
    run = simulate.run(network, 20 * ms, record=voltages_every_step())
    (step,) = run.spikes["n"].steps
    v = run.voltages["n"]["v"][:, 0]
    held = v[step + 1 : step + 10]  # sampled before the step: reset .. last held step
    assert np.all(held == -0.01)
    after = v[step + 10 :]
    t = (np.arange(len(after))) * DT
    free = lif.decay(neuron, -10 * mV, t) / volt
    np.testing.assert_allclose(after, free, rtol=0, atol=1e-6)  # 1e-15 + what is left of the kick
    assert after[0] == -0.01


def kick():
    return ExponentialCurrent(name="kick", tau=0.01 * ms)


def test_first_spike_comes_in_the_step_of_the_closed_form():
    currents = np.array([501, 520, 600, 800, 1600]) * pA
    neuron = LIF(i_offset=currents)
    run = simulate.run(alone(neuron, 5), 100 * ms)
    spikes = run.spikes["n"]
    first = np.array([spikes.steps[spikes.ids == k][0] for k in range(5)])
    exact = lif.first_spike_time(neuron, currents) / DT
    assert np.array_equal(first, np.floor(exact).astype(int))
    assert np.all(np.abs((first + 1) - exact) <= 1)  # one step, by construction of the grid


@pytest.mark.parametrize("t_ref", [0.0, 0.1, 2.0])
def test_f_i_curve_is_exact_on_the_grid_and_within_one_step_of_the_continuous_one(t_ref):
    currents = np.linspace(400, 3000, 14) * pA
    neuron = LIF(i_offset=currents, t_ref=t_ref * ms)
    run = simulate.run(alone(neuron, 14), 300 * ms)
    spikes, period = run.spikes["n"], lif.period_steps(neuron, currents, DT)
    for k in range(14):
        steps = spikes.steps[spikes.ids == k]
        if period[k] == 0:
            assert len(steps) == 0
            continue
        assert np.all(np.diff(steps) == period[k])
        continuous = 1 / lif.firing_rate(neuron, currents)[k] / DT
        assert abs(period[k] - continuous) <= 1


@pytest.mark.parametrize("tau", [0.5, 2.0, 10.0, 30.0])
def test_exponential_psp_is_the_closed_form_also_where_time_constants_coincide(tau):
    receptor = ExponentialCurrent(name="r", tau=tau * ms)
    neuron, network = one_arrival(receptor)
    found = simulate.run(network, 60 * ms, record=voltages_every_step()).voltages["n"]
    since = found.times - 1.4e-3  # arrival at 1.3 ms moves I in that step, v from the next on
    want = np.where(
        since > -1e-9, lif.exponential_psp(neuron, tau * ms, 100 * pA, since * second), 0
    )
    np.testing.assert_allclose(found["v"][:, 0], want, rtol=0, atol=2e-16)
    peak = lif.exponential_psp_peak(neuron, tau * ms) / second
    assert abs(found.times[np.argmax(found["v"][:, 0])] - (1.4e-3 + peak)) <= 1e-4


@pytest.mark.parametrize("tau", [1.0, 10.0])
def test_alpha_current_peaks_with_the_weight_at_tau_and_its_psp_is_the_closed_form(tau):
    receptor = AlphaCurrent(name="r", tau=tau * ms)
    neuron, network = one_arrival(receptor)
    record = voltages_every_step(variables=("v", "r"))
    found = simulate.run(network, 60 * ms, record=record).voltages["n"]
    current = found["r"][:, 0]
    assert current.max() == pytest.approx(100e-12, rel=1e-12)
    assert found.times[np.argmax(current)] == pytest.approx(1.4e-3 + tau * 1e-3)
    since = np.maximum(found.times - 1.4e-3, 0)
    want = lif.alpha_psp(neuron, tau * ms, 100 * pA, since * second) / volt
    np.testing.assert_allclose(found["v"][:, 0], want, rtol=0, atol=2e-15)


def test_adaptive_threshold_rises_by_one_step_a_spike_and_decays():
    neuron = AdaptiveLIF(i_offset=1500 * pA, theta_step=2 * mV, tau_theta=50 * ms)
    record = voltages_every_step(variables=("theta",))
    run = simulate.run(alone(neuron), 100 * ms, record=record)
    steps, theta = run.spikes["n"].steps, run.voltages["n"]["theta"][:, 0]
    n = np.arange(1000)[:, None]
    want = np.where(n > steps, 2e-3 * np.exp(-(n - steps - 1) * 1e-4 / 50e-3), 0).sum(1)
    np.testing.assert_allclose(theta, want, rtol=0, atol=1e-15)
    assert len(steps) > 3
    assert np.all(np.diff(np.diff(steps)) >= 0)  # intervals only grow


def test_linear_if_equals_the_lif_that_it_spells_out():
    lif_ = LIF(i_offset=700 * pA, t_ref=0 * ms)
    tau, r = 10e-3, 10e-3 / 250e-12
    linear = LinearIF(
        names=("v", "w"),
        matrix=np.array([[-1 / tau, 0.0], [0.0, 0.0]]),
        offset=np.array([r * 700e-12 / tau, 1.0]),
        row=np.array([1.0, 0.0]),
        theta=20e-3,
        reset=np.array([[0.0, 0.0], [0.0, 1.0]]),
        reset_offset=np.array([0.0, 0.5]),
    )
    a = simulate.run(alone(lif_), 100 * ms)
    b = simulate.run(alone(linear), 100 * ms)
    assert np.array_equal(a.spikes["n"].steps, b.spikes["n"].steps)
    w = b.final.variable("populations", "n", "x_w")[0]
    assert w == pytest.approx(0.1 + 0.5 * len(b.spikes["n"].steps), rel=1e-12)


def test_per_neuron_offset_and_strict_threshold():
    neuron = LIF(i_offset=np.array([500.0, 500.001]) * pA, tau_m=1 * ms, c_m=25 * pF)
    run = simulate.run(alone(neuron, 2), 50 * ms)
    assert set(run.spikes["n"].ids) == {1}  # v → v_th exactly is no spike
