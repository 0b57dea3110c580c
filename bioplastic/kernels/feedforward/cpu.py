"""The feed-forward kernel on the CPU, two ways, bit-equal to `reference`.

Event-driven, the weights of the neurons that spiked are added up from lists, on one thread.
Time-batched, the spikes of many steps are multiplied with the weights first, on numpy's threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.kernels.compiled import entry, inner
from bioplastic.kernels.feedforward.layer import EventDriven, Layer, TimeBatched, unpack
from bioplastic.kernels.feedforward.reference import State
from bioplastic.quantize.fixed_point import PROPAGATOR

Q = np.int64(PROPAGATOR)
HALF = np.int64(1 << (PROPAGATOR - 1))


@inner
def _integrate(
    v: Any, refractory: Any, theta: Any, current: Any, rise: Any,
    numbers: Any, channels: Any, offset: Any, total: Any, spiking: Any,
) -> Any:  # fmt: skip
    """One step of the N neurons of one input; returns how many ids it wrote to `spiking`."""
    size = len(v)
    pvv, v_th, v_reset, wait = numbers[0], numbers[1], np.int32(numbers[2]), np.int32(numbers[3])
    decay, step = numbers[4], np.int32(numbers[5])
    for n in range(size):
        total[n] = pvv * np.int64(v[n]) + offset[n]
    for c in range(len(channels)):
        pii, pih, pvi, pvh = channels[c, 0], channels[c, 1], channels[c, 2], channels[c, 3]
        one, two = current[c], rise[c]
        if channels[c, 4]:
            for n in range(size):
                i, h = np.int64(one[n]), np.int64(two[n])
                total[n] += pvi * i + pvh * h
                one[n] = np.int32((pii * i + pih * h + HALF) >> Q)
                two[n] = np.int32((pii * h + HALF) >> Q)
        else:
            for n in range(size):
                i = np.int64(one[n])
                total[n] += pvi * i
                one[n] = np.int32((pii * i + HALF) >> Q)
    if step:
        for n in range(size):
            theta[n] = np.int32((decay * np.int64(theta[n]) + HALF) >> Q)
    count = 0
    for n in range(size):
        refractory[n] = max(refractory[n] - np.int32(1), np.int32(0))
        free = refractory[n] == 0
        v[n] = np.int32((total[n] + HALF) >> Q) if free else v[n]
        if free and np.int64(v[n]) > v_th + np.int64(theta[n]):
            spiking[count] = n
            count += 1
    for k in range(count):
        n = spiking[k]
        v[n], refractory[n] = v_reset, wait
        theta[n] += step
    return count


@inner
def _emit(found: Any, spiking: Any, count: Any) -> None:
    """Write one step of packed spikes; every word of it."""
    for w in range(len(found)):
        found[w] = 0
    for k in range(count):
        n = spiking[k]
        found[n >> 5] |= np.int32(1) << np.int32(n & 31)


@entry
def _events(
    given: Any, found: Any, v: Any, refractory: Any, theta: Any, current: Any, rise: Any,
    numbers: Any, channels: Any, offset: Any,
    total: Any, spiking: Any,
    delay: Any, channel: Any, scale: Any, ptr: Any, post: Any, weight: Any,
) -> None:  # fmt: skip
    """All steps of all inputs, event-driven; total and spiking (N,) int64 are room to work in."""
    batch, steps, _ = found.shape
    reach = given.shape[1] - steps
    for b in range(batch):
        for t in range(steps):
            count = _integrate(
                v[b], refractory[b], theta[b], current[b], rise[b],
                numbers, channels, offset, total, spiking,
            )  # fmt: skip
            _emit(found[b, t], spiking, count)
            for p in range(len(delay)):
                c, worth = channel[p], np.int32(scale[p])
                target = rise[b, c] if channels[c, 4] else current[b, c]
                row = given[b, reach + t - delay[p]]
                for w in range(len(row)):
                    word, i = np.uint32(row[w]), 32 * w
                    while word:
                        if word & np.uint32(1):
                            for s in range(ptr[p, i], ptr[p, i + 1]):
                                target[post[s]] += np.int32(weight[s]) * worth
                        word >>= np.uint32(1)
                        i += 1


@entry
def _scan(
    drive: Any, found: Any, v: Any, refractory: Any, theta: Any, current: Any, rise: Any,
    numbers: Any, channels: Any, offset: Any, total: Any, spiking: Any,
) -> None:  # fmt: skip
    """Steps of all inputs whose arrivals are known, drive (B, T, C, N) int32."""
    batch, steps, _ = found.shape
    for b in range(batch):
        for t in range(steps):
            count = _integrate(
                v[b], refractory[b], theta[b], current[b], rise[b],
                numbers, channels, offset, total, spiking,
            )  # fmt: skip
            _emit(found[b, t], spiking, count)
            for c in range(len(channels)):
                target = rise[b, c] if channels[c, 4] else current[b, c]
                arrived = drive[b, t, c]
                for n in range(len(target)):
                    target[n] += arrived[n]


def advance(
    layer: Layer, given: np.ndarray, steps: int, x: State, method: EventDriven | TimeBatched
) -> np.ndarray:
    """Run one layer; see `reference.advance`."""
    size = layer.population.size
    found = np.empty((len(given), steps, (size + 31) // 32), np.int32)
    state = [x[name] for name in ("v", "refractory", "theta", "current", "rise")]
    room = np.empty((2, size), np.int64)
    neurons = layer.numbers, layer.channels, layer.population.offset, *room
    if isinstance(method, EventDriven):
        r = layer.rows
        _events(
            given, found, *state, *neurons, r.delay, r.channel, r.scale, r.ptr, r.post, r.weight
        )
        return found
    reach = given.shape[1] - steps
    for first in range(0, steps, method.steps):
        part = found[:, first : first + method.steps]
        drive = arrivals(layer, given[:, first : first + reach + part.shape[1]], part.shape[1])
        _scan(drive, part, *state, *neurons)
    return found


EXACT = (1 << 24) // 128
"""Neurons whose int8 weights float32 can add up: every sum of so many stays below 2^24."""


def arrivals(layer: Layer, given: np.ndarray, steps: int) -> np.ndarray:
    """What arrives at every neuron in every step, (B, steps, C, N) int32, modulo 2^32.

    given   as for `advance`
    The products are those of float32, which are exact here, in whatever order they are added: sums
    of 0, 1 and int8 are whole numbers below 2^24. An int8 product is slower where the processor has
    no instruction for it.
    """
    planes, batch, size = layer.planes, len(given), layer.population.size
    reach = given.shape[1] - steps
    bits = unpack(given, layer.pre_size).astype(np.float32)  # [B, R + T, N_pre]
    drive = np.zeros((batch, steps, len(layer.channels), size), np.int32)
    for p in range(len(planes.delay)):
        first = reach - int(planes.delay[p])
        left = bits[:, first : first + steps].reshape(batch * steps, layer.pre_size)
        total = np.zeros((batch * steps, size), np.int32)
        for low in range(0, layer.pre_size, EXACT):
            part = slice(low, low + EXACT)
            total += (left[:, part] @ planes.weight[p, part].astype(np.float32)).astype(np.int32)
        total *= planes.scale[p]
        drive[:, :, planes.channel[p]] += total.reshape(batch, steps, size)
    return drive
