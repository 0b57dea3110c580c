"""Where two runs of one network part: the first spike that differs, and how many are equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.result import SpikeRecord


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """The first spike that one of two records has and the other has not.

    step, neuron   where; of several in one step the lowest neuron
    kind           "missing": only the first record has it; "extra": only the second
    time           seconds
    """

    step: int
    neuron: int
    kind: Literal["missing", "extra"]
    time: float

    def __str__(self) -> str:
        has = "has not" if self.kind == "missing" else "alone has"
        return (
            f"step {self.step} ({1e3 * self.time:g} ms): the second {has} a spike of {self.neuron}"
        )


def first_divergence(a: SpikeRecord, b: SpikeRecord) -> Divergence | None:
    """Return the first spike that differs between `a` and `b`, or None when they are equal.

    Raises UsageError when grid or size differ: such records cannot be compared spike by spike.
    """
    only_a, only_b = _split(a, b)
    if len(only_a) == 0 and len(only_b) == 0:
        return None
    missing = len(only_b) == 0 or (len(only_a) > 0 and only_a[0] < only_b[0])
    step, neuron = divmod(int(only_a[0] if missing else only_b[0]), max(a.size, 1))
    return Divergence(
        step=step, neuron=neuron, kind="missing" if missing else "extra", time=step * a.dt
    )


def agreement(
    a: SpikeRecord, b: SpikeRecord, horizons: Sequence[float] = (0.010, 0.020, 0.050)
) -> dict[float, float]:
    """Share of equal spikes up to each horizon, |A ∩ B| / |A ∪ B|; 1 where both are silent.

    horizons  seconds; spikes with t < horizon count, t compared on the grid
    """
    only_a, only_b = _split(a, b)
    ours = _codes(a)
    found = {}
    for horizon in horizons:
        limit = int(np.ceil(horizon / a.dt - 1e-6)) * max(a.size, 1)
        differ = np.count_nonzero(only_a < limit) + np.count_nonzero(only_b < limit)
        equal = np.count_nonzero(ours < limit) - np.count_nonzero(only_a < limit)
        found[horizon] = equal / (equal + differ) if equal + differ else 1.0
    return found


def _codes(record: SpikeRecord) -> np.ndarray:
    """One sorted integer for each spike: step · size + id."""
    steps = np.asarray(record.steps, dtype=np.int64)
    return np.unique(steps * max(record.size, 1) + record.ids)


def _split(a: SpikeRecord, b: SpikeRecord) -> tuple[np.ndarray, np.ndarray]:
    if a.size != b.size or not np.isclose(a.dt, b.dt, rtol=1e-9, atol=0):
        raise UsageError(
            f"{a.population} ({a.size} neurons, dt {a.dt} s) and {b.population} "
            f"({b.size} neurons, dt {b.dt} s) lie on different grids"
        )
    ours, theirs = _codes(a), _codes(b)
    return np.setdiff1d(ours, theirs, True), np.setdiff1d(theirs, ours, True)
