"""The LIF network under e-prop: eligibility traces at each synapse times a learning signal."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from bioplastic.bridge.surrogate import Surrogate, Triangle
from bioplastic.errors import UsageError
from bioplastic.learning.learners.lif_bptt import moments_use, norm_use
from bioplastic.learning.learners.lif_kernels import KAPPA, eligibility, settle
from bioplastic.learning.learners.lif_network import LIFNetwork, Tape
from bioplastic.learning.learners.lif_student import LIFLearner
from bioplastic.learning.locality import Use
from bioplastic.provenance import stream as random_stream

SETTLE = 32  # symbols between two looks for traces that are all but gone


@dataclass(frozen=True, kw_only=True)
class SymmetricFeedback:
    """The learning signal of a neuron comes back through its own readout weights, B = w_out."""

    def matrix(self, network: LIFNetwork, seed: int) -> np.ndarray:
        """B (N, K): the readout weights themselves, so that it follows them."""
        return network.w_out.weights

    def uses(self) -> Use:
        """Weight transport."""
        return Use(
            quantity="readout weights of the post-synaptic neuron (symmetric feedback)",
            place="elsewhere",
            latency="at the prediction",
            local=False,
            why="weight transport: the way back would have to copy the synapses of the way there",
        )


@dataclass(frozen=True, kw_only=True)
class RandomFeedback:
    """The learning signal comes through fixed random weights (broadcast alignment).

    gain   standard deviation of B times √N
    Source: Lillicrap et al. 2016 [lillicrap2016]; Bellec et al. 2020 [bellec2020].
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        """Check the gain."""
        if not self.gain > 0:
            raise UsageError(f"RandomFeedback: gain = {self.gain} must be positive")

    def matrix(self, network: LIFNetwork, seed: int) -> np.ndarray:
        """B (N, K), drawn once."""
        rng = random_stream(seed, "lif", "feedback")
        b = rng.standard_normal(network.w_out.weights.shape)
        return (self.gain / math.sqrt(len(b)) * b).astype(network.dtype)

    def uses(self) -> Use:
        """Fixed weights of its own."""
        return Use(
            quantity="feedback weights onto the post-synaptic neuron (random, fixed)",
            place="post",
            latency="at the prediction",
            local=True,
            why="synapses of their own onto this neuron; they are never copied or learned",
        )


Feedback = SymmetricFeedback | RandomFeedback


@dataclass(frozen=True, kw_only=True)
class LIFEprop(LIFLearner):
    """`LIFRecipe` with all weights trained online by e-prop, nothing cut off in time.

        x̄_i ← α x̄_i + q_i                       e_ij = ψ_j (x̄_i − β ε_a,ij)
        ε_a,ij ← ρ ε_a,ij + e_ij                 ē_ij ← κ ē_ij + e_ij
        ∂loss/∂w_ij ≈ Σ_symbols L_j ē_ij,        L_j = Σ_k B_jk (p_k − x_k)

    x̄ depends on the pre-synaptic neuron alone, so only ē and, for adaptive neurons, ε_a are kept
    per synapse. They are written once a symbol, by the closed form of its steps. The sum equals
    the gradient of BPTT over all time in a network whose recurrent spikes are facts, if B = w_out.
    Readout weights take (p_k − x_k) times the spikes of j filtered by κ. Gradients are summed over
    `stretch` symbols; traces are never cut.

    feedback   `SymmetricFeedback` or `RandomFeedback`
    Source: Bellec et al. 2020, methods, e-prop for LIF and ALIF neurons [bellec2020].
    """

    name: str = "lif_eprop"
    rule: str = "three-factor"
    surrogate: Surrogate = field(default_factory=lambda: Triangle(height=1.0, width=2.0))
    learning_rate: float = 3.762e-3
    decay: float = 2403.0
    clip: float = 0.4935
    stretch: int = 8
    feedback: Feedback = field(default_factory=SymmetricFeedback)

    def plasticity(self, network: LIFNetwork, seed: int) -> Eligibility:
        """E-prop with this feedback."""
        return Eligibility(network, self.feedback.matrix(network, seed))

    def locality(self) -> tuple[Use, ...]:
        """What a synapse has, and a signal that is sent to all."""
        return (
            Use(
                quantity="trace x̄ of what arrived",
                place="pre",
                latency="at each step",
                local=True,
                why="a low-pass filter of the own spikes, one number per pre-synaptic neuron",
            ),
            Use(
                quantity="surrogate derivative ψ",
                place="post",
                latency="at each step",
                local=True,
                why="a function of the distance of the post-synaptic potential from threshold",
            ),
            Use(
                quantity="eligibility traces ē and, with an adaptive threshold, ε_a",
                place="synapse",
                latency="at each step",
                local=True,
                why="made of x̄, ψ and themselves",
            ),
            Use(
                quantity="error p_k − x_k of every output",
                place="broadcast",
                latency="at the prediction",
                local=False,
                why="one number for each output sent to all neurons: the third factor",
            ),
            self.feedback.uses(),
            norm_use(),
            moments_use(),
        )


