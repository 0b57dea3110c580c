"""The floor as students: uniform, unigram, n-gram, suffix table, PPMd."""

from __future__ import annotations

import copy
import time
from dataclasses import replace
from typing import Any

import numpy as np

from bioplastic.learning._hashmap import create, doubled
from bioplastic.learning.corpus import from_symbols
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learners.floor_kernels import (
    MET,
    NODES,
    PAIRS,
    USED,
    ngram_go,
    ngram_path,
    ngram_probability,
    suffix_go,
    suffix_match,
)
from bioplastic.learning.ngram import NGram
from bioplastic.learning.ppm import PPMd
from bioplastic.learning.space import Frames, Symbols
from bioplastic.learning.suffix_table import SuffixTable

_CHUNK = 4096
STRETCHES = 50
"""Into how many stretches the code length of PPMd is cut, in each call of `run`."""


class FloorStudent:
    """Base: what does not depend on the predictor. Subclasses implement `_go` and `predict`."""

    space: Any
    _kept: tuple[str, ...] = ()
    """Attributes that are learned."""

    def __init__(self, name: str, space: Any) -> None:
        self.name, self.space = name, space
        self.symbols = 0
        self.wall = self.cpu = 0.0

    def _go(self, x: np.ndarray, learning: bool) -> np.ndarray:
        raise NotImplementedError

    def predict(self, history: Any = None) -> np.ndarray:
        """The prediction of the next x, in the form of the space."""
        raise NotImplementedError

    def _timed(self, x: np.ndarray, learning: bool) -> np.ndarray:
        wall, cpu = time.perf_counter(), time.process_time()
        losses = self._go(self.space.check(x), learning)
        self.symbols += len(x)
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu
        return losses

    def run(self, stream: np.ndarray, *, learning: bool = True) -> np.ndarray:
        """Losses (L,) of a stream in the unit of the space."""
        return self._timed(stream, learning)

    def learn(self, x: Any) -> None:
        """Meet the next x and count it."""
        self._timed(np.asarray(x)[None], True)

    def observe(self, x: Any) -> None:
        """Meet the next x; nothing is counted."""
        self._timed(np.asarray(x)[None], False)

    def restart(self) -> None:
        """Begin a new piece: contexts begin anew, counts stay."""

    def snapshot(self) -> Any:
        """What was learned so far, for `restore`."""
        return copy.deepcopy({name: getattr(self, name) for name in self._kept})

    def restore(self, kept: Any) -> None:
        """Go back to a snapshot, at the beginning of a piece."""
        for name, value in copy.deepcopy(kept).items():
            setattr(self, name, value)
        self.restart()

    def cost(self) -> Cost:
        """Totals since the start."""
        raise NotImplementedError

    def _cost(self, *, bytes_: int, counts: int, operations: float, touched: float) -> Cost:
        return Cost(
            symbols=self.symbols,
            executions=self.symbols,
            footprint_bytes=bytes_,
            plastic_synapses=counts,
            dense_operations=operations,
            effective_macs=operations,
            bytes_touched=touched,
            wall_seconds=self.wall,
            cpu_seconds=self.cpu,
        )


class Frequencies(FloorStudent):
    """p(s) = (c(s) + ½) / (t + V/2) of symbols, (c + ½) / (t + 1) of each key of a frame.

    counting   False: c and t stay 0, which is the uniform predictor
    """

    _kept = ("count", "met")

    def __init__(self, name: str, space: Symbols | Frames, *, counting: bool) -> None:
        super().__init__(name, space)
        self.counting = counting
        self.count = np.zeros(space.size, np.int64)
        self.met = 0

    def predict(self, history: Any = None) -> np.ndarray:
        """The frequencies so far."""
        whole = self.space.size / 2 if isinstance(self.space, Symbols) else 1.0
        p: np.ndarray = (self.count + 0.5) / (self.met + whole)
        return p

    def _go(self, x: np.ndarray, learning: bool) -> np.ndarray:
        losses = np.empty(len(x))
        for t, came in enumerate(x):
            losses[t] = self.space.loss(self.predict(), came)
            if learning and self.counting:
                if isinstance(self.space, Symbols):
                    self.count[came] += 1
                else:
                    self.count += came
                self.met += 1
        return losses

    def cost(self) -> Cost:
        """One product a probability; one count written a symbol."""
        size = self.space.size
        work = float(self.symbols * size)
        counts = size if self.counting else 0
        return self._cost(bytes_=8 * counts, counts=counts, operations=work, touched=8.0 * work)


