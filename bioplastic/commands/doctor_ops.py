"""The self-tests of `bioplastic doctor` through the torch operators: the same bits are expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from brian2 import ms

from bioplastic.bridge.module import IntegerModule
from bioplastic.kernels.circuit.run import by_cycle
from bioplastic.kernels.feedforward.layer import pack, unpack
from bioplastic.quantize.circuit import lower_circuit


def sparse_op(network: Any, steps: int) -> list[np.ndarray]:
    """Spikes of the one population and plastic weights after `steps` steps of the trains."""
    rows = []
    for s in network.sources:
        raster = np.zeros((1, steps, s.size), np.uint8)
        raster[0, s.steps[s.steps < steps], s.ids[s.steps < steps]] = 1
        rows.append(pack(raster))
    module = IntegerModule(network)
    given = torch.from_numpy(np.concatenate(rows, axis=2))
    fired, state = module(given, module.initial_state())
    at, ids = np.nonzero(unpack(fired[0].numpy(), network.populations[0].size))
    return [at, ids, state["plastic/weight"][0].numpy()]


def feedforward_op(made: Any, given: np.ndarray) -> list[np.ndarray]:
    """Spikes of all layers and the last potentials."""
    module = IntegerModule(made)
    fired, state = module(torch.from_numpy(given), module.initial_state())
    return [fired.numpy(), state["p2/v"].numpy()]


def circuit_op(network: Any) -> list[np.ndarray]:
    """Potentials, winners, weights and gains after the symbols of the source."""
    made = lower_circuit(network, dt=0.5 * ms, seed=1)
    train = network.sources[0].train
    symbols, steps = by_cycle(train.i, train.steps(0.5 * ms), made.program.period)
    given, phase = (
        torch.tensor(np.asarray(a)[None], dtype=torch.int32)
        for a in (symbols, np.asarray(steps) % made.program.period)
    )
    module = IntegerModule(made)
    found = module.record(given, module.initial_state(), phase=phase)
    kept = (found.made["potential"], found.made["winners"], found.state["w"], found.state["gain"])
    return [t[0].numpy() for t in kept]
