"""The genome of phage lambda: the control in which there is next to nothing to learn."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from importlib import resources
from typing import ClassVar

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning import corpus
from bioplastic.learning.learner import Learner
from bioplastic.learning.learners import learner as named
from bioplastic.learning.space import Symbols
from bioplastic.learning.task import Metric, Published, Record, Target
from bioplastic.learning.tasks.birdsong import TAKING_PART
from bioplastic.learning.tasks.split_stream import split_record

BASES = 48_502


@dataclass(frozen=True, kw_only=True)
class DNA:
    """48 502 bases, four symbols: whoever claims to learn much here is wrong.

    symbols  bases taken from the start      train   the first fraction is learned, once
    seeds    paired seeds of a full comparison

    score    bits per base of the test part, learning off; 2 is knowing nothing, the counts of
             single bases give 1.99 and contexts of three 1.98
    extra    see `split_stream.split_record`; bits_prequential is over the whole genome
    """

    name: str = "dna"
    symbols: int = BASES
    train: float = 0.8
    seeds: int = 10
    fresh: ClassVar[bool] = False

    question: str = "Does anybody claim to predict what cannot be predicted?"
    protocol: str = "One pass over the first 80 % of the genome, then the rest with learning off."
    metric: Metric = field(
        default_factory=lambda: Metric(name="bits", unit="bits/base", lower_is_better=True)
    )
    published: tuple[Published, ...] = (
        Published(
            name="order-3 n-gram (Witten–Bell)",
            score=1.98,
            source="counted on the first 80 %",
            measured="recomputed",
        ),
    )
    target: Target | None = None

    def check(self) -> None:
        """Raise UsageError for sizes that leave nothing."""
        if not 10 <= self.symbols <= BASES:
            raise UsageError(f"{self.name}: symbols = {self.symbols} must lie in 10..{BASES}")
        if not 0.0 < self.train < 1.0:
            raise UsageError(f"{self.name}: train = {self.train} must lie between 0 and 1")

    def stream(self) -> corpus.SymbolStream:
        """The bases."""
        entry = resources.files("bioplastic.data").joinpath("lambda_virus.fa.gz")
        with resources.as_file(entry) as path:
            return corpus.load(str(path), symbols=self.symbols, alphabet="dna")

    def learners(self) -> tuple[Learner, ...]:
        """Those of the bird's song."""
        return tuple(named(name) for name in TAKING_PART)

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """One pass, then the test."""
        self.check()
        blank = Record(
            task=self.name, learner=learner.name, rule=learner.rule, seed=seed,
            score=math.nan, cost=None, settings=learner.settings(),
        )  # fmt: skip
        found = self.stream()
        x = found.symbols.astype(np.int64)
        cut = int(self.train * len(x))
        space = Symbols(size=found.alphabet_size, labels=found.glyphs)
        return split_record(blank, learner, space, x[:cut], x[cut:])
