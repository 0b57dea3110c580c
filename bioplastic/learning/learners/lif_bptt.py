"""The LIF network under surrogate-gradient backpropagation through time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.learning.learners.lif_kernels import backward
from bioplastic.learning.learners.lif_network import LIFNetwork, Tape
from bioplastic.learning.learners.lif_student import LIFLearner
from bioplastic.learning.locality import Use


@dataclass(frozen=True, kw_only=True)
class LIFBackprop(LIFLearner):
    """`LIFRecipe` with all weights trained by truncated BPTT over each stretch.

    The gradient is that of the nats of the stretch through the steps of the stretch, with the
    surrogate for ∂z/∂v, written out as an adjoint; state crosses the border of a stretch, the
    gradient does not. The reset passes none (`bridge.surrogate.DetachedReset`).
    Source: Neftci, Mostafa & Zenke 2019 [neftci2019]; Bellec et al. 2018 [bellec2018].
    """

    name: str = "lif_bptt"
    rule: str = "backprop"

    def plasticity(self, network: LIFNetwork, seed: int) -> Backward:
        """BPTT over a stretch."""
        return Backward(network, self.stretch)

    def locality(self) -> tuple[Use, ...]:
        """The future of the post-synaptic neuron and of all others, and their weights."""
        late = f"up to {self.stretch} symbols = {self.stretch * self.steps} steps later"
        return (
            Use(
                quantity="spike that arrived",
                place="pre",
                latency=late,
                local=False,
                why="the spike is local; that it is kept until the backward pass is a tape",
            ),
            Use(
                quantity="surrogate derivative ψ of the post-synaptic neuron",
                place="post",
                latency=late,
                local=False,
                why="a function of the own potential, but needed again in reverse order",
            ),
            Use(
                quantity="∂loss/∂v of the post-synaptic neuron at later steps",
                place="elsewhere",
                latency=late,
                local=False,
                why="it is made of the future; nothing carries that back to the time of the spike",
            ),
            Use(
                quantity="∂loss/∂v of all neurons that it projects to",
                place="elsewhere",
                latency=late,
                local=False,
                why="errors of other neurons would need a network that runs backwards",
            ),
            Use(
                quantity="weights from the post-synaptic neuron to others, and to the readout",
                place="elsewhere",
                latency=late,
                local=False,
                why="weight transport: a neuron cannot see the synapses that it makes on others",
            ),
            norm_use(),
            moments_use(),
        )


def norm_use() -> Use:
    """The clip of the gradient."""
    return Use(
        quantity="norm of the gradient of all weights (clip)",
        place="elsewhere",
        latency="end of the stretch",
        local=False,
        why="one number made of every synapse",
    )


def moments_use() -> Use:
    """The moments of Adam."""
    return Use(
        quantity="moments m, v of Adam and the number of the step",
        place="synapse",
        latency="end of the stretch",
        local=True,
        why="two numbers beside each weight; the step number is a clock",
    )


class Backward:
    """BPTT of a stretch: nothing happens at a symbol, everything at the end."""

    gathers = False

    def __init__(self, network: LIFNetwork, stretch: int) -> None:
        self.network, self.span = network, stretch
        self.plastic = [network.w, network.w_out, network.bias]
        self.trace_updates = self.macs = 0.0

    def met(self, tape: Tape, slot: int, error: np.ndarray | None) -> None:
        """Nothing: the tape is read when the stretch is over."""

    def close(self, tape: Tape, errors: np.ndarray) -> None:
        """Add the gradient of the stretch."""
        net, rows = self.network, len(errors) * tape.steps
        gradients = (net.w.gradient, net.w_out.gradient, net.bias.gradient)
        self.macs += backward(
            net.w.weights,
            net.w_out.weights,
            net.constants,
            (tape.q[:rows], tape.z[:rows]),
            net.psi(tape.u[:rows]),
            errors,
            net.adaptive,
            gradients,
        )

    def restart(self) -> None:
        """There are no traces."""

    def traces(self) -> list[np.ndarray]:
        """None: the tape is counted by the student."""
        return []