class NGramStudent(FloorStudent):
    """`learning.ngram.NGram`, which can stop anywhere and go on, and hands out its distribution."""

    _kept = ("child_key", "child", "pair_key", "pair", "total", "kinds", "seen", "tally")

    def __init__(self, name: str, space: Symbols, predictor: NGram) -> None:
        super().__init__(name, space)
        self.order = predictor.order
        self.child_key, self.child = create(1 << 12)
        self.pair_key, self.pair = create(1 << 12)
        self.total = np.zeros(1 << 12, np.int64)
        self.kinds = np.zeros(1 << 12, np.int64)
        self.seen = np.zeros((2, self.order + 1), np.int64)
        self.recent = np.zeros(self.order, np.int64)
        self.tally = np.zeros(4, np.int64)
        self.tally[NODES] = 1

    def restart(self) -> None:
        """Begin a new piece without a context."""
        self.tally[MET] = 0

    def _room(self, symbols: int) -> None:
        nodes = int(self.tally[NODES]) + symbols * self.order
        pairs = int(self.tally[PAIRS]) + symbols * (self.order + 1)
        while 2 * nodes > len(self.child_key):
            self.child_key, self.child = doubled(self.child_key, self.child)
        while 2 * pairs > len(self.pair_key):
            self.pair_key, self.pair = doubled(self.pair_key, self.pair)
        while nodes > len(self.total):
            self.total = np.concatenate((self.total, np.zeros_like(self.total)))
            self.kinds = np.concatenate((self.kinds, np.zeros_like(self.kinds)))

    def _go(self, x: np.ndarray, learning: bool) -> np.ndarray:
        bits = np.empty(len(x))
        for at in range(0, len(x), _CHUNK):
            piece = x[at : at + _CHUNK]
            if learning:
                self._room(len(piece))
            bits[at : at + _CHUNK] = ngram_go(
                piece,
                learning,
                self.space.size,
                self.child_key,
                self.child,
                self.pair_key,
                self.pair,
                self.total,
                self.kinds,
                self.seen,
                self.recent,
                self.tally,
            )
        return bits

    def predict(self, history: Any = None) -> np.ndarray:
        """The interpolated distribution."""
        size = self.space.size
        path = np.empty(self.order + 1, np.int64)
        deepest = ngram_path(
            self.child_key, self.child, self.recent, self.tally, size, False, path
        )  # fmt: skip
        tables = self.pair_key, self.pair, self.total, self.kinds, self.seen
        return np.array([ngram_probability(s, *tables, size, path, deepest) for s in range(size)])

    def cost(self) -> Cost:
        """Two products per context used and symbol of the alphabet; counts of 8 bytes."""
        pairs, nodes = int(self.tally[PAIRS]), int(self.tally[NODES])
        work = 2.0 * int(self.tally[USED]) * self.space.size
        return self._cost(
            bytes_=16 * pairs + 32 * nodes, counts=pairs, operations=work, touched=8.0 * work
        )


