"""Forward, the twin is Brian2: the same spikes and plateau onsets, and the same potentials."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bioplastic import simulate
from bioplastic.bridge import twin
from bioplastic.description import Network
from bioplastic.simulate import Record, Voltages
from tests.twin.networks import ALL, DT, adaptive, recurrent


def raster(spikes: torch.Tensor) -> np.ndarray:
    """(E, 2) step and neuron of the first batch, ordered."""
    return torch.nonzero(spikes[0]).numpy()


def forward(network: Network, steps: int, **how):
    with torch.no_grad():
        return twin(network, dt=DT, **how)(steps=steps)


@pytest.mark.parametrize("name", ALL)
def test_spikes_equal_brian2(name):
    make, steps, least = ALL[name]
    network = make(steps)
    wanted = simulate.run(network, steps * DT, dt=DT, plasticity=False, progress=False)
    found = forward(network, steps)
    total = 0
    for key, record in wanted.spikes.items():
        if key in {s.name for s in network.sources}:
            continue
        got = raster(found.spikes[key])
        assert np.array_equal(got, np.stack([record.steps, record.ids], axis=1)), key
        assert len(got), f"{key} is silent"
        total += len(got)
    assert set(found.spikes) == set(wanted.spikes) - {s.name for s in network.sources}
    assert total >= least
    for key, count in found.counts.items():
        assert torch.equal(count, found.spikes[key].sum(dim=1))


def test_a_weight_changed_by_one_part_in_a_million_moves_a_potential():
    """The comparison above can fail: potentials do follow small changes."""
    steps = 300
    network = recurrent(steps)
    net = twin(network, dt=DT)
    with torch.no_grad():
        before = net(steps=steps).potentials["e"]
        net.projection("se").weight.number *= 1 + 1e-6
        after = net(steps=steps).potentials["e"]
    assert not torch.equal(before, after)


def test_potentials_equal_brian2_where_nobody_spikes():
    """Between spikes the same sums in the same order: rounding only.

    Each step multiplies the old error by at most 1 (the propagator contracts) and adds at most
    (2m + 2) roundings of half an ulp of the largest term, m = 4 states that enter v.
    """
    steps = 400
    network = recurrent(steps)
    record = Record(voltages=(Voltages(population="e", every=DT),))
    wanted = simulate.run(network, steps * DT, dt=DT, record=record, progress=False)
    v = wanted.voltages["e"]["v"]  # sampled at the start of a step: after the step before
    found = forward(network, steps)
    quiet = found.spikes["e"][0].sum(dim=0).numpy() == 0
    assert quiet.sum() >= 3
    largest = float(np.abs(v).max())
    bound = steps * (2 * 4 + 2) * np.finfo(float).eps / 2 * largest
    error = np.abs(found.potentials["e"][0].numpy()[:-1] - v[1:])[:, quiet]
    assert error.max() <= bound


def test_batches_are_runs_of_their_own():
    steps = 400
    network = recurrent(steps)
    net = twin(network, dt=DT)
    one = net.trains(steps)["s"]
    with torch.no_grad():
        both = net(torch.cat([one, one.flip(dims=(1,))]))
        first, second = net(one), net(one.flip(dims=(1,)))
    for name in ("e", "i"):
        assert torch.equal(both.spikes[name][:1], first.spikes[name])
        assert torch.equal(both.spikes[name][1:], second.spikes[name])
        assert not torch.equal(first.spikes[name], second.spikes[name])


@pytest.mark.parametrize("name", ["recurrent", "branches", "linear", "rhythmic", "conductance"])
def test_a_run_split_in_three_is_one_run(name):
    make, _, _ = ALL[name]
    network = make(300)
    net = twin(network, dt=DT)
    with torch.no_grad():
        whole = net(steps=300)
        pieces, state = [], None
        for length in (37, 163, 100):
            part = net(steps=length, state=state)
            pieces.append(part)
            state = part.state
    for key, spikes in whole.spikes.items():
        assert torch.equal(torch.cat([p.spikes[key] for p in pieces], dim=1), spikes)
    for key, potential in whole.potentials.items():
        assert torch.equal(torch.cat([p.potentials[key] for p in pieces], dim=1), potential)
    assert pieces[-1].state.step == 300


def test_single_precision_runs_and_says_so():
    found = forward(adaptive(200), 200, dtype=torch.float32)
    assert found.spikes["a"].dtype == torch.float32
    assert found.potentials["a"].dtype == torch.float32
    assert found.spikes["a"].sum() > 0


def test_a_step_compiles_whole():
    """No Python branch in a step depends on data: one graph, and the same numbers."""
    network = ALL["branches"][0](60)
    net = twin(network, dt=DT)
    with torch.no_grad():
        wanted = net(steps=60)
        net.step = torch.compile(net.step, backend="eager", fullgraph=True)
        got = net(steps=60)
    for key, value in wanted.potentials.items():
        assert torch.equal(got.potentials[key], value)
        assert torch.equal(got.spikes[key], wanted.spikes[key])


def test_weights_are_those_of_the_description_to_the_last_bit():
    network = recurrent(10)
    net = twin(network, dt=DT)
    for projection in network.projections:
        wanted = np.asarray(projection.connectivity.weight, dtype=float)
        assert np.array_equal(net.weight(projection.name).detach().numpy(), wanted)
