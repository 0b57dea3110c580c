"""Gradients against finite differences, where the network is a smooth function."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from bioplastic.bridge import (
    AttachedReset,
    Counts,
    DetachedReset,
    Triangle,
    TwinState,
    twin,
)
from bioplastic.bridge.surrogate import whole_number
from bioplastic.bridge.twin_value import Propagator
from tests.twin.networks import DT
from tests.twin.small import MAKERS, STRONG, UNITS, make, parameters, run

# Far from threshold this surrogate is exactly 0: what is left is the derivative with spikes held.
HELD = Triangle(width=1e-9)
# Central differences of step EPS: cubic term EPS² f‴/6 and rounding 1e-16·|f|/EPS; potentials are
# scaled to order 10, parameters to order 1, so that both stay below 1e-7 of the slope's scale.
EPS, TOLERANCE = 1e-5, 1e-6


def scaled_potentials(name, net, found):
    return found.potentials["x"] / UNITS[name]


@pytest.mark.parametrize("name", MAKERS)
def test_subthreshold_potentials_follow_every_parameter(name):
    net = make(MAKERS[name](), surrogate=HELD)
    values = parameters(net)
    keys = list(values)
    base = run(net, values)
    assert base.counts["x"].sum() == 0
    moving = [k for k in keys if not k.endswith(("v_th.number", "theta.number"))]

    def function(*given):
        found = run(net, {**values, **dict(zip(moving, given, strict=True))})
        return scaled_potentials(name, net, found)[:, ::7]

    inputs = tuple(values[k] for k in moving)
    assert gradcheck(function, inputs, eps=EPS, atol=TOLERANCE, rtol=1e-5, fast_mode=True)
    grads = torch.autograd.grad(scaled_potentials(name, net, base).sum(), inputs, allow_unused=True)
    felt = {k for k, g in zip(moving, grads, strict=True) if g is not None and bool((g != 0).any())}
    # recurrent synapses carry nothing, theta has not jumped: all else must be felt
    silent = {k for k in moving if k.startswith("synapses.1") or "tau_ theta" in k}
    if name == "branched":
        silent |= {k for k in moving if k.endswith("tau_r.number")}  # nothing arrives there
    assert felt == set(moving) - silent


@pytest.mark.parametrize("reset", [DetachedReset(), AttachedReset()])
@pytest.mark.parametrize("name", MAKERS)
def test_with_spikes_held_the_gradient_is_the_derivative(name, reset):
    """Spikes come, and no small change moves one: both resets then are the same affine map."""
    net = make(MAKERS[name](*STRONG[name]), surrogate=HELD, reset=reset)
    values = parameters(net)
    base = run(net, values)
    assert base.counts["x"].sum() >= 3
    assert all(found.sum() > 0 for found in base.spikes.values())
    keys = [k for k in values if k.startswith("synapses")]

    def function(*given):
        found = run(net, {**values, **dict(zip(keys, given, strict=True))})
        for key, spikes in found.spikes.items():
            assert torch.equal(spikes.detach(), base.spikes[key].detach()), "a spike moved"
        return scaled_potentials(name, net, found)[:, ::7]

    inputs = tuple(values[k] for k in keys)
    assert gradcheck(function, inputs, eps=EPS, atol=TOLERANCE, rtol=1e-5, fast_mode=True)


@pytest.mark.parametrize("name", MAKERS)
def test_initial_states(name):
    net = make(MAKERS[name](), surrogate=HELD)
    values = parameters(net)
    start = net.start()
    smooth = {k: v for k, v in start.populations["x"].items() if v.is_floating_point()}
    keys = [k for k in smooth if not k.startswith(("p_", "z_", "theta", "plateau"))]
    scales = {k: 1e-3 if k == "v" and UNITS[name] == 1e-3 else _scale(k) for k in keys}

    def function(*given):
        moved = {k: smooth[k] + scales[k] * g for k, g in zip(keys, given, strict=True)}
        state = TwinState(
            network=start.network,
            step=0,
            populations={"x": {**start.populations["x"], **moved}},
            history=start.history,
        )
        return scaled_potentials(name, net, run(net, values, state))[:, ::7]

    inputs = tuple(torch.zeros(1, 3, dtype=torch.float64, requires_grad=True) for _ in keys)
    assert gradcheck(function, inputs, eps=EPS, atol=TOLERANCE, rtol=1e-5, fast_mode=True)


def _scale(state: str) -> float:
    return 1e-12 if state.startswith(("I_", "h_")) else 0.01


def test_the_propagator_has_the_derivative_of_the_exponential():
    matrix = torch.tensor(
        [[-1.0, 4.0, 0.5], [0.0, -2.0, 2.0], [0.3, 0.0, -2.0]], dtype=torch.float64
    ).requires_grad_()
    assert gradcheck(lambda a: Propagator.apply(a, 0.1), (matrix,), eps=1e-6, atol=1e-8)


def test_given_spikes_have_gradients_too():
    net = make(MAKERS["leaky"](), surrogate=HELD)
    spikes = net.trains(30)["s"].clone().requires_grad_()

    def function(given):
        return net(given).potentials["x"][:, ::5] / 1e-3

    assert gradcheck(function, (spikes,), eps=EPS, atol=TOLERANCE, rtol=1e-5, fast_mode=True)


def test_the_two_resets_differ_where_a_surrogate_reaches():
    grads = []
    for reset in (DetachedReset(), AttachedReset()):
        net = twin(MAKERS["leaky"](*STRONG["leaky"]), dt=DT, reset=reset)
        net(steps=60).potentials["x"].sum().backward()
        grads.append(net.projection("in").weight.number.grad)
    assert not torch.allclose(*grads)


def test_counts_are_whole_and_pass_the_gradient():
    graded = torch.full((2, 6, 3), 0.3, dtype=torch.float64, requires_grad=True)
    counts = Counts(window=3)(graded)  # 0.9 a window
    assert counts.shape == (2, 2, 3)
    assert torch.equal(counts, torch.ones(2, 2, 3, dtype=torch.float64))
    counts.sum().backward()
    assert graded.grad is not None
    assert torch.equal(graded.grad, torch.ones_like(graded))
    assert torch.equal(Counts()(graded), torch.full((2, 3), 2.0, dtype=torch.float64))
    half = torch.tensor([0.5, 1.5, 2.5], dtype=torch.float64)
    assert torch.equal(whole_number(half), torch.tensor([0.0, 2.0, 2.0], dtype=torch.float64))
