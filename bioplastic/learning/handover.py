"""What a network with structural plasticity learned: final state of an executor → `Learned`.

Every projection with PermanenceSTDP gives "<projection>/permanence", one value for each synapse in
the order of the description, whichever executor ran. Membranes, traces and spikes under way are no
part of it: `simulate.checkpoint` has those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bioplastic.description import Network, PermanenceSTDP
from bioplastic.errors import UnsupportedModel
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.learned import Learned
from bioplastic.quantize.fixed_point import PERMANENCE
from bioplastic.quantize.integer_network import IntegerNetwork
from bioplastic.simulate.checkpoint import State


def from_brian2(
    network: Network, state: State, manifest: Mapping[str, Any] | None = None
) -> Learned:
    """Take what Brian2 learned.

    state      `simulate.Run.final`      manifest   JSON values: where it comes from
    Raises UsageError when the state belongs to another network, UnsupportedModel for a projection
    with another rule.
    """
    arrays = {f"{name}/permanence": state.permanence(name) for name, _ in _structural(network)}
    return Learned(network, arrays, manifest or {})


def from_kernel(
    network: Network,
    lowered: IntegerNetwork,
    state: KernelState,
    manifest: Mapping[str, Any] | None = None,
) -> Learned:
    """Take what the sparse kernel learned, from row order back to that of the description.

    P = p_max·n/2²⁴

    lowered   `network` in integers      state   `KernelRun.state`, of either executor
    manifest  JSON values: where it comes from
    Raises UnsupportedModel for a projection with another rule.
    """
    arrays = {}
    for name, rule in _structural(network):
        units = state.arrays[f"{name}/permanence"]
        values = np.empty(len(units))
        values[lowered[name].order] = units * (float(rule.p_max) / (1 << PERMANENCE))
        arrays[f"{name}/permanence"] = values
    return Learned(network, arrays, manifest or {})


def _structural(network: Network) -> Iterator[tuple[str, PermanenceSTDP]]:
    """Name and rule of every plastic projection."""
    for q in network.projections:
        if isinstance(q.plasticity, PermanenceSTDP):
            yield q.name, q.plasticity
        elif q.plasticity is not None:
            raise UnsupportedModel(
                f"{q.name}: what {type(q.plasticity).__name__} learned cannot be handed over here;"
                " PermanenceSTDP can"
            )
