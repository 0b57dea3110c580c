"""Random search with the same number of trials for every learner, every trial on record.

python -m bioplastic.learning.compare.search gru lstm --trials 8 --corpus kjv --symbols 10000
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bioplastic.errors import BioplasticError, CorruptFile, UsageError, nearest
from bioplastic.learning.corpus import load
from bioplastic.learning.learner import Learner
from bioplastic.learning.learners import learner as by_name
from bioplastic.learning.learners.attention_backprop import SGD, Adagrad, Adam
from bioplastic.learning.learners.linear_attention import Delta, Sum
from bioplastic.learning.space import Space, Symbols
from bioplastic.learning.walk import divergence, walk
from bioplastic.provenance import stream as stream_of

_DIGITS = 4
Made = TypeVar("Made", bound=Learner)


@dataclass(frozen=True, kw_only=True)
class LogUniform:
    """A number from low to high whose logarithm is uniform; four significant digits are kept."""

    low: float
    high: float

    def __post_init__(self) -> None:
        """Check the range."""
        if not 0 < self.low <= self.high < math.inf:
            raise UsageError(f"LogUniform: low={self.low} and high={self.high}: 0 < low ≤ high")

    def draw(self, rng: np.random.Generator) -> float:
        """One number."""
        x = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        return float(f"{x:.{_DIGITS}g}")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of some values, all as likely."""

    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        """Check that there is one."""
        if not self.options:
            raise UsageError("Choice: no options")

    def draw(self, rng: np.random.Generator) -> Any:
        """One of the values."""
        return self.options[int(rng.integers(len(self.options)))]


