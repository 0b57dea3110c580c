"""Compartments against the two-compartment steady state; plateaus against their docstring."""

import numpy as np
import pytest
from brian2 import ms, mV, nS, pA, pF, volt

from bioplastic import simulate
from bioplastic.description import (
    LIF,
    Compartment,
    DendriticTree,
    ExponentialCurrent,
    Network,
    PlateauBranch,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.description.connectivity import all_to_all
from bioplastic.simulate import Record, Voltages
from bioplastic.theory import dendrite

DT = 0.1 * ms
SLOW = ExponentialCurrent(name="slow", tau=1e15 * ms)  # a step current: one arrival, no decay


def projection(name, target, weight, steps_from="s", delay=0.1 * ms):
    return Projection(
        name=name,
        pre=steps_from,
        post="n",
        target=target,
        connectivity=all_to_all(1, 1, weight=weight, delay=delay),
    )


def source(steps, name="s"):
    return Source(
        name=name, size=1, train=SpikeTrain(i=np.zeros(len(steps)), t=np.array(steps) * DT)
    )


def every_step(*variables):
    return Record(voltages=(Voltages(population="n", every=DT, variables=variables),))


def two_compartments(branch, neuron, *projections):
    tree = DendriticTree(branches=(branch,))
    return Network(
        name="two compartments",
        sources=[source([0])],
        populations=[Population(name="n", size=1, neuron=neuron, dendrites=tree)],
        projections=projections,
    )


@pytest.mark.parametrize("into", ["soma", "branch"])
def test_two_compartments_settle_on_the_steady_state(into):
    branch = Compartment(
        name="tuft", v_rest=5 * mV, g_c=4 * nS, tau_b=7 * ms, c_b=40 * pF, receptors=(SLOW,)
    )
    neuron = LIF(v_rest=-3 * mV, v_th=1 * volt, receptors=(SLOW,))
    target = "slow" if into == "soma" else "tuft.slow"
    network = two_compartments(branch, neuron, projection("p", target, 80 * pA))
    found = simulate.run(network, 400 * ms, record=every_step("v", "tuft")).voltages["n"]
    want = dendrite.steady_state(
        neuron,
        branch,
        **{"i_soma" if into == "soma" else "i_branch": 80 * pA},
    )
    rest = dendrite.steady_state(neuron, branch)
    got = found["v"][-1, 0], found["tuft"][-1, 0]
    np.testing.assert_allclose(got, [w / volt for w in want], rtol=0, atol=1e-12)
    shift = [float((w - r) / volt) for w, r in zip(want, rest, strict=True)]
    if into == "branch":
        assert shift[0] / shift[1] == pytest.approx(dendrite.attenuation_to_soma(neuron, branch))
    else:
        assert shift[1] / shift[0] == pytest.approx(dendrite.attenuation_to_branch(neuron, branch))


def test_transfer_resistance_is_the_same_both_ways():
    branch, neuron = Compartment(name="b"), LIF()
    to_soma = dendrite.steady_state(neuron, branch, i_branch=1 * pA)[0]
    to_branch = dendrite.steady_state(neuron, branch, i_soma=1 * pA)[1]
    assert float(to_soma) == pytest.approx(float(to_branch))
    assert to_soma / (1 * pA) < neuron.resistance
    share = dendrite.current_transfer(neuron, branch)
    assert to_soma / neuron.resistance / (1 * pA) == pytest.approx(share)


def test_relaxation_is_the_sum_of_the_two_exponentials():
    branch, neuron = Compartment(name="b", receptors=(SLOW,)), LIF(v_th=1 * volt)
    network = two_compartments(branch, neuron, projection("p", "b.slow", 50 * pA))
    found = simulate.run(network, 60 * ms, record=every_step("v", "b")).voltages["n"]
    slow, fast = dendrite.time_constants(neuron, branch)
    t = found.times[2:] - 0.2e-3  # arrival at 0.1 ms acts from 0.2 ms on
    basis = np.stack([np.ones_like(t), np.exp(-t / float(slow)), np.exp(-t / float(fast))], axis=1)
    for name in ("v", "b"):
        values = found[name][2:, 0]
        fit, *_ = np.linalg.lstsq(basis, values, rcond=None)
        np.testing.assert_allclose(basis @ fit, values, rtol=0, atol=1e-15)


def test_a_branch_is_integrated_exactly_while_the_soma_is_held():
    branch = Compartment(name="b", v_rest=0 * mV)
    neuron = LIF(i_offset=800 * pA, v_reset=-20 * mV, t_ref=5 * ms)
    run = simulate.run(two_compartments(branch, neuron), 40 * ms, record=every_step("v", "b"))
    step = run.spikes["n"].steps[0]
    v, v_b = (run.voltages["n"][name][:, 0] for name in ("v", "b"))
    held = v_b[step + 1 : step + 51]  # v is at -20 mV in all of them
    assert np.all(v[step + 1 : step + 51] == -20e-3)
    rate = 1 / 10e-3 + 3e-9 / 60e-12
    end = -20e-3 * (3e-9 / 60e-12) / rate
    want = end + (held[0] - end) * np.exp(-rate * 1e-4 * np.arange(50))
    np.testing.assert_allclose(held, want, rtol=0, atol=1e-15)


def test_compartment_event_needs_a_crossing_and_lasts_its_duration():
    branch = Compartment(
        name="b",
        v_plateau=5 * mV,
        plateau_current=100 * pA,
        duration=10 * ms,
        receptors=(ExponentialCurrent(name="fast", tau=1 * ms),),
    )
    network = two_compartments(branch, LIF(v_th=1 * volt), projection("p", "b.fast", 1500 * pA))
    run = simulate.run(network, 60 * ms, record=every_step("b", "b.plateau"))
    clamp, v_b = (run.voltages["n"][name][:, 0] for name in ("b.plateau", "b"))
    (onset,) = run.spikes["n.b"].steps  # v_b is above the threshold when the event ends: no second
    assert v_b[onset] <= 5e-3 < v_b[onset + 1]
    assert np.array_equal(np.flatnonzero(clamp), np.arange(onset + 1, onset + 101))
    assert v_b[onset + 101] > 5e-3


# ---- plateau branch (dendritic action potential) ------------------------------------------------


def plateau(steps, weight=60 * pA, duration=5 * ms, extra=(), neuron=None, sources=()):
    branch = PlateauBranch(duration=duration)
    tree = DendriticTree(branches=(branch,))
    somatic = neuron or LIF(v_th=1 * volt)
    return Network(
        name="plateau",
        sources=[source(steps), *sources],
        populations=[Population(name="n", size=1, neuron=somatic, dendrites=tree)],
        projections=[projection("p", "distal", weight), *extra],
    )


SEEN = ("distal", "distal.plateau", "distal.trace", "v")


def test_plateau_starts_above_threshold_is_clamped_for_its_duration_and_loses_arrivals():
    alone = simulate.run(plateau([0]), 60 * ms, record=every_step(*SEEN))
    again = simulate.run(plateau([0, 60, 90]), 60 * ms, record=every_step(*SEEN))
    (onset,) = alone.spikes["n.distal"].steps
    clamp = alone.voltages["n"]["distal.plateau"][:, 0]
    assert np.array_equal(np.flatnonzero(clamp), np.arange(onset + 1, onset + 51))
    assert set(clamp) == {0.0, 200e-12}
    for name in SEEN:  # arrivals at steps 61 and 91 fall into the plateau: nothing differs
        assert onset < 61 < 91 < onset + 50
        assert np.array_equal(alone.voltages["n"][name], again.voltages["n"][name])
    assert np.all(alone.voltages["n"]["distal"][onset + 1 :] == 0)


def test_plateau_charges_the_soma_like_a_constant_current():
    run = simulate.run(plateau([0]), 60 * ms, record=every_step(*SEEN))
    (onset,), v = run.spikes["n.distal"].steps, run.voltages["n"]["v"][:, 0]
    k = np.arange(51)
    drive = 200e-12 * 10e-3 / 250e-12
    want = drive + (v[onset + 1] - drive) * np.exp(-k * 1e-4 / 10e-3)
    np.testing.assert_allclose(v[onset + 1 : onset + 52], want, rtol=0, atol=1e-15)
    after = v[onset + 51 :]
    np.testing.assert_allclose(
        after, after[0] * np.exp(-np.arange(len(after)) * 1e-4 / 10e-3), rtol=0, atol=1e-15
    )


def test_threshold_is_strict_and_below_it_the_current_is_an_alpha_function():
    below = simulate.run(plateau([0], 58.9 * pA), 60 * ms, record=every_step(*SEEN))
    assert len(below.spikes["n.distal"].steps) == 0
    current = below.voltages["n"]["distal"][:, 0]
    s = np.maximum(below.voltages["n"].times - 0.2e-3, 0)
    want = 58.9e-12 * np.e / 5e-3 * s * np.exp(-s / 5e-3)
    np.testing.assert_allclose(current, want, rtol=0, atol=1e-23)


def test_arrival_in_the_step_in_which_the_plateau_ends_counts():
    (onset,) = simulate.run(plateau([0]), 30 * ms).spikes["n.distal"].steps
    for arrival, kept in ((onset, False), (onset + 49, False), (onset + 50, True)):
        network = plateau([0, arrival - 1], 60 * pA)
        run = simulate.run(network, 60 * ms)
        assert len(run.spikes["n.distal"].steps) == 1 + kept


def test_trace_counts_onsets_and_decays():
    run = simulate.run(plateau([0, 150]), 60 * ms, record=every_step(*SEEN))
    onsets, z = run.spikes["n.distal"].steps, run.voltages["n"]["distal.trace"][:, 0]
    assert len(onsets) == 2
    n = np.arange(600)[:, None]
    want = np.where(n > onsets, np.exp(-(n - onsets - 1) * 1e-4 / 0.44), 0).sum(1)
    np.testing.assert_allclose(z, want, rtol=0, atol=1e-13)


def test_somatic_spike_ends_the_plateau_and_holds_the_branch_while_refractory():
    neuron = LIF(t_ref=5 * ms, receptors=(ExponentialCurrent(name="kick", tau=0.05 * ms),))
    kick = projection("kick", "kick", 1e6 * pA, steps_from="k")
    quiet = plateau([0], duration=40 * ms)
    (onset,) = simulate.run(quiet, 60 * ms).spikes["n.distal"].steps
    at = int(onset) + 100
    # arrivals: in the step of the spike, in the last refractory step, in the first one after it
    for arrival, onsets in ((at + 2, 1), (at + 51, 1), (at + 52, 2)):
        network = plateau([0, arrival - 1], 60 * pA, 40 * ms, (kick,), neuron, (source([at], "k"),))
        run = simulate.run(network, 60 * ms, record=every_step(*SEEN))
        (spike,) = run.spikes["n"].steps
        assert spike == at + 2
        clamp = run.voltages["n"]["distal.plateau"][:, 0]
        assert np.flatnonzero(clamp)[100] == onset + 101
        assert not np.any(clamp[spike + 1 : spike + 51])
        assert len(run.spikes["n.distal"].steps) == onsets


def test_durations_off_the_grid_are_refused():
    with pytest.raises(ValueError, match=r"n\.distal\.duration = 5\.05 ms: must be a multiple"):
        simulate.run(plateau([0], duration=5.05 * ms), 1 * ms)
