"""The continual protocol: A, then B, then A again; what is forgotten and how fast it comes back."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Student
from bioplastic.learning.space import Space
from bioplastic.learning.walk import walk


@dataclass(frozen=True, kw_only=True, eq=False)
class Continual:
    """What one student did on A, B, A.

    losses (L,)    prequential losses of all three parts, learning on
    starts         where B and the second A begin
    probes         mean loss on a held-out piece with learning off, by (when, of what):
                   ("A", "A") on A after A, ("B", "A") on A after B, ("B", "B") on B after B,
                   ("A again", "A") and ("A again", "B") at the end; ("start", "A") and ("A", "B")
                   before either was met
    relearning     examples of the second A until the running mean is back; inf: not in this stream
    """

    losses: np.ndarray
    starts: tuple[int, int]
    probes: dict[tuple[str, str], float]
    relearning: float

    @property
    def forgetting(self) -> float:
        """Loss on A after B minus before: how much of A was lost. Lower is better."""
        return self.probes["B", "A"] - self.probes["A", "A"]

    @property
    def backward_transfer(self) -> float:
        """Mean over A and B of the loss when just learned minus the loss after the next part.

        Negative: what was learned later spoils what was learned before.
        Source: Lopez-Paz & Ranzato 2017, equation 2 with losses for accuracies [lopezpaz2017].
        """
        a = self.probes["A", "A"] - self.probes["B", "A"]
        b = self.probes["B", "B"] - self.probes["A again", "B"]
        return (a + b) / 2


def continual(
    student: Student,
    space: Space,
    first: np.ndarray,
    other: np.ndarray,
    again: np.ndarray,
    *,
    probes: tuple[np.ndarray, np.ndarray],
    window: int = 500,
    within: float = 0.05,
) -> Continual:
    """Run A, B and A through one student, which is told nothing about where they begin.

    first, other, again   streams of A, of B, and of A again (fresh data, none of it met before)
    probes                held-out pieces of A and of B, met by deep copies with learning off
    window                examples of the running mean that says when A is re-learned
    within                relative distance: re-learned when the running mean of the last `window`
                          losses on `again` is at most (1 + within) times the mean over the last
                          quarter of `first`; the count includes the window, so it is at least that
    Raises UsageError for parts shorter than the window.
    """
    if window < 1 or min(len(first) // 4, len(again)) < window:
        raise UsageError(
            f"continual: A of {len(first)} and {len(again)} examples; a quarter of the first and"
            f" all of the second must hold the window of {window}"
        )
    if not within >= 0:
        raise UsageError(f"continual: within = {within}: a fraction from 0")
    held = {"A": probes[0], "B": probes[1]}
    found: dict[tuple[str, str], float] = {}

    def probe(when: str, *whats: str) -> None:
        for what in whats:
            copy = deepcopy(student)
            found[when, what] = float(walk(copy, space, held[what], learning=False).mean())

    probe("start", "A")
    parts = [walk(student, space, first)]
    probe("A", "A", "B")
    parts.append(walk(student, space, other))
    probe("B", "A", "B")
    parts.append(walk(student, space, again))
    probe("A again", "A", "B")
    level = float(parts[0][-(len(first) // 4) :].mean())
    return Continual(
        losses=np.concatenate(parts),
        starts=(len(first), len(first) + len(other)),
        probes=found,
        relearning=relearning(parts[2], level * (1 + within), window),
    )


def relearning(losses: np.ndarray, level: float, window: int) -> float:
    """Examples until the mean of the last `window` losses is at most `level`; inf if never."""
    means = np.lib.stride_tricks.sliding_window_view(losses, window).mean(axis=1)
    reached = np.flatnonzero(means <= level)
    return float(reached[0] + window) if len(reached) else float("inf")
