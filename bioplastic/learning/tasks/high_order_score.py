"""How the high-order task is scored: top-k at last elements, windows of 100, learning times."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from bioplastic.learning.learner import Student

CHUNK = 250
"""Symbols whose predictions are held at a time."""


@runtime_checkable
class Predicting(Protocol):
    """A student that gives the predictions of a whole stream faster than one at a time."""

    def predictions(self, stream: np.ndarray, *, learning: bool = True) -> np.ndarray:
        """p (L, V) before each symbol, as the loop of predict and learn (or observe) gives them."""
        ...


class Diverged(Exception):
    """A prediction that is not finite; the message says at which symbol."""


def hits(
    student: Student,
    symbols: np.ndarray,
    asked: np.ndarray,
    *,
    top: int,
    elements: int,
    rng: np.random.Generator,
    learning: bool = True,
) -> np.ndarray:
    """Go through a stream; for each asked symbol: was it among the `top` most probable elements?

    symbols (L,), asked (L,) bool   returns (asked,) bool
    elements   only symbols below this compete, as published: noise cannot be predicted
    rng        breaks ties
    Raises Diverged.
    """
    found: list[bool] = []

    def judge(p: np.ndarray, at: int) -> None:
        if not np.isfinite(p).all():
            raise Diverged(f"prediction not finite at symbol {at}")
        order = np.lexsort((rng.random(elements), -p[:elements]))
        found.append(bool((order[:top] == symbols[at]).any()))

    if isinstance(student, Predicting):
        for a in range(0, len(symbols), CHUNK):
            p = student.predictions(symbols[a : a + CHUNK], learning=learning)
            for t in np.flatnonzero(asked[a : a + CHUNK]):
                judge(p[t], a + int(t))
        return np.array(found, bool)
    move = student.learn if learning else student.observe
    for t, x in enumerate(symbols.tolist()):
        if asked[t]:
            judge(student.predict(symbols[:t]), t)
        move(x)
    return np.array(found, bool)


def running(right: np.ndarray, window: int) -> np.ndarray:
    """Mean of the last `window` tests, (N − window + 1,); empty where there were fewer."""
    if len(right) < window:
        return np.zeros(0)
    sums = np.concatenate(([0.0], np.cumsum(right)))
    found: np.ndarray = (sums[window:] - sums[:-window]) / window
    return found


def learned_at(right: np.ndarray, at: np.ndarray, *, window: int, wanted: float) -> float | None:
    """Symbol at which the mean of the last `window` tests first is `wanted` or more; None: never.

    right (N,) bool   at (N,) symbols at which the tests were
    """
    enough = np.flatnonzero(running(right, window) >= wanted - 1e-9)
    return float(at[enough[0] + window - 1]) if len(enough) else None


def smoothed(right: np.ndarray) -> np.ndarray:
    """The published curve: mean of up to 101 last tests, then a centred mean of 100.

    Beyond the end the last value goes on; before the beginning there is nothing (zeros).
    """
    sums = np.concatenate(([0.0], np.cumsum(right)))
    i = np.arange(len(right))
    start = np.maximum(0, i - 100)
    mean = (sums[i + 1] - sums[start]) / (i + 1 - start)
    wide = np.concatenate((mean, np.full(200, mean[-1])))
    found: np.ndarray = np.convolve(wide, np.full(100, 0.01), "same")[: len(right)]
    return found


def published_times(right: np.ndarray, at: np.ndarray, switch: int) -> dict[str, float]:
    """Learning times as the paper's published analysis defines them, in symbols.

    On the `smoothed` curve, the final accuracy before the switch is read 50 tests before it, after
    the switch at the end. Learned: the first test above .95 of the final accuracy; re-learned: the
    same after the switch, but no earlier than 100 tests after it. An entry is missing where there
    are too few tests.
    """
    found: dict[str, float] = {}
    if not len(right):
        return found
    curve = smoothed(right)
    first = int(np.searchsorted(at, switch, side="right"))
    if first > 50:
        level = 0.95 * curve[min(first, len(curve)) - 50]
        above = np.flatnonzero(curve[: first - 50] > level)
        if len(above):
            found["learned"] = float(at[above[0]])
    if len(curve) > first + 101:
        above = np.flatnonzero(curve[first + 101 :] > 0.95 * curve[-1])
        if len(above):
            found["learned again"] = float(at[first + 101 + above[0]] - switch)
    return found


def thinned(x: Any, y: Any, points: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """At most `points` of a curve, ends included."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    if len(x) <= points:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, points).astype(int))
    return x[kept], y[kept]
