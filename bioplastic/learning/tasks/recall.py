"""Multi-query associative recall: how many bindings does a state of so many bytes hold?"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.learners import learner as named
from bioplastic.learning.task import Metric, Published, Record, Target
from bioplastic.learning.tasks.recall_episodes import (
    Episodes,
    Vocabulary,
    joined,
    multi_query,
    shortest,
)
from bioplastic.learning.tasks.recall_subject import Subject, subject
from bioplastic.provenance import stream

WIDTHS = (32, 64, 128)
"""State sizes of linear attention: width × (width + 1) numbers."""


def accuracy(said: np.ndarray, episodes: Episodes) -> float:
    """Fraction of queries answered right."""
    return float((said == episodes.targets).mean())


@dataclass(frozen=True, kw_only=True)
class Recall:
    """MQAR: N key-value pairs, then each key once more among fillers; what was its value?

    words      keys, values and fillers          sizes   N of each test, ascending
    gap        fillers per pair in the tests of `sizes` and in training
    queries    questions at least, per test      lengths episode lengths of the length test
    few        fillers used in the length test
    pairs      N of the length test and of re-binding
    rounds     episodes in a row without a reset in the test of re-binding
    seeds      paired seeds of a full comparison

    score      accuracy at the largest N
    extra      accuracy at each N; in spikes where a learner has them; state_bytes at the largest N;
               rebinding_accuracy: the last of `rounds` episodes in a row in which the same keys get
               new values, nothing is reset and nobody was trained for it (the networks would need
               a sense of order); operations_slope: operations per symbol gained per symbol of
               length, least squares over the longer half of `lengths`
    series     accuracy and state_bytes by N; accuracy and operations per symbol by length. With
               `few` fillers the symbols in use are the same at all lengths, so that cost can
               depend on the length alone; with all fillers the longer texts also hold more
               different transitions
    x, y       training curve of networks: symbols met, accuracy on fresh batches of mixed N
    """

    name: str = "recall"
    words: Vocabulary = field(default_factory=Vocabulary)
    sizes: tuple[int, ...] = (4, 16, 64, 256)
    gap: int = 2
    queries: int = 1024
    lengths: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048, 4096)
    few: int = 4
    pairs: int = 8
    rounds: int = 8
    seeds: int = 10
    fresh: ClassVar[bool] = True

    question: str = "How many bindings does a state of so many bytes hold after one showing?"
    protocol: str = (
        "Fresh episodes: N key-value pairs once, then every key once more in random order between"
        " fillers. Local learners know nothing before an episode; networks are trained by backprop"
        " on episodes of all N with fresh draws, then stand still."
    )
    metric: Metric = field(
        default_factory=lambda: Metric(name="accuracy", unit="fraction", lower_is_better=False)
    )
    published: tuple[Published, ...] = ()
    target: Target | None = field(
        default_factory=lambda: Target(
            learner="hebbian_attention",
            score=0.99,
            why="accuracy alone; linear attention stands beside it where it was run",
        )
    )

    def check(self) -> None:
        """Raise UsageError for sizes that do not fit."""
        if not self.sizes or list(self.sizes) != sorted(set(self.sizes)):
            raise UsageError(f"{self.name}: sizes = {self.sizes} must ascend")
        if self.sizes[-1] > self.words.keys or self.pairs > self.words.keys:
            raise UsageError(f"{self.name}: {self.words.keys} keys are too few for {self.sizes}")
        if min(self.gap, self.queries - 1, self.rounds - 1) < 0 or not (
            1 <= self.few <= self.words.fillers
        ):
            raise UsageError(
                f"{self.name}: gap={self.gap} starts at 0, queries={self.queries} and"
                f" rounds={self.rounds} at 1, few={self.few} lies in 1..{self.words.fillers}"
            )
        if len(self.lengths) < 3 or min(self.lengths) < shortest(self.pairs):
            raise UsageError(
                f"{self.name}: lengths = {self.lengths} need three entries of at least"
                f" {shortest(self.pairs)} symbols for {self.pairs} pairs"
            )

    def learners(self) -> tuple[Learner, ...]:
        """The local ones, the table of last successors, and the networks."""
        return (*local(), *networks())

    def length(self, pairs: int) -> int:
        """Symbols of an episode with the gaps of this task."""
        return shortest(pairs) + self.gap * pairs

    def draw(self, rng: np.random.Generator, symbols: int) -> Episodes:
        """A batch for training: one N of `sizes` at random, about so many symbols in all."""
        pairs = int(self.sizes[rng.integers(len(self.sizes))])
        length = self.length(pairs)
        return multi_query(
            rng, self.words, pairs=pairs, length=length, episodes=max(1, symbols // length)
        )

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """Train where needed, then ask."""
        self.check()
        blank = Record(
            task=self.name, learner=learner.name, rule=learner.rule, seed=seed,
            score=math.nan, cost=None, settings=learner.settings(),
        )  # fmt: skip
        try:
            asked = subject(learner, self.words.space, self.draw, seed=seed)
        except Unsuited as error:
            return replace(blank, note=f"unsuited: {error}")
        extra: dict[str, float] = {}
        series: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._by_size(asked, seed, extra, series)
        cost = asked.cost()
        self._by_length(asked, seed, extra, series)
        extra["rebinding_accuracy"] = self._rebinding(asked, seed)
        x, y = asked.curve
        score = extra[f"accuracy_{self.sizes[-1]}_pairs"]
        return replace(blank, score=score, cost=cost, extra=extra, series=series, x=x, y=y)

    def _by_size(self, asked: Subject, seed: int, extra: dict[str, float], series: Any) -> None:
        scores, states = [], []
        for n in self.sizes:
            episodes = multi_query(
                stream(seed, "test", str(n)), self.words, pairs=n, length=self.length(n),
                episodes=-(-self.queries // n),
            )  # fmt: skip
            scores.append(accuracy(asked.answers(episodes), episodes))
            states.append(float(asked.state_bytes(self.length(n))))
            extra[f"accuracy_{n}_pairs"] = scores[-1]
            if len(asked.spoken):
                extra[f"accuracy_in_spikes_{n}_pairs"] = accuracy(asked.spoken, episodes)
        extra["state_bytes"] = states[-1]
        sizes = np.array(self.sizes, float)
        series["accuracy by pairs"] = sizes, np.array(scores)
        series["state_bytes by pairs"] = sizes, np.array(states)

    def _by_length(self, asked: Subject, seed: int, extra: dict[str, float], series: Any) -> None:
        at = np.array(self.lengths, float)
        for title, fillers in (("", self.few), (", all fillers", self.words.fillers)):
            scores, work = [], []
            for length in self.lengths:
                episodes = multi_query(
                    stream(seed, "length", str(length)), replace(self.words, fillers=fillers),
                    pairs=self.pairs, length=length, episodes=4,
                )  # fmt: skip
                scores.append(accuracy(asked.answers(episodes), episodes))
                work.append(asked.operations(episodes))
            series[f"accuracy by length{title}"] = at, np.array(scores)
            series[f"operations_per_symbol by length{title}"] = at, np.array(work)
            if not title:
                half = len(at) // 2
                extra["operations_slope"] = float(np.polyfit(at[half:], work[half:], 1)[0])

    def _rebinding(self, asked: Subject, seed: int) -> float:
        """Accuracy in the last of `rounds` episodes in a row over the same keys."""
        rng, right, all_ = stream(seed, "rebinding"), 0.0, 0
        for _ in range(8):
            episodes = joined(
                multi_query(
                    rng, self.words, pairs=self.pairs, length=self.length(self.pairs),
                    episodes=self.rounds, among=self.pairs,
                )
            )  # fmt: skip
            hit = asked.answers(episodes) == episodes.targets
            right, all_ = right + hit[-self.pairs :].sum(), all_ + self.pairs
        return float(right / all_)


def local() -> tuple[Learner, ...]:
    """Learners that bind in one shot: Hebbian attention with both codes, and a suffix table."""
    names = ("hebbian_attention", "hebbian_attention_recruited", "suffix_table")
    return tuple(named(name) for name in names)


def networks() -> tuple[Learner, ...]:
    """Networks that are trained over episodes, at their searched rates; linear attention thrice."""
    found: list[Any] = [named(name) for name in RATES]
    *plain, linear = (replace(x, learning_rate=RATES[x.name]) for x in found)
    sized = [replace(linear, name=f"{linear.name}_{w}", width=w) for w in WIDTHS]
    return (*plain, *sized)


RATES = {
    "recall_transformer": 0.002665,
    "recall_low_rank_attention": 0.0157,
    "recall_gru": 0.01398,
    "recall_linear_attention": 0.01732,
}
"""Learning rates of the best of four trials each, with all steps, on 4 and 16 pairs
(docs/figures/search-tasks.jsonl). Widths stay: the GRU is the larger for it, 256 and not 64."""
