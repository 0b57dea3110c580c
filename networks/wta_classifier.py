"""A winner-take-all layer that learns prototypes of images by STDP, one image per cycle.

Every cycle shows one image: bright pixels start to spike early and all stop together, so pixel i
has sent n_i spikes, 0 to `most`. Then a clock spike lifts all neurons over threshold at once and
inhibition lets those with the largest potential spike: the *k* best. What the winner does is all
that is learned:

* pixel → neuron, at a post spike:  Δw = eta [x (1 − w)^mu − (1 − x) w^mu],  w in units of w_max,
  x the pre trace (1 for a burst of `levels` spikes). It rests where
  w/(1 − w) = (E[x]/(1 − E[x]))^(1/mu): mu = 1 is the mean image, larger mu comes near its log odds.
* clock → neuron (homeostasis):  Δb = gamma k/N at every clock spike, −gamma at an own spike, so
  that each neuron wins k images in N; b is the potential that the clock adds.

Source: Diehl & Cook 2015 [diehl2015] for the task and the homeostasis, Nessler et al. 2013
[nessler2013] for STDP under a winner-take-all as learning of a mixture, Gütig et al. 2003
[guetig2003] for the power of the weight.
"""

if __name__ != "bioplastic.networks.wta_classifier":
    raise ImportError("import bioplastic.networks.wta_classifier")

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import amp, ms, mV, pF, second

from bioplastic.description import (
    LIF,
    Change,
    ExponentialCurrent,
    Free,
    HardWTA,
    Jump,
    Network,
    Population,
    PreTrace,
    Projection,
    Source,
    SpikeTrain,
    Term,
    TowardsHigh,
    TowardsLow,
    TraceSTDP,
)
from bioplastic.description._check import fail
from bioplastic.description.connectivity import all_to_all
from bioplastic.provenance import stream

DT = 1 * ms
C_M, TAU_M, TAU_SYN = 250 * pF, 4 * ms, 1.5 * ms
UNIT = 0.2 * mV  # potential of one pixel at full burst through w_max, when the clock arrives
V_TH = 100  # units: above what an image alone can bring
SPREAD = 150  # units: range of the clock's potential above V_TH


