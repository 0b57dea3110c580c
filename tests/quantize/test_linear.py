"""Lowering linear and conductance neurons: scales, proofs, refusals, dead populations."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from brian2 import amp, ms, mV, nA
from hypothesis import given, settings
from hypothesis import strategies as st

from bioplastic.description import (
    LIF,
    ConductanceLIF,
    Connectivity,
    DendriticTree,
    Exact,
    ExponentialConductance,
    ExponentialCurrent,
    HardWTA,
    LinearIF,
    Network,
    PlateauBranch,
    Population,
    Projection,
    Source,
    SpikeTrain,
    Taylor,
)
from bioplastic.errors import DescriptionError, UnsupportedModel
from bioplastic.kernels.dispatch import run
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize import lower

DT = 0.1 * ms


def leaky(**changed) -> LinearIF:
    """One state, volts, tau 20 ms, threshold 20 mV, reset to 0."""
    values: dict[str, Any] = {
        "names": ("v",),
        "matrix": np.array([[-50.0]]),
        "offset": np.zeros(1),
        "row": np.ones(1),
        "theta": 20e-3,
        "reset": np.zeros((1, 1)),
        "reset_offset": np.zeros(1),
    }
    return LinearIF(**(values | changed))


def net(neuron, weight=5e-3, *, target="v", size=1, spikes=10, loop=False, **population) -> Network:
    """A source that spikes every ms, onto every neuron of a population."""
    train = SpikeTrain(i=np.zeros(spikes), t=np.arange(spikes) * ms)
    each = Connectivity(i=np.zeros(size), j=np.arange(size), weight=weight, delay=0.1 * ms)
    projections = [Projection(name="q", pre="in", post="p", target=target, connectivity=each)]
    if loop:
        back = Connectivity(i=np.arange(size), j=np.arange(size), weight=weight, delay=1 * ms)
        projections.append(
            Projection(name="back", pre="p", post="p", target=target, connectivity=back)
        )
    return Network(
        name="net",
        sources=[Source(name="in", size=1, train=train)],
        populations=[Population(name="p", size=size, neuron=neuron, **population)],
        projections=projections,
    )


def bounds(network: Network) -> dict[str, float]:
    return {b.what: b.bound * b.lsb for b in lower(network, DT).report.bounds}


def test_exponential_is_within_two_units_everywhere():
    low = np.arange(0, 1 << 22, 5)  # every fine step, at several table entries
    ends = np.arange(fp.EXP_LENGTH) << (fp.TABLE - fp.EXP_INDEX)
    x = np.concatenate([low, low + (3 << 30), ends, ends[1:] - 1, np.array([22 << 30, 1 << 40])])
    wanted = np.exp(-x / 2.0**30) * 2.0**30
    assert np.abs(fp.exponential(x, fp.exponential_table()) - wanted).max() < 2


@pytest.mark.parametrize(
    "matrix", [np.zeros((1, 1)), np.array([[-50.0]]), np.array([[0.0, 1], [0, 0]])]
)
def test_propagators_hold_the_integrated_drive_for_singular_systems_too(matrix):
    free, drive = fp.linear_propagators(matrix, 1e-3, None)
    fine, n = 2000, len(matrix)  # Heun's method, error about (A dt)²/(6·fine²)
    x, b = np.ones(n), np.arange(1.0, n + 1)
    step = 1e-3 / fine
    for _ in range(fine):
        slope = matrix @ x + b
        x = x + step * (slope + step / 2 * matrix @ slope)
    np.testing.assert_allclose(free @ np.ones(n) + drive @ b, x, rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(order=st.integers(1, 8), rate=st.floats(-300, 0))
def test_taylor_is_the_truncated_exponential(order, rate):
    free, _ = fp.linear_propagators(np.array([[rate]]), 1e-3, order)
    terms = np.cumprod(np.concatenate([[1.0], rate * 1e-3 / np.arange(1, order + 1)]))
    assert free[0, 0] == pytest.approx(terms.sum(), rel=1e-15)


def test_every_state_gets_its_own_lsb_however_different_the_units():
    """A current of nA beside a potential of mV: both bounds fill more than 24 of their 31 bits."""
    rate = 1 / 250e-12
    neuron = leaky(
        names=("v", "i"),
        matrix=np.array([[-50.0, rate], [0.0, -200.0]]),
        offset=np.zeros(2),
        row=np.array([1.0, 0]),
        reset=np.diag([0.0, 1]),
        reset_offset=np.zeros(2),
    )
    lowered = lower(net(neuron, 1e-9, target="i"), DT)
    volt, ampere = (s.lsb for s in lowered["p"].states)
    assert volt > 1e6 * ampere
    for bound in lowered.report.bounds[:2]:
        assert 2**24 < bound.bound <= bound.limit
        assert bound.lsb in (volt, ampere)
    assert all(r.relative < 1e-6 for r in lowered.report.roundings)


def test_a_row_of_zeros_and_ones_is_exact_and_any_other_is_reported():
    rows = {(1.0, -1.0): 0.0, (0.0, 3.0): 0.0, (1.0, 0.3): 2.0**-30}
    for row, most in rows.items():
        neuron = leaky(
            names=("v", "w"), matrix=np.diag([-50.0, -20.0]), offset=np.zeros(2),
            row=np.array(row), reset=np.zeros((2, 2)), reset_offset=np.zeros(2),
        )  # fmt: skip
        found = {r.what: r for r in lower(net(neuron), DT).report.roundings}
        assert found["p.theta (row)"].relative <= most


def test_the_bound_of_a_leak_is_what_arrivals_pile_up():
    """Every ms 5 mV: 5/(1 − e^(−1/20)) = 102.5 mV. The proof may lose a factor for the reset."""
    free = bounds(net(leaky(), spikes=1000))["p.v"]
    assert 0.1025 < free < 2 * 0.1025


def test_an_integrator_is_bounded_by_its_threshold():
    """No decay: what may come in two steps (5 mV each) above threshold, and rounding."""
    whole = leaky(matrix=np.zeros((1, 1)), offset=np.array([0.1]))
    assert bounds(net(whole, loop=True))["p.v"] < 20e-3 + 3 * (2 * 5e-3 + 1e-5 + 1e-8)
    found = run(lower(net(whole, loop=True, spikes=0), DT), 20_000)
    # 0.1 V/s reach 20 mV every 0.2 s; the loop adds 5 mV after each, so 0.15 s from then on
    assert found.spikes["p"].steps[0] == pytest.approx(2000, abs=1)
    assert set(np.diff(found.spikes["p"].steps)) <= {1499, 1500, 1501}


@pytest.mark.parametrize(
    ("change", "weight", "reason"),
    [
        ({"matrix": np.zeros((1, 1))}, -5e-3, r"p\.v: no bound"),
        ({"matrix": np.zeros((1, 1)), "reset": np.ones((1, 1))}, 5e-3, r"p\.v: no bound"),
        ({"reset": np.array([[1.5]])}, 5e-3, r"p\.v: no bound"),
        ({"matrix": np.array([[50.0]])}, 5e-3, r"p\.v: no bound"),
        ({"matrix": np.array([[1e5]])}, 5e-3, r"p\.v: grows by 2.2e\+04 in each step"),
        ({"integrator": Taylor(order=1), "matrix": np.array([[-3e4]])}, 5e-3, "unstable.* 2 in"),
    ],
)
def test_what_cannot_be_bounded_is_refused_by_state_and_number(change, weight, reason):
    with pytest.raises(UnsupportedModel, match=reason):
        lower(net(leaky(**change), weight, loop=True), DT)


def test_a_sum_of_given_spikes_needs_no_decay():
    """Ten spikes of 5 mV and nothing else: the bound is what they add up to."""
    count = leaky(matrix=np.zeros((1, 1)), theta=1.0, reset=np.eye(1))
    assert bounds(net(count))["p.v"] == pytest.approx(50e-3, rel=1e-6)


def test_a_time_constant_below_dt_decays_in_one_step_with_exact_and_not_with_euler():
    fast = leaky(matrix=np.array([[-1e6]]), integrator=Exact())
    lowered = lower(net(fast), DT)
    assert lowered["p"].free.matrix[0, 0] == 0  # e^(−100)
    assert run(lowered, 100).state.arrays["p.v/current"][0] == 0
    with pytest.raises(UnsupportedModel, match="integrator = Taylor"):
        lower(net(leaky(matrix=np.array([[-1e6]]), integrator=Taylor(order=1))), DT)


GE = ExponentialConductance(name="ge", tau=5 * ms, reversal=0 * mV)


@pytest.mark.parametrize(
    ("neuron", "weight", "reason"),
    [
        (ConductanceLIF(receptors=(GE,)), -0.1, "q.weight: -0.1 of the leak onto p.ge"),
        (ConductanceLIF(receptors=(GE,), integrator=Taylor(order=1)), 1e3, "stable below 2"),
        (
            ConductanceLIF(receptors=(GE,), integrator=Taylor(order=1), tau_m=0.05 * ms),
            0.1,
            r"p.neuron.tau_m = 0.05 ms: shorter than the step",
        ),
        (ConductanceLIF(receptors=(GE,), initial_g=np.array([-1.0])), 0.1, "initial_g = -1"),
        (ConductanceLIF(receptors=(GE,)), 1e9, r"p\.ge: could reach .*fan-in"),
    ],
)
def test_conductances_that_cannot_run_are_refused_with_the_number(neuron, weight, reason):
    with pytest.raises(UnsupportedModel, match=reason):
        lower(net(neuron, weight, target="ge"), DT)


def test_large_conductances_get_a_coarser_lsb():
    neuron = ConductanceLIF(receptors=(GE,))
    fine, coarse = (lower(net(neuron, w, target="ge"), DT)["p"] for w in (0.1, 1e3))
    assert fine.shift == 24
    assert coarse.shift < 20


@pytest.mark.parametrize("neuron", [leaky(), ConductanceLIF()])
def test_branches_and_competition_belong_to_lif(neuron):
    with pytest.raises(UnsupportedModel, match="branches on LIF neurons only"):
        lower(net(neuron, 0.0, dendrites=DendriticTree(branches=(PlateauBranch(),))), DT)
    with pytest.raises(UnsupportedModel, match="HardWTA among LIF"):
        lower(net(neuron, 0.0, inhibition=HardWTA(k=1)), DT)


def test_fan_in_makes_the_lsb_coarser_until_it_fits():
    """A thousand times the input needs ten more bits; no state is ever refused for its size."""
    one, thousand = (lower(net(leaky(theta=1e3), w), DT)["p"].states[0].lsb for w in (5e-3, 5.12))
    assert thousand == 1024 * one


def test_weights_that_are_not_numbers_and_empty_populations_are_refused_when_described():
    with pytest.raises(DescriptionError, match="must be finite"):
        net(leaky(), np.nan)
    with pytest.raises(DescriptionError, match="size"):
        Population(name="p", size=0, neuron=leaky())


LIKE = {
    "lif": (LIF(receptors=(ExponentialCurrent(name="v", tau=5 * ms),)), 1 * nA),
    "linear": (leaky(), 5e-3),
    "linear below zero": (
        leaky(offset=np.array([-60e-3 * 50]), theta=-50e-3, reset_offset=np.array([-60e-3]),
              initial=np.array([-60e-3])),
        5e-3,
    ),
    "conductance": (ConductanceLIF(), 5 * mV),
}  # fmt: skip


@pytest.mark.parametrize("kind", LIKE)
def test_populations_that_can_never_spike_are_found(kind):
    """The same neuron: with enough drive, with a twentieth, with none; the first one spikes."""
    neuron, weight = LIKE[kind]
    strong, weak = lower(net(neuron, weight), DT), lower(net(neuron, weight / 20), DT)
    assert strong.report.dead == ()
    assert len(run(strong, 200).spikes["p"].ids) > 0
    assert [d.what for d in weak.report.dead] == ["p"]
    assert "below threshold" in weak.report.dead[0].reason
    assert len(run(weak, 200).spikes["p"].ids) == 0
    silent = lower(net(neuron, weight, spikes=0, loop=True), DT)
    assert "no synapse leads to it" in silent.report.dead[0].reason
    assert len(silent.report.tables()) == 3


def test_what_only_hears_a_dead_population_is_dead():
    first = net(leaky(), 0.1e-3)
    second = Population(name="next", size=1, neuron=leaky())
    onward = Connectivity(i=np.zeros(1), j=np.zeros(1), weight=1.0)
    chain = dataclasses.replace(
        first,
        populations=[*first.populations, second],
        projections=[
            *first.projections,
            Projection(name="on", pre="p", post="next", target="v", connectivity=onward),
        ],
    )
    assert [d.what for d in lower(chain, DT).report.dead] == ["p", "next"]


def test_a_forced_fraction_still_sets_the_lsb_of_lif():
    neuron, weight = LIKE["lif"]
    assert lower(net(neuron, weight), DT, fraction=12)["p"].lsb == 1e-3 / 4096
    assert weight / amp > 0
