"""Neurons of the fast executor: whole blocks at a time, so that the compiler can use SIMD.

Each helper returns whether anything moved, as an integer that is zero when every bit stayed. A
block in which nothing moved is a fixed point of its own deterministic update: it is skipped until a
spike arrives, and skipping it changes no bit.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from bioplastic.kernels.sparse.layout import (
    BLOCK,
    CHANNEL_NUMBERS,
    EXPONENTIAL,
    PLATEAU,
    POPULATION_NUMBERS,
)
from bioplastic.quantize.fixed_point import PROPAGATOR, TABLE, TRACE_MAX, TRACE_ONE

Q = PROPAGATOR
SPIKES, EVENTS, UPDATES, SATURATIONS, EXECUTED = range(5)
HALF = np.int64(1 << (PROPAGATOR - 1))
TABLE_HALF = 1 << (TABLE - 1)
PVV, PV1, V_TH, V_RESET, REFRACTORY, THETA_DECAY, THETA_STEP, WINNERS, CYCLE, GROUP, UNIT = range(
    len(POPULATION_NUMBERS)
)
KIND, BASE, PII, PIH, PVI, PVH, THRESHOLD, CLAMP, DURATION, POPULATION, TABLE_LOW, TABLE_LENGTH = (
    range(len(CHANNEL_NUMBERS))
)


@nb.njit(cache=True)
def decayed(value: Any, age: Any, table: Any, low: Any, length: Any) -> Any:
    """Trace of `age` steps; table entries low..low+length−1."""
    if age >= length:
        return np.int64(0)
    return (value * np.int64(table[low + age]) + TABLE_HALF) >> TABLE


@nb.njit(cache=True)
def exponential(current: Any, low: Any, high: Any, total: Any, pii: Any, pvi: Any) -> Any:
    """Decay the currents of a block and add their pull to `total`."""
    moved = np.int32(0)
    for k in range(np.uint64(low), np.uint64(high)):
        old = current[k]
        total[k - np.uint64(low)] += np.int64(pvi) * np.int64(old)
        new = np.int32((np.int64(pii) * np.int64(old) + HALF) >> Q)
        moved |= new ^ old
        current[k] = new
    return moved


@nb.njit(cache=True)
def alpha(
    current: Any, rise: Any, low: Any, high: Any, total: Any,
    pii: Any, pih: Any, pvi: Any, pvh: Any,
) -> Any:  # fmt: skip
    """The same for alpha currents."""
    moved = np.int32(0)
    for k in range(np.uint64(low), np.uint64(high)):
        old, h = np.int64(current[k]), np.int64(rise[k])
        total[k - np.uint64(low)] += np.int64(pvi) * old + np.int64(pvh) * h
        new = np.int32((np.int64(pii) * old + np.int64(pih) * h + HALF) >> Q)
        new_h = np.int32((np.int64(pii) * h + HALF) >> Q)
        moved |= (new ^ current[k]) | (new_h ^ rise[k])
        current[k], rise[k] = new, new_h
    return moved


@nb.njit(cache=True)
def plateau(
    current: Any, rise: Any, hold: Any, low: Any, high: Any, total: Any,
    pii: Any, pih: Any, pvi: Any, pvh: Any, pv1: Any, threshold: Any,
) -> Any:  # fmt: skip
    """The same for branches, held while a plateau lasts; also says whether one may start."""
    moved, onset = np.int32(0), np.int32(0)
    for k in range(np.uint64(low), np.uint64(high)):
        old, h, left = np.int64(current[k]), np.int64(rise[k]), hold[k]
        held = left > 0
        after = np.int32(left - 1 if held else left)
        free = np.int64(pvi) * old + np.int64(pvh) * h
        total[k - np.uint64(low)] += np.int64(pv1) * old if held else free
        step = (np.int64(pii) * old + np.int64(pih) * h + HALF) >> Q
        stay = old if after > 0 else np.int64(0)
        new = np.int32(stay if held else step)
        new_h = np.int32(0) if held else np.int32((np.int64(pii) * h + HALF) >> Q)
        moved |= (new ^ current[k]) | (new_h ^ rise[k]) | (after ^ left)
        onset |= np.int32(1) if (new > threshold and after == 0) else np.int32(0)
        current[k], rise[k], hold[k] = new, new_h, after
    return moved, onset


@nb.njit(cache=True)
def membrane(
    v: Any, refractory: Any, theta: Any, offset: Any, low: Any, high: Any, total: Any,
    pvv: Any, v_th: Any,
) -> Any:  # fmt: skip
    """Integrate the potentials of a block unless refractory; also says whether any is above."""
    moved, above = np.int32(0), np.int32(0)
    for k in range(np.uint64(low), np.uint64(high)):
        old, left = v[k], refractory[k]
        wait = np.int32(left - 1 if left > 0 else 0)
        new = np.int32(
            (np.int64(pvv) * np.int64(old) + offset[k] + total[k - np.uint64(low)] + HALF) >> Q
        )
        new = old if wait > 0 else new
        moved |= (new ^ old) | (wait ^ left)
        over = np.int64(new) > np.int64(v_th) + np.int64(theta[k])
        above |= np.int32(1) if (over and wait == 0) else np.int32(0)
        v[k], refractory[k] = new, wait
    return moved, above


@nb.njit(cache=True)
def decay_threshold(theta: Any, low: Any, high: Any, decay: Any) -> Any:
    """One step of the adaptive thresholds of a block."""
    moved = np.int32(0)
    for k in range(np.uint64(low), np.uint64(high)):
        new = np.int32((np.int64(decay) * np.int64(theta[k]) + HALF) >> Q)
        moved |= new ^ theta[k]
        theta[k] = new
    return moved


@nb.njit(cache=True)
def start_plateaus(
    x: Any, low: Any, high: Any, shift: Any, channels: Any, c: Any, step: Any,
    out: Any, counters: Any,
) -> None:  # fmt: skip
    """Clamp the branches of neurons low..high that are above threshold; note the onsets.

    shift   place in channel c of neuron 0, less the neuron
    """
    number = channels.number[c]
    for neuron in range(low, high):
        k = neuron + shift
        if x.current[k] > number[THRESHOLD] and x.hold[k] == 0:
            x.current[k], x.rise[k], x.hold[k] = number[CLAMP], 0, number[DURATION]
            age = step - x.trace_step[k]
            fresh = TRACE_ONE + decayed(
                x.trace[k], age, channels.table, number[TABLE_LOW], number[TABLE_LENGTH]
            )
            counters[SATURATIONS] += fresh > TRACE_MAX
            x.trace[k], x.trace_step[k] = min(fresh, TRACE_MAX), step
            out.onset_step[out.written[1]], out.onset_slot[out.written[1]] = step, k
            out.written[1] += 1


@nb.njit(cache=True)
def advance_population(
    x: Any, pops: Any, channels: Any, p: Any, total: Any, step: Any,
    units: Any, count: Any, out: Any, counters: Any,
) -> Any:  # fmt: skip
    """Integrate the awake blocks of population p; append what is above threshold to `units`.

    Returns the new length of `units`; onsets go to `out`, executed updates and
    saturated traces to `counters`.
    """
    number, n = pops.number, channels.number
    pvv, pv1, v_th = np.int32(number[p, PVV]), np.int32(number[p, PV1]), number[p, V_TH]
    adaptive, decay = number[p, THETA_STEP] != 0, np.int32(number[p, THETA_DECAY])
    first, unit = pops.first[p], number[p, UNIT] - pops.first[p]
    for b in range(pops.first_block[p], pops.first_block[p + 1]):
        if not x.active[b]:
            continue
        low, high = pops.block_low[b], pops.block_high[b]
        for k in range(high - low):
            total[k] = 0
        moved = np.int32(0)
        for c in range(pops.first_channel[p], pops.first_channel[p + 1]):
            shift = n[c, BASE] - first
            i, j = low + shift, high + shift
            pii, pvi = np.int32(n[c, PII]), np.int32(n[c, PVI])
            pih, pvh = np.int32(n[c, PIH]), np.int32(n[c, PVH])
            if n[c, KIND] == EXPONENTIAL:
                moved |= exponential(x.current, i, j, total, pii, pvi)
            elif n[c, KIND] == PLATEAU:
                changed, onset = plateau(
                    x.current, x.rise, x.hold, i, j, total,
                    pii, pih, pvi, pvh, pv1, n[c, THRESHOLD],
                )  # fmt: skip
                moved |= changed | onset
                if onset:
                    start_plateaus(x, low, high, shift, channels, c, step, out, counters)
            else:
                moved |= alpha(x.current, x.rise, i, j, total, pii, pih, pvi, pvh)
        if adaptive:
            moved |= decay_threshold(x.theta, low, high, decay)
        changed, above = membrane(
            x.v, x.refractory, x.theta, pops.offset, low, high, total, pvv, v_th
        )
        counters[EXECUTED] += high - low
        x.active[b] = (moved | changed | above) != 0
        if above:
            count = candidates(x, low, high, v_th, unit, units, count)
    return count


@nb.njit(cache=True)
def candidates(x: Any, low: Any, high: Any, v_th: Any, shift: Any, units: Any, count: Any) -> Any:
    """Append the units of neurons low..high that are above threshold and not refractory."""
    for k in range(low, high):
        over = np.int64(x.v[k]) > v_th + np.int64(x.theta[k])
        if over and x.refractory[k] == 0:
            units[count] = k + shift
            count += 1
    return count


@nb.njit(cache=True)
def best(x: Any, p: Any, v_th: Any, shift: Any, units: Any, first: Any, count: Any) -> Any:
    """Keep of units[first:count] the `left` with the largest margin, ascending; HardWTA."""
    keep = min(x.left[p], count - first)
    for place in range(first, first + keep):
        top, margin = place, np.int64(-(1 << 62))
        for other in range(place, count):
            k = units[other] - shift
            m = np.int64(x.v[k]) - v_th - np.int64(x.theta[k])
            if m > margin or (m == margin and units[other] < units[top]):
                top, margin = other, m
        units[place], units[top] = units[top], units[place]
    x.left[p] -= keep
    units[first : first + keep].sort()
    return first + keep


@nb.njit(cache=True)
def reset(x: Any, pops: Any, channels: Any, p: Any, k: Any) -> None:
    """After a spike of neuron k: v at reset, refractory, plateaus over, threshold up."""
    number = pops.number[p]
    x.v[k], x.refractory[k] = number[V_RESET], number[REFRACTORY]
    x.theta[k] += number[THETA_STEP]
    for c in range(pops.first_channel[p], pops.first_channel[p + 1]):
        if channels.number[c, KIND] == PLATEAU:
            s = k - pops.first[p] + channels.number[c, BASE]
            x.current[s], x.rise[s], x.hold[s] = 0, 0, 0
    x.active[pops.first_block[p] + (k - pops.first[p]) // BLOCK] = 1
