"""One LIF network under three rules: what is equal, what is counted, what is destroyed."""

import copy
import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Lesionable, Streaming, Unsuited
from bioplastic.learning.learners import learner
from bioplastic.learning.learners.lif_bptt import LIFBackprop
from bioplastic.learning.learners.lif_eprop import LIFEprop, RandomFeedback
from bioplastic.learning.learners.lif_kernels import settle
from bioplastic.learning.learners.lif_optimiser import Adam, Descent, Plastic, clipped
from bioplastic.learning.learners.lif_readout import LIFReadout
from bioplastic.learning.space import Frames, Series, Symbols
from bioplastic.learning.walk import divergence, walk

SPACE = Symbols(size=5)
SMALL: dict[str, Any] = {
    "neurons": 20,
    "steps": 4,
    "tau_m": 5.0,
    "tau_out": 20.0,
    "beta": 0.17,
    "gain_in": 2.5,
    "gain_rec": 1.0,
    "gain_out": 0.3,
    "stretch": 7,
    "learning_rate": 0.02,
    "decay": 10_000.0,
}
RULES = (
    LIFBackprop(**SMALL),
    LIFEprop(**SMALL),
    LIFEprop(**SMALL | {"learning_rate": 0.3}, feedback=RandomFeedback(), optimiser=Descent()),
    LIFReadout(**SMALL | {"stretch": 1}),
)
NAMES = ("lif_bptt", "lif_eprop", "lif_eprop_random", "lif_readout")
each = pytest.mark.parametrize("rule", RULES, ids=["bptt", "eprop", "random", "readout"])


def symbols(length, seed=0, size=SPACE.size):
    return np.random.default_rng(seed).integers(0, size, length)


def weights(student):
    net = student.network
    return [p.weights.copy() for p in (net.w, net.w_out, net.bias)]


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def spikes_and_predictions(student, x):
    """Observe a stream; spikes (L S, N) and predictions (L, V)."""
    raster, told = [], []
    for symbol in x:
        told.append(student.predict())
        raster.append(student.tape.slot(student.slot)[1].copy())
        student.observe(symbol)
    return np.concatenate(raster), np.array(told)


def test_without_learning_the_three_rules_are_one_network():
    x = symbols(60)
    raster, told = spikes_and_predictions(RULES[0].begin(SPACE, seed=2), x)
    assert 0.02 < raster.mean() < 0.6
    for rule in RULES[1:]:
        other, said = spikes_and_predictions(rule.begin(SPACE, seed=2), x)
        assert np.array_equal(raster, other)
        assert np.array_equal(told, said)
    another, _ = spikes_and_predictions(RULES[0].begin(SPACE, seed=3), x)
    assert not np.array_equal(raster, another)


def test_the_defaults_are_one_network_too():
    ours = [learner(name).settings() for name in NAMES]
    rule_only = {"name", "rule", "surrogate", "learning_rate", "decay", "clip", "stretch"}
    for name in set(ours[0]) - rule_only - {"optimiser", "feedback"}:
        assert len({settings[name] for settings in ours}) == 1, name


@each
def test_run_is_the_loop(rule):
    x = symbols(45)
    whole = rule.begin(SPACE, seed=1)
    losses = whole.run(x)
    looped = rule.begin(SPACE, seed=1)
    told = []
    for t, symbol in enumerate(x):
        if t % 3:  # asked twice, or not at all
            looped.predict(x[:t])
        told.append(SPACE.loss(looped.predict(x[:t]), symbol))
        looped.learn(symbol)
    pieces = rule.begin(SPACE, seed=1)
    assert np.array_equal(losses, told)
    assert np.array_equal(losses, np.concatenate([pieces.run(x[:10]), pieces.run(x[10:])]))
    assert equal(weights(whole), weights(looped))
    assert isinstance(whole, Streaming)
    assert isinstance(whole, Lesionable)


@each
def test_observing_changes_no_weight_and_closes_the_open_stretch(rule):
    student = rule.begin(SPACE, seed=1)
    student.run(symbols(10))
    student.observe(0)
    before, updates = weights(student), student.updates
    student.run(symbols(20, seed=1), learning=False)
    assert equal(before, weights(student))
    assert updates == student.updates
    assert updates == math.ceil(10 / rule.stretch)


@each
def test_the_future_changes_no_past_loss(rule):
    x = symbols(40)
    changed = x.copy()
    changed[25:] = (changed[25:] + 1) % SPACE.size
    a, b = (rule.begin(SPACE, seed=1).run(s) for s in (x, changed))
    assert np.array_equal(a[:25], b[:25])
    assert a[25] != b[25]


@each
def test_a_cycle_is_learned(rule):
    x = np.arange(1500) % 5
    losses = rule.begin(SPACE, seed=1).run(x)
    assert losses[-100:].mean() < 0.5 * math.log2(5)  # half of what the best unigram pays
    assert abs(losses[0] - math.log2(5)) < 1.0


