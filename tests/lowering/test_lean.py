"""A linear population that is a LIF neuron keeps every bit when it is written as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms, mV

from bioplastic.bridge.door import lower as open_door
from bioplastic.description import LinearIF
from bioplastic.kernels import dispatch
from bioplastic.networks.balanced import cuba
from bioplastic.quantize import lower
from bioplastic.quantize.integer_population import IntegerLinear, IntegerPopulation
from bioplastic.quantize.lean import lean

DT = 0.1 * ms


def changed(**fields):
    """CUBA with fields of its neuron replaced."""
    net = cuba(size=50, probability=0.2, delay=1 * ms)
    (p,) = net.populations
    assert isinstance(p.neuron, LinearIF)
    return replace(net, populations=[replace(p, neuron=replace(p.neuron, **fields))])


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("t_ref", [0, 0.1, 0.3, 5])
def test_every_bit_stays(backend, t_ref):
    net = changed(t_ref=t_ref * ms)
    plain = lower(net, DT)
    quick = lean(plain)
    assert isinstance(plain.populations[0], IntegerLinear)
    assert isinstance(quick.populations[0], IntegerPopulation)
    a, b = (dispatch.run(n, 400, backend=backend) for n in (plain, quick))
    assert len(a.spikes["neurons"].ids) > 0
    assert np.array_equal(a.spikes["neurons"].ids, b.spikes["neurons"].ids)
    assert np.array_equal(a.spikes["neurons"].steps, b.spikes["neurons"].steps)
    moved = {"neurons/v": "neurons.v/current"}
    for key in ("neurons/v", "neurons/refractory", "neurons.g_e/current", "neurons.g_i/current"):
        assert np.array_equal(a.state.arrays[moved.get(key, key)], b.state.arrays[key])


def test_the_door_makes_them_lean():
    assert isinstance(open_door(changed(), DT).populations[0], IntegerPopulation)


@pytest.mark.parametrize(
    "fields",
    [
        {"held": ()},
        {"held": ("v", "g_e")},
        {"theta": np.linspace(-0.05, -0.049, 50)},
        {"row": np.array([1.0, 0.5, 0])},
        {"reset": np.diag([0.5, 1, 1])},
        {"reset": np.diag([0.0, 0, 1])},
        {"offset": np.array([-2.45, 0.1, 0])},
        {"matrix": np.array([[-50.0, 50, 50], [1, -200, 0], [0, 0, -100]])},
    ],
)
def test_what_is_no_leaky_neuron_stays_linear(fields):
    found = lean(lower(changed(**fields), DT))
    assert isinstance(found.populations[0], IntegerLinear)


def test_arrivals_at_the_potential_keep_it_linear():
    net = changed()
    e, i = net.projections
    found = lean(lower(replace(net, projections=[replace(e, target="v"), i]), DT))
    assert isinstance(found.populations[0], IntegerLinear)


def test_start_values_move_over():
    quick = lean(lower(cuba(size=40, probability=0.0), DT))
    state = dispatch.run(quick, 0).state.arrays
    (p,) = quick.populations
    assert isinstance(p, IntegerPopulation)
    assert np.ptp(state["neurons/v"] * p.lsb) > float(5 * mV)
