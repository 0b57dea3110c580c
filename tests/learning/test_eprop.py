"""Gradients of the LIF network: BPTT and e-prop against autograd through the same equations."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bioplastic.bridge.surrogate import FastSigmoid, Triangle, step
from bioplastic.learning.learners.lif_bptt import LIFBackprop
from bioplastic.learning.learners.lif_eprop import (
    Eligibility,
    LIFEprop,
    RandomFeedback,
    SymmetricFeedback,
)
from bioplastic.learning.learners.lif_readout import LIFReadout
from bioplastic.learning.space import Frames, Symbols

SPACE = Symbols(size=5)
FACTS: dict[str, Any] = {  # large weights, so that a dozen neurons spike often; float64
    "neurons": 12,
    "adaptive": 0.5,
    "steps": 4,
    "tau_m": 8.0,
    "tau_a": 15.0,
    "beta": 0.3,
    "gain_in": 2.5,
    "gain_rec": 1.5,
    "gain_out": 1.0,
    "single": False,
    "surrogate": Triangle(),
}


def symbols(length, seed=0):
    return np.random.default_rng(seed).integers(0, SPACE.size, length)


def tensors(network):
    """Weights of a network as leaves of a graph."""
    arrays = (network.w.weights, network.w_out.weights, network.bias.weights)
    return [torch.tensor(a, requires_grad=True) for a in arrays]


def reference(network, leaves, x, *, facts, cut=0):
    """Spikes and logits of a stream, in torch.

    facts  recurrent spikes carry no gradient (e-prop); cut: symbol at which the state is detached
    """
    made = network.made
    w, w_out, bias = leaves
    alpha, rho, beta, kappa = (float(c) for c in network.constants[:4])
    inputs, adaptive = network.inputs, network.adaptive
    v, z = torch.zeros(made.neurons).double(), torch.zeros(made.neurons).double()
    a, y = torch.zeros(adaptive).double(), torch.zeros(inputs).double()
    raster, logits = [], []
    for t in range(len(x)):
        if cut and t == cut:
            v, z, a, y = v.detach(), z.detach(), a.detach(), y.detach()
        for s in range(made.steps):
            arrived = torch.zeros(inputs).double()
            if s == 0 and t > 0:
                arrived[x[t - 1]] = 1.0
            sent = z.detach() if facts else z
            v = alpha * v - z.detach() + arrived @ w[:inputs] + sent @ w[inputs:]
            a = rho * a + z[:adaptive]
            threshold = torch.cat((1.0 + beta * a, torch.ones(made.neurons - adaptive).double()))
            u = v - threshold
            z = step(u > 0, u, made.surrogate)
            y = kappa * y + z @ w_out
            raster.append(z.detach().numpy().copy())
        logits.append(y + bias)
    return np.array(raster), torch.stack(logits)


def gradients(learner, x):
    """Spikes, and the summed gradient of a student that has met x and not yet updated."""
    student = replace(learner, stretch=len(x) + 1).begin(SPACE, seed=3)
    raster = []
    for symbol in x:
        student.predict()
        raster.append(student.tape.slot(student.slot)[1].copy())
        student.learn(symbol)
    student.rule.close(student.tape, student.errors[: len(x)])
    net = student.network
    found = [p.gradient.copy() for p in (net.w, net.w_out, net.bias)]
    return student, np.concatenate(raster), found


def autograd(network, x, *, facts, cut=0):
    """Spikes and gradients of the nats of x from symbol `cut` on."""
    leaves = tensors(network)
    raster, logits = reference(network, leaves, x, facts=facts, cut=cut)
    nats = torch.nn.functional.cross_entropy(
        logits[cut:], torch.from_numpy(x[cut:]), reduction="sum"
    )
    nats.backward()
    return raster, [leaf.grad.numpy() * p for leaf, p in zip(leaves, masks(network), strict=True)]


def masks(network):
    return [network.w.mask, network.w_out.mask, network.bias.mask]


def bound(network, x, gradient):
    """Rounding of float64: T steps in a chain, each a sum of D + N + K terms, of the largest."""
    terms = len(x) * network.made.steps * (2 * network.inputs + network.made.neurons)
    return terms * np.finfo(np.float64).eps * np.abs(gradient).max()


def same(network, x, found, wanted):
    for got, want, mask in zip(found, wanted, masks(network), strict=True):
        assert np.abs(want).max() > 1e-3
        assert np.abs(got * mask - want).max() <= bound(network, x, want)


@pytest.mark.parametrize("surrogate", [Triangle(), FastSigmoid(slope=5.0)])
def test_eprop_is_autograd_with_recurrent_spikes_as_facts(surrogate):
    x = symbols(40)
    student, raster, found = gradients(LIFEprop(**FACTS | {"surrogate": surrogate}), x)
    spikes, wanted = autograd(student.network, x, facts=True)
    assert np.array_equal(raster, spikes)
    assert spikes.mean() > 0.05
    same(student.network, x, found, wanted)


@pytest.mark.parametrize("adaptive", [0.0, 0.5, 1.0])
def test_bptt_is_autograd(adaptive):
    x = symbols(40, seed=1)
    student, raster, found = gradients(LIFBackprop(**FACTS | {"adaptive": adaptive}), x)
    spikes, wanted = autograd(student.network, x, facts=False)
    assert np.array_equal(raster, spikes)
    same(student.network, x, found, wanted)


def test_what_eprop_leaves_out_is_the_way_through_recurrent_spikes():
    x = symbols(40)
    _, _, ours = gradients(LIFEprop(**FACTS), x)
    _, _, whole = gradients(LIFBackprop(**FACTS), x)
    assert np.abs(ours[0] - whole[0]).max() > 1e-3  # with recurrence they differ
    alone = FACTS | {"gain_rec": 0.0}
    student, _, ours = gradients(LIFEprop(**alone), x)
    _, _, whole = gradients(LIFBackprop(**alone), x)
    wanted = [g * m for g, m in zip(whole, masks(student.network), strict=True)]
    same(student.network, x, ours, wanted)


def test_truncated_bptt_cuts_the_gradient_and_not_the_state():
    x = symbols(21)
    learner = LIFBackprop(**FACTS, learning_rate=1e-300)  # the first update changes no bit
    student = replace(learner, stretch=14).begin(SPACE, seed=3)
    student.run(x[:14])
    for symbol in x[14:]:
        student.learn(symbol)
    student.rule.close(student.tape, student.errors[:7])
    net = student.network
    found = [p.gradient for p in (net.w, net.w_out, net.bias)]
    _, wanted = autograd(net, x, facts=False, cut=14)
    same(net, x, found, wanted)


def test_readout_has_the_gradient_of_the_readout():
    x = symbols(40)
    student, _, found = gradients(LIFReadout(**FACTS), x)
    _, wanted = autograd(student.network, x, facts=True)
    assert not found[0].any()
    same(student.network, x, [wanted[0], *found[1:]], wanted)


def test_random_feedback_takes_the_place_of_the_readout_weights():
    x = symbols(40)
    student, _, found = gradients(LIFEprop(**FACTS, feedback=RandomFeedback(gain=2.0)), x)
    net = student.network
    leaves = tensors(net)
    _, logits = reference(net, leaves, x, facts=True)
    told = torch.tensor(feedback(student))
    leaves[1].data = told  # the error goes back through B; it was made with w_out
    _, other = reference(net, leaves, x, facts=True)
    error = logits.softmax(-1).detach()
    error[torch.arange(len(x)), torch.from_numpy(x)] -= 1.0
    (other * error).sum().backward()
    want = leaves[0].grad.numpy() * net.w.mask
    assert np.abs(found[0] * net.w.mask - want).max() <= bound(net, x, want)
    assert not np.array_equal(feedback(student), net.w_out.weights)


def feedback(student):
    """B of an e-prop student."""
    assert isinstance(student.rule, Eligibility)
    return student.rule.feedback


def test_symmetric_feedback_follows_the_readout():
    student = LIFEprop(**FACTS, stretch=4).begin(SPACE, seed=1)
    before = feedback(student).copy()
    student.run(symbols(20))
    assert feedback(student) is student.network.w_out.weights
    assert not np.array_equal(before, feedback(student))
    fixed = LIFEprop(**FACTS, stretch=4, feedback=RandomFeedback()).begin(SPACE, seed=1)
    before = feedback(fixed).copy()
    fixed.run(symbols(20))
    assert np.array_equal(before, feedback(fixed))


def test_frames_have_the_gradient_of_their_nats():
    space, rng = Frames(size=4), np.random.default_rng(0)
    x = rng.random((15, 4)) < 0.4
    student = LIFReadout(**FACTS, stretch=16).begin(space, seed=1)
    trace, wanted = np.zeros(12), np.zeros((12, 4))
    for frame in x:
        p = student.predict()
        for row in student.tape.slot(0)[1]:
            trace = student.network.constants[3] * trace + row
        wanted += np.outer(trace, p - frame)
        student.learn(frame)
    # 15 frames of 4 steps: as many roundings, each of the largest entry
    assert np.abs(student.network.w_out.gradient - wanted).max() <= (
        60 * np.finfo(np.float64).eps * np.abs(wanted).max()
    )


def test_feedback_says_whether_it_is_local():
    assert not SymmetricFeedback().uses().local
    assert RandomFeedback().uses().local