@each
def test_frames(rule):
    space = Frames(size=6)
    x = np.zeros((400, 6), bool)
    x[::2, :3] = x[1::2, 3:] = True
    student = rule.begin(space, seed=1)
    losses = walk(student, space, x)
    p = student.predict()
    assert ((p > 0) & (p < 1)).all()
    assert losses[-50:].mean() < 0.8 * 6 * math.log(2)  # what p = 1/2 pays


def test_a_series_is_unsuited():
    with pytest.raises(Unsuited, match="encoder"):
        LIFEprop().begin(Series(horizon=5), seed=1)


@pytest.mark.parametrize(
    "wrong",
    [{"neurons": 0}, {"steps": 0}, {"adaptive": 1.5}, {"tau_m": 0.0}, {"learning_rate": -1.0},
     {"gain_rec": -0.1}, {"clip": float("nan")}],
)  # fmt: skip
def test_bad_settings_are_named(wrong):
    with pytest.raises(UsageError, match=f"lif_eprop.*{next(iter(wrong))}"):
        LIFEprop(**wrong)


@each
def test_what_is_no_symbol_is_refused(rule):
    student = rule.begin(SPACE, seed=1)
    for meet in (student.learn, student.observe):
        with pytest.raises(UsageError, match="do not fit"):
            meet(5)
    with pytest.raises(UsageError, match="row of integers"):
        student.run(np.ones((3, 2)))


def test_bad_parts_are_named():
    with pytest.raises(UsageError, match="gain"):
        RandomFeedback(gain=0.0)
    with pytest.raises(UsageError, match="beta_1"):
        Adam(beta_1=1.0)


@each
def test_copies_are_independent(rule):
    student = rule.begin(SPACE, seed=1)
    student.run(symbols(18))
    twin = copy.deepcopy(student)
    before = weights(student)
    ahead = twin.run(symbols(30, seed=4))
    assert equal(before, weights(student))
    assert np.array_equal(ahead, student.run(symbols(30, seed=4)))


@each
def test_snapshot_and_restart(rule):
    student = rule.begin(SPACE, seed=1)
    student.run(symbols(21))
    student.restart()
    kept = student.snapshot()
    first = student.run(symbols(28, seed=4))
    student.lesion_neurons(0.3, np.random.default_rng(0))
    student.restore(kept)
    assert np.array_equal(first, student.run(symbols(28, seed=4)))


@each
def test_dead_neurons_stay_silent_and_lost_synapses_stay_away(rule):
    student = rule.begin(SPACE, seed=1)
    student.run(symbols(21))
    student.lesion_neurons(0.25, np.random.default_rng(0))
    dead = np.flatnonzero(student.network.alive == 0)
    assert len(dead) == 5
    plastic = student.cost().plastic_synapses
    student.lesion_synapses(0.5, np.random.default_rng(1))
    net = student.network
    biases = len(net.bias.weights)
    assert student.cost().plastic_synapses - biases == (plastic - biases) // 2
    gone = [p.mask == 0 for p in (net.w, net.w_out)]
    student.run(symbols(40, seed=2))
    raster, _ = spikes_and_predictions(student, symbols(20, seed=3))
    assert not raster[:, dead].any()
    assert raster.any()
    assert not net.w.weights[gone[0]].any()
    assert not net.w_out.weights[gone[1]].any()
    assert not net.w.weights[:, dead].any()
    if rule.rule == "local":
        assert net.w.mask[:, 0 if 0 not in dead else 1].sum() > 15  # frozen synapses are kept


def test_a_rule_that_diverges_is_kept_and_says_so():
    rule = LIFBackprop(**SMALL | {"learning_rate": 1e38, "clip": 1e38})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = rule.begin(SPACE, seed=1).run(symbols(60))
    assert divergence(losses).startswith("diverged")


@each
def test_operations_are_counted_as_they_are_done(rule):
    x = symbols(7)
    student = replace(rule, stretch=8).begin(SPACE, seed=1)
    student.lesion_synapses(0.3, np.random.default_rng(0))
    net, n, k, d = student.network, 20, 5, 5
    acs = spikes = 0
    for symbol in x:
        student.predict()
        q, z, _ = student.tape.slot(student.slot)
        acs += (q @ net.w.mask.astype(int)).sum() + (z @ net.w_out.mask.astype(int)).sum()
        spikes += z.sum()
        student.learn(symbol)
    cost = student.cost()
    assert cost.symbols == 7
    assert cost.execution_rate == 4
    assert cost.effective_acs == acs
    assert cost.effective_macs == 0  # every input of a synapse is a spike
    assert cost.activations - cost.silent_activations == spikes
    assert cost.dense_operations == 28 * ((d + n) * n + n * k)
    assert cost.membrane_updates == 28 * (n + 10 + k)
    assert cost.neurons == n + k
    assert cost.plastic_synapses + cost.fixed_synapses == sum(
        int(p.mask.sum()) for p in (net.w, net.w_out, net.bias)
    )


