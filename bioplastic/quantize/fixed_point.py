"""Fixed-point formats, rounding and propagators: the only place that knows a bit width.

potential, current   int32, LSB = 2^-fraction mV (default fraction 16: 15 nV, range ±32.8 V);
                     a current I is kept as R·I, in volts, R = tau_m/c_m
propagators          Q30 in int64 products, one rounding per state variable and step
traces               Q20, saturating at 16 spikes, decayed by a Q30 table in int64
linear states        int32, LSB = a power of two of the state's own unit, chosen by lowering
conductances         int32, LSB = 2^-shift of the leak conductance; exponents Q30, rates Q32
permanences          p_max = 2^24 in int32
plastic weights      int8, 0..127 times an int32 scale; steps Q8 with 8-bit stochastic rounding
Rounding is to nearest, half up: (x + 2^(n-1)) >> n, the same for negative numbers.
Source: Rotter & Diesmann 1999 [rotter1999] for the propagators.
"""

from __future__ import annotations

import mpmath
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
RATE = 32
EXP_INDEX = 8
EXP_LENGTH = 22 << EXP_INDEX
THIRD = 357913941
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


def linear_propagators(
    matrix: np.ndarray, dt: float, order: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return (P, L) of dx/dt = A x + b: x(t + dt) = P x(t) + L b, both (n, n) float64.

    matrix (n, n) 1/s: A      dt s
    order    None: P = exp(A dt), L = ∫exp(A s) ds over the step, any A, in 50-digit arithmetic;
             k: the first k terms after the identity (Runge–Kutta of that order)
    Entries without a path between two states are exactly 0.
    """
    n = len(matrix)
    augmented = np.zeros((2 * n, 2 * n))
    augmented[:n, :n], augmented[:n, n:] = matrix, np.eye(n)
    with mpmath.workdps(50):
        exponent = mpmath.matrix(augmented.tolist()) * mpmath.mpf(dt)
        if order is None:
            total = mpmath.expm(exponent)
        else:
            total = term = mpmath.eye(2 * n)
            for k in range(1, order + 1):
                term = term * exponent / k
                total = total + term
        values = np.array([[float(total[i, j]) for j in range(2 * n)] for i in range(n)])
    reach = np.linalg.matrix_power(((matrix != 0) | np.eye(n, dtype=bool)).astype(float), n) > 0
    return np.where(reach, values[:, :n], 0.0), np.where(reach, values[:, n:], 0.0)


def exponential_table() -> np.ndarray:
    """Q30 table of exp(−n/256), n = 0 … 5631, int32: the whole part of `exponential`."""
    return to_fixed(np.exp(-np.arange(EXP_LENGTH) / 2.0**EXP_INDEX), TABLE).astype(np.int32)


def exponential(x: np.ndarray, table: np.ndarray) -> np.ndarray:
    """exp(−x) in Q30 for x >= 0 in Q30, int64: a table for the top bits, a cubic for the rest.

    With x = n/256 + l: T[n]·(1 − l(1 − l/2 (1 − l/3))), each product rounded to nearest; 0 from
    x = 22 on. The error is below 2 units of 2^-30: half a unit each from the table, the cubic and
    the last product, 0.01 from the term l^4/24 <= 2^-36.6, the rest from inner roundings that l
    < 2^-8 makes small; exp(−22) itself is 0.3 units.
    """
    n, low = x >> (TABLE - EXP_INDEX), x & ((1 << (TABLE - EXP_INDEX)) - 1)
    one = 1 << TABLE
    inner = one - ((low * THIRD + (1 << (TABLE - 1))) >> TABLE)
    inner = one - ((low * inner + one) >> (TABLE + 1))
    inner = one - ((low * inner + (1 << (TABLE - 1))) >> TABLE)
    whole = table[np.minimum(n, len(table) - 1)].astype(np.int64)
    return np.where(n < len(table), (whole * inner + (1 << (TABLE - 1))) >> TABLE, 0)


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
