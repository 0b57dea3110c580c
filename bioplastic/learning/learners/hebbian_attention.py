"""k-WTA Hebbian attention as a learner: binary synapses that bind in one shot, in spikes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bioplastic import provenance
from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.learners.attention_cost import Meter
from bioplastic.learning.learners.attention_student import AttentionStudent
from bioplastic.learning.learners.hebbian_attention_locality import (
    COMPETITION,
    ONE_SHOT,
    RECRUITED,
)
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Space, Symbols

if TYPE_CHECKING:
    from bioplastic.networks.hebbian_attention import Code
    from bioplastic.quantize.circuit import IntegerCircuit

GAMMA = 8
"""Races per theta cycle; their winners are the answer in spikes."""
WORKING_BYTES = 12
"""Potential, current and refractory steps of one key neuron, int32 each."""


class HebbianStudent(AttentionStudent):
    """A circuit that binds; beside potentials it keeps what its outputs said in spikes.

    said   winners (L, gamma) of the races of the last call of `run`, `predictions`, `learn` or
           `observe`, −1 where nobody crossed
    """

    def __init__(self, circuit: IntegerCircuit, space: Symbols, **settings: Any) -> None:
        super().__init__(circuit, space, **settings)
        self._pieces: list[np.ndarray] = []

    @property
    def said(self) -> np.ndarray:
        """Winners (L, gamma) of the races."""
        none = np.zeros((0, self.program.gamma), np.int32)
        return np.concatenate([none, *self._pieces])

    def _cycles(self, x: np.ndarray, *, learning: bool) -> np.ndarray:
        self._pieces = []
        return super()._cycles(x, learning=learning)

    def after(self, x: np.ndarray, cycles: np.ndarray, trace: Any, *, learning: bool) -> None:
        """Keep the winners."""
        self._pieces.append(trace.winners.copy())

    def cost(self) -> Cost:
        """As `attention_cost.cost_of`, but no slow weight is ever multiplied: accumulates only."""
        return replace(super().cost(), effective_macs=0.0)

    def spoken(self) -> np.ndarray:
        """(L,) the output that won most races of each cycle; −1 for a tie, or for silence."""
        won = self.said
        counts = np.stack([(won == won[:, [g]]).sum(axis=1) for g in range(won.shape[1])], axis=1)
        counts[won < 0] = 0
        most = (counts == counts.max(axis=1, keepdims=True)) & (won >= 0)
        low = np.where(most, won, self.program.symbols).min(axis=1)
        return np.where(low == np.where(most, won, -1).max(axis=1), low, -1)


@dataclass(frozen=True, kw_only=True)
class _Hebbian(Learner):
    rule: str = "local"
    efficacy: float = 8.0
    addressed: int | None = None
    dt: float = 0.5
    backend: str = "cpu"

    def code(self, space: Symbols, seed: int) -> Code:
        """How a symbol becomes keys."""
        raise NotImplementedError

    def synapse_bits(self, space: Symbols) -> int:
        """Bits of everything that learning changes, at full capacity."""
        raise NotImplementedError

    def key_neurons(self, space: Symbols) -> int:
        """Key neurons at full capacity."""
        raise NotImplementedError

    def branches(self) -> int:
        """Branches that can hold a plateau at a time."""
        raise NotImplementedError

    def state_bytes(self, space: Space) -> int:
        """Bytes of the integer state at full capacity, whatever has been learned so far.

        Learned bits, packed; 12 B of v, I and refractory steps for each key neuron; and V bits for
        each plateau that can last at a time. Left out: arrival counts, gains and slow weights,
        which the kernel holds and this rule never reads or moves.
        """
        if not isinstance(space, Symbols):
            raise Unsuited(f"{self.name}: predicts symbols, not {type(space).__name__}")
        bits = self.synapse_bits(space) + self.branches() * space.size
        return -(-bits // 8) + WORKING_BYTES * self.key_neurons(space)

    def lowered(self, space: Symbols, *, seed: int) -> IntegerCircuit:
        """The circuit in integers."""
        # a named circuit is used here as the command line uses it: nothing in networks/ uses this
        from brian2 import ms

        from bioplastic.description import Rhythm, SymbolSchedule
        from bioplastic.networks.hebbian_attention import Parameters, hebbian_attention
        from bioplastic.quantize.circuit import lower_circuit

        parameters = Parameters(
            code=self.code(space, seed),
            efficacy=self.efficacy,
            addressed=self.addressed,
            rhythm=Rhythm(gamma=GAMMA),
        )
        schedule = SymbolSchedule(symbols=np.zeros(1, np.int64), size=space.size)
        network = hebbian_attention(schedule, parameters, labels=space.labels or None)
        key = int(provenance.seed_tree(seed).child("circuit").key()) & 0xFFFFFFFF
        return lower_circuit(network, dt=self.dt * ms, seed=key)

    def begin(self, space: Space, *, seed: int) -> HebbianStudent:
        """A net that has bound nothing yet."""
        if not isinstance(space, Symbols):
            raise Unsuited(f"{self.name}: predicts symbols, not {type(space).__name__}")
        circuit = self.lowered(space, seed=seed)
        return HebbianStudent(circuit, space, limit=self.key_neurons(space), backend=self.backend)


@dataclass(frozen=True, kw_only=True)
class HebbianAttention(_Hebbian):
    """Each symbol drives k of n key neurons drawn once; binary synapses n × V, set in one shot.

    w_iv ← 1 when output v is taught while the plateau of key i lasts;  u_v = E Σ_{i ∈ key} w_iv,
    p = softmax(u). Nothing is undone, so that bindings pile up: for episodes, not for streams.

    units, active   n and k              efficacy   E, nats, at most 8
    addressed       symbols 0..addressed − 1 have keys; None: all, nothing is known beforehand
    dt              grid, ms             backend    "cpu", "reference" or "gpu", equal in every bit
    Raises Unsuited for frames and series.
    Source: Willshaw et al. 1969 [willshaw1969].
    """

    name: str = "hebbian_attention"
    units: int = 176
    active: int = 10

    def code(self, space: Symbols, seed: int) -> Code:
        """The code of this seed."""
        from bioplastic.networks.hebbian_attention import KOfN

        return KOfN(units=self.units, active=self.active, seed=seed)

    def synapse_bits(self, space: Symbols) -> int:
        """One bit a synapse."""
        return self.units * space.size

    def key_neurons(self, space: Symbols) -> int:
        """The units."""
        return self.units

    def branches(self) -> int:
        """One for each unit of the symbol."""
        return self.active

    def locality(self) -> tuple[Use, ...]:
        """What an update uses."""
        return ONE_SHOT


@dataclass(frozen=True, kw_only=True)
class RecruitedAttention(_Hebbian):
    """Each symbol has one key neuron, recruited at its first spike; the last successor wins.

    w_iv ← 1 for the output that is taught, w_iu ← 0 for all others; a table of last successors in
    spikes. Bindings can be renewed at any time, so it needs no reset.

    pool   largest number of keys; None: one for each symbol that can have one
    The rest as in `HebbianAttention`.
    """

    name: str = "hebbian_attention_recruited"
    pool: int | None = None

    def __post_init__(self) -> None:
        """Check the size."""
        super().__post_init__()
        if self.pool is not None and self.pool < 2:
            raise UsageError(f"{self.name}: pool = {self.pool} keys starts at 2")

    def code(self, space: Symbols, seed: int) -> Code:
        """Room for all keys."""
        from bioplastic.networks.hebbian_attention import Recruited

        return Recruited(pool=self.key_neurons(space))

    def key_neurons(self, space: Symbols) -> int:
        """One for each symbol that has a key."""
        return self.pool or self.addressed or space.size

    def synapse_bits(self, space: Symbols) -> int:
        """For each key one bit per output, and which symbol drives it."""
        return self.key_neurons(space) * (space.size + int(space.size - 1).bit_length())

    def branches(self) -> int:
        """One key at a time."""
        return 1

    def begin(self, space: Space, *, seed: int) -> HebbianStudent:
        """A net that has bound nothing yet, one theta cycle after its start.

        Keys are grown in gates that the clock neuron opened a cycle before. So symbol 0 is shown
        once: the clock spikes, no gate is open, no plateau lasts, and nothing is learned of it. It
        is not counted as a prediction, nor in the cost.
        """
        student = super().begin(space, seed=seed)
        student.learn(0)
        student.meter = Meter()
        return student

    def locality(self) -> tuple[Use, ...]:
        """What an update uses."""
        return ONE_SHOT + COMPETITION + RECRUITED
