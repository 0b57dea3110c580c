"""What a run of a dendritic-attention network found, whichever executor ran it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brian2
import numpy as np

from bioplastic.analysis.surprise import bits
from bioplastic.result import SpikeRecord
from bioplastic.simulate.attention_layout import Layout
from bioplastic.simulate.attention_learning import Learning
from bioplastic.simulate.attention_synapses import array


@dataclass(frozen=True, kw_only=True, eq=False)
class AttentionRun:
    """What one executor found on L theta cycles (V symbols, P pools, B branches, R key rows).

    symbols (L,)            symbol of each cycle, −1 = none
    potentials (L, V)       u at the last step of each cycle, nats, before the next symbol
    winners (L, gamma)      output that won each race, −1 = none
    steps (L, gamma)        step inside the gamma cycle at which it won, −1 = none
    recruited (L, P)        key recruited in the cycle (index in its pool), −1 = none
    weights (R, V)          slow weights after the last step, nats; R = pairs (branch, key)
    changed (E, 2)          cycle and position in weights.ravel() of weights that a cycle changed
    changed_to (E,)         their value at the end of the cycle, nats
    efficacy (L, B, levels) worth of each fast state at the end of each cycle, nats
    spikes                  source, pool or race -> SpikeRecord
    ramp                    nats below threshold at the start of a race, nats per step
    contests, noise (L, gamma, V)  u + Gumbel number at the spike of a free winner (nan: none), and
                            the Gumbel numbers alone; contests is None where they were not recorded
    potentials_at           function of (cycle, gamma cycle, step inside it) -> u (V,) that the race
                            saw then, nats, or None
    """

    symbols: np.ndarray
    potentials: np.ndarray
    winners: np.ndarray
    steps: np.ndarray
    recruited: np.ndarray
    weights: np.ndarray
    changed: np.ndarray
    changed_to: np.ndarray
    efficacy: np.ndarray
    spikes: dict[str, SpikeRecord]
    ramp: tuple[float, float]
    noise: np.ndarray
    contests: np.ndarray | None = None
    potentials_at: Callable[[int, int, int], np.ndarray] | None = None
    seconds: float = 0.0

    def bits(self) -> np.ndarray:
        """Surprise of each symbol but the first by the potentials before it, bits."""
        known = self.symbols[1:] >= 0
        return bits(self.potentials[:-1][known], 1.0, self.symbols[1:][known])


class Log:
    """Records at the last step of each cycle what it found."""

    def __init__(self, layout: Layout, clock: brian2.Clock, rule: Learning, cycles: int) -> None:
        self.period, self.rule, self.now = layout.period, rule, array(clock, "timestep")
        self.potentials = np.zeros((cycles, rule.size))
        self.efficacy = np.zeros((cycles, *rule.efficacy.shape))
        self.before = rule.w.copy()
        self.changed: list[np.ndarray] = []
        self.changed_to: list[np.ndarray] = []

    def write(self) -> None:
        """Take the potentials that the next step starts from, and the weights that changed."""
        cycle, phase = divmod(int(self.now[0]), self.period)
        if phase != self.period - 1:
            return
        self.potentials[cycle] = self.rule.potentials(int(self.now[0]) + 1)
        self.efficacy[cycle] = self.rule.efficacy
        where = np.flatnonzero(self.rule.w.ravel() != self.before.ravel())
        self.changed.append(np.stack([np.full_like(where, cycle), where], axis=1))
        self.changed_to.append(self.rule.w.ravel()[where])
        self.before[:] = self.rule.w


def spike_records(
    layout: Layout, monitors: dict[str, brian2.SpikeMonitor]
) -> dict[str, SpikeRecord]:
    """Spikes of the source, of each pool and of the outputs, ordered by (step, id)."""
    found = {}
    steps = {k: np.rint(np.asarray(m.t_) / layout.dt).astype(np.int64) for k, m in monitors.items()}
    ids = {k: np.asarray(m.i[:], dtype=np.int64) for k, m in monitors.items()}
    groups: list[tuple[Any, str, int]] = [(layout.source, "source", 0), (layout.race, "outputs", 0)]
    groups += [(p, "keys", int(a)) for p, a in zip(layout.pools, layout.first, strict=False)]
    for group, key, first in groups:
        mine = (ids[key] >= first) & (ids[key] < first + group.size)
        found[group.name] = SpikeRecord(
            population=group.name,
            steps=steps[key][mine],
            ids=ids[key][mine] - first,
            size=group.size,
            dt=layout.dt,
            labels=group.labels,
        )
    return found
