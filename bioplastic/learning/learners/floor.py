"""The honest floor: predictors that any learner has to beat, behind the interface of learners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bioplastic.errors import UsageError, nearest
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.learners.floor_students import (
    FloorStudent,
    Frequencies,
    NGramStudent,
    PPMdStudent,
    SuffixTableStudent,
)
from bioplastic.learning.ngram import NGram
from bioplastic.learning.ppm import PPMd
from bioplastic.learning.space import Frames, Space, Symbols
from bioplastic.learning.suffix_table import SuffixTable

_CONTEXT: dict[str, tuple[Callable[..., Any], Callable[..., Any], str]] = {
    "ngram": (NGramStudent, NGram, "order"),
    "suffix_table": (SuffixTableStudent, SuffixTable, "longest"),
    "ppmd": (PPMdStudent, PPMd, "order"),
}
FLOORS = ("uniform", "unigram", *_CONTEXT)


@dataclass(frozen=True, kw_only=True)
class Floor(Learner):
    """One of the baselines of `learning.baselines`, by its name.

    uniform        p = 1/V of symbols, ½ of each key of a frame
    unigram        frequencies so far (Krichevsky–Trofimov), of symbols or of each key
    ngram          interpolated Kneser–Ney, symbols only
    suffix_table   longest match, most recent successor, symbols only
    ppmd           code length of PPMd, symbols only. It is known for stretches: `run` spreads the
                   length of each of 50 stretches evenly, so the sum is exact and the curve is not
                   finer; `predict`, `observe` and learning=False are Unsuited

    order   longest context of the last three; None for their defaults 6, 32, 8
    All of them are deterministic: the seed changes nothing.
    Raises UsageError for another name or an order out of range, Unsuited for a space they cannot
    meet; ppmd raises Unavailable where pyppmd is missing or V > 256.
    """

    name: str = "uniform"
    rule: str = "none"
    order: int | None = None

    def __post_init__(self) -> None:
        """Check the name and the order."""
        super().__post_init__()
        if self.name not in FLOORS:
            raise UsageError(f"no floor {self.name!r}{nearest(self.name, FLOORS)}")
        if self.name in _CONTEXT:
            self._predictor()
        elif self.order is not None:
            raise UsageError(f"{self.name}: order={self.order}, but it has no context")

    def settings(self) -> dict[str, Any]:
        """Hyperparameters; PPMd says that its operations are not counted."""
        found = super().settings()
        if self.name == "ppmd":
            found["uncounted"] = "operations and traffic: the coder is a library that tells neither"
        return found

    def _predictor(self) -> Any:
        _, predictor, longest = _CONTEXT[self.name]
        return predictor() if self.order is None else predictor(**{longest: self.order})

    def begin(self, space: Space, *, seed: int) -> FloorStudent:
        """Start on a space."""
        if self.name not in _CONTEXT and isinstance(space, Symbols | Frames):
            return Frequencies(self.name, space, counting=self.name == "unigram")
        if self.name in _CONTEXT and isinstance(space, Symbols):
            student: FloorStudent = _CONTEXT[self.name][0](self.name, space, self._predictor())
            return student
        raise Unsuited(f"{self.name}: it cannot predict {type(space).__name__}")
