"""Recurrent networks whose gradient reaches back beyond the stretch that is learned from."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from bioplastic.errors import UsageError
from bioplastic.learning.learners.online import Online, OnlineStudent
from bioplastic.learning.learners.recurrent import GRU, LSTM
from bioplastic.learning.space import Space

Stretch = tuple[int, Any, np.ndarray]
"""Position and state at its beginning, and its inputs."""


class ReachingStudent(OnlineStudent):
    """A student that learns a stretch with the gradient running on through those before it.

    The stretches before are run again, from the state that was met at the beginning of the oldest,
    with the weights of now; of their losses nothing is learned again. `run` makes this second pass
    too, and it is counted with the cost of learning. Where learning is switched off or a piece
    begins, the past is forgotten.
    """

    def __init__(self, learner: Online, space: Space, module: nn.Module, reach: int) -> None:
        self.past: deque[Stretch] = deque(maxlen=reach // learner.truncation)
        super().__init__(learner, space, module)

    def _forget(self) -> None:
        """Open an empty journal here, with nothing before it."""
        super()._forget()
        self.past.clear()

    def _through(self, x: np.ndarray, learning: bool) -> np.ndarray:
        """Go through at most the rest of a stretch; return what was told of it."""
        following = self.code.rows(x)
        rows = np.concatenate((self.row, following[:-1]))
        inputs = self._tensor(rows)
        self.meter.forward(self.module, inputs, self.state, self.position)
        with torch.no_grad():
            outputs, after = self.module(inputs, self.state)
        told = self.code.told(outputs, rows, x)
        if learning:
            self._note(rows, x)
        self.row, self.state = following[-1:], after
        self.position += len(x)
        self.meter.symbols += len(x)
        self._ahead = None
        if learning and len(self.journal) % self.learner.truncation == 0:
            self._learn()
        return told

    def _learn(self) -> None:
        """Learn from all predictions of the journal whose x has come; what is done is the past."""
        journal, stretch = self.journal, self.learner.truncation
        known = len(journal) - self.code.lag + 1
        first = journal.learned
        if known <= first:
            return
        position, state = journal.states[0]
        oldest = self.past[0] if self.past else (position, state, journal.rows[:0])
        rows = np.concatenate((*(own for _, _, own in self.past), journal.rows[:known]))
        before = len(rows) - known
        inputs = self._tensor(rows)
        spent = self.meter.again(self.module, inputs, oldest[1], oldest[0])
        outputs, _ = self.module(inputs, oldest[1])
        told, meant = slice(first, known), slice(first + self.code.lag - 1, len(journal))
        loss = self.code.nats(
            outputs[before + first :], journal.rows[told], journal.x[meant]
        ).mean()
        self._descend(loss, known - first, spent)
        done = known // stretch
        for k, (place, met) in enumerate(journal.states[:done]):
            self.past.append((place, met, journal.rows[k * stretch : (k + 1) * stretch]))
        journal.rows, journal.x = journal.rows[done * stretch :], journal.x[done * stretch :]
        journal.states = journal.states[done:]
        journal.learned = known - done * stretch


class _Reaching:
    """What makes a network reach; no dataclass, so that fields and defaults are the network's."""

    name: str
    truncation: int
    reach: int

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()  # type: ignore[misc]
        if self.reach < 0 or self.reach % self.truncation:
            raise UsageError(
                f"{self.name}: reach={self.reach} must be a multiple of"
                f" truncation={self.truncation}, 0 or more"
            )

    def begin(self, space: Space, *, seed: int) -> ReachingStudent:
        """Start on a space, with the weights that the network without reaching begins with."""
        plain: OnlineStudent = super().begin(space, seed=seed)  # type: ignore[misc]
        return ReachingStudent(plain.learner, space, plain.module, self.reach)


@dataclass(frozen=True, kw_only=True)
class ReachingGRU(_Reaching, GRU):
    """`GRU` by truncated BPTT(h, h'): a step each h = `truncation`, the gradient h' steps long.

    reach  steps before the stretch through which the gradient runs, a multiple of `truncation`;
           h' = truncation + reach. With 0 it learns as `GRU` does, up to rounding
    Each loss is learned from once, as by `Online`; but an error at the beginning of a stretch finds
    its cause before it. A symbol costs (truncation + reach)/truncation more passes.
    The rest as in `GRU`. Raises UsageError for a reach below 0 or between two multiples.
    Source: Williams & Peng 1990, truncated BPTT(h, h') [williams1990].
    """

    name: str = "gru_reaching"
    truncation: int = 4
    reach: int = 12


@dataclass(frozen=True, kw_only=True)
class ReachingLSTM(_Reaching, LSTM):
    """`LSTM` by truncated BPTT(h, h'), as `ReachingGRU`.

    reach  steps before the stretch through which the gradient runs, a multiple of `truncation`
    The rest as in `LSTM`. Raises UsageError for a reach below 0 or between two multiples.
    Source: Williams & Peng 1990, truncated BPTT(h, h') [williams1990].
    """

    name: str = "lstm_reaching"
    truncation: int = 4
    reach: int = 12
