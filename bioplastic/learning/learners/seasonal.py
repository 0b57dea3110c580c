"""Forecasts without learning: the last value, that of a season ago, the usual of the season."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.errors import UsageError, nearest
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.space import Series, Space

NOW, AHEAD = "season", "season ahead"
"""Features of a series: what is usual for this record, and for the record that is meant."""


def column(space: Series, feature: str, owner: str) -> int:
    """Place of a feature; Unsuited where the series does not have it."""
    if feature not in space.features:
        raise Unsuited(
            f"{owner} needs the feature {feature!r}; the series has {', '.join(space.features)}"
        )
    return space.features.index(feature)


class SeasonalStudent:
    """Records kept as long as the season is, and one of them, or a feature, given back."""

    def __init__(self, space: Series, *, back: int, feature: int) -> None:
        self.space, self.back, self.feature = space, back, feature
        self.kept = np.zeros(back)
        self.met = 0
        self.last: np.ndarray | None = None
        self.wall = self.cpu = 0.0

    def predict(self, history: Any) -> np.ndarray:
        """The forecast, 0-d; 0 before anything, the last value before one season has passed."""
        if self.last is None:
            return self.space.start()
        if self.feature:
            return np.asarray(self.last[self.feature])
        value = self.kept[self.met % self.back] if self.met >= self.back else self.last[0]
        return np.asarray(float(value))

    def observe(self, x: np.ndarray) -> None:
        """Keep the record."""
        tick, busy = time.perf_counter(), time.process_time()
        self.last = np.asarray(x, np.float64)
        self.kept[self.met % self.back] = self.last[0]
        self.met += 1
        self.wall += time.perf_counter() - tick
        self.cpu += time.process_time() - busy

    learn = observe

    def cost(self) -> Cost:
        """Records kept (8 B each); nothing is multiplied and no weight is there."""
        return Cost(
            symbols=self.met, executions=self.met, footprint_bytes=8 * (self.back + 2),
            plastic_synapses=0, bytes_touched=16.0 * self.met, wall_seconds=self.wall,
            cpu_seconds=self.cpu,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Seasonal(Learner):
    """One of three forecasts that learn nothing.

    last_value     x[t]
    last_season    x[t + horizon − season], the same place one season earlier
    season_usual   the feature "season ahead" as it stands

    season   records in a season, more than the horizon
    Raises UsageError for another name, Unsuited for other spaces.
    """

    name: str = "last_season"
    season: int = 336

    def __post_init__(self) -> None:
        """Check the name and the season."""
        super().__post_init__()
        if self.name not in KINDS:
            raise UsageError(f"no forecast {self.name!r}{nearest(self.name, KINDS)}")
        if self.season < 1:
            raise UsageError(f"{self.name}: season = {self.season} records starts at 1")

    def begin(self, space: Space, *, seed: int) -> SeasonalStudent:
        """Start; the seed changes nothing."""
        if not isinstance(space, Series):
            raise Unsuited(f"{self.name} forecasts a series, not {type(space).__name__}")
        if self.name == "season_usual":
            return SeasonalStudent(space, back=1, feature=column(space, AHEAD, self.name))
        if self.name == "last_value":
            return SeasonalStudent(space, back=1, feature=0)
        if self.season <= space.horizon:
            raise Unsuited(
                f"{self.name}: season = {self.season} records must be more than the horizon"
                f" = {space.horizon}"
            )
        return SeasonalStudent(space, back=self.season - space.horizon + 1, feature=0)


KINDS = ("last_value", "last_season", "season_usual")
