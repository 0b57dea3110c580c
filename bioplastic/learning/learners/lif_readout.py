"""The LIF network with frozen recurrent weights; the readout learns by the delta rule."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bioplastic.learning.learners.lif_eprop import filtered_spikes
from bioplastic.learning.learners.lif_kernels import KAPPA
from bioplastic.learning.learners.lif_network import LIFNetwork, Tape
from bioplastic.learning.learners.lif_optimiser import Descent, Optimiser
from bioplastic.learning.learners.lif_student import LIFLearner
from bioplastic.learning.locality import Use


@dataclass(frozen=True, kw_only=True)
class LIFReadout(LIFLearner):
    """`LIFRecipe` as a reservoir: w stays as drawn, only readout and bias learn.

        Δw_jk = η (x_k − p_k) r_j,   Δb_k = η (x_k − p_k),   r ← κ r + z at each step

    With stretch = 1, `Descent` and clip = inf this is the delta rule: it uses the filtered spikes
    of the pre-synaptic neuron and the error of the post-synaptic output, nothing else.
    Source: Widrow & Hoff 1960 [widrow1960]; Maass, Natschläger & Markram 2002 [maass2002].
    """

    name: str = "lif_readout"
    rule: str = "local"
    stretch: int = 1
    clip: float = float("inf")
    learning_rate: float = 3e-3
    optimiser: Optimiser = field(default_factory=Descent)

    def plasticity(self, network: LIFNetwork, seed: int) -> Delta:
        """The delta rule."""
        return Delta(network)

    def locality(self) -> tuple[Use, ...]:
        """Spikes of one side, error of the other."""
        return (
            Use(
                quantity="spikes of the pre-synaptic neuron, filtered by κ",
                place="pre",
                latency="at each step",
                local=True,
                why="the same low-pass filter as that of the readout's membrane",
            ),
            Use(
                quantity="error x_k − p_k of the post-synaptic output",
                place="post",
                latency="when the symbol comes, one symbol after the prediction",
                local=True,
                why="the teacher x_k drives this output, and its own rate p_k is what it answers",
            ),
            Use(
                quantity="sum over outputs in p = softmax(y + b); none with Frames",
                place="population",
                latency="at the prediction",
                local=True,
                why="divisive inhibition among the outputs",
            ),
        )


class Delta:
    """Filtered spikes times error, for the readout only; the tape of one symbol is enough."""

    span = 1
    gathers = True

    def __init__(self, network: LIFNetwork) -> None:
        self.network = network
        self.plastic = [network.w_out, network.bias]
        self.spikes = np.zeros(network.made.neurons, network.dtype)
        self.trace_updates = self.macs = 0.0

    def met(self, tape: Tape, slot: int, error: np.ndarray | None) -> None:
        """Filter the spikes; with an error, add to the gradient."""
        z = tape.slot(slot)[1]
        filtered_spikes(self.spikes, z, self.network.constants[KAPPA])
        self.trace_updates += z.size
        self.macs += z.size
        if error is not None:
            self.network.w_out.gradient += np.multiply.outer(self.spikes, error)
            self.network.bias.gradient += error
            self.macs += self.spikes.size * len(error)

    def close(self, tape: Tape, errors: np.ndarray) -> None:
        """Nothing: the gradient is whole after each symbol."""

    def restart(self) -> None:
        """Set the traces to 0."""
        for trace in self.traces():
            trace[...] = 0

    def traces(self) -> list[np.ndarray]:
        """The filtered spikes."""
        return [self.spikes]
