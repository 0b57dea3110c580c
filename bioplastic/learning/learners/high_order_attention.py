"""Tapped dendritic attention behind a front of familiarity: few-spike contexts in many copies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learners.attention import Attention
from bioplastic.learning.learners.high_order_novelty import (
    FAMILIARITY,
    Familiarity,
    FamiliarStudent,
    Front,
)
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Space, Symbols

if TYPE_CHECKING:
    from bioplastic.description import Network

ROOM = 64


@dataclass(frozen=True, kw_only=True)
class HighOrderAttention(Attention):
    """Keys are coincidences of symbols some lags ago; values and learning are `Attention`'s.

    taps          contexts as (lags, copies); see `networks.tapped_attention`
    familiarity   which symbols get an input of their own
    initial       worth of a fast state at the start, nats: ever followed, followed last
    eta_0, eta_min, gain_rate, fast_rate   of theta-phase STDP, gains and worths
    The defaults were chosen for the high-order task (docs/figures/search-high-order.jsonl); a
    quarter of the copies learn the same; the others are for neurons that die.
    `order`, `skips`, `word` and `revisit` of `Attention` are not used.
    """

    name: str = "high_order_attention"
    winners: int = 4
    taps: tuple[tuple[tuple[int, ...], int], ...] = (
        ((0, 4, 5), 8),
        ((0, 5, 6), 96),
        ((0, 1, 5, 6), 32),
    )
    familiarity: Familiarity = field(default_factory=Familiarity)
    initial: tuple[float, ...] = (1.7, 2.0)
    eta_0: float = 0.125
    eta_min: float = 1 / 64
    gain_rate: float = 0.0
    fast_rate: float = 0.0

    def describe(self, space: Symbols) -> Network:
        """The network over the channels of the front."""
        from bioplastic.description import BranchGain, FastState, Rhythm, SymbolSchedule, ThetaSTDP
        from bioplastic.networks.tapped_attention import Context, Parameters, tapped_attention

        schedule = SymbolSchedule(symbols=np.zeros(1, np.int64), size=space.size)
        fast = FastState(initial=self.initial, rate=self.fast_rate)
        base = Parameters()
        parameters = replace(
            base,
            contexts=tuple(
                Context(lags=lags, copies=copies, pool=min(self.pool, ROOM))
                for lags, copies in self.taps
            ),
            rhythm=Rhythm(gamma=self.winners),
            stdp=ThetaSTDP(eta_0=self.eta_0, eta_min=self.eta_min, winners=self.winners, fast=fast),
            gain=BranchGain(rate=self.gain_rate),
        )
        return tapped_attention(schedule, parameters)

    def begin(self, space: Space, *, seed: int) -> Any:
        """Lower the network over the channels and put the front before it."""
        if not isinstance(space, Symbols):
            raise Unsuited(f"{self.name} takes symbols, not {type(space).__name__}")
        inner = super().begin(Symbols(size=self.familiarity.channels), seed=seed)
        return FamiliarStudent(inner, Front(self.familiarity, space.size), space)

    def locality(self) -> tuple[Use, ...]:
        """The audit of `Attention`, and the front's."""
        return (*super().locality(), *FAMILIARITY)
