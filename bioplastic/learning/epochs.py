"""The epochs protocol: train on pieces again and again, stop early on valid, test the best once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Student, Unsuited
from bioplastic.learning.space import Space
from bioplastic.learning.walk import walk
from bioplastic.provenance import stream as stream_of


@runtime_checkable
class Keepable(Protocol):
    """A student whose best state can be kept, and that can begin a new piece."""

    def snapshot(self) -> Any:
        """What was learned so far."""
        ...

    def restore(self, kept: Any) -> None:
        """Go back to it, at the beginning of a piece."""
        ...

    def restart(self) -> None:
        """Begin a new piece: forget the state, keep what was learned."""
        ...


@runtime_checkable
class PieceLearner(Protocol):
    """A student that learns whole pieces side by side, one step for all of them."""

    def learn_pieces(self, pieces: list[np.ndarray]) -> None:
        """One step on these pieces, each from its beginning."""
        ...


@dataclass(frozen=True, kw_only=True)
class Epochs:
    """Settings of the protocol.

    most       epochs at most
    patience   epochs without a better valid loss after which training stops
    batch      pieces per step for a `PieceLearner`; 0 trains every student piece by piece, online
    shuffle    whether the training pieces come in a new order each epoch
    Raises UsageError for numbers below 1 (batch: 0).
    """

    most: int = 40
    patience: int = 5
    batch: int = 8
    shuffle: bool = True

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.most < 1 or self.patience < 1 or self.batch < 0:
            raise UsageError(
                f"Epochs: most={self.most} and patience={self.patience} start at 1,"
                f" batch={self.batch} at 0"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """What training reached.

    valid (E + 1,)   mean loss over all x of the valid pieces, before training and after each epoch
    best             epoch of the lowest of them; its weights are in the student now
    test             mean loss over all x of the test pieces, of those weights
    test_losses      one array (L,) per test piece
    seconds          wall time
    note             "" or "diverged: …": where training stopped because valid was not finite
    """

    valid: np.ndarray
    best: int
    test: float
    test_losses: list[np.ndarray] = field(repr=False)
    seconds: float
    note: str = ""


def losses(student: Student, space: Space, pieces: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Losses of each piece, met from its beginning without learning."""
    found = []
    for piece in pieces:
        _keepable(student).restart()
        found.append(walk(student, space, piece, learning=False))
    return found


def mean(found: Sequence[np.ndarray]) -> float:
    """Mean over all x of all pieces: a long piece counts more."""
    return float(np.concatenate(found).mean())


def train(
    student: Student,
    space: Space,
    *,
    train: Sequence[np.ndarray],
    valid: Sequence[np.ndarray],
    test: Sequence[np.ndarray],
    epochs: Epochs,
    seed: int,
) -> Trained:
    """Train, keep the weights of the best valid loss, test them once.

    student   has learn, observe, snapshot, restore and restart; Unsuited otherwise
    train, valid, test   pieces; the state begins anew at each, every x of it is charged
    seed      of the order of the pieces
    Test pieces are not met before training has ended. UsageError where a set has no x.
    """
    for name, pieces in (("train", train), ("valid", valid), ("test", test)):
        if not sum(map(len, pieces)):
            raise UsageError(f"train: the {name} set has no examples")
    kept = _keepable(student)
    rng = stream_of(seed, "epochs")
    started = time.perf_counter()
    curve = [mean(losses(student, space, valid))]
    best, best_state, note = 0, kept.snapshot(), ""
    for epoch in range(1, epochs.most + 1):
        order = rng.permutation(len(train)) if epochs.shuffle else np.arange(len(train))
        _epoch(student, space, [train[int(i)] for i in order], epochs.batch)
        curve.append(mean(losses(student, space, valid)))
        if not np.isfinite(curve[-1]):
            note = f"diverged: valid loss {curve[-1]} after epoch {epoch}"
            break
        if not curve[best] <= curve[-1]:  # also where the first was not finite
            best, best_state = epoch, kept.snapshot()
        if epoch - best >= epochs.patience:
            break
    kept.restore(best_state)
    tested = losses(student, space, test)
    return Trained(
        valid=np.array(curve),
        best=best,
        test=mean(tested),
        test_losses=tested,
        seconds=time.perf_counter() - started,
        note=note,
    )


def _epoch(student: Student, space: Space, pieces: list[np.ndarray], batch: int) -> None:
    """Go once through the training pieces."""
    if batch and isinstance(student, PieceLearner):
        for at in range(0, len(pieces), batch):
            student.learn_pieces(pieces[at : at + batch])
        return
    for piece in pieces:
        _keepable(student).restart()
        walk(student, space, piece)


def _keepable(student: Student) -> Keepable:
    if not isinstance(student, Keepable):
        raise Unsuited(
            f"{type(student).__name__}: epochs need snapshot, restore and restart, it has not all"
        )
    return student
