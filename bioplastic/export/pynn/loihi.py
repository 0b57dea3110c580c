"""A Loihi network in PyNN's terms, for the arithmetic of sPyNNaker's IF_curr_delta.

sPyNNaker keeps potentials in S16.15: whole multiples of 2⁻¹⁵ mV. Per step, in this order:
    v ← a − ⌊e (a − v)⌉,  a = ⌊R (Σw/dt + i_offset)⌉ + v_rest,  R = tau_m/cm,  e = expk(−dt/tau_m)
and a spike where v >= v_thresh; v ← v_reset. With du = 4095 a Loihi neuron needs no current of its
own, and with a unit of one greatest common divisor of its charges all of it is whole numbers:
    dv = 4095   e = 0, R = 1: the potential is the sum of this step. Loihi keeps 1/4096 of the last.
    dv = 0      e = 32766/32768, R = 16384: v ← v + Σw exactly while |v| < 8192 units (¼ mV) and
                |Σw| < 131072 units. (expk of −2⁻¹⁵ is 32766, not 32767, in their binaries.)
    else        e and R as near as S16.15 comes; stated as inexact.
A Loihi spike of step t is read in step t + 1 + delay: PyNN's delay is 1 + delay. `>` becomes `>=`
of the next multiple. Synapses have 16 bits, excitation and inhibition a ring buffer each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.export.pynn.network import (
    PynnNetwork,
    PynnPopulation,
    PynnProjection,
    PynnSource,
)
from bioplastic.quantize.loihi import SHIFT, LoihiNetwork, LoihiPopulation, LoihiProjection

LSB = 2.0**-15
"""mV: the step of S16.15."""
BUFFER = 65_535
"""Largest sum that a ring buffer holds."""
HOLDS = 8191
"""|v| in LSB up to which an integrator is exact."""
TIMESTEP = 1.0
"""ms of one Loihi step on SpiNNaker."""

Spikes = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """How charges of one population become LSB: charge·lsb is whole where `exact`."""

    lsb: float
    exact: bool


def pynn_network(network: LoihiNetwork, stimulus: Mapping[str, Spikes], steps: int) -> PynnNetwork:
    """The network for sPyNNaker, one step in 1 ms.

    stimulus   source → (steps, ids) of its spikes
    Raises UnsupportedModel for du other than 4095 and for weights that 16 bits do not hold.
    """
    units, populations = {}, []
    inexact: list[tuple[str, str]] = []
    for p in network.populations:
        incoming = [q for q in network.projections if q.post == p.name]
        unit, most = _unit(p, incoming)
        units[p.name] = unit
        populations.append(_population(p, unit, most))
        inexact += [(said, p.name) for said in _losses(p, unit, most)]
    projections = [part for q in network.projections for part in _projection(q, units[q.post].lsb)]
    silent = np.zeros(0, np.int64)
    return PynnNetwork(
        name=network.name,
        timestep=TIMESTEP,
        steps=steps,
        sources=tuple(
            PynnSource(
                name=s.name, size=s.size, steps=np.asarray(stimulus.get(s.name, (silent,) * 2)[0]),
                ids=np.asarray(stimulus.get(s.name, (silent,) * 2)[1]),
            )
            for s in network.sources
        ),
        populations=tuple(populations),
        projections=tuple(projections),
        inexact=grouped(inexact),
    )  # fmt: skip


def grouped(said: list[tuple[str, str]]) -> tuple[str, ...]:
    """(what, name) pairs as lines, one for each what, with all its names."""
    found: dict[str, list[str]] = {}
    for what, name in said:
        found.setdefault(what, []).append(name)
    return tuple(f"{', '.join(names)}: {what}" for what, names in found.items())


def _unit(p: LoihiPopulation, incoming: list[LoihiProjection]) -> tuple[Unit, tuple[int, int]]:
    """The unit of a population, and its largest sums of all charges, excitatory and inhibitory."""
    if p.du != 4095:
        raise UnsupportedModel(
            f"population {p.name!r}: du = {p.du}: IF_curr_delta has no synaptic current; du = 4095"
        )
    charges = [np.abs(q.charge) for q in incoming] + [np.abs(p.bias)]
    common = int(np.gcd.reduce(np.concatenate([*charges, np.zeros(1, np.int64)]))) or 1 << SHIFT
    most = [0, 0]
    for sign, k in ((1, 0), (-1, 1)):
        total = np.zeros(p.size, np.int64)
        for q in incoming:
            mine = np.sign(q.charge) == sign
            np.add.at(total, np.asarray(q.j)[mine], np.abs(q.charge[mine]))
        most[k] = int(total.max(initial=0))
    if p.dv in (0, 4095):
        unit = Unit(lsb=1 / common, exact=True)
    else:  # as fine as the largest sum, and R times it, allow
        room = max(*most, (p.vth << SHIFT) + int(np.abs(p.bias).max(initial=0)), 1)
        resistance = 4096 / p.dv
        unit = Unit(lsb=2.0 ** math.floor(math.log2(2**30 / (room * resistance))), exact=False)
    largest = max((int(c.max(initial=0)) for c in charges[:-1]), default=0)
    if unit.exact and largest // common > BUFFER:
        raise UnsupportedModel(
            f"population {p.name!r}: its largest weight is {largest // common:,} times the common"
            f" divisor of all: a synapse of SpiNNaker holds {BUFFER:,}"
        )
    return unit, (most[0], most[1])


def _population(p: LoihiPopulation, unit: Unit, most: tuple[int, int]) -> PynnPopulation:
    keep = (4096 - p.dv) / 4096
    if p.dv == 4095:
        tau = cm = TIMESTEP / 16  # dt/tau above 10.4: expk gives 0
    elif p.dv == 0:
        tau, cm = 32768 * TIMESTEP, 2.0  # dt/tau is one LSB: expk gives 32766 of 32768
    else:
        tau = -TIMESTEP / math.log(keep)
        cm = tau * (1 - keep) / TIMESTEP
    least = (p.vth << SHIFT) + 1  # the first potential that is above the threshold
    threshold = math.ceil(least * unit.lsb - 1e-9) if unit.exact else round(least * unit.lsb)
    bias = p.bias * unit.lsb * LSB
    offset = float(bias[0]) if len(np.unique(bias)) == 1 else bias
    fits = [math.ceil(m * unit.lsb) * LSB for m in most]
    return PynnPopulation(
        name=p.name, size=p.size, model="IF_curr_delta",
        parameters={
            "tau_m": tau, "cm": cm, "v_rest": 0.0, "v_reset": 0.0, "v_thresh": threshold * LSB,
            "tau_refrac": (p.refractory - 1) * TIMESTEP, "i_offset": offset,
        },
        most=(min(fits[0], 0.999), min(fits[1], 0.999)) if unit.exact else (fits[0], fits[1]),
    )  # fmt: skip


def _projection(q: LoihiProjection, lsb: float) -> list[PynnProjection]:
    """Its excitatory and its inhibitory synapses."""
    found = []
    charge = q.charge
    for sign, receptor in ((1, "excitatory"), (-1, "inhibitory")):
        mine = np.flatnonzero(np.sign(charge) == sign)
        if len(mine):
            found.append(
                PynnProjection(
                    name=f"{q.name} {'+' if sign > 0 else '-'}", pre=q.pre, post=q.post,
                    receptor=receptor, i=np.asarray(q.i)[mine], j=np.asarray(q.j)[mine],
                    weight=np.abs(charge[mine]) * lsb * LSB,
                    delay=1 + np.asarray(q.delay, np.int64)[mine],
                )
            )  # fmt: skip
    return found


def _losses(p: LoihiPopulation, unit: Unit, most: tuple[int, int]) -> list[str]:
    """What is not exact about a population, in words."""
    said = []
    if p.dv == 4095:
        said.append("Loihi keeps 1/4096 of the last potential, SpiNNaker nothing")
    elif p.dv:
        said.append("the leak is rounded to 2^-15 of the potential a step, weights to 16 bits")
    if unit.exact and p.dv == 0:
        over = math.ceil(((p.vth << SHIFT) + 1) * unit.lsb)
        if over > HOLDS:
            said.append(f"exact up to {HOLDS} units of potential, the threshold is {over}")
    for m, receptor in zip(most, ("excitatory", "inhibitory"), strict=True):
        if unit.exact and m * unit.lsb > BUFFER:
            said.append(
                f"all {receptor} synapses at once would be {m * unit.lsb:,.0f} units;"
                f" the ring buffer ends at {BUFFER:,}"
            )
    return said
