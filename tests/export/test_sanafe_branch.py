"""A described passive cable as SANA-FE's taps: closed forms, refusals, and SANA-FE itself."""

from pathlib import Path

import numpy as np
import pytest
from brian2 import ms, mV, nS, pA, pF, second
from scipy.linalg import expm

from bioplastic.description import LIF, AdaptiveLIF, AlphaCurrent, ExponentialCurrent
from bioplastic.description.dendrite import Compartment, DendriticTree, PlateauBranch
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.export.bundle import foreign
from bioplastic.export.sanafe.branch import TapSynapses, cable_taps, tap_weights, write

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


def stepped(taps, jumps, synapses, raster, neurons):
    """The arithmetic of the module, one operation after the other in float64: v, spikes."""
    size, steps = len(taps.time), raster.shape[1]
    y, x = np.zeros((size, neurons)), np.zeros(neurons)
    v, spikes = np.zeros((steps, neurons)), np.zeros((steps, neurons), np.int8)
    tap = np.array([k for k, _ in jumps])
    jump = np.array([w for _, w in jumps])
    for t in range(steps):
        new = y * taps.time[:, None]
        for k in range(size):
            if k > 0:
                new[k - 1] += y[k] * taps.space[k - 1]
                new[k] -= y[k] * taps.space[k - 1]
            if k < size - 1:
                new[k + 1] += y[k] * taps.space[k]
                new[k] -= y[k] * taps.space[k]
        y = new
        x = np.trunc(x * taps.leak * 64) / 64 + taps.bias + y[0]
        spikes[t] = x > taps.threshold
        x = np.where(spikes[t], taps.reset, x)
        v[t] = x
        on = raster[synapses.source, t] == 1
        np.add.at(y, (tap[on], synapses.neuron[on]), jump[on])
    return v, spikes


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


def replayed(folder, steps):
    python = foreign.interpreter(tool="sanafe")
    out = Path(folder) / "out.npz"
    try:
        foreign.run(python, "sanafe", "replay_sanafe_branch.py",
                    [str(folder), str(steps), str(out)], str(folder), 300)  # fmt: skip
    except foreign.Absent as reason:
        pytest.skip(str(reason))
    return foreign.stored(out)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_sanafe_computes_the_same(size, seed, tmp_path):
    soma = LIF(tau_m=10 * ms, c_m=150 * pF, v_th=12 * mV, v_reset=-1 * mV, t_ref=0 * ms,
               i_offset=20 * pA)  # fmt: skip
    taps = cable_taps(cable(size), soma, dt=DT, unit=UNIT)
    synapses, raster = drawn(size, seed)
    folder = write(taps, synapses, raster, 2, tmp_path / "cable")
    v, spikes = stepped(taps, tap_weights(taps, synapses, 8, 2), synapses, raster, 2)
    found = replayed(folder, raster.shape[1])
    assert np.array_equal(found["spikes"], spikes)
    assert spikes.sum() > 100
    assert np.abs(found["v"] - v).max() == 0


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
        v, _ = stepped(taps, tap_weights(taps, synapses, 1, 1), synapses, raster, 1)
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
def test_synapses_that_are_refused_leave_no_folder(change, error, message, tmp_path):
    taps = cable_taps([compartment()], SOMA, dt=DT, unit=UNIT)
    one = {"source": np.zeros(1, int), "neuron": np.zeros(1, int), "site": ["c0.ampa"],
           "weight": np.ones(1), "delay": np.ones(1, int)}  # fmt: skip
    with pytest.raises(error, match=message):
        write(taps, TapSynapses(**(one | change)), np.ones((1, 3)), 1, tmp_path / "cable")
    assert not list(tmp_path.iterdir())


def test_more_than_a_core_holds_is_refused(tmp_path):
    taps = cable_taps([compartment()], SOMA, dt=DT, unit=UNIT)
    none = TapSynapses(source=np.zeros(0, int), neuron=np.zeros(0, int), site=[],
                       weight=np.zeros(0), delay=np.zeros(0, int))  # fmt: skip
    with pytest.raises(UnsupportedModel, match="1024 neurons and 1 sources: a core holds 1024"):
        write(taps, none, np.ones((1, 3)), 1024, tmp_path / "cable")
    with pytest.raises(UsageError, match="of 0 and 1"):
        write(taps, none, np.full((1, 3), 2), 1, tmp_path / "cable")
