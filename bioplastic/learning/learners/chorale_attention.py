"""Chords note by note, in spikes: dendritic attention whose keys hear chosen lags."""

from __future__ import annotations

from dataclasses import dataclass

from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learners.attention_student import AttentionStudent
from bioplastic.learning.learners.chorale_network import Chorale
from bioplastic.learning.space import Space, Symbols

RUNS = tuple(tuple(range(n)) for n in (1, 2, 3, 4, 6, 9))
"""The last 1, 2, … symbols: this chord so far and what lies before it."""
VOICES = (
    (4,), (0, 4), (0, 4, 5), (3, 4), (0, 3, 4), (2, 3, 4), (0, 3, 4, 8, 9),
    (4, 9), (0, 4, 9), (4, 9, 14, 19), (4, 9, 14, 19, 24, 29, 34, 39),
)  # fmt: skip
"""With four voices and a bar, lag 4 is the same voice one chord before, lag 9 two before."""


@dataclass(frozen=True, kw_only=True)
class ChoraleAttention(Chorale):
    """Predicts a chord symbol by symbol with all its past, the notes above in this chord included.

    p = softmax(u), u_v = Σ_contexts gain·w + E[f], one key per context at a time; see
    `networks/polyphony.py`. The default contexts fit frames of four voices and a bar and were
    chosen on the validation chorales in 50 trials; on another spelling they are just lags.

    lags   the contexts: lags counted from the last symbol, ascending
    Raises Unsuited for frames and series.
    """

    name: str = "chorale_attention"
    lags: tuple[tuple[int, ...], ...] = RUNS + VOICES

    def begin(self, space: Space, *, seed: int) -> AttentionStudent:
        """Lower the network and start at rest."""
        if not isinstance(space, Symbols):
            raise Unsuited(f"{self.name} takes symbols, not {type(space).__name__}")
        places = tuple((lags, None) for lags in self.lags)
        return self.student(space, places, always=True, seed=seed)
