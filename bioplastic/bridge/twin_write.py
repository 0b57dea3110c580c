"""The way back: trained values into the description they came from."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
from brian2 import Quantity, get_dimensions

from bioplastic.bridge.twin_synapses import Synapses, synapses_of
from bioplastic.description import Network, PairSTDP, PermanenceSTDP, Projection, TraceSTDP
from bioplastic.errors import UnsupportedModel, UsageError


def fingerprint(network: Network) -> str:
    """Hash of names, sizes, kinds, synapses and delays: what arrays of a network must fit."""
    sha = hashlib.sha256(network.name.encode())
    for group in network.groups():
        kind = type(getattr(group, "neuron", group)).__name__
        sha.update(f"|{group.name}|{group.size}|{kind}".encode())
    for q in network.projections:
        synapses = synapses_of(q)
        sha.update(f"|{q.name}|{q.pre}|{q.post}|{q.target}|{len(synapses)}".encode())
        sha.update(synapses.i.tobytes() + synapses.j.tobytes() + synapses.delays().tobytes())
    return sha.hexdigest()


def written(projection: Projection, before: Projection, synapses: Synapses) -> Projection:
    """The projection with the weights of its twin; itself when they are what they were.

    before   the projection as the twin was built from it, without its rule
    Raises UnsupportedModel under PermanenceSTDP, UsageError for weights outside a rule's bounds.
    """
    weight, owner = synapses.weight.si(), f"{projection.name}.weight"
    old = np.asarray(before.connectivity.weight, dtype=float)
    if np.array_equal(weight, np.broadcast_to(old, weight.shape)):
        return projection
    synapses.weight.check()
    if isinstance(projection.plasticity, PermanenceSTDP):
        raise UnsupportedModel(
            f"{owner}: PermanenceSTDP derives weights from permanences; "
            "write trained weights back to a network without the rule"
        )
    low, high = _bounds(projection.plasticity)
    outside = np.flatnonzero((weight < low) | (weight > high))
    if len(outside):
        k, rule = outside[0], type(projection.plasticity).__name__
        raise UsageError(
            f"{owner}[{k}] = {weight[k]:g}: must lie in {low:g}..{high:g} under {rule}"
        )
    given = synapses_of(projection)
    unit = get_dimensions(given.weight)
    new = weight if unit.is_dimensionless else Quantity(weight, dim=unit)
    return replace(projection, connectivity=replace(given, weight=new))


def _bounds(rule: Any) -> tuple[float, float]:
    if isinstance(rule, PairSTDP):
        return 0.0, float(rule.w_max)
    if isinstance(rule, TraceSTDP):
        return float(rule.low), float(rule.high)
    return -np.inf, np.inf
