"""Linear populations that are LIF neurons in other words, turned into LIF populations, bit for bit.

A stranger writes dv/dt = (g_e + g_i − (v − E_L))/tau_m with dg/dt = −g/tau: a linear system, and a
leaky neuron with two exponential currents. As the latter it runs on every kernel, faster. The
integers stay what they are: propagators, LSBs, thresholds and start values move over unchanged.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bioplastic.quantize.fixed_point import PROPAGATOR, round_shift
from bioplastic.quantize.integer_network import IntegerNetwork
from bioplastic.quantize.integer_population import (
    ExponentialChannel,
    IntegerLinear,
    IntegerPopulation,
)

ONE = 1 << PROPAGATOR
INT32 = (1 << 31) - 1


def lean(network: IntegerNetwork) -> IntegerNetwork:
    """The same network, with every linear population that is a LIF neuron written as one.

    Spikes, potentials, currents and weights keep every bit; the state v of population p moves from
    "p.v/current" to "p/v".
    """
    changed = {}
    for p in network.populations:
        incoming = {q.channel for q in network.projections if q.post == p.name}
        if isinstance(p, IntegerLinear):
            found = leaky(p, incoming)
            if found is not None:
                changed[p.name] = found
    return replace(
        network,
        populations=tuple(
            changed[p.name][0] if p.name in changed else p for p in network.populations
        ),
        projections=tuple(
            replace(q, channel=changed[q.post][1].index(q.channel)) if q.post in changed else q
            for q in network.projections
        ),
    )


def leaky(p: IntegerLinear, incoming: set[int]) -> tuple[IntegerPopulation, list[int]] | None:
    """`p` as LIF neurons and the places of its currents among its states, or None.

    incoming   places of the states that projections reach: the potential must not be one of them
    """
    at = np.flatnonzero(p.form.row)
    if len(at) != 1 or p.form.row[at[0]] <= 0 or np.ptp(p.form.theta) or p.events:
        return None
    v = int(at[0])
    others = [k for k in range(len(p.states)) if k != v]
    if v in incoming or any(s.deaf for s in p.states) or not _fits(p, v, others):
        return None
    matrix = p.free.matrix
    channels = tuple(
        ExponentialChannel(
            name=p.states[k].name,
            pii=int(matrix[k, k]),
            pvi=int(matrix[v, k]),
            lsb=p.states[k].lsb,
        )
        for k in others
    )
    whole = IntegerPopulation(
        name=p.name,
        size=p.size,
        pvv=int(matrix[v, v]),
        pv1=ONE - int(matrix[v, v]),
        offset=p.free.offset[:, v].copy(),
        v_th=int(p.form.theta[0] // p.form.row[v]),
        v_reset=_reset(p, v),
        refractory=p.refractory,
        channels=channels,
        lsb=p.states[v].lsb,
        labels=p.labels,
        initial=tuple(np.ascontiguousarray(p.initial[:, k]) for k in (v, *others)),
    )
    return whole, others


def _reset(p: IntegerLinear, v: int) -> int:
    """What state v is after a spike, LSB."""
    return int(round_shift(int(p.reset.offset[v]), PROPAGATOR))


def _fits(p: IntegerLinear, v: int, others: list[int]) -> bool:
    """Whether the integers of `p` are those of a leaky neuron with exponential currents."""
    free, n = p.free.matrix, len(p.states)
    single = np.diag(np.diag(free))
    still, stands = free.copy(), p.free.offset.copy()
    still[v], stands[:, v] = 0, 0
    still[v, v] = ONE
    to, jump = np.eye(n, dtype=np.int64) * ONE, np.zeros(n, np.int64)
    to[v, v], jump[v] = 0, p.reset.offset[v]
    reach = [p.form.theta[0] // p.form.row[v], _reset(p, v)]
    return bool(
        0 <= free[v, v] < ONE
        and np.array_equal(free[others], single[others])
        and not np.any(p.free.offset[:, others])
        and np.array_equal(p.reset.matrix, to)
        and np.array_equal(p.reset.offset, jump)
        and np.all(np.abs([*free.ravel(), *reach]) <= INT32)
        and (
            p.refractory <= 1
            or (np.array_equal(p.held.matrix, still) and np.array_equal(p.held.offset, stands))
        )
    )