def test_learning_of_eprop_is_counted():
    student = LIFEprop(**SMALL | {"adaptive": 0.4}).begin(SPACE, seed=1)
    student.run(symbols(7))
    n, a, k, p, s = 20, 8, 5, 25, 4
    pairs = s * (s - 1) // 2  # coefficients of a step, changed by each later one
    closed = 3 * s * a + pairs * (n + 2 * a)
    rows = p * (s + n + 2 * a + s * (n + a))  # x̄; decay, leak; what comes in
    per_symbol = closed + rows + n * k + p * n + s * n + n * k  # signal, signal times ē, readout
    synapses = student.cost().plastic_synapses
    cost = student.cost()
    assert synapses == p * n - n + n * k + k
    assert cost.learning_macs == 7 * per_symbol + 5 * synapses
    assert cost.trace_updates == 7 * (s * (p + n) + p * a + p * n) + 2 * synapses
    assert cost.weight_updates == synapses
    traces = p + p * a + p * n + n
    assert cost.states_per_synapse == pytest.approx(2 + 1 + traces / synapses)


def test_learning_of_bptt_is_counted():
    student = LIFBackprop(**SMALL).begin(SPACE, seed=1)
    x = symbols(7)
    for symbol in x[:-1]:
        student.learn(symbol)
    student.predict()
    tape = student.tape
    n, a, k = 20, 10, 5
    psi = student.network.psi(tape.u)
    per_step = 28 * (k + n + 2 * a)
    per_slope = np.count_nonzero(psi) * (k + n + 1)
    sums = tape.q.sum(dtype=int) * n + tape.z.sum(dtype=int) * k
    student.learn(x[-1])
    cost = student.cost()
    assert cost.learning_macs == per_step + per_slope + sums + 5 * cost.plastic_synapses
    assert cost.trace_updates == 2 * cost.plastic_synapses
    assert cost.states_per_synapse == 2


def test_readout_keeps_nothing_per_synapse():
    cost_of = RULES[3].begin(SPACE, seed=1)
    cost_of.run(symbols(10))
    cost = cost_of.cost()
    assert cost.plastic_synapses == 20 * 5 + 5
    assert cost.states_per_synapse == pytest.approx(20 / 105)  # one trace per neuron
    assert cost.learning_macs == 10 * (4 * 20 + 20 * 5) + 10 * 105


def test_adam_is_adam():
    rng = np.random.default_rng(0)
    start, mask = rng.standard_normal((4, 3)), np.ones((4, 3), np.uint8)
    mask[1, 2] = 0
    ours = Plastic(weights=start * mask, mask=mask)
    theirs = torch.tensor(start, requires_grad=True)
    optimiser = torch.optim.Adam([theirs], lr=0.01)
    for number in range(1, 6):
        gradient = rng.standard_normal((4, 3)) * 3
        theirs.grad = torch.tensor(gradient)
        torch.nn.utils.clip_grad_norm_([theirs], 2.0)
        optimiser.step()
        ours.gradient += gradient * 7  # a sum over seven symbols
        Adam().step([ours], 0.01, clipped([ours], 7, 2.0), number)
    # five steps of about ten operations, each rounded once, on numbers below 4
    wanted = theirs.detach().numpy() * mask
    assert np.abs(ours.weights - wanted).max() < 50 * np.finfo(np.float64).eps * 4
    assert not ours.gradient.any()


def test_traces_that_are_all_but_gone_are_set_to_zero():
    x = np.array([1e-30, -1e-26, 1e-20, 0.0, np.nan])
    settle(x)
    assert np.array_equal(x, [0.0, 0.0, 1e-20, 0.0, np.nan], equal_nan=True)


def test_locality_names_what_cannot_be_local():
    def far(made):
        return {use.place for use in made.locality() if not use.local}

    assert "elsewhere" in far(LIFBackprop())
    assert "broadcast" in far(LIFEprop())
    assert not far(LIFReadout())
    transport = [u for u in LIFEprop().locality() if "symmetric" in u.quantity]
    assert [u.local for u in transport] == [False]
    told = LIFEprop(feedback=RandomFeedback()).locality()
    assert [u.local for u in told if "random" in u.quantity] == [True]


def test_names_and_rules():
    for name, rule in (
        ("lif_bptt", "backprop"),
        ("lif_eprop", "three-factor"),
        ("lif_eprop_random", "three-factor"),
        ("lif_readout", "local"),
    ):
        assert learner(name).rule == rule
        assert {"learning_rate", "surrogate", "neurons"} <= set(learner(name).settings())
        hash(learner(name))
