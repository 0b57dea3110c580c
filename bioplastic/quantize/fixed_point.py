"""Fixed-point formats, rounding and propagators: the only place that knows a bit width.

potential, current   int32, LSB = 2^-fraction mV (default fraction 16: 15 nV, range ±32.8 V);
                     a current I is kept as R·I, in volts, R = tau_m/c_m
propagators          Q30 in int64 products, one rounding per state variable and step
traces               Q20, saturating at 16 spikes, decayed by a Q30 table in int64
permanences          p_max = 2^24 in int32
plastic weights      int8, 0..127 times an int32 scale; steps Q8 with 8-bit stochastic rounding
Rounding is to nearest, half up: (x + 2^(n-1)) >> n, the same for negative numbers.
Source: Rotter & Diesmann 1999 [rotter1999] for the propagators.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

STATE_FRACTION = 16
STATE_LIMIT = 2**31 - 1
PROPAGATOR = 30
PRODUCT_LIMIT = 2**63 - 1
TRACE = 20
TRACE_ONE = 1 << TRACE
TRACE_MAX = (16 << TRACE) - 1
TABLE = 30
TABLE_LIMIT = 1 << 22
PERMANENCE = 24
DITHER = 8
WEIGHT_MAX = 127
STATIC_MAX = 32767
NEVER = -(1 << 30)


def round_shift(x: np.ndarray | int, bits: int) -> np.ndarray | int:
    """Return x / 2^bits rounded to nearest, half up: (x + 2^(bits-1)) >> bits.

    x   int64 numbers; needs |x| < 2^63 - 2^(bits-1)

    >>> [round_shift(x, 1) for x in (-3, -1, 1, 3)]
    [-1, 0, 1, 2]
    """
    return (x + (1 << (bits - 1))) >> bits


def saturate(x: np.ndarray, low: int, high: int) -> tuple[np.ndarray, int]:
    """Return x clipped to [low, high] and how many values were clipped."""
    clipped = np.clip(x, low, high)
    return clipped, int(np.count_nonzero(clipped != x))


def to_fixed(x: np.ndarray | float, bits: int) -> np.ndarray:
    """Return rint(x·2^bits) as int64 (half to even; done once, in float64)."""
    return np.rint(np.asarray(x, dtype=float) * 2.0**bits).astype(np.int64)


def state_lsb(fraction: int = STATE_FRACTION) -> float:
    """Value of one LSB of a potential, volts."""
    return 1e-3 / 2**fraction


def membrane_propagators(dt: float, tau_m: float) -> tuple[float, float]:
    """Return (Pvv, 1 − Pvv): decay of v and pull of a constant drive over one step.

    dt, tau_m s:   v(t+dt) = Pvv v(t) + (1 − Pvv) R I  for constant I
    """
    return float(np.exp(-dt / tau_m)), float(-np.expm1(-dt / tau_m))


def exponential_propagators(dt: float, tau_m: float, tau: float) -> tuple[float, float]:
    """Return (PII, PvI) of an exponential current kept in volts (R·I), exact for any tau.

    dI/dt = −I/tau,  dv/dt = (I − v)/tau_m;  PvI = tau/(tau_m − tau) (e^(−dt/tau_m) − e^(−dt/tau)).
    """
    step = expm(np.array([[-1 / tau, 0.0], [1 / tau_m, -1 / tau_m]]) * dt)
    return float(step[0, 0]), float(step[1, 0])


def alpha_propagators(dt: float, tau_m: float, tau: float) -> tuple[float, float, float, float]:
    """Return (PII, PIh, PvI, Pvh) of an alpha current with rise state h, both in volts.

    dh/dt = −h/tau,  dI/dt = (h − I)/tau,  dv/dt = (I − v)/tau_m;  Phh = PII.
    """
    rates = [[-1 / tau, 0, 0], [1 / tau, -1 / tau, 0], [0, 1 / tau_m, -1 / tau_m]]
    step = expm(np.array(rates, dtype=float) * dt)
    return float(step[1, 1]), float(step[1, 0]), float(step[2, 1]), float(step[2, 0])


def decay_table(dt: float, tau: float) -> np.ndarray:
    """Q30 table of exp(−n dt/tau), n = 0, 1, … up to where a full trace decays to nothing.

    Returns (L,) int32, L = 17.3 tau/dt; an age of L or more reads as zero. The first entry, 2^30,
    leaves a trace as it is. Raises ValueError when the table would pass 2^22 entries.
    """
    length = int(np.ceil(np.log(2 * TRACE_MAX) * tau / dt)) + 1
    if length > TABLE_LIMIT:
        raise ValueError(f"a decay table of {length} entries passes the limit of {TABLE_LIMIT}")
    return to_fixed(np.exp(-np.arange(length) * (dt / tau)), TABLE).astype(np.int32)


def decayed(value: np.ndarray, age: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Trace of `age` steps: round(value·table[age]), zero past the end of the table.

    value int64, Q20    age int64, >= 0
    A closed form of (value, age): reading it early, late or often gives the same bits.
    """
    known = np.minimum(age, len(table) - 1)
    fresh = round_shift(np.asarray(value, dtype=np.int64) * table[known], TABLE)
    return np.where(age < len(table), fresh, 0)


def grid_steps(seconds: np.ndarray | float, dt: float) -> np.ndarray:
    """Return round(seconds/dt) as int64."""
    return np.rint(np.asarray(seconds, dtype=float) / dt).astype(np.int64)


def steps_inside(low: float, high: float, dt: float) -> tuple[int, int]:
    """Return the first and last n with low < n·dt < high, both strict; grid points are exact."""
    ends = np.array([low, high]) / dt
    ends = np.where(np.abs(ends - np.rint(ends)) < 1e-6, np.rint(ends), ends)
    return int(np.floor(ends[0])) + 1, int(np.ceil(ends[1])) - 1
