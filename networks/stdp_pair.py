"""Plastic synapses between neurons whose spikes are all given: STDP seen through a keyhole.

Every synapse has its own pre source and its own post neuron. A second source makes the post neuron
spike through a static synapse so strong that one arrival suffices: it spikes two steps after the
forcing spike (one step of delay, one of integration), whatever the plastic weight does.
"""

if __name__ != "bioplastic.networks.stdp_pair":
    raise ImportError("import bioplastic.networks.stdp_pair")

from typing import Any

import numpy as np
from brian2 import ms, mV, pA, pF, second

from bioplastic.description import (
    LIF,
    ExponentialCurrent,
    Network,
    PairSTDP,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.description.connectivity import one_to_one


def stdp_pair(
    pre: SpikeTrain,
    post: SpikeTrain,
    *,
    size: int,
    rule: PairSTDP,
    weight: Any,
    dt: Any,
    delay: Any = None,
) -> Network:
    """`size` independent synapses: pre k → post k with weight `weight` (A, scalar or (size,)).

    pre, post   spikes of the pre sources, and wanted spikes of the post neurons (t >= 2 dt)
    rule        plasticity; w_max at most 1 pA, so that the synapse does not move its post neuron
    dt          step on which the network will run, s: the post train is forced 2 dt ahead
    delay       of the plastic synapses, s; None = dt, so that an arrival falls one step after pre
    """
    if np.any(np.asarray(rule.w_max / pA, dtype=float) > 1):
        raise ValueError(f"rule.w_max = {rule.w_max}: must be <= 1 pA, or it moves the post neuron")
    c_m, v_th, tau = 250 * pF, 20 * mV, dt / 2
    neuron = LIF(
        c_m=c_m,
        v_th=v_th,
        t_ref=0 * ms,
        receptors=(
            ExponentialCurrent(name="plastic", tau=1 * ms),
            ExponentialCurrent(name="forcing", tau=tau),
        ),
    )
    forcing = SpikeTrain(i=post.i, t=np.asarray(post.t / second) * second - 2 * dt)
    force = 2 * v_th * c_m / tau  # twice the charge from rest to threshold
    return Network(
        name="stdp pair",
        sources=[
            Source(name="pre", size=size, train=pre),
            Source(name="teacher", size=size, train=forcing),
        ],
        populations=[Population(name="post", size=size, neuron=neuron)],
        projections=[
            Projection(
                name="plastic",
                pre="pre",
                post="post",
                target="plastic",
                connectivity=one_to_one(size, weight=weight, delay=dt if delay is None else delay),
                plasticity=rule,
            ),
            Projection(
                name="forcing",
                pre="teacher",
                post="post",
                target="forcing",
                connectivity=one_to_one(size, weight=force, delay=dt),
            ),
        ],
    )
