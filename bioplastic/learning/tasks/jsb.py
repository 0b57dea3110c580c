"""Bach's chorales: predict the next chord. Three tasks, because three kinds of figures exist.

`JSB`         every key by itself, given the frames before (factorised); one pass
`JSBJoint`    a chord note by note, given also the notes above it (joint); one pass
`JSBEpochs`   as `JSB`, many passes over the training pieces with early stopping
All three are nats per frame over 88 keys and all frames, but what a model may see differs: a joint
figure is lower than a factorised one for reasons that have nothing to do with memory.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.epochs import Epochs, train
from bioplastic.learning.learner import Learner, Student, Unsuited
from bioplastic.learning.learners.chorale_code import EXTRA, bar, spelt
from bioplastic.learning.prequential import Unavailable
from bioplastic.learning.space import Frames, Space, Symbols
from bioplastic.learning.task import Metric, Published, Record, Target
from bioplastic.learning.tasks.jsb_data import KEYS, LOWEST, Chorales, load
from bioplastic.learning.tasks.jsb_settings import BY_KEY, BY_NOTE, MANY_PASSES, learners
from bioplastic.learning.walk import curve, divergence, walk

METRIC = Metric(name="negative log-likelihood", unit="nats/frame", lower_is_better=True)
BL2012, BAI2018 = "Boulanger-Lewandowski et al. 2012", "Bai, Kolter & Koltun 2018"
FACTORISED = (
    Published(name="note unigram", score=11.06, source=BL2012, measured="recalled"),
    Published(name="RNN, many epochs", score=8.91, source=BAI2018),
    Published(name="LSTM, many epochs", score=8.45, source=BAI2018),
    Published(name="GRU, many epochs", score=8.43, source=BAI2018),
    Published(name="TCN, many epochs", score=8.10, source=BAI2018),
)
EPOCHS = tuple(
    replace(row, ours=ours)
    for row, ours in zip(FACTORISED, ("", "", "lstm", "gru", ""), strict=True)
)
"""The same rows, with our learners that are trained as theirs were."""
JOINT = (
    Published(name="RBM", score=7.43, source=BL2012, measured="recalled"),
    Published(name="NADE", score=7.19, source=BL2012, measured="recalled"),
    Published(name="RNN-RBM", score=6.27, source=BL2012, measured="recalled"),
    Published(name="RNN-NADE", score=5.56, source=BL2012, measured="recalled"),
)


@dataclass(frozen=True, kw_only=True)
class JSB:
    """Factorised: P(key k is on) for each of 88 keys, given all frames before; one pass.

    path       the data, or None to look in the data folder       seeds   of a full comparison
    valid      True: the validation pieces take the place of the test pieces (to choose settings)
    pieces     pieces of each part, or None for all (the figures are then not the published ones)
    standard   refuse every split but the published one

    A silent frame stands before each piece; it is learned like any other and charged to nobody.
    All frames of a piece are charged, the first one too, and the mean is over frames.
    score      mean nats of the test frames after one pass over train, learning on during the test
    extra      train_nats_per_frame: the same of the training frames in that pass;
               still_nats_per_frame: the test frames met by a copy with learning off (missing where
               a learner cannot)
    x, y       frames charged, train and then test, mean nats of windows
    """

    name: str = "jsb"
    path: str | None = None
    seeds: int = 10
    fresh: ClassVar[bool] = False
    valid: bool = False
    pieces: int | None = None
    standard: bool = True
    metric: Metric = field(default=METRIC, init=False)
    published: tuple[Published, ...] = field(default=FACTORISED, init=False)
    target: Target | None = field(
        default=Target(
            learner="chorale_frames",
            score=9.38,
            why="an online GRU; 8.9 is batch logistic regression, 8.43 a batch GRU",
        ),
        init=False,
    )

    @property
    def question(self) -> str:
        """What is asked."""
        return "How well is the next chord predicted, key by key, after hearing 229 chorales once?"

    @property
    def protocol(self) -> str:
        """What is done."""
        return (
            "Prequential: one pass over the training pieces and then the test pieces, each frame"
            " predicted before it is learned. Score: mean −ln p(frame) over all test frames,"
            " 88 independent keys, learning on. The published rows were trained for many epochs and"
            " stand still on the test pieces; still_nats_per_frame is the figure with learning off."
        )

    def learners(self) -> tuple[Learner, ...]:
        """The local spiking learner, regression, networks, and the floor."""
        return learners(BY_KEY)

    def check(self) -> None:
        """Read the data: MissingData, CorruptFile or UsageError now."""
        self._chorales()

    def _chorales(self) -> Chorales:
        if self.pieces is not None and self.pieces < 1:
            raise UsageError(f"{self.name}: pieces = {self.pieces} starts at 1, or None for all")
        found = load(self.path, standard=self.standard)
        return Chorales(
            train=found.train[: self.pieces],
            valid=found.valid[: self.pieces],
            test=(found.valid if self.valid else found.test)[: self.pieces],
            source=found.source,
        )

    def space(self) -> Space:
        """88 keys."""
        return Frames(size=KEYS)

    def encode(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """(stream, where each frame begins in it (L + 1,), nats per unit of loss)."""
        return frames, np.arange(len(frames) + 1), 1.0

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """Run one learner over train and test."""
        chorales = self._chorales()
        blank = Record(
            task=self.name, learner=learner.name, rule=learner.rule, seed=seed,
            score=math.nan, cost=None, settings=learner.settings(),
        )  # fmt: skip
        try:
            space = self.space()
            student = learner.begin(space, seed=seed)
            met = self._losses(student, space, chorales.train, learning=True)
            still = self._still(student, space, chorales.test)
            tested = self._losses(student, space, chorales.test, learning=True)
        except Unsuited as error:
            return replace(blank, note=f"unsuited: {error}")
        except Unavailable as error:
            return replace(blank, note=f"unavailable: {error}")
        line = curve(np.concatenate([met, tested]))
        return replace(
            blank, score=float(tested.mean()), cost=student.cost(), x=line.x, y=line.y,
            extra={"train_nats_per_frame": float(met.mean()), **still},
            note=divergence(np.concatenate([met, tested])),
        )  # fmt: skip

    def _losses(
        self, student: Student, space: Space, pieces: tuple[np.ndarray, ...], *, learning: bool
    ) -> np.ndarray:
        """Nats of each frame that is charged."""
        frames, charged = with_silence(pieces)
        stream, starts, nats = self.encode(frames)
        losses = walk(student, space, stream, learning=learning)
        found: np.ndarray = nats * np.add.reduceat(losses, starts[:-1])[charged]
        return found

    def _still(
        self, student: Student, space: Space, pieces: tuple[np.ndarray, ...]
    ) -> dict[str, float]:
        """The test without learning, by a copy; nothing where the learner knows no such thing."""
        try:
            losses = self._losses(copy.deepcopy(student), space, pieces, learning=False)
        except Unsuited:
            return {}
        return {"still_nats_per_frame": float(losses.mean())}


@dataclass(frozen=True, kw_only=True)
class JSBJoint(JSB):
    """Joint: chords spelt note by note from the top, so each note knows those above it; one pass.

    voices   rests fill a chord up to so many notes, so that voices stay in step; 0 for no rests
    A frame has one spelling, so the nats of its symbols add up to −ln p(frame); mass given to
    spellings that no frame has is wasted, nothing is renormalised.
    The rest as in `JSB`; the silent frame between pieces is spelt too.
    """

    name: str = "jsb-joint"
    voices: int = 4
    published: tuple[Published, ...] = field(default=JOINT, init=False)
    target: Target | None = field(
        default=Target(
            learner="chorale_attention", score=8.43, why="a batch GRU, although it is factorised"
        ),
        init=False,
    )

    @property
    def question(self) -> str:
        """What is asked."""
        return "How well is the next chord predicted, note by note from the top?"

    @property
    def protocol(self) -> str:
        """What is done."""
        return (
            "Prequential: one pass over train and then test, each symbol predicted before it is"
            " learned. Score: mean −ln p(frame) over all test frames, summed over the symbols that"
            " spell a frame, learning on. Not to be compared with factorised figures: a note may"
            " be predicted from the notes above it. The published joint rows were trained for many"
            " epochs; still_nats_per_frame is the figure with learning off."
        )

    def learners(self) -> tuple[Learner, ...]:
        """The local spiking learners, networks, regression, and the floor."""
        return learners(BY_NOTE)

    def space(self) -> Space:
        """88 keys, a rest and a bar; the bar ends a frame."""
        labels = (*(str(LOWEST + k) for k in range(KEYS)), "rest", "bar")
        return Symbols(size=KEYS + EXTRA, delimiter=bar(KEYS), labels=labels)

    def encode(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Symbols, where each frame begins, and ln 2 nats per bit."""
        return (*spelt(frames, voices=self.voices), math.log(2.0))


