"""Explicit state, state_dict, the way back, and what is refused with which words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from brian2 import ms, mV, pA

from bioplastic.bridge import Trainable, TwinState, twin
from bioplastic.bridge.twin_synapses import synapses_of
from bioplastic.description import (
    LIF,
    Compartment,
    DendriticTree,
    EscapeRace,
    GroupShunt,
    LinearIF,
    Network,
    Population,
    Projection,
    Recruitment,
)
from bioplastic.description.connectivity import one_to_one
from bioplastic.errors import DescriptionError, UnsupportedModel, UsageError
from tests.twin.networks import ALL, DT, adaptive, branches, linear, recurrent
from tests.twin.small import EVERY, MAKERS, make


def test_state_dict_round_trip(tmp_path):
    network = recurrent(50)
    net, other = twin(network, dt=DT), twin(network, dt=DT)
    with torch.no_grad():
        net.projection("se").weight.number *= 1.5
    torch.save(net.state_dict(), tmp_path / "twin.pt")
    other.load_state_dict(torch.load(tmp_path / "twin.pt"))
    assert torch.equal(other.weight("se"), net.weight("se"))
    with torch.no_grad():
        a, b = net(steps=50), other(steps=50)
    assert torch.equal(a.potentials["e"], b.potentials["e"])


def test_a_state_dict_keeps_its_own_scale():
    """A description with other weights has other scales; what is loaded are SI values."""
    network = recurrent(5)
    stronger = replace(network, projections=[
        replace(q, connectivity=replace(q.connectivity, weight=q.connectivity.weight * 37))
        for q in network.projections
    ])  # fmt: skip
    net, other = twin(network, dt=DT), twin(stronger, dt=DT)
    other.load_state_dict(net.state_dict())
    assert torch.equal(other.weight("ee"), net.weight("ee"))


def test_a_state_dict_of_another_network_is_refused():
    other = twin(adaptive(5), dt=DT)
    with pytest.raises(UsageError, match="'recurrent' does not belong to 'adaptive'"):
        other.load_state_dict(twin(recurrent(5), dt=DT).state_dict(), strict=False)


def test_nothing_trained_nothing_changed():
    for name in ALL:
        network = ALL[name][0](20)
        written = twin(network, dt=DT, trainable=EVERY).write_back(network)
        pairs: list[tuple[object, object]] = [
            *zip(network.populations, written.populations, strict=True),
            *zip(network.projections, written.projections, strict=True),
        ]
        assert all(new is old for old, new in pairs), name


@pytest.mark.parametrize("name", MAKERS)
def test_every_trained_value_is_written_back(name):
    network = MAKERS[name]()
    net = make(network)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter *= 1.25  # exact
    written = net.write_back(network)
    again = make(written)
    mine, theirs = net.state_dict(), again.state_dict()
    for key, value in mine.items():
        if key.endswith("number"):
            scale = key.replace("number", "scale")
            assert torch.equal(value * mine[scale], theirs[key] * theirs[scale]), key
    for q, old in zip(written.projections, network.projections, strict=True):
        before = np.asarray(old.connectivity.weight, dtype=float)
        assert np.array_equal(np.asarray(q.connectivity.weight, dtype=float), before * 1.25)
        assert np.array_equal(synapses_of(q).delays(), synapses_of(old).delays())


def test_rules_bound_what_may_be_written_back():
    network = branches(20)
    net = twin(network, dt=DT)
    with torch.no_grad():
        net.projection("in").weight.number[3] = 1000.0
    with pytest.raises(UsageError, match=r"in.weight\[3\] = .*under PairSTDP"):
        net.write_back(network)
    net = twin(network, dt=DT)
    with torch.no_grad():
        net.projection("rec").weight.number *= 2
    with pytest.raises(UnsupportedModel, match=r"rec.weight: PermanenceSTDP derives weights"):
        net.write_back(network)
    with pytest.raises(UsageError, match="'adaptive' is not the network of this twin"):
        net.write_back(adaptive(20))


def test_a_detached_state_has_no_past():
    net = make(MAKERS["leaky"]())
    run = net(steps=10)
    assert run.state.populations["x"]["v"].requires_grad
    fresh = run.state.detach()
    assert not any(v.requires_grad for v in fresh.populations["x"].values())
    assert not any(v.requires_grad for v in fresh.history.values())
    assert torch.equal(fresh.populations["x"]["v"], run.state.populations["x"]["v"])


@dataclass(frozen=True, kw_only=True)
class _Stranger(LIF):
    """A subclass that nobody registered."""


def _alone(neuron, **more) -> Network:
    return Network(name="n", populations=[Population(name="p", size=2, neuron=neuron, **more)])


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (lambda: _alone(EscapeRace()), "p.neuron: EscapeRace has no differentiable twin"),
        (lambda: _alone(_Stranger()), "p.neuron: _Stranger has no differentiable twin"),
        (
            lambda: _alone(LIF(), dendrites=DendriticTree(branches=(Compartment(name="b"),))),
            "p.b: Compartment has no differentiable twin",
        ),
        (lambda: _alone(LIF(), inhibition=GroupShunt()), "p.inhibition: GroupShunt has no"),
        (lambda: _alone(LIF(), recruitment=Recruitment()), "p: Recruitment has no"),
        (
            lambda: replace(linear(5), populations=[
                replace(linear(5).populations[0],
                        dendrites=DendriticTree(branches=(Compartment(name="b"),)))
            ]),
            "x.dendrites: need an LIF soma, not LinearIF",
        ),
    ],
)  # fmt: skip
def test_what_has_no_twin_is_refused_by_name(network, message):
    with pytest.raises(UnsupportedModel, match=message):
        twin(network(), dt=DT)


def test_bad_building():
    network = recurrent(5)
    with pytest.raises(UsageError, match=r"twin dt = 0.1: must be a time > 0"):
        twin(network, dt=0.1)
    with pytest.raises(UsageError, match=r"twin dt = 0. s: must be a time > 0"):
        twin(network, dt=0 * ms)
    with pytest.raises(UsageError, match="must be a multiple of the time step"):
        twin(network, dt=0.3 * ms)
    with pytest.raises(UsageError, match=r"dtype = torch.int64: must be torch.float64"):
        twin(network, dt=DT, dtype=torch.int64)
    with pytest.raises(UsageError, match="empty: has no population"):
        twin(Network(name="empty"), dt=DT)
    volts = Network(
        name="units",
        populations=recurrent(5).populations,
        projections=[
            Projection(name="q", pre="e", post="e", target="fast",
                       connectivity=one_to_one(40, weight=1 * mV, delay=DT))
        ],
    )  # fmt: skip
    with pytest.raises(DescriptionError, match=r"q.connectivity.weight is in V"):
        twin(volts, dt=DT)


@pytest.fixture(scope="module")
def net():
    return twin(recurrent(50), dt=DT)


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        (torch.zeros(1, 5, 12), "type torch.float32, must be torch.float64"),
        (
            torch.zeros(1, 5, 11, dtype=torch.float64),
            r"shape \(1, 5, 11\), must be \(any, any, 12\)",
        ),
        (torch.zeros(5, 12, dtype=torch.float64), r"shape \(5, 12\), must be"),
        (torch.zeros(0, 5, 12, dtype=torch.float64), "is empty"),
        (torch.zeros(1, 0, 12, dtype=torch.float64), "is empty"),
        (torch.full((1, 5, 12), torch.nan, dtype=torch.float64), "spikes of 's': must be finite"),
        (torch.zeros(1, 5, 12, dtype=torch.float64, device="meta"), "on meta, must be on cpu"),
        ({"S": torch.zeros(1, 5, 12)}, "no source 'S'; did you mean 's'"),
        ({}, "source 's' is missing"),
        ({"s": [[0.0]]}, "must be a torch.Tensor, not list"),
        ([[0.0]], "must be a tensor or {source: tensor}"),
    ],
)
def test_bad_spikes(net, spikes, message):
    with pytest.raises(UsageError, match=message):
        net(spikes)


def test_bad_runs(net):
    with pytest.raises(UsageError, match="steps = None: must be a whole number >= 1"):
        net()
    with pytest.raises(UsageError, match="steps = 0: must be a whole number >= 1"):
        net(steps=0)
    with pytest.raises(UsageError, match="leave it out"):
        net(torch.zeros(1, 5, 12, dtype=torch.float64), steps=5)
    with pytest.raises(UsageError, match="adaptive has no source"):
        twin(adaptive(5), dt=DT)(torch.zeros(1, 5, 3, dtype=torch.float64))
    with pytest.raises(UsageError, match="batch = 0"):
        net.start(0)
    with pytest.raises(UsageError, match="no projection 'sf'; did you mean 'se'"):
        net.weight("sf")
    with pytest.raises(UsageError, match="no population 'x'"):
        net.population("x")


def test_bad_states(net):
    good = net.start(2)
    with pytest.raises(UsageError, match="state of 'adaptive': does not belong to 'recurrent'"):
        net(steps=5, state=twin(adaptive(5), dt=DT).start())
    with pytest.raises(UsageError, match="must be a TwinState, not dict"):
        net(steps=5, state={})
    e = good.populations["e"]

    def changed(**states) -> TwinState:
        return replace(good, populations={**good.populations, "e": {**e, **states}})

    with pytest.raises(UsageError, match=r"e/v: shape \(2, 39\), must be \(2, 40\)"):
        net(steps=5, state=changed(v=e["v"][:, :39]))
    with pytest.raises(UsageError, match=r"e/v: type torch\.float32"):
        net(steps=5, state=changed(v=e["v"].float()))
    with pytest.raises(UsageError, match="e/v: must be finite"):
        net(steps=5, state=changed(v=e["v"] * torch.nan))
    with pytest.raises(UsageError, match="e/u is missing or too much"):
        net(steps=5, state=changed(u=e["v"]))
    with pytest.raises(UsageError, match="does not fit 'recurrent': 'e'"):
        net(steps=5, state=replace(good, populations={"i": good.populations["i"]}))
    short = {**good.history, "s": good.history["s"][:, 1:]}
    with pytest.raises(UsageError, match="history/s"):
        net(steps=5, state=replace(good, history=short))
    one = torch.zeros(1, 5, 12, dtype=torch.float64)
    with pytest.raises(UsageError, match="batch"):
        net(one, state=good)


def test_parameters_that_broke_in_training_are_named():
    network = recurrent(5)
    net = twin(network, dt=DT, trainable=Trainable(time_constants=True))
    with torch.no_grad():
        net.projection("ee").weight.number[7] = torch.nan
    with pytest.raises(UsageError, match=r"ee.weight\[7\] = nan: must be finite"):
        net(steps=5)
    with pytest.raises(UsageError, match=r"ee.weight\[7\] = nan: must be finite"):
        net.write_back(network)
    with torch.no_grad():
        net.projection("ee").weight.number[7] = 0.0
        net.population("e").taus["tau_fast"].number.fill_(-1.0)
    with pytest.raises(UsageError, match=r"e.tau_fast = -.* ms: must be > 0"):
        net(steps=5)


def test_two_spikes_in_one_step_are_refused():
    network = recurrent(20)
    s = network.sources[0]
    train = replace(s.train, i=np.array([3, 3]), t=np.array([1.0, 1.02]) * ms)
    with pytest.raises(UsageError, match="source 3 spikes twice in the step at 1 ms"):
        twin(replace(network, sources=[replace(s, train=train)]), dt=DT)(steps=20)


def test_empty_projections_carry_nothing():
    network = recurrent(20)
    c = synapses_of(network.projections[0])
    none = replace(c, i=c.i[:0], j=c.j[:0], weight=np.zeros(0) * pA, delay=np.zeros(0) * ms)
    projections = [replace(network.projections[0], connectivity=none), *network.projections[1:]]
    assert twin(replace(network, projections=projections), dt=DT)(steps=20).counts["e"].sum() >= 0


def test_states_of_any_name():
    """Names that the twin uses inside for something else stay the user's."""
    network = MAKERS["coupled"]()
    odd = {"v": "one", "w": "v", "b": "offset one"}
    given = network.populations[0].neuron
    assert isinstance(given, LinearIF)
    neuron = replace(given, names=tuple(odd.values()), held=("one",))
    renamed = replace(
        network,
        populations=[replace(network.populations[0], neuron=neuron)],
        projections=[replace(q, target=odd[q.target]) for q in network.projections],
    )
    with torch.no_grad():
        for trainable in (Trainable(), EVERY):
            a = twin(network, dt=DT, trainable=trainable)(steps=60).potentials["x"]
            b = twin(renamed, dt=DT, trainable=trainable)(steps=60).potentials["x"]
            assert torch.equal(a, b)


def test_linear_offsets_train_apart_from_the_shared_input():
    """A shared offset is one input when fixed and one per state when trained: the same numbers."""
    network = MAKERS["coupled"]()
    assert isinstance(network.populations[0].neuron, LinearIF)
    fixed, trained = twin(network, dt=DT), make(network)
    with torch.no_grad():
        a, b = fixed(steps=60).potentials["x"], trained(steps=60).potentials["x"]
    # the two differ by the rounding of a sum of three terms a step
    assert (a - b).abs().max() <= 60 * 3 * np.finfo(float).eps * float(a.abs().max())