@dataclass(frozen=True, kw_only=True)
class LIFEpropRandom(LIFEprop):
    """`LIFEprop` with random feedback: no weight is transported. Defaults: best of eight drawn."""

    name: str = "lif_eprop_random"
    surrogate: Surrogate = field(default_factory=Triangle)
    learning_rate: float = 1.059e-3
    decay: float = 19_860.0
    clip: float = 2.995
    feedback: Feedback = field(default_factory=RandomFeedback)


class Eligibility:
    """Traces of e-prop; the tape of one symbol is all it needs."""

    span = 1
    gathers = True

    def __init__(self, network: LIFNetwork, feedback: np.ndarray) -> None:
        self.network, self.feedback = network, feedback
        self.plastic = [network.w, network.w_out, network.bias]
        rows, n = network.w.weights.shape
        self.filtered_pre = np.zeros(rows, network.dtype)  # x̄
        self.slow = np.zeros((rows, network.adaptive), network.dtype)  # ε_a
        self.filtered = np.zeros((rows, n), network.dtype)  # ē
        self.spikes = np.zeros(n, network.dtype)  # spikes filtered by κ, for the readout
        self.trace_updates = self.macs = 0.0
        self.seen = 0

    def met(self, tape: Tape, slot: int, error: np.ndarray | None) -> None:
        """Carry the traces on; with an error, add to the gradient."""
        net = self.network
        q, z, u = tape.slot(slot)
        signal = np.zeros(0, net.dtype)
        if error is not None:
            signal = self.feedback @ error
            self.macs += self.feedback.size
        traces = (self.filtered_pre, self.slow, self.filtered)
        self.macs += eligibility(net.constants, q, net.psi(u), traces, signal, net.w.gradient)
        filtered_spikes(self.spikes, z, net.constants[KAPPA])
        self.seen += 1
        if self.seen % SETTLE == 0:
            for trace in (*traces, self.spikes):
                settle(trace.reshape(-1))
        steps = len(z)
        self.trace_updates += steps * (self.filtered_pre.size + self.spikes.size)
        self.trace_updates += self.slow.size + self.filtered.size
        self.macs += steps * self.spikes.size
        if error is not None:
            net.w_out.gradient += np.multiply.outer(self.spikes, error)
            net.bias.gradient += error
            self.macs += self.spikes.size * len(error)

    def close(self, tape: Tape, errors: np.ndarray) -> None:
        """Nothing: the gradient is whole after each symbol."""

    def restart(self) -> None:
        """Set the traces to 0."""
        for trace in (self.filtered_pre, self.slow, self.filtered, self.spikes):
            trace[...] = 0

    def traces(self) -> list[np.ndarray]:
        """All traces and, where it is not the readout itself, the feedback."""
        own = [] if self.feedback is self.network.w_out.weights else [self.feedback]
        return [self.filtered_pre, self.slow, self.filtered, self.spikes, *own]


def filtered_spikes(trace: np.ndarray, z: np.ndarray, kappa: np.floating) -> None:
    """trace ← κ trace + z for each row of z (S, N); in place."""
    for row in z:
        trace *= kappa
        trace += row
