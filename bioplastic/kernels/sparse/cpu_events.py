"""What happens now and then to one neuron: plateau onset, spike, competition, reset (numba)."""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.kernels.compiled import inner, merged
from bioplastic.kernels.sparse.cpu_conductance import reset_conductance
from bioplastic.kernels.sparse.cpu_linear import reset_linear
from bioplastic.kernels.sparse.layout import (
    BLOCK,
    CHANNEL_NUMBERS,
    LEAKY,
    LINEAR,
    PLATEAU,
    POPULATION_NUMBERS,
)
from bioplastic.quantize.fixed_point import TABLE, TRACE_MAX, TRACE_ONE

SPIKES, EVENTS, UPDATES, SATURATIONS, EXECUTED = range(5)
(
    PVV, PV1, V_TH, V_RESET, REFRACTORY, THETA_DECAY, THETA_STEP, WINNERS, CYCLE, GROUP, UNIT,
    POPULATION_KIND, PLACE,
) = range(len(POPULATION_NUMBERS))  # fmt: skip
KIND, BASE, PII, PIH, PVI, PVH, THRESHOLD, CLAMP, DURATION, POPULATION, TABLE_LOW, TABLE_LENGTH = (
    range(len(CHANNEL_NUMBERS))
)
TABLE_HALF = 1 << (TABLE - 1)


@inner
def decayed(value: Any, age: Any, table: Any, low: Any, length: Any) -> Any:
    """Trace of `age` steps; table entries low..low+length−1."""
    if age >= length:
        return np.int64(0)
    return (value * np.int64(table[low + age]) + TABLE_HALF) >> TABLE


@inner
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


@inner
def candidates(
    v: Any, theta: Any, refractory: Any, low: Any, high: Any, v_th: Any, shift: Any, units: Any,
    count: Any,
) -> Any:  # fmt: skip
    """Append the units of neurons low..high that are above threshold and not refractory."""
    for first in range(low, high, BLOCK):
        end, found = min(first + BLOCK, high), np.int32(0)
        for k in range(np.uint64(first), np.uint64(end)):
            over = np.int64(v[k]) > v_th + np.int64(theta[k])
            found |= np.int32(over & (refractory[k] == 0))
        if found:
            for k in range(first, end):
                over = np.int64(v[k]) > v_th + np.int64(theta[k])
                if over and refractory[k] == 0:
                    units[count] = k + shift
                    count += 1
    return count


@inner
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
    for place in range(first + 1, first + keep):
        unit, at = units[place], place
        while at > first and units[at - 1] > unit:
            units[at] = units[at - 1]
            at -= 1
        units[at] = unit
    return first + keep


@merged
def reset(x: Any, pops: Any, others: Any, channels: Any, p: Any, k: Any) -> None:
    """After a spike of neuron k: v at reset, refractory, plateaus over, threshold up."""
    number = pops.number[p]
    if others is not None:
        if number[POPULATION_KIND] == LINEAR:
            reset_linear(x, pops, others.linear, channels, p, k)
            return
        if number[POPULATION_KIND] != LEAKY:
            reset_conductance(x, pops, others.conductance, channels, p, k)
            return
    x.v[k], x.refractory[k] = number[V_RESET], number[REFRACTORY]
    x.theta[k] += number[THETA_STEP]
    for c in range(pops.first_channel[p], pops.first_channel[p + 1]):
        if channels.number[c, KIND] == PLATEAU:
            s = k - pops.first[p] + channels.number[c, BASE]
            x.current[s], x.rise[s], x.hold[s] = 0, 0, 0
    x.active[pops.first_block[p] + (k - pops.first[p]) // BLOCK] = 1
