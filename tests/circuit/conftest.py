"""A small dendritic-attention circuit on any symbols, lowered, for either executor."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from brian2 import ms

from bioplastic.description import Rhythm, SymbolSchedule
from bioplastic.kernels.circuit.run import by_cycle, run_circuit
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention
from bioplastic.quantize.circuit import lower_circuit

DT = 1 * ms


def _parameters(size, length, **changes):
    winners = changes.pop("winners", 4)
    base = Parameters(order=2, pool=length, delimiter=0 if size > 2 else None)
    stdp = replace(base.stdp, winners=winners)
    given: dict[str, Any] = {"stdp": stdp, "rhythm": Rhythm(gamma=winners)} | changes
    return replace(base, **given)


@pytest.fixture(scope="session")
def circuit():
    """circuit(symbols, size, shuffle=None, seed=1, …) → (IntegerCircuit, symbols, steps)."""

    def build(symbols, size, *, shuffle=None, seed=1, dt=DT, **changes):
        period = changes.get("rhythm", Rhythm()).period
        schedule = SymbolSchedule(symbols=np.asarray(symbols), size=size, period=period)
        if shuffle is not None:
            schedule = schedule.shuffled(np.random.default_rng(shuffle), dt)
        network = dendritic_attention(schedule, _parameters(size, len(symbols) + 1, **changes))
        lowered = lower_circuit(network, dt=dt, seed=seed)
        program = lowered.program
        found = by_cycle(schedule.train().i, schedule.train().steps(dt), program.period)
        return lowered, *found

    return build


@pytest.fixture(scope="session")
def go(circuit):
    """go(symbols, size, backend="cpu", **…) → CircuitRun."""

    def run(symbols, size, *, backend="cpu", **changes):
        lowered, shown, steps = circuit(symbols, size, **changes)
        return run_circuit(lowered, shown, steps, backend=backend, progress=False)

    return run
