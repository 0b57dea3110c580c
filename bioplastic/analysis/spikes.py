"""Rates and regularity of spike trains."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.result import SpikeRecord


def rates(record: SpikeRecord, *, start: float = 0.0, stop: float) -> np.ndarray:
    """Mean rate of each neuron in start <= t < stop, (N,) Hz.

    start, stop  seconds; UsageError unless stop > start
    """
    if not stop > start:
        raise UsageError(f"rates: stop = {stop} s must lie after start = {start} s")
    inside = (record.times >= start) & (record.times < stop)
    counts = np.bincount(record.ids[inside], minlength=record.size)
    return counts / (stop - start)


def population_rate(
    record: SpikeRecord, *, width: float, stop: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean rate over the population in windows of `width`: edges (W + 1,) s, rates (W,) Hz.

    stop  seconds, covered by ceil(stop/width) whole windows; later spikes are left out
    """
    if not (width > 0 and stop > 0):
        raise UsageError(f"population_rate: width = {width} s and stop = {stop} s must be positive")
    windows = int(np.ceil(stop / width - 1e-9))
    edges = width * np.arange(windows + 1)
    window = np.floor(record.times / width + 1e-9).astype(np.int64)  # a spike on an edge opens one
    counts = np.bincount(window[window < windows], minlength=windows)
    return edges, counts / (width * max(record.size, 1))


def isi_cv(record: SpikeRecord, *, least: int = 3) -> np.ndarray:
    """Coefficient of variation of the interspike intervals of each neuron, (N,).

    CV = std(ISI) / mean(ISI), population std: 0 for a clock, about 1 for a Poisson process.
    least  neurons with fewer spikes give nan (at least 3: two intervals)
    """
    result = np.full(record.size, np.nan)
    order = np.lexsort((record.steps, record.ids))
    ids, steps = record.ids[order], record.steps[order]
    starts = np.searchsorted(ids, np.arange(record.size + 1))
    for neuron, (a, b) in enumerate(pairwise(starts)):
        if b - a >= max(least, 3):
            gaps = np.diff(steps[a:b])
            result[neuron] = gaps.std() / gaps.mean()
    return result