class SuffixTableStudent(FloorStudent):
    """`learning.suffix_table.SuffixTable`, which can stop anywhere and go on."""

    _kept = ("past", "length", "child_key", "child", "last", "open_", "record", "count", "tally")

    def __init__(self, name: str, space: Symbols, predictor: SuffixTable) -> None:
        super().__init__(name, space)
        self.longest = predictor.longest
        self.past = np.zeros(1 << 12, np.int64)
        self.length = 0
        self.child_key, self.child = create(1 << 12)
        self.last = np.full(1 << 12, -1, np.int64)
        self.open_ = np.zeros(1 << 12, np.bool_)
        self.record = np.zeros((2, self.longest + 1))
        self.count = np.zeros(space.size)
        self.tally = np.zeros(4, np.int64)
        self.tally[NODES] = 1

    def restart(self) -> None:
        """Begin a new piece without a context."""
        if self.length and self.past[self.length - 1] >= 0:
            self._append(np.array([-1]))
        self.tally[MET] = 0

    def _append(self, x: np.ndarray) -> None:
        while self.length + len(x) > len(self.past):
            self.past = np.concatenate((self.past, np.zeros_like(self.past)))
        self.past[self.length : self.length + len(x)] = x
        self.length += len(x)

    def _room(self, symbols: int) -> None:
        nodes = int(self.tally[NODES]) + 2 * symbols * (self.longest + 1)
        while 2 * nodes > len(self.child_key):
            self.child_key, self.child = doubled(self.child_key, self.child)
        while nodes > len(self.last):
            self.last = np.concatenate((self.last, np.full_like(self.last, -1)))
            self.open_ = np.concatenate((self.open_, np.zeros_like(self.open_)))

    def _go(self, x: np.ndarray, learning: bool) -> np.ndarray:
        bits = np.empty(len(x))
        for at in range(0, len(x), _CHUNK):
            piece = x[at : at + _CHUNK]
            first = self.length
            self._append(piece)
            if learning:
                self._room(len(piece))
            bits[at : at + _CHUNK] = suffix_go(
                self.past[: self.length],
                first,
                learning,
                self.space.size,
                self.longest,
                self.child_key,
                self.child,
                self.last,
                self.open_,
                self.record,
                self.count,
                self.tally,
            )
        return bits

    def predict(self, history: Any = None) -> np.ndarray:
        """The guess with its record, the rest by frequency."""
        size = self.space.size
        plain: np.ndarray = (self.count + 0.5) / (self.count.sum() + 0.5 * size)
        limit = min(self.longest, int(self.tally[MET]))
        source, length = suffix_match(
            self.past, self.length, limit, size, self.child_key, self.child, self.last, self.open_
        )
        if source < 0:
            return plain
        guess = self.past[source]
        trust = (self.record[1, length] + 0.5) / (self.record[0, length] + 1.0)
        p: np.ndarray = (1.0 - trust) * plain / (1.0 - plain[guess])
        p[guess] = trust
        return p

    def cost(self) -> Cost:
        """One product a symbol of the alphabet; 8 bytes a comparison with the past, a node 25."""
        nodes, used = int(self.tally[NODES]), int(self.tally[USED])
        work = float(self.symbols * self.space.size)
        bytes_ = 8 * self.length + 25 * nodes
        return self._cost(bytes_=bytes_, counts=nodes, operations=work, touched=8.0 * used + work)


class PPMdStudent(FloorStudent):
    """`learning.ppm.PPMd`: code lengths of stretches, no probabilities."""

    _kept = ("past",)

    def __init__(self, name: str, space: Symbols, predictor: PPMd) -> None:
        super().__init__(name, space)
        self.predictor = predictor
        self.past = np.zeros(0, np.int64)

    def predict(self, history: Any = None) -> np.ndarray:
        """Unsuited: the coder keeps its probabilities to itself."""
        raise Unsuited(f"{self.name}: only the code length of whole stretches is known")

    def learn(self, x: int) -> None:
        """Meet the next symbol; it is coded with the next call of `run`."""
        self.past = np.append(self.past, self.space.check(np.array([x])))
        self.symbols += 1

    def observe(self, x: int) -> None:
        """Unsuited: the coder cannot stop learning."""
        raise Unsuited(f"{self.name}: the coder learns whatever it codes")

    def _bits(self, x: np.ndarray) -> float:
        """Code length of x; letters are coded as letters where the space has them."""
        if not len(x):
            return 0.0
        if len(x) == 1:  # a stream has two symbols at least; the coder's start is charged to them
            return float(np.log2(self.space.size))
        made = from_symbols(x, self.space.size)
        letters = "".join(self.space.labels)
        if len(letters) == self.space.size and letters.isascii():
            made = replace(made, octets=letters.encode())
        return self.predictor.bits_total(made)

    def _go(self, x: np.ndarray, learning: bool) -> np.ndarray:
        if not learning:
            raise Unsuited(f"{self.name}: the coder learns whatever it codes")
        whole = np.concatenate((self.past, x))
        edges = np.unique(np.linspace(0, len(x), min(STRETCHES, len(x)) + 1).astype(np.int64))
        sizes = np.array([self._bits(whole[: len(self.past) + e]) for e in edges])
        self.past = whole
        width = np.diff(edges)
        return np.repeat(np.diff(sizes) / width, width)

    def cost(self) -> Cost:
        """The coder's memory; its work is not known, and `Floor.settings` says so."""
        return self._cost(bytes_=self.predictor.memory, counts=0, operations=0.0, touched=0.0)
