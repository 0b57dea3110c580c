"""A described passive cable as SANA-FE's taps: closed forms, refusals, and SANA-FE itself."""

import dataclasses
import json

import numpy as np
import pytest
from brian2 import ms, mV, nS, pA, pF, second
from scipy.linalg import expm

from bioplastic import cli
from bioplastic.description import LIF, AdaptiveLIF, AlphaCurrent, ExponentialCurrent
from bioplastic.description.dendrite import Compartment, DendriticTree, PlateauBranch
from bioplastic.errors import CorruptFile, UnsupportedModel, UsageError
from bioplastic.export import verify
from bioplastic.export.bundle import foreign, npz, sealed
from bioplastic.export.sanafe import cable as cables
from bioplastic.export.sanafe import verify as sanafe_verify
from bioplastic.export.sanafe.branch import TapSynapses, cable_taps
from bioplastic.export.sanafe.cable import made, write

DT, UNIT = 0.25 * ms, 0.05 * mV
SOMA = LIF(tau_m=10 * ms, c_m=150 * pF, v_th=12 * mV, v_reset=-1 * mV, t_ref=0 * ms)


def compartment(name="c0", **change):
    own = {"receptors": (ExponentialCurrent(name="ampa", tau=4 * ms),), "g_c": 20 * nS}
    return Compartment(name=name, **(own | change))


def cable(size):
    """Compartments that differ in time constant and coupling."""
    return [
        compartment(f"c{k}", tau_b=(8 + 3 * k) * ms, g_c=(20 - 2 * k) * nS) for k in range(size)
    ]


def drawn(size, seed, *, sources=8, neurons=2, steps=10_000):
    """Random synapses of both signs on every compartment, and a random raster."""
    rng = np.random.default_rng(seed)
    each = [(i, j) for i in range(sources) for j in range(neurons)]
    synapses = TapSynapses(
        source=np.array([i for i, _ in each]),
        neuron=np.array([j for _, j in each]),
        site=[f"c{(i + j) % size}.ampa" for i, j in each],
        weight=rng.normal(120, 120, len(each)) * 2 ** (size - 1) * 1e-12,
        delay=np.ones(len(each), int),
    )
    return synapses, (rng.random((sources, steps)) < 0.04).astype(np.int8)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_sanafe_computes_the_same(size, seed, tmp_path):
    """From a folder through the command's own way: every potential and spike."""
    soma = LIF(tau_m=10 * ms, c_m=150 * pF, v_th=12 * mV, v_reset=-1 * mV, t_ref=0 * ms,
               i_offset=20 * pA)  # fmt: skip
    taps = cable_taps(cable(size), soma, dt=DT, unit=UNIT)
    synapses, raster = drawn(size, seed)
    folder = write(made(taps, synapses, raster, 2), tmp_path / "cable")
    python = foreign.interpreter(tool="sanafe")
    kind = verify.kind_of(folder)
    bundle = kind.read(folder)
    found = verify.verify(bundle, folder, "sanafe", python=python, seconds=300, tools=kind.TOOLS)
    if found.outcome == "absent":
        pytest.skip(found.message)
    assert found.outcome == "equal", found.message
    assert found.figures["energy_joule"] > 0
    assert bundle.spikes.sum() > 100


def small(tmp_path):
    """A bundle of two neurons with two taps, 300 steps."""
    taps = cable_taps(cable(2), SOMA, dt=DT, unit=UNIT)
    synapses, raster = drawn(2, 1, steps=300)
    return write(made(taps, synapses, raster, 2), tmp_path / "cable")


def test_a_bundle_is_read_and_verified(tmp_path, capsys):
    folder = small(tmp_path)
    assert cli.main(["verify", str(folder), "--with", "reference"]) == 0
    said = capsys.readouterr().out
    assert "cables: 2 neurons with 2 taps each, 300 steps" in said
    assert "all potentials in 300 steps, none differs" in said
    assert cli.main(["verify", str(folder), "--with", "lava"]) == 2
    assert "no verifier 'lava'" in capsys.readouterr().err
    with pytest.raises(UsageError, match="exists"):
        small(tmp_path)


def test_a_trace_that_does_not_follow_is_seen(tmp_path):
    taps = cable_taps(cable(2), SOMA, dt=DT, unit=UNIT)
    synapses, raster = drawn(2, 1, steps=300)
    right = made(taps, synapses, raster, 2)
    v = right.v.copy()
    v[17, 1] = np.nextafter(v[17, 1], 1)
    wrong = dataclasses.replace(right, v=v)
    found = sanafe_verify.compared(wrong, "reference", *cables.run(right))
    assert found.outcome == "differs"
    assert found.message.startswith("step 17, n[1]: v = ")


