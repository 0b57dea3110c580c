"""The race of the outputs: Gumbel numbers from Philox counters, one winner by the same step.

before_groups      a gamma cycle starts: new Gumbel numbers, the ramp starts anew
before_thresholds  the leader may spike; a teacher arrival forces its output, race or not
"""

from __future__ import annotations

import numpy as np

from bioplastic.philox import philox4x32_array
from bioplastic.simulate.attention_groups import Groups
from bioplastic.simulate.attention_layout import Layout
from bioplastic.simulate.attention_synapses import array

DITHER, NOISE = 1, 2
"""Third word of the Philox counter: what the bits are for."""


def gumbel(size: int, step: int, seed: int) -> np.ndarray:
    """Gumbel numbers of the race that starts at `step`, (size,) nats.

    G = −ln(−ln((k + 1/2)/2¹⁶)), k = the n-th 16 bits of Philox4x32-10 at counter (block, step,
    NOISE, 0) under the key (seed, 0), 8 outputs a block: the stream of the integer kernel.
    """
    blocks = np.arange((size + 7) // 8)
    counter = np.stack([blocks, *(np.full_like(blocks, n) for n in (step, NOISE, 0))], axis=-1)
    words = philox4x32_array(counter, (seed, 0))
    bits = np.stack([words & 0xFFFF, words >> 16], axis=-1).reshape(-1)[:size]
    noise: np.ndarray = -np.log(-np.log((bits + 0.5) / 2**16))
    return noise


class Race:
    """Hard winner-take-all among outputs with escape noise.

    In each step in which some v + G > 0 (strictly), the output with the largest v + G spikes, the
    lower index at equality, and the race of that gamma cycle is over. An output that the teacher
    reached in the step before spikes instead, and ends the race too.

    winners (L, gamma)     output that won, −1 = none
    steps (L, gamma)       step inside the gamma cycle at which it won, −1 = none
    drawn (L, gamma, V)    G           contests (L, gamma, V)   u + G at a free win, nan elsewhere
    """

    def __init__(self, layout: Layout, groups: Groups, seed: int, cycles: int) -> None:
        self.layout, self.seed = layout, seed
        self.winners = np.full((cycles, layout.rhythm.gamma), -1)
        self.steps = self.winners.copy()
        self.contests = np.full((*self.winners.shape, layout.race.size), np.nan)
        self.drawn = self.contests.copy()
        outputs = groups.outputs
        self.now = array(groups.clock, "timestep")
        self.v, self.u, self.noise = (array(outputs, n) for n in ("v", "u", "noise"))
        self.forced, self.may = array(outputs, "forced"), array(outputs, "may_spike")
        self.racing, self.opened = array(outputs, "racing"), array(outputs, "opened")
        self.spikes = array(outputs, "_spikespace")

    def where(self, now: int) -> tuple[int, int, int]:
        """(cycle, gamma cycle, step inside it); the gamma cycle is −1 in the encoding phase."""
        cycle, phase = divmod(now, self.layout.period)
        if phase < self.layout.encoding:
            return cycle, -1, phase
        gamma, inside = divmod(phase - self.layout.encoding, self.layout.gamma_steps)
        return cycle, gamma, inside

    def start(self) -> None:
        """Draw the noise of a gamma cycle in its first step."""
        now = int(self.now[0])
        cycle, gamma, inside = self.where(now)
        if gamma >= 0 and inside == 0:
            self.noise[:] = gumbel(len(self.noise), now, self.seed)
            self.drawn[cycle, gamma] = self.noise
            self.opened[0], self.racing[0] = now, True

    def choose(self) -> None:
        """Let one output spike, or none."""
        forced = np.flatnonzero(self.forced)
        if not len(forced) and not self.racing[0]:
            return
        now = int(self.now[0])
        cycle, gamma, inside = self.where(now)
        winner = -1
        if len(forced):
            winner = int(forced[-1])
            self.forced[forced[:-1]] = False
        elif gamma >= 0 and (self.v + self.noise).max() > 0:
            winner = int(np.argmax(self.v + self.noise))
            self.contests[cycle, gamma] = self.u + self.noise
        if winner >= 0:
            self.may[winner] = True
            if gamma >= 0 and self.racing[0]:
                self.winners[cycle, gamma], self.steps[cycle, gamma] = winner, inside
        if gamma >= 0 and (winner >= 0 or inside == self.layout.gamma_steps - 1):
            self.racing[0] = False

    def forget(self) -> None:
        """The teacher's command lasts one step (before new arrivals of this step are delivered)."""
        self.forced[:] = False
