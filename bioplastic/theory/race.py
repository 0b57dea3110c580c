"""Closed form of a race by arrival time: how often the inputs that lead are the ones that win.

Source: order statistics of normal variables; a k-winner-take-all over latency (Thorpe, Delorme &
Van Rullen 2001 [thorpe2001]) is the selection of the k earliest.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import binom, norm

GRID = np.linspace(-10, 10, 4001)  # standard deviations of the jitter


def share_of_strong(size: int, k: int, lead: float, jitter: float) -> float:
    """Expected share of strong inputs among the k earliest of `size`.

    k strong inputs arrive at −lead + jitter·N(0, 1), the others at jitter·N(0, 1), independently;
    lead and jitter in the same unit. k = 1: P(correct) = ∫ φ(x) Φ(x + lead/jitter)^(size−1) dx
    with the sign of x turned. jitter = 0: 1 when lead > 0, k/size when it is 0.
    """
    if jitter == 0:
        return 1.0 if lead > 0 else k / size
    before_strong = norm.cdf(GRID)  # another strong input is earlier than the one at GRID
    before_weak = norm.cdf(GRID - lead / jitter)
    wins = np.zeros_like(GRID)
    for strong in range(k):
        p = binom.pmf(strong, k - 1, before_strong)
        wins += p * binom.cdf(k - 1 - strong, size - k, before_weak)
    return float(np.trapezoid(norm.pdf(GRID) * wins, GRID))
