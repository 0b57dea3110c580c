"""Induction: … A B … A → B in random symbols, with sequences of growing length."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.space import Symbols
from bioplastic.learning.task import Metric, Published, Record, Target
from bioplastic.learning.tasks.recall import accuracy, local, networks
from bioplastic.learning.tasks.recall_episodes import Episodes, induction_heads
from bioplastic.learning.tasks.recall_subject import subject
from bioplastic.provenance import stream


@dataclass(frozen=True, kw_only=True)
class Induction:
    """One pair AB hides in random symbols; after A comes again, what is next?

    size      alphabet                      lengths   of the tests, ascending
    trained   lengths on which networks are trained; the other lengths are new to them
    episodes  per test                      seeds     paired seeds of a full comparison

    score     accuracy at the second A at the longest length that networks were trained on
    extra     accuracy at each length; in spikes where a learner has them; state_bytes
    series    accuracy by length            x, y      training curve of networks
    """

    name: str = "induction"
    size: int = 64
    lengths: tuple[int, ...] = (16, 64, 256, 1024, 4096)
    trained: tuple[int, ...] = (16, 64, 256)
    episodes: int = 128
    seeds: int = 5
    fresh: ClassVar[bool] = True

    question: str = "Is a transition that was seen once repeated when its first symbol returns?"
    protocol: str = (
        "Random symbols with one A B inside and A at the end; scored at the end. Local learners"
        " know nothing before an episode; networks are trained by backprop on fresh episodes of"
        " the trained lengths."
    )
    metric: Metric = field(
        default_factory=lambda: Metric(name="accuracy", unit="fraction", lower_is_better=False)
    )
    published: tuple[Published, ...] = ()
    target: Target | None = field(
        default_factory=lambda: Target(
            learner="hebbian_attention_recruited", score=0.99, why="as for multi-query recall"
        )
    )

    def check(self) -> None:
        """Raise UsageError for sizes that do not fit."""
        if self.size < 3 or self.episodes < 1:
            raise UsageError(
                f"{self.name}: size={self.size} starts at 3, episodes={self.episodes} at 1"
            )
        if not self.lengths or not self.trained or min(self.lengths + self.trained) < 4:
            raise UsageError(f"{self.name}: lengths = {self.lengths} and trained start at 4")
        if max(self.trained) not in self.lengths:
            raise UsageError(f"{self.name}: lengths must hold the longest of {self.trained}")

    @property
    def space(self) -> Symbols:
        """The alphabet."""
        return Symbols(size=self.size)

    def learners(self) -> tuple[Learner, ...]:
        """Those of multi-query recall."""
        return (*local(), *networks())

    def draw(self, rng: np.random.Generator, symbols: int) -> Episodes:
        """A batch for training: one of the trained lengths, about so many symbols in all.

        In training also those transitions are asked that happen to come again (`crowded`): more
        signal per episode, in the networks' favour.
        """
        length = int(self.trained[rng.integers(len(self.trained))])
        return crowded(
            induction_heads(rng, self.size, length=length, episodes=max(1, symbols // length))
        )

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """Train where needed, then ask."""
        self.check()
        blank = Record(
            task=self.name, learner=learner.name, rule=learner.rule, seed=seed,
            score=math.nan, cost=None, settings=learner.settings(),
        )  # fmt: skip
        try:
            asked = subject(learner, self.space, self.draw, seed=seed)
        except Unsuited as error:
            return replace(blank, note=f"unsuited: {error}")
        extra: dict[str, float] = {}
        scores, states = [], []
        for length in self.lengths:
            episodes = induction_heads(
                stream(seed, "test", str(length)), self.size, length=length,
                episodes=self.episodes,
            )  # fmt: skip
            scores.append(accuracy(asked.answers(episodes), episodes))
            states.append(float(asked.state_bytes(length)))
            extra[f"accuracy_{length}_symbols"] = scores[-1]
            if len(asked.spoken):
                extra[f"accuracy_in_spikes_{length}_symbols"] = accuracy(asked.spoken, episodes)
        extra["state_bytes"] = states[self.lengths.index(max(self.trained))]
        at = np.array(self.lengths, float)
        x, y = asked.curve
        return replace(
            blank, score=extra[f"accuracy_{max(self.trained)}_symbols"], cost=asked.cost(),
            extra=extra, x=x, y=y,
            series={
                "accuracy by length": (at, np.array(scores)),
                "state_bytes by length": (at, np.array(states)),
            },
        )  # fmt: skip


def crowded(episodes: Episodes) -> Episodes:
    """Ask also wherever a symbol comes for the second time and its successor is the same again.

    Only such places teach what the test asks; others would teach noise.
    """
    x, asked = episodes.x, episodes.asked.copy()
    for b, row in enumerate(x):
        first: dict[int, int] = {}
        for t in range(len(row) - 1):
            s = int(row[t])
            if s in first and row[first[s] + 1] == row[t + 1]:
                asked[b, t] = True
            first[s] = t
    return Episodes(x=x, asked=asked)
