"""Whole chords from the chords before, in spikes: one softmax per voice, summed over voices."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learners.attention_student import AttentionStudent
from bioplastic.learning.learners.chorale_code import EXTRA, bar, rest, spelt
from bioplastic.learning.learners.chorale_network import Chorale, Places
from bioplastic.learning.space import Frames, Space, Symbols

Note = tuple[int, int | None]
"""(frames back, voice counted from the top); voice None: the voice that is predicted."""


def _own(frames: int) -> tuple[Note, ...]:
    """The voice that is predicted, in each of the last frames."""
    return tuple((d, None) for d in range(1, frames + 1))


def _last(*voices: int) -> tuple[Note, ...]:
    """These voices in the last frame."""
    return tuple((1, v) for v in voices)


CHORD = _last(0, 1, 2, 3)
CONTEXTS: tuple[tuple[Note, ...], ...] = (
    (), _own(1), _own(2), _own(3), _own(5), _own(8),
    _last(0, 1), _last(2, 3), _last(0, 3), ((1, 0), (2, 0)),
    CHORD, (*CHORD, (2, None)), (*CHORD, *((2, v) for v in range(4))),
)  # fmt: skip
"""Chosen on the validation chorales in 8 trials: what helped there was kept together."""


@dataclass(frozen=True, kw_only=True)
class ChoraleFrames(Chorale):
    """Predicts each key of the next frame from the frames before it, and from nothing else.

    A frame is spelt as `voices` symbols and a bar, one theta cycle each. Every voice j has its own
    chains of keys, anchored at the bar: they hear symbols of earlier frames only, so softmax(u_j),
    read in the cycle before voice j is shown, does not depend on this frame. A key sounds in one
    voice at most, so

        P(key k is on) = Σ_j softmax(u_j)_k

    is the exact marginal of what the voices predict: the per-key form in which factorised models
    are scored. Voices below the first `voices` are predicted by nobody.

    contexts   what the keys stand for, as notes (frames back, voice)
    voices     notes of a frame that are predicted
    floor      P is kept within [floor, 1 − floor]
    Raises Unsuited for symbols and series, UsageError for notes that are not in the past.
    """

    name: str = "chorale_frames"
    contexts: tuple[tuple[Note, ...], ...] = CONTEXTS
    voices: int = 4
    floor: float = 1e-4

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        if self.voices < 1 or not 0.0 < self.floor < 0.5:
            raise UsageError(
                f"{self.name}: voices = {self.voices} starts at 1, floor = {self.floor} lies in"
                " (0, 0.5)"
            )
        for back, voice in (note for context in self.contexts for note in context):
            if back < 1 or not (voice is None or 0 <= voice < self.voices):
                raise UsageError(
                    f"{self.name}: note ({back}, {voice}) must be at least 1 frame back, its voice"
                    f" None or 0..{self.voices - 1}"
                )

    def places(self) -> Places:
        """Lags and anchor of every context of every voice.

        Before voice j is shown, voice i of d frames ago lies at lag d (voices + 1) + j − i − 1, and
        the bar before the frame D ago at lag D (voices + 1) + j: older than all of the context.
        """
        frame, found = self.voices + 1, []
        for j in range(self.voices):
            for context in self.contexts:
                lags = {d * frame + j - (j if v is None else v) - 1 for d, v in context}
                oldest = max((d for d, _ in context), default=0)
                found.append((tuple(sorted(lags)), oldest * frame + j))
        return tuple(dict.fromkeys(found))

    def begin(self, space: Space, *, seed: int) -> ChoraleStudent:
        """Lower the network and start at rest."""
        if not isinstance(space, Frames):
            raise Unsuited(f"{self.name} takes frames, not {type(space).__name__}")
        spelling = Symbols(size=space.size + EXTRA, delimiter=bar(space.size))
        inner = self.student(spelling, self.places(), always=False, seed=seed)
        return ChoraleStudent(inner, space, voices=self.voices, floor=self.floor)


class ChoraleStudent:
    """A circuit that is shown frames as symbols and asked for keys.

    `inner` is the student of the symbols; it may be read, not changed.
    """

    def __init__(
        self, inner: AttentionStudent, space: Frames, *, voices: int, floor: float
    ) -> None:
        self.inner, self.space, self.voices, self.floor = inner, space, voices, floor
        self.frames = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> ChoraleStudent:
        twin = copy.copy(self)
        twin.inner = copy.deepcopy(self.inner, memo)
        return twin

    def _marginals(self, p: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """P (L, K) of frames that begin at `starts`, from p (S, V) before each symbol."""
        keys = self.space.size
        total = sum(p[starts + j, :keys] for j in range(self.voices))
        return np.clip(total, self.floor, 1.0 - self.floor)

    def predict(self, history: Any = None) -> np.ndarray:
        """P (K,) of the next frame, from a copy that is shown rests.

        What it is shown changes nothing: no key of voice j hears this frame, and what is learned
        of voice j is learned by the branches of voice j alone.
        """
        kept = self.inner.snapshot()
        shown = np.full(self.voices, rest(self.space.size), np.int64)
        p = self.inner.predictions(shown)
        self.inner.restore(kept)
        return self._marginals(p, np.zeros(1, np.int64))[0]

    def learn(self, x: np.ndarray) -> None:
        """Theta cycles of one frame, with plasticity."""
        self.run(np.asarray(x)[None])

    def observe(self, x: np.ndarray) -> None:
        """Theta cycles of one frame, without."""
        self.run(np.asarray(x)[None], learning=False)

    def run(self, stream: np.ndarray, *, learning: bool = True) -> np.ndarray:
        """Nats (L,) of the frames of a stream."""
        x = self.space.check(stream)
        symbols, starts = spelt(x, voices=self.voices)
        p = self._marginals(self.inner.predictions(symbols, learning=learning), starts[:-1])
        self.frames += len(x)
        found: np.ndarray = -np.log(np.where(x, p, 1.0 - p)).sum(axis=1)
        return found

    def cost(self) -> Cost:
        """That of the circuit, per frame: voices + 1 theta cycles each."""
        return replace(self.inner.cost(), symbols=self.frames)

    def lesion_neurons(self, share: float, rng: np.random.Generator) -> None:
        """Silence this fraction of the keys."""
        self.inner.lesion_neurons(share, rng)

    def lesion_synapses(self, share: float, rng: np.random.Generator) -> None:
        """Remove this fraction of the plastic synapses."""
        self.inner.lesion_synapses(share, rng)
