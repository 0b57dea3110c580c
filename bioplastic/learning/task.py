"""A task of the comparison: data, protocol, metric and who takes part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from bioplastic.errors import BioplasticError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner


class MissingData(BioplasticError):
    """A dataset is not there: the message says which file, where from, under what licence."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a task is scored by."""

    name: str
    unit: str
    lower_is_better: bool


@dataclass(frozen=True, kw_only=True)
class Published:
    """A row from the literature, printed beside ours and never mixed with it.

    measured   "read" in the source, "recalled" or "recomputed" from its stored predictions
    ours       our learner of the same kind, where the protocol is that of the row; "": none
    """

    name: str
    score: float
    source: str
    measured: str = "read"
    ours: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Literature:
    """What the literature says of a method beside its score; printed below our own figures.

    figures    by the names of `Record.extra`
    series     by the names of `Record.series`: (x, y)
    measured   as in `Published`
    """

    name: str
    source: str
    figures: Mapping[str, float]
    series: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    measured: str = "read"


@dataclass(frozen=True, kw_only=True)
class Target:
    """The figure that the local learner should reach, fixed before it was measured."""

    learner: str
    score: float
    why: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """What one learner reached on one task with one seed: one cell of the comparison.

    score      primary metric; nan where there is none (see `note`)
    extra      further figures, name with unit → number
    x, y (W,)  learning curve: examples met, metric over the window that ends there
    series     further curves, name → (x, y): forgetting, lesion, …
    note       "" or why a figure is missing or bad: "diverged: …", "unsuited: …"
    settings   hyperparameters that were used
    """

    task: str
    learner: str
    rule: str
    seed: int
    score: float
    cost: Cost | None
    extra: Mapping[str, float] = field(default_factory=dict)
    x: np.ndarray = field(default_factory=lambda: np.zeros(0))
    y: np.ndarray = field(default_factory=lambda: np.zeros(0))
    series: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    note: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)


class Task(Protocol):
    """One task; an implementation is a frozen dataclass with its sizes and paths as fields.

    name, question, protocol   for tables and the report: one sentence each for the last two
    metric, published, target  see above; target None where nothing was promised
    seeds                      how many paired seeds the comparison takes at full size
    fresh                      whether each seed draws the data anew: then ten equal scores are ten
                               draws. Where all seeds meet the same data they are one
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def question(self) -> str: ...  # noqa: D102
    @property
    def protocol(self) -> str: ...  # noqa: D102
    @property
    def metric(self) -> Metric: ...  # noqa: D102
    @property
    def seeds(self) -> int: ...  # noqa: D102
    @property
    def fresh(self) -> bool: ...  # noqa: D102
    @property
    def published(self) -> tuple[Published, ...]: ...  # noqa: D102
    @property
    def target(self) -> Target | None: ...  # noqa: D102

    def learners(self) -> tuple[Learner, ...]:
        """Who takes part, with the settings that the search chose for this task."""
        ...

    def check(self) -> None:
        """Raise MissingData or UsageError now rather than after an hour."""
        ...

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """Run one cell. A learner that diverges or is unsuited gives a record that says so."""
        ...


@runtime_checkable
class Reviewed(Protocol):
    """A task on which the literature has more than the score; beside `Task`, not instead of it."""

    @property
    def literature(self) -> tuple[Literature, ...]: ...  # noqa: D102
