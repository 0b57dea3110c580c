"""Random search on whole tasks at a small size: the same number of trials for every learner.

python -m bioplastic.learning.compare.task_search taxi --trials 4 --log FILE

No trial meets what is scored in the comparison: the taxi series ends before the first scored
record, and the drawn tasks are drawn with other seeds. Trial k of a learner is drawn as in
`compare.search`, and its line is written by this program as soon as it is finished.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bioplastic.errors import BioplasticError, UsageError, nearest
from bioplastic.learning.compare.grid import make
from bioplastic.learning.compare.search import Choice, LogUniform, Search, Setting, Trial
from bioplastic.learning.learner import Learner
from bioplastic.learning.space import Series
from bioplastic.learning.task import Task
from bioplastic.learning.tasks.high_order import HighOrder
from bioplastic.learning.tasks.recall import Recall
from bioplastic.learning.tasks.taxi import Taxi


@dataclass(frozen=True, kw_only=True)
class TaxiBefore(Taxi):
    """The first `records` records only; they end before the first that the comparison scores."""

    records: int = 3000
    scored_from: int = 1500

    def series(self) -> tuple[Series, np.ndarray]:
        """The space and the stream (records, 5)."""
        space, x = super().series()
        return space, x[: self.records]


SMALL: Mapping[str, Callable[[], Task]] = {
    "taxi": TaxiBefore,
    "high-order": lambda: HighOrder(
        elements=12_000, switch=6000, window=100, several=(), death=(), noise=1000
    ),
    "recall": lambda: Recall(
        sizes=(4, 16), queries=128, lengths=(64, 96, 128), rounds=2
    ),
}  # fmt: skip
"""Task → how it is searched."""

BY_CURVE = ("high-order",)
"""Tasks whose figure here is the mean of the learning curve: at the end too many have no error."""

_RATE = LogUniform(low=5e-4, high=1e-2)
_NET: dict[str, Setting] = {
    "learning_rate": _RATE,
    "truncation": Choice(options=(8, 16, 32)),
    "clip": LogUniform(low=0.25, high=2.0),
}
_REACHING: dict[str, Setting] = {
    "learning_rate": _RATE,
    "truncation": Choice(options=(2, 4)),
    "reach": Choice(options=(8, 12, 16)),
    "clip": LogUniform(low=0.25, high=2.0),
}
_INSIDE: dict[str, Setting] = {
    "inner_settings": Choice(options=tuple(
        (("hidden", h), ("learning_rate", rate), ("clip", 1.0), ("truncation", k), ("reach", 12))
        for h in (64, 128) for rate in (0.001, 0.003, 0.01) for k in (2, 4)
    )),
}  # fmt: skip
"""Networks behind a front, whose settings are drawn as one."""
_PRETRAINED: dict[str, Setting] = {
    "learning_rate": LogUniform(low=1e-3, high=3e-2), "width": Choice(options=(32, 64)),
}  # fmt: skip

SEARCHED: Mapping[str, Mapping[str, dict[str, Setting]]] = {
    "taxi": {
        "taxi_attention": {
            "winners": Choice(options=(4, 10)),
            "eta_0": LogUniform(low=0.1, high=1.0),
            "eta_min": LogUniform(low=0.01, high=0.1),
            "gain": LogUniform(low=0.5, high=4.0),
            "taps": Choice(options=(((), (0,), (0, 1)), ((), (0,), (0, 1), (0, 43)))),
        },
        "knn": {"k": Choice(options=(2, 4, 8)), "window": Choice(options=(12, 24, 48, 96))},
        "adaptive_filter": {
            "window": Choice(options=(12, 24, 48)),
            "forgetting": Choice(options=(0.998, 0.9995, 0.9999)),
            "ridge": LogUniform(low=0.1, high=10.0),
        },
        "gru": _NET,
        "lstm": _NET,
        "window_mlp": {**_NET, "window": Choice(options=(6, 12, 24))},
        "transformer": {**_NET, "window": Choice(options=(24, 48))},
    },
    "high-order": {
        "high_order_attention": {
            "eta_0": LogUniform(low=0.1, high=1.0),
            "eta_min": LogUniform(low=0.005, high=0.1),
            "initial": Choice(options=((1.0, 2.0), (1.7, 2.0), (2.0, 3.0))),
        },
        "familiar_attention": {"inner_settings": Choice(
            options=tuple((("winners", w), ("order", k)) for w in (2, 4, 8) for k in (5, 6, 7))
        )},
        "attention": {"winners": Choice(options=(2, 4, 8)), "order": Choice(options=(5, 6, 7))},
        "gru": _NET,
        "gru_reaching": _REACHING,
        "familiar_gru_reaching": _INSIDE,
        "familiar_lstm_reaching": _INSIDE,
        "lstm": _NET,
        "transformer": {
            **_NET, "width": Choice(options=(64, 128)), "window": Choice(options=(12, 32)),
        },
        "window_mlp": {**_NET, "window": Choice(options=(8, 10, 12))},
        "suffix_table": {"order": Choice(options=(6, 8, 12, 16))},
        "ngram": {"order": Choice(options=(5, 6, 7, 8))},
    },
    "recall": {
        "hebbian_attention": {
            "units": Choice(options=(128, 176, 256)), "active": Choice(options=(6, 8, 10, 12)),
        },
        "recall_transformer": _PRETRAINED,
        "recall_low_rank_attention": _PRETRAINED,
        "recall_gru": _PRETRAINED,
        "recall_linear_attention_64": {"learning_rate": _PRETRAINED["learning_rate"]},
    },
}  # fmt: skip
"""Task → learner → what is drawn: fixed before the first trial."""


def search(
    name: str, learners: Sequence[str], *, trials: int, seed: int, log: Path,
    say: Callable[[str], None] = print,
) -> dict[str, tuple[Learner, list[Trial]]]:  # fmt: skip
    """Run the trials that the log does not have; learner → the best setting and all its trials.

    name       task, one of SMALL         learners   names; none: all that are searched on it
    Scores in the log are losses: 1 − the figure of the task where more is better; of the tasks in
    BY_CURVE, of the mean over the learning curve.
    UsageError, with the nearest name, for a task or a learner that is not searched.
    """
    if name not in SMALL:
        raise UsageError(f"no search on task {name!r}{nearest(name, SMALL)}")
    for who in learners:
        if who not in SEARCHED[name]:
            raise UsageError(f"{name}: {who!r} is not searched{nearest(who, SEARCHED[name])}")
    task = SMALL[name]()
    task.check()
    taking = {x.name: x for x in make(name).learners()}
    found = {}
    for who in learners or SEARCHED[name]:
        base = taking[who]
        plan = Search(settings=SEARCHED[name][who], trials=trials, seed=seed)
        found[who] = plan.run_scored(
            base, lambda one: loss(task, one, seed), task=f"{name}:small", log=log, progress=say
        )
    return found


def loss(task: Task, learner: Learner, seed: int) -> tuple[float, str]:
    """What one setting loses on a task, and why where it has no figure."""
    record = task.measure(learner, seed=seed)
    score = float(record.y.mean()) if task.name in BY_CURVE else float(record.score)
    note = record.note or ("" if math.isfinite(score) else f"score {score}")
    return score if task.metric.lower_is_better else 1.0 - score, note


def main(argv: Sequence[str] | None = None) -> int:
    """Search; return 0, 1 for a failure, 2 for bad usage."""
    parser = argparse.ArgumentParser(description="Random search on tasks, equal trials for all.")
    parser.add_argument("task")
    parser.add_argument("learner", nargs="*")
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--log", type=Path, default=Path("search-tasks.jsonl"))
    asked = parser.parse_args(argv)
    try:
        found = search(
            asked.task, asked.learner, trials=asked.trials, seed=asked.seed, log=asked.log,
            say=lambda line: print(line, flush=True),
        )  # fmt: skip
    except BioplasticError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for who, (best, tried) in found.items():
        drawn = SEARCHED[asked.task][who]
        scores = [t.score for t in tried if math.isfinite(t.score)]
        reached = min(scores, default=math.nan)
        print(f"best {who}: {reached:.4f}", {k: getattr(best, k) for k in drawn})
    return 0


if __name__ == "__main__":
    sys.exit(main())
