"""Networks in PyNN's terms: from Loihi's integers and a description; files, script, refusals."""

from __future__ import annotations

import types
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from brian2 import ms, pA

from bioplastic.benchmarks.plastic import network as plastic_network
from bioplastic.description import LIF, AlphaCurrent, PairSTDP
from bioplastic.description.plasticity import PowerLaw
from bioplastic.errors import CorruptFile, UnsupportedModel, UsageError
from bioplastic.export import verify
from bioplastic.export.bundle import folder as bundles
from bioplastic.export.pynn import loihi as pynn_loihi
from bioplastic.export.pynn import network as pynn_network
from bioplastic.export.pynn import rows as pynn_rows
from bioplastic.export.pynn import script as pynn_script
from bioplastic.export.spinnaker import model as spinnaker_model
from bioplastic.export.spinnaker import target as spinnaker
from bioplastic.export.spinnaker import verify as spinnaker_verify
from bioplastic.learned import Learned
from bioplastic.quantize.loihi import LoihiPopulation, LoihiProjection
from tests.export.pynn_small import RULE, small
from tests.loihi.test_loihi import at, one


def integrators(seed):
    """Two populations without leak, both signs, all delays."""
    rng = np.random.default_rng(seed)
    net = one()
    source = replace(net.sources[0], size=5)
    groups = {"in": 5, "a": 6, "b": 4}
    populations = tuple(
        LoihiPopulation(name=n, size=groups[n], du=4095, dv=0, vth=int(rng.integers(50, 400)),
                        bias_mantissa=rng.integers(-3, 9, groups[n]) * 128,
                        refractory=int(rng.choice([1, 3])))
        for n in ("a", "b")
    )  # fmt: skip
    projections = []
    for k, (pre, post) in enumerate([("in", "a"), ("a", "a"), ("a", "b"), ("b", "a")]):
        i, j = np.nonzero(rng.random((groups[pre], groups[post])) < 0.6)
        projections.append(
            LoihiProjection(name=f"q{k}", pre=pre, post=post, i=i, j=j,
                            weight=2 * rng.integers(-60, 70, len(i)),
                            delay=rng.integers(0, 63, len(i)))
        )  # fmt: skip
    when, which = np.nonzero(rng.random((400, 5)) < 0.2)
    made = replace(net, sources=(source,), populations=populations, projections=tuple(projections))
    return bundles.made(made, {"in": (when, which)}, 400)


@pytest.mark.parametrize("seed", range(4))
def test_whole_numbers_stay_whole(seed):
    """Without leak every spike of loihi-1 is there in the model of S16.15, `>` against `>=` too."""
    bundle = integrators(seed)
    assert sum(len(when) for when, _ in bundle.expected.values()) > 100
    network = spinnaker.frozen(bundle)
    assert spinnaker.differing(bundle, network) == 0
    shifted = replace(
        network,
        populations=tuple(
            replace(p, parameters=dict(p.parameters)
                    | {"v_thresh": float(p.parameters["v_thresh"]) - 40 * pynn_loihi.LSB})
            for p in network.populations
        ),
    )  # fmt: skip
    assert spinnaker.differing(bundle, shifted) > 0


def test_the_decay_that_their_binaries_compute():
    """expk of IF_curr_delta.aplx in sPyNNaker 7.4.1, run on an ARM emulator: argument → result."""
    for argument, found in ((1, 32766), (2, 32765), (4, 32763), (16, 32751), (64, 32704),
                            (128, 32640), (32768, 12054), (65536, 4434)):  # fmt: skip
        assert abs(spinnaker_model.decay(32768 / argument) - found) <= 1
    assert spinnaker_model.decay(32768.0) == 32766
    assert spinnaker_model.decay(1 / 16) == 0


def test_delays_count_one_more_and_charges_are_units():
    net = pynn_loihi.pynn_network(one(weight=10, delay=3, dv=0), at(0), 9)
    (q,), (p,) = net.projections, net.populations
    assert q.delay.tolist() == [4]
    assert q.weight.tolist() == [pynn_loihi.LSB]  # 640 is the common divisor
    assert p.parameters["v_thresh"] == 3 * pynn_loihi.LSB  # 25·64 = 1600 < 3·640


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"du": 17}, "population 'n': du = 17: IF_curr_delta has no synaptic current"),
    ],
)
def test_what_no_model_holds_is_refused(change, message):
    with pytest.raises(UnsupportedModel, match=message):
        pynn_loihi.pynn_network(one(**change), at(0), 5)


