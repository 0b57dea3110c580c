"""Xylo: the arithmetic, its limits, a learned circuit as one step a cycle, bundles and refusals."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms
from hypothesis import given, settings
from hypothesis import strategies as st

from bioplastic import cli
from bioplastic.description import SymbolSchedule
from bioplastic.errors import CorruptFile, UnsupportedModel, UsageError
from bioplastic.export.bundle import foreign, sealed
from bioplastic.export.xylo import bundle as xylo_bundle
from bioplastic.export.xylo import target as xylo
from bioplastic.export.xylo import verify as xylo_verify
from bioplastic.kernels.circuit.run import run_circuit
from bioplastic.kernels.xylo.run import run_xylo
from bioplastic.learning.sequence import run_sequence
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention
from bioplastic.quantize.circuit_frozen import frozen
from bioplastic.quantize.loihi_circuit import contributions
from bioplastic.quantize.xylo import XyloNetwork, XyloSynapses, resources
from bioplastic.quantize.xylo_circuit import xylo_circuit


def listed(*rows, shift=0):
    i, j, synapse, weight = np.array(rows, np.int64).reshape(-1, 4).T
    return XyloSynapses(i=i, j=j, synapse=synapse, weight=weight, shift=shift)


def one(w_in=((0, 0, 0, 100),), w_rec=(), w_out=(), *, shift=0, hidden=1, outputs=1, **more):
    """A network of few neurons: dash_mem 0, dash_syn 1, thresholds 1000 unless given."""
    values = {
        "dash_mem": np.zeros(hidden, int), "dash_syn": np.ones((hidden, 2), int),
        "threshold": np.full(hidden, 1000), "dash_mem_out": np.zeros(outputs, int),
        "dash_syn_out": np.ones(outputs, int), "threshold_out": np.full(outputs, 1000),
    } | {k: np.asarray(v) for k, v in more.items() if k != "inputs"}  # fmt: skip
    return XyloNetwork(
        name="one", dt=1e-3, inputs=more.get("inputs", 1), labels={},
        w_in=listed(*w_in, shift=shift), w_rec=listed(*w_rec, shift=shift),
        w_out=listed(*w_out, shift=shift), **values,
    )  # fmt: skip


def events(*counts):
    return np.array(counts, np.int64).reshape(-1, 1)


def test_what_decays_loses_a_part_and_at_least_one():
    """Potentials by hand: current 3 -> 2, 1, 0; v loses v >> 2, or 1, towards zero."""
    for sign in (1, -1):
        net = one([(0, 0, 0, 3 * sign)], dash_mem=[2], dash_syn=[[2, 2]])
        v = run_xylo(net, events(1, 0, 0, 0, 0, 0)).v[:, 0] * sign
        assert v.tolist() == [2, 2, 1, 0, 0, 0]


def test_many_spikes_a_step_and_a_reset_that_subtracts():
    net = one(threshold=[10], dash_mem=[0])
    trace = run_xylo(net, events(15, 0, 0))
    assert trace.hidden[:, 0].tolist() == [31, 31, 18]  # currents 750, 375, 188
    assert trace.v[:, 0].tolist() == [750 - 310, 375 - 310, 188 - 180]


def test_a_readout_neuron_spikes_once_and_one_step_later():
    net = one([(0, 0, 0, 100)], w_out=[(0, 0, 0, 80)], threshold=[50], threshold_out=[10])
    trace = run_xylo(net, events(1, 0, 0))
    assert trace.hidden[:, 0].tolist() == [1, 0, 0]
    assert trace.out[:, 0].tolist() == [0, 1, 1]
    assert trace.v_out[:, 0].tolist() == [0, 30, 10]


def test_each_pre_saturates_before_the_next():
    """127·2⁷·15 is far beyond 16 bits: the sum stops at 32767, then the other pulls from there."""
    wires = [(0, 0, 0, 127), (1, 0, 0, -128)]
    net = one(wires, shift=7, inputs=2, threshold=[32_767])
    assert run_xylo(net, np.array([[15, 1]])).v[0, 0] == (32_767 - 128 * 128 + 1) // 2
    net = one([(1, 0, 0, 127), (0, 0, 0, -128)], shift=7, inputs=2, threshold=[32_767])
    assert run_xylo(net, np.array([[1, 15]])).v[0, 0] == 16_384  # −16384 first: 32767 again


def test_the_lowest_potential_does_not_leak_at_once():
    net = one([(0, 0, 0, -128), (0, 0, 1, -128)], shift=7, threshold=[32_767])
    v = run_xylo(net, events(15, 0, 0, 0)).v[:, 0]
    assert v.tolist() == [-32_768] * 4
    net = one([(0, 0, 0, -128)], shift=7, threshold=[32_767])
    assert run_xylo(net, events(15, 0)).v[:, 0].tolist() == [-16_384, -8_192]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: one([(0, 0, 0, 128)]), r"weight\[0\] = 128: must be -128 to 127"),
        (lambda: one(shift=8), "shift = 8: must be 0 to 7"),
        (lambda: one(threshold=[0]), "threshold 0..0: must be 1 to 32767"),
        (lambda: one(dash_mem=[16]), "dash_mem 16..16: must be 0 to 15"),
        (lambda: one(dash_syn=[1]), r"dash_syn: int64 \(1,\): must be \(1, 2\) integers"),
        (lambda: one([(0, 1, 0, 5)]), "w_in: j outside 0..0"),
        (lambda: one([(0, 0, 2, 5)]), "w_in: synapse outside 0..1"),
        (lambda: one(w_out=[(0, 0, 1, 5)]), "w_out: synapse outside 0..0"),
        (lambda: one([(0, 0, 0, 5), (0, 0, 0, 6)]), "two synapses of one pair"),
        (lambda: one(inputs=17), "does not fit Xylo: input channels 17 of 16"),
        (lambda: one(hidden=1001), "hidden neurons 1,001 of 1,000"),
        (lambda: one(outputs=9), "readout neurons 9 of 8"),
        (lambda: one(w_rec=[(0, j, 0, 1) for j in range(65)], hidden=65), "fan-out 65 of 64"),
        (
            lambda: one(w_rec=[(i, j, 0, 1) for i in range(520) for j in range(62)], hidden=520),
            "synapses 32,240 of 32,000",
        ),
    ],
)
def test_what_the_chip_cannot_hold_does_not_exist(make, why):
    with pytest.raises(UsageError, match=why):
        make()


def test_all_limits_are_named_at_once():
    with pytest.raises(UsageError, match="input channels 17 of 16; readout neurons 9 of 8"):
        one(inputs=17, outputs=9)


@pytest.mark.parametrize("bad", [[[16]], [[-1]], [[0.5]], [[1, 1]], [1]])
def test_events_that_cannot_be_are_refused(bad):
    with pytest.raises(UsageError, match="events"):
        run_xylo(one(), np.array(bad))


SYMBOLS = np.random.default_rng(7).integers(0, 4, 700)


@pytest.fixture(scope="module")
def learned():
    """A circuit of four symbols with contexts of up to 2, on a stream with some order in it."""
    x = SYMBOLS.copy()
    x[2::3] = (x[1::3][: len(x[2::3])] + x[0::3][: len(x[2::3])]) % 4
    schedule = SymbolSchedule(symbols=x, size=4)
    network = dendritic_attention(schedule, Parameters(order=2, pool=100, delimiter=None))
    return run_sequence(network, dt=0.5 * ms, seed=1), x.astype(np.int64)


def test_a_cycle_becomes_a_step(learned):
    """The same keys in the same cycles as in the circuit, and their values but for the rounding."""
    found, x = learned
    circuit, state = found.circuit, found.run.state
    made = xylo_circuit(circuit, state)
    assert ("input channels", 4, 16) in resources(made.network)
    trace = run_xylo(made.network, made.events(x))
    fresh = replace(circuit, state=circuit.state._replace(
        **{k: getattr(state, k) for k in ("parent", "symbol", "mature", "arrivals", "w", "f",
                                          "gain", "fast", "spikes")}))  # fmt: skip
    run = run_circuit(frozen(fresh, fresh.state), x, np.arange(len(x)) * circuit.program.period,
                      progress=False)  # fmt: skip
    warm = 10
    keys, place = trace.hidden[:, : made.keys], np.cumsum([0, *state.mature])
    expected = np.zeros((len(x), 4))
    spiked = np.zeros_like(keys[: len(x)])
    for b in range(len(circuit.branches)):
        pool, row = circuit.program.branch_pool[b], circuit.program.branch_first[b]
        values = contributions(circuit, state, b, slice(row, row + state.mature[pool]))
        cycles = np.flatnonzero(run.held[:, b] >= 0)
        expected[cycles] += values[run.held[cycles, b]]
        spiked[cycles, place[pool] + run.held[cycles, b]] = 1
    assert np.array_equal(keys[warm : len(x)], spiked[warm:])
    assert spiked[warm:].sum(axis=1).mean() > 2.5  # of orders 0, 1 and 2, almost all are known
    assert made.clipped == 0
    ours = made.potentials(trace.v_out, trace.out)
    assert trace.out.any()
    rounding = len(circuit.branches) * made.lsb / 2
    assert np.abs(ours - expected)[warm:].max() <= rounding + 1e-12


def test_nothing_is_left_of_a_step(learned):
    """Echoes cancel every current: after the last event all potentials are zero in two steps."""
    found, x = learned
    made = xylo_circuit(found.circuit, found.run.state)
    quiet = np.concatenate([made.events(x[:50]), np.zeros((6, 4), np.int64)])
    trace = run_xylo(made.network, quiet)
    assert trace.v[50:53].any()
    assert not trace.v[53:].any()
    assert not trace.v_out[53:].any()
    assert not trace.hidden[53:].any()


def test_symbols_outside_are_refused(learned):
    made = xylo_circuit(learned[0].circuit, learned[0].run.state)
    with pytest.raises(UsageError, match=r"must lie in 0\.\.3"):
        made.events(np.array([4]))
    with pytest.raises(UsageError, match="lsb"):
        xylo_circuit(learned[0].circuit, learned[0].run.state, lsb=0.0)


def test_a_circuit_that_is_too_large_gets_the_full_list():
    x = np.tile(np.arange(20), 20)
    schedule = SymbolSchedule(symbols=x, size=20)
    parameters = Parameters(order=3, pool=900, skips=1, delimiter=None)
    found = run_sequence(dendritic_attention(schedule, parameters), dt=0.5 * ms, seed=1)
    with pytest.raises(UnsupportedModel) as caught:
        xylo_circuit(found.circuit, found.run.state)
    text = str(caught.value)
    assert "'skip1' hears keys of 1 cycles before: there are no delays" in text
    assert "input channels 20 of 16" in text
    assert "readout neurons 20 of 8" in text


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_bundles_are_read_as_they_were_written(tmp_path_factory, seed):
    net, given_events = drawn(seed)
    made = xylo_bundle.made(net, given_events, {"seed": seed})
    folder = xylo_bundle.write(made, tmp_path_factory.mktemp("x") / "b")
    back = xylo_bundle.read(folder)
    assert xylo_bundle.same(back, made)
    assert np.array_equal(back.raster(), given_events)
    verdict = xylo_verify.TOOLS["reference"](back, folder, None, 9)
    assert verdict.outcome == "equal"
    assert not xylo_bundle.same(back, replace(made, facts={}))


def drawn(seed):
    """A network with every weight, shift, decay and threshold in its range, and events for it."""
    rng = np.random.default_rng(seed)
    inputs, hidden, outputs = rng.integers(1, 17), rng.integers(1, 20), rng.integers(1, 9)
    large = bool(rng.integers(2))

    def matrix(pre, post, synapses):
        n = int(rng.integers(0, pre * post + 1))
        place = np.sort(rng.permutation(pre * post)[:n])
        return XyloSynapses(
            i=place // post, j=place % post, synapse=rng.integers(0, synapses, n),
            weight=rng.integers(-128, 128, n), shift=int(rng.integers(0, 8 if large else 3)),
        )  # fmt: skip

    top = 32_768 if large else 800
    net = XyloNetwork(
        name="drawn", dt=1e-3, inputs=int(inputs), labels={"all": (0, int(hidden))},
        w_in=matrix(inputs, hidden, 2), w_rec=matrix(hidden, hidden, 2),
        w_out=matrix(hidden, outputs, 1), dash_mem=rng.integers(0, 16, hidden),
        dash_syn=rng.integers(0, 16, (hidden, 2)), threshold=rng.integers(1, top, hidden),
        dash_mem_out=rng.integers(0, 16, outputs), dash_syn_out=rng.integers(0, 16, outputs),
        threshold_out=rng.integers(1, top, outputs),
    )  # fmt: skip
    return net, (rng.random((80, inputs)) < 0.3) * rng.integers(1, 16, (80, inputs))


@pytest.fixture
def folder(tmp_path):
    return xylo_bundle.write(xylo_bundle.made(*drawn(3)), tmp_path / "bundle")


def test_a_bundle_that_was_changed_is_refused(folder):
    for name, old, new in (("network.json", b'"steps": 80', b'"steps": 81'),):
        path = folder / name
        raw = path.read_bytes()
        assert old in raw
        path.write_bytes(raw.replace(old, new))
        with pytest.raises(CorruptFile, match="changed after it was written"):
            xylo_bundle.read(folder)
        path.write_bytes(raw)
    with pytest.raises(UsageError, match="exists already"):
        xylo_bundle.write(xylo_bundle.read(folder), folder)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("steps", 2**40, "must be 0 to 1,048,576"),
        pytest.param("steps", 10**400, "must be 0 to", id="steps-huge"),
        ("steps", 1, "outside the trace"), ("inputs", 0, "outside 0"), ("hidden", 99, "another"),
        ("dt", 0.0, "dt"), ("labels", {"a": [0, 10**9]}, "label"), ("labels", {"a": 1}, "pairs"),
        ("shift_in", True, "whole numbers"), ("potentials_sha256", "x", "SHA-256"),
    ],
)  # fmt: skip
def test_a_forged_bundle_is_refused(folder, key, value, why):
    table = json.loads((folder / "network.json").read_text())
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").unlink()
    sealed.write_json(folder / "network.json", table | {key: value})
    sealed.seal(folder, xylo_bundle.FORMAT, {k: index[k] for k in ("specification", "facts")})
    with pytest.raises(CorruptFile, match=why):
        xylo_bundle.read(folder)


def test_verify_finds_what_differs(folder, capsys):
    bundle = xylo_bundle.read(folder)
    trace = run_xylo(bundle.network, bundle.raster())
    assert xylo_verify.divergence(bundle, trace) is None
    other = trace._replace(v=trace.v + (np.arange(80) == 7)[:, None])
    assert str(xylo_verify.divergence(bundle, other)).startswith("step 7, hidden[0]: v = ")
    spikes = trace.hidden.copy()
    spikes[5, 0] += 1
    assert str(xylo_verify.divergence(bundle, trace._replace(hidden=spikes))).startswith(
        "step 5, hidden"
    )
    assert cli.main(["verify", str(folder), "--with", "reference"]) == 0
    assert "all potentials in 80 steps, none differs" in capsys.readouterr().out
    assert cli.main(["verify", str(folder), "--with", "lava"]) == 2
    assert "no verifier 'lava'" in capsys.readouterr().err
    assert cli.main(["verify", str(folder), "--with", "xylosim"]) == 1  # not installed here
    assert "absent" in capsys.readouterr().out


def test_a_network_of_another_kind_gets_the_full_list():
    from tests.learned.conftest import everything_learned

    with pytest.raises(UnsupportedModel) as caught:
        xylo.prepare(everything_learned(), None)
    text = str(caught.value)
    for part in (
        "adaptive: neurons of the kind AdaptiveLIF", "cells: refractoriness", "cells: 3 branches",
        "cells: GroupShunt", "adaptive: HardWTA", "values: delays of up to 10 ms",
        "pair: plasticity, PairSTDP", "grow: plasticity, PermanenceSTDP",
    ):  # fmt: skip
        assert part in text


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(20))
def test_xylosim_gives_the_same_bits(seed, tmp_path):
    """Needs `make verifier-xylosim`, or its interpreter in $BIOPLASTIC_XYLOSIM."""
    python = foreign.interpreter(tool="xylosim")
    if python is None:
        pytest.skip("no environment with xylosim")
    made = xylo_bundle.made(*drawn(seed))
    folder = xylo_bundle.write(made, tmp_path / "b")
    found = xylo_verify.TOOLS["xylosim"](made, folder, python, 600)
    assert found.outcome == "equal", found.message
