"""Syllables of Bengalese finches: a branching sequence from life that nobody tuned for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from bioplastic.errors import CorruptFile, UsageError
from bioplastic.learning.learner import Learner
from bioplastic.learning.learners import learner as named
from bioplastic.learning.space import Symbols
from bioplastic.learning.task import Metric, Published, Record, Target
from bioplastic.learning.tasks.data_folder import locate
from bioplastic.learning.tasks.split_stream import split_record

FILE = "birdsong/koumura_bird_sequences.tsv"
SOURCE = (
    "PyPI crowsetta, crowsetta/examples/Annotation.xml, reduced to one bout a line, file, tab,"
    " label:position:length …; Koumura 2016, figshare 3470165"
)
LICENCE = "CC BY 4.0, figshare's default"
SYLLABLES = 9
END = SYLLABLES
TAKING_PART = (
    "attention", "temporal_memory", "lif_eprop", "lif_bptt", "gru", "lstm", "transformer",
    "window_mlp", "logistic", "ngram", "suffix_table", "ppmd", "unigram", "uniform",
)  # fmt: skip


def bouts(path: Path) -> list[np.ndarray]:
    """Labels of every bout in order, int64.

    Raises CorruptFile naming the line that is no bout.
    """
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        _, tab, events = line.partition("\t")
        try:
            labels = np.array([int(e.split(":")[0]) for e in events.split()], np.int64)
        except ValueError:
            labels = np.zeros(0, np.int64)
        if not tab or len(labels) == 0 or labels.min() < 0 or labels.max() >= SYLLABLES:
            raise CorruptFile(
                f"{path} line {number}: no bout of syllables 0..{SYLLABLES - 1}, written"
                " file, tab, label:position:length …"
            )
        found.append(labels)
    if len(found) < 2:
        raise CorruptFile(f"{path}: {len(found)} bouts; at least 2 are needed")
    return found


def stream_of(some: list[np.ndarray]) -> np.ndarray:
    """Bouts one after the other, each with the end symbol behind it."""
    found: np.ndarray = np.concatenate([np.append(bout, END) for bout in some])
    return found


@dataclass(frozen=True, kw_only=True)
class Birdsong:
    """571 bouts, 7 652 syllables of 9 kinds and an end symbol: what does the bird sing next?

    path     the file, or None to look in the data folder
    train    the first fraction of bouts are learned, once; the others are the test
    seeds    paired seeds of a full comparison

    score    bits per symbol of the test bouts, end symbols included, learning off
    extra    see `split_stream.split_record`
    The order of bouts is the file's. Settings are the learners' own defaults: none was chosen here.
    """

    name: str = "birdsong"
    path: str | None = None
    train: float = 0.8
    seeds: int = 10
    fresh: ClassVar[bool] = False

    question: str = "Does one pass over a bird's song predict its next syllable?"
    protocol: str = (
        "One pass over the first 80 % of bouts, then the others with learning off; symbols are"
        " syllables and the end of a bout."
    )
    metric: Metric = field(
        default_factory=lambda: Metric(name="bits", unit="bits/syllable", lower_is_better=True)
    )
    published: tuple[Published, ...] = (
        Published(
            name="order-3 n-gram (Witten–Bell), no context across bouts",
            score=1.122,
            source="counted on the training bouts; top-1 .738",
            measured="recomputed",
        ),
        Published(
            name="order-4 n-gram (Witten–Bell), bouts begin with the end symbol",
            score=1.085,
            source="counted on the training bouts; top-1 .733",
            measured="recomputed",
        ),
    )
    target: Target | None = field(
        default_factory=lambda: Target(
            learner="attention", score=1.122, why="an order-3 n-gram counted on the training bouts"
        )
    )

    def check(self) -> None:
        """Raise MissingData, or UsageError for a share that leaves nothing."""
        if not 0.0 < self.train < 1.0:
            raise UsageError(f"{self.name}: train = {self.train} must lie between 0 and 1")
        self.file()

    def file(self) -> Path:
        """Where the data are."""
        return locate(FILE, source=SOURCE, licence=LICENCE, given=self.path)

    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """Training and test stream."""
        found = bouts(self.file())
        cut = int(self.train * len(found))
        if not 0 < cut < len(found):
            raise UsageError(f"{self.name}: train = {self.train} of {len(found)} bouts leaves none")
        return stream_of(found[:cut]), stream_of(found[cut:])

    @property
    def space(self) -> Symbols:
        """Syllables and the end."""
        labels = (*(chr(ord("a") + s) for s in range(SYLLABLES)), "|")
        return Symbols(size=SYLLABLES + 1, delimiter=END, labels=labels)

    def learners(self) -> tuple[Learner, ...]:
        """All that meet symbols, with their own defaults."""
        return tuple(named(name) for name in TAKING_PART)

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """One pass, then the test."""
        self.check()
        blank = Record(
            task=self.name, learner=learner.name, rule=learner.rule, seed=seed,
            score=math.nan, cost=None, settings=learner.settings(),
        )  # fmt: skip
        return split_record(blank, learner, self.space, *self.parts())
