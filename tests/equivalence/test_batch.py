"""`run_batch`: what is proved about other trains, and how often."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import ms, nA, second

from bioplastic.description import (
    LIF,
    Connectivity,
    ExponentialCurrent,
    Network,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.errors import UnsupportedModel
from bioplastic.kernels.dispatch import run_batch
from bioplastic.kernels.sparse.state import initial_state
from bioplastic.quantize import bounds, lower

DT = 0.1 * ms


def lowered(fraction):
    """One synapse of 4 nA from one source neuron, which spikes once."""
    train = SpikeTrain(i=np.array([0]), t=np.array([1e-3]) * second)
    one = Connectivity(i=np.zeros(1, int), j=np.zeros(1, int), weight=4 * nA, delay=0.5 * ms)
    return lower(
        Network(
            name="one",
            sources=[Source(name="in", size=1, train=train)],
            populations=[
                Population(
                    name="p", size=1,
                    neuron=LIF(receptors=(ExponentialCurrent(name="fast", tau=20 * ms),)),
                )
            ],
            projections=[
                Projection(name="q", pre="in", post="p", target="fast", connectivity=one)
            ],
        ),
        DT,
        fraction=fraction,
    )  # fmt: skip


def go(network, steps):
    train = {"in": (np.asarray(steps), np.zeros(len(steps), int))}
    return run_batch(network, 300, states=[initial_state(network)], sources=[train])[0]


@pytest.fixture
def proofs(monkeypatch):
    """Names of the populations whose bounds were asked for."""
    asked = []
    plain = bounds.bound_population

    def bound(p, incoming):
        asked.append(p.name)
        return plain(p, incoming)

    monkeypatch.setattr(bounds, "bound_population", bound)
    return asked


def test_where_no_train_can_do_harm_that_is_proved_once(proofs):
    network = lowered(fraction=8)
    proofs.clear()
    for steps in ([5], [5, 9], range(300)):
        assert go(network, steps).counters["synaptic_events"] == len([t for t in steps if t < 295])
    assert proofs == ["p"]


def test_where_some_train_could_every_train_is_proved(proofs):
    network = lowered(fraction=20)
    proofs.clear()
    go(network, [5])
    go(network, [5, 9])
    assert proofs == ["p", "p", "p"]
    with pytest.raises(UnsupportedModel, match=r"p\.fast: could reach .* LSB, the format holds"):
        go(network, range(300))
