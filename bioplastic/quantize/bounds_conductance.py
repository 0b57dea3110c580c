"""Proof that no state of a conductance neuron can overflow.

A conductance is what spikes pile up on it. The membrane moves between its old value and v∞, which
lies among v_rest + drive and the reversals, so v stays among these, v_reset and v_initial, plus
what arrivals onto v itself pile up: they decay at least as fast as at the leak alone, and stand
still for the refractory time at most once, because a reset ends them. Euler's method goes past v∞
where λ = (1 + Σg) dt/tau_m > 1, by at most the factor λ/(2 − λ), and has no bound from λ = 2 on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.arrivals import arrivals, weight_bounds
from bioplastic.quantize.bounds_linear import Incoming
from bioplastic.quantize.integer_population import IntegerConductance

ONE = 2.0**fp.PROPAGATOR


@dataclass(frozen=True, kw_only=True, eq=False)
class Reach:
    """Largest values: g (K, N), v (N,) magnitude, top (N,) of v, theta (N,), LSB; sum of products.

    pull   Σg·E or Euler's Σ(E − v)·h       exponent   (leak + Σg)·rate
    """

    g: np.ndarray
    v: np.ndarray
    top: np.ndarray
    theta: np.ndarray
    pull: float
    exponent: float


def reach(p: IntegerConductance, incoming: Incoming, *, spiking: bool = True) -> Reach:
    """How far every state can go; spiking=False leaves out the reset."""
    leak = 2.0**p.shift
    g = np.stack(
        [_conductance(p, k, incoming) for k in range(len(p.receptors))] or [np.zeros((0,))]
    )
    g = g.reshape(len(p.receptors), p.size)
    total = leak + g.sum(axis=0)
    steps = total * p.rate / leak / 2.0**fp.RATE  # λ
    slowest = p.rate / 2.0**fp.RATE
    if p.exponential:
        kept, beyond = float(np.exp(-slowest)) + 4 / ONE, np.ones(p.size)
    else:
        worst = float(np.max(steps))
        if worst >= 2:
            raise UnsupportedModel(
                f"{p.name}.neuron.integrator = Taylor(order=1): (1 + sum of g) dt/tau_m could "
                f"reach {worst:.3g}, Euler's method is stable below 2: use ExponentialEuler(), a "
                "shorter dt or smaller weights"
            )
        kept = max(1 - slowest, worst - 1) + 1 / ONE
        beyond = np.maximum(1.0, steps / (2 - steps))
    low, high = _hull(p, g, spiking)
    own, upward = _onto_v(p, incoming, kept)
    slack = 1 / (1 - kept) if kept < 1 else np.inf
    largest = np.maximum(np.abs(low), np.abs(high))
    v = beyond * largest + own + slack
    top = np.where(beyond > 1, v, high + upward + slack)
    theta = np.abs(p.initial_theta.astype(float))
    if p.theta_step and spiking:
        gone = 1 - (p.theta_decay / ONE) ** max(p.refractory, 1)
        theta = theta + (p.theta_step / gone if gone > 0 else np.inf)
    reversal = np.array([abs(r.reversal) for r in p.receptors]).reshape(-1, 1)
    rest = np.abs(p.rest)
    if p.exponential:
        pull = np.sum(g * reversal, axis=0) + leak * rest + total
    else:
        gain = ONE * slowest / leak
        pull = np.sum(g * gain * (reversal + v), axis=0) + leak * gain * (rest + v)
    return Reach(
        g=g,
        v=v,
        top=top,
        theta=theta,
        pull=float(np.max(pull)),
        exponent=float(np.max(total)) * p.rate + 2.0 ** (p.shift + 1),
    )


def _conductance(p: IntegerConductance, k: int, incoming: Incoming) -> np.ndarray:
    decay = p.receptors[k].decay / ONE
    g = p.initial_g[:, k] + np.full(p.size, 0.5 / (1 - decay) if decay < 1 else np.inf)
    for q, pre in incoming.get(k + 1, []):
        low, _ = weight_bounds(q)
        if np.any(low < 0):
            raise UnsupportedModel(
                f"{q.name}.weight: {low.min() * p.receptors[k].lsb:.3g} of the leak onto "
                f"{p.name}.{p.receptors[k].name}: a conductance cannot be negative; inhibition is "
                "a receptor with a low reversal"
            )
        g = g + arrivals(q, pre, decay, p.size)
    return g


def _hull(p: IntegerConductance, g: np.ndarray, spiking: bool) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest value that v is drawn to or set to, both (N,)."""
    start = p.initial_v.astype(float)
    low, high = np.minimum(p.rest, start), np.maximum(p.rest, start)
    if spiking:
        low, high = np.minimum(low, p.v_reset), np.maximum(high, p.v_reset)
    for k, r in enumerate(p.receptors):
        open_at = g[k] > 0.5 / (1 - r.decay / ONE) if r.decay < ONE else g[k] > 0
        low = np.where(open_at, np.minimum(low, r.reversal), low)
        high = np.where(open_at, np.maximum(high, r.reversal), high)
    return low, high


def _onto_v(
    p: IntegerConductance, incoming: Incoming, kept: float
) -> tuple[np.ndarray, np.ndarray]:
    """What arrivals onto v keep there: magnitude, and upward alone."""
    m = max(p.refractory, 1) if p.held else 1
    decay = max(kept, float(np.exp(-1 / m))) if m > 1 else kept
    gain = decay ** -(m - 1)
    own, upward = np.zeros(p.size), np.zeros(p.size)
    for q, pre in incoming.get(0, []):
        own += gain * arrivals(q, pre, decay, p.size)
        upward += gain * arrivals(q, pre, decay, p.size, upward=True)
    return own, upward
