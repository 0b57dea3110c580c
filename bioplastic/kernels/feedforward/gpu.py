"""The feed-forward kernel in Triton (CUDA and HIP), bit-equal to `reference`.

One program runs BLOCK neurons of one input over all T steps, its state in registers; T is a runtime
argument. With TRITON_INTERPRET=1 in the environment the same code runs without a GPU, slowly.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl

from bioplastic.errors import UsageError
from bioplastic.kernels.ahead_of_time import Compiled
from bioplastic.kernels.feedforward.layer import EventDriven, Layer, TimeBatched
from bioplastic.kernels.feedforward.reference import State

BLOCK = 128  # neurons of a program
STEPS, INPUTS, COLUMNS = (
    32,
    32,
    64,
)  # a program that multiplies: (STEPS, INPUTS) × (INPUTS, COLUMNS)
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"  # Triton decides when a kernel is defined


@triton.jit
def _times(p, x):
    """Product of two int32 in int64: one instruction where both are known to be that short."""
    return p.to(tl.int64) * x.to(tl.int64)


@triton.jit
def _rounded(x):
    """Q30 to whole numbers, half up."""
    return ((x + (1 << 29)) >> 30).to(tl.int32)


@triton.jit
def _integrate(
    v, refractory, theta, current, rise, offset,
    pvv, top, reset, wait, decay, jump, pii, pih, pvi, pvh,
    RISE: tl.constexpr, ADAPTIVE: tl.constexpr,
):  # fmt: skip
    """One step without arrivals: [BLOCK] and [C, BLOCK] states, and who spikes, after its reset."""
    pull = _times(pvi, current)
    if RISE:
        pull += _times(pvh, rise)
        current = _rounded(_times(pii, current) + _times(pih, rise))
        rise = _rounded(_times(pii, rise))
    else:
        current = _rounded(_times(pii, current))
    total = _times(pvv, v) + offset + tl.sum(pull, axis=0)
    refractory = tl.maximum(refractory - 1, 0)
    free = refractory == 0
    v = tl.where(free, _rounded(total), v)
    if ADAPTIVE:
        theta = _rounded(_times(decay, theta))
        spike = free & (v.to(tl.int64) > top.to(tl.int64) + theta)
        theta += tl.where(spike, jump, 0)
    else:
        spike = free & (v > top)
    v = tl.where(spike, reset, v)
    refractory = tl.where(spike, wait, refractory)
    return v, refractory, theta, current, rise, spike


@triton.jit
def _emit(spikes, spike, width, BLOCK: tl.constexpr):
    """Pack the spikes of BLOCK neurons into words."""
    bits = tl.reshape(spike.to(tl.int32), (BLOCK // 32, 32)) << tl.arange(0, 32)[None, :]
    w = tl.program_id(0) * (BLOCK // 32) + tl.arange(0, BLOCK // 32)
    tl.store(spikes + w, tl.sum(bits, axis=1), mask=w < width)


@triton.jit
def _arrive(current, rise, arrived, up, RISE: tl.constexpr):
    """Add arrivals to the rise of alpha currents and to exponential currents."""
    if RISE:
        rise += tl.where(up, arrived, 0)
        current += tl.where(up, 0, arrived)
    else:
        current += arrived
    return current, rise


@triton.jit
def event_kernel(
    given, spikes, weight, delay, channel, scale, numbers, channels, offset, state, after,
    reach, steps, planes, before, size, many,
    C: tl.constexpr, RISE: tl.constexpr, ADAPTIVE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """All steps, event-driven: the set bits of a word choose rows of weights."""
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    b = tl.program_id(1).to(tl.int64)
    inside = n < size
    c = tl.arange(0, C)[:, None]
    two = (3 + c) * size + n[None, :]
    held = (c < many) & inside[None, :]
    state += b * (3 + 2 * many) * size
    v = tl.load(state + n, mask=inside, other=0)
    refractory = tl.load(state + size + n, mask=inside, other=0)
    current = tl.load(state + two, mask=held, other=0)
    theta, rise = tl.zeros((BLOCK,), tl.int32), tl.zeros((C, BLOCK), tl.int32)
    if ADAPTIVE:
        theta = tl.load(state + 2 * size + n, mask=inside, other=0)
    if RISE:
        rise = tl.load(state + many * size + two, mask=held, other=0)
    pvv, top, reset = tl.load(numbers), tl.load(numbers + 1), tl.load(numbers + 2)
    wait, decay, jump = tl.load(numbers + 3), tl.load(numbers + 4), tl.load(numbers + 5)
    pii = tl.load(channels + 5 * c, mask=c < many, other=0)
    pih = tl.load(channels + 5 * c + 1, mask=c < many, other=0)
    pvi = tl.load(channels + 5 * c + 2, mask=c < many, other=0)
    pvh = tl.load(channels + 5 * c + 3, mask=c < many, other=0)
    up = tl.load(channels + 5 * c + 4, mask=c < many, other=0) != 0
    drift = tl.load(offset + n, mask=inside, other=0)
    width, width_in = (size + 31) // 32, (before + 31) // 32
    given += b * (reach + steps) * width_in
    spikes += b * steps * width
    for _ in range(steps):
        v, refractory, theta, current, rise, spike = _integrate(
            v, refractory, theta, current, rise, drift,
            pvv, top, reset, wait, decay, jump, pii, pih, pvi, pvh, RISE, ADAPTIVE,
        )  # fmt: skip
        _emit(spikes, spike & inside, width, BLOCK)
        for p in range(planes):
            row = given + (reach - tl.load(delay + p)).to(tl.int64) * width_in
            rows = weight + p * before * size
            total = tl.zeros((BLOCK,), tl.int32)
            for w in range(width_in):
                word = tl.load(row + w).to(tl.uint32, bitcast=True)
                while word != 0:
                    left = word & (word - 1)  # without its lowest bit
                    place = ((word ^ left).to(tl.float32).to(tl.int32, bitcast=True) >> 23) - 127
                    place += 32 * w
                    total += tl.load(rows + place * size + n, mask=inside, other=0).to(tl.int32)
                    word = left
            total *= tl.load(scale + p)
            arrived = tl.where(c == tl.load(channel + p), total[None, :], 0)
            current, rise = _arrive(current, rise, arrived, up, RISE)
        given += width_in
        spikes += width
    after += b * (3 + 2 * many) * size  # not where it was read: an address need not be kept
    tl.store(after + n, v, mask=inside)
    tl.store(after + size + n, refractory, mask=inside)
    tl.store(after + 2 * size + n, theta, mask=inside)
    tl.store(after + two, current, mask=held)
    tl.store(after + many * size + two, rise, mask=held)


@triton.jit
def drive_kernel(
    given, drive, weight, delay, first, scale, reach, steps, before, size, many,
    STEPS: tl.constexpr, INPUTS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Arrivals of STEPS steps at BLOCK neurons, one channel: spikes times int8 matrices."""
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    t = tl.program_id(1) * STEPS + tl.arange(0, STEPS)
    b, c = tl.program_id(2) // many, tl.program_id(2) % many
    i = tl.arange(0, INPUTS)
    width_in = (before + 31) // 32
    given += b.to(tl.int64) * (reach + steps) * width_in
    arrived = tl.zeros((STEPS, BLOCK), tl.int32)
    for p in range(tl.load(first + c), tl.load(first + c + 1)):
        row = given + (reach + t - tl.load(delay + p)).to(tl.int64)[:, None] * width_in
        rows = weight + p * before * size + n[None, :]
        total = tl.zeros((STEPS, BLOCK), tl.int32)
        for start in range(0, before, INPUTS):
            j = start + i
            known = (t < steps)[:, None] & (j < before)[None, :]
            word = tl.load(row + (j >> 5)[None, :], mask=known, other=0)
            bits = ((word >> (j & 31)[None, :]) & 1).to(tl.int8)
            inside = (j < before)[:, None] & (n < size)[None, :]
            w = tl.load(rows + j.to(tl.int64)[:, None] * size, mask=inside, other=0)
            total = tl.dot(bits, w, total, out_dtype=tl.int32)
        arrived += total * tl.load(scale + p)
    place = ((b.to(tl.int64) * steps + t)[:, None] * many + c) * size + n[None, :]
    tl.store(drive + place, arrived, mask=(t < steps)[:, None] & (n < size)[None, :])


