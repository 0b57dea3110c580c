"""A dendritic-attention description read for Brian2: which pool primes which, on a grid of steps.

The network is read by its mechanisms, not by its names: pools are populations with recruitment,
value branches are ThetaSTDP projections onto GradedBranches, the race is the one EscapeRace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import amp

from bioplastic.description import (
    BranchGain,
    EscapeRace,
    GateBranch,
    GradedBranch,
    Network,
    Population,
    Projection,
    Rhythm,
    Source,
    ThetaSTDP,
)
from bioplastic.errors import UnsupportedModel
from bioplastic.simulate.attention_supported import check_pool, check_race, delay_steps
from bioplastic.simulate.grid import whole


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """The arrays of a dendritic-attention network; times in steps, P pools, V symbols, B branches.

    first (P+1,)          first key of each pool in the one group that holds all pools
    parent (P,)           pool that primes the pool, −1 = not gated
    prime_delay, window   (P,) of the projection that primes the pool
    drive, direct (P, V)  weight of a mature gated synapse and of an ungated one onto key 0, A
    branch_pool, branch_delay, hold (B,)   of the value branches
    t_ref                 refractory time in steps: v stands still for t_ref − 1 after a spike
    """

    source: Source
    pools: list[Population]
    race: Population
    rhythm: Rhythm
    values: list[Projection]
    dt: float
    first: np.ndarray
    parent: np.ndarray
    prime_delay: np.ndarray
    window: np.ndarray
    drive: np.ndarray
    direct: np.ndarray
    drive_delay: np.ndarray
    direct_delay: np.ndarray
    branch_pool: np.ndarray
    branch_delay: np.ndarray
    hold: np.ndarray
    teacher_delay: int
    period: int
    encoding: int
    gamma_steps: int
    t_ref: int

    @property
    def neuron(self) -> Any:
        """The LIF that every pool shares."""
        return self.pools[0].neuron

    @property
    def stdp(self) -> ThetaSTDP:
        """The learning rule that every value branch shares."""
        rule = self.values[0].plasticity
        assert isinstance(rule, ThetaSTDP)
        return rule

    @property
    def gain(self) -> BranchGain:
        """The gain rule; without one the gains stay 1."""
        return self.race.gain or BranchGain(rate=0.0)

    @property
    def ramp(self) -> EscapeRace:
        """The neuron of the race."""
        assert isinstance(self.race.neuron, EscapeRace)
        return self.race.neuron

    @property
    def branches(self) -> list[str]:
        """Names of the value branches (B,)."""
        return [q.target for q in self.values]

    @property
    def pool_of(self) -> np.ndarray:
        """Pool of each key (N,)."""
        return np.repeat(np.arange(len(self.pools)), np.diff(self.first))


def read_layout(network: Network, dt: float) -> Layout:
    """Read a dendritic-attention description on the grid dt (s).

    Raises UnsupportedModel naming the object that does not belong to such a network, UsageError for
    times off the grid.
    """
    pools = [p for p in network.populations if p.recruitment is not None]
    races = [p for p in network.populations if isinstance(p.neuron, EscapeRace)]
    if len(races) != 1 or not pools or len(network.sources) != 1 or network.rhythm is None:
        raise UnsupportedModel(
            f"{network.name}: not a dendritic attention network, which has one source, a rhythm, "
            "recruiting pools and one EscapeRace population"
        )
    membrane: Any = pools[0].neuron
    race, source, rhythm = races[0], network.sources[0], network.rhythm
    for population in network.populations:
        if population is not race:
            check_pool(population, pools[0])
    check_race(race, source)
    values = [q for q in network.projections if isinstance(q.plasticity, ThetaSTDP)]
    period = whole("rhythm.period", rhythm.period, dt)
    encoding = whole("rhythm.encoding", rhythm.encoding, dt)
    retrieval = rhythm.period - rhythm.encoding
    teachers = [q for q in network.projections if q.target == "teacher"]
    if len(teachers) != 1:
        raise UnsupportedModel(f"{race.name}: needs one projection onto 'teacher'")
    return Layout(
        source=source,
        pools=pools,
        race=race,
        rhythm=rhythm,
        values=values,
        dt=dt,
        first=np.concatenate([[0], np.cumsum([p.size for p in pools])]),
        **_wiring(network, pools, source.size, dt),
        **_branches(network, pools, race, values, dt),
        teacher_delay=delay_steps(teachers[0], dt),
        period=period,
        encoding=encoding,
        gamma_steps=whole("rhythm gamma cycle", retrieval / rhythm.gamma, dt),
        t_ref=whole(f"{pools[0].name}.neuron.t_ref", membrane.t_ref, dt),
    )


def _wiring(network: Network, pools: list[Population], size: int, dt: float) -> dict[str, Any]:
    """Priming, drive and direct projections of every pool."""
    names, n = [pool.name for pool in pools], len(pools)
    parent = np.full(n, -1)
    prime_delay, drive_delay, direct_delay = (np.ones(n, int) for _ in range(3))
    window, drive, direct = np.zeros(n, int), np.zeros((n, size)), np.zeros((n, size))
    for p, pool in enumerate(pools):
        assert pool.dendrites is not None
        gate = pool.dendrites.branches[0]
        assert isinstance(gate, GateBranch)
        for q in (q for q in network.projections if q.post == pool.name):
            if q.target == gate.name:
                if q.pre not in names or names.index(q.pre) in parent or parent[p] >= 0:
                    raise UnsupportedModel(f"{q.name}: one pool primes at most one pool")
                parent[p], prime_delay[p] = names.index(q.pre), delay_steps(q, dt)
                window[p] = whole(f"{pool.name}.window", gate.window, dt)
            elif q.target == gate.drive:
                drive[p, q.connectivity.sources()] = float(q.connectivity.weight / amp)  # type: ignore[union-attr]
                drive_delay[p] = delay_steps(q, dt)
            elif np.any(q.connectivity.j != 0):  # type: ignore[union-attr]
                raise UnsupportedModel(f"{q.name}: direct synapses must reach neuron 0 only")
            else:
                direct[p, q.connectivity.i] = q.connectivity.weights(amp)  # type: ignore[union-attr]
                direct_delay[p] = delay_steps(q, dt)
    drive[parent < 0] = 0.0
    return {
        "parent": parent, "prime_delay": prime_delay, "window": window, "drive": drive,
        "direct": direct, "drive_delay": drive_delay, "direct_delay": direct_delay,
    }  # fmt: skip


def _branches(
    network: Network,
    pools: list[Population],
    race: Population,
    values: list[Projection],
    dt: float,
) -> dict[str, np.ndarray]:
    """Pool, delay and plateau length of every value branch."""
    names, rows = [pool.name for pool in pools], []
    if len({repr(q.plasticity) for q in values}) != 1 or race.dendrites is None:
        raise UnsupportedModel(f"{race.name}: its value branches must share one ThetaSTDP")
    for q in values:
        branch = race.dendrites[q.target]
        if not isinstance(branch, GradedBranch) or q.pre not in names:
            raise UnsupportedModel(f"{q.name}: ThetaSTDP runs from a pool to a GradedBranch")
        hold = whole(f"{branch.name}.duration", branch.duration, dt)
        rows.append((names.index(q.pre), delay_steps(q, dt), hold))
    table = np.array(rows)
    return {"branch_pool": table[:, 0], "branch_delay": table[:, 1], "hold": table[:, 2]}
