"""`Attention` with one thing off each: real networks through the same kernel, nothing else changed.

What "off" means is written at each class. Prediction is softmax(u) in all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bioplastic import provenance
from bioplastic.errors import UsageError
from bioplastic.kernels.circuit.cpu_parts import Outputs, split
from bioplastic.learning.learners.attention import Attention
from bioplastic.learning.learners.attention_student import AnyTime, AttentionStudent, Offsets
from bioplastic.learning.learners.attention_uninhibited import losers_spike
from bioplastic.learning.space import Symbols
from bioplastic.quantize.circuit_frozen import frozen
from bioplastic.quantize.circuit_program import fresh_trace

if TYPE_CHECKING:
    from bioplastic.description import Network
    from bioplastic.networks.dendritic_attention import Parameters
    from bioplastic.quantize.circuit import IntegerCircuit


@dataclass(frozen=True, kw_only=True)
class NoPlasticity(Attention):
    """Keys are recruited, values never change: weights, fast states, worths and gains stand still.

    All value synapses start silent, so this predicts 1/V for good; it shows that nothing leaks.
    """

    name: str = "attention_no_plasticity"
    rule: str = "none"

    def lowered(self, space: Symbols, *, seed: int) -> IntegerCircuit:
        """The circuit with every step of value plasticity zero."""
        circuit = super().lowered(space, seed=seed)
        still = frozen(circuit, circuit.state).program
        return replace(circuit, program=still._replace(drive_young=circuit.program.drive_young))


@dataclass(frozen=True, kw_only=True)
class NoRecruitment(Attention):
    """Values learn, no key is ever grown: what is left are the roots of order 0 and of the word."""

    name: str = "attention_no_recruitment"

    def lowered(self, space: Symbols, *, seed: int) -> IntegerCircuit:
        """The circuit whose young neurons get no drive."""
        circuit = super().lowered(space, seed=seed)
        silent = np.zeros_like(circuit.program.drive_young)
        return replace(circuit, program=circuit.program._replace(drive_young=silent))


@dataclass(frozen=True, kw_only=True)
class NoMetaplasticity(Attention):
    """eta(n) = eta for every n: a synapse's first change is as large as its thousandth.

    eta   step, nats; the default is the best of 1/32, 1/16, 1/8, 1/4, 1/2 on the first 10 000
          symbols of kjv
    """

    name: str = "attention_no_metaplasticity"
    eta: float = 1 / 16

    def parameters(self, space: Symbols) -> Parameters:
        """Parameters with a constant step."""
        p = super().parameters(space)
        return replace(p, stdp=replace(p.stdp, eta_0=self.eta, eta_min=self.eta, power=0.0))


@dataclass(frozen=True, kw_only=True)
class NoFastState(Attention):
    """Synapses have their int8 weight alone: none is silent, none remembers who came last."""

    name: str = "attention_no_fast_state"

    def parameters(self, space: Symbols) -> Parameters:
        """Parameters without fast states."""
        p = super().parameters(space)
        return replace(p, stdp=replace(p.stdp, fast=None))


@dataclass(frozen=True, kw_only=True)
class NoDendrite(Attention):
    """No coincidence on a branch: a key stands for one symbol, `order` delays of it are summed.

    u_v = Σ_{k < order} g_k w_k[x_{t−k}, v] + E_k[f]: branches that hear the same single-symbol keys
    through axons of 0, 1, 2, … whole cycles. What a pair of symbols means cannot be stored.
    """

    name: str = "attention_no_dendrite"

    def describe(self, space: Symbols) -> Network:
        """Pools of orders 0 and 1, and `order` branches on the second."""
        from bioplastic.description import DendriticTree, GradedBranch

        if self.order < 1:
            raise UsageError(f"{self.name}: order = {self.order}: at least one symbol is summed")
        short = replace(self, order=1, skips=0, word=False)
        network = Attention.describe(short, space)
        p = short.parameters(space)
        value, outputs = network.projection("value order1"), network["outputs"]
        later = range(1, self.order)
        branches = tuple(GradedBranch(name=f"delay{n}", duration=p.hold) for n in later)
        tree = DendriticTree(branches=(*outputs.dendrites.branches, *branches))  # type: ignore[union-attr]
        delayed = [
            replace(
                value,
                name=f"value delay{n}",
                target=f"delay{n}",
                connectivity=replace(
                    value.connectivity,
                    delay=value.connectivity.delay + n * p.rhythm.period,
                ),
            )
            for n in later
        ]
        return replace(
            network,
            name=f"linear sum of {self.order} delayed symbols",
            populations=tuple(
                replace(q, dendrites=tree) if q is outputs else q for q in network.populations
            ),
            projections=(*network.projections, *delayed),
        )


@dataclass(frozen=True, kw_only=True)
class NoTiming(Attention):
    """Every symbol spikes once in its cycle as always, at a phase drawn evenly over the cycle.

    Rates and the order of symbols are as they were; gates have mostly closed when the drive comes,
    and the teacher falls into either phase of the rhythm.
    """

    name: str = "attention_no_timing"

    def offsets(self, circuit: IntegerCircuit, *, seed: int) -> Offsets:
        """A drawn step for each cycle."""
        key = int(provenance.seed_tree(seed).child("phases").key()) & 0xFFFFFFFF
        return AnyTime(circuit.program.period, key)


@dataclass(frozen=True, kw_only=True)
class NoInhibition(Attention):
    """No winner-take-all between outputs: in every gamma cycle each spikes where it crosses.

    The ramp lifts nearly all of them over threshold, so nearly all of them are depressed in every
    gamma cycle, whatever the network expects. The kernel runs the cycle with its one winner; the
    spikes of the others change weights, gains and worths by the kernel's own rule, with their own
    dithers, before the next cycle. Values are latched in between, so they meet the same plateaus as
    in the cycle itself; only where a bound is hit could the order of writes matter. The shunt
    inside pools stays: it decides who is a key, not what is learned.
    Runs on the "cpu" backend.
    """

    name: str = "attention_no_inhibition"

    def __post_init__(self) -> None:
        """Refuse other backends."""
        super().__post_init__()
        if self.backend != "cpu":
            raise UsageError(f"{self.name}: backend = {self.backend!r}: runs on 'cpu' only")

    @property
    def student(self) -> Callable[..., AttentionStudent]:
        """The class of the student."""
        return UninhibitedStudent


class UninhibitedStudent(AttentionStudent):
    """A circuit whose losers spike too."""

    stride = 1
    _parts: tuple[Any, Outputs] | None = None

    def after(self, x: np.ndarray, cycles: np.ndarray, trace: Any, *, learning: bool) -> None:
        """The losers of this cycle spike."""
        if not learning:
            return
        if self._parts is None or self._parts[0] is not self.state:
            outputs = split(self.program, self.state, fresh_trace(self.program, 1))[1]
            self._parts = self.state, outputs
        start = int(cycles[0]) * self.program.period
        losers_spike(
            self._parts[1], start, self.program.gamma, trace.potential[0].astype(np.int64),
            trace.winners[0], self.meter.counts,
        )  # fmt: skip


ABLATIONS: tuple[Attention, ...] = (
    NoPlasticity(),
    NoRecruitment(),
    NoInhibition(),
    NoDendrite(),
    NoMetaplasticity(),
    NoFastState(),
    NoTiming(),
)
