"""Closed forms of the leaky integrate-and-fire neuron: decay, first spike, f-I curve, PSPs.

All take a `description.LIF`; times and potentials go in and out as Brian2 quantities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import amp, second, volt

from bioplastic.description import LIF


def decay(neuron: LIF, v_0: Any, t: Any) -> Any:
    """v(t) = v_rest + (v_0 − v_rest) exp(−t/tau_m), without input, V.

    v_0 V; t (…) s
    """
    return neuron.v_rest + (v_0 - neuron.v_rest) * np.exp(-np.asarray(t / neuron.tau_m))


def response(neuron: LIF, current: Any, t: Any, v_0: Any = None) -> Any:
    """v(t) under a constant current from v_0 (None: v_rest), threshold ignored, V.

    current A; t (…) s
    """
    drive = neuron.resistance * current
    start = (neuron.v_rest if v_0 is None else v_0) - neuron.v_rest - drive
    return neuron.v_rest + drive + start * np.exp(-np.asarray(t / neuron.tau_m))


def first_spike_time(neuron: LIF, current: Any, v_0: Any = None) -> Any:
    """Time at which v reaches v_th under a constant current, s; inf when it never does.

    T = tau_m ln((R I − (v_0 − v_rest)) / (R I − (v_th − v_rest)))
    """
    drive = np.asarray(neuron.resistance * current / volt, dtype=float)
    start = float((neuron.v_rest if v_0 is None else v_0) - neuron.v_rest)
    depth = float(neuron.v_th - neuron.v_rest)
    with np.errstate(divide="ignore", invalid="ignore"):
        time = np.log((drive - start) / (drive - depth)) * float(neuron.tau_m)
    return np.where(drive > depth, time, np.inf) * second


def firing_rate(neuron: LIF, current: Any) -> Any:
    """f-I curve: 1/(t_ref + T) with T the time from v_reset to v_th, Hz; 0 below rheobase."""
    return 1 / (neuron.t_ref + first_spike_time(neuron, current, neuron.v_reset))


def period_steps(neuron: LIF, current: Any, dt: Any) -> np.ndarray:
    """Steps between two spikes on the grid dt, int64; 0 = never.

    ⌊T/dt⌋ + 1 steps of integration (the spike needs v > v_th), and a refractory time of n steps
    holds v in the n − 1 steps that follow the one of the spike.
    """
    time = np.asarray(first_spike_time(neuron, current, neuron.v_reset) / dt, dtype=float)
    held = max(round(float(neuron.t_ref / dt)) - 1, 0)
    steps = np.floor(np.where(np.isfinite(time), time, 0)) + 1 + held
    return np.where(np.isfinite(time), steps, 0).astype(np.int64)


def rheobase(neuron: LIF) -> Any:
    """Smallest constant current that reaches threshold, A."""
    return (neuron.v_th - neuron.v_rest) / neuron.resistance


def exponential_psp(neuron: LIF, tau: Any, weight: Any, t: Any) -> Any:
    """Response to one arrival at an ExponentialCurrent, above rest, V.

    v(t) = (w/c_m) (exp(−t/tau) − exp(−t/tau_m))/(1/tau_m − 1/tau);
    (w/c_m) t exp(−t/tau_m) where the time constants are equal
    """
    m, s, x = float(neuron.tau_m), float(tau), np.asarray(t / second, dtype=float)
    shape = x * np.exp(-x / m) if m == s else (np.exp(-x / s) - np.exp(-x / m)) / (1 / m - 1 / s)
    return float(weight / amp) / float(neuron.c_m) * shape * volt


def exponential_psp_peak(neuron: LIF, tau: Any) -> Any:
    """Time of its peak, s: ln(tau_m/tau) / (1/tau − 1/tau_m), tau_m if equal."""
    m, s = float(neuron.tau_m), float(tau)
    return (m if m == s else np.log(m / s) / (1 / s - 1 / m)) * second


def alpha_psp(neuron: LIF, tau: Any, weight: Any, t: Any) -> Any:
    """Response to one arrival at an AlphaCurrent whose current peaks at `weight`, above rest, V.

    v(t) = (w e/(tau c_m)) exp(−t/tau_m) (1 − exp(−b t)(1 + b t))/b²,  b = 1/tau − 1/tau_m
    """
    m, s, x = float(neuron.tau_m), float(tau), np.asarray(t / second, dtype=float)
    b = 1 / s - 1 / m
    shape = x**2 / 2 if b == 0 else (1 - np.exp(-b * x) * (1 + b * x)) / b**2
    scale = float(weight / amp) * np.e / (s * float(neuron.c_m))
    return scale * np.exp(-x / m) * shape * volt
