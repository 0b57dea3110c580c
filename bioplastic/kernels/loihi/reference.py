"""`loihi-1`, the specification in numpy.

One step t, in this order, all whole numbers; ⌊·⌋₀ rounds towards zero:
    1. u ← ⌊u (4095 − du) / 4096⌋₀ + charges that arrive in t;    24 bits, wraps
    2. v ← ⌊v (4096 − dv) / 4096⌋₀ + u + bias;                    24 bits, saturates
       a refractory neuron leaves v at 0 instead
    3. spike where v > 64 vth, strictly; v ← 0, refractory for `refractory` steps from here
    4. a spike of step t, of a source too, brings its charge in step t + 1 + delay
"""

from __future__ import annotations

import numpy as np

from bioplastic.kernels.loihi.layout import SLOTS, Arrays, State
from bioplastic.quantize.loihi import STATE_BITS

TOP = np.int64(1 << (STATE_BITS - 1))


def towards_zero(x: np.ndarray) -> np.ndarray:
    """x / 4096 rounded towards zero."""
    return np.asarray(np.sign(x) * (np.abs(x) >> 12))


def wrapped(u: np.ndarray) -> np.ndarray:
    """u in 24 bits of two's complement, as (−2²³, 2²³]: lava-nc's choice at the edge."""
    return np.asarray(-((TOP - u) % (2 * TOP)) + TOP)


def advance(
    flat: Arrays, state: State, injected: np.ndarray, trace: tuple[np.ndarray, np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Run len(injected) steps in place.

    injected (T, sources) bool   spikes of the sources
    trace                        (u, v) arrays (T, N) int64 to fill, v after the reset, or None
    Returns spikes of neurons as (steps, ids), steps counted from the start of the network, and the
    number of synaptic events.
    """
    steps, ids, events = [], [], 0
    for k, given in enumerate(injected):
        t = int(state.step[0])
        row = state.coming[t % SLOTS]
        state.u[:] = wrapped(towards_zero(state.u * flat.keep_u) + row)
        row[:] = 0
        fresh = towards_zero(state.v * flat.keep_v) + state.u + flat.bias
        state.v[:] = np.where(state.wait > 0, 0, np.clip(fresh, 1 - TOP, TOP - 1))
        state.wait[:] = np.maximum(state.wait - 1, 0)
        fired = np.flatnonzero(state.v > flat.threshold)
        state.v[fired] = 0
        state.wait[fired] = flat.refractory[fired] - 1
        for unit in (*np.flatnonzero(given), *(fired + flat.sources)):
            for s in range(flat.first[unit], flat.first[unit + 1]):
                state.coming[(t + flat.lag[s]) % SLOTS, flat.post[s]] += flat.charge[s]
                events += 1
        steps += [t] * len(fired)
        ids += fired.tolist()
        if trace is not None:
            trace[0][k], trace[1][k] = state.u, state.v
        state.step[0] += 1
    return np.array(steps, np.int64), np.array(ids, np.int64), events
