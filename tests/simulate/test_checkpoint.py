"""A run split in two equals one run, bit for bit, spikes in flight and all; files cannot lie."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from brian2 import ms

from bioplastic import simulate
from bioplastic.errors import CorruptFile, UsageError
from bioplastic.simulate import Record, State, Voltages, Weights

DT, DURATION = 0.1 * ms, 60 * ms
RECORD = Record(
    weights=(Weights(projection="in", every=1 * ms),),
    voltages=(Voltages(population="e", every=0.5 * ms, variables=("v", "distal", "tuft")),),
)


def same(whole, parts):
    for name in whole.spikes:
        for field in ("steps", "ids"):
            joined = np.concatenate([getattr(p.spikes[name], field) for p in parts])
            assert np.array_equal(getattr(whole.spikes[name], field), joined), name
    for kind in ("weights", "voltages"):
        for name, samples in getattr(whole, kind).items():
            pieces = [getattr(p, kind)[name] for p in parts]
            assert np.array_equal(samples.times, np.concatenate([p.times for p in pieces]))
            for variable, values in samples.values.items():
                assert np.array_equal(values, np.concatenate([p[variable] for p in pieces]))
    assert whole.final.arrays.keys() == parts[-1].final.arrays.keys()
    for name, array in whole.final.arrays.items():
        assert np.array_equal(array, parts[-1].final.arrays[name]), name
    assert whole.final.digest() == parts[-1].final.digest()


def split(everything, tmp_path, target, cuts):
    network = everything()
    whole = simulate.run(network, DURATION, target=target, record=RECORD)
    edges, parts, state = [0, *cuts, round(float(DURATION / DT))], [], None
    for k in range(len(edges) - 1):
        steps = edges[k + 1] - edges[k]
        parts.append(simulate.run(network, steps * DT, target=target, record=RECORD, state=state))
        parts[-1].final.save(tmp_path / "state.h5")
        state = State.load(tmp_path / "state.h5")
        if k == 0:
            flying = sum(len(a) for n, a in state.arrays.items() if n.startswith("flight/"))
            assert flying > 20
    same(whole, parts)
    for name in ("e", "i", "e.distal", "e.tuft"):
        assert len(whole.spikes[name].steps) > 2, name
    assert np.any(
        whole.final.permanence("rec") != network.projection("rec").connectivity.permanence
    )


def test_a_run_split_in_three_equals_one_run(everything, tmp_path):
    split(everything, tmp_path, "numpy", [237, 400])


def test_splitting_after_the_first_step(everything, tmp_path):
    network = everything()
    whole = simulate.run(network, 20 * ms)
    first = simulate.run(network, DT)
    rest = simulate.run(network, 20 * ms - DT, state=first.final)
    same(whole, [first, rest])


@pytest.mark.cython
@pytest.mark.timeout(1800)
def test_a_run_split_in_three_equals_one_run_compiled(everything, tmp_path):
    split(everything, tmp_path, "cython", [237, 400])


@pytest.mark.cython
@pytest.mark.timeout(1800)
def test_engines_agree(everything):
    runs = [simulate.run(everything(), DURATION, target=t) for t in ("numpy", "cython")]
    for name, record in runs[0].spikes.items():
        assert np.array_equal(record.steps, runs[1].spikes[name].steps)
        assert np.array_equal(record.ids, runs[1].spikes[name].ids)
    w = [r.final.weight("in") for r in runs]
    np.testing.assert_allclose(w[0], w[1], rtol=0, atol=1e-12 * 400e-12)


@pytest.mark.cython
@pytest.mark.timeout(1800)
def test_standalone_equals_numpy_and_its_state_is_refused_for_resuming(everything):
    network = everything(python=False)
    record = Record(weights=RECORD.weights, voltages=RECORD.voltages)
    runs = [
        simulate.run(network, DURATION, target=t, record=record)
        for t in ("numpy", "cpp_standalone")
    ]
    for name, spikes in runs[0].spikes.items():
        assert np.array_equal(spikes.steps, runs[1].spikes[name].steps), name
        assert np.array_equal(spikes.ids, runs[1].spikes[name].ids), name
    a, b = (r.weights["in"]["weight"] for r in runs)
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * 400e-12)
    a, b = (r.voltages["e"]["v"] for r in runs)
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        runs[0].final.permanence("rec"), runs[1].final.permanence("rec"), rtol=0, atol=1e-12
    )
    with pytest.raises(UsageError, match="can be read but not resumed"):
        simulate.run(network, 1 * ms, state=runs[1].final)


def test_standalone_does_not_resume(everything):
    state = State(network="everything", step=3, dt=1e-4, arrays={})
    with pytest.raises(UsageError, match="C\\+\\+ standalone starts at 0"):
        simulate.run(everything(python=False), 1 * ms, target="cpp_standalone", state=state)


@pytest.fixture(scope="module")
def state(everything):
    return simulate.run(everything(), 2 * ms).final


def test_file_keeps_everything_and_holds_no_object(tmp_path, state):
    state.save(tmp_path / "a.h5")
    again = State.load(tmp_path / "a.h5")
    assert again.digest() == state.digest()
    assert again.time == pytest.approx(2e-3)
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]
    with h5py.File(tmp_path / "a.h5") as file:
        kinds = set()
        file.visititems(lambda n, x: kinds.add(x.dtype.kind) if hasattr(x, "dtype") else None)
    assert kinds <= set("fib")


def damage_truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_tampered(path):
    with h5py.File(path, "a") as file:
        file["populations/e/v"][0] = 1.0


def damage_version(path):
    with h5py.File(path, "a") as file:
        file.attrs["version"] = 99


def damage_other(path):
    with h5py.File(path, "w") as file:
        file["x"] = 1


def damage_text(path):
    path.write_text("not HDF5")


@pytest.mark.parametrize(
    "damage", [damage_truncated, damage_tampered, damage_version, damage_other, damage_text]
)
def test_damaged_files_are_one_clear_error(tmp_path, state, damage):
    path = tmp_path / "a.h5"
    state.save(path)
    damage(path)
    with pytest.raises(CorruptFile, match=r"a\.h5: ") as caught:
        State.load(path)
    assert "\n" not in str(caught.value)


def test_state_of_another_network_or_step_is_refused(everything, state):
    network = everything()
    with pytest.raises(UsageError, match=r"dt = 0\.1 ms, not 0\.05 ms"):
        simulate.run(network, 1 * ms, dt=0.05 * ms, state=state)
    smaller = type(network)(
        name="smaller", sources=network.sources, populations=network.populations
    )
    with pytest.raises(UsageError, match="does not fit 'smaller'"):
        simulate.run(smaller, 1 * ms, state=state)
    with pytest.raises(UsageError, match="no such file"):
        State.load("/nowhere/at/all.h5")


@pytest.mark.parametrize(
    ("flight", "why"),
    [
        (np.array([[1 << 40, 0]]), "a spike in flight outside"),
        (np.array([[0, -1]]), "a spike in flight outside"),
        (np.zeros((2, 3), np.int64), "is no list of spikes"),
        (np.zeros((2, 2)), "is no list of spikes"),
    ],
)
def test_spikes_in_flight_that_cannot_be_are_refused(tmp_path, flight, why):
    """Their checksum is right: each step ahead would become a list."""
    State(network="n", step=1, dt=1e-4, arrays={"flight/p/pre": flight}).save(tmp_path / "a.h5")
    with pytest.raises(CorruptFile, match=why):
        State.load(tmp_path / "a.h5")


def test_a_spike_in_flight_of_no_synapse_is_refused(everything, state):
    name = next(n for n in state.arrays if n.startswith("flight/"))
    other = replace(state, arrays={**state.arrays, name: np.array([[0, 1 << 30]])})
    with pytest.raises(UsageError, match="does not fit"):
        simulate.run(everything(), 1 * ms, state=other)
