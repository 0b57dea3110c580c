"""Random search on whole tasks at a small size: the same number of trials for every learner.

python -m bioplastic.learning.compare.task_search taxi --trials 4 --log FILE

No trial meets what is scored in the comparison: see `task_spaces`. Trial k of a learner is drawn as
in `compare.search`, and its line is written by this program as soon as it is finished.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bioplastic.errors import BioplasticError, UsageError, nearest
from bioplastic.learning.compare.grid import make
from bioplastic.learning.compare.search import Search, Trial
from bioplastic.learning.compare.task_spaces import BY_CURVE, GIVEN, SEARCHED, SMALL
from bioplastic.learning.learner import Learner
from bioplastic.learning.task import Task


def search(
    name: str, learners: Sequence[str], *, trials: int, seed: int, log: Path,
    say: Callable[[str], None] = print,
) -> dict[str, tuple[Learner, list[Trial]]]:  # fmt: skip
    """Run the trials that the log does not have; learner → the best setting and all its trials.

    name       task, one of SMALL         learners   names; none: all that are searched on it
    Scores in the log are losses: 1 − the figure of the task where more is better; of the tasks in
    BY_CURVE, of the mean over the learning curve. Settings of GIVEN are one more trial, −1.
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
            base,
            lambda one: loss(task, one, seed),
            task=f"{name}:small",
            log=log,
            given=GIVEN.get(name, {}).get(who),
            progress=say,
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
