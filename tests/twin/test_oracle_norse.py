"""The same two layers in Norse: spikes and gradients by another implementation not ours.

Norse's LIFBox is v ← v + dt/tau (x − v), spike when v > threshold, v ← (1 − z) v in the same step,
with a gradient through z in the reset too and a surrogate 1/(1 + |v − v_th|)² whatever its alpha
(Norse 1.1.0). As in tests/twin/test_oracle_snntorch.py, x is a state of
ours that lasts one step, and the other program is given what arrived the step before. Norse is LGPL
and runs only here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from brian2 import ms

from bioplastic.bridge import AttachedReset, FastSigmoid, twin
from bioplastic.description import Network, Population, Source, SpikeTrain
from bioplastic.provenance import stream
from tests.twin.networks import DT
from tests.twin.test_oracle_snntorch import BETA, SIZES, STEPS, _dense, _neuron

pytestmark = pytest.mark.oracle


def test_two_layers():
    pytest.importorskip("norse")
    from norse.torch.functional import lif_box

    rng = stream(8, "norse")
    k, m, n = SIZES
    first = rng.uniform(-0.3, 0.8, (m, k))
    second = rng.uniform(-0.3, 0.9, (n, m))
    empty = SpikeTrain(i=np.array([], dtype=int), t=np.array([]) * ms)
    network = Network(
        name="two layers",
        sources=[Source(name="s", size=k, train=empty)],
        populations=[
            Population(name=name, size=size, neuron=_neuron())
            for name, size in (("a", m), ("b", n))
        ],
        projections=[_dense("in", "s", "a", first, 0), _dense("up", "a", "b", second, 0)],
    )
    net = twin(network, dt=DT, surrogate=FastSigmoid(slope=1.0), reset=AttachedReset())
    given = torch.as_tensor((rng.random((2, STEPS, k)) < 0.3).astype(float))
    found = net(given)
    cotangent = torch.as_tensor(rng.standard_normal((2, STEPS, n)))
    (cotangent * found.spikes["b"]).sum().backward()

    w1, w2 = (torch.tensor(w, requires_grad=True) for w in (first, second))
    number: Any = {"dtype": torch.float64}
    how = lif_box.LIFBoxParameters(
        tau_mem_inv=torch.tensor(1 - BETA, **number),
        v_leak=torch.tensor(0.0, **number),
        v_th=torch.tensor(1.0, **number),
        v_reset=torch.tensor(0.0, **number),
        method="super",
        alpha=torch.tensor(1.0, **number),
    )
    states = [lif_box.LIFBoxFeedForwardState(v=torch.zeros(2, size, **number)) for size in (m, n)]
    before = [torch.zeros(2, k, **number), torch.zeros(2, m, **number)]
    hidden, spikes = [], []
    gain = 1 / (1 - BETA)  # ours adds x whole, Norse dt/tau of it
    for t in range(STEPS):
        a, states[0] = lif_box.lif_box_feed_forward_step(
            gain * (before[0] @ w1.T), states[0], how, dt=1.0
        )
        b, states[1] = lif_box.lif_box_feed_forward_step(
            gain * (before[1] @ w2.T), states[1], how, dt=1.0
        )
        before = [given[:, t], a]
        hidden.append(a)
        spikes.append(b)
    s = torch.stack(spikes, dim=1)
    (cotangent * s).sum().backward()

    assert torch.equal(torch.stack(hidden, dim=1), found.spikes["a"])
    assert torch.equal(s, found.spikes["b"])
    assert s.sum() >= 10
    for name, theirs in (("in", w1), ("up", w2)):
        weight = net.projection(name).weight
        assert theirs.grad is not None
        got, wanted = weight.number.grad / weight.scale, theirs.grad.reshape(-1)
        # float64 on both sides, some 16 operations a step, half an ulp each, over STEPS steps; a
        # factor of 10 for terms of either sign
        bound = 10 * 16 * STEPS * float(np.finfo(float).eps) / 2
        assert (got - wanted).abs().max() <= bound * wanted.abs().max()
        assert (wanted != 0).all()
