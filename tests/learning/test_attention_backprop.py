"""The backprop twin of the circuit: the gradient is autograd's, the keys are the circuit's."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import pytest
import torch

from bioplastic.bridge.twin_attention import ActiveKeys, AttentionTwin
from bioplastic.errors import UsageError
from bioplastic.learning.learners import attention_readout as readout
from bioplastic.learning.learners.attention import Attention
from bioplastic.learning.learners.attention_backprop import SGD, Adagrad, Adam, AttentionBackprop
from bioplastic.learning.space import Symbols
from bioplastic.quantize.circuit import IntegerCircuit

SPACE = Symbols(size=5, delimiter=0)


def text(length: int, seed: int = 1) -> np.ndarray:
    words = np.array([[1, 2, 3, 0], [1, 4, 3, 0], [2, 2, 4, 0], [3, 1, 2, 0]])
    return words[np.random.default_rng(seed).integers(4, size=length // 4 + 1)].ravel()[:length]


def small(**changes):
    return AttentionBackprop(order=3, **changes).begin(SPACE, seed=3)


def twin_of(student):
    """The torch twin with the student's values, and the places of its rows."""
    program = student.program
    circuit = IntegerCircuit(**{**student.circuit.__dict__, "program": program})
    twin = AttentionTwin(circuit, student.state)
    branch, key = np.nonzero(student.table >= 0)
    row = student.table[branch, key]
    at = torch.as_tensor(program.branch_first[branch] + key)
    with torch.no_grad():
        twin.weight[at] = torch.as_tensor(student.values.w[row])
        twin.fast[at] = torch.as_tensor(student.values.f[row].astype(np.int64))
        twin.gain.copy_(torch.as_tensor(student.values.g))
        twin.efficacy.copy_(torch.as_tensor(student.values.e))
    key_of = {int(r): int(k) for r, k in zip(row, key, strict=True)}
    return twin, key_of


@pytest.mark.parametrize("optimiser", [SGD(), Adagrad(), Adam()])
def test_gradient_equals_autograd_through_the_twin(optimiser):
    student = small(optimiser=optimiser)
    student.run(text(150))
    twin, key_of = twin_of(student)
    y, live = 3, student.rows >= 0
    assert live.all()
    held = torch.tensor([[key_of[int(r)] for r in student.rows]])
    active = ActiveKeys(
        held=held, earlier=torch.as_tensor(student.ns[None]), following=torch.tensor([y])
    )
    twin.loss(active).backward()
    u, p = np.zeros(5), student.predict(None)
    bins = student.bin_of[student.ns]
    readout.forward(student.values, student.rows, bins, u)
    delta = p - np.eye(5)[y]
    dw, dg = np.empty((len(live), 5)), np.empty(len(live))
    de = np.empty(student.values.e.shape)
    readout.gradient(student.values, student.rows, bins, delta, dw, dg, de)
    # float64 on both sides: sums of some ten terms of order one
    exact = partial(np.allclose, rtol=0.0, atol=1e-13)
    assert exact(u, twin(active).detach().numpy()[0])
    rows = twin.row_of.numpy() + held.numpy()[0]
    assert exact(twin.weight.grad.numpy()[rows], dw)
    assert np.count_nonzero(np.delete(twin.weight.grad.numpy(), rows, axis=0)) == 0
    assert exact(twin.gain.grad.numpy()[:, 0], dg)
    assert exact(twin.efficacy.grad.numpy()[:, 1:], de[:, 1:])
    assert np.abs(dw).max() > 0
    assert np.abs(de).max() > 0


def test_first_step_is_the_delta_rule():
    student = small(optimiser=SGD(), rate=0.5, fast=False)
    student.learn(1)
    rows, p = student.rows.copy(), student.predict(None)
    gain = student.values.g[:, 0].copy()
    student.learn(2)
    for b in np.flatnonzero(rows >= 0):
        wanted = 0.5 * gain[b] * (np.eye(5)[2] - p)  # n = 0: the whole rate
        assert student.values.w[rows[b]] == pytest.approx(wanted, abs=1e-15)


def test_optimisers_take_their_textbook_step():
    def one(optimiser):
        student = small(optimiser=optimiser, rate=0.1, fast=False)
        student.learn(1)
        row = int(student.rows[0])
        student.learn(2)
        return student.values.w[row]

    # a first step of Adagrad or Adam is the rate, against the sign of the slope
    sign = np.array([-1, -1, 1, -1, -1])
    assert one(Adagrad()) == pytest.approx(0.1 * sign, rel=1e-6)
    assert one(Adam()) == pytest.approx(0.1 * sign, rel=1e-6)
    assert one(SGD(power=0.0, least=0.0)) == pytest.approx(
        0.1 * 0.625 * (np.eye(5)[2] - 0.2), rel=1e-12
    )


