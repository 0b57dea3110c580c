"""A short run of one network in Brian2 (float64) and on an integer kernel, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic import simulate
from bioplastic.analysis.horizon import HORIZONS, Horizon, compare_population, compare_weights
from bioplastic.description import Connectivity, Network, Population
from bioplastic.kernels import dispatch
from bioplastic.quantize import IntegerNetwork
from bioplastic.quantize.lower_population import state_per_weight
from bioplastic.result import SpikeRecord
from bioplastic.simulate.target import Target


@dataclass(frozen=True, kw_only=True, eq=False)
class Paired:
    """Both runs and what they share.

    horizon          agreement of spikes and distance of weights
    brian2, kernel   population -> spikes
    """

    horizon: Horizon
    brian2: dict[str, SpikeRecord]
    kernel: dict[str, SpikeRecord]


def paired_run(
    network: Network,
    lowered: IntegerNetwork,
    duration: Any,
    *,
    target: Target = "numpy",
    backend: str = "cpu",
    horizons: Sequence[float] = HORIZONS,
) -> Paired:
    """Run `network` in Brian2 and `lowered` on a kernel for `duration` and compare.

    duration   s      lowered   from `lower(network, dt)`; its dt is the grid of both
    horizons   s, up to which the share of equal spikes is given
    Raises what `simulate.run` raises for a network that it cannot build.
    """
    from brian2 import second

    dt = lowered.dt * second
    theirs = simulate.run(network, duration, dt=dt, target=target, progress=False)
    ours = dispatch.run(lowered, round(float(duration / dt)), backend=backend)
    names = [p.name for p in network.populations]
    agreements = tuple(
        compare_population(
            theirs.spikes[name], ours.spikes[name], duration=float(duration), horizons=horizons
        )
        for name in names
    )
    distances = []
    for q in network.projections:
        key = f"{q.name}/weight"
        if q.plasticity is None or key not in ours.state.arrays:
            continue
        connectivity = q.connectivity
        listed = connectivity if isinstance(connectivity, Connectivity) else connectivity.explicit()
        before = np.broadcast_to(np.asarray(listed.weight, dtype=float), listed.i.shape)
        values = float_weights(network, lowered, q.name, ours.state.arrays[key])
        distances.append(
            compare_weights(
                q.name, before, np.asarray(theirs.final.weight(q.name)), values, unit="SI"
            )
        )
    return Paired(
        horizon=Horizon(populations=agreements, weights=tuple(distances), horizons=tuple(horizons)),
        brian2={n: theirs.spikes[n] for n in names},
        kernel={n: ours.spikes[n] for n in names},
    )


def float_weights(
    network: Network, lowered: IntegerNetwork, projection: str, weight: np.ndarray
) -> np.ndarray:
    """Integer weights in row order as SI values in the order of the description, (S,) float64."""
    q, described = lowered[projection], network.projection(projection)
    post, target = network[q.post], described.target
    assert isinstance(post, Population)
    receiver = lowered[q.post]
    lsb = getattr(receiver.channels[q.channel], "lsb", None) or receiver.lsb
    unit = q.scale * lsb / state_per_weight(post.neuron, target)
    values = np.empty(len(weight))
    values[q.order] = weight * unit
    return values
