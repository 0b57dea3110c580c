"""Placement and arithmetic against nengo-loihi 1.1: what its blocks use, what its emulator spikes.

Needs `pip install -r tests/export/nengo_requirements.txt` in an interpreter of its own, named by
$BIOPLASTIC_NENGO.
"""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from brian2 import ms

from bioplastic.description import SymbolSchedule
from bioplastic.export.preflight.placement import LOIHI, counted, place
from bioplastic.kernels.circuit.run import by_cycle, run_circuit
from bioplastic.kernels.loihi.layout import arrays, begins
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

SCRIPT = Path(__file__).with_name("nengo_replay.py")
SMALL = replace(LOIHI, name="small", compartments=40)
STEPS = 10_000
KEYS = "compartments", "in-axons", "out-axons", "synapse bits"

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif("BIOPLASTIC_NENGO" not in os.environ, reason="BIOPLASTIC_NENGO is not set"),
]


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


def replayed(network, core, tmp_path, stimulus=((), ()), steps=0):
    """What nengo-loihi says of a placed network."""
    begin = begins(network)
    projections = network.projections

    def synapses(values):
        return np.concatenate([np.asarray(values(q), np.int64) for q in projections])

    def neurons(values):
        return np.concatenate([np.full(p.size, values(p), np.int64) for p in network.populations])

    flat = arrays(network)
    np.savez(
        tmp_path / "in.npz", sources=flat.sources, steps=steps, core=core,
        du=neurons(lambda p: p.du), dv=neurons(lambda p: p.dv), threshold=flat.threshold,
        bias=flat.bias, refractory=flat.refractory,
        pre=synapses(lambda q: q.i + begin[q.pre]),
        post=synapses(lambda q: q.j + begin[q.post] - flat.sources),
        charge=synapses(lambda q: q.charge),
        exponent=synapses(lambda q: np.full(len(q.i), q.exponent)),
        stimulus_steps=np.asarray(stimulus[0], np.int64),
        stimulus_ids=np.asarray(stimulus[1], np.int64),
    )  # fmt: skip
    command = [os.environ["BIOPLASTIC_NENGO"], str(SCRIPT), "in.npz", "out.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(tmp_path / "out.npz") as file:
        return {k: file[k] for k in file.files}


def same_use(network, chip, tmp_path):
    """Every core uses what nengo-loihi says; returns placement and what the cores use."""
    placed = place(network, chip)
    found = replayed(network, placed.core, tmp_path)
    ours = counted(network, placed.core)
    np.testing.assert_array_equal(found["used"], np.stack([ours[k] for k in KEYS], axis=1))
    limits = {"compartments": LOIHI.compartments, "in-axons": LOIHI.in_axons,
              "out-axons": LOIHI.out_axons, "synapse bits": LOIHI.synapse_bits}  # fmt: skip
    fits = np.all([ours[k] <= limits[k] for k in KEYS], axis=0)
    np.testing.assert_array_equal(found["valid"], fits)
    own = found["theirs"]
    np.testing.assert_array_equal(own[:, :3], found["used"][:, :3])
    assert (own[:, 3] <= ours["synapse bits"]).all()
    assert (ours["synapse bits"] <= 3 * own[:, 3]).all()
    return placed, ours, own


@pytest.mark.parametrize("seed", range(6))
def test_drawn_networks_use_what_nengo_loihi_says(seed, tmp_path):
    net = drawn(seed, longest=62, multapses=seed % 2 == 0)
    placed, *_ = same_use(net, (SMALL, LOIHI)[seed % 3 == 0], tmp_path)
    assert placed.fits


def test_a_trained_circuit_uses_what_nengo_loihi_says(tmp_path):
    """A circuit of contexts of up to 4 after 3000 symbols."""
    stream = corpus.load("kjv", symbols=3000)
    schedule = SymbolSchedule(symbols=stream.symbols, size=stream.alphabet_size)
    network = dendritic_attention(schedule, Parameters(order=4, pool=3000), labels=stream.glyphs)
    circuit = lower_circuit(network, dt=0.5 * ms, seed=1)
    train = network.sources[0].train
    shown = by_cycle(train.i, train.steps(0.5 * ms), circuit.program.period)
    chip = loihi_circuit(circuit, run_circuit(circuit, *shown).state)
    placed, ours, own = same_use(chip.network, LOIHI, tmp_path)
    assert placed.core.max() > 0
    for name, used in ours.items():
        print(name, used.tolist())
    print("bits in nengo-loihi's own format", own[:, 3].tolist())


def test_a_core_that_holds_too_much_is_refused_there_too(tmp_path):
    """1100 neurons on one core; then 4200 axons into a neuron, which has its core for itself."""
    wide = LoihiNetwork(
        name="wide", dt=1e-3, sources=(LoihiSource(name="in", size=4200),),
        populations=(LoihiPopulation(name="n", size=1100, du=4095, dv=0, vth=1),),
        projections=(LoihiProjection(
            name="q", pre="in", post="n", i=np.arange(4200), j=np.zeros(4200, np.int64),
            weight=np.full(4200, 2), delay=np.zeros(4200, np.int64),
        ),),
    )  # fmt: skip
    placed, *_ = same_use(wide, replace(LOIHI, compartments=1100), tmp_path)
    assert not placed.fits
    placed, ours, _ = same_use(wide, LOIHI, tmp_path)
    assert [r.name for r in placed.resources if not r.fits] == ["in-axons"]
    assert ours["in-axons"].tolist() == [4200, 0, 0]


@pytest.mark.parametrize(("du", "dv"), [
    (4095, 400), (1000, 400), (700, 100), (60, 4095), (2500, 3), (4095, 0),
])  # fmt: skip
def test_the_emulator_spikes_alike(du, dv, tmp_path):
    """Without delays, 10 000 steps, several cores; no sum passes its 21 bits of input."""
    net = drawn(du + dv, du, dv)
    when, which = np.nonzero(np.random.default_rng(1).random((STEPS, 20)) < 0.05)
    stimulus = when, which
    placed = place(net, SMALL)
    found = replayed(net, placed.core, tmp_path, stimulus, STEPS)["spikes"]
    run = run_loihi(net, {"in": stimulus}, STEPS)
    ours = np.zeros_like(found)
    at = 0
    for p in net.populations:
        ours[run.spikes[p.name].steps, at + run.spikes[p.name].ids] = True
        at += p.size
    print(du, dv, int(ours.sum()), "spikes,", int((ours != found).sum()), "differ")
    assert placed.core.max() >= 2
    assert 0.001 < ours.mean() < 0.5
    assert np.array_equal(ours, found)
