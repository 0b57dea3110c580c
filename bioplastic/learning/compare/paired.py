"""Statistics of a few paired seeds: intervals, sign-flip tests, Holm's correction.

Two learners share a seed when they met the same draws: order, noise, lesions. So they are compared
difference by difference. What an interval over seeds leaves out, it says: the data are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from bioplastic.errors import UsageError
from bioplastic.provenance import stream

LEVEL = 0.95
RESAMPLES = 20_000
FLIPS = 100_000
EXACT = 12
"""Up to this many differences every sign pattern is counted."""
FEWEST = 5
"""Below this many different values no interval is given: a resample could not be other data."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over seeds with its 95 % interval.

    low, high       nan where there is none
    deterministic   every value is the same: seeds change nothing, and say nothing about other data
    """

    mean: float
    low: float
    high: float
    n: int
    deterministic: bool = False

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Learner a against learner b: mean of the differences a − b.

    interval   of the mean difference
    p          two-sided p of the sign-flip test; nan where nothing varies
    smallest   the smallest p that so many differences can give
    over       "seeds", "windows" of one stream, or "nothing"
    """

    interval: Interval
    p: float
    smallest: float
    over: str

    def clear(self, p: float | None = None, tests: int = 1) -> bool:
        """Whether the sign of the difference is beyond doubt: 0 outside the interval, and p ≤ 0.05.

        p       a corrected p in the place of the plain one
        tests   by how many p was corrected
        Where so few seeds cannot reach 0.05 whatever they say, the interval decides alone.
        """
        if not self.interval.known or self.interval.low <= 0.0 <= self.interval.high:
            return False
        return self.smallest * tests > 1 - LEVEL or (self.p if p is None else p) <= 1 - LEVEL


def interval(
    values: Sequence[float] | np.ndarray, *, seed: int = 0, fresh: bool = False
) -> Interval:
    """Expanded percentile bootstrap of the mean.

        mean*_{α'}, mean*_{1−α'}    with α' = Φ(√(n/(n−1)) · t_{α/2, n−1})

    values (n,)   finite numbers, one per seed
    seed          of the resamples: equal values give equal intervals
    fresh         each value comes from other data, so that equal values are an interval: a point
    The plain percentile interval of ten values is a tenth too narrow and covers about 90 %; the
    wider percentiles give it the width of the t interval and keep the skew of the data. Fewer than
    FEWEST values, or all of them equal on the same data, give no interval. UsageError for what is
    not finite.
    Source: Hesterberg 2015, section 3.2 [hesterberg2015].
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) == 0 or not np.isfinite(x).all():
        raise UsageError(f"interval: a row of finite numbers is needed, not {values!r}")
    n, mean = len(x), float(x.mean())
    same = bool((x == x[0]).all())
    if same and fresh and n >= FEWEST:
        return Interval(mean=float(x[0]), low=float(x[0]), high=float(x[0]), n=n)
    if same or n < FEWEST:
        return Interval(
            mean=float(x[0]) if same else mean, low=np.nan, high=np.nan, n=n,
            deterministic=same and n > 1 and not fresh,
        )  # fmt: skip
    tail = float(norm.cdf(np.sqrt(n / (n - 1)) * t.ppf((1 - LEVEL) / 2, n - 1)))
    draws = stream(seed, "bootstrap").integers(0, n, size=(RESAMPLES, n))
    low, high = np.quantile(x[draws].mean(axis=1), (tail, 1 - tail))
    return Interval(mean=mean, low=float(low), high=float(high), n=n)


def sign_flip(differences: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """Return p and the smallest p possible of the paired permutation test, two-sided.

        p = share of the 2ⁿ sign patterns s with |Σ sᵢ dᵢ| ≥ |Σ dᵢ|

    differences (n,)   up to EXACT of them: all patterns; more: FLIPS drawn ones, and one is added
                       above and below, so that p is never too small
    Under the null each difference is as likely to have the other sign.
    """
    d = np.asarray(differences, dtype=np.float64)
    n = len(d)
    if n == 0 or not np.isfinite(d).all():
        raise UsageError(f"sign_flip: finite differences are needed, not {differences!r}")
    bound = abs(d.sum()) * (1 - 1e-12)  # sums of the same numbers in another order
    if n <= EXACT:
        signs = 1 - 2 * ((np.arange(1 << n)[:, None] >> np.arange(n)) & 1)
        return float((np.abs(signs @ d) >= bound).mean()), 2.0 / (1 << n)
    rng, hits = stream(seed, "sign-flip"), 0
    for _ in range(0, FLIPS, 10_000):
        signs = 1 - 2 * rng.integers(0, 2, size=(10_000, n), dtype=np.int8)
        hits += int((np.abs(signs @ d) >= bound).sum())
    return (hits + 1) / (FLIPS + 1), 1 / (FLIPS + 1)


def compare(
    a: Mapping[int, float],
    b: Mapping[int, float],
    *,
    windows: tuple[np.ndarray, np.ndarray] | None = None,
    seed: int = 0,
    fresh: bool = False,
) -> Paired:
    """Compare two learners on one task.

    a, b      seed → score; the seeds that both have are used
    windows   (W,) means over the same stretches of one stream, for both: they are compared where
              no seed changes anything, as two deterministic learners differ by one number that no
              test over seeds can judge. One shared seed cannot tell that, so nothing is compared
    fresh     each seed drew other data: then equal scores say so of as many draws, and seeds are
              compared whatever they vary
    """
    shared = sorted(set(a) & set(b))
    d = np.array([a[s] - b[s] for s in shared])
    d = d[np.isfinite(d)]
    if len(d) == 0:
        missing = Interval(mean=np.nan, low=np.nan, high=np.nan, n=0)
        return Paired(interval=missing, p=np.nan, smallest=np.nan, over="nothing")
    varies = len({a[s] for s in shared}) > 1 or len({b[s] for s in shared}) > 1
    over = "seeds"
    if not varies and not fresh:
        over = "nothing"
        if len(shared) > 1 and windows is not None and len(windows[0]) == len(windows[1]) > 1:
            d, over = np.asarray(windows[0]) - np.asarray(windows[1]), "windows"
    found = interval(d, seed=seed, fresh=fresh and over == "seeds")
    if over == "nothing":
        return Paired(interval=found, p=np.nan, smallest=np.nan, over=over)
    p, smallest = sign_flip(d, seed=seed)
    return Paired(interval=found, p=p, smallest=smallest, over=over)


def holm(ps: Sequence[float]) -> list[float]:
    """Return p values corrected for their number; nan stays nan and counts as a test.

        p̃_(k) = max_{j ≤ k} min(1, (m − j + 1) p_(j))

    Source: Holm 1979 [holm1979].
    """
    m = len(ps)
    order = sorted(range(m), key=lambda k: (np.isnan(ps[k]), ps[k]))
    found, top = [float("nan")] * m, 0.0
    for place, k in enumerate(order):
        if not np.isnan(ps[k]):
            top = max(top, min(1.0, (m - place) * ps[k]))
            found[k] = top
    return found
