"""The same two layers in snnTorch: spikes, potentials and gradients by an implementation not ours.

snnTorch's Leaky is mem ← beta·mem·(1 − reset) + x with the reset one step later and detached, spike
when mem > threshold. Its step is a LinearIF of ours under Euler's method: v' = beta·v + x, where x
is a state that lasts one step (1 − dt·rate = 0), reset of v only.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brian2 import ms

from bioplastic.bridge import ATan, DetachedReset, FastSigmoid, twin
from bioplastic.description import (
    Connectivity,
    LinearIF,
    Network,
    Population,
    Projection,
    Source,
    SpikeTrain,
    Taylor,
)
from bioplastic.provenance import stream
from tests.twin.networks import DT

pytestmark = pytest.mark.oracle

BETA, STEPS, SIZES = 0.875, 80, (6, 5, 3)  # beta a dyadic number: 1 − dt·rate is exact


def _neuron() -> LinearIF:
    rate = 1 / 1e-4
    return LinearIF(
        names=("v", "x"),
        matrix=np.array([[-(1 - BETA) * rate, rate], [0.0, -rate]]),
        offset=np.zeros(2),
        row=np.array([1.0, 0.0]),
        theta=1.0,
        reset=np.diag([0.0, 1.0]),
        reset_offset=np.zeros(2),
        t_ref=0 * ms,
        integrator=Taylor(order=1),
    )


def _dense(name: str, pre: str, post: str, weight: np.ndarray, delay: int) -> Projection:
    j, i = np.indices(weight.shape)
    connectivity = Connectivity(
        i=i.ravel(), j=j.ravel(), weight=weight.ravel(), delay=delay * DT
    )  # fmt: skip
    return Projection(name=name, pre=pre, post=post, target="x", connectivity=connectivity)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (FastSigmoid(slope=10.0), lambda surrogate: surrogate.fast_sigmoid(slope=10)),
        (ATan(width=0.5), lambda surrogate: surrogate.atan(alpha=2.0)),
    ],
)
def test_two_layers(ours, theirs):
    snntorch = pytest.importorskip("snntorch")
    from snntorch import surrogate

    rng = stream(7, "snntorch")
    k, m, n = SIZES
    first = rng.uniform(-0.3, 0.8, (m, k))
    second = rng.uniform(-0.3, 0.9, (n, m))
    empty = SpikeTrain(i=np.array([], dtype=int), t=np.array([]) * ms)
    network = Network(
        name="two layers",
        sources=[Source(name="s", size=k, train=empty)],
        populations=[Population(name=name, size=size, neuron=_neuron())
                     for name, size in (("a", m), ("b", n))],
        projections=[_dense("in", "s", "a", first, 0), _dense("up", "a", "b", second, 0)],
    )  # fmt: skip
    net = twin(network, dt=DT, surrogate=ours, reset=DetachedReset())
    given = torch.as_tensor((rng.random((2, STEPS, k)) < 0.3).astype(float))
    found = net(given)
    cotangent = torch.as_tensor(rng.standard_normal((2, STEPS, n)))
    (cotangent * (found.spikes["b"] + found.potentials["b"])).sum().backward()

    w1, w2 = (torch.tensor(w, requires_grad=True) for w in (first, second))
    how = {"beta": BETA, "threshold": 1.0, "reset_mechanism": "zero"}
    layers = [snntorch.Leaky(**how, spike_grad=theirs(surrogate)).double() for _ in range(2)]
    mem = [torch.zeros(2, m, dtype=torch.float64), torch.zeros(2, n, dtype=torch.float64)]
    before = [torch.zeros(2, k, dtype=torch.float64), torch.zeros(2, m, dtype=torch.float64)]
    spikes, potentials, hidden = [], [], []
    for t in range(STEPS):  # what arrives in a step moves v in the next
        spike_a, mem[0] = layers[0](before[0] @ w1.T, mem[0])
        spike_b, mem[1] = layers[1](before[1] @ w2.T, mem[1])
        spike_a, spike_b = spike_a.double(), spike_b.double()  # snnTorch spikes in float32
        before = [given[:, t], spike_a]
        spikes.append(spike_b)
        potentials.append(mem[1])
        hidden.append(spike_a)
    s, v = torch.stack(spikes, dim=1), torch.stack(potentials, dim=1)
    (cotangent * (s + v)).sum().backward()

    assert torch.equal(torch.stack(hidden, dim=1), found.spikes["a"])
    assert torch.equal(s, found.spikes["b"])
    assert s.sum() >= 10
    # sums of at most 6 products in another order over 80 contracting steps
    v = v.detach()
    assert (v - found.potentials["b"]).abs().max() <= STEPS * 8 * np.finfo(float).eps * float(
        v.abs().max()
    )
    for name, theirs_w in (("in", w1), ("up", w2)):
        weight = net.projection(name).weight
        got = weight.number.grad / weight.scale
        assert theirs_w.grad is not None
        wanted = theirs_w.grad.reshape(-1)
        # the gradient passes snnTorch's float32 spikes up to STEPS times, half an ulp each; a
        # factor of 10 for terms of either sign
        bound = 10 * STEPS * float(np.finfo(np.float32).eps) / 2
        assert (got - wanted).abs().max() <= bound * wanted.abs().max()
        assert (wanted != 0).all()
