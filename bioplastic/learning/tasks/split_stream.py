"""One pass over a training part, then a test part: with learning on, and with it switched off."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import numpy as np

from bioplastic.learning.learner import Learner, Student, Unsuited
from bioplastic.learning.space import Symbols
from bioplastic.learning.task import Record
from bioplastic.learning.walk import curve, divergence, walk

WINDOWS = 40


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Losses (L,) bits of a part, and which symbols were the likeliest (L,) bool, if known."""

    losses: np.ndarray
    right: np.ndarray | None

    @property
    def bits(self) -> float:
        """Mean loss."""
        return float(self.losses.mean())


def told(student: Student, space: Symbols, x: np.ndarray, *, learning: bool) -> Part:
    """Predict every symbol, then learn or observe it.

    Where predictions are equally high, the symbol is right in the share of its equals: nobody gains
    by the order of the alphabet.
    """
    fast = getattr(student, "predictions", None)
    if fast is not None:
        p = np.asarray(fast(x, learning=learning))
    else:
        rows = []
        for t in range(len(x)):
            rows.append(np.array(student.predict(x[:t]), dtype=np.float64))
            student.learn(int(x[t])) if learning else student.observe(int(x[t]))
        p = np.stack(rows)
    at = p[np.arange(len(x)), x]
    best = p == p.max(axis=1, keepdims=True)
    right = best[np.arange(len(x)), x] / best.sum(axis=1)
    with np.errstate(divide="ignore"):
        losses = -np.log2(at)
    return Part(losses=losses, right=right)


def split_record(
    blank: Record, learner: Learner, space: Symbols, train: np.ndarray, test: np.ndarray
) -> Record:
    """One cell of a task whose score is bits per symbol of the test part, learning off.

    blank   the record without figures
    The student is trained once; a deep copy of it goes through the test part with learning off.
    extra   bits of the training part met for the first time, of the test part with learning on,
            of all of it prequentially; top-1 accuracy of the test part, learning off and on
    A student that cannot stop learning (PPMd) is scored with learning on, and its note says so.
    """
    x = np.concatenate((train, test))
    try:
        student = learner.begin(space, seed=blank.seed)
        first = walk(student, space, train)
    except Unsuited as error:
        return replace(blank, note=f"unsuited: {error}")
    twin = copy.deepcopy(student)
    try:
        adaptive, cost = told(student, space, test, learning=True), student.cost()
    except Unsuited:
        whole = learner.begin(space, seed=blank.seed)
        adaptive = Part(losses=walk(whole, space, x)[len(train) :], right=None)
        cost = whole.cost()
    note, still = divergence(np.concatenate((first, adaptive.losses))), None
    try:
        still = told(twin, space, test, learning=False)
        note = note or divergence(still.losses)
    except Unsuited:
        note = note or "learning cannot be switched off: scored with learning on"
    extra = {
        "bits_train_prequential": float(first.mean()),
        "bits_test_learning_on": adaptive.bits,
        "bits_prequential": float(np.concatenate((first, adaptive.losses)).mean()),
    }
    for name, part in (("top1_test", still), ("top1_test_learning_on", adaptive)):
        if part is not None and part.right is not None:
            extra[name] = float(part.right.mean())
    score = adaptive.bits if still is None else still.bits
    shape = curve(first, windows=WINDOWS)
    return replace(
        blank,
        score=score if math.isfinite(score) else math.nan,
        cost=cost, extra=extra, x=shape.x, y=shape.y, note=note,
    )  # fmt: skip