def test_what_is_inexact_is_said():
    said = pynn_loihi.pynn_network(one(dv=4095), at(0), 5).inexact
    assert said == ("n: Loihi keeps 1/4096 of the last potential, SpiNNaker nothing",)
    assert "leak is rounded" in pynn_loihi.pynn_network(one(dv=163), at(0), 5).inexact[0]
    assert pynn_loihi.pynn_network(one(dv=0), at(0), 5).inexact == ()
    over = pynn_loihi.pynn_network(one(dv=0, vth=131071, weight=2), at(0), 5).inexact
    assert "exact up to 8191 units of potential, the threshold is" in over[0]


@pytest.mark.parametrize("dv", [17, 163, 2048])
def test_the_ring_buffers_of_leaky_neurons_hold_all_synapses_at_once(dv):
    net = one(dv=dv, weight=254, exponent=7)
    q = net.projections[0]
    many = replace(q, i=np.zeros(90, int), j=np.zeros(90, int), weight=np.full(90, 254),
                   delay=np.zeros(90, int))  # fmt: skip
    made = pynn_loihi.pynn_network(replace(net, projections=(many,)), at(0, 4), 9)
    (p,), (r,) = made.populations, made.projections
    shift = spinnaker_model.shifts(p)[0]
    assert r.weight.sum() <= pynn_loihi.BUFFER * 2.0 ** (shift - 15)
    spikes = spinnaker_model.run(made)["n"][0].tolist()
    assert spikes == bundles.made(replace(net, projections=(many,)), at(0, 4), 9).expected["n"][0].tolist()  # fmt: skip # noqa: E501


def test_files_hold_the_network(tmp_path):
    pynn_script.write(small(), tmp_path)
    back = pynn_network.read(tmp_path)
    assert pynn_script.text(back) == pynn_script.text(small())
    for a, b in zip(back.projections, small().projections, strict=True):
        assert (a.name, a.rule) == (b.name, b.rule)
        for n in ("i", "j", "weight", "delay"):
            assert np.array_equal(getattr(a, n), getattr(b, n))
    table = tmp_path / pynn_network.TABLE
    for old, new in (
        ('"SpikePairRule"', '"x; import os"'),
        ('"pre":"in"', '"pre":"on"'),
        ("270", "27"),
    ):
        table.write_text((tmp_path / pynn_network.TABLE).read_text().replace(old, new))
        with pytest.raises(CorruptFile, match="hold no network"):
            pynn_network.read(tmp_path)
        pynn_network.write(small(), tmp_path)
    (tmp_path / pynn_network.ARRAYS).write_bytes(b"PK")
    with pytest.raises(CorruptFile):
        pynn_network.read(tmp_path)


class Recorder(types.SimpleNamespace):
    """Takes every call of a script and keeps it."""

    def __init__(self):
        super().__init__(calls=[])

    def __getattr__(self, name):
        if name.startswith("_") or name == "calls":
            raise AttributeError(name)

        def call(*args, **kwargs):
            self.calls.append((name, args, kwargs))
            return Recorder()

        return Recorder() if name == "extra_models" else call


def test_the_script_builds_the_network(tmp_path):
    pynn_script.write(small(), tmp_path)
    space: dict[str, Any] = {"__file__": str(tmp_path / pynn_script.SCRIPT), "__name__": "script"}
    exec((tmp_path / pynn_script.SCRIPT).read_text(), space)
    sim = Recorder()
    space["build"](sim)
    found = [kwargs["label"] for name, _, kwargs in sim.calls if name == "Population"]
    assert found == ["in", "a", "b"]
    rows = [args[0] for name, args, _ in sim.calls if name == "FromListConnector"]
    for held, q in zip(rows, small().projections, strict=True):
        assert np.array_equal(held[:, 0], np.sort(q.i))  # an unsorted list loses synapses
        assert held[:, 2].sum() == q.weight.sum()
    mechanisms = [kwargs for name, _, kwargs in sim.calls if name == "STDPMechanism"]
    assert len(mechanisms) == 1
    assert mechanisms[0]["backprop_delay"] is False
    rules = [kwargs for name, _, kwargs in sim.calls if name == RULE.timing]
    assert rules == [dict(RULE.timing_args)]


