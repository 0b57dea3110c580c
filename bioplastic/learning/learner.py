"""The one interface of all learners: predict, be told, learn, say what it cost.

    student = learner.begin(space, seed=1)
    for x in stream:
        p = student.predict(history)     # before x is seen
        student.learn(x)                 # or student.observe(x): go on without learning

A `Learner` is a recipe (frozen, hashable, printable); a `Student` is one that has begun.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Protocol, runtime_checkable

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Space

RULES = ("local", "three-factor", "backprop", "least-squares", "none")


class Unsuited(UsageError):
    """This learner cannot meet this space or this protocol; the message says why."""


class Student(Protocol):
    """A learner in the middle of a stream."""

    def predict(self, history: Any) -> np.ndarray:
        """The prediction of the next x, in the form of the space.

        history   everything met so far, in order. A student that keeps a state uses that state;
                  it is equal to having met `history` with `learn` and `observe`.
        Calling it twice, or not at all, changes no later figure.
        """
        ...

    def learn(self, x: Any) -> None:
        """Meet the next x and learn from it."""
        ...

    def observe(self, x: Any) -> None:
        """Meet the next x: the state moves on, nothing is learned."""
        ...

    def cost(self) -> Cost:
        """Totals since the start."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """A student that goes through a whole stream faster than one x at a time."""

    def run(self, stream: np.ndarray, *, learning: bool = True) -> np.ndarray:
        """Losses (L,) of the stream, as the loop of predict and learn (or observe) gives them."""
        ...


@runtime_checkable
class Lesionable(Protocol):
    """A student of which parts can be destroyed. Destroyed parts stay silent for good."""

    def lesion_neurons(self, fraction: float, rng: np.random.Generator) -> None:
        """Silence this fraction of the neurons that learning uses, drawn by `rng`."""
        ...

    def lesion_synapses(self, fraction: float, rng: np.random.Generator) -> None:
        """Remove this fraction of the plastic synapses, drawn by `rng`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Learner:
    """Base of all recipes: subclass as a frozen dataclass whose fields are the hyperparameters.

    name   in tables, metrics and file names: lower case, underscores
    rule   "local", "three-factor", "backprop", "least-squares" (the weights are solved for, no
           gradient is followed) or "none" (it does not learn weights)
    """

    name: str
    rule: str = "none"

    def __post_init__(self) -> None:
        """Check the name and the rule."""
        if self.rule not in RULES:
            raise UsageError(f"{self.name}: rule = {self.rule!r} is none of {', '.join(RULES)}")

    def begin(self, space: Space, *, seed: int) -> Student:
        """Start on a space; `Unsuited` with the reason where that cannot be."""
        raise NotImplementedError

    def locality(self) -> tuple[Use, ...]:
        """Every quantity that one update uses; see `bioplastic.learning.locality`."""
        return ()

    def made_of(self) -> tuple[object, ...]:
        """Other recipes that this one runs and knows by name only; their code is its code too."""
        return ()

    def settings(self) -> dict[str, Any]:
        """Hyperparameters by name, for records."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def fraction(value: float, what: str) -> float:
    """Return a fraction in [0, 1]; UsageError otherwise."""
    if not (math.isfinite(value) and 0.0 <= value <= 1.0):
        raise UsageError(f"{what} = {value}: a fraction from 0 to 1")
    return float(value)
