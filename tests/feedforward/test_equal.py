"""Layers agree with the sparse kernel, with themselves after a split, and with themselves alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from bioplastic.kernels.feedforward import cpu
from bioplastic.kernels.feedforward.layer import EventDriven, TimeBatched, pack, unpack
from bioplastic.kernels.feedforward.run import LayersRun, run
from bioplastic.kernels.sparse.state import KernelState
from tests.feedforward.drawn import POISON, Case, case, cases, same, same_as_sparse

WAYS = (
    ("reference", EventDriven()),
    ("cpu", EventDriven()),
    ("cpu", TimeBatched()),
    ("cpu", TimeBatched(steps=7)),
)
FIXED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
PLAIN = {
    "longest": 3, "levels": 3, "parallel": 2, "alpha": True, "adaptive": True, "t_ref": 2,
}  # fmt: skip


def everywhere(drawn: Case) -> None:
    wanted = run(drawn.layers, drawn.spikes, backend="reference")
    same_as_sparse(wanted, drawn)
    for backend, method in WAYS[1:]:
        same(run(drawn.layers, drawn.spikes, backend=backend, method=method), wanted)
    for words in wanted.spikes.values():
        assert words.size == 0 or not (words == POISON).all()


@settings(max_examples=100, deadline=None, suppress_health_check=FIXED)
@given(drawn=cases(steps=20))
def test_drawn_layers_agree_everywhere(drawn):
    everywhere(drawn)


@pytest.mark.study
@settings(max_examples=2000, deadline=None, suppress_health_check=FIXED)
@given(drawn=cases())
def test_two_thousand_drawn_layers_agree_everywhere(drawn):
    everywhere(drawn)


@pytest.mark.parametrize("size", [1, 63, 500, 1000])
def test_odd_sizes(size):
    everywhere(case(np.random.default_rng(size), 2, 60, 0.1, [37, size, 65], **PLAIN))


def test_the_drawn_cases_do_something():
    """Spikes in every population, weights of both widths, arrivals on both kinds of current."""
    made = case(np.random.default_rng(1), 2, 60, 0.3, [33, 65, 31], **PLAIN)
    done = run(made.layers, made.spikes)
    assert all(unpack(w, made.layers.sizes[n]).sum() > 20 for n, w in done.spikes.items())
    assert done.state.arrays["p1.slow/rise"].any()
    assert done.state.arrays["p1/theta"].any()
    wide = case(np.random.default_rng(1), 1, 1, 0.3, [33, 65], **PLAIN | {"levels": 1000})
    assert wide.layers.layers[0].rows.weight.dtype == np.int16
    assert made.layers.layers[0].rows.weight.dtype == np.int8
    assert len(wide.layers.layers[0].planes.delay) > len(wide.layers.layers[0].rows.delay)


@pytest.mark.parametrize(("backend", "method"), WAYS)
@pytest.mark.parametrize("cut", [0, 1, 2, 25, 60])
def test_a_split_run_equals_the_whole(backend, method, cut):
    made = case(np.random.default_rng(2), 3, 60, 0.2, [33, 40, 31], **PLAIN)
    whole = run(made.layers, made.spikes, backend=backend, method=method)
    first = run(made.layers, made.spikes[:, :cut], backend=backend, method=method)
    kept = first.state.copy()
    rest = run(made.layers, made.spikes[:, cut:], backend=backend, method=method, state=first.state)
    assert first.state.difference(kept) == []
    joined = {n: np.concatenate([first.spikes[n], rest.spikes[n]], axis=1) for n in rest.spikes}
    same(LayersRun(spikes=joined, state=rest.state), whole)


@pytest.mark.parametrize(("backend", "method"), WAYS)
def test_inputs_do_not_see_each_other(backend, method):
    made = case(np.random.default_rng(3), 3, 40, 0.2, [33, 40], **PLAIN)
    together = run(made.layers, made.spikes, backend=backend, method=method)
    for b in range(3):
        alone = run(made.layers, made.spikes[b : b + 1], backend=backend, method=method)
        np.testing.assert_array_equal(alone.spikes["p1"][0], together.spikes["p1"][b])
        for name, array in alone.state.arrays.items():
            np.testing.assert_array_equal(array[0], together.state.arrays[name][b], err_msg=name)


@pytest.mark.parametrize(("backend", "method"), WAYS)
def test_empty_batches_and_runs(backend, method):
    made = case(np.random.default_rng(4), 2, 5, 0.2, [33, 40], **PLAIN)
    for spikes in (made.spikes[:0], made.spikes[:, :0]):
        done = run(made.layers, spikes, backend=backend, method=method)
        assert done.spikes["p1"].shape == (*spikes.shape[:2], 2)


def test_permuting_neurons_permutes_results():
    """Neurons of a layer do not see each other: their order decides nothing but places."""
    made = case(np.random.default_rng(5), 1, 60, 0.3, [20, 40], **PLAIN | {"levels": 1})
    order = np.random.default_rng(6).permutation(20)
    bits = unpack(made.spikes, 20)
    planes = made.layers.layers[0].planes
    there = run(made.layers, made.spikes, method=TimeBatched())
    object.__setattr__(planes, "weight", planes.weight[:, order])
    again = run(made.layers, pack(bits[..., order]), method=TimeBatched())
    np.testing.assert_array_equal(again.spikes["p1"], there.spikes["p1"])


def test_weights_of_any_size_are_sums_of_int8_digits():
    made = case(np.random.default_rng(7), 1, 1, 0.0, [9, 33], **PLAIN | {"levels": 1000})
    layer = made.layers.layers[0]
    wanted = np.zeros((4, 2, 9, 33), np.int64)  # delay, channel
    for q in layer.projections:
        pre, which = np.divmod(q.group, len(q.delays))
        sums = wanted[:, q.channel].reshape(-1)  # a copy
        at = (q.delays[which] * 9 + pre) * 33 + q.post_ids
        np.add.at(sums, at, q.weight.astype(np.int64) * q.scale)
        wanted[:, q.channel] = sums.reshape(4, 9, 33)
    found = np.zeros_like(wanted)
    for p in range(len(layer.planes.delay)):
        worth = layer.planes.weight[p].astype(np.int64) * int(layer.planes.scale[p])
        found[layer.planes.delay[p], layer.planes.channel[p]] += worth
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("exact", [1, 7, 100])
def test_products_in_parts_are_the_same(exact, monkeypatch):
    """More neurons before than float32 can add up exactly are added in parts."""
    made = case(np.random.default_rng(9), 2, 20, 0.4, [33, 40], **PLAIN)
    wanted = run(made.layers, made.spikes, backend="reference")
    monkeypatch.setattr(cpu, "EXACT", exact)
    same(run(made.layers, made.spikes, method=TimeBatched()), wanted)


def test_the_largest_sums_are_exact():
    """2^17 neurons of weight −128 or 127 all spike: the sum that float32 must still hold."""
    assert cpu.EXACT * 128 == 2**24
    for weight in (-128, 127):
        row = np.full((cpu.EXACT, 1), weight, np.float32)
        assert (np.ones((1, cpu.EXACT), np.float32) @ row)[0, 0] == cpu.EXACT * weight


def test_words_are_little_endian_in_neurons():
    bits = np.zeros((1, 1, 70), np.uint8)
    bits[0, 0, [0, 31, 32, 69]] = 1
    words = pack(bits)
    assert words.tolist() == [[[1 - 2**31, 1, 1 << 5]]]
    np.testing.assert_array_equal(unpack(words, 70), bits)


def test_state_is_a_kernel_state():
    made = case(np.random.default_rng(8), 1, 5, 0.2, [3, 3], **PLAIN)
    state = run(made.layers, made.spikes).state
    assert isinstance(state, KernelState)
    assert state.step == 5