@dataclass(frozen=True, kw_only=True)
class JSBEpochs(JSB):
    """Factorised with many passes: what the published batch rows did.

    epochs   settings of the protocol
    Pieces begin anew, without a silent frame between them. All frames are charged, learning off.
    score    mean nats of the test frames, of the weights with the best valid loss
    extra    valid_nats_per_frame of those weights, epochs_trained
    x, y     epochs, valid nats
    """

    name: str = "jsb-epochs"
    epochs: Epochs = field(default_factory=lambda: Epochs(batch=4))
    published: tuple[Published, ...] = field(default=EPOCHS, init=False)
    target: Target | None = field(default=None, init=False)

    @property
    def question(self) -> str:
        """What is asked."""
        return "How well is the next chord predicted, key by key, by those who may train for long?"

    @property
    def protocol(self) -> str:
        """What is done."""
        return (
            f"Up to {self.epochs.most} epochs over train, stopped after {self.epochs.patience}"
            " without a better valid loss; the best weights are tested once, learning off."
        )

    def learners(self) -> tuple[Learner, ...]:
        """Regression and networks; the counts of the Markov chain do not gain by repetition."""
        return learners(MANY_PASSES)

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """Train one learner and test it."""
        chorales, space = self._chorales(), self.space()
        blank = Record(
            task=self.name, learner=learner.name, rule=learner.rule, seed=seed,
            score=math.nan, cost=None, settings=learner.settings(),
        )  # fmt: skip
        try:
            student = learner.begin(space, seed=seed)
            found = train(
                student, space, train=chorales.train, valid=chorales.valid, test=chorales.test,
                epochs=self.epochs, seed=seed,
            )  # fmt: skip
        except Unsuited as error:
            return replace(blank, note=f"unsuited: {error}")
        return replace(
            blank, score=found.test, cost=student.cost(), note=found.note,
            x=np.arange(len(found.valid)), y=found.valid,
            extra={
                "valid_nats_per_frame": float(found.valid[found.best]),
                "epochs_trained": float(len(found.valid) - 1),
            },
        )  # fmt: skip


def with_silence(pieces: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Frames (L, 88) with a silent one before each piece, and which of them are charged (L,)."""
    silent = np.zeros((1, pieces[0].shape[1]), bool)
    frames = np.concatenate([part for piece in pieces for part in (silent, piece)])
    charged = np.concatenate([np.arange(len(piece) + 1) > 0 for piece in pieces])
    return frames, charged
