"""Closed forms of pair STDP: the window, the sum over all pairs, the weight after two trains.

Nothing here is recursive: traces are written as sums over earlier spikes, so that the event-driven
code of the executors is compared with something else than itself.
Source: Song, Miller & Abbott 2000, eq. 1 [song2000]; Gütig et al. 2003 [guetig2003].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import second

from bioplastic.description import PairSTDP


def window(rule: PairSTDP, lag: Any) -> np.ndarray:
    """Change by one pair in units of w_max, (…); lag = t_post − t_pre s; exactly 0 at lag 0.

    +a_plus exp(−lag/tau_plus) for lag > 0,  −a_minus exp(lag/tau_minus) for lag < 0
    """
    lag = np.asarray(lag / second, dtype=float)
    up = rule.a_plus * np.exp(-np.abs(lag) / float(rule.tau_plus))
    down = -rule.a_minus * np.exp(-np.abs(lag) / float(rule.tau_minus))
    return np.where(lag > 0, up, np.where(lag < 0, down, 0.0))


def pair_sum(rule: PairSTDP, t_pre: Any, t_post: Any) -> float:
    """Additive change by two trains in units of w_max, bounds and weight dependence left out.

    t_pre (E,) s: arrivals at the synapse        t_post (F,) s: somatic spikes
    """
    pre, post = (np.asarray(t / second, dtype=float) for t in (t_pre, t_post))
    return float(window(rule, (post[None, :] - pre[:, None]) * second).sum())


def weight_after(rule: PairSTDP, pre: np.ndarray, post: np.ndarray, dt: Any, w_0: float) -> float:
    """Weight in units of w_max after two trains, with weight dependence and bounds.

    pre (E,), post (F,) int: steps of arrivals and of somatic spikes, dt s: length of a step.
    Each arrival sums −a_minus f₋(w) exp over earlier posts, each post spike a_plus f₊(w) exp over
    earlier arrivals; w is clipped to [0, 1] at each. In a common step neither sees the other.
    """
    mu, w = rule.dependence.mu, w_0
    pre, post = np.sort(pre), np.sort(post)
    events = sorted([(n, 0) for n in pre] + [(n, 1) for n in post])
    tau_plus, tau_minus = float(rule.tau_plus / dt), float(rule.tau_minus / dt)
    for n, kind in events:
        if kind == 0:
            trace = np.exp(-(n - post[post < n]) / tau_minus).sum()
            w -= rule.a_minus * _power(w, mu) * trace
        else:
            trace = np.exp(-(n - pre[pre < n]) / tau_plus).sum()
            w += rule.a_plus * _power(1 - w, mu) * trace
        w = min(max(w, 0.0), 1.0)
    return float(w)


def _power(x: float, mu: float) -> float:
    return 1.0 if mu == 0 else x**mu
