"""What is left of a spiking network when time is collapsed into integers, window by window.

A collapsed population does what count-coded "spiking" layers do: all spikes of a window are summed
to one integer per neuron, multiplied by the weights, and rounded to the next layer's integer,

    n_i = max(0, round(x_i / (v_th − v_rest))),   x_i = window·drive_i + Σ_j a·w_ij n_j

with a·w the charge of one arrival: how far it would move a membrane that does not leak. There is no
leak, no refractoriness, no delay inside a window, and nothing lives on to the next window.
Sources and populations earlier in the network act within the window, recurrence one window later.
Source: the semantics of Int2Spike (`docs/spike-codes.md`), restated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import singledispatch
from itertools import pairwise
from typing import Any

import numpy as np
from brian2 import amp, second, volt

from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    AlphaCurrent,
    Connectivity,
    ExponentialCurrent,
    LinearIF,
    Network,
    Population,
    Projection,
    SpikeTrain,
)
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.result import SpikeRecord


@dataclass(frozen=True, kw_only=True)
class Charge:
    """A population seen without time.

    gap     (N,) potential from rest to threshold, state units: one collapsed spike; from the reset
            where the leak alone would pass the threshold
    drive   (N,) charge of the constant drive, state units per second
    gain    target -> charge of one arrival of weight 1
    """

    gap: np.ndarray
    drive: np.ndarray
    gain: Mapping[str, float]


@singledispatch
def charge(neuron: Any, p: Population) -> Charge:
    """The time-free view of a population's neuron; UnsupportedModel where there is none."""
    raise UnsupportedModel(f"{p.name}: {type(neuron).__name__} has no time-collapsed counterpart")


@charge.register(LIF)
@charge.register(AdaptiveLIF)
def _lif(neuron: LIF, p: Population) -> Charge:
    if p.dendrites is not None or p.inhibition is not None:
        raise UnsupportedModel(f"{p.name}: branches and inhibition have no collapsed counterpart")
    c_m = float(neuron.c_m)
    gain = {}
    for r in neuron.receptors:
        area = float(r.tau) * (float(np.e) if isinstance(r, AlphaCurrent) else 1.0)
        assert isinstance(r, ExponentialCurrent | AlphaCurrent)
        gain[r.name] = area / c_m
    drive = np.broadcast_to(np.asarray(neuron.i_offset / amp, dtype=float) / c_m, (p.size,))
    gap = np.full(p.size, float((neuron.v_th - neuron.v_rest) / volt))
    return Charge(gap=gap, drive=drive, gain=gain)


@charge.register
def _linear(neuron: LinearIF, p: Population) -> Charge:
    """One state has the threshold; the others are filters that pass their area on to it."""
    at = np.flatnonzero(neuron.row)
    if len(at) != 1 or neuron.row[at[0]] != 1 or np.ndim(neuron.theta):
        raise UnsupportedModel(f"{p.name}: the threshold must be on one state, one for all neurons")
    v, others = int(at[0]), [k for k in range(len(neuron.names)) if k != at[0]]
    a = neuron.matrix
    if np.any(a[others, v]) or not a[v, v] < 0:
        raise UnsupportedModel(f"{p.name}: {neuron.names[v]!r} must leak and drive no other state")
    offset = np.broadcast_to(neuron.offset, (p.size, len(neuron.names)))
    through = np.zeros(len(neuron.names))
    through[v] = 1.0
    if others:
        through[others] = -np.linalg.solve(a[np.ix_(others, others)].T, a[v, others])
    theta, reset = float(neuron.theta), float(neuron.reset_offset[v])
    rest = -offset[:, v] / a[v, v]  # where the leak alone would hold it
    held = rest < theta
    own = np.where(held, 0.0, offset[:, v] + a[v, v] * reset)
    return Charge(
        gap=theta - np.where(held, rest, reset),
        drive=own + offset[:, others] @ through[others],
        gain=dict(zip(neuron.names, through.tolist(), strict=True)),
    )


def count(record: SpikeRecord, window: float, windows: int) -> np.ndarray:
    """Spikes of each neuron in each window, (W, N) int64; later spikes are left out.

    window   s, a whole number of steps
    """
    each = round(window / record.dt)
    if each < 1 or abs(each * record.dt - window) > 1e-9 * window:
        raise UsageError(f"window = {window} s: must be a whole number of steps of {record.dt} s")
    at = record.steps // each
    inside = at < windows
    place = at[inside] * record.size + record.ids[inside]
    return np.bincount(place, minlength=windows * record.size).reshape(windows, record.size)


def collapse(
    network: Network, inputs: Mapping[str, np.ndarray], window: float, windows: int
) -> dict[str, np.ndarray]:
    """Integer counts of every population of `network` in every window, (W, N) int64.

    inputs   source -> (W, N) counts        window   s        windows   W
    Plastic projections act with their initial weights. Raises UnsupportedModel for a neuron or a
    synapse that has no collapsed counterpart.
    """
    names = [p.name for p in network.populations]
    views = {p.name: charge(p.neuron, p) for p in network.populations}
    counts = {p.name: np.zeros((windows, p.size), np.int64) for p in network.populations}
    total: dict[str, np.ndarray] = {**inputs, **counts}
    for w in range(windows):
        for place, p in enumerate(network.populations):
            view = views[p.name]
            x = view.drive * window
            for q in network.projections:
                if q.post != p.name:
                    continue
                late = q.pre in names and names.index(q.pre) >= place
                at = w - 1 if late else w
                if at >= 0:
                    x = x + _arrived(q, p, total[q.pre][at], view)
            counts[p.name][w] = np.maximum(0, np.rint(x / view.gap)).astype(np.int64)
    return counts


def _arrived(q: Projection, p: Population, n: np.ndarray, view: Charge) -> np.ndarray:
    c = q.connectivity
    listed = c if isinstance(c, Connectivity) else c.explicit()
    weight = np.broadcast_to(np.asarray(listed.weight, dtype=float), listed.i.shape)
    each = weight * view.gain[q.target] * n[listed.i]
    return np.bincount(listed.j, weights=each, minlength=p.size)


def shuffled(network: Network, rng: np.random.Generator, window: Any, dt: Any) -> Network:
    """The same network with every source spike moved to a drawn step of its own window.

    Counts per window stay as they are; two spikes of one source never share a step. So a collapsed
    network cannot tell the two apart: all that may differ is what time does.
    """
    each = round(float(window / dt))
    sources = []
    for s in network.sources:
        steps, ids = s.train.steps(dt), s.train.i
        moved = np.empty_like(steps)
        cell = (steps // each) * s.size + ids
        order = np.argsort(cell, kind="stable")
        edges = np.flatnonzero(np.diff(cell[order], prepend=-1, append=-1))
        for a, b in pairwise(edges.tolist()):
            free = rng.choice(each, size=b - a, replace=False)
            moved[order[a:b]] = (steps[order[a]] // each) * each + free
        train = SpikeTrain(i=ids, t=moved * float(dt / second) * second)
        sources.append(replace(s, train=train))
    return replace(network, sources=tuple(sources))
