"""The polyphony network as a student: what the two chorale learners share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic import provenance
from bioplastic.errors import UsageError
from bioplastic.learning.learner import Learner
from bioplastic.learning.learners.attention_locality import THETA_STDP
from bioplastic.learning.learners.attention_student import AttentionStudent
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Symbols

ROOM = 2048
"""Keys for which a pool has room at the start."""
Places = tuple[tuple[tuple[int, ...], int | None], ...]
"""Contexts as plain numbers: (lags, anchor or None) each."""


@dataclass(frozen=True, kw_only=True)
class Chorale(Learner):
    """Base of learners that run the circuit of `networks/polyphony.py` on spelt frames.

    pool       largest number of keys in a pool
    winners    gamma cycles (races) per theta cycle
    bins, gain_rate, gain   bins of the branch gains, their rate per nat, what they start from
    dt         grid, ms
    backend    "cpu", "reference" or "gpu", equal in every bit
    """

    rule: str = "local"
    pool: int = 50_000
    winners: int = 4
    bins: int = 8
    gain_rate: float = 1 / 256
    gain: float = 0.4
    dt: float = 0.5
    backend: str = "cpu"

    def __post_init__(self) -> None:
        """Check what no description checks."""
        super().__post_init__()
        if not 2 <= self.pool <= 1 << 24:
            raise UsageError(f"{self.name}: pool = {self.pool} is out of range 2 to {1 << 24}")

    def student(
        self, space: Symbols, contexts: Places, *, always: bool, seed: int
    ) -> AttentionStudent:
        """The circuit with these contexts, at rest; its delimiter is that of the space."""
        from brian2 import ms

        # a named circuit is used here as the command line uses it: nothing in networks/ uses this
        from bioplastic.description import BranchGain, FastState, Rhythm, SymbolSchedule, ThetaSTDP
        from bioplastic.networks.polyphony import Context, Parameters, polyphony
        from bioplastic.quantize.circuit import lower_circuit

        parameters = Parameters(
            contexts=tuple(Context(lags=lags, anchor=anchor) for lags, anchor in contexts),
            delimiter=space.delimiter,
            always=always,
            pool=min(self.pool, ROOM),
            rhythm=Rhythm(gamma=self.winners),
            stdp=ThetaSTDP(fast=FastState(), winners=self.winners),
            gain=BranchGain(rate=self.gain_rate, bins=self.bins, initial=self.gain),
        )
        # the source says nothing; the student shows the symbols
        silent = SymbolSchedule(symbols=np.zeros(1, np.int64), size=space.size)
        network = polyphony(silent, parameters, labels=space.labels or None)
        key = int(provenance.seed_tree(seed).child("circuit").key()) & 0xFFFFFFFF
        circuit = lower_circuit(network, dt=self.dt * ms, seed=key)
        return AttentionStudent(circuit, space, limit=self.pool, backend=self.backend)

    def locality(self) -> tuple[Use, ...]:
        """The audit of theta-phase STDP, gains, fast states and recruitment."""
        return THETA_STDP
