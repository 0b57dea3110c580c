"""Lowering of circuits: exact integers, and refusals that name the object."""

from dataclasses import replace

import numpy as np
import pytest
from brian2 import Quantity, ms, mV

from bioplastic.description import (
    LIF,
    AllToAll,
    BranchGain,
    ExponentialCurrent,
    HardWTA,
    Network,
    SymbolSchedule,
    ThetaSTDP,
)
from bioplastic.errors import UnsupportedModel
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention
from bioplastic.quantize.circuit import gumbel_table, lower_circuit
from bioplastic.quantize.circuit_program import FRACTION


def network(**changes) -> Network:
    schedule = SymbolSchedule(symbols=np.array([0, 1, 2, 1]), size=3)
    return dendritic_attention(schedule, replace(Parameters(order=2, pool=9), **changes))


def swapped(net: Network, name: str, **changes) -> Network:
    populations = [replace(p, **changes) if p.name == name else p for p in net.populations]
    return replace(net, populations=populations)


def refused(net: Network, match: str, dt: Quantity = 0.5 * ms) -> None:
    with pytest.raises(UnsupportedModel, match=match):
        lower_circuit(net, dt=dt, seed=0)


def test_tables_are_the_rule_in_fixed_point():
    circuit = lower_circuit(network(), dt=0.5 * ms, seed=0)
    n, stdp = np.arange(512), ThetaSTDP()
    assert np.abs(circuit.program.eta_plus[0] / 2**14 - stdp.eta(n)).max() <= 2**-15
    assert np.abs(circuit.program.eta_minus[0] / 2**14 - stdp.depression(n)).max() <= 2**-15
    assert circuit.errors["propagators"] <= 2**-31


def test_gumbel_table_has_the_moments_of_its_law():
    """Mean γ and variance π²/6, up to what the midpoint of the outermost bin leaves out.

    Beyond the last midpoint ln 2N the law has mean ln N + 1: an error below 1/N in the mean, and
    below (ln N + 2)²/N in the variance; rounding to Q17 adds less.
    """
    g = gumbel_table() / 2**FRACTION
    n = len(g)
    assert abs(g.mean() - np.euler_gamma) < 1 / n
    assert abs(g.var() - np.pi**2 / 6) < (np.log(n) + 2) ** 2 / n
    assert (np.diff(g) >= 0).all()


def test_delays_are_steps():
    program = lower_circuit(network(), dt=0.5 * ms, seed=0).program
    assert program.period == 250
    assert program.teacher_delay == 2
    assert set(program.prime_delay) == {230}
    assert set(program.branch_delay) == {10}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"teacher_delay": 1.1 * ms}, "whole number of steps"),
        ({"value_delay": 0 * ms}, "at least 1"),
        ({"drive_psp": 15 * mV}, "matching key spikes after"),
        ({"stdp": ThetaSTDP(w_max=3.0)}, "fit int8"),
        ({"gain": BranchGain(g_max=2000.0)}, "potentials could reach"),
    ],
)
def test_what_the_grid_or_the_bits_cannot_hold_is_refused(change, match):
    refused(network(**change), match)


def test_what_the_kernel_does_not_know_is_refused():
    net = network()
    refused(swapped(net, "outputs", inhibition=HardWTA(k=2)), "outputs")
    refused(swapped(net, "order1", recruitment=None), "order1")
    refused(swapped(net, "order1", inhibition=None), "order1")
    drive = ExponentialCurrent(name="drive", tau=2 * ms)
    refused(swapped(net, "order1", neuron=LIF(v_reset=-5 * mV, receptors=(drive,))), "v_reset")
    prime = net.projection("prime order2")
    old = prime.connectivity
    rule = AllToAll(n_pre=1, n_post=9, weight=old.weight, delay=old.delay)
    forked = replace(prime, pre="order0", connectivity=rule)
    others = [q for q in net.projections if q.name != "prime order2"]
    refused(replace(net, projections=[*others, forked]), "may prime one pool only")
    refused(
        replace(net, projections=[q for q in net.projections if q.name != "teacher"]), "teacher"
    )