def test_a_bundle_that_says_something_else_is_refused(tmp_path):
    folder = small(tmp_path)
    index = json.loads((folder / "index.json").read_text())
    good = {p.name: p.read_bytes() for p in folder.iterdir()}

    def again(name, content, why):
        for other, held in good.items():
            (folder / other).write_bytes(held)
        (folder / name).write_bytes(content)
        with pytest.raises(CorruptFile):  # the seal
            cables.read(folder)
        (folder / "index.json").unlink()
        sealed.seal(folder, index["format"], {})
        with pytest.raises(CorruptFile, match=why):
            cables.read(folder)

    again("network.yaml", good["network.yaml"] + b"# more\n", "not the network of")
    again("architecture.yaml", b"", "not the network of")
    table = json.loads(good["cable.json"])
    for change, why in (
        ({"neurons": 3}, "hold no cable"), ({"neurons": 10**9}, "hold no cable"),
        ({"leak": "a"}, "hold no cable"), ({"more": 1}, "something that no cable has"),
    ):  # fmt: skip
        again("cable.json", json.dumps(table | change).encode(), why)
    arrays = npz.read(folder / "cable.npz", 1 << 20)
    for name, values in (
        ("source", arrays["source"] + 8), ("tap", arrays["tap"] - 1), ("jump", arrays["jump"][1:]),
        ("v", arrays["v"] + np.inf), ("raster", arrays["raster"][:, 1:]),
        ("time", np.ones(4)), ("spikes", arrays["spikes"].astype(np.int64)),
    ):  # fmt: skip
        np.savez(tmp_path / "x.npz", **(arrays | {name: values}))
        again("cable.npz", (tmp_path / "x.npz").read_bytes(), "hold no cable")


def test_a_finer_step_comes_to_the_cable():
    """Against expm of the cable whose soma counts as at rest: the error is of first order in dt.

    With e(h) = a h + b h², e(h)/e(h/2) → 2 and 2 e(h/2) − e(h) = −b h²/2 falls by 4.
    """
    chain = cable(3)
    c_b, c_m, g = 60e-12, 150e-12, np.array([20e-9, 18e-9, 16e-9])
    rate = np.diag([-1 / 10e-3 - g[0] / c_m, *(-1 / (np.array([8, 11, 14]) * 1e-3))])
    rate[0, 1] = g[0] / c_m
    for k, conductance in enumerate(g):
        rate[k + 1, k + 1] -= conductance / c_b
        if k:
            rate[k, k] -= conductance / c_b
            rate[k, k + 1] = rate[k + 1, k] = conductance / c_b
    charge = 100e-12 * 4e-3
    exact = (expm(rate * 15e-3) @ [0, 0, 0, charge / c_b])[0]
    errors = []
    for parts in (100, 200, 400):
        taps = cable_taps(chain, SOMA, dt=0.015 / parts * second, unit=1e-9 * mV)
        synapses = TapSynapses(source=np.zeros(1, int), neuron=np.zeros(1, int),
                               site=["c2.ampa"], weight=np.array([100e-12]),
                               delay=np.ones(1, int))  # fmt: skip
        raster = np.zeros((1, parts + 1), np.int8)
        raster[0, 0] = 1
        v = made(taps, synapses, raster, 1).v
        errors.append((v[-1, 0] * 1e-12 - exact) / exact)
    coarse, half, quarter = errors
    assert np.round(np.log2([coarse / half, half / quarter]), 1).tolist() == [1, 1]
    assert round(np.log2((2 * half - coarse) / (2 * quarter - half))) == 2


def test_the_numbers_of_two_compartments():
    taps = cable_taps(DendriticTree(branches=(compartment(),)), SOMA, dt=DT, unit=UNIT)
    into = 0.25e-3 * 20e-9 / 150e-12
    assert taps.leak == pytest.approx(1 - 0.025 - into)
    assert taps.time == pytest.approx([1 - 0.025 - 0.25e-3 * 20e-9 / 60e-12])
    assert (taps.threshold, taps.reset, taps.bias) == pytest.approx((240, -20, 0))
    assert taps.space.size == 0
    tap, gain = taps.gain["c0.ampa"]
    assert tap == 0
    assert gain == pytest.approx(4e-3 / 60e-12 * into / 0.05e-3)
    alpha = compartment(receptors=(AlphaCurrent(name="ampa", tau=4 * ms),))
    other = cable_taps([alpha], SOMA, dt=DT, unit=UNIT)
    assert other.gain["c0.ampa"][1] == pytest.approx(
        gain * np.e
    )  # charge of w (e/tau) s e^(−s/tau)