@dataclass(frozen=True, kw_only=True)
class Bursts:
    """Pixels as numbers of spikes: n_i = min(rint(levels · energy · p_i/‖p‖), most).

    levels   spikes of a pixel whose trace counts as 1      most   longest burst, one spike a step
    energy   ‖x‖ of every image after gain control, pixels of full brightness
    Gain control makes the images equally strong (divisive normalisation, before the synapses).
    """

    levels: int = 3
    most: int = 4
    energy: float = 9.0

    def __post_init__(self) -> None:
        if not 1 <= self.levels <= 16 or not 1 <= self.most <= 16:
            raise fail(self, "levels, most", f"{self.levels}, {self.most}", "must lie in 1..16")
        if not self.energy > 0:
            raise fail(self, "energy", self.energy, "must be > 0")

    def counts(self, images: np.ndarray) -> np.ndarray:
        """Spikes of every pixel, (n, P) uint8; images (n, P) numbers >= 0. A blank one has none."""
        p = np.asarray(images, dtype=np.float64)
        norm = np.sqrt((p * p).sum(axis=1, keepdims=True))
        scaled = self.levels * self.energy * p / np.where(norm > 0, norm, 1.0)
        return np.minimum(np.rint(scaled), self.most).astype(np.uint8)

    def spikes(self, counts: np.ndarray, first: int, period: int) -> tuple[np.ndarray, np.ndarray]:
        """Steps and pixels of the bursts, (E,) int64 by (step, pixel); period >= most.

        A burst of n spikes fills the last n of the first `most` steps: latency most − n. Image k
        begins at step first + k·period.
        """
        enough = self.most - np.arange(self.most)
        image, lag, pixel = np.nonzero(counts[:, None, :] >= enough[None, :, None])
        return first + image * period + lag, pixel


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What stays the same while the network learns.

    inputs, neurons   P pixels and N excitatory neurons
    bursts            code of the pixels
    mu                power of the weight in the rule, 1 or more
    winners           k of the inhibition
    period            cycle per image, steps of 1 ms
    """

    inputs: int = 784
    neurons: int = 400
    bursts: Bursts = Bursts()
    mu: float = 2.0
    winners: int = 1
    period: int = 28

    def __post_init__(self) -> None:
        if self.inputs < 1 or not 2 <= self.neurons <= 4096:
            raise fail(self, "inputs, neurons", f"{self.inputs}, {self.neurons}", "out of range")
        if not 1 <= self.winners <= self.neurons:
            raise fail(self, "winners", self.winners, f"must lie in 1..{self.neurons}")
        if self.period < self.bursts.most + 4:
            raise fail(self, "period", self.period, f"must be >= {self.bursts.most + 4} steps")

    @property
    def clock(self) -> int:
        """Step of the clock spike in a cycle; it is felt two steps later."""
        return self.bursts.most


def response(lag: np.ndarray | float) -> np.ndarray:
    """R·I potential at `lag` steps after an arrival of current 1 A, in volts: exact for a LIF."""
    t, m, s = np.asarray(lag) * float(DT), float(TAU_M), float(TAU_SYN)
    return float(TAU_M / C_M) * s / (m - s) * (np.exp(-t / m) - np.exp(-t / s))


def _lags(bursts: Bursts) -> np.ndarray:
    return 2.0 + np.arange(bursts.levels)


def weight_unit(bursts: Bursts) -> Any:
    """w_max in A: a burst of `levels` spikes through it brings UNIT when the clock is felt."""
    return float(UNIT) / float(response(_lags(bursts)).sum()) * amp


def clock_unit() -> Any:
    """Current in A whose arrival one step before brings UNIT."""
    return float(UNIT) / float(response(1.0)) * amp


def pixel_rule(parameters: Parameters, eta: float) -> TraceSTDP:
    """Δw = eta [x (1 − w)^mu − (1 − x) w^mu] at a post spike, in units of w_max."""
    top, mu = float(weight_unit(parameters.bursts)), parameters.mu
    decays = np.exp(-_lags(parameters.bursts) * float(DT / TAU_M))
    size = eta * top ** (1 - mu)
    terms = (
        Term(coefficient=size, traces=("x",), dependence=TowardsHigh(mu=mu)),
        Term(coefficient=-size, dependence=TowardsLow(mu=mu)),
        Term(coefficient=size, traces=("x",), dependence=TowardsLow(mu=mu)),
    )
    return TraceSTDP(
        traces=(PreTrace(name="x", tau=TAU_M),),
        on_pre=(Jump(trace="x", amount=float(1 / decays.sum())),),
        on_post=(Change(terms=terms),),
        low=0.0,
        high=top,
    )


def clock_rule(parameters: Parameters, gamma: float) -> TraceSTDP:
    """Δb = gamma k/N at a clock spike, −gamma at an own spike; gamma in units of potential."""
    unit = float(clock_unit())
    share = gamma * parameters.winners / parameters.neurons
    return TraceSTDP(
        traces=(),
        on_pre=(Change(terms=(Term(coefficient=unit * share, dependence=Free()),)),),
        on_post=(Change(terms=(Term(coefficient=-unit * gamma, dependence=Free()),)),),
        low=unit * V_TH,
        high=unit * (V_TH + SPREAD),
    )


def start_weights(parameters: Parameters, seed: int) -> np.ndarray:
    """Initial weights (P, N) in units of w_max, uniform in 0.3 … 0.5."""
    rng = stream(seed, "wta_classifier", "weights")
    return rng.uniform(0.3, 0.5, (parameters.inputs, parameters.neurons))


def wta_classifier(
    counts: np.ndarray,
    *,
    parameters: Parameters,
    weights: np.ndarray,
    eta: float,
    gamma: float,
) -> Network:
    """The network, shown the images whose burst lengths are `counts`, one a cycle.

    counts (n, P)    from `Bursts.counts`; n = 0 describes a network that is given spikes later
    weights (P, N)   initial weights in units of w_max
    eta, gamma       steps of STDP (1 = all the way) and of homeostasis (units of potential)
    """
    bursts, period = parameters.bursts, parameters.period
    if weights.shape != (parameters.inputs, parameters.neurons):
        raise fail("wta_classifier", "weights", weights.shape, "must be (inputs, neurons)")
    steps, pixels = bursts.spikes(counts, 0, period)
    ticks = np.arange(len(counts)) * period + parameters.clock
    neuron = LIF(
        tau_m=TAU_M,
        c_m=C_M,
        v_th=V_TH * UNIT,
        t_ref=(period - bursts.most - 4) * DT,  # one spike an image
        receptors=(ExponentialCurrent(name="drive", tau=TAU_SYN),),
    )
    middle = (V_TH + SPREAD / 2) * clock_unit()
    return Network(
        name="winner-take-all classifier",
        sources=[
            Source(
                name="pixels",
                size=parameters.inputs,
                train=SpikeTrain(i=pixels, t=steps * float(DT) * second),
            ),
            Source(
                name="clock",
                size=1,
                train=SpikeTrain(i=np.zeros(len(ticks), np.int64), t=ticks * float(DT) * second),
            ),
        ],
        populations=[
            Population(
                name="prototypes",
                size=parameters.neurons,
                neuron=neuron,
                inhibition=HardWTA(k=parameters.winners, period=period * DT),
            )
        ],
        projections=[
            Projection(
                name="image",
                pre="pixels",
                post="prototypes",
                target="drive",
                connectivity=all_to_all(
                    parameters.inputs,
                    parameters.neurons,
                    weight=weights.ravel() * weight_unit(bursts),
                    delay=DT,
                ),
                plasticity=pixel_rule(parameters, eta),
            ),
            Projection(
                name="bias",
                pre="clock",
                post="prototypes",
                target="drive",
                connectivity=all_to_all(1, parameters.neurons, weight=middle, delay=DT),
                plasticity=clock_rule(parameters, gamma),
            ),
        ],
    )
