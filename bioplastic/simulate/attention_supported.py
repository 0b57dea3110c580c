"""What the Brian2 executor of dendritic attention asks of a description, or refuses in one line."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import second

from bioplastic.description import (
    LIF,
    GateBranch,
    GroupShunt,
    HardWTA,
    Population,
    Projection,
    Source,
)
from bioplastic.errors import UnsupportedModel
from bioplastic.simulate.grid import whole


def check_pool(pool: Population, other: Population) -> None:
    """Refuse a population that is no pool, or whose membrane is not that of `other`."""
    if pool.recruitment is None:
        raise UnsupportedModel(f"{pool.name}: neither a recruiting pool nor the race")
    gates = pool.dendrites.branches if pool.dendrites else ()
    if (
        type(pool.neuron) is not LIF
        or not isinstance(pool.inhibition, GroupShunt)
        or [type(b) for b in gates] != [GateBranch]
    ):
        raise UnsupportedModel(f"{pool.name}: a pool is LIF + one GateBranch + GroupShunt")
    if float(pool.neuron.v_reset) != float(pool.neuron.v_rest):
        raise UnsupportedModel(f"{pool.name}: v_reset must equal v_rest")
    if np.any(np.asarray(pool.neuron.i_offset) != 0):
        raise UnsupportedModel(f"{pool.name}: i_offset must be 0")
    if _membrane(pool) != _membrane(other) or len(_membrane(pool)[-1]) != 1:
        raise UnsupportedModel(
            f"{pool.name}: all pools, which run as one NeuronGroup, must share their membrane and "
            "one time constant of the receptors"
        )


def _membrane(pool: Population) -> tuple[Any, ...]:
    n = pool.neuron
    assert isinstance(n, LIF)
    values = (n.tau_m, n.c_m, n.v_rest, n.v_th, n.t_ref)
    return (*map(float, values), frozenset(float(r.tau) for r in n.receptors))


def check_race(race: Population, source: Source) -> None:
    """Refuse a race that is not one winner among one output per symbol."""
    if not isinstance(race.inhibition, HardWTA) or race.inhibition.k != 1 or race.inhibition.period:
        raise UnsupportedModel(f"{race.name}: the race needs HardWTA(k=1) on the rhythm")
    if race.size != source.size:
        raise UnsupportedModel(f"{race.name}: needs one output per symbol")


def delay_steps(projection: Projection, dt: float) -> int:
    """The one delay of a projection in steps, at least 1."""
    delay = np.unique(np.asarray(projection.connectivity.delay / second))
    if len(delay) != 1:
        raise UnsupportedModel(f"{projection.name}: its synapses must share one delay")
    steps = whole(f"{projection.name}.delay", float(delay[0]) * second, dt)
    if steps < 1:
        raise UnsupportedModel(f"{projection.name}: delay must be at least one step")
    return steps
