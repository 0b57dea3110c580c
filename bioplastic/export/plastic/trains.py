"""Forced spike trains that show a learning rule: every order, bursts, coincidences."""

from __future__ import annotations

import numpy as np

from bioplastic.provenance import stream

STEPS = 240
_PATTERNS = (
    ((10, 90, 170), (13, 95, 178)),  # pre first, lags 3, 5, 8
    ((13, 95, 178), (10, 90, 170)),  # post first
    ((20, 100, 180), (20, 100, 180)),  # together
    ((30, 33, 120), (34, 124, 127)),  # two pre and a post; a pre and two post
    ((34, 124, 127), (30, 33, 120)),  # two post and a pre; a post and two pre
    ((40, 44, 140, 142), (44, 140, 141)),  # a coincidence inside a burst
)
DRAWN = 6


def forced(density: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Events of pre and post, (S, STEPS) bool each, of separate synapses; none in steps 0 and 1.

    density   spikes per step of the drawn trains, which follow the six written patterns; each drawn
              pair has coincidences
    """
    rng = stream(seed, "plastic rule", "trains")
    size = len(_PATTERNS) + DRAWN
    pre, post = np.zeros((size, STEPS), np.bool_), np.zeros((size, STEPS), np.bool_)
    for k, (a, b) in enumerate(_PATTERNS):
        pre[k, list(a)], post[k, list(b)] = True, True
    for k in range(len(_PATTERNS), size):
        pre[k], post[k] = rng.random((2, STEPS)) < density
        both = rng.choice(np.arange(20, STEPS - 20), 2, replace=False)
        pre[k, both], post[k, both] = True, True
    pre[:, :2], post[:, :2] = False, False
    return pre, post
