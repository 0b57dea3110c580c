"""Nearest neighbours among the records met: what came after similar ones, on average."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Series, Space


@dataclass(frozen=True, kw_only=True)
class KNN(Learner):
    """Mean of the k most alike earlier records at the same place of the season.

    For a forecast of record j at record i = j − horizon, candidates are the records
    j − season, j − 2·season, …. Each stands for how the day went up to `horizon` before it: its
    distance is Σ_{l<window} (x[i − l] − x[i − n·season − l])². The forecast is the plain mean of
    the k nearest; before a season has passed, the last value. This is not the protocol of the
    stored "plain kNN" (k = 249 by time of day and day of week), which its published script does not
    reproduce: as it stands it gives .169 and not .0706.

    k        neighbours     window   records compared, 0: the k latest, distances not asked
    season   records in a season, more than the horizon
    Raises UsageError for values out of range, Unsuited for other spaces.
    """

    name: str = "knn"
    k: int = 4
    window: int = 48
    season: int = 336

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        if self.k < 1 or self.window < 0 or self.season < 1:
            raise UsageError(
                f"{self.name}: k = {self.k} and season = {self.season} start at 1, window ="
                f" {self.window} at 0"
            )

    def begin(self, space: Space, *, seed: int) -> KNNStudent:
        """Start with nothing kept; the seed changes nothing."""
        if not isinstance(space, Series):
            raise Unsuited(f"{self.name} forecasts a series, not {type(space).__name__}")
        if self.season <= space.horizon:
            raise Unsuited(f"{self.name}: season = {self.season} must be more than the horizon")
        return KNNStudent(self, space)

    def locality(self) -> tuple[Use, ...]:
        """Every record is kept and searched."""
        return (
            Use(
                quantity="all earlier records",
                place="elsewhere",
                latency="for ever",
                local=False,
                why="a list of everything that happened is searched for each forecast",
            ),
        )


class KNNStudent:
    """The records met, and the mean of the nearest."""

    def __init__(self, learner: KNN, space: Series) -> None:
        self.learner, self.space = learner, space
        self.kept = np.zeros(1024)
        self.met = self.asked = self.compared = 0
        self.wall = self.cpu = 0.0

    def predict(self, history: Any) -> np.ndarray:
        """The forecast, 0-d; 0 before anything was met."""
        if not self.met:
            return self.space.start()
        tick, busy = time.perf_counter(), time.process_time()
        a, x = self.learner, self.kept
        i = self.met - 1
        past = np.arange(i - a.season, -1, -a.season)
        meant = np.arange(i + self.space.horizon - a.season, -1, -a.season)[: len(past)]
        if not len(past):
            found = x[i]
        else:
            lags = np.arange(min(a.window, int(past[-1]) + 1))
            if len(lags):
                off = x[past[:, None] - lags] - x[i - lags]
                meant = meant[np.argsort((off**2).sum(axis=1), kind="stable")]
                self.compared += off.size
            found = x[meant[: a.k]].mean()
        self.asked += 1
        self.wall += time.perf_counter() - tick
        self.cpu += time.process_time() - busy
        return np.asarray(float(found))

    def learn(self, x: np.ndarray) -> None:
        """Keep the record."""
        if self.met == len(self.kept):
            self.kept = np.concatenate((self.kept, np.zeros_like(self.kept)))
        self.kept[self.met] = float(x[0])
        self.met += 1

    observe = learn
    """A record that is not learned from is still needed to compare with, and is kept."""

    def cost(self) -> Cost:
        """One multiply-accumulate per compared value; 8 B per record kept."""
        return Cost(
            symbols=self.asked, executions=self.asked, footprint_bytes=8 * self.met,
            plastic_synapses=self.met, effective_macs=float(self.compared),
            dense_operations=float(self.compared), weight_updates=float(self.met),
            bytes_touched=16.0 * self.compared, wall_seconds=self.wall, cpu_seconds=self.cpu,
        )  # fmt: skip
