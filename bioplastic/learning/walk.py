"""The prequential protocol on a student: predict, be charged, then learn; one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Streaming, Student
from bioplastic.learning.space import Series, Space


def walk(
    student: Student, space: Space, stream: np.ndarray, *, learning: bool = True
) -> np.ndarray:
    """Losses (L,) float64 of a stream in the unit of the space.

    stream    in the form that `space.check` accepts
    learning  False: the student observes only (test data)
    For a Series of horizon h the loss at t is that of the forecast made after x[0..t−h]; the first
    h are charged with the prediction before anything was met. What is not finite is kept: the
    caller calls it divergence, nobody drops it.
    """
    x = space.check(stream)
    if isinstance(student, Streaming):
        losses = np.asarray(student.run(x, learning=learning), dtype=np.float64)
        if losses.shape != (len(x),):
            raise UsageError(f"{type(student).__name__}: {losses.shape} losses for {len(x)} inputs")
        return losses
    lag = space.horizon if isinstance(space, Series) else 1
    pending = [space.start()] * (lag - 1)
    losses = np.empty(len(x))
    for t in range(len(x)):
        pending.append(student.predict(x[:t]))
        target = x[t, 0] if isinstance(space, Series) else x[t]
        losses[t] = space.loss(pending.pop(0), target)
        if learning:
            student.learn(x[t])
        else:
            student.observe(x[t])
    return losses


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """Mean loss in windows of a stream: x (W,) examples met at its end, y (W,) mean inside."""

    x: np.ndarray
    y: np.ndarray


def curve(losses: np.ndarray, windows: int = 50) -> Curve:
    """Cut L losses into at most `windows` stretches of equal length (±1)."""
    if len(losses) == 0 or windows < 1:
        raise UsageError(f"curve: {len(losses)} losses in {windows} windows")
    edges = np.linspace(0, len(losses), min(windows, len(losses)) + 1).astype(np.int64)
    means = np.add.reduceat(losses, edges[:-1]) / np.diff(edges)  # inf stays in its window
    return Curve(x=edges[1:], y=means)


def divergence(losses: np.ndarray) -> str:
    """ "" for finite losses, else the note of a record: "diverged: … at example t"."""
    bad = np.flatnonzero(~np.isfinite(losses))
    return "" if len(bad) == 0 else f"diverged: loss {losses[bad[0]]} at example {bad[0]}"
