"""New York taxi passengers, half-hour by half-hour, forecast five records ahead."""

from __future__ import annotations

import lzma
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bioplastic.errors import CorruptFile, UsageError
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.learners import learner
from bioplastic.learning.learners.seasonal import AHEAD, NOW
from bioplastic.learning.space import Series
from bioplastic.learning.task import Literature, Metric, Published, Record, Target
from bioplastic.learning.tasks.data_folder import locate
from bioplastic.learning.walk import divergence, walk

FILE = "nab/nyc_taxi_cui2016_17520.csv.xz"
SOURCE = "github.com/numenta/htmresearch, projects/sequence_prediction/continuous_sequence/data"
LICENCE = (
    "counts from the open data of the NYC Taxi & Limousine Commission; that repository is AGPL"
)
WEEK = 336
"""Records of half an hour."""
STORED = "Cui, Ahmad & Hawkins 2016 [cui2016]; recomputed from its stored predictions"


def _published(name: str, score: float) -> Published:
    return Published(name=name, score=score, source=STORED, measured="recomputed")


NRMSE: Mapping[str, float] = {
    "HTM": 0.2865, "plain kNN": 0.2586, "LSTM-6000": 0.274, "LSTM-3000": 0.298, "LSTM-1000": 0.346,
    "ESN online": 0.2864, "TDNN": 0.3273, "ELM online": 0.4764, "LSTM one-shot": 0.2927,
}  # fmt: skip
"""NRMSE by method, recomputed from the same predictions."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TaxiData:
    """The series.

    values (L,) float64   passengers in each half-hour     first   time of record 0
    """

    values: np.ndarray
    first: datetime


def read_taxi(path: Path) -> TaxiData:
    """Read timestamp and passengers from a .csv or .csv.xz with three header lines.

    Raises CorruptFile where a row is not "time,count,…" or half-hours are missing.
    """
    opened = lzma.open if path.suffix == ".xz" else open
    values: list[float] = []
    first = None
    try:
        with opened(path, "rt", encoding="ascii") as file:
            for line, row in enumerate(file):
                if line < 3 or not row.strip():
                    continue
                cells = row.split(",")
                time = datetime.strptime(cells[0], "%Y-%m-%d %H:%M:%S")
                first = time if first is None else first
                if time != first + len(values) * timedelta(minutes=30):
                    raise CorruptFile(f"{path}: line {line + 1} is {time}, half an hour is missing")
                values.append(float(cells[1]))
    except (ValueError, IndexError, EOFError, lzma.LZMAError) as reason:
        raise CorruptFile(f"{path}: record {len(values)} cannot be read: {reason}") from reason
    if first is None:
        raise CorruptFile(f"{path}: no records")
    return TaxiData(values=np.array(values), first=first)


def season(values: np.ndarray, *, horizon: int, weeks: int, period: int = WEEK) -> np.ndarray:
    """(L, 2): what is usual for each record, and for the one `horizon` after it, from the past.

    Usual is the median of the same place in the last `weeks` periods, as far as they are there:
    row t holds median{x[t − k·period]} and median{x[t + horizon − k·period]}, k = 1..weeks. Before
    one period has passed, x[t − 1] (x[0] at the start) and x[t] stand in.
    """
    if weeks < 1 or not 1 <= horizon < period:
        raise UsageError(
            f"season: weeks = {weeks} starts at 1; horizon = {horizon} lies in 1..{period - 1}"
        )
    x = np.asarray(values, np.float64)
    found = np.empty((len(x), 2))
    for column, ahead in ((0, 0), (1, horizon)):
        for t in range(len(x)):
            places = t + ahead - period * np.arange(1, weeks + 1)
            past = x[places[places >= 0]]
            stand_in = x[t] if ahead else x[max(t - 1, 0)]
            found[t, column] = np.median(past) if len(past) else stand_in
    return found


@dataclass(frozen=True, kw_only=True)
class Taxi:
    """Forecast `horizon` records ahead in one pass; scored from record `scored_from` on.

    path      the series, or None for the file in the data folder
    weeks     weeks whose median is the season that every learner is given
    """

    name: str = "taxi"
    path: str | None = None
    horizon: int = 5
    scored_from: int = 10_000
    weeks: int = 8
    seeds: int = 10
    fresh: ClassVar[bool] = False
    metric: Metric = field(
        default=Metric(name="MAPE", unit="Σ|error|/Σ|value|", lower_is_better=True), init=False
    )
    published: tuple[Published, ...] = field(
        default=(
            _published("HTM", 0.0809),
            _published("plain kNN", 0.0706),
            _published("LSTM-6000", 0.0819),
            _published("LSTM-3000", 0.0879),
            _published("LSTM-1000", 0.0988),
            _published("LSTM one-shot", 0.0876),
            _published("ESN online", 0.0957),
            _published("TDNN", 0.1040),
            _published("ELM online", 0.1626),
        ),
        init=False,
    )
    target: Target | None = field(
        default=Target(
            learner="taxi_attention",
            score=0.0809,
            why="HTM's MAPE; the stored plain kNN has .0706, copying last week .0880",
        ),
        init=False,
    )

    @property
    def literature(self) -> tuple[Literature, ...]:
        """The second error of the same predictions."""
        return tuple(
            Literature(name=name, source=STORED, measured="recomputed", figures={"NRMSE": value})
            for name, value in NRMSE.items()
        )

    @property
    def question(self) -> str:
        """What is asked."""
        return "How well are passengers in two and a half hours forecast by who learns online?"

    @property
    def protocol(self) -> str:
        """What is done."""
        return (
            f"{self.horizon} half-hours ahead, predict then learn, one pass; scored from record"
            f" {self.scored_from:,}: MAPE = Σ|error|/Σ|value|, NRMSE = rms error over the standard"
            " deviation of the whole series, as published. Everyone is given the value, time of"
            f" day, day of week and the season: the median of the last {self.weeks} weeks at this"
            " place and at the place that is meant. The published rows had no such median."
            " Settings were chosen on records before the scored ones."
        )

    def learners(self) -> tuple[Learner, ...]:
        """Who takes part."""
        return tuple(replace(learner(name), **settings) for name, settings in SETTINGS.items())

    def check(self) -> None:
        """Read the series; MissingData, CorruptFile or UsageError now."""
        self.series()

    def series(self) -> tuple[Series, np.ndarray]:
        """The space and the stream (L, 5)."""
        path = locate(FILE, source=SOURCE, licence=LICENCE, given=self.path)
        data = read_taxi(path)
        if len(data.values) < self.scored_from + 2 * self.horizon:
            raise UsageError(
                f"{self.name}: {len(data.values)} records in {path}; scored_from ="
                f" {self.scored_from} leaves too few"
            )
        usual = season(data.values, horizon=self.horizon, weeks=self.weeks)
        times = [data.first + n * timedelta(minutes=30) for n in range(len(data.values))]
        clock = [(t.hour + t.minute / 60, float(t.weekday())) for t in times]
        features = ("value", "hour of day", "day of week", NOW, AHEAD)
        space = Series(horizon=self.horizon, features=features, unit="passengers")
        return space, np.column_stack((data.values, np.array(clock), usual))

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """Run one cell."""
        known: dict[str, Any] = {
            "task": self.name, "learner": learner.name, "rule": learner.rule, "seed": seed,
            "settings": learner.settings(),
        }  # fmt: skip
        space, x = self.series()
        try:
            student = learner.begin(space, seed=seed)
        except Unsuited as reason:
            return Record(**known, score=float("nan"), cost=None, note=f"unsuited: {reason}")
        error = walk(student, space, x)
        value, a = x[:, 0], self.scored_from
        edges = np.arange(0, len(x) + 1, 2 * WEEK)
        line = [error[i:j].sum() / np.abs(value[i:j]).sum() for i, j in pairwise(edges)]
        extra = {
            "NRMSE": float(np.sqrt(np.mean(error[a:] ** 2)) / value.std()),
            "MAPE of the records before, second half": float(
                error[a // 2 : a].sum() / np.abs(value[a // 2 : a]).sum()
            ),
        }
        return Record(
            **known, score=float(error[a:].sum() / np.abs(value[a:]).sum()), cost=student.cost(),
            extra=extra, x=edges[1:].astype(float), y=np.array(line), note=divergence(error),
        )  # fmt: skip


SETTINGS: dict[str, dict[str, Any]] = {
    "taxi_attention": {},
    "last_value": {},
    "last_season": {},
    "season_usual": {},
    "knn": {},
    "adaptive_filter": {},
    "gru": {"hidden": 64, "learning_rate": 0.002729, "truncation": 8, "clip": 0.3093},
    "lstm": {"hidden": 64, "learning_rate": 0.003475, "truncation": 32, "clip": 0.295},
    "window_mlp": {
        "hidden": 128, "window": 12, "learning_rate": 0.001592, "truncation": 32, "clip": 0.7134,
    },
    "transformer": {
        "width": 64, "layers": 2, "window": 48, "learning_rate": 0.00347, "truncation": 8,
        "clip": 0.9282,
    },
}  # fmt: skip
"""Learner → settings that differ from its own: the nets' are the best of four trials on the first
3000 records (docs/figures/search-tasks.jsonl); those of the local learner, the filter and the
neighbours come from more looks at records 5000 to 10 000 (docs/figures/search-taxi.jsonl)."""
