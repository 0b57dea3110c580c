"""`loihi-1` compiled: the same numbers as the reference, in the same order."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from bioplastic.kernels.loihi.layout import SLOTS, Arrays, State
from bioplastic.quantize.loihi import STATE_BITS

TOP = np.int64(1 << (STATE_BITS - 1))


@nb.njit(cache=True, inline="always")
def _towards_zero(x: Any) -> Any:
    return -(-x >> 12) if x < 0 else x >> 12


@nb.njit(cache=True)
def _advance(
    flat: Any, state: Any, injected: Any, u_trace: Any, v_trace: Any, steps: Any, ids: Any
) -> Any:
    """Run the steps; returns spikes written, synaptic events, steps that were run.

    Stops early, before a step, when `steps` could overflow in it.
    """
    count, events, n = 0, 0, len(flat.keep_u)
    fired = np.empty(n + flat.sources, np.int64)
    for k in range(len(injected)):
        if count + n > len(steps):
            return count, events, k
        t = state.step[0]
        row = state.coming[t % SLOTS]
        many = 0
        for unit in range(flat.sources):
            if injected[k, unit]:
                fired[many] = unit
                many += 1
        for i in range(n):
            u = _towards_zero(state.u[i] * flat.keep_u[i]) + row[i]
            row[i] = 0
            if u > TOP or u <= -TOP:
                u = TOP - (TOP - u) % (2 * TOP)
            state.u[i] = u
            v = _towards_zero(state.v[i] * flat.keep_v[i]) + u + flat.bias[i]
            if state.wait[i] > 0:
                v = 0
                state.wait[i] -= 1
            v = min(max(v, 1 - TOP), TOP - 1)
            if v > flat.threshold[i]:
                v = 0
                state.wait[i] = flat.refractory[i] - 1
                fired[many] = flat.sources + i
                many += 1
                steps[count], ids[count] = t, i
                count += 1
            state.v[i] = v
            if len(u_trace):
                u_trace[k, i], v_trace[k, i] = u, v
        for m in range(many):
            for s in range(flat.first[fired[m]], flat.first[fired[m] + 1]):
                state.coming[(t + flat.lag[s]) % SLOTS, flat.post[s]] += flat.charge[s]
                events += 1
        state.step[0] += 1
    return count, events, len(injected)


def advance(
    flat: Arrays, state: State, injected: np.ndarray, trace: tuple[np.ndarray, np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Run len(injected) steps in place; see `bioplastic.kernels.loihi.reference.advance`."""
    none = np.zeros((0, 0), np.int64)
    u_trace, v_trace = (none, none) if trace is None else trace
    room = max(1 << 16, 2 * len(flat.keep_u))
    found: list[tuple[np.ndarray, np.ndarray]] = []
    at = events = 0
    while at < len(injected):
        steps, ids = np.empty(room, np.int64), np.empty(room, np.int64)
        count, more, ran = _advance(
            flat, state, injected[at:], u_trace[at:], v_trace[at:], steps, ids
        )
        found.append((steps[:count], ids[:count]))
        at, events = at + ran, events + more
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), 0
    return np.concatenate([s for s, _ in found]), np.concatenate([i for _, i in found]), events
