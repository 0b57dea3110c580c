"""Populations of a Loihi network that can never spike: what quantisation silenced.

A neuron that gets, in every step, all positive charges of units that can spike, holds at most
    u = charges / (1 − keep_u),   v = (u + bias) / (1 − keep_v)
without bound where v has no leak and anything lifts it. Sources can spike; a population can when
that is above threshold in one of its neurons, counting only what can spike already, so that a loop
does not start itself. The rest is dead. What is not listed may still stay silent: the bound is the
worst case, and a neuron whose u could wrap counts as one that can spike.
"""

from __future__ import annotations

import numpy as np

from bioplastic.quantize.loihi import (
    DECAY_MAX,
    SHIFT,
    STATE_BITS,
    LoihiNetwork,
    LoihiPopulation,
)
from bioplastic.quantize.report import Dead

ONE = 4096
TOP = 1 << (STATE_BITS - 1)


def dead_populations(network: LoihiNetwork) -> tuple[Dead, ...]:
    """The dead of a network, in its order, with the reason."""
    spike = {s.name for s in network.sources}
    while True:
        waiting = [p for p in network.populations if p.name not in spike]
        reasons = {p.name: _reason(network, p, spike) for p in waiting}
        fresh = {name for name, reason in reasons.items() if reason is None}
        if not fresh:
            return tuple(Dead(what=name, reason=str(why)) for name, why in reasons.items())
        spike |= fresh


def _reason(network: LoihiNetwork, p: LoihiPopulation, spike: set[str]) -> str | None:
    """Why no neuron of `p` can spike if only the groups in `spike` do; None if one can."""
    lift, push = np.zeros(p.size), np.zeros(p.size)
    for q in network.projections:
        if q.post == p.name and q.pre in spike and len(q.i):
            lift += np.bincount(q.j, weights=np.maximum(q.charge, 0), minlength=p.size)
            push += np.bincount(q.j, weights=np.minimum(q.charge, 0), minlength=p.size)
    gathers = 1 / (1 - (DECAY_MAX - p.du) / ONE)
    if np.any(push * gathers <= -TOP):
        return None  # u could wrap from the negative end to the positive
    u = lift * gathers
    drive = u + p.bias
    if p.dv == 0:
        alive = drive > 0
        most = np.where(alive, np.inf, 0.0)
    else:
        most = drive / (1 - (ONE - p.dv) / ONE)
        alive = most > p.vth << SHIFT
    if np.any(alive):
        return None
    if not np.any(drive > 0):
        return "nothing that can spike lifts it"
    short = 1 - float(most.max()) / (p.vth << SHIFT)
    return f"all its inputs in every step leave it {short:.0%} below threshold"
