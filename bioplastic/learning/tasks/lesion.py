"""A trained text predictor with parts removed, inputs disturbed and spikes moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Learner
from bioplastic.learning.learners import learner
from bioplastic.learning.lesion import FRACTIONS, InputNoise, Jitter, Neurons, Synapses, lesions
from bioplastic.learning.space import Symbols
from bioplastic.learning.task import Metric, Published, Record, Target
from bioplastic.learning.tasks.continual import TAKING_PART, load
from bioplastic.learning.walk import curve, divergence, walk


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """Learn in one pass, then be tested on what follows, learning off, under growing damage.

    text      kjv, alice29 or the path of a file
    train     symbols to learn from         test   symbols after them
    levels    fractions of neurons, of synapses and of symbols replaced; the first must be 0
    """

    name: str = "lesion"
    text: str = "kjv"
    train: int = 20_000
    test: int = 5_000
    levels: tuple[float, ...] = FRACTIONS
    seeds: int = 10
    fresh: ClassVar[bool] = False
    metric: Metric = field(
        default=Metric(
            name="loss, mean over 10 to 50 % of neurons removed",
            unit="bits/symbol",
            lower_is_better=True,
        ),
        init=False,
    )
    published: tuple[Published, ...] = field(default=(), init=False)
    target: Target | None = field(default=None, init=False)

    @property
    def question(self) -> str:
        """What is asked."""
        return "How well does a trained predictor do when parts of it or of its input are gone?"

    @property
    def protocol(self) -> str:
        """What is done."""
        return (
            f"One pass over {self.train:,} symbols of {self.text}, then the next {self.test:,} with"
            " learning off, on copies with up to half of the neurons or synapses removed for good,"
            " or of the symbols met replaced (charged are the others), or input spikes moved. Equal"
            " draws for all by seed, no tuning afterwards. Score: mean over the levels above 0 of"
            " neurons removed; who has no neurons has no score, and its noise curve all the same."
        )

    def learners(self) -> tuple[Learner, ...]:
        """Those of the continual task."""
        return tuple(learner(name) for name in TAKING_PART)

    def check(self) -> None:
        """Read the text; UsageError where it is too short or the levels are not rising from 0."""
        self._stream()

    def _stream(self) -> tuple[Symbols, np.ndarray]:
        if min(self.train, self.test) < 1:
            raise UsageError(f"{self.name}: train = {self.train}, test = {self.test}: each from 1")
        rising = all(a < b for a, b in pairwise(self.levels))
        if len(self.levels) < 2 or self.levels[0] != 0 or not rising or self.levels[-1] >= 1:
            raise UsageError(
                f"{self.name}: levels = {self.levels}: rising fractions from 0 to below 1"
            )
        needed = self.train + self.test
        read = load(self.text, needed)
        if len(read) < needed:
            raise UsageError(
                f"{self.name}: {self.text} has {read.symbols_available:,} symbols, {needed:,} are"
                " needed; make train or test smaller"
            )
        glyphs = read.glyphs
        space = Symbols(
            size=read.alphabet_size, labels=glyphs,
            delimiter=glyphs.index(" ") if " " in glyphs else None,
        )  # fmt: skip
        return space, read.symbols.astype(np.int64)

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """Train one learner and damage copies of it."""
        space, x = self._stream()
        student = learner.begin(space, seed=seed)
        losses = walk(student, space, x[: self.train])
        cost = student.cost()
        damages = (
            Neurons(levels=self.levels), Synapses(levels=self.levels),
            InputNoise(levels=self.levels), Jitter(),
        )  # fmt: skip
        found = lesions(student, space, x[self.train :], seed=seed, damages=damages)
        note = divergence(losses)
        score = float("nan")
        if Neurons().name in found.curves:
            score = float(found.curves[Neurons().name][1][1:].mean())
        elif not note:
            note = f"unsuited: {found.absent[Neurons().name]}"
        line = curve(losses)
        return Record(
            task=self.name, learner=learner.name, rule=learner.rule, seed=seed, score=score,
            cost=cost, extra=_extra(found.curves), x=line.x, y=line.y, series=found.curves,
            note=note, settings={**learner.settings(), "absent": dict(found.absent)},
        )  # fmt: skip


def _extra(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Loss with nothing removed, and at the last level of each kind."""
    found = {}
    for kind, (levels, losses) in curves.items():
        word = kind.replace(" (ms)", "").replace(" ", "_")
        found[f"{word}_{levels[-1]:g}_bits_per_symbol"] = float(losses[-1])
        found.setdefault("intact_bits_per_symbol", float(losses[0]))
    return found
