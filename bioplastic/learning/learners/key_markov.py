"""The floor of frames: each key goes on or off by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.space import Frames, Space


@dataclass(frozen=True, kw_only=True)
class KeyMarkov(Learner):
    """First-order Markov chain of every key, counted online.

        p(x_k = 1 | before) = (c + ½) / (n + 1)

    n counts the frames so far after which key k had the state that it has now, c how often it was
    on then (Krichevsky–Trofimov). Deterministic: the seed changes nothing. Raises Unsuited for
    symbols and series.
    Source: Krichevsky & Trofimov 1981 [krichevsky1981].
    """

    name: str = "key_markov"
    rule: str = "none"

    def begin(self, space: Space, *, seed: int) -> KeyMarkovStudent:
        """Start on a space, as if a silent frame had been before."""
        if not isinstance(space, Frames):
            raise Unsuited(f"{self.name} takes frames, not {type(space).__name__}")
        return KeyMarkovStudent(space)


class KeyMarkovStudent:
    """Counts (2, K) by the state before: how often, and how often on after it."""

    def __init__(self, space: Frames) -> None:
        self.space = space
        self.n = np.zeros((2, space.size), np.int64)
        self.c = np.zeros((2, space.size), np.int64)
        self.frames = self.written = 0
        self._all = np.arange(space.size)
        self.restart()

    def restart(self) -> None:
        """Begin a new piece after a silent frame; counts stay."""
        self.before = np.zeros(self.space.size, np.int64)

    def snapshot(self) -> Any:
        """What was learned so far, for `restore`."""
        return self.n.copy(), self.c.copy()

    def restore(self, kept: Any) -> None:
        """Go back to a snapshot, at the beginning of a piece."""
        self.n, self.c = kept[0].copy(), kept[1].copy()
        self.restart()

    def predict(self, history: Any = None) -> np.ndarray:
        """p (K,) of each key."""
        at = self.before, self._all
        found: np.ndarray = (self.c[at] + 0.5) / (self.n[at] + 1.0)
        return found

    def learn(self, x: np.ndarray) -> None:
        """Count one frame."""
        at = self.before, self._all
        self.n[at] += 1
        self.c[at] += x
        self.written += 1
        self.observe(x)

    def observe(self, x: np.ndarray) -> None:
        """Meet one frame; nothing is counted."""
        self.before = np.asarray(x).astype(np.int64)
        self.frames += 1

    def cost(self) -> Cost:
        """One division per key and frame; two counts of 8 bytes written where it learns."""
        keys = self.space.size
        return Cost(
            symbols=self.frames,
            executions=self.frames,
            footprint_bytes=self.n.nbytes + self.c.nbytes + self.before.nbytes,
            plastic_synapses=4 * keys,
            dense_operations=float(self.frames * keys),
            effective_macs=float(self.frames * keys),
            weight_updates=float(2 * self.written * keys),
            bytes_touched=float(16 * keys * (self.frames + self.written)),
        )
