"""The polyphony network: which lags its keys hear, executors bit for bit, what it can learn."""

import numpy as np
import pytest
from brian2 import ms

from bioplastic.description import SymbolSchedule
from bioplastic.errors import DescriptionError
from bioplastic.kernels.circuit.run import run_circuit
from bioplastic.networks.polyphony import Context, Parameters, polyphony
from bioplastic.quantize.circuit import lower_circuit

V = 6


def lowered(contexts, pool=400):
    schedule = SymbolSchedule(symbols=np.zeros(1, np.int64), size=V)
    p = Parameters(contexts=contexts, delimiter=V - 1, pool=pool)
    return lower_circuit(polyphony(schedule, p), dt=0.5 * ms, seed=7)


def run(circuit, symbols, backend="cpu"):
    steps = np.arange(len(symbols), dtype=np.int64) * circuit.program.period
    return run_circuit(circuit, symbols, steps, backend=backend, progress=False)


@pytest.fixture
def symbols():
    return np.random.default_rng(2).integers(0, V, 300)


@pytest.mark.parametrize("lags", [(0,), (3,), (0, 3), (1, 2), (0, 2, 7), (2, 3, 4)])
def test_a_key_stands_for_its_lags(lags, symbols):
    """Two cycles hold the same key if and only if the symbols at all lags agree."""
    found = run(lowered((Context(lags=lags),)), symbols)
    held = found.held[:, 1]
    first = max(lags) + len(lags)
    context = np.stack([np.roll(symbols, lag) for lag in lags], axis=1)[first:]
    _, wanted = np.unique(context, axis=0, return_inverse=True)
    keys = held[first:]
    assert (keys >= 0).all()
    pairs = {(int(k), int(c)) for k, c in zip(keys, wanted.ravel(), strict=True)}
    assert len(pairs) == len(set(keys.tolist())) == len(set(wanted.ravel().tolist()))


@pytest.mark.parametrize(("lags", "anchor"), [((), 0), ((2,), 1), ((1, 3), 5), ((4, 9), 0)])
def test_an_anchor_fixes_the_place(lags, anchor, symbols):
    """The key spikes where the delimiter stood at the anchor, and nowhere else."""
    found = run(lowered((Context(lags=lags, anchor=anchor),)), symbols)
    first = max((*lags, anchor)) + len(lags) + 1
    at = np.roll(symbols, anchor) == V - 1
    assert np.array_equal(found.held[first:, 1] >= 0, at[first:])
    assert at[first:].any()
    assert not at[first:].all()


def test_executors_agree(symbols):
    circuit = lowered((Context(lags=(0, 2)), Context(lags=(1,), anchor=3)), pool=40)
    a, b = (run(circuit, symbols[:18], backend) for backend in ("cpu", "reference"))
    assert np.array_equal(a.potential, b.potential)
    for name, x, y in zip(a.state._fields, a.state, b.state, strict=True):
        assert np.array_equal(x, y), name


def test_it_learns_a_lag():
    """Every symbol repeats the one six before, over noise in the rest: only that lag tells."""
    rng = np.random.default_rng(4)
    symbols = rng.integers(0, V, 1500)
    symbols[::3] = np.resize([0, 3, 1, 4], 500)
    hit = {}
    for lags in ((0,), (11,)):
        found = run(lowered((Context(lags=lags),)), symbols)
        after = np.arange(1001, 1500)[np.arange(1001, 1500) % 3 == 0]
        hit[lags] = (found.potential[after - 1].argmax(axis=1) == symbols[after]).mean()
    # period 4·3 = 12: the symbol 12 before is lag 11. Of the 166 asked, chance is at most the
    # share of the commonest symbol, 1/3 + noise; the lag key is followed by it alone, always
    assert hit[(11,)] > 0.9
    assert hit[(0,)] < 0.6


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"contexts": ()}, "nothing to predict"),
        ({"contexts": (Context(lags=(0,)), Context(lags=(0,)))}, "twice"),
        ({"contexts": (Context(lags=(0,), anchor=1),)}, "delimiter"),
    ],
)
def test_bad_parameters(bad, why):
    with pytest.raises(DescriptionError, match=why):
        Parameters(**bad)


@pytest.mark.parametrize(
    "bad", [{"lags": ()}, {"lags": (2, 1)}, {"lags": (1, 1)}, {"lags": (-1,)},
            {"lags": (1,), "anchor": 1}]
)  # fmt: skip
def test_bad_contexts(bad):
    with pytest.raises(DescriptionError, match="polyphony"):
        Context(**bad)


def test_period_must_fit():
    schedule = SymbolSchedule(symbols=np.zeros(1, np.int64), size=V, period=100 * ms)
    with pytest.raises(DescriptionError, match="period"):
        polyphony(schedule, Parameters(contexts=(Context(lags=(0,)),)))