def test_keys_are_those_of_the_circuit():
    x = text(200)
    student, circuit = small(), Attention(order=3).begin(SPACE, seed=3)
    student.run(x)
    circuit.run(x)
    assert np.array_equal(student.state.parent, circuit.state.parent)
    assert np.array_equal(student.state.symbol, circuit.state.symbol)
    assert np.array_equal(student.state.held_row, circuit.state.held_row)
    assert not student.state.w.any()
    # and fast states moved as in the circuit
    found = np.zeros_like(circuit.state.f)
    branch, key = np.nonzero(student.table >= 0)
    place = circuit.program.branch_first[branch] + key
    found[place] = student.values.f[student.table[branch, key]]
    assert np.array_equal(found, circuit.state.f)


@pytest.mark.parametrize("quantised", [False, True])
def test_loop_equals_run(quantised):
    x, fast, slow = text(160), small(quantised=quantised), small(quantised=quantised)
    losses = fast.run(x)
    for t, symbol in enumerate(x):
        p = slow.predict(x[:t])
        # one softmax in numba, one in numpy: a few roundings of float64
        assert -np.log2(p[symbol]) == pytest.approx(losses[t], abs=1e-12)
        slow.learn(symbol)
    assert np.array_equal(fast.values.w[: fast.used], slow.values.w[: slow.used])
    assert np.array_equal(fast.values.g, slow.values.g)


def test_the_future_changes_no_earlier_figure():
    x = text(160)
    other = np.concatenate([x[:100], (x[100:] + 1) % 5])
    assert np.array_equal(small().run(x)[:100], small().run(other)[:100])


def test_it_learns_and_observing_does_not():
    student, x = small(), text(400)
    losses = student.run(x)
    assert losses[200:].mean() < 0.7 * losses[:50].mean()
    before = copy.deepcopy(student)
    student.run(x, learning=False)
    for name, value in before.values._asdict().items():
        if name not in ("f", "intact"):
            assert np.array_equal(getattr(student.values, name), value)
    again = copy.deepcopy(before)
    for symbol in x[:50]:
        again.observe(symbol)
    assert np.array_equal(again.values.w, before.values.w)


def test_quantised_weights_stay_on_the_grid_and_keep_their_mean():
    student, x = small(quantised=True), text(400)
    student.run(x)
    w = student.values.w[: student.used] * 64
    assert np.array_equal(w, np.rint(w))
    assert np.abs(w).max() <= 127
    rule = student.rule._replace(w_max=100.0)
    drawn = [readout._rounded(rule, 0.3 / 64, 1, v, 5) * 64 for v in range(4000)]
    assert set(drawn) == {0.0, 1.0}
    # 4 000 draws of probability 0.3: four standard deviations
    assert np.mean(drawn) == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / 4000))


def test_lesions_last():
    student, x = small(), text(300)
    student.run(x)
    there = student.values.w[: student.used] != 0
    student.lesion_synapses(0.5, np.random.default_rng(1))
    lost = ~student.values.intact[: student.used]
    assert 0.4 * there.sum() < lost.sum() < 0.6 * there.sum()
    student.run(x)
    assert not student.values.w[: len(lost)][lost].any()
    student.lesion_neurons(1.0, np.random.default_rng(1))
    assert student.predict(None) == pytest.approx(0.2)
    assert student.run(x, learning=False) == pytest.approx(np.log2(5))


def test_costs_are_the_counts_of_a_slow_look():
    student, x = small(optimiser=Adam()), text(80)
    live = learned = heard = 0
    for symbol in x:
        rows = student.rows[student.rows >= 0]
        live += len(rows)
        heard += int((student.values.f[rows] > 0).sum())
        learned += len(rows)
        student.learn(symbol)
    cost = student.cost()
    assert cost.effective_macs == 5 * live
    assert cost.learning_macs == learned * 5 * (2 + 6)
    assert cost.effective_acs == student.meter.named()["conducted_events"] + heard
    assert cost.symbols == 80


def test_bad_settings_are_named():
    with pytest.raises(UsageError, match="rate = -1"):
        AttentionBackprop(rate=-1.0)
    with pytest.raises(UsageError, match="silent"):
        AttentionBackprop(silent=True, fast=False)
    assert not all(u.local for u in AttentionBackprop().locality())
