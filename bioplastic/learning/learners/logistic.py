"""Online multinomial logistic regression on the contexts of the dendritic-attention network."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning._hashmap import create, doubled
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner, Unsuited, fraction
from bioplastic.learning.learners.logistic_kernel import (
    ACTIVE,
    AT_WORD,
    MET,
    ROWS,
    STORED,
    WRITTEN,
    contexts,
    go,
    probabilities,
)
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Space, Symbols

MAX_ORDER = 16
_CHUNK = 4096
_OPERATIONS = 4
"""Multiply-accumulates of one Adagrad update: square, root and quotient, step."""


@dataclass(frozen=True, kw_only=True)
class Logistic(Learner):
    """p(s) = softmax_s Σ_c w[c, s], the sum over the contexts that hold; one Adagrad step a symbol.

        g ← g + e²,  w ← w − learning_rate · e / √g,  e = p − target

    The contexts are those of networks.dendritic_attention: the last k symbols for k = 0..order, and
    the word so far (`Symbols.word_ends`) where the alphabet has a delimiter. They are one-hot,
    found exactly (no two share a row), and a row of zeros is made at the first sight. So this is
    the same linear map of the same evidence, with an exact gradient in floating point instead of
    spikes.

    order           longest context, 0 to 16 symbols
    learning_rate   step of Adagrad
    damping         where g starts
    The defaults are the best of eight random trials on the first 10 000 symbols of kjv
    (docs/figures/search-kjv.jsonl; every learner had eight).
    Raises UsageError for values out of range; Unsuited for frames and series.
    Source: Duchi et al. 2011 [duchi2011].
    """

    name: str = "logistic"
    rule: str = "backprop"
    order: int = 7
    learning_rate: float = 0.5502
    damping: float = 0.1418

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        if not 0 <= self.order <= MAX_ORDER:
            raise UsageError(f"{self.name}: order={self.order} is out of range 0 to {MAX_ORDER}")
        if not (self.learning_rate > 0 and self.damping > 0):
            raise UsageError(
                f"{self.name}: learning_rate={self.learning_rate} and damping={self.damping}"
                " must be positive"
            )

    def begin(self, space: Space, *, seed: int) -> LogisticStudent:
        """Start on symbols. All weights start at zero: the seed changes nothing."""
        if not isinstance(space, Symbols):
            raise Unsuited(f"{self.name}: contexts are made of symbols, not {type(space).__name__}")
        return LogisticStudent(self, space)

    def locality(self) -> tuple[Use, ...]:
        """The gradient of one layer; only the softmax needs the population."""
        return (
            Use(
                quantity="whether the context holds",
                place="pre",
                latency="at the symbol",
                local=True,
                why="the input of the synapse",
            ),
            Use(
                quantity="target − p of the output, in floating point",
                place="population",
                latency="at the symbol",
                local=True,
                why="one layer: its own error, normalised over the outputs by shared inhibition",
            ),
            Use(
                quantity="sum of squared errors at the synapse (Adagrad)",
                place="synapse",
                latency="at the symbol",
                local=True,
                why="one number kept at the synapse",
            ),
        )


class LogisticStudent:
    """Weights in float32, one row a context; everything else in float64."""

    def __init__(self, learner: Logistic, space: Symbols) -> None:
        self.learner = learner
        self.space = space
        self.size = space.size
        marked = np.zeros(space.size, bool)
        marked[list(space.word_ends)] = True
        self.ends = marked if space.word_ends else marked[:0]
        self.keys, self.rows = create(1 << 12)
        self.w = np.zeros((1 << 10, self.size), np.float32)
        self.g = np.full((1 << 10, self.size), learner.damping, np.float32)
        self.live = np.zeros((0, self.size), bool)
        self.recent = np.zeros(learner.order, np.int64)
        self.tally = np.zeros(6, np.int64)
        self.tally[ROWS] = 2
        self.removed = self.symbols = 0
        self.wall = self.cpu = 0.0
        self.restart()

    def restart(self) -> None:
        """Begin a new piece: no context but the empty one."""
        self.tally[MET] = 0
        self.tally[AT_WORD] = -1  # no word before the first delimiter, as in the network
        self.recent[:] = 0

    def _room(self, symbols: int) -> None:
        """Make room for the rows that this many symbols can bring."""
        most = int(self.tally[ROWS]) + symbols * (self.learner.order + 1)
        while 2 * most > len(self.keys):
            self.keys, self.rows = doubled(self.keys, self.rows)
        while most > len(self.w):
            self.w = np.concatenate((self.w, np.zeros_like(self.w)))
            self.g = np.concatenate((self.g, np.full_like(self.g, self.learner.damping)))
            if len(self.live):
                self.live = np.concatenate((self.live, np.ones_like(self.live)))

    def _go(self, x: np.ndarray, learning: bool) -> np.ndarray:
        wall, cpu = time.perf_counter(), time.process_time()
        bits = np.empty(len(x))
        for at in range(0, len(x), _CHUNK):
            piece = x[at : at + _CHUNK]
            if learning:
                self._room(len(piece))
            bits[at : at + _CHUNK] = go(
                piece,
                learning,
                self.size,
                self.ends,
                self.learner.learning_rate,
                self.keys,
                self.rows,
                self.recent,
                self.tally,
                self.w,
                self.g,
                self.live,
            )
        self.symbols += len(x)
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu
        return bits

    def predict(self, history: Any = None) -> np.ndarray:
        """The distribution of the next symbol."""
        found = np.empty(self.learner.order + 2, np.int64)
        n = contexts(self.keys, self.rows, self.recent, self.tally, self.size, False, found)
        p = np.empty(self.size)
        probabilities(self.w, found, n, p)
        return p

    def learn(self, x: int) -> None:
        """Meet the next symbol and learn it."""
        self._go(self.space.check(np.array([x])), True)

    def observe(self, x: int) -> None:
        """Meet the next symbol without learning; no row is made."""
        self._go(self.space.check(np.array([x])), False)

    def run(self, stream: np.ndarray, *, learning: bool = True) -> np.ndarray:
        """Bits (L,) of a stream."""
        return self._go(self.space.check(stream), learning)

    def lesion_neurons(self, share: float, rng: np.random.Generator) -> None:
        """Silence this fraction of the contexts that have a row."""
        rows = int(self.tally[ROWS])
        dead = rng.permutation(rows)[: round(fraction(share, "lesion_neurons") * rows)]
        self._live()[dead] = False
        self._cut()

    def lesion_synapses(self, share: float, rng: np.random.Generator) -> None:
        """Remove this fraction of the weights of contexts that have a row."""
        total = int(self.tally[ROWS]) * self.size
        dead = rng.permutation(total)[: round(fraction(share, "lesion_synapses") * total)]
        self._live().reshape(-1)[dead] = False
        self._cut()

    def _live(self) -> np.ndarray:
        if not len(self.live):
            self.live = np.ones(self.w.shape, bool)
        return self.live

    def _cut(self) -> None:
        self.w[~self.live] = 0.0
        self.removed = int((~self.live).sum())

    def snapshot(self) -> Any:
        """What was learned so far, for `restore`."""
        return copy.deepcopy((self.keys, self.rows, self.w, self.g, self.live, self.tally))

    def restore(self, kept: Any) -> None:
        """Go back to a snapshot, at the beginning of a piece. What was spent stays spent."""
        spent = self.tally[ACTIVE:].copy()
        self.keys, self.rows, self.w, self.g, self.live, self.tally = copy.deepcopy(kept)
        self.tally[ACTIVE:] = spent
        self.removed = int((~self.live).sum())
        self.restart()

    def cost(self) -> Cost:
        """Totals: V accumulates per context that holds; updates in the same rows.

        Dense: every stored row. Bytes: the rows that hold are read, and read and written with
        their squares when they learn. Weights that a lesion removed are still counted as added.
        """
        rows, active, written = (int(self.tally[i]) for i in (ROWS, ACTIVE, WRITTEN))
        return Cost(
            symbols=self.symbols,
            executions=self.symbols,
            footprint_bytes=rows * (8 * self.size + 16) + 8 * len(self.recent),
            plastic_synapses=rows * self.size - self.removed,
            neurons=rows + self.size,
            states_per_synapse=1.0,
            dense_operations=float(self.tally[STORED]) * self.size,
            effective_acs=float(active * self.size),
            activations=float(self.tally[STORED] + self.symbols * self.size),
            silent_activations=float(self.tally[STORED] - active),
            trace_updates=float(written * self.size),
            weight_updates=float(written * self.size),
            learning_macs=float(_OPERATIONS * written * self.size),
            bytes_touched=4.0 * self.size * (active + 4.0 * written),
            wall_seconds=self.wall,
            cpu_seconds=self.cpu,
        )
