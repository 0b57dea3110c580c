"""Prequential text: predict each symbol of a corpus, be charged its bits, learn it; one pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning import corpus
from bioplastic.learning.corpus import BUNDLED, SymbolStream
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.learners import learner
from bioplastic.learning.prequential import Unavailable, last_third_start
from bioplastic.learning.space import Symbols
from bioplastic.learning.task import Metric, Published, Record, Target
from bioplastic.learning.walk import curve, divergence, walk

LEARNERS = (
    "attention", "attention_order10", "temporal_memory", "attention_backprop",
    "attention_backprop_order10", "lif_bptt", "lif_eprop", "lif_readout", "gru", "lstm",
    "transformer", "linear_attention", "low_rank_attention", "logistic", "window_mlp", "uniform",
    "unigram", "ngram", "suffix_table", "ppmd",
)  # fmt: skip
ABLATED = (
    "attention_no_plasticity", "attention_no_recruitment", "attention_no_inhibition",
    "attention_no_dendrite", "attention_no_metaplasticity", "attention_no_fast_state",
    "attention_no_timing",
)  # fmt: skip
SEARCHED: dict[str, dict[str, Any]] = {
    "temporal_memory": {"winners": 12, "memory": 1415.0, "floor": 0.02146},
}
"""Best of eight random settings (docs/figures/search-attention.jsonl), where not the default."""
PPMD = {"kjv": 1.623, "alice29": 1.908}
"""What PPMd order 8 takes for the first 100 000 symbols, bits/symbol; measured beforehand."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """The first `symbols` symbols of a text.

    name       kjv, alice29 (bundled) or file
    path       of the file, for name="file"; .xz and .gz are opened as such
    alphabet   az, bytes, text, integers or dna; a space in it ends words
    symbols    how many; a shorter text gives what it has
    warm_up    symbols that a text must have at least, and the last-third figure needs
    limit      largest alphabet accepted
    Raises UsageError naming the file for texts that are shorter, or of one symbol only.
    """

    name: str = "kjv"
    path: str = ""
    alphabet: str = "az"
    symbols: int = 100_000
    warm_up: int = 1000
    limit: int = 256
    windows: ClassVar[int] = 50
    seeds: ClassVar[int] = 5
    fresh: ClassVar[bool] = False
    metric: ClassVar[Metric] = Metric(name="surprise", unit="bits/symbol", lower_is_better=True)
    published: ClassVar[tuple[Published, ...]] = ()

    def __post_init__(self) -> None:
        """Check what needs no file."""
        if self.name != "file" and self.name not in BUNDLED:
            raise UsageError(f"Text: name = {self.name!r} is none of {', '.join(BUNDLED)}, file")
        if (self.name == "file") != bool(self.path):
            raise UsageError(f"Text: name = {self.name!r} and path = {self.path!r}: 'file' has one")
        if not 2 <= self.warm_up <= self.symbols:
            raise UsageError(
                f"Text: warm_up = {self.warm_up} must lie in 2..symbols = {self.symbols}"
            )

    @property
    def question(self) -> str:
        """One sentence."""
        return f"How well is {self._what} predicted while it is read for the first time?"

    @property
    def protocol(self) -> str:
        """One sentence."""
        return (
            f"prequential: the first {self.symbols:,} symbols (alphabet {self.alphabet}), one pass,"
            " each predicted before it is learned; no look-ahead, no warm-up left out"
        )

    @property
    def target(self) -> Target | None:
        """PPMd's figure, where it was measured beforehand."""
        if self.symbols != 100_000 or self.alphabet != "az" or self.name not in PPMD:
            return None
        return Target(
            learner="attention",
            score=PPMD[self.name],
            why="below PPMd order 8",
        )

    @property
    def _what(self) -> str:
        return self.path if self.name == "file" else self.name

    def learners(self) -> tuple[Learner, ...]:
        """Everyone who takes symbols, and `Attention` with one part off each."""
        found = (learner(name) for name in (*LEARNERS, *ABLATED))
        return tuple(replace(one, **SEARCHED.get(one.name, {})) for one in found)

    def stream(self) -> SymbolStream:
        """The text as symbols; UsageError for one that is too short or has one symbol only."""
        where = self.path if self.name == "file" else self.name
        found = corpus.load(where, symbols=self.symbols, alphabet=self.alphabet, limit=self.limit)
        if len(found) < self.warm_up:
            raise UsageError(
                f"corpus {where!r} has {len(found)} symbols of alphabet={self.alphabet}; the task"
                f" needs warm_up = {self.warm_up} at least"
            )
        if found.alphabet_size < 2:
            raise UsageError(f"corpus {where!r} has an alphabet of one: nothing to predict")
        return found

    def space(self, stream: SymbolStream) -> Symbols:
        """What is predicted."""
        glyphs = stream.glyphs
        return Symbols(
            size=stream.alphabet_size,
            delimiter=glyphs.index(" ") if " " in glyphs else None,
            labels=glyphs,
        )

    def check(self) -> None:
        """Read the text once."""
        self.stream()

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """One learner, one pass."""
        stream = self.stream()
        space, x = self.space(stream), stream.symbols.astype(np.int64)

        def record(score: float, note: str = "", **more: object) -> Record:
            return Record(
                task=self.name, learner=learner.name, rule=learner.rule, seed=seed, score=score,
                note=note, settings=learner.settings(), **{"cost": None, **more},  # type: ignore[arg-type]
            )  # fmt: skip

        try:
            student = learner.begin(space, seed=seed)
            losses = walk(student, space, x)
        except Unsuited as reason:
            return record(float("nan"), f"unsuited: {reason}")
        except Unavailable as reason:
            return record(float("nan"), f"unavailable: {reason}")
        with np.errstate(invalid="ignore"):  # a diverged stream has inf in it
            shape = curve(losses, self.windows)
        note = divergence(losses)
        third = last_third_start(len(losses))
        extra = {"last_third_bits_per_symbol": float(losses[third:].mean())}
        meter = getattr(student, "meter", None)
        if meter is not None and hasattr(meter, "named"):
            shut = meter.named()["blocked_arrivals"] / len(losses)
            extra["arrivals_at_shut_gates_per_symbol"] = shut
        return record(
            float(losses.mean()) if not note else float("nan"), note,
            cost=student.cost(), extra=extra, x=shape.x, y=shape.y,
        )  # fmt: skip
