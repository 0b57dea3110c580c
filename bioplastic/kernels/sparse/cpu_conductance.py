"""Conductance neurons of the fast executor, in blocks of 32."""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.kernels.compiled import inner
from bioplastic.kernels.sparse.cpu_linear import BASE, HALF, PLACE, REFRACTORY, UNIT, count_down
from bioplastic.kernels.sparse.layout import BLOCK
from bioplastic.kernels.sparse.layout_neurons import CONDUCTANCE_NUMBERS
from bioplastic.quantize.fixed_point import EXP_INDEX, PROPAGATOR, TABLE, THIRD

(SHIFT, RATE, V_RESET, EXPONENTIAL_EULER, HELD, THETA_DECAY, THETA_STEP, NEURON, RECEPTOR,
 RECEPTORS) = range(len(CONDUCTANCE_NUMBERS))  # fmt: skip
Q = PROPAGATOR
LOW_BITS = TABLE - EXP_INDEX
LOW_MASK = np.int64((1 << LOW_BITS) - 1)
ONE = np.int64(1 << TABLE)
ONE_HALF = np.int64(1 << (TABLE - 1))


@inner
def _exponential(x: Any, table: Any) -> Any:
    """exp(−x), Q30: see `fixed_point.exponential`."""
    n, low = x >> LOW_BITS, x & LOW_MASK
    if n >= len(table):
        return np.int64(0)
    inside = ONE - ((low * THIRD + ONE_HALF) >> TABLE)
    inside = ONE - ((low * inside + ONE) >> (TABLE + 1))
    inside = ONE - ((low * inside + ONE_HALF) >> TABLE)
    return (np.int64(table[n]) * inside + ONE_HALF) >> TABLE


@inner
def _floor_divide(a: Any, b: Any) -> Any:
    """Largest whole number not above a/b, for b > 0."""
    quotient = np.int64(np.float64(a) / np.float64(b))
    rest = a - quotient * b
    while rest < 0:
        quotient -= 1
        rest += b
    while rest >= b:
        quotient += 1
        rest -= b
    return quotient


@inner
def _open(g: Any, a: Any, size: Any, total: Any, pull: Any, reversal: Any) -> None:
    """Add a conductance to the total and its pull."""
    for k in range(np.uint64(size)):
        old = np.int64(g[np.uint64(a) + k])
        total[k] += old
        pull[k] += np.int64(reversal) * old


@inner
def _open_euler(g: Any, a: Any, v: Any, b: Any, size: Any, pull: Any, reversal: Any, rate: Any,
                shift: Any) -> None:  # fmt: skip
    """Add what one conductance moves v by, Q30."""
    half = np.int64(1) << (shift - 1)
    for k in range(size):
        gain = (np.int64(g[a + k]) * rate + half) >> shift
        pull[k] += (np.int64(reversal) - np.int64(v[b + k])) * gain


@inner
def _decay(g: Any, a: Any, size: Any, decay: Any) -> Any:
    moved = np.int32(0)
    for k in range(np.uint64(a), np.uint64(a + size)):
        new = np.int32((np.int64(decay) * np.int64(g[k]) + HALF) >> Q)
        moved |= new ^ g[k]
        g[k] = new
    return moved


@inner
def advance_conductance(
    x: Any, pops: Any, t: Any, channels: Any, p: Any, total: Any, units: Any, count: Any, out: Any,
    executed: Any,
) -> Any:  # fmt: skip
    """Integrate the awake blocks of conductance population p; append who spikes to `units`."""
    n = t.number[pops.number[p, PLACE]]
    every = pops.first[p + 1] - pops.first[p]
    start = channels.number[pops.first_channel[p], BASE]
    leak, rate, shift = np.int64(1) << n[SHIFT], n[RATE], n[SHIFT] + 2
    half = np.int64(1) << (shift - 1)
    for b in range(pops.first_block[p], pops.first_block[p + 1]):
        if not x.active[b]:
            continue
        low, size = pops.block_low[b], pops.block_high[b] - pops.block_low[b]
        here = low - pops.first[p]
        rest, v = n[NEURON] + here, start + here
        moved, _ = count_down(x.refractory, low, low + size)
        for k in range(size):
            total[k], t.pull[k] = leak, leak * t.neuron[rest + k]
            if not n[EXPONENTIAL_EULER]:
                gain = (leak * rate + half) >> shift
                t.pull[k] = (t.neuron[rest + k] - np.int64(x.current[v + k])) * gain
        for r in range(n[RECEPTORS]):
            a, reversal = v + (r + 1) * every, t.reversal[n[RECEPTOR] + r]
            if n[EXPONENTIAL_EULER]:
                _open(x.current, a, size, total, t.pull, reversal)
            else:
                _open_euler(x.current, a, x.current, v, size, t.pull, reversal, rate, shift)
            moved |= _decay(x.current, a, size, t.decay[n[RECEPTOR] + r])
        for k in range(size):
            old = np.int64(x.current[v + k])
            if n[HELD] and x.refractory[low + k] > 0:
                continue
            if n[EXPONENTIAL_EULER]:
                drawn_to = _floor_divide(t.pull[k] + (total[k] >> 1), total[k])
                kept = _exponential((total[k] * rate + half) >> shift, t.table)
                fresh = drawn_to + (((old - drawn_to) * kept + HALF) >> Q)
            else:
                fresh = old + ((t.pull[k] + HALF) >> Q)
            moved |= np.int32(fresh) ^ x.current[v + k]
            x.current[v + k] = np.int32(fresh)
        moved |= _decay(x.theta, low, size, n[THETA_DECAY])
        above, v_th = np.int32(0), n[NEURON] + every + here
        for k in range(size):
            level = t.neuron[v_th + k] + np.int64(x.theta[low + k])
            if np.int64(x.current[v + k]) > level:
                above = np.int32(1)
                if x.refractory[low + k] == 0:
                    units[count] = pops.number[p, UNIT] + here + k
                    count += 1
        x.active[b] = (moved | above) != 0
        out.counters[executed] += size
    return count


@inner
def reset_conductance(x: Any, pops: Any, t: Any, channels: Any, p: Any, k: Any) -> None:
    """After a spike of neuron k: v at reset, refractory, threshold up."""
    n = t.number[pops.number[p, PLACE]]
    at = channels.number[pops.first_channel[p], BASE] + k - pops.first[p]
    x.current[at] = n[V_RESET]
    x.refractory[k] = pops.number[p, REFRACTORY]
    x.theta[k] += n[THETA_STEP]
    x.active[pops.first_block[p] + (k - pops.first[p]) // BLOCK] = 1
