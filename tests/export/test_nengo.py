"""Placement and arithmetic against nengo-loihi 1.1: what its blocks use, what its emulator spikes.

Needs the environment of `make verifier-nengo`.
"""

from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms

from bioplastic.description import SymbolSchedule
from bioplastic.export import verify
from bioplastic.export.bundle import folder as bundles
from bioplastic.export.bundle import foreign
from bioplastic.export.loihi import nengo
from bioplastic.export.preflight.placement import LOIHI, counted, place
from bioplastic.kernels.circuit.run import by_cycle, run_circuit
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.learning import corpus
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention
from bioplastic.quantize.circuit import lower_circuit
from bioplastic.quantize.loihi import (
    LoihiNetwork,
    LoihiPopulation,
    LoihiProjection,
    LoihiSource,
)
from bioplastic.quantize.loihi_circuit import loihi_circuit

SMALL = replace(LOIHI, name="small", compartments=40)
STEPS = 10_000

pytestmark = pytest.mark.oracle


def drawn(seed, du=4095, dv=400, longest=0, multapses=False):
    """Two recurrent populations behind 20 sources; an exponent for each of six projections."""
    rng = np.random.default_rng(seed)
    sizes = {"in": 20, "a": int(rng.integers(60, 120)), "b": int(rng.integers(30, 90))}
    populations = tuple(
        LoihiPopulation(
            name=k, size=sizes[k], du=du, dv=dv, vth=300, refractory=int(rng.choice([1, 3])),
            bias_mantissa=rng.integers(-30, 60, sizes[k]), bias_exponent=2,
        )
        for k in "ab"
    )  # fmt: skip
    projections = []
    for pre in sizes:
        for post in "ab":
            n, m = sizes[pre], sizes[post]
            pairs = rng.choice(n * m, n * m // 8, replace=multapses)
            weights = rng.integers(0, 40, len(pairs)) if pre == "in" else rng.integers(
                -30, 20, len(pairs))  # fmt: skip
            projections.append(LoihiProjection(
                name=f"{pre} to {post}", pre=pre, post=post, i=pairs // m, j=pairs % m,
                weight=2 * weights, delay=rng.integers(0, longest + 1, len(pairs)),
                exponent=int(rng.integers(-2, 2)),
            ))  # fmt: skip
    return LoihiNetwork(
        name="drawn", dt=1e-3, sources=(LoihiSource(name="in", size=20),),
        populations=populations, projections=tuple(projections),
    )  # fmt: skip


@pytest.fixture(scope="module")
def python():
    """The interpreter of `make verifier-nengo`."""
    found = foreign.interpreter(tool=nengo.NAME)
    if found is None:
        pytest.skip(f"no {foreign.NENGO[1]}: make verifier-nengo, or set {foreign.NENGO[0]}")
    return found


def same_use(network, chip, python):
    """Every core uses what nengo-loihi says; returns placement and what the cores use."""
    placed = place(network, chip)
    found = nengo.replayed(network, placed.core, {}, 0, python, 500)
    ours = counted(network, placed.core)
    for part, names in (("used", nengo.CHECKED), ("tables", nengo.TABLES)):
        np.testing.assert_array_equal(found[part], np.stack([ours[k] for k in names], axis=1))
    fits = np.all([ours[k] <= LOIHI.most()[k] for k in nengo.CHECKED], axis=0)
    np.testing.assert_array_equal(found["valid"], fits)
    own = found["theirs"]
    np.testing.assert_array_equal(own[:, :3], found["used"][:, :3])
    assert (own[:, 3] <= ours["synapse bits"]).all()
    assert (ours["synapse bits"] <= 3 * own[:, 3]).all()
    return placed, ours, own


@pytest.mark.parametrize("seed", range(6))
def test_drawn_networks_use_what_nengo_loihi_says(seed, python):
    net = drawn(seed, longest=62, multapses=seed % 2 == 0)
    placed, *_ = same_use(net, (SMALL, LOIHI)[seed % 3 == 0], python)
    assert placed.fits


def test_a_trained_circuit_uses_what_nengo_loihi_says(python):
    """A circuit of contexts of up to 4 after 3000 symbols."""
    stream = corpus.load("kjv", symbols=3000)
    schedule = SymbolSchedule(symbols=stream.symbols, size=stream.alphabet_size)
    network = dendritic_attention(schedule, Parameters(order=4, pool=3000), labels=stream.glyphs)
    circuit = lower_circuit(network, dt=0.5 * ms, seed=1)
    train = network.sources[0].train
    shown = by_cycle(train.i, train.steps(0.5 * ms), circuit.program.period)
    chip = loihi_circuit(circuit, run_circuit(circuit, *shown).state)
    placed, ours, own = same_use(chip.network, LOIHI, python)
    assert placed.core.max() > 0
    for name, used in ours.items():
        print(name, used.tolist())
    print("bits in nengo-loihi's own format", own[:, 3].tolist())


def test_a_core_that_holds_too_much_is_refused_there_too(python):
    """1100 neurons on one core; then 4200 axons into a neuron, which has its core for itself."""
    wide = LoihiNetwork(
        name="wide", dt=1e-3, sources=(LoihiSource(name="in", size=4200),),
        populations=(LoihiPopulation(name="n", size=1100, du=4095, dv=0, vth=1),),
        projections=(LoihiProjection(
            name="q", pre="in", post="n", i=np.arange(4200), j=np.zeros(4200, np.int64),
            weight=np.full(4200, 2), delay=np.zeros(4200, np.int64),
        ),),
    )  # fmt: skip
    placed, *_ = same_use(wide, replace(LOIHI, compartments=1100), python)
    assert not placed.fits
    placed, ours, _ = same_use(wide, LOIHI, python)
    assert [r.name for r in placed.resources if not r.fits] == ["in-axons"]
    assert ours["in-axons"].tolist() == [4200, 0, 0]


@pytest.mark.parametrize(("du", "dv"), [
    (4095, 400), (1000, 400), (700, 100), (60, 4095), (2500, 3), (4095, 0),
])  # fmt: skip
def test_the_emulator_spikes_alike(du, dv, python):
    """Without delays, 10 000 steps, several cores; no sum passes its 21 bits of input."""
    net = drawn(du + dv, du, dv)
    when, which = np.nonzero(np.random.default_rng(1).random((STEPS, 20)) < 0.05)
    stimulus = {"in": (when, which)}
    placed = place(net, SMALL)
    found = nengo.replayed(net, placed.core, stimulus, STEPS, python, 500)["spikes"]
    run = run_loihi(net, stimulus, STEPS)
    ours = np.zeros_like(found)
    at = 0
    for p in net.populations:
        ours[run.spikes[p.name].steps, at + run.spikes[p.name].ids] = True
        at += p.size
    print(du, dv, int(ours.sum()), "spikes,", int((ours != found).sum()), "differ")
    assert placed.core.max() >= 2
    assert 0.001 < ours.mean() < 0.5
    assert np.array_equal(ours, found)


@pytest.mark.parametrize("longest", [0, 7])
def test_verify_says_what_it_compared(longest, python, tmp_path):
    net = drawn(3, du=700, dv=100, longest=longest)
    when, which = np.nonzero(np.random.default_rng(1).random((300, 20)) < 0.05)
    stimulus = {"in": (when, which)}
    made = bundles.made(net, stimulus, 300)
    assert len(made.expected["a"][0]) > 20
    folder = bundles.write(made, tmp_path / "bundle")
    found = verify.verify(made, folder, nengo.NAME, python=python, seconds=500)
    assert found.outcome == "equal", found.message
    assert found.figures["cores_that_use_what_is_counted"] == place(net).core.max() + 1
    assert ("spikes in 300 steps, none differs" in found.message) == (longest == 0)
    assert ("these are up to 7 steps" in found.message) == (longest == 7)
    other = replace(made, expected={**made.expected, "a": made.expected["b"]})
    again = verify.verify(other, folder, nengo.NAME, python=python, seconds=500)
    assert again.outcome == ("equal" if longest else "differs")


def test_twice_the_same_synapse_is_counted_and_not_run(python, tmp_path):
    made = bundles.made(drawn(4, multapses=True), {}, 10)
    found = verify.verify(made, tmp_path, nengo.NAME, python=python, seconds=500)
    assert found.outcome == "equal"
    assert "it keeps one of two synapses" in found.message


def test_verify_sees_a_count_that_is_not_theirs(python, tmp_path, monkeypatch):
    made = bundles.made(drawn(3, longest=2), {}, 10)
    count = counted(made.network, place(made.network).core)
    wrong = {**count, "thresholds": count["thresholds"] + 1}
    monkeypatch.setattr(nengo, "counted", lambda *_: wrong)
    found = verify.verify(made, tmp_path, nengo.NAME, python=python, seconds=500)
    assert found.outcome == "differs"
    assert found.message == "core 0: thresholds 1, counted here 2"
