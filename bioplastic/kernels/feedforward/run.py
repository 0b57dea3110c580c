"""The door to the feed-forward kernel: spikes and a state in, spikes and a state out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from bioplastic.errors import UsageError, nearest
from bioplastic.kernels.feedforward.layer import (
    EventDriven,
    Layer,
    Layers,
    Method,
    TimeBatched,
    unpack,
    words,
)
from bioplastic.kernels.feedforward.proof import check_no_overflow
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.quantize.integer_network import AlphaChannel

BACKENDS = ("cpu", "reference", "gpu")


@dataclass(frozen=True, kw_only=True, eq=False)
class LayersRun:
    """What a run hands back.

    spikes   population -> (B, T, W) int32, packed 32 to a word
    state    where the run stopped; hand it to the next run
    """

    spikes: dict[str, np.ndarray]
    state: KernelState


def initial_state(layers: Layers, batch: int = 1) -> KernelState:
    """Return the state at step 0 of `batch` inputs: no spike under way.

    Arrays: p/v, p/refractory, p/theta and, for each channel, p.c/current and p.c/rise (alpha only),
    (B, N) int32; g/recent (B, R, W) int32 for the source and every population: the spikes of the
    last R steps, R the longest delay of the network.
    """
    arrays = {
        f"{name}/recent": np.zeros((batch, layers.reach, words(size)), np.int32)
        for name, size in layers.sizes.items()
    }
    for one in layers.layers:
        p = one.population
        keys = [f"{p.name}/{x}" for x in ("v", "refractory", "theta")]
        for c in p.channels:
            keys.append(f"{p.name}.{c.name}/current")
            if isinstance(c, AlphaChannel):
                keys.append(f"{p.name}.{c.name}/rise")
        arrays |= {key: np.zeros((batch, p.size), np.int32) for key in keys}
        if p.initial:
            keys = [f"{p.name}/v", *(f"{p.name}.{c.name}/current" for c in p.channels)]
            arrays |= {k: np.tile(a, (batch, 1)) for k, a in zip(keys, p.initial, strict=True)}
    return KernelState(step=0, arrays=arrays)


def run(
    layers: Layers,
    spikes: np.ndarray,
    *,
    backend: str = "cpu",
    method: Method = EventDriven(),  # noqa: B008  frozen, without a field
    state: KernelState | None = None,
) -> LayersRun:
    """Run T steps of B independent inputs through the same weights.

    spikes    (B, T, W) int32: the spikes of the source, packed; a train of the description does not
              count, `Layers.given` returns it in this form
    backend   "cpu", "reference" or "gpu"; equal in every bit
    method    EventDriven() or TimeBatched(); equal in every bit, `reference` knows only the first
    state     None: from the start. The given state is left as it is
    Raises UsageError for what does not fit, for a backend that is not there, and when these spikes
    could bring a state out of its format.
    """
    advance = _executor(backend, method)
    spikes = _checked(layers, spikes)
    batch, steps = spikes.shape[:2]
    start = _fitting(layers, state, batch)
    arrays = {name: a.copy() for name, a in start.arrays.items()}
    before = np.concatenate([arrays[f"{layers.source.name}/recent"], spikes], axis=1)
    check_no_overflow(layers, before, start)
    arrays[f"{layers.source.name}/recent"] = before[:, steps:].copy()
    found = {}
    for one in layers.layers:
        name = one.population.name
        x = _gather(one, arrays)
        found[name] = advance(one, np.ascontiguousarray(before), steps, x, method)
        _scatter(one, arrays, x)
        before = np.concatenate([arrays[f"{name}/recent"], found[name]], axis=1)
        arrays[f"{name}/recent"] = before[:, steps:].copy()
    return LayersRun(spikes=found, state=KernelState(step=start.step + steps, arrays=arrays))


def sparse_state(layers: Layers, state: KernelState, item: int) -> KernelState:
    """Return the state of input `item` as the sparse kernel keeps it."""
    arrays, recent, first = {}, [], 0
    for name, array in state.arrays.items():
        if not name.endswith("/recent"):
            arrays[name] = array[item].copy()
    for one in layers.layers:
        arrays[f"{one.population.name}/left"] = np.zeros(1, np.int32)
    for name, size in layers.sizes.items():
        rows, ids = np.nonzero(unpack(state.arrays[f"{name}/recent"][item], size))
        recent.append(np.stack([rows + state.step - layers.reach, ids + first], axis=1))
        first += size
    table = np.concatenate(recent)
    table = table[np.lexsort(table.T[::-1])]
    arrays["recent_step"], arrays["recent_unit"] = table[:, 0].copy(), table[:, 1].copy()
    return KernelState(step=state.step, arrays=arrays)


Advance = Callable[[Layer, np.ndarray, int, dict[str, np.ndarray], Method], np.ndarray]


def _executor(backend: str, method: Method) -> Advance:
    if not isinstance(method, EventDriven | TimeBatched):
        raise UsageError(f"method = {method!r}: must be EventDriven() or TimeBatched()")
    if backend == "cpu":
        from bioplastic.kernels.feedforward import cpu

        return cpu.advance
    if backend == "reference":
        from bioplastic.kernels.feedforward import reference

        if not isinstance(method, EventDriven):
            raise UsageError(f"backend = 'reference': knows EventDriven() only, not {method!r}")
        return reference.advance  # type: ignore[return-value]
    if backend == "gpu":
        if find_spec("triton") is None:
            raise UsageError("backend = 'gpu': triton is not installed; use 'cpu'")
        from bioplastic.kernels.feedforward.gpu import Gpu

        return Gpu().advance
    raise UsageError(f"backend = {backend!r}: no such backend{nearest(backend, BACKENDS)}")


def _checked(layers: Layers, spikes: np.ndarray) -> np.ndarray:
    name, size = layers.source.name, layers.source.size
    if spikes.ndim != 3 or spikes.dtype != np.int32 or spikes.shape[2] != words(size):
        raise UsageError(
            f"spikes: {size} neurons of {name!r} need (B, T, {words(size)}) int32, not "
            f"{spikes.shape} {spikes.dtype}"
        )
    if size % 32 and (spikes[..., -1].view(np.uint32) >> np.uint32(size % 32)).any():
        raise UsageError(f"spikes: bits beyond neuron {size - 1} of {name!r} are set")
    return np.ascontiguousarray(spikes)


def _fitting(layers: Layers, state: KernelState | None, batch: int) -> KernelState:
    fresh = initial_state(layers, batch)
    if state is None:
        return fresh
    for name, wanted in fresh.arrays.items():
        got = state.arrays.get(name)
        if got is None or got.shape != wanted.shape or got.dtype != wanted.dtype:
            shown = "nothing" if got is None else f"{got.shape} {got.dtype}"
            raise UsageError(f"state: {name}: needs {wanted.shape} {wanted.dtype}, found {shown}")
    for p in (one.population for one in layers.layers):
        if not p.theta_step and state.arrays[f"{p.name}/theta"].any():
            raise UsageError(f"state: {p.name}/theta: must be 0 where thresholds do not adapt")
    return state


def _gather(layer: Layer, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    p = layer.population
    keys = [f"{p.name}.{c.name}" for c in p.channels]
    current = np.stack([arrays[f"{key}/current"] for key in keys], axis=1)
    none = np.zeros_like(current[:, 0])
    rise = np.stack([arrays.get(f"{key}/rise", none) for key in keys], axis=1)
    found = {name: arrays[f"{p.name}/{name}"] for name in ("v", "refractory", "theta")}
    return found | {"current": current, "rise": rise}


def _scatter(layer: Layer, arrays: dict[str, np.ndarray], x: dict[str, np.ndarray]) -> None:
    p = layer.population
    arrays |= {f"{p.name}/{name}": x[name] for name in ("v", "refractory", "theta")}
    for k, c in enumerate(p.channels):
        for part in ("current", "rise"):
            if f"{p.name}.{c.name}/{part}" in arrays:
                arrays[f"{p.name}.{c.name}/{part}"] = x[part][:, k].copy()
