"""High-order sequences with noise between: learned, re-learned after a switch, with cells dying."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Learner, Lesionable, Student, Unsuited, fraction
from bioplastic.learning.learners import learner
from bioplastic.learning.space import Symbols
from bioplastic.learning.task import Literature, Metric, Published, Record, Target
from bioplastic.learning.tasks.high_order_score import (
    Diverged,
    hits,
    learned_at,
    published_times,
    running,
    thinned,
)
from bioplastic.learning.tasks.high_order_sequences import elements, high_order_stream, sequences
from bioplastic.provenance import stream as random_stream

RECOMPUTED = (
    "Cui, Ahmad & Hawkins 2016 [cui2016]; recomputed from its stored analysis, n = 10 to 20"
)

FIGURES: Mapping[str, Mapping[str, float]] = {
    "HTM": {
        "final accuracy before the switch": 1.0, "learned, as published [elements]": 7010,
        "learned again, as published [elements]": 2935, "accuracy, 2 endings": 0.986,
        "accuracy, 4 endings": 0.992,
    },
    "TDNN": {
        "final accuracy before the switch": 1.0, "learned, as published [elements]": 2766,
        "learned again, as published [elements]": 3917,
    },
    "LSTM-1000": {
        "final accuracy before the switch": 0.735, "learned, as published [elements]": 1989,
        "learned again, as published [elements]": 2466,
    },
    "LSTM-9000": {
        "final accuracy before the switch": 0.986, "learned, as published [elements]": 3959,
        "learned again, as published [elements]": 8864,
    },
    "LSTM online": {
        "final accuracy before the switch": 0.895, "learned, as published [elements]": 4540,
        "learned again, as published [elements]": 3275,
    },
    "LSTM, its own settings": {"accuracy, 2 endings": 0.855, "accuracy, 4 endings": 0.440},
    "ELM online": {
        "final accuracy before the switch": 0.839, "learned, as published [elements]": 5039,
        "learned again, as published [elements]": 19169, "accuracy, 2 endings": 0.60,
        "accuracy, 4 endings": 0.38,
    },
}  # fmt: skip
"""What the paper's stored results say of the figures in `Record.extra`, by method. Its LSTM runs
for several endings and cell death have settings of their own, not one of the windows."""

DEAD: Mapping[str, Mapping[float, float]] = {
    "HTM": {0.3: 1.0, 0.4: 0.894, 0.5: 0.522},
    "LSTM, its own settings": {0.3: 0.313, 0.4: 0.263, 0.5: 0.269},
    "ELM online": {0.3: 0.575, 0.4: 0.570, 0.5: 0.378},
}
"""Accuracy by fraction of neurons dead, from the same results."""


def _method(name: str) -> Literature:
    dead = DEAD.get(name, {})
    figures = {f"accuracy, {part * 100:g} % dead": value for part, value in dead.items()}
    curve = np.array(list(dead)), np.array(list(dead.values()))
    return Literature(
        name=name, source=RECOMPUTED, measured="recomputed", figures={**FIGURES[name], **figures},
        series={"accuracy by fraction dead": curve} if dead else {},
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class HighOrder:
    """Predict the last element of sequences that differ only in their first; see `protocol`.

    elements    length of the stream          switch   element from which ends are exchanged
    noise       vocabulary of the noise symbol after each sequence
    window      tests in the running accuracy
    several     numbers of possible endings run beside 1, each for `several_elements`, no switch
    death       fractions of neurons killed at the switch, in copies whose stream does not switch
    death_elements   how long those run on, learning off
    """

    name: str = "high-order"
    elements: int = 20_000
    switch: int = 10_000
    noise: int = 1_000
    window: int = 100
    several: tuple[int, ...] = (2, 4)
    several_elements: int = 12_000
    death: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    death_elements: int = 5_000
    seeds: int = 10
    fresh: ClassVar[bool] = True
    metric: Metric = field(
        default=Metric(
            name="final accuracy after the switch", unit="fraction right", lower_is_better=False
        ),
        init=False,
    )
    published: tuple[Published, ...] = field(
        default=(
            Published(name="HTM", score=1.000, source=RECOMPUTED, measured="recomputed"),
            Published(name="TDNN", score=1.000, source=RECOMPUTED, measured="recomputed"),
            Published(name="LSTM-9000", score=0.976, source=RECOMPUTED, measured="recomputed"),
            Published(name="LSTM-3000", score=0.877, source=RECOMPUTED, measured="recomputed"),
            Published(name="LSTM-1000", score=0.725, source=RECOMPUTED, measured="recomputed"),
            Published(name="LSTM online", score=0.879, source=RECOMPUTED, measured="recomputed"),
            Published(name="ELM online", score=0.732, source=RECOMPUTED, measured="recomputed"),
        ),
        init=False,
    )
    target: Target | None = field(
        default=Target(
            learner="high_order_attention",
            score=1.0,
            why="HTM's and TDNN's final accuracy; times and cell death stand apart",
        ),
        init=False,
    )

    @property
    def literature(self) -> tuple[Literature, ...]:
        """What the stored results of the paper say beside the final accuracy."""
        return tuple(_method(name) for name in FIGURES)

    @property
    def question(self) -> str:
        """What is asked."""
        return (
            "How soon is a context of five or six elements learned from one pass, how soon learned"
            " anew, and how many neurons may die?"
        )

    @property
    def protocol(self) -> str:
        """What is done."""
        return (
            f"{len(sequences(1))} sequences of 7 or 8 elements in random order, one of"
            f" {self.noise:,} noise symbols after each; predict, then learn, one pass. Tested at"
            " the last element of each sequence: is it the most probable of the elements (the k"
            f" most probable where k endings are possible)? From element {self.switch:,} on the"
            f" ends are exchanged within pairs. Final accuracy: mean of the last {self.window}"
            " tests; learned: first element at which that mean is .99. As published: see"
            " published_times. Cell death: copies at the switch, a fraction of neurons silenced,"
            f" learning off, {self.death_elements:,} more elements without the switch."
        )

    def learners(self) -> tuple[Learner, ...]:
        """Who takes part; nets are as large as the stream is worth, rates as they are set."""
        return tuple(replace(learner(name), **settings) for name, settings in SETTINGS.items())

    def check(self) -> None:
        """UsageError for a stream too short to be tested, or death fractions out of range."""
        least = 12 * self.window
        parts = {
            "switch": self.switch, "elements − switch": self.elements - self.switch,
            "several_elements": self.several_elements, "death_elements": self.death_elements,
        }  # fmt: skip
        for name, length in parts.items():
            if length < least:
                raise UsageError(
                    f"{self.name}: {name} = {length}: at least {least}, or {self.window} tests do"
                    " not fit in"
                )
        for part in self.death:
            fraction(part, f"{self.name}: death")
        for endings in self.several:
            sequences(endings)

    def space(self, endings: int) -> Symbols:
        """Elements first, noise after them."""
        return Symbols(size=elements(endings) + self.noise)

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """Run one cell."""
        known: dict[str, Any] = {
            "task": self.name, "learner": learner.name, "rule": learner.rule, "seed": seed,
            "settings": learner.settings(),
        }  # fmt: skip
        try:
            return self._measured(learner, seed, known)
        except Unsuited as reason:
            return Record(**known, score=float("nan"), cost=None, note=f"unsuited: {reason}")
        except Diverged as reason:
            return Record(**known, score=float("nan"), cost=None, note=f"diverged: {reason}")

    def _measured(self, learner: Learner, seed: int, known: dict[str, Any]) -> Record:
        stream = high_order_stream(
            endings=1, length=self.elements, noise=self.noise, seed=seed, switch=self.switch
        )
        student = learner.begin(self.space(1), seed=seed)
        asked: dict[str, Any] = {
            "top": 1, "elements": elements(1), "rng": random_stream(seed, "high-order", "ties")
        }  # fmt: skip
        cut = slice(0, self.switch), slice(self.switch, self.elements)
        before = hits(student, stream.symbols[cut[0]], stream.last[cut[0]], **asked)
        death, absent = self._death(student, seed)
        after = hits(student, stream.symbols[cut[1]], stream.last[cut[1]], **asked)
        right, at = np.concatenate((before, after)), np.flatnonzero(stream.last)
        extra = {"final accuracy before the switch": float(before[-self.window :].mean())}
        extra |= self._times(before, after, at)
        for endings in self.several:
            extra[f"accuracy, {endings} endings"] = self._several(learner, endings, seed)
        series = {}
        if death:
            series["accuracy by fraction dead"] = np.array(self.death), np.array(death)
            for part, value in zip(self.death, death, strict=True):
                extra[f"accuracy, {part * 100:g} % dead"] = value
        x, y = thinned(at[self.window - 1 :], running(right, self.window))
        settings = {**known["settings"], "absent": absent}
        return Record(
            **{**known, "settings": settings}, score=float(after[-self.window :].mean()),
            cost=student.cost(), extra=extra, x=x, y=y, series=series,
        )  # fmt: skip

    def _times(self, before: np.ndarray, after: np.ndarray, at: np.ndarray) -> dict[str, float]:
        """Learning times; one that was never reached is left out."""
        found: dict[str, float] = {}
        own = {
            "learned": learned_at(before, at, window=self.window, wanted=0.99),
            "learned again": learned_at(
                after, at[len(before) :] - self.switch, window=self.window, wanted=0.99
            ),
        }
        for name, value in own.items():
            if value is not None:
                found[f"{name} [elements]"] = value
        theirs = published_times(np.concatenate((before, after)), at, self.switch)
        return found | {f"{name}, as published [elements]": v for name, v in theirs.items()}

    def _several(self, learner: Learner, endings: int, seed: int) -> float:
        stream = high_order_stream(
            endings=endings, length=self.several_elements, noise=self.noise, seed=seed
        )
        right = hits(
            learner.begin(self.space(endings), seed=seed), stream.symbols, stream.last,
            top=endings, elements=elements(endings),
            rng=random_stream(seed, "high-order", f"{endings} endings", "ties"),
        )  # fmt: skip
        return float(right[-self.window :].mean())

    def _death(self, student: Student, seed: int) -> tuple[list[float], str]:
        """Accuracy after each fraction of deaths, or none and why."""
        if not self.death:
            return [], ""
        if not isinstance(student, Lesionable):
            return [], "cell death: it has no neurons that could die"
        stream = high_order_stream(
            endings=1, length=self.switch + self.death_elements, noise=self.noise, seed=seed
        )
        found = []
        for part in self.death:
            twin: Any = copy.deepcopy(student)
            try:
                if part:
                    twin.lesion_neurons(part, random_stream(seed, "high-order", f"death {part:g}"))
            except Unsuited as reason:
                return [], f"cell death: {reason}"
            right = hits(
                twin, stream.symbols[self.switch :], stream.last[self.switch :], top=1,
                elements=elements(1), learning=False,
                rng=random_stream(seed, "high-order", "ties after death"),
            )  # fmt: skip
            found.append(float(right.mean()))
        return found, ""


SETTINGS: dict[str, dict[str, Any]] = {
    "high_order_attention": {},
    "familiar_attention": {},
    "familiar_gru_reaching": {"inner_settings": (
        ("hidden", 128), ("learning_rate", 0.003), ("clip", 1.0), ("truncation", 2), ("reach", 12),
    )},
    "familiar_lstm_reaching": {"inner_settings": (
        ("hidden", 128), ("learning_rate", 0.01), ("clip", 1.0), ("truncation", 2), ("reach", 12),
    )},
    "attention": {},
    "lif_readout": {},
    "lif_eprop": {},
    "lif_bptt": {},
    "gru": {"hidden": 128, "learning_rate": 0.002146, "truncation": 8, "clip": 0.647},
    "gru_reaching": {
        "hidden": 128, "learning_rate": 0.004315, "truncation": 2, "reach": 8, "clip": 0.5521,
    },
    "lstm": {"hidden": 128, "learning_rate": 0.004405, "truncation": 16, "clip": 0.7654},
    "transformer": {
        "width": 64, "layers": 2, "window": 12, "learning_rate": 0.00143, "truncation": 16,
        "clip": 0.9244,
    },
    "window_mlp": {
        "hidden": 128, "window": 12, "learning_rate": 0.007994, "truncation": 8, "clip": 1.466,
    },
    "suffix_table": {"order": 8},
    "ngram": {"order": 7},
    "unigram": {},
}  # fmt: skip
"""Learner → settings that differ from its own: nets of a size that this stream is worth. The local
learner's contexts and states were searched for (docs/figures/search-high-order.jsonl, streams of
other seeds), those of the nets other than the spiking ones, and of the tables, are the best of
eight trials on 12 000 elements of another seed (docs/figures/search-tasks.jsonl); the others keep
what they were given elsewhere. The spiking temporal memory grows with V²;
"familiar_temporal_memory" can be run by name, at some ten times the cost."""
