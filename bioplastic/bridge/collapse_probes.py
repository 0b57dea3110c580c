"""Four questions that a collapsed network cannot answer, each a network that asks it.

leak, synchrony, order and step permutation: in each the integer counts are the same, or say the
same, and a membrane that leaks, or a synapse that minds the order of spikes, does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2 import amp, ms, mV, pA, pF, second

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
from bioplastic.description.connectivity import groups, one_to_one
from bioplastic.kernels.spikecode.codes import BinaryCount
from bioplastic.networks.stdp_pair import stdp_pair

DT = 0.1 * ms
C_M, GAP, TAU_M, TAU_SYN = 250 * pF, 20 * mV, 20 * ms, 0.5 * ms
WEIGHT_MAX = 1 * pA


def neuron(**changes: Any) -> LIF:
    """The membrane of all probes: tau_m 20 ms, threshold 20 mV over rest, no refractoriness."""
    receptors = (ExponentialCurrent(name="syn", tau=TAU_SYN),)
    given = {"tau_m": TAU_M, "c_m": C_M, "v_th": GAP, "t_ref": 0 * ms, "receptors": receptors}
    return LIF(**given | changes)


def arrival(share: float) -> Any:
    """Weight of an arrival whose whole charge is `share` of what reaches threshold, A."""
    return share * GAP * C_M / TAU_SYN


def leak(most: int, duration: Any) -> Network:
    """Neuron k gets the charge of k + 1 spikes, spread evenly over `duration`."""
    charge = np.arange(1, most + 1)
    current = charge * float(GAP * C_M / duration / amp) * amp
    cells = Population(name="cells", size=most, neuron=neuron(i_offset=current))
    return Network(name="leak", populations=[cells])


@dataclass(frozen=True, kw_only=True)
class Volleys:
    """Trials of the synchrony question: half of them drawn evenly, half in volleys.

    inputs, each   sources per trial and spikes of each       duration   of a trial, s
    share          charge of one arrival over threshold       jitter     of a volley, s (std)
    """

    trials: int = 200
    inputs: int = 100
    each: int = 4
    duration: Any = field(default_factory=lambda: 200 * ms)
    share: float = 0.02
    jitter: Any = field(default_factory=lambda: 1 * ms)


def synchrony(volleys: Volleys, rng: np.random.Generator) -> tuple[Network, np.ndarray]:
    """One neuron a trial; returns the network and which trials are in volleys, (trials,) bool."""
    v, steps = volleys, round(float(volleys.duration / DT))
    together = np.arange(v.trials) % 2 == 1
    ids, at = [], []
    for trial in range(v.trials):
        for source in range(v.inputs):
            if together[trial]:
                mid = (np.arange(v.each) + 0.5) * steps / v.each
                draw = np.rint(mid + rng.normal(0, float(v.jitter / DT), v.each))
            else:
                draw = rng.choice(steps, v.each, replace=False)
            ids.append(np.full(v.each, trial * v.inputs + source))
            at.append(np.clip(draw, 0, steps - 1))
    train = SpikeTrain(i=np.concatenate(ids), t=np.concatenate(at) * DT)
    size = v.trials * v.inputs
    synapses = groups(
        np.arange(size) // v.inputs, np.arange(v.trials), weight=arrival(v.share), delay=DT
    )
    network = Network(
        name="synchrony",
        sources=[Source(name="inputs", size=size, train=train)],
        populations=[Population(name="cells", size=v.trials, neuron=neuron())],
        projections=[
            Projection(name="drive", pre="inputs", post="cells", target="syn",
                       connectivity=synapses)
        ],
    )  # fmt: skip
    return network, together


def order(pairings: int, lag: Any, copies: int) -> Network:
    """Synapses whose pre spikes `lag` before post, then as many with post before pre.

    pairings   spike pairs per synapse, 100 ms apart     copies   synapses of each kind
    """
    gap, steps = round(float(100 * ms / DT)), round(float(lag / DT))
    start = np.arange(pairings) * gap + gap // 2
    sign = np.repeat([1, -1], copies)
    pre = np.tile(start, 2 * copies)
    post = (start[None, :] + steps * sign[:, None]).ravel()
    ids = np.repeat(np.arange(2 * copies), pairings)
    rule = PairSTDP(
        w_max=WEIGHT_MAX, tau_plus=20 * ms, tau_minus=20 * ms, a_plus=0.005, a_minus=0.00525
    )
    return stdp_pair(
        SpikeTrain(i=ids, t=(pre - 1) * DT),
        SpikeTrain(i=ids, t=post * DT),
        size=2 * copies,
        rule=rule,
        weight=0.5 * WEIGHT_MAX,
        dt=DT,
    )


def permutation(
    number: int, slots: int, step: Any, draws: int, share: float, rng: np.random.Generator
) -> tuple[Network, np.ndarray]:
    """`number` spikes in `slots` code steps, permuted `draws` times, onto one neuron a draw.

    step    length of a code step, s        share   charge of one spike over threshold
    Draw 0 is the code as it is emitted: all spikes first. Returns the network and the spikes of
    the code, (slots, draws).
    """
    code = BinaryCount().encode(np.full(draws, number), slots).spikes
    for k in range(1, draws):
        code[:, k] = rng.permutation(code[:, k])
    slot, draw = np.nonzero(code)
    at = slot * round(float(step / DT))
    network = Network(
        name="step permutation",
        sources=[
            Source(name="code", size=draws, train=SpikeTrain(i=draw, t=at * float(DT) * second))
        ],
        populations=[Population(name="cells", size=draws, neuron=neuron())],
        projections=[
            Projection(name="drive", pre="code", post="cells", target="syn",
                       connectivity=one_to_one(draws, weight=arrival(share), delay=DT))
        ],
    )  # fmt: skip
    return network, code
