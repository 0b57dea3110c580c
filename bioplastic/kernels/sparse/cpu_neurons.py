"""Neurons of the fast executor: whole blocks at a time, so that the compiler can use SIMD.

Each helper returns whether anything moved, as an integer that is zero when every bit stayed. A
block in which nothing moved is a fixed point of its own deterministic update: it is skipped until a
spike arrives, and skipping it changes no bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.kernels.compiled import inner
from bioplastic.kernels.sparse.cpu_conductance import advance_conductance
from bioplastic.kernels.sparse.cpu_events import (
    BASE,
    EXECUTED,
    KIND,
    PIH,
    PII,
    POPULATION_KIND,
    PV1,
    PVH,
    PVI,
    PVV,
    THETA_DECAY,
    THETA_STEP,
    THRESHOLD,
    UNIT,
    V_TH,
    candidates,
    start_plateaus,
)
from bioplastic.kernels.sparse.cpu_linear import advance_linear
from bioplastic.kernels.sparse.layout import EXPONENTIAL, LEAKY, LINEAR, PLATEAU
from bioplastic.quantize.fixed_point import PROPAGATOR

Q = PROPAGATOR
HALF = np.int64(1 << (PROPAGATOR - 1))
SPAN = 8
"""Awake blocks of LIF neurons that are neighbours go together, up to so many: one loop over 256
neurons is faster than 8 loops over 32. Together they stay awake while one of them moves."""
ALONE = 15
"""In one step of 16 every block goes by itself, so that a quiet one falls asleep."""


@inner
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


@inner
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


@inner
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


@inner
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


@inner
def two_currents(
    v: Any, refractory: Any, current: Any, offset: Any, low: Any, high: Any, first: Any,
    second: Any, pvv: Any, pv1st: Any, pv2nd: Any, p1st: Any, p2nd: Any, v_th: Any,
) -> Any:  # fmt: skip
    """`exponential` twice and `membrane` in one loop, for the most frequent kind of neuron.

    first, second   places of the two currents of neuron `low`
    """
    moved, above = np.int32(0), np.int32(0)
    for k in range(np.uint64(high - low)):
        at, a, b = np.uint64(low) + k, np.uint64(first) + k, np.uint64(second) + k
        old, one, two, left = v[at], current[a], current[b], refractory[at]
        total = np.int64(pvv) * np.int64(old) + np.int64(pv1st) * np.int64(one) + offset[at] + HALF
        new = np.int32((total + np.int64(pv2nd) * np.int64(two)) >> Q)
        one_after = np.int32((np.int64(p1st) * np.int64(one) + HALF) >> Q)
        two_after = np.int32((np.int64(p2nd) * np.int64(two) + HALF) >> Q)
        wait = np.int32(left - np.int32(left > 0))
        new = old if wait > 0 else new
        moved |= (new ^ old) | (one_after ^ one) | (two_after ^ two) | left
        above |= np.int32((new > v_th) & (wait == 0))
        v[at], current[a], current[b], refractory[at] = new, one_after, two_after, wait
    return moved, above


@inner
def decay_threshold(theta: Any, low: Any, high: Any, decay: Any) -> Any:
    """One step of the adaptive thresholds of a block."""
    moved = np.int32(0)
    for k in range(np.uint64(low), np.uint64(high)):
        new = np.int32((np.int64(decay) * np.int64(theta[k]) + HALF) >> Q)
        moved |= new ^ theta[k]
        theta[k] = new
    return moved


@inner
def advance_population(
    x: Any, pops: Any, others: Any, channels: Any, p: Any, total: Any, step: Any,
    units: Any, count: Any, out: Any, counters: Any,
) -> Any:  # fmt: skip
    """Integrate the awake blocks of population p; append what is above threshold to `units`.

    Returns the new length of `units`; onsets go to `out`, executed updates and
    saturated traces to `counters`.
    """
    number, n = pops.number, channels.number
    if others is not None:
        if number[p, POPULATION_KIND] == LINEAR:
            return advance_linear(
                x, pops, others.linear, channels, p, total, step, units, count, out, EXECUTED
            )
        if number[p, POPULATION_KIND] != LEAKY:
            return advance_conductance(
                x, pops, others.conductance, channels, p, total, units, count, out, EXECUTED
            )
    pvv, pv1, v_th = np.int32(number[p, PVV]), np.int32(number[p, PV1]), number[p, V_TH]
    adaptive, decay = number[p, THETA_STEP] != 0, np.int32(number[p, THETA_DECAY])
    first, unit = pops.first[p], number[p, UNIT] - pops.first[p]
    longest = 1 if step & ALONE == 0 else SPAN
    paired = pops.first_channel[p + 1] - pops.first_channel[p] == 2 and not adaptive
    for c in range(pops.first_channel[p], pops.first_channel[p + 1]):
        paired = paired and n[c, KIND] == EXPONENTIAL
    end = b = pops.first_block[p]
    while b < pops.first_block[p + 1]:
        if not x.active[b]:
            b += 1
            continue
        end = b + 1
        while end < pops.first_block[p + 1] and end - b < longest and x.active[end]:
            end += 1
        low, high = pops.block_low[b], pops.block_high[end - 1]
        if paired:
            c = pops.first_channel[p]
            changed, above = two_currents(
                x.v, x.refractory, x.current, pops.offset, low, high,
                low + n[c, BASE] - first, low + n[c + 1, BASE] - first,
                pvv, np.int32(n[c, PVI]), np.int32(n[c + 1, PVI]),
                np.int32(n[c, PII]), np.int32(n[c + 1, PII]), np.int32(v_th),
            )  # fmt: skip
            x.active[b:end] = (changed | above) != 0
            counters[EXECUTED] += high - low
            if above:
                count = candidates(x.v, x.theta, x.refractory, low, high, v_th, unit, units, count)
            b = end
            continue
        total[: high - low] = 0
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
        x.active[b:end] = (moved | changed | above) != 0
        if above:
            count = candidates(x.v, x.theta, x.refractory, low, high, v_th, unit, units, count)
        b = end
    return count
