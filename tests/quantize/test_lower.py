"""Lowering: exact where it says so, an error report, refusals that name object and reason."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from brian2 import amp, ms, nA, pA, uA

from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    Connectivity,
    DendriticTree,
    EscapeRace,
    ExponentialCurrent,
    GateBranch,
    GroupShunt,
    Network,
    PairSTDP,
    Population,
    Projection,
    Recruitment,
    Source,
    SpikeTrain,
    SynapticScaling,
)
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.networks import temporal_memory as tm
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize import lower

DT = 0.1 * ms
NEURON = LIF(receptors=(ExponentialCurrent(name="fast", tau=2 * ms),))


def net(weights, *, neuron=NEURON, rule=None, scaling=None, source=None, **population) -> Network:
    n = len(weights)
    synapses = Connectivity(i=np.zeros(n), j=np.arange(n), weight=weights, delay=1 * ms)
    train = source or SpikeTrain(i=np.zeros(1), t=np.ones(1) * ms)
    return Network(
        name="net",
        sources=[Source(name="in", size=1, train=train)],
        populations=[Population(name="p", size=n, neuron=neuron, **population)],
        projections=[
            Projection(
                name="q", pre="in", post="p", target="fast", connectivity=synapses,
                plasticity=rule, scaling=scaling,
            )
        ],
    )  # fmt: skip


def weights_in_ampere(network: Network) -> tuple[np.ndarray, np.ndarray]:
    lowered = lower(network, DT)
    q, p = lowered.projections[0], lowered["p"]
    ampere = np.empty(len(q.weight))
    ampere[q.order] = q.weight.astype(float) * q.scale * p.lsb / 40e6
    return ampere, q.weight


def test_multiples_of_one_weight_are_int8_and_exact():
    wanted = np.array([100, -200, 300, 0, 12_700]) * pA
    got, kept = weights_in_ampere(net(wanted))
    assert kept.dtype == np.int8
    np.testing.assert_allclose(got, np.asarray(wanted / amp), rtol=1e-4)


def test_arbitrary_static_weights_are_int16():
    wanted = np.random.default_rng(0).normal(size=200) * nA
    got, kept = weights_in_ampere(net(wanted))
    assert kept.dtype == np.int16
    step = np.abs(got).max() / fp.STATIC_MAX
    assert np.abs(got - np.asarray(wanted / amp)).max() <= 0.6 * step


def test_plastic_weights_are_int8_with_one_scale():
    wanted = np.linspace(0, 1, 100) * nA
    got, kept = weights_in_ampere(net(wanted, rule=PairSTDP(w_max=1 * nA)))
    assert kept.dtype == np.int8
    assert kept.max() == 127
    assert np.abs(got - np.asarray(wanted / amp)).max() <= 0.51e-9 / 127


def test_report_lists_every_array_and_the_worst_of_them():
    report = lower(net(np.array([1.0, 0.3333]) * nA, rule=PairSTDP(w_max=1 * nA)), DT).report
    assert {"q.weight", "q.delay", "p.v_th", "in.t"} <= {r.what for r in report.roundings}
    assert report.worst.what == "q.weight"
    assert {"p.fast", "p.v"} <= {b.what for b in report.bounds}
    assert all(b.headroom > 1 for b in report.bounds)
    assert len(report.tables()[0].rows) == len(report.roundings)


def test_temporal_memory_lowers_with_small_errors():
    p = tm.parameters("III", neurons=10, episodes=2)
    lowered = lower(tm.temporal_memory(p, np.random.default_rng(1)), DT)
    assert lowered.report.worst.relative < 1e-5
    assert {q.weight.dtype for q in lowered.projections} == {np.dtype(np.int8)}
    assert lowered["recurrent"].delays.tolist() == [20]
    assert lowered.max_delay == 20


def test_overflow_is_refused_with_what_to_do():
    with pytest.raises(UnsupportedModel, match=r"p\.fast: could reach .*fraction=12"):
        lower(net(np.ones(3) * uA), DT)
    assert lower(net(np.ones(3) * uA), DT, fraction=12)["p"].lsb == 1e-3 / 4096


def test_fan_in_counts_in_the_overflow_proof():
    n = 4000
    one = LIF(receptors=(ExponentialCurrent(name="fast", tau=100 * ms),))
    synapses = Connectivity(i=np.arange(n), j=np.zeros(n), weight=0.02 * nA, delay=1 * ms)
    train = SpikeTrain(i=np.arange(n), t=np.ones(n) * ms)
    network = Network(
        name="net",
        sources=[Source(name="in", size=n, train=train)],
        populations=[Population(name="p", size=1, neuron=one)],
        projections=[
            Projection(name="q", pre="in", post="p", target="fast", connectivity=synapses)
        ],
    )
    lower(network, DT, fraction=15)
    with pytest.raises(UnsupportedModel, match="could reach"):
        lower(network, DT, fraction=20)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inhibition": GroupShunt()}, "p: GroupShunt: .*no shunt"),
        ({"recruitment": Recruitment()}, "p: Recruitment"),
        ({"dendrites": DendriticTree(branches=(GateBranch(drive="fast"),))}, "p: GateBranch"),
        ({"scaling": SynapticScaling(total=1 * nA)}, "q: SynapticScaling"),
        ({"neuron": AdaptiveLIF(receptors=NEURON.receptors, tau_theta=1e7 * ms)}, "tau_theta"),
        (
            {"source": SpikeTrain(i=np.zeros(2), t=np.array([1.0, 1.01]) * ms)},
            "in: source 0 spikes twice in step 10",
        ),
    ],
)
def test_what_the_kernel_does_not_know_is_refused_by_name(change, message):
    with pytest.raises(UnsupportedModel, match=message):
        lower(net(np.ones(2) * nA, **change), DT)


def test_escape_race_is_refused():
    network = Network(name="net", populations=[Population(name="out", size=2, neuron=EscapeRace())])
    with pytest.raises(UnsupportedModel, match="net: out: EscapeRace"):
        lower(network, DT)


def test_negative_plastic_weights_and_a_step_of_zero_are_refused():
    with pytest.raises(UnsupportedModel, match=r"0\.\.w_max"):
        lower(net(-np.ones(2) * nA, rule=PairSTDP(w_max=1 * nA)), DT)
    with pytest.raises(UsageError, match="dt = "):
        lower(net(np.ones(2) * nA), 0 * ms)


def test_order_of_synapses_in_the_description_changes_nothing():
    rng = np.random.default_rng(4)
    i, j = rng.integers(0, 5, 60), rng.integers(0, 7, 60)
    keep = np.unique(i * 7 + j)
    i, j, w = keep // 7, keep % 7, rng.uniform(0, 1, len(keep))
    lowered = []
    for order in (np.arange(len(i)), rng.permutation(len(i))):
        synapses = Connectivity(i=i[order], j=j[order], weight=w[order] * nA, delay=1 * ms)
        network = Network(
            name="net",
            populations=[Population(name="p", size=7, neuron=NEURON)],
            projections=[
                Projection(name="q", pre="p", post="p", target="fast", connectivity=synapses)
            ],
        )
        lowered.append(lower(network, DT).projections[0])
    a, b = lowered
    for field in dataclasses.fields(a):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if isinstance(left, np.ndarray) and field.name != "order":
            np.testing.assert_array_equal(left, right, err_msg=field.name)
