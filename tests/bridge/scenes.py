"""What the tests of the torch ops run, and what the reference makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from bioplastic.bridge.module import IntegerModule
from bioplastic.bridge.module_state import ModuleState
from bioplastic.bridge.ops_sparse import COUNTERS, PreparedSparse
from bioplastic.kernels.dispatch import KernelRun, run_batch
from bioplastic.kernels.feedforward.layer import pack, unpack
from bioplastic.quantize import IntegerNetwork


def drawn_spikes(
    rng, network: IntegerNetwork, batch: int, steps: int, density: float
) -> torch.Tensor:
    """(B, T, W) for all sources of a network."""
    parts = [pack(rng.random((batch, steps, s.size)) < density) for s in network.sources]
    return torch.from_numpy(np.concatenate([np.zeros((batch, steps, 0), np.int32), *parts], axis=2))


def sent(network: IntegerNetwork, spikes: torch.Tensor) -> list[dict]:
    """The same spikes as `run_batch` takes them, counted from step 0."""
    members = []
    for one in spikes.numpy():
        word, trains = 0, {}
        for s in network.sources:
            wide = -(-s.size // 32)
            trains[s.name] = np.nonzero(unpack(one[:, word : word + wide], s.size))
            word += wide
        members.append(trains)
    return members


def reference(network: IntegerNetwork, spikes, seeds, backend="reference") -> list[KernelRun]:
    """Every member alone, from the start."""
    module = IntegerModule(network)
    start = module.to_kernel(module.initial_state(1))
    return run_batch(
        network, spikes.shape[1], states=[start] * len(spikes), sources=sent(network, spikes),
        seeds=seeds, backend=backend,
    )  # fmt: skip


def rows(found, names, steps: int) -> np.ndarray:
    """Spike records of a run as packed rows."""
    parts = [np.zeros((steps, 0), np.int32)]
    for name in names:
        bits = np.zeros((steps, found[name].size), bool)
        bits[found[name].steps, found[name].ids] = True
        parts.append(pack(bits))
    return np.concatenate(parts, axis=1)


def assert_same(module: IntegerModule, made, state: ModuleState, wanted: list[KernelRun]) -> None:
    """Spikes, onsets, counters and state of every member, in every bit."""
    assert isinstance(module.prepared, PreparedSparse)
    network = module.prepared.network
    for b, one in enumerate(wanted):
        steps = made["spikes"].shape[1]
        fired = rows(one.spikes, [p.name for p in network.populations], steps)
        np.testing.assert_array_equal(made["spikes"][b].numpy(), fired)
        np.testing.assert_array_equal(
            made["onsets"][b].numpy(), rows(one.onsets, one.onsets, steps)
        )
        assert made["counters"][b].tolist() == [one.counters[name] for name in COUNTERS]
        assert module.to_kernel(state, b).difference(one.state) == []


def without_train(network: IntegerNetwork) -> IntegerNetwork:
    """The network with silent sources: a module is given its spikes."""
    none = np.zeros(0, np.int64)
    silent = tuple(replace(s, steps=none, ids=none) for s in network.sources)
    return replace(network, sources=silent)