Setting = LogUniform | Choice


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one setting reached.

    settings       field of the learner → value, as text where JSON has no such value
    score          mean loss over the stream, unit of the space; nan if it diverged
    diverged       "" or the note
    """

    task: str
    learner: str
    trial: int
    seed: int
    settings: Mapping[str, Any]
    score: float
    seconds: float
    cpu_seconds: float
    diverged: str = ""


@dataclass(frozen=True, kw_only=True)
class Search:
    """An equal budget: `trials` settings, drawn at random, each run once over the same stream.

    settings   field of the learner → what it is drawn from
    trials     how many
    seed       of the draws and of the learners' weights

    Trial k of a learner is drawn from the stream (seed, "search", learner, k): it does not depend
    on how many there are, nor on the other learners.
    """

    settings: Mapping[str, Setting]
    trials: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the number."""
        if self.trials < 1:
            raise UsageError(f"Search: trials={self.trials} starts at 1")

    def drawn(self, learner: str, trial: int) -> dict[str, Any]:
        """The settings of one trial."""
        rng = stream_of(self.seed, "search", learner, str(trial))
        return {name: setting.draw(rng) for name, setting in self.settings.items()}

    def run(
        self,
        base: Made,
        space: Space,
        x: np.ndarray,
        *,
        task: str,
        log: Path,
        progress: Callable[[str], None] | None = None,
    ) -> tuple[Made, list[Trial]]:
        """Run the trials that the log does not have over a stream; see `run_scored`.

        x      the stream: a prefix or validation data, never test data
        """

        def score(one: Learner) -> tuple[float, str]:
            losses = walk(one.begin(space, seed=self.seed), space, x)
            return float(losses.mean()), divergence(losses)

        return self.run_scored(base, score, task=task, log=log, progress=progress)

    def run_scored(
        self,
        base: Made,
        score: Callable[[Learner], tuple[float, str]],
        *,
        task: str,
        log: Path,
        given: Mapping[str, Any] | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> tuple[Made, list[Trial]]:
        """Run the trials that the log does not have; return the best learner and all trials.

        base   the learner whose settings are replaced
        score  what a learner loses, on data that no comparison scores, and "" or why it has no loss
        task   what it is, for the log
        log    JSON lines, one a trial; it is written after each, so a search can be taken up again
        given  settings that nobody drew, as trial −1; None: no such trial
        A learner whose trials all diverge comes back as it was. Raises CorruptFile for a log that
        cannot be read, and for one whose trial of this name has other settings.
        """
        known = {(t.task, t.learner, t.trial, t.seed): t for t in trials(log)}
        plan = {} if given is None else {-1: dict(given)}
        plan |= {k: self.drawn(base.name, k) for k in range(self.trials)}
        found = []
        for k, drawn in plan.items():
            old = known.get((task, base.name, k, self.seed))
            if old is not None and dict(old.settings) != _plain(drawn):
                raise CorruptFile(
                    f"{log}: trial {k} of {base.name} on {task} has settings {dict(old.settings)},"
                    f" this search draws {_plain(drawn)}; use another file"
                )
            if old is None:
                old = self._tried(replace(base, **drawn), score, task=task, trial=k, drawn=drawn)
                log.parent.mkdir(parents=True, exist_ok=True)
                with log.open("a") as out:
                    out.write(json.dumps(_record(old)) + "\n")
            if progress is not None:
                progress(f"{base.name} {k}: {old.score:.4f} {dict(old.settings)} {old.diverged}")
            found.append(old)
        finite = [t for t in found if math.isfinite(t.score)]
        if not finite:
            return base, found
        best = min(finite, key=lambda t: t.score)
        return replace(base, **plan[best.trial]), found

    def _tried(
        self,
        learner: Learner,
        score: Callable[[Learner], tuple[float, str]],
        *,
        task: str,
        trial: int,
        drawn: dict[str, Any],
    ) -> Trial:
        wall, cpu = time.perf_counter(), time.process_time()
        loss, note = score(learner)
        return Trial(
            task=task,
            learner=learner.name,
            trial=trial,
            seed=self.seed,
            settings=_plain(drawn),
            score=math.nan if note else loss,
            seconds=round(time.perf_counter() - wall, 2),
            cpu_seconds=round(time.process_time() - cpu, 2),
            diverged=note,
        )


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON has them; anything else as its text."""
    plain = (bool, int, float, str, type(None))
    return {k: v if isinstance(v, plain) else repr(v) for k, v in settings.items()}


def _record(trial: Trial) -> dict[str, Any]:
    record = dict(vars(trial))
    record["settings"] = dict(trial.settings)
    record["score"] = trial.score if math.isfinite(trial.score) else None
    return record


def trials(log: Path) -> list[Trial]:
    """All trials of a log, () if there is none; CorruptFile with the line that is not one."""
    if not log.exists():
        return []
    found = []
    for number, line in enumerate(log.read_text().splitlines(), 1):
        try:
            record = json.loads(line)
            score = math.nan if record["score"] is None else float(record["score"])
            found.append(Trial(**{**record, "score": score}))
        except (ValueError, TypeError, KeyError) as error:
            raise CorruptFile(f"{log}, line {number} is not a trial: {error}") from None
    return found


_ADAM: dict[str, Setting] = {
    "learning_rate": LogUniform(low=5e-4, high=1e-2),
    "decay": LogUniform(low=3e3, high=1e5),
    "clip": LogUniform(low=0.25, high=2.0),
    "truncation": Choice(options=(8, 16, 32)),
}
_BLOCKS: dict[str, Setting] = {
    **_ADAM,
    "width": Choice(options=(128, 192)),
    "layers": Choice(options=(2, 3)),
}
_WINDOW = Choice(options=(32, 64, 128))

SEARCHED: dict[str, dict[str, Setting]] = {
    "gru": {**_ADAM, "hidden": Choice(options=(256, 384, 512))},
    "lstm": {**_ADAM, "hidden": Choice(options=(256, 384, 512))},
    "transformer": {**_BLOCKS, "window": _WINDOW},
    "linear_attention": {
        **_BLOCKS,
        "update": Choice(options=(Sum(), Sum(retention=0.99), Delta())),
    },
    "low_rank_attention": {**_BLOCKS, "window": _WINDOW, "rank": Choice(options=(16, 32, 64))},
    "window_mlp": {
        **_ADAM,
        "window": Choice(options=(8, 12, 16, 20)),
        "hidden": Choice(options=(200, 400, 500)),
        "layers": Choice(options=(1, 2)),
    },
    "attention_backprop": {
        "optimiser": Choice(options=(SGD(power=0.0, least=0.0), SGD(), Adagrad(), Adam())),
        "rate": LogUniform(low=0.01, high=1.0),
        "table_rate": LogUniform(low=1e-4, high=1e-2),
        "silent": Choice(options=(True, False)),
    },
    "temporal_memory": {
        "rates": Choice(
            options=((0.08, 0.014, 0.0015), (0.28, 0.024, 0.0063), (0.28, 0.0, 0.0063))
        ),
        "memory": LogUniform(low=200.0, high=5000.0),
        "neurons": Choice(options=(60, 150)),
        "winners": Choice(options=(12, 20)),
        "floor": LogUniform(low=0.01, high=0.2),
    },
    "logistic": {
        "learning_rate": LogUniform(low=0.05, high=1.0),
        "damping": LogUniform(low=1e-3, high=1.0),
    },
}
"""What is searched on text, by learner: fixed before the first trial."""


def space_of(learner: str) -> dict[str, Setting]:
    """What is searched for a learner; UsageError with the nearest name where that is nothing."""
    if learner not in SEARCHED:
        raise UsageError(f"no settings are searched for {learner!r}{nearest(learner, SEARCHED)}")
    return SEARCHED[learner]


def main(argv: Sequence[str] | None = None) -> int:
    """Search learners on the beginning of a text; return 0, 1 for a failure, 2 for bad usage."""
    parser = argparse.ArgumentParser(description="Random search, equal trials for every learner.")
    parser.add_argument("learner", nargs="+")
    parser.add_argument("--corpus", default="kjv")
    parser.add_argument("--symbols", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, default=Path("search.jsonl"))
    asked = parser.parse_args(argv)
    try:
        text = load(asked.corpus, symbols=asked.symbols)
        space = Symbols(
            size=text.alphabet_size,
            delimiter=text.glyphs.index(" ") if " " in text.glyphs else None,
            labels=text.glyphs,
        )
        for name in asked.learner:
            search = Search(settings=space_of(name), trials=asked.trials, seed=asked.seed)
            best, _ = search.run(
                by_name(name),
                space,
                text.symbols.astype(np.int64),
                task=f"{asked.corpus}:{len(text)}",
                log=asked.log,
                progress=lambda line: print(line, file=sys.stderr, flush=True),
            )
            print(best, flush=True)
    except BioplasticError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
