"""Formats, rounding, propagators, and the distance to real numbers that follows from them."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import ms, mV, nA, second
from hypothesis import given
from hypothesis import strategies as st

from bioplastic.description import (
    LIF,
    AlphaCurrent,
    Connectivity,
    ExponentialCurrent,
    Network,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.kernels.dispatch import run
from bioplastic.kernels.sparse.state import initial_state
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize import lower

DT = 0.1 * ms


@given(st.integers(-(2**60), 2**60), st.integers(1, 40))
def test_round_shift_is_nearest_half_up(x, bits):
    assert fp.round_shift(x, bits) == (2 * x + 2**bits) // 2 ** (bits + 1)


def test_exponential_propagators_equal_the_closed_form():
    tau_m, tau, dt = 10e-3, 2e-3, 1e-4
    pii, pvi = fp.exponential_propagators(dt, tau_m, tau)
    closed = tau / (tau_m - tau) * (np.exp(-dt / tau_m) - np.exp(-dt / tau))
    assert pii == pytest.approx(np.exp(-dt / tau), rel=1e-14)
    assert pvi == pytest.approx(closed, rel=1e-12)


def test_equal_time_constants_have_a_propagator_too():
    assert fp.exponential_propagators(1e-4, 1e-2, 1e-2)[1] == pytest.approx(
        1e-2 * np.exp(-1e-2), rel=1e-12
    )
    a = 1e-2
    assert fp.alpha_propagators(1e-4, 1e-2, 1e-2)[3] == pytest.approx(
        a**2 / 2 * np.exp(-a), rel=1e-10
    )


def test_alpha_current_peaks_at_tau_with_its_weight():
    pii, pih, _, _ = fp.alpha_propagators(1e-4, 1e-2, 5e-3)
    h, i, course = np.e, 0.0, []
    for _ in range(200):
        h, i = pii * h, pii * i + pih * h
        course.append(i)
    assert np.argmax(course) == 49
    assert max(course) == pytest.approx(1, rel=1e-12)


@given(st.integers(0, fp.TRACE_MAX), st.integers(0, 3000))
def test_a_decayed_trace_is_within_rounding_of_the_exponential(value, age):
    table = fp.decay_table(1e-4, 20e-3)
    got = fp.decayed(np.array([value]), np.array([age]), table)[0]
    # half a unit for the product, value times half a unit of the table entry
    assert abs(got - value * np.exp(-age / 200)) <= 0.5 + value * 0.5 / 2**fp.TABLE + 1e-9
    assert fp.decayed(np.array([value]), np.array([0]), table)[0] == value


def test_windows_are_strict_and_grid_points_exact():
    assert fp.steps_inside(4e-3, 80e-3, 1e-4) == (41, 799)
    assert fp.steps_inside(4.05e-3, 79.95e-3, 1e-4) == (41, 799)


def one_synapse(receptor) -> Network:
    return Network(
        name="one",
        sources=[Source(name="in", size=1, train=SpikeTrain(i=np.zeros(1), t=[0] * second))],
        populations=[Population(name="p", size=1, neuron=LIF(receptors=(receptor,)))],
        projections=[
            Projection(
                name="q", pre="in", post="p", target=receptor.name,
                connectivity=Connectivity(
                    i=np.zeros(1), j=np.zeros(1), weight=0.37 * nA, delay=0 * ms
                ),
            )
        ],
    )  # fmt: skip


def volts(network: Network, steps: int, start_mv: float = 0.0) -> np.ndarray:
    """Potential after each step, mV."""
    lowered = lower(network, DT)
    lsb, state = lowered["p"].lsb, initial_state(lowered)
    state.arrays["p/v"][:] = round(start_mv * 1e-3 / lsb)
    course = []
    for _ in range(steps):
        state = run(lowered, 1, backend="reference", state=state).state
        course.append(state.arrays["p/v"][0] * lsb * 1e3)
    return np.array(course)


LSB = 2.0**-fp.STATE_FRACTION  # mV
NUDGE = 2.0 ** -(fp.PROPAGATOR + 1)  # error of a propagator


def test_decay_of_a_potential_is_within_the_bound_of_its_roundings():
    neuron = LIF(v_th=30 * mV)
    network = Network(name="decay", populations=[Population(name="p", size=1, neuron=neuron)])
    pvv = np.exp(-0.01)
    exact = 19.0 * pvv ** np.arange(1, 1001)
    bound = (0.5 * LSB + NUDGE * 19.0) / (1 - pvv) + 0.5 * LSB
    assert np.abs(volts(network, 1000, 19.0) - exact).max() <= bound < 1e-3


@pytest.mark.parametrize(
    "receptor", [ExponentialCurrent(name="r", tau=2 * ms), AlphaCurrent(name="r", tau=5 * ms)]
)
def test_a_psp_is_within_the_bound_of_its_roundings(receptor):
    tau, drive = float(receptor.tau), 0.37e-9 * 40e6 * 1e3  # R I in mV
    t = np.arange(1, 801) * 1e-4
    if isinstance(receptor, ExponentialCurrent):
        exact = drive * tau / (10e-3 - tau) * (np.exp(-t / 10e-3) - np.exp(-t / tau))
        top = drive
    else:
        b = 1 / 10e-3 - 1 / tau
        top = np.e * drive
        exact = (
            top
            / (tau * 10e-3)
            * (np.exp(-t / tau) * (t / b - 1 / b**2) + np.exp(-t / 10e-3) / b**2)
        )
    decay, pvv, alpha = np.exp(-1e-4 / tau), np.exp(-0.01), isinstance(receptor, AlphaCurrent)
    rise = (0.5 * LSB + NUDGE * top) / (1 - decay) + 0.5 * LSB
    current = (0.5 * LSB + 2 * NUDGE * top + (1 - decay) * rise) / (1 - decay)
    into = 1 - pvv if alpha else 0.0
    bound = (0.5 * LSB + 3 * NUDGE * top + (1 - pvv) * current + into * rise) / (1 - pvv)
    # the spike arrives at the end of step 0: the course starts one step later
    assert np.abs(volts(one_synapse(receptor), 801)[1:] - exact).max() <= bound < 0.01