def test_rows_that_are_too_long_take_fewer_neurons_a_core():
    net = small()
    assert [pynn_rows.per_core(net, p) for p in net.populations] == [256, 256]
    dense = replace(net.projections[0], i=np.zeros(270, int), j=np.arange(270),
                    weight=np.ones(270), delay=np.ones(270, int))  # fmt: skip
    more = replace(net, projections=(dense,))
    assert pynn_rows.per_core(more, net.populations[0]) == 128  # 256 and 2 words of head
    static = replace(net, projections=(replace(dense, rule=None),))
    assert pynn_rows.per_core(static, net.populations[0]) == 256
    stacked = replace(dense, j=np.zeros(270, int))
    with pytest.raises(UnsupportedModel, match="more than 256 synapses onto one neuron"):
        pynn_rows.per_core(replace(net, projections=(stacked,)), net.populations[0])


@pytest.fixture(scope="module")
def plastic():
    """Every source onto every neuron, each synapse plastic, as a learned network."""
    return Learned(plastic_network(40, 0.2), {}, {"dt_seconds": 1e-4})


def test_a_plastic_network_keeps_its_rule(plastic, tmp_path, capsys, monkeypatch):
    ready = spinnaker.prepare(plastic, None)
    (q,) = ready.network.projections
    rule = plastic.description.projections[0].plasticity
    assert q.rule is not None
    assert (q.rule.timing, q.rule.weight) == ("SpikePairRule", "AdditiveWeightDependence")
    high = float(rule.w_max) * 1e9
    assert q.rule.timing_args == pytest.approx(
        {"tau_plus": 20, "tau_minus": 20, "A_plus": 0.01 * high, "A_minus": 0.0105 * high}
    )
    assert q.rule.weight_args == pytest.approx({"w_min": 0, "w_max": high})
    assert set(q.delay) == {2}
    folder = spinnaker.write(ready, tmp_path / "bundle")
    kind = verify.kind_of(folder)
    assert kind.title(kind.read(folder)) == "plastic: 40 neurons, 1,600 synapses, 1,600 learn"
    with pytest.raises(UsageError, match="exists already"):
        spinnaker.write(ready, folder)
    monkeypatch.delenv(verify.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    found = verify.verify(kind.read(folder), folder, "spynnaker", python=None, seconds=9,
                          tools=kind.TOOLS)  # fmt: skip
    assert found.outcome == "absent"
    script = folder / pynn_script.SCRIPT
    script.write_text(script.read_text() + "\n")
    with pytest.raises(CorruptFile):
        kind.read(folder)
    with pytest.raises(CorruptFile, match="not the script of the arrays"):
        spinnaker_verify.own(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": PairSTDP(w_max=1 * pA, dependence=PowerLaw(mu=0.5))}, "mu = 0.5: sPyNNaker has"),
        ({"rule": PairSTDP(w_max=1 * pA, a_plus=1e-4)}, "S16.15 rounds it to zero"),
        ({"dt": 1e-4 / 3}, "whole µs"),
        (
            {"neuron": LIF(receptors=(AlphaCurrent(name="syn", tau=5 * ms),))},
            "target 'syn' is no exponential current",
        ),
    ],
)
def test_what_spinnaker_would_lose_is_refused_by_name(plastic, change, message):
    net, dt = plastic.description, change.get("dt", 1e-4)
    if "rule" in change:
        net = replace(net, projections=(replace(net.projections[0], plasticity=change["rule"]),))
    if "neuron" in change:
        wider = replace(net.populations[0], neuron=change["neuron"])
        net = replace(net, populations=(wider,))
    with pytest.raises(UnsupportedModel, match=message):
        spinnaker.prepare(Learned(net, {}, {"dt_seconds": dt}), None)


@pytest.mark.oracle
def test_spynnaker_compiles_the_bundles(plastic, tmp_path):
    """A frozen and a plastic network, compiled for a virtual board and decoded."""
    python = verify.interpreter()
    if python is None:
        pytest.skip(f"set {verify.VARIABLE} to the Python of the verifier environment")
    bundle = integrators(1)
    folder = bundles.write(bundle, tmp_path / "frozen")
    found = verify.verify(bundle, folder, "spynnaker", python=python, seconds=500)
    assert found.outcome == "equal", found.message
    assert found.figures["largest_weight_error"] == 0
    folder = spinnaker.write(spinnaker.prepare(plastic, None), tmp_path / "plastic")
    kind = verify.kind_of(folder)
    found = verify.verify(kind.read(folder), folder, "spynnaker", python=python, seconds=500,
                          tools=kind.TOOLS)  # fmt: skip
    assert found.outcome == "equal", found.message
    assert found.figures["synapses_decoded"] == 1600
    assert found.report["keys"]
    found = spinnaker_verify.compiled(small(), python, 500)
    assert found.outcome == "equal", found.message
