"""The LSB of every state: as fine as the overflow proof allows.

LIF neurons keep the LSB they are given. The states of a linear neuron get a power of two each,
found from the bound of a first draft; a conductance neuron starts at 2^-24 of the leak and at the
given LSB of v. Whatever comes out must pass the proof on the integers that will run.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
from brian2 import amp

from bioplastic.description import ConductanceLIF, LinearIF, Network, Population, Projection
from bioplastic.errors import UnsupportedModel
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.bounds import bound_population, find_bounds
from bioplastic.quantize.integer_network import (
    IntegerConductance,
    IntegerLinear,
    IntegerPopulation,
    IntegerProjection,
    IntegerSource,
)
from bioplastic.quantize.lower_conductance import lower_conductance
from bioplastic.quantize.lower_linear import fitting, lower_linear, magnitudes
from bioplastic.quantize.lower_population import lower_population
from bioplastic.quantize.lower_projection import lower_projection, synapses
from bioplastic.quantize.report import Bound, Rounding

FINEST, COARSEST = 24, 8  # fraction bits of a conductance
GUESS = 2.0**-24
ROOM = 2.0**30  # where a bound should come to lie: half of what int32 holds


class Draft:
    """A network on its way: populations and projections that may still change their scales."""

    def __init__(
        self,
        network: Network,
        projections: list[Projection],
        sources: list[IntegerSource],
        dt: float,
        fraction: int,
        plastic_bits: int = 8,
    ) -> None:
        self.network, self.dt, self.fraction = network, dt, fraction
        self.plastic_bits = plastic_bits
        self.described = {q.name: q for q in projections}
        self.sources = {s.name: s for s in sources}
        self.populations: dict[str, Any] = {}
        self.projections: dict[str, IntegerProjection] = {}
        self.roundings: dict[str, list[Rounding]] = {}
        for p in network.populations:
            self.put(p, first(p.neuron, p, self))
        for q in projections:
            self._project(q)

    def put(self, p: Population, lowered: tuple[Any, list[Rounding]]) -> None:
        """Take new integers of population `p`."""
        self.populations[p.name], self.roundings[p.name] = lowered

    def replace(self, p: Population, lowered: tuple[Any, list[Rounding]]) -> None:
        """Take new integers of population `p` and scale the weights onto it anew."""
        self.put(p, lowered)
        for q in self.described.values():
            if q.post == p.name:
                self._project(q)

    def _project(self, q: Projection) -> None:
        post = self.network[q.post]
        assert isinstance(post, Population)
        lowered = self.populations[q.post]
        channel = lowered.channels[post.targets().index(q.target)]
        lsb = lowered.lsb if isinstance(lowered, IntegerPopulation) else channel.lsb
        found = lower_projection(self.network, q, self.dt, lsb, plastic_bits=self.plastic_bits)
        self.projections[q.name], self.roundings[q.name] = found

    def incoming(self, name: str) -> dict[int, list[tuple[Any, Any]]]:
        """Channel -> projections onto it, each with its pre."""
        groups: dict[str, Any] = self.sources | self.populations
        found: dict[int, list[tuple[Any, Any]]] = {}
        for q in self.projections.values():
            if q.post == name:
                found.setdefault(q.channel, []).append((q, groups[q.pre]))
        return found

    def heaviest(self, p: Population, target: str) -> float:
        """Largest weight that the description puts onto `target`, SI."""
        sizes = [
            float(np.max(np.abs(synapses(q).weights(amp)), initial=0.0))
            for q in self.described.values()
            if (q.post, q.target) == (p.name, target)
        ]
        return max(sizes, default=0.0)


@singledispatch
def first(neuron: Any, p: Population, draft: Draft) -> tuple[Any, list[Rounding]]:
    """First integers of a population."""
    return lower_population(p, draft.network.rhythm, draft.dt, draft.fraction)


@first.register
def _(neuron: LinearIF, p: Population, draft: Draft) -> tuple[Any, list[Rounding]]:
    arriving = np.array([draft.heaviest(p, name) for name in neuron.names])
    size = magnitudes(p, draft.dt, arriving)
    lsb = fitting(p, draft.dt, 2.0 ** np.ceil(np.log2(size)) * GUESS)
    return lower_linear(p, draft.dt, lsb)


@first.register
def _(neuron: ConductanceLIF, p: Population, draft: Draft) -> tuple[Any, list[Rounding]]:
    return lower_conductance(p, draft.dt, fp.state_lsb(draft.fraction), FINEST)


def fix_scales(draft: Draft, name: str) -> list[Bound]:
    """Settle the scales of population `name`; returns its bounds, which hold.

    Raises UnsupportedModel with the state and the number where no scale passes.
    """
    p = draft.network[name]
    assert isinstance(p, Population)
    return _fix(draft.populations[name], p, draft)


@singledispatch
def _fix(lowered: Any, p: Population, draft: Draft) -> list[Bound]:
    return bound_population(lowered, draft.incoming(p.name))


@_fix.register
def _(lowered: IntegerLinear, p: Population, draft: Draft) -> list[Bound]:
    n = len(lowered.states)
    lsb = np.array([s.lsb for s in lowered.states])
    for turn in range(24):
        bounds = find_bounds(draft.populations[p.name], draft.incoming(p.name))
        if turn and all(b.bound <= b.limit for b in bounds):
            return bounds
        states = np.array([b.bound for b in bounds[:n]])
        if not np.all(np.isfinite(states)):
            _unbounded(bounds[:n])
        wanted = 2.0 ** np.ceil(np.log2(np.maximum(states, 1.0) / ROOM)) * (states > 0)
        factor = np.where(wanted > 0, wanted, 1.0)
        if turn:
            factor = np.maximum(factor, 1.0)
            if all(b.bound <= b.limit for b in bounds[:n]):
                factor[:] = 2.0
        lsb = fitting(p, draft.dt, lsb * factor)
        draft.replace(p, lower_linear(p, draft.dt, lsb))
    worst = max(bounds, key=lambda b: b.bound / b.limit)
    raise UnsupportedModel(
        f"{worst.what}: could reach {worst.bound:.3g} LSB at every scale, the format holds "
        f"{worst.limit:.3g}: its states differ too much in size"
    )


def _unbounded(states: list[Bound]) -> None:
    worst = next(b for b in states if not np.isfinite(b.bound))
    raise UnsupportedModel(
        f"{worst.what}: no bound: input can pile up on it without end, because it does not decay "
        "or its resets do not shrink it; the sparse kernel runs what it can prove not to overflow"
    )


@_fix.register
def _(lowered: IntegerConductance, p: Population, draft: Draft) -> list[Bound]:
    shift, lsb = FINEST, fp.state_lsb(draft.fraction)
    while True:
        bounds = find_bounds(draft.populations[p.name], draft.incoming(p.name))
        over = [b for b in bounds if not b.bound <= b.limit]
        if not over:
            return bounds
        potential = [b for b in over if b.what in (f"{p.name}.v", f"{p.name}.theta")]
        shift, lsb = (shift, 2 * lsb) if potential else (shift - 1, lsb)
        if shift < COARSEST or lsb > 2.0**-10 or not np.isfinite(over[0].bound):
            raise UnsupportedModel(
                f"{over[0].what}: could reach {over[0].bound:.3g} LSB, the format holds "
                f"{over[0].limit:.3g}: lower the weights or the fan-in"
            )
        draft.replace(p, lower_conductance(p, draft.dt, lsb, shift))
