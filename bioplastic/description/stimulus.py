"""Stimuli: spike trains, Poisson trains drawn once, and symbol schedules on a rhythm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import hertz, ms, second

from bioplastic.description import _check


@dataclass(frozen=True, kw_only=True, eq=False)
class SpikeTrain:
    """Spikes of a source population.

    i (E,) int64   index of the source      t (E,) s   time, >= 0
    Stored ordered by (t, i). On a grid dt a spike belongs to step round(t/dt); two spikes of one
    source in one step are refused by the executors.
    """

    i: np.ndarray
    t: Any

    def __post_init__(self) -> None:
        _check.quantity(self, "t", second, low=0)
        i = np.asarray(self.i, dtype=np.int64)
        seconds = _check.magnitude(self.t, second)
        if i.shape != seconds.shape or i.ndim != 1:
            raise _check.fail(
                self, "i, t", f"{i.shape}, {seconds.shape}", "must be (E,) arrays of equal length"
            )
        order = np.lexsort((i, seconds))
        object.__setattr__(self, "i", i[order])
        object.__setattr__(self, "t", seconds[order] * second)

    def __len__(self) -> int:
        """Number of spikes."""
        return len(self.i)

    def steps(self, dt: Any) -> np.ndarray:
        """Step of each spike on the grid dt, (E,) int64: round(t/dt)."""
        return np.rint(_check.magnitude(self.t, dt)).astype(np.int64)


def poisson(rng: np.random.Generator, rates: Any, duration: Any, dt: Any) -> SpikeTrain:
    """Independent Poisson trains on the grid dt, drawn once.

    rates (N,) Hz; duration, dt s. Per step each source spikes with probability rate·dt.
    """
    per_step = np.atleast_1d(_check.magnitude(rates, hertz)) * float(dt / second)
    if np.any(per_step < 0) or np.any(per_step > 1):
        raise _check.fail(
            "poisson", "rates", rates, f"must lie in 0..{1 / float(dt / second)} Hz at dt = {dt}"
        )
    n_steps = round(float(duration / dt))
    index, steps = [], []
    for source, p in enumerate(per_step):
        at = np.flatnonzero(rng.random(n_steps) < p)
        index.append(np.full(len(at), source))
        steps.append(at)
    return SpikeTrain(i=np.concatenate(index), t=np.concatenate(steps) * dt)


@dataclass(frozen=True, kw_only=True, eq=False)
class SymbolSchedule:
    """One symbol per theta cycle: source s_k spikes at time (k·period + phase_k).

    symbols (L,) int   the sequence, 0 <= symbol < size
    size               number of sources
    period             cycle length, s
    phase              scalar or (L,), s in [0, period): when inside its cycle a symbol comes
    """

    symbols: np.ndarray
    size: int
    period: Any = _check.default(125 * ms)
    phase: Any = _check.default(0 * ms)

    def __post_init__(self) -> None:
        symbols = np.ascontiguousarray(self.symbols, dtype=np.int64)
        object.__setattr__(self, "symbols", symbols)
        _check.integer(self, "size", low=1)
        if symbols.ndim != 1 or not len(symbols):
            raise _check.fail(self, "symbols", f"shape {symbols.shape}", "must be (L,) with L >= 1")
        if symbols.min() < 0 or symbols.max() >= self.size:
            bad = symbols[(symbols < 0) | (symbols >= self.size)][0]
            raise _check.fail(self, "symbols", bad, f"must lie in 0..{self.size - 1}")
        _check.quantity(self, "period", second, low=0, open_low=True)
        _check.quantity(self, "phase", second, low=0)
        if np.any(_check.magnitude(self.phase, second) >= float(self.period)):
            raise _check.fail(self, "phase", self.phase, f"must be < period = {self.period}")

    def train(self) -> SpikeTrain:
        """The schedule as explicit spikes."""
        start = np.arange(len(self.symbols)) * float(self.period)
        return SpikeTrain(i=self.symbols, t=(start + _check.magnitude(self.phase, second)) * second)

    def shuffled(self, rng: np.random.Generator, dt: Any) -> SymbolSchedule:
        """The same symbols in the same cycles, each at a uniformly drawn phase on the grid dt."""
        slots = round(float(self.period) / float(dt))
        phase = rng.integers(slots, size=len(self.symbols)) * float(dt)
        return SymbolSchedule(
            symbols=self.symbols, size=self.size, period=self.period, phase=phase * second
        )


def presentations(
    sequences: list[list[int]],
    *,
    interval: Any,
    pause: Any,
    episodes: int,
    start: Any,
) -> tuple[SpikeTrain, np.ndarray]:
    """Sequence sets shown episode after episode: one source spike per element.

    sequences   list of lists of source indices       interval   between elements, s
    pause       from the last element of a sequence to the first of the next, s
    start       time of the first element, s
    Returns the train and the element times (episodes, n_sequences, longest) in s, nan-padded.
    """
    longest = max(len(s) for s in sequences)
    times = np.full((episodes, len(sequences), longest), np.nan)
    index: list[int] = []
    now = float(start)
    for episode in range(episodes):
        for k, sequence in enumerate(sequences):
            times[episode, k, : len(sequence)] = now + float(interval) * np.arange(len(sequence))
            index += sequence
            now = times[episode, k, len(sequence) - 1] + float(pause)
    return SpikeTrain(i=np.array(index), t=times[~np.isnan(times)] * second), times
