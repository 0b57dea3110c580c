"""Which descriptions the sparse kernel takes; everything else is refused by name and reason."""

from __future__ import annotations

import numpy as np

from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    ConductanceLIF,
    Connectivity,
    HardWTA,
    LinearIF,
    Network,
    PairSTDP,
    PermanenceSTDP,
    PlateauBranch,
    Population,
    Projection,
    Source,
    TraceSTDP,
)
from bioplastic.errors import UnsupportedModel


def _refuse(network: Network, owner: str, what: object, reason: str) -> UnsupportedModel:
    name = what if isinstance(what, str) else type(what).__name__
    return UnsupportedModel(f"{network.name}: {owner}: {name}: the sparse kernel {reason}")


def check_supported(network: Network) -> None:
    """Raise UnsupportedModel at the first part of `network` that the sparse kernel cannot run."""
    for population in network.populations:
        _check_population(network, population)
    for projection in network.projections:
        _check_projection(network, projection)


def _check_population(network: Network, p: Population) -> None:
    if type(p.neuron) not in (LIF, AdaptiveLIF, LinearIF, ConductanceLIF):
        raise _refuse(
            network, p.name, p.neuron, "runs LIF, AdaptiveLIF, LinearIF and ConductanceLIF neurons"
        )
    if type(p.neuron) in (LinearIF, ConductanceLIF):
        if p.dendrites:
            raise _refuse(network, p.name, p.neuron, "has branches on LIF neurons only")
        if p.inhibition is not None:
            raise _refuse(network, p.name, p.inhibition, "has HardWTA among LIF neurons only")
    for branch in p.dendrites.branches if p.dendrites else ():
        if type(branch) is not PlateauBranch:
            raise _refuse(network, p.name, branch, "knows one kind of branch, PlateauBranch")
    if p.inhibition is not None and type(p.inhibition) is not HardWTA:
        raise _refuse(
            network, p.name, p.inhibition, "has HardWTA and spiking inhibition, but no shunt"
        )
    for part, reason in (
        (p.recruitment, "does not grow neurons (the circuit kernel does)"),
        (p.gain, "has no branch gains (the circuit kernel has)"),
    ):
        if part is not None:
            raise _refuse(network, p.name, part, reason)


def _check_projection(network: Network, q: Projection) -> None:
    rule = q.plasticity
    if rule is not None and type(rule) not in (PairSTDP, PermanenceSTDP, TraceSTDP):
        raise _refuse(
            network, q.name, rule, "learns by PairSTDP, TraceSTDP and PermanenceSTDP only"
        )
    if q.scaling is not None:
        raise _refuse(network, q.name, q.scaling, "does not scale weights")
    if isinstance(rule, PermanenceSTDP) and rule.homeostasis is not None:
        post = network[q.post]
        assert not isinstance(post, Source)
        if not (post.dendrites and q.target in [b.name for b in post.dendrites.branches]):
            raise _refuse(
                network, q.name, rule.homeostasis, "needs a PlateauBranch as target to count z"
            )
    c, post = q.connectivity, network[q.post]
    if (
        rule is not None
        and isinstance(c, Connectivity)
        and len(np.unique(c.i * post.size + c.j)) != len(c)
    ):
        raise _refuse(
            network, q.name, "repeated synapses", "learns on one synapse for each pre and post"
        )
