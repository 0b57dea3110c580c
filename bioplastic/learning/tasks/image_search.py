"""Random search on the last training images, equal trials for every image learner.

python -m bioplastic.learning.tasks.image_search wta_classifier kmeans --trials 8 --log FILE
Test images are not touched. Trial k of a learner is drawn as in `learning.compare.search`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bioplastic.errors import BioplasticError, UsageError, nearest
from bioplastic.learning.compare.search import Choice, LogUniform, Search, Setting, Trial, trials
from bioplastic.learning.learners import learner
from bioplastic.learning.learners.image_learner import ImageLearner
from bioplastic.learning.tasks.images import SETS, Images, accuracy

_VOTERS = Choice(options=(1, 2, 3, 4))
_STDP: dict[str, Setting] = {
    "gamma": LogUniform(low=1.0, high=8.0),
    "gamma_end": LogUniform(low=0.02, high=0.2),
    "voters": _VOTERS,
    "levels": Choice(options=(2, 3, 4)),
    "mu": Choice(options=(1.0, 1.5, 2.0, 3.0)),
    "eta": LogUniform(low=0.2, high=1.0),
    "eta_end": LogUniform(low=0.01, high=0.1),
}
_ADAM: dict[str, Setting] = {
    "learning_rate": LogUniform(low=3e-4, high=1e-2),
    "batch": Choice(options=(16, 32, 64, 128)),
}

SEARCHED: dict[str, dict[str, Setting]] = {
    "wta_classifier": _STDP,
    "kmeans": {"voters": _VOTERS, "passes": Choice(options=(10, 25, 50))},
    "kmeans_online": {"voters": _VOTERS},
    "random_features": {"ridge": LogUniform(low=1e-6, high=1e-1)},
    "image_mlp": _ADAM,
    "image_logistic": _ADAM,
}
"""What is searched, by learner: fixed before the first trial. `wta_readout` and `wta_untrained`
take the settings of `wta_classifier` and are not searched."""


def search(
    name: str, images: str, *, count: int, seed: int, train: int, log: Path
) -> tuple[dict[str, object], float]:
    """Run the trials that the log does not have; the best settings and their accuracy.

    name    learner        images   mnist, fashion or digits      train   0: all but the held-out
    Scores in the log are errors, 1 − accuracy. UsageError for a learner that is not searched.
    """
    if name not in SEARCHED:
        raise UsageError(f"no settings are searched for {name!r}{nearest(name, SEARCHED)}")
    task = Images(name=images, train=train, validate=True)
    plan = Search(settings=SEARCHED[name], trials=count, seed=seed)
    label = f"{images}:{train or 'all'}"
    known = {(t.task, t.learner, t.trial, t.seed): t for t in trials(log)}
    base = learner(name)
    assert isinstance(base, ImageLearner)
    found = []
    for k in range(count):
        drawn = plan.drawn(name, k)
        done = known.get((label, name, k, seed))
        if done is None:
            size = {} if name == "image_logistic" else {"neurons": task.size}
            one = replace(base, **{"energy": task.set.energy, **size, **drawn})
            wall, cpu = time.perf_counter(), time.process_time()
            data = task.data(seed)
            student = one.begin_images(data.space, seed=seed, total=len(data.train))
            student.fit(data.train, data.train_labels)
            student.settle(data.train, data.train_labels)
            error = 1 - accuracy(student, data.test, data.test_labels)
            done = Trial(
                task=label, learner=name, trial=k, seed=seed, settings=drawn, score=error,
                seconds=round(time.perf_counter() - wall, 2),
                cpu_seconds=round(time.process_time() - cpu, 2),
            )  # fmt: skip
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a") as out:
                out.write(json.dumps(vars(done)) + "\n")
        print(f"{name} {k}: {1 - done.score:.4f} {dict(done.settings)}", flush=True)
        found.append(done)
    best = min(found, key=lambda t: t.score)
    return dict(best.settings), 1 - best.score


def main(argv: Sequence[str] | None = None) -> int:
    """Search; return 0, 1 for a failure, 2 for bad usage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("learner", nargs="+")
    parser.add_argument("--images", default="mnist", choices=sorted(SETS))
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", type=int, default=0)
    parser.add_argument("--log", type=Path, default=Path("search-wta.jsonl"))
    asked = parser.parse_args(argv)
    try:
        for name in asked.learner:
            settings, reached = search(
                name, asked.images, count=asked.trials, seed=asked.seed, train=asked.train,
                log=asked.log,
            )  # fmt: skip
            print(f"best {name}: {reached:.4f} {settings}", flush=True)
    except BioplasticError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
