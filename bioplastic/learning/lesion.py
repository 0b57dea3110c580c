"""The lesion protocol: learn in peace, then be tested with parts destroyed or inputs disturbed.

Every learner meets the same draws: a stream of random numbers belongs to (seed, kind, level). No
learning during the test, nothing is tuned again, and each level starts from the intact student.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Lesionable, Student, Unsuited, fraction
from bioplastic.learning.space import Space, Symbols
from bioplastic.learning.walk import walk
from bioplastic.provenance import stream

FRACTIONS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
JITTERS_MS = (0.0, 1.0, 2.0, 4.0, 8.0)


@runtime_checkable
class Jittered(Protocol):
    """A spiking student whose input spikes can be moved in time."""

    def jitter_spikes(self, sd_ms: float, rng: np.random.Generator) -> None:
        """From now on move every input spike by a normal number of this standard deviation, ms."""
        ...


class Damage(Protocol):
    """One kind of damage; `name` is that of the curve, `levels` where it is measured."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def levels(self) -> tuple[float, ...]: ...  # noqa: D102

    def test(
        self, student: Student, space: Space, x: np.ndarray, level: float, rng: np.random.Generator
    ) -> float:
        """Mean loss on x at that level; Unsuited with the reason where it cannot be."""
        ...


@dataclass(frozen=True, kw_only=True)
class Neurons:
    """Silence a fraction of the neurons."""

    levels: tuple[float, ...] = FRACTIONS
    name: str = "neurons removed"

    def test(
        self, student: Student, space: Space, x: np.ndarray, level: float, rng: np.random.Generator
    ) -> float:
        """Lesion, then test."""
        whole = _lesionable(student)
        if fraction(level, self.name) > 0:
            whole.lesion_neurons(level, rng)
        return _mean(student, space, x)


@dataclass(frozen=True, kw_only=True)
class Synapses:
    """Remove a fraction of the plastic synapses."""

    levels: tuple[float, ...] = FRACTIONS
    name: str = "synapses removed"

    def test(
        self, student: Student, space: Space, x: np.ndarray, level: float, rng: np.random.Generator
    ) -> float:
        """Lesion, then test."""
        whole = _lesionable(student)
        if fraction(level, self.name) > 0:
            whole.lesion_synapses(level, rng)
        return _mean(student, space, x)


@dataclass(frozen=True, kw_only=True)
class InputNoise:
    """Replace a fraction of the symbols that are met by others, each of them equally likely.

    Charged are the symbols that were not replaced: which those are is drawn without regard to what
    they are, so their mean loss is that of the true stream under a disturbed history.
    """

    levels: tuple[float, ...] = FRACTIONS
    name: str = "input noise"

    def test(
        self, student: Student, space: Space, x: np.ndarray, level: float, rng: np.random.Generator
    ) -> float:
        """Disturb the stream, then test on what was left alone."""
        if not isinstance(space, Symbols):
            raise Unsuited(f"{self.name}: for symbols, not for {type(space).__name__}")
        if fraction(level, self.name) == 1.0:
            raise UsageError(f"{self.name} = 1: no symbol is left to be charged")
        replaced = rng.random(len(x)) < level
        other = (x + rng.integers(1, space.size, size=len(x))) % space.size
        losses = walk(student, space, np.where(replaced, other, x), learning=False)
        return float(losses[~replaced].mean()) if not replaced.all() else float("nan")


@dataclass(frozen=True, kw_only=True)
class Jitter:
    """Move input spikes in time by normal numbers; the levels are standard deviations, ms."""

    levels: tuple[float, ...] = JITTERS_MS
    name: str = "spike jitter (ms)"

    def test(
        self, student: Student, space: Space, x: np.ndarray, level: float, rng: np.random.Generator
    ) -> float:
        """Jitter, then test."""
        if not isinstance(student, Jittered):
            raise Unsuited(f"{self.name}: no input spikes that could be moved")
        if level > 0:
            student.jitter_spikes(level, rng)
        return _mean(student, space, x)


DAMAGES: tuple[Damage, ...] = (Neurons(), Synapses(), InputNoise(), Jitter())


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesions:
    """Curves of one student.

    curves   kind → (levels (K,), mean loss (K,))
    absent   kind → why there is no curve
    """

    curves: Mapping[str, tuple[np.ndarray, np.ndarray]]
    absent: Mapping[str, str]


def lesions(
    student: Student,
    space: Space,
    x: np.ndarray,
    *,
    seed: int,
    damages: Sequence[Damage] = DAMAGES,
) -> Lesions:
    """Test deep copies of a trained student on x under every kind and level of damage.

    x      test stream that was not met in training; learning is off
    seed   of the draws: two learners with one seed lose the same fraction by equal draws
    """
    curves, absent = {}, {}
    for damage in damages:
        losses = []
        try:
            for level in damage.levels:
                rng = stream(seed, "lesion", damage.name, f"{level:g}")
                losses.append(damage.test(deepcopy(student), space, x, level, rng))
        except Unsuited as reason:
            absent[damage.name] = str(reason)
            continue
        curves[damage.name] = (np.array(damage.levels), np.array(losses))
    return Lesions(curves=curves, absent=absent)


def _lesionable(student: Student) -> Lesionable:
    if not isinstance(student, Lesionable):
        raise Unsuited("no neurons and no synapses that could be removed")
    return student


def _mean(student: Student, space: Space, x: np.ndarray) -> float:
    return float(walk(student, space, x, learning=False).mean())
