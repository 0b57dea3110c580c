"""The time grid: durations as whole numbers of steps, or one clear error."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import second

from bioplastic.errors import UsageError

NEAR = 1e-6  # of a step: rounding of a decimal time, not a different time


def whole(owner: str, value: Any, dt: float) -> int:
    """Number of steps in `value`; UsageError unless it is a multiple of dt.

    owner   what the value belongs to, for the message       value s       dt s
    """
    return int(whole_each(owner, value, dt)[()])


def whole_each(owner: str, value: Any, dt: float) -> np.ndarray:
    """Number of steps in each of `value` (any shape), int64."""
    exact = np.asarray(value / second, dtype=float) / dt
    steps = np.rint(exact)
    wrong = np.abs(exact - steps) > NEAR
    if np.any(wrong):
        bad = float(np.asarray(exact)[wrong].flat[0]) * dt
        raise UsageError(
            f"{owner} = {bad * 1e3:g} ms: must be a multiple of the time step dt = {dt * 1e3:g} ms"
        )
    return steps.astype(np.int64)


def above(value: Any, dt: float) -> int:
    """Largest whole k with k·dt <= value: ``n > above(value)`` means n·dt > value."""
    exact = float(value / second) / dt
    near = round(exact)
    return near if abs(exact - near) <= NEAR else int(np.floor(exact))


def below(value: Any, dt: float) -> int:
    """Smallest whole k with k·dt >= value: ``n < below(value)`` means n·dt < value."""
    exact = float(value / second) / dt
    near = round(exact)
    return near if abs(exact - near) <= NEAR else int(np.ceil(exact))
