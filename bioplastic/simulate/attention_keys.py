"""Pools of keys: what Brian2 has no primitive for, as numpy operations in the right slot of a step.

before_thresholds  GroupShunt: which of the keys above threshold spikes
synapses, order 1  gates: an arrived prime opens the keys that grew a synapse from it (after "prime"
                   and "drive_seen", order 0; before "drive", order 2)
resets, order 1    recruitment of a young key that spiked, and the shunt of its pool (after Brian2's
                   own reset, before the event "axon" is read)
"""

from __future__ import annotations

import numpy as np
from brian2 import volt

from bioplastic.simulate.attention_groups import NEVER, Groups
from bioplastic.simulate.attention_layout import Layout
from bioplastic.simulate.attention_synapses import array


class KeyRules:
    """Competition, gates and recruitment of all pools.

    Of the members above threshold the one with the largest v spikes, the lower index at equality,
    and v and I of the whole pool go to rest. A mature key's gate is open while t < arrival of its
    parent's prime + window. The front of a pool (its first young key) is gated by the eligible
    parent whose prime arrived last, and takes the drive of every symbol at `young` times the full
    weight; when it spikes, it keeps that parent and that symbol at full weight, unless a mature key
    of the pool holds the pair already.
    """

    def __init__(self, layout: Layout, groups: Groups) -> None:
        self.layout, self.pool_of = layout, layout.pool_of
        self.first, self.n = layout.first.tolist(), int(layout.first[-1])
        self.mature = np.array([pool.mature for pool in layout.pools])
        self.candidate = np.full((len(layout.pools), 2), -1)
        self.young = np.array([pool.recruitment.young for pool in layout.pools if pool.recruitment])
        self.after = [p.recruitment.min_activations for p in layout.pools if p.recruitment]
        window = np.zeros(len(layout.pools), dtype=np.int64)
        child = layout.parent >= 0
        window[layout.parent[child]] = layout.window[child]
        self.window = window[self.pool_of]  # [N] of the pool that this key primes
        keys = groups.keys
        self.now = array(groups.clock, "timestep")
        self.v, self.current, self.free = (array(keys, n) for n in ("v", "I", "not_refractory"))
        self.may, self.transmits = array(keys, "may_spike"), array(keys, "transmits")
        self.primed, self.gate_until = array(keys, "primed_at"), array(keys, "gate_until")
        self.parent, self.symbol = array(keys, "parent"), array(keys, "symbol")
        self.spikes, self.count = array(keys, "_spikespace"), array(keys, "count")
        self.seen, self.driven = array(groups.pools, "symbol"), array(groups.pools, "driven_at")
        self.weight = array(groups.drive, "w").reshape(-1, self.n)  # [V, N]
        self.v_th, self.v_rest = (
            float(x / volt) for x in (layout.neuron.v_th, layout.neuron.v_rest)
        )
        self.transmitting = False
        self.recruited: list[tuple[int, int, int]] = []
        for p in np.flatnonzero(child):
            self._excite_front(int(p))

    def _excite_front(self, p: int) -> None:
        """Give the first young key of pool p its silent synapses at `young` times full weight."""
        front = self.first[p] + self.mature[p]
        if front < self.first[p + 1]:
            self.weight[:, front] = self.young[p] * self.layout.drive[p]

    def compete(self) -> None:
        """Choose the spike of each pool."""
        above = np.flatnonzero((self.v > self.v_th) & self.free)
        if not len(above):
            return
        for p in np.unique(self.pool_of[above]):
            members = above[self.pool_of[above] == p]
            self.may[members[np.argmax(self.v[members])]] = True

    def gate(self) -> None:
        """Open the gates of keys whose parent's prime arrived, and of driven fronts."""
        now = int(self.now[0])
        arrived = np.flatnonzero(self.primed == now)
        if len(arrived):
            children = np.flatnonzero(np.isin(self.parent, arrived))
            self.gate_until[children] = now + self.window[self.parent[children]]
        for p in np.flatnonzero(self.driven == now):
            self._gate_front(int(p), now)

    def _gate_front(self, p: int, now: int) -> None:
        front, pre = self.first[p] + self.mature[p], self.layout.parent[p]
        if front >= self.first[p + 1]:
            return
        parents = np.arange(self.first[pre], self.first[pre + 1])
        open_ = now < self.primed[parents] + self.layout.window[p]
        open_ &= self.count[parents] >= self.after[p]
        if not open_.any():
            self.gate_until[front] = NEVER
            return
        parents = parents[open_]
        latest = parents[np.argmax(self.primed[parents])]
        self.gate_until[front] = self.primed[latest] + self.layout.window[p]
        self.candidate[p] = latest, self.seen[p]

    def finish(self) -> None:
        """Recruit, shunt, and let mature keys spike into their axons."""
        if self.transmitting:
            self.transmits[:] = False
            self.transmitting = False
        for k in self.spikes[: self.spikes[-1]]:
            p = int(self.pool_of[k])
            self.count[k] += 1
            if k < self.first[p] + self.mature[p] or self._recruit(p, int(k)):
                self.transmits[k] = self.transmitting = True
            members = slice(self.first[p], self.first[p + 1])
            self.v[members], self.current[members] = self.v_rest, 0.0

    def _recruit(self, p: int, k: int) -> bool:
        """Grow the synapses of the candidate pair on the front k; False if another key holds it."""
        parent, symbol = self.candidate[p].tolist()
        members = slice(self.first[p], self.first[p + 1])
        if np.any((self.parent[members] == parent) & (self.symbol[members] == symbol)):
            return False
        self.parent[k], self.symbol[k] = parent, symbol
        self.gate_until[k] = self.primed[parent] + self.layout.window[p]
        self.weight[:, k] = 0.0
        self.weight[symbol, k] = self.layout.drive[p, symbol]
        self.mature[p] += 1
        self._excite_front(p)
        self.recruited.append((int(self.now[0]), p, k))
        return True
