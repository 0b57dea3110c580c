"""Our own model of sPyNNaker's arithmetic for IF_curr_delta: S16.15, ring buffers of 16 bits.

It is written from the published C and from running expk of the shipped binaries; nothing here ran
on a board. A step, all whole numbers of 2⁻¹⁵, ⌊x⌉ = ⌊x + ½⌋:
    sum of the weights read in this step, per receptor, at most 65535·2^shift
    a ← ⌊(sum₊ − sum₋ + i_offset) R / 2¹⁵⌉;   v ← a − ⌊e (a − v) / 2¹⁵⌉, unless refractory
    spike where v >= v_thresh; v ← v_reset
The time step is 1 ms, v_rest is 0; e = expk(−dt/tau_m) is given by `decay`.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.export.pynn.network import PynnNetwork, PynnPopulation

ONE = 1 << 15
_SILENT = -340_695
"""expk returns 0 below this argument, in units of 2⁻¹⁵."""
Spikes = tuple[np.ndarray, np.ndarray]


def decay(tau: float, timestep: float = 1.0) -> int:
    """expk(−timestep/tau_m) in units of 2⁻¹⁵, as the chip computes it.

    −1 gives 32766: their series has a constant error of 1.2·10⁻⁶, and they round down. Elsewhere
    the exponential rounded down is within one unit.
    """
    argument = -math.floor(timestep * ONE / round(tau * ONE) * ONE + 0.5)
    if argument < _SILENT:
        return 0
    return math.floor(ONE * (math.exp(argument / ONE) - 1.25e-6))


def shifts(p: PynnPopulation) -> tuple[int, int]:
    """Left shift of both ring buffers, as sPyNNaker takes it from `most`."""
    if p.most is None:
        raise UnsupportedModel(f"population {p.name!r}: sPyNNaker estimates its own ring buffers")
    found = []
    for most in p.most:
        power = 0 if most <= 0 else max(0, math.ceil(math.log2(most)))
        found.append(power + 1 if 2**power <= most else power)
    return found[0], found[1]


def run(network: PynnNetwork) -> dict[str, Spikes]:
    """Spikes of every population under the stimulus, (steps, ids) by step and id.

    Raises UnsupportedModel for another model than IF_curr_delta and for plastic synapses.
    """
    for p in network.populations:
        if p.model != "IF_curr_delta":
            raise UnsupportedModel(f"population {p.name!r}: no model of {p.model} is written here")
    plastic = [q.name for q in network.projections if q.rule is not None]
    if plastic:
        raise UnsupportedModel(f"projection {plastic[0]!r}: it learns; this model does not")
    first, at = {}, 0
    for name, size in network.sizes.items():
        first[name], at = at, at + size
    shift = {p.name: shifts(p) for p in network.populations}
    slots = 1 + max((int(np.max(q.delay)) for q in network.projections if len(q.delay)), default=1)
    rows = _rows(network, first, shift, at)
    given: dict[int, list[int]] = {}
    for s in network.sources:
        for step, number in zip(s.steps.tolist(), s.ids.tolist(), strict=True):
            given.setdefault(step, []).append(first[s.name] + number)
    held = _constants(network, first, shift, at)
    coming = np.zeros((slots, 2, at), np.int64)
    v, wait = np.zeros(at, np.int64), np.zeros(at, np.int64)
    steps, ids = [], []
    for t in range(network.steps):
        fired = _step(coming[t % slots], v, wait, held)
        coming[t % slots] = 0
        for unit in (*given.get(t, ()), *fired.tolist()):
            post, weight, delay, receptor = rows[unit]
            np.add.at(coming, ((t + delay) % slots, receptor, post), weight)
        steps.append(np.full(len(fired), t))
        ids.append(fired)
    when, which = (np.concatenate([np.zeros(0, np.int64), *part]) for part in (steps, ids))
    found = {}
    for p in network.populations:
        mine = (which >= first[p.name]) & (which < first[p.name] + p.size)
        found[p.name] = when[mine], which[mine] - first[p.name]
    return found


def _step(
    row: np.ndarray, v: np.ndarray, wait: np.ndarray, held: dict[str, np.ndarray]
) -> np.ndarray:
    """Advance all neurons one step in place; numbers of those that spike."""
    sums = np.minimum(row, held["full"]) << held["shift"]
    drive = sums[0] - sums[1] + held["offset"]
    a = (drive * held["gain"] + ONE // 2) >> 15
    new = a - ((held["e"] * (a - v) + ONE // 2) >> 15)
    free = held["neuron"] & (wait <= 0)
    wait[~free] -= 1
    v[free] = new[free]
    fired = np.flatnonzero(held["neuron"] & (v >= held["threshold"]))
    v[fired] = held["reset"][fired]
    wait[fired] = held["refractory"][fired]
    return fired


def _constants(
    network: PynnNetwork, first: dict[str, int], shift: dict[str, tuple[int, int]], units: int
) -> dict[str, np.ndarray]:
    held = {
        name: np.zeros(units, np.int64)
        for name in ("e", "gain", "offset", "threshold", "reset", "refractory")
    }
    held["neuron"] = np.zeros(units, np.bool_)
    held["shift"] = np.zeros((2, units), np.int64)
    held["full"] = np.full((2, units), 65_535, np.int64)
    for p in network.populations:
        own = slice(first[p.name], first[p.name] + p.size)
        tau, cm = float(p.parameters["tau_m"]), float(p.parameters["cm"])
        held["e"][own] = decay(tau, network.timestep)
        held["gain"][own] = math.floor(tau / cm / network.timestep * ONE + 0.5)
        for name, key in (("offset", "i_offset"), ("threshold", "v_thresh"), ("reset", "v_reset")):
            held[name][own] = np.rint(np.asarray(p.parameters[key]) * ONE).astype(np.int64)
        held["refractory"][own] = math.ceil(float(p.parameters["tau_refrac"]) / network.timestep)
        held["neuron"][own] = True
        for k in (0, 1):
            held["shift"][k, own] = shift[p.name][k]
    return held


def _rows(
    network: PynnNetwork, first: dict[str, int], shift: dict[str, tuple[int, int]], units: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """For each unit: post, weight in quanta, delay, receptor of its synapses."""
    parts = []
    for q in network.projections:
        k = 0 if q.receptor == "excitatory" else 1
        quanta = np.rint(q.weight * 2.0 ** (15 - shift[q.post][k])).astype(np.int64)
        pre, post = q.i + first[q.pre], q.j + first[q.post]
        parts.append(np.stack([pre, post, quanta, q.delay, np.full(len(pre), k)]))
    every = np.concatenate([np.zeros((5, 0), np.int64), *parts], axis=1)
    every = every[:, np.argsort(every[0], kind="stable")]
    edges = np.searchsorted(every[0], np.arange(units + 1))
    found = []
    for low, high in pairwise(edges.tolist()):
        post, quanta, delay, receptor = every[1:, low:high]
        found.append((post, quanta, delay, receptor))
    return found
