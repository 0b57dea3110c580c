"""Graded plateaus and theta-phase STDP on output spikes, as numpy operations on Brian2's arrays.

synapses, order 5  height of the plateaus that an arrival latched in this step: gain·w + E[f]
after_synapses     plasticity of the output spike of this step on every branch that lives
"""

from __future__ import annotations

import numpy as np

from bioplastic.philox import philox4x32_array
from bioplastic.simulate.attention_groups import Groups
from bioplastic.simulate.attention_layout import Layout
from bioplastic.simulate.attention_race import DITHER
from bioplastic.simulate.attention_synapses import array

GRID = 1 / 64
"""Distance of the discrete synaptic states, nats."""


def discrete(w: float, step: float, dither: int, grid: float) -> float:
    """The synaptic state after a step: grid·⌊(w + step)/grid + (d + 1/2)/256⌋, d = 0..255.

    Over all dithers the mean is w + step to within 1/512 of the grid. The integer kernel rounds the
    step to 1/256 of the grid first, ⌊(256 w/grid + round(256 step/grid) + d)/256⌋: the same states,
    but for steps that lie exactly between two 256ths.

    w, step, grid   nats
    """
    return float(np.floor((w + step) / grid + (dither + 0.5) / 256)) * grid


class Learning:
    """ThetaSTDP with its fast state, branch gains, and discrete synaptic states.

    With a fast state a synapse at f = 0 is silent: a free winner does not depress it.

    On a grid w goes from state to state (`discrete`), d being the 8-bit dither of Philox counter
    (output, step, DITHER, branch // 16); without a grid w ← w + Δw. Then |w| <= w_max.

    gain (B, bins)   efficacy (B, levels) nats of each fast state
    """

    def __init__(self, layout: Layout, groups: Groups, seed: int, grid: float | None) -> None:
        self.layout, self.seed, self.grid, self.rule = layout, seed, grid, layout.stdp
        self.gains, self.fast = layout.gain, layout.stdp.fast
        n_branches, self.size = len(layout.values), layout.race.size
        self.gain = np.full((n_branches, self.gains.bins), self.gains.initial)
        levels = [0.0, *(self.fast.initial if self.fast else ())]
        self.efficacy = np.tile(np.array(levels), (n_branches, 1))
        self.w_max = self.rule.w_max
        if grid is not None:
            self.w_max = round(self.rule.w_max / grid) * grid
        self.now, self.spikes = (
            array(groups.clock, "timestep"),
            array(groups.outputs, "_spikespace"),
        )
        shape = (n_branches, self.size)
        self.h, self.until, self.w_seen, self.f_seen, self.n_seen, self.key, self.arrived_at = (
            array(groups.plateaus, name).reshape(shape)
            for name in ("h", "until", "w_seen", "f_seen", "n_seen", "key", "arrived_at")
        )
        self.w, self.f = (array(groups.values, n).reshape(-1, self.size) for n in "wf")
        self.row = groups.value_first // self.size - layout.first[layout.branch_pool]

    def live(self, now: int) -> np.ndarray:
        """Branches whose plateau lasts at `now` (all outputs share arrivals)."""
        return np.flatnonzero((self.key[:, 0] >= 0) & (now < self.until[:, 0]))

    def potentials(self, now: int) -> np.ndarray:
        """u of every output at `now`, (V,) nats."""
        total: np.ndarray = self.h[self.live(now)].sum(axis=0)
        return total

    def raise_plateaus(self) -> None:
        """Height of new plateaus."""
        for b in np.flatnonzero(self.arrived_at[:, 0] == self.now[0]):
            gain = self.gain[b, self.gains.bin(self.n_seen[b, 0])]
            self.h[b] = gain * self.w_seen[b] + self.efficacy[b, self.f_seen[b]]

    def learn(self) -> None:
        """Plasticity of the output spike of this step: the theta phase decides the sign."""
        now = int(self.now[0])
        for v in self.spikes[: self.spikes[-1]].tolist():
            teacher = now % self.layout.period < self.layout.encoding
            live = self.live(now)
            for b, d in zip(live.tolist(), self._dither(v, now, live), strict=True):
                silent = self.fast is not None and self.f_seen[b, v] == 0
                if teacher or not silent:
                    self._slow(b, v, teacher, int(d))
                if self.fast is not None:
                    self._quick(b, v, teacher)

    def _dither(self, v: int, now: int, branches: np.ndarray) -> np.ndarray:
        """8-bit dither of each branch for the spike of output v."""
        blocks = np.arange((len(self.h) + 15) // 16)
        counter = np.stack([np.full_like(blocks, n) for n in (v, now, DITHER)] + [blocks], axis=-1)
        words = philox4x32_array(counter, (self.seed, 0)).ravel()
        shift = (8 * (branches % 4)).astype(np.uint32)
        return (words[branches // 4] >> shift) & np.uint32(0xFF)

    def _slow(self, b: int, v: int, teacher: bool, dither: int) -> None:
        n, row = self.n_seen[b, v], self.row[b] + self.key[b, v]
        step = float(self.rule.eta(n)) if teacher else -float(self.rule.depression(n))
        w = float(self.w[row, v])
        w = w + step if self.grid is None else discrete(w, step, dither, self.grid)
        self.w[row, v] = min(max(w, -self.w_max), self.w_max)
        if self.gains.rate and n >= self.rule.spare:
            change = self.gains.rate if teacher else -self.gains.rate / self.rule.winners
            g, bin_ = self.gain[b], self.gains.bin(n)
            g[bin_] = min(max(g[bin_] + change * self.w_seen[b, v], 0.0), self.gains.g_max)

    def _quick(self, b: int, v: int, teacher: bool) -> None:
        """Efficacy of the fast state that was used; at a teacher spike also the states."""
        fast, f = self.fast, self.f_seen[b, v]
        assert fast is not None
        if f > 0 and self.n_seen[b, v] >= self.rule.spare:
            self.efficacy[b, f] += fast.rate if teacher else -fast.rate / self.rule.winners
        if teacher:
            states = self.f[self.row[b] + self.key[b, v]]
            raised = min(states[v] + fast.step, len(fast.initial))
            high = states > fast.keep
            states[high] -= (states[high] - fast.keep + 1) // 2
            states[v] = raised
