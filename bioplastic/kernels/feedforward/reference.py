"""The feed-forward kernel as a specification: numpy, step by step, one synapse list. Slow.

Order inside a step: integrate → threshold → deliver arrivals → reset, as in the sparse kernel, with
which it agrees in every bit.
"""

from __future__ import annotations

import numpy as np

from bioplastic.kernels.feedforward.layer import EventDriven, Layer, pack, unpack
from bioplastic.quantize.fixed_point import PROPAGATOR, round_shift

State = dict[str, np.ndarray]
"""v, refractory, theta (B, N) int32; current, rise (B, C, N) int32."""


def advance(
    layer: Layer, given: np.ndarray, steps: int, x: State, method: EventDriven
) -> np.ndarray:
    """Run one layer over `steps` steps; `x` is changed.

    given   (B, R + steps, W_pre) int32: the R steps of spikes before the first step come first
    Returns the spikes of the layer, (B, steps, W) int32.
    """
    p, batch = layer.population, len(given)
    reach, bits = given.shape[1] - steps, unpack(given, layer.pre_size)
    found = np.zeros((batch, steps, p.size), np.uint8)
    synapses = [
        (q, q.post_ids, *np.divmod(q.group, max(len(q.delays), 1))) for q in layer.projections
    ]
    for t in range(steps):
        integrate(layer, x)
        margin = x["v"].astype(np.int64) - p.v_th - x["theta"]
        spike = (margin > 0) & (x["refractory"] == 0)
        for q, post, pre, which in synapses:
            arrived = bits[:, reach + t - q.delays[which], pre].astype(np.int64)  # [B, S]
            sums = np.zeros((batch, p.size), np.int64)
            np.add.at(sums.T, post, (arrived * q.weight * q.scale).T)
            x["rise" if layer.channels[q.channel, 4] else "current"][:, q.channel] += sums.astype(
                np.int32
            )
        x["v"][spike] = p.v_reset
        x["refractory"][spike] = p.refractory
        x["theta"][spike] += p.theta_step
        found[:, t] = spike
    return pack(found)


def integrate(layer: Layer, x: State) -> None:
    """One exact step of potential, currents and threshold; a refractory potential stands still."""
    p = layer.population
    x["refractory"] = np.maximum(x["refractory"] - 1, 0)
    v = x["v"].astype(np.int64)
    current, rise = x["current"].astype(np.int64), x["rise"].astype(np.int64)
    pii, pih, pvi, pvh, _ = (column[:, None] for column in layer.channels.T)  # [C, 1]
    total = p.pvv * v + p.offset + (pvi * current + pvh * rise).sum(axis=1)
    moved = np.asarray(round_shift(total, PROPAGATOR))
    x["v"] = np.where(x["refractory"] > 0, v, moved).astype(np.int32)
    x["current"] = np.asarray(round_shift(pii * current + pih * rise, PROPAGATOR)).astype(np.int32)
    x["rise"] = np.asarray(round_shift(pii * rise, PROPAGATOR)).astype(np.int32)
    if p.theta_step:
        theta = np.asarray(round_shift(p.theta_decay * x["theta"].astype(np.int64), PROPAGATOR))
        x["theta"] = theta.astype(np.int32)
