"""What a row of surprises says: mean, last third, learning curve, confidence interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.prequential import last_third_start


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Figures of one prequential run, all in bits per symbol.

    mean               over the whole stream
    last_third         over symbols from 2L // 3
    low, high          95 % interval of the mean, moving-block bootstrap
    window_stop (W,)   index after the last symbol of each window
    window_mean (W,)   mean in each window: the learning curve
    """

    mean: float
    last_third: float
    low: float
    high: float
    window_stop: np.ndarray
    window_mean: np.ndarray


def summary(
    bits: np.ndarray,
    *,
    windows: int = 50,
    block: int = 1000,
    resamples: int = 1000,
    seed: int = 0,
) -> Summary:
    """Summarise the surprise of each symbol.

    bits (L,) bits: finite, L >= 1
    windows    windows of the learning curve; fewer if L is smaller
    block      symbols that are drawn together, as neighbours depend on each other; at most L // 2.
               The interval holds for another stretch of like text, learning trend included
    resamples  bootstrap draws
    Raises UsageError for anything but one row of finite numbers.
    Source: moving blocks, Künsch 1989 [kunsch1989].
    """
    values = np.asarray(bits, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise UsageError("bits: one row of finite numbers is needed, one per symbol")
    if min(windows, block, resamples) < 1:
        raise UsageError(f"windows={windows}, block={block}, resamples={resamples}: each from 1")
    length = len(values)
    edges = np.linspace(0, length, min(windows, length) + 1).astype(np.int64)
    sums = np.concatenate(([0.0], np.cumsum(values)))
    size = max(1, min(block, length // 2))
    starts = np.random.default_rng(seed).integers(
        0, length - size + 1, size=(resamples, -(-length // size))
    )
    means = ((sums[starts + size] - sums[starts]) / size).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Summary(
        mean=float(values.mean()),
        last_third=float(values[last_third_start(length) :].mean()),
        low=float(low),
        high=float(high),
        window_stop=edges[1:],
        window_mean=np.diff(sums[edges]) / np.diff(edges),
    )
