"""Two texts in turn: does learning the second spoil what was learned of the first?"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning import corpus
from bioplastic.learning.continual import Continual as Outcome
from bioplastic.learning.continual import continual
from bioplastic.learning.learner import Learner
from bioplastic.learning.learners import learner
from bioplastic.learning.space import Symbols
from bioplastic.learning.task import Metric, Published, Record, Target
from bioplastic.learning.walk import curve, divergence

TAKING_PART = (
    "attention", "attention_backprop", "lif_readout", "lif_eprop", "lif_bptt", "gru", "lstm",
    "transformer", "linear_attention", "low_rank_attention", "logistic", "window_mlp",
    "unigram", "ngram", "suffix_table",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Continual:
    """A then B then A, all in one pass with learning on; probes of held-out text in between.

    a, b      texts: kjv, alice29 or the path of a file
    symbols   of each part         probe   symbols of each held-out piece, met with learning off
    window    symbols of the running mean that says when A is re-learned
    within    re-learned: within this fraction of the level before B
    A is symbols[0:n], its probe the `probe` symbols after that, and A again the n after those.
    """

    name: str = "continual"
    a: str = "kjv"
    b: str = "alice29"
    symbols: int = 20_000
    probe: int = 5_000
    window: int = 500
    within: float = 0.05
    seeds: int = 10
    fresh: ClassVar[bool] = False
    metric: Metric = field(
        default=Metric(name="loss on A after B", unit="bits/symbol", lower_is_better=True),
        init=False,
    )
    published: tuple[Published, ...] = field(default=(), init=False)
    target: Target | None = field(default=None, init=False)

    @property
    def question(self) -> str:
        """What is asked."""
        return f"After {self.a} and then {self.b}: how much of {self.a} is left, how soon back?"

    @property
    def protocol(self) -> str:
        """What is done."""
        return (
            f"{self.symbols:,} symbols of {self.a}, of {self.b}, and {self.symbols:,} fresh ones of"
            f" {self.a}, one pass, learning on, nobody told where a part begins. Score: loss on"
            f" {self.probe:,} held-out symbols of {self.a} after {self.b}, learning off, by a copy."
            " Forgetting alone would crown whoever never learned."
        )

    def learners(self) -> tuple[Learner, ...]:
        """Every learner of symbols that can be copied in the middle of a stream."""
        return tuple(learner(name) for name in TAKING_PART)

    def check(self) -> None:
        """Read both texts; UsageError where one is too short or the alphabets differ."""
        self._streams()

    def _streams(self) -> tuple[Symbols, dict[str, np.ndarray]]:
        if min(self.symbols, self.probe, self.window) < 1:
            raise UsageError(
                f"{self.name}: symbols = {self.symbols}, probe = {self.probe},"
                f" window = {self.window}: each from 1"
            )
        if self.symbols // 4 < self.window:
            raise UsageError(
                f"{self.name}: symbols = {self.symbols}: a quarter must hold the window of"
                f" {self.window}; at least {4 * self.window}"
            )
        n, held = self.symbols, self.probe
        a = _read(self.name, self.a, 2 * n + held)
        b = _read(self.name, self.b, n + held)
        if a.glyphs != b.glyphs:
            raise UsageError(f"{self.name}: {self.a} and {self.b} have different alphabets")
        x, y = a.symbols.astype(np.int64), b.symbols.astype(np.int64)
        parts = {
            "A": x[:n], "A held": x[n : n + held], "A again": x[n + held : 2 * n + held],
            "B": y[:n], "B held": y[n : n + held],
        }  # fmt: skip
        glyphs = a.glyphs
        space = Symbols(
            size=a.alphabet_size, labels=glyphs,
            delimiter=glyphs.index(" ") if " " in glyphs else None,
        )  # fmt: skip
        return space, parts

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """Run one learner through A, B, A."""
        space, parts = self._streams()
        student = learner.begin(space, seed=seed)
        found = continual(
            student, space, parts["A"], parts["B"], parts["A again"],
            probes=(parts["A held"], parts["B held"]), window=self.window, within=self.within,
        )  # fmt: skip
        line = curve(found.losses, windows=60)
        return Record(
            task=self.name, learner=learner.name, rule=learner.rule, seed=seed,
            score=found.probes["B", "A"], cost=student.cost(), extra=_extra(found),
            x=line.x, y=line.y, series=_series(found, self.symbols),
            note=divergence(found.losses), settings=learner.settings(),
        )  # fmt: skip


@cache
def load(name: str, symbols: int) -> corpus.SymbolStream:
    """The first symbols of a text in a–z; read once, as every cell asks for the same."""
    return corpus.load(name, symbols=symbols, alphabet="az")


def _read(task: str, name: str, needed: int) -> corpus.SymbolStream:
    read = load(name, needed)
    if len(read) < needed:
        raise UsageError(
            f"{task}: {name} has {read.symbols_available:,} symbols, {needed:,} are needed;"
            " make symbols or probe smaller"
        )
    return read


def _extra(found: Outcome) -> dict[str, float]:
    return {
        "forgetting_bits_per_symbol": found.forgetting,
        "relearning_symbols": found.relearning,
        "backward_transfer_bits_per_symbol": found.backward_transfer,
        **{
            f"{of.lower()}_after_{when.lower().replace(' ', '_')}_bits_per_symbol": value
            for (when, of), value in found.probes.items()
        },
    }


def _series(found: Outcome, n: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Loss on held-out A and B against symbols met."""
    at = {"start": 0, "A": n, "B": 2 * n, "A again": 3 * n}
    curves = {}
    for of in ("A", "B"):
        points = [(at[when], v) for (when, what), v in found.probes.items() if what == of]
        x, y = zip(*sorted(points), strict=True)
        curves[f"held-out {of}"] = (np.array(x, dtype=np.float64), np.array(y))
    return curves
