"""The dendritic-attention network as a learner: spikes, int8 weights, theta-phase STDP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bioplastic import provenance
from bioplastic.errors import UsageError
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.learners.attention_locality import THETA_STDP
from bioplastic.learning.learners.attention_student import AttentionStudent, Offsets, on_time
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Space, Symbols

if TYPE_CHECKING:
    from bioplastic.description import Network
    from bioplastic.networks.dendritic_attention import Parameters
    from bioplastic.quantize.circuit import IntegerCircuit

ROOM = 2048
"""Keys for which a pool has room at the start."""


@dataclass(frozen=True, kw_only=True)
class Attention(Learner):
    """Dendritic attention in integers: what `bioplastic run sequence-prediction` runs.

    u_v = Σ_branches gain·w + E[f],  p = softmax(u);  Δw = ±eta(n) by theta phase. See
    `bioplastic.networks.dendritic_attention` for the circuit; its defaults are used here.

    order      longest context, symbols           skips     branches that see older order-3 keys
    word       a word context where the space has a delimiter; it restarts at `space.word_ends`
    winners    gamma cycles (races) per theta cycle
    revisit    spikes of a parent before it may recruit
    pool       largest number of keys in a pool   dt        grid, ms
    backend    "cpu", "reference" or "gpu", equal in every bit
    The random streams are those of `sequence-prediction` with the same seed, so `run` gives the
    same bits. To learn another circuit, override `describe`.
    Raises Unsuited for frames and series.
    """

    name: str = "attention"
    rule: str = "local"
    order: int = 7
    skips: int = 0
    word: bool = True
    winners: int = 4
    revisit: int = 0
    pool: int = 1_000_000
    dt: float = 0.5
    backend: str = "cpu"

    def __post_init__(self) -> None:
        """Check what no description checks."""
        super().__post_init__()
        if not 2 <= self.pool <= 1 << 24:
            raise UsageError(f"{self.name}: pool = {self.pool} is out of range 2 to {1 << 24}")

    def parameters(self, space: Symbols) -> Parameters:
        """Parameters of the network on a space."""
        from bioplastic.description import Rhythm
        from bioplastic.networks.dendritic_attention import Parameters

        base = Parameters()
        return replace(
            base,
            order=self.order,
            skips=self.skips,
            delimiter=(space.word_ends or None) if self.word else None,
            pool=min(self.pool, ROOM),
            rhythm=Rhythm(gamma=self.winners),
            stdp=replace(base.stdp, winners=self.winners),
            recruitment=replace(base.recruitment, min_activations=self.revisit),
        )

    def describe(self, space: Symbols) -> Network:
        """The network, with a source that says nothing; the student shows the symbols."""
        # a named circuit is used here as the command line uses it: nothing in networks/ uses this
        from bioplastic.description import SymbolSchedule
        from bioplastic.networks.dendritic_attention import dendritic_attention

        schedule = SymbolSchedule(symbols=np.zeros(1, np.int64), size=space.size)
        return dendritic_attention(schedule, self.parameters(space), labels=space.labels or None)

    def lowered(self, space: Symbols, *, seed: int) -> IntegerCircuit:
        """The circuit in integers."""
        from brian2 import ms

        from bioplastic.quantize.circuit import lower_circuit

        key = int(provenance.seed_tree(seed).child("circuit").key()) & 0xFFFFFFFF
        return lower_circuit(self.describe(space), dt=self.dt * ms, seed=key)

    def offsets(self, circuit: IntegerCircuit, *, seed: int) -> Offsets:
        """When inside its cycle a symbol spikes: at its start."""
        return on_time

    @property
    def student(self) -> Callable[..., AttentionStudent]:
        """The class of the student."""
        return AttentionStudent

    def begin(self, space: Space, *, seed: int) -> AttentionStudent:
        """Lower the network and start at rest."""
        if not isinstance(space, Symbols):
            raise Unsuited(f"{self.name} takes symbols, not {type(space).__name__}")
        circuit = self.lowered(space, seed=seed)
        return self.student(
            circuit,
            space,
            limit=self.pool,
            backend=self.backend,
            offsets=self.offsets(circuit, seed=seed),
        )

    def locality(self) -> tuple[Use, ...]:
        """The audit of theta-phase STDP, gains, fast states and recruitment."""
        return THETA_STDP


@dataclass(frozen=True, kw_only=True)
class LongAttention(Attention):
    """`Attention` with contexts of up to ten symbols: better on text, for more memory and work."""

    name: str = "attention_order10"
    order: int = 10