def test_what_is_lost_is_named():
    lost = cable_taps([compartment()], LIF(c_m=150 * pF), dt=DT, unit=UNIT).lost
    assert lost[0] == "what the soma does to 'c0', spikes and resets too: it counts as at rest"
    assert "cut towards rest in every step" in lost[1]
    assert "delays" in lost[2]
    assert lost[3:] == (
        "the 4. ms of receptor 'c0.ampa': its charge comes at once",
        "the refractory period of 2. ms",
    )


@pytest.mark.parametrize(
    ("chain", "soma", "error", "message"),
    [
        ([PlateauBranch()], SOMA, UnsupportedModel, "'distal': PlateauBranch: taps are passive"),
        ([compartment(v_plateau=8 * mV)], SOMA, UnsupportedModel, "'c0': a plateau at 8. mV"),
        (DendriticTree(branches=tuple(cable(2))), SOMA, UnsupportedModel, "'c0', 'c1': each hangs"),
        ([], SOMA, UsageError, "needs at least one Compartment"),
        ([compartment(), compartment()], SOMA, UsageError, "must differ"),
        ([compartment(), compartment("c1", c_b=61 * pF)], SOMA, UnsupportedModel,
         "'c1': c_b = 61. pF, that of 'c0' is 60. pF"),
        ([compartment(v_rest=1 * mV)], SOMA, UnsupportedModel, "v_rest = 1. mV"),
        ([compartment(g_c=0 * nS)], SOMA, UnsupportedModel, "nothing beyond is coupled"),
        ([compartment()], AdaptiveLIF(), UnsupportedModel, "plain LIF only"),
        ([compartment()], LIF(receptors=(AlphaCurrent(name="a", tau=1 * ms),)), UnsupportedModel,
         "receptor 'a': a soma with taps"),
        ([compartment()], LIF(i_offset=np.zeros(3) * pA), UnsupportedModel, "one for all"),
        ([compartment(g_c=300 * nS)], SOMA, UnsupportedModel, "'c0' would keep"),
    ],
)  # fmt: skip
def test_what_taps_cannot_hold_is_refused(chain, soma, error, message):
    with pytest.raises(error, match=message):
        cable_taps(chain, soma, dt=DT, unit=UNIT)


def test_the_longest_step_that_is_named_is_taken():
    stiff = [compartment(g_c=300 * nS)]
    with pytest.raises(UnsupportedModel, match=r"at most 0\.000196 s"):
        cable_taps(stiff, SOMA, dt=DT, unit=UNIT)
    assert cable_taps(stiff, SOMA, dt=0.196 * ms, unit=UNIT).time[0] >= 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"delay": np.array([6])}, UnsupportedModel, "a delay of 6 steps: taps have one step only"),
        ({"delay": np.array([0])}, UnsupportedModel, "a delay of 0 steps"),
        ({"site": ["c0.amp"]}, UsageError, "no site 'c0.amp'.*c0.ampa"),
        ({"source": np.array([1])}, UsageError, "source 1: there are 1"),
        ({"neuron": np.array([-1])}, UsageError, "neuron -1: there are 1"),
        ({"weight": np.array([np.nan])}, UsageError, "must be finite"),
        ({"weight": np.zeros(2)}, UsageError, "differ in length"),
    ],
)
def test_synapses_that_taps_cannot_hold_are_refused(change, error, message):
    taps = cable_taps([compartment()], SOMA, dt=DT, unit=UNIT)
    one = {"source": np.zeros(1, int), "neuron": np.zeros(1, int), "site": ["c0.ampa"],
           "weight": np.ones(1), "delay": np.ones(1, int)}  # fmt: skip
    with pytest.raises(error, match=message):
        made(taps, TapSynapses(**(one | change)), np.ones((1, 3)), 1)


def test_more_than_a_core_holds_is_refused():
    taps = cable_taps([compartment()], SOMA, dt=DT, unit=UNIT)
    none = TapSynapses(source=np.zeros(0, int), neuron=np.zeros(0, int), site=[],
                       weight=np.zeros(0), delay=np.zeros(0, int))  # fmt: skip
    with pytest.raises(UnsupportedModel, match="1024 neurons and 1 sources: a core holds 1024"):
        made(taps, none, np.ones((1, 3)), 1024)
    with pytest.raises(UsageError, match="of 0 and 1"):
        made(taps, none, np.full((1, 3), 2), 1)