@triton.jit
def scan_kernel(
    drive, spikes, numbers, channels, offset, state, after,
    first, steps, last, size, many,
    C: tl.constexpr, RISE: tl.constexpr, ADAPTIVE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """`steps` steps whose arrivals are known, from step `first` of `last` in `spikes`."""
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    b = tl.program_id(1).to(tl.int64)
    inside = n < size
    c = tl.arange(0, C)[:, None]
    two = (3 + c) * size + n[None, :]
    held = (c < many) & inside[None, :]
    state += b * (3 + 2 * many) * size
    v = tl.load(state + n, mask=inside, other=0)
    refractory = tl.load(state + size + n, mask=inside, other=0)
    current = tl.load(state + two, mask=held, other=0)
    theta, rise = tl.zeros((BLOCK,), tl.int32), tl.zeros((C, BLOCK), tl.int32)
    if ADAPTIVE:
        theta = tl.load(state + 2 * size + n, mask=inside, other=0)
    if RISE:
        rise = tl.load(state + many * size + two, mask=held, other=0)
    pvv, top, reset = tl.load(numbers), tl.load(numbers + 1), tl.load(numbers + 2)
    wait, decay, jump = tl.load(numbers + 3), tl.load(numbers + 4), tl.load(numbers + 5)
    pii = tl.load(channels + 5 * c, mask=c < many, other=0)
    pih = tl.load(channels + 5 * c + 1, mask=c < many, other=0)
    pvi = tl.load(channels + 5 * c + 2, mask=c < many, other=0)
    pvh = tl.load(channels + 5 * c + 3, mask=c < many, other=0)
    up = tl.load(channels + 5 * c + 4, mask=c < many, other=0) != 0
    drift = tl.load(offset + n, mask=inside, other=0)
    width = (size + 31) // 32
    spikes += (b * last + first) * width
    drive += (b * steps * many + c) * size + n[None, :]
    for _ in range(steps):
        v, refractory, theta, current, rise, spike = _integrate(
            v, refractory, theta, current, rise, drift,
            pvv, top, reset, wait, decay, jump, pii, pih, pvi, pvh, RISE, ADAPTIVE,
        )  # fmt: skip
        _emit(spikes, spike & inside, width, BLOCK)
        arrived = tl.load(drive, mask=held, other=0)
        current, rise = _arrive(current, rise, arrived, up, RISE)
        drive += many * size
        spikes += width
    after += b * (3 + 2 * many) * size  # not where it was read: an address need not be kept
    tl.store(after + n, v, mask=inside)
    tl.store(after + size + n, refractory, mask=inside)
    tl.store(after + 2 * size + n, theta, mask=inside)
    tl.store(after + two, current, mask=held)
    tl.store(after + many * size + two, rise, mask=held)


class Gpu:
    """Layers on the current GPU; arrays travel there and back.

    Raises UsageError when there is no GPU and Triton's interpreter was not asked for.
    """

    def __init__(self) -> None:
        if not INTERPRETED and not torch.cuda.is_available():
            raise UsageError("backend = 'gpu': torch finds no CUDA or HIP device; use 'cpu'")
        self.device = torch.device("cpu" if INTERPRETED else "cuda")

    def advance(
        self,
        layer: Layer,
        given: np.ndarray,
        steps: int,
        x: State,
        method: EventDriven | TimeBatched,
    ) -> np.ndarray:
        """Run one layer; see `reference.advance`."""
        size, many, batch = layer.population.size, len(layer.channels), len(given)
        spikes = self._empty(batch, steps, (size + 31) // 32)
        names = ("v", "refractory", "theta")
        rows = [*(x[name][:, None] for name in names), x["current"], x["rise"]]
        state = self._there(np.concatenate(rows, axis=1))  # [B, 3 + 2 C, N]
        if steps and batch:
            way = self._events if isinstance(method, EventDriven) else self._batched
            numbers = [a.astype(np.int32) for a in (layer.numbers, layer.channels)]
            neurons = [self._there(a) for a in (*numbers, layer.population.offset)]
            constants = {
                "C": triton.next_power_of_2(many),
                "RISE": bool(layer.channels[:, 4].any()),
                "ADAPTIVE": bool(layer.population.theta_step),
                "BLOCK": BLOCK,
            }
            state = way(layer, given, spikes, neurons, state, method, constants)
        made = state.cpu().numpy()
        x |= {name: made[:, k].copy() for k, name in enumerate(names)}
        x["current"], x["rise"] = made[:, 3 : 3 + many].copy(), made[:, 3 + many :].copy()
        return spikes.cpu().numpy()

    def _events(
        self, layer: Layer, given: np.ndarray, spikes: Any, neurons: Any, state: Any,
        method: Any, constants: dict[str, Any],
    ) -> Any:  # fmt: skip
        p, (batch, steps, _) = layer.planes, spikes.shape
        size, many = layer.population.size, len(layer.channels)
        synapses = [self._there(a) for a in (p.weight, p.delay, p.channel, p.scale)]
        after = self._empty(*state.shape)
        event_kernel[(triton.cdiv(size, BLOCK), batch)](
            self._there(given), spikes, *synapses, *neurons, state, after,
            given.shape[1] - steps, steps, len(p.delay), layer.pre_size, size, many, **constants,
        )  # fmt: skip
        return after

    def _batched(
        self, layer: Layer, given: np.ndarray, spikes: Any, neurons: Any, state: Any,
        method: Any, constants: dict[str, Any],
    ) -> Any:  # fmt: skip
        p, (batch, steps, _) = layer.planes, spikes.shape
        size, many, reach = layer.population.size, len(layer.channels), given.shape[1] - steps
        ends = np.searchsorted(p.channel, np.arange(many + 1)).astype(np.int32)
        synapses = [self._there(a) for a in (p.weight, p.delay, ends, p.scale)]
        for first in range(0, steps, method.steps):
            now = min(method.steps, steps - first)
            drive = self._empty(batch, now, many, size)
            part = self._there(given[:, first : first + reach + now])
            drive_kernel[(triton.cdiv(size, COLUMNS), triton.cdiv(now, STEPS), batch * many)](
                part, drive, *synapses, reach, now, layer.pre_size, size, many,
                STEPS=STEPS, INPUTS=INPUTS, BLOCK=COLUMNS,
            )  # fmt: skip
            after = self._empty(*state.shape)
            scan_kernel[(triton.cdiv(size, BLOCK), batch)](
                drive, spikes, *neurons, state, after, first, now, steps, size, many, **constants
            )
            state = after
        return state

    def _empty(self, *shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=torch.int32, device=self.device)

    def _there(self, array: np.ndarray) -> torch.Tensor:
        return torch.tensor(array, device=self.device)


_STATE = "*i32 *i32 *i64 *i32 *i32"
_ONE = {"C": 1, "RISE": False, "ADAPTIVE": False, "BLOCK": BLOCK}
_TWO = {"C": 2, "RISE": True, "ADAPTIVE": True, "BLOCK": BLOCK}
_EVENTS = f"*i32 *i32 *i8 *i32 *i32 *i32 {_STATE} i32 i32 i32 i32 i32 i32"
_SCAN = f"*i32 *i32 {_STATE} i32 i32 i32 i32 i32"
COMPILED = (
    Compiled(name="layer, by events", function=event_kernel, signature=_EVENTS, constants=_ONE),
    Compiled(
        name="layer, by events, two receptors, adaptive",
        function=event_kernel,
        signature=_EVENTS,
        constants=_TWO,
    ),
    Compiled(
        name="layer, arrivals of many steps",
        function=drive_kernel,
        signature="*i32 *i32 *i8 *i32 *i32 *i32 i32 i32 i32 i32 i32",
        constants={"STEPS": STEPS, "INPUTS": INPUTS, "BLOCK": COLUMNS},
        expected=("IMMA",),
    ),
    Compiled(name="layer, steps", function=scan_kernel, signature=_SCAN, constants=_ONE),
    Compiled(
        name="layer, steps, two receptors, adaptive",
        function=scan_kernel,
        signature=_SCAN,
        constants=_TWO,
    ),
)
