"""Gradient steps lower a loss on spike counts, and the trained network leaves as a description."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brian2 import ms, pA

from bioplastic import simulate
from bioplastic.bridge import FastSigmoid, Trainable, twin
from bioplastic.description import LIF, ExponentialCurrent, Network, Population, Projection
from tests.twin.networks import DT, drawn, source

STEPS = 200


def network() -> Network:
    """Twelve sources onto eight neurons that hardly spike at first."""
    neuron = LIF(receptors=(ExponentialCurrent(name="r", tau=5 * ms),))
    return Network(
        name="to be trained",
        sources=[source("s", 12, 100, STEPS, 50)],
        populations=[Population(name="x", size=8, neuron=neuron)],
        projections=[
            Projection(name="in", pre="s", post="x", target="r",
                       connectivity=drawn(51, 12, 8, 60, 40, 160, pA, (1, 10))),
            Projection(name="rec", pre="x", post="x", target="r",
                       connectivity=drawn(52, 8, 8, 16, -50, 50, pA, (1, 10))),
        ],
    )  # fmt: skip


def train(net, target: torch.Tensor, rounds: int) -> list[float]:
    """Losses before each of `rounds` steps of Adam, and after the last."""
    optimiser = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=0.1)
    trains, losses = net.trains(STEPS), []
    for _ in range(rounds):
        loss = ((net(trains).counts["x"] - target) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    with torch.no_grad():
        losses.append(float(((net(trains).counts["x"] - target) ** 2).mean()))
    return losses


def test_a_loss_on_counts_falls_and_the_weights_go_home():
    described = network()
    net = twin(described, dt=DT, surrogate=FastSigmoid(slope=5.0))
    target = torch.tensor([[0, 1, 1, 2, 3, 3, 4, 5]], dtype=torch.float64)
    losses = train(net, target, 15)
    assert losses[0] > 4  # most neurons are far from their target
    assert losses[-1] < 0.5 * losses[0]
    trained = net.write_back(described)
    with torch.no_grad():
        counts = net(steps=STEPS).counts["x"][0].numpy()
    run = simulate.run(trained, STEPS * DT, dt=DT, progress=False)
    assert np.array_equal(np.bincount(run.spikes["x"].ids, minlength=8), counts)
    before = simulate.run(described, STEPS * DT, dt=DT, progress=False)
    assert not np.array_equal(np.bincount(before.spikes["x"].ids, minlength=8), counts)


@pytest.mark.parametrize("what", ["thresholds", "offsets", "time_constants"])
def test_other_parameters_train_alone_and_go_home(what):
    described = network()
    chosen = Trainable(**{"weights": False, what: True})
    net = twin(described, dt=DT, surrogate=FastSigmoid(slope=5.0), trainable=chosen)
    losses = train(net, torch.full((1, 8), 3.0, dtype=torch.float64), 4)
    assert min(losses[1:]) < losses[0]
    trained = net.write_back(described)
    assert trained.projections[0] is described.projections[0]
    run = simulate.run(trained, STEPS * DT, dt=DT, progress=False)
    with torch.no_grad():
        found = net(steps=STEPS).spikes["x"][0]
    got = torch.nonzero(found).numpy()
    wanted = np.stack([run.spikes["x"].steps, run.spikes["x"].ids], axis=1)
    assert len(got)
    assert np.array_equal(got, wanted)
