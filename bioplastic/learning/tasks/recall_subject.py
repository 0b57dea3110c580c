"""Who is asked: a student that starts every episode anew, or a network that was trained before."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from bioplastic.learning.cost import SIZES, Cost
from bioplastic.learning.learner import Learner, Student
from bioplastic.learning.space import Symbols
from bioplastic.learning.tasks.recall_episodes import Episodes

Draw = Callable[[np.random.Generator, int], Episodes]


def summed(costs: list[Cost]) -> Cost:
    """Totals of several students of one kind; sizes are the largest."""
    values: dict[str, Any] = {}
    for f in fields(Cost):
        each = [getattr(cost, f.name) for cost in costs]
        values[f.name] = max(each) if f.name in SIZES else sum(each)
    return Cost(**values)


def predictions(student: Student, x: np.ndarray) -> np.ndarray:
    """p (L, V) before each symbol of an episode; the student learns all along."""
    fast = getattr(student, "predictions", None)
    if fast is not None:
        found: np.ndarray = fast(x)
        return found
    rows = []
    for t in range(len(x)):
        rows.append(student.predict(x[:t]))
        student.learn(x[t])
    return np.stack(rows)


def likeliest(p: np.ndarray) -> np.ndarray:
    """(n,) symbol of the largest of p (n, V), −1 where two are equally large."""
    tied = (p == p.max(axis=1, keepdims=True)).sum(axis=1) > 1
    return np.where(tied, -1, p.argmax(axis=1))


class FewShot:
    """A learner that meets each episode with no experience: what it knows, it learned in there.

    The same student is copied for every episode, so all have equal codes and equal weights at the
    start. The answer to a query is the likeliest symbol of its prediction; a tie is no answer.
    """

    curve = (np.zeros(0), np.zeros(0))

    def __init__(self, learner: Learner, space: Symbols, *, seed: int) -> None:
        self.learner, self.space = learner, space
        self._fresh = learner.begin(space, seed=seed)
        self._costs: list[Cost] = []
        self.spoken = np.zeros(0, np.int64)

    def answers(self, episodes: Episodes) -> np.ndarray:
        """(n,) answers in the order of np.nonzero(asked); `spoken` has those in spikes, if any."""
        said, spoken = [], []
        for x, asked in zip(episodes.x, episodes.asked, strict=True):
            student = copy.deepcopy(self._fresh)
            at = np.flatnonzero(asked)
            said.append(likeliest(predictions(student, x)[at + 1]))
            if hasattr(student, "spoken"):
                spoken.append(student.spoken()[at])
            self._costs.append(student.cost())
        self.spoken = np.concatenate(spoken) if spoken else np.zeros(0, np.int64)
        return np.concatenate(said)

    def operations(self, episodes: Episodes) -> float:
        """Synaptic operations per symbol, counted: effective_macs + effective_acs."""
        before = len(self._costs)
        self.answers(episodes)
        found = summed(self._costs[before:])
        return (found.effective_macs + found.effective_acs) / found.symbols

    def state_bytes(self, length: int) -> int:
        """Bytes of state: what the learner says of itself, or else its whole footprint."""
        told = getattr(self.learner, "state_bytes", None)
        return int(told(self.space)) if told is not None else self.cost().footprint_bytes

    def cost(self) -> Cost:
        """Totals of all episodes."""
        return summed(self._costs or [self._fresh.cost()])


class Trained:
    """A network after its training over episodes; see `learners.recall_pretrained`."""

    def __init__(self, learner: Any, space: Symbols, draw: Draw, *, seed: int) -> None:
        self._net = learner.train(space, draw, seed=seed)
        self.curve = (self._net.x, self._net.y)
        self.spoken = np.zeros(0, np.int64)

    def answers(self, episodes: Episodes) -> np.ndarray:
        """(n,) answers in the order of np.nonzero(asked)."""
        found: np.ndarray = self._net.answers(episodes)
        return found

    def operations(self, episodes: Episodes) -> float:
        """Synaptic operations per symbol at this length, from the shapes; training left out."""
        return float(self._net.macs_per_symbol(episodes.x.shape[1]))

    def state_bytes(self, length: int) -> int:
        """Bytes carried from symbol to symbol after `length` of them."""
        return int(self._net.state_bytes(length))

    def cost(self) -> Cost:
        """Totals, training included."""
        found: Cost = self._net.cost()
        return found


Subject = FewShot | Trained


def subject(learner: Learner, space: Symbols, draw: Draw, *, seed: int) -> Subject:
    """Train what must be trained over episodes; begin what must not."""
    if hasattr(learner, "train"):
        return Trained(learner, space, draw, seed=seed)
    return FewShot(learner, space, seed=seed)
