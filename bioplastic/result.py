"""What one experiment hands back: numbers, spikes, arrays, and what a report should show.

Experiments return a `Result` and write nothing; `bioplastic.runs` writes the run folder and
`bioplastic.report` the page. Nothing here imports brian2, torch or matplotlib.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure


class Saved(Protocol):
    """What can write itself to a file: `bioplastic.learned.Learned`."""

    def save(self, path: Path | str) -> Path:
        """Write the file, complete or not at all."""


@dataclass(frozen=True, kw_only=True)
class SpikeRecord:
    """Spikes of one population on the grid dt, ordered by (step, id).

    steps (E,) int64: step of each spike; its time is ``steps * dt``
    ids (E,) int64: neuron index in the population, 0 <= id < size
    size: number of neurons
    dt: grid, seconds
    labels (size,): what each address means, or None
    """

    population: str
    steps: np.ndarray
    ids: np.ndarray
    size: int
    dt: float
    labels: tuple[str, ...] | None = None

    @property
    def times(self) -> np.ndarray:
        """Spike times in seconds, (E,) float64."""
        return self.steps * self.dt


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One figure of the report; ``draw(figure)`` fills an empty figure of `size` inches."""

    key: str
    title: str
    caption: str
    draw: Callable[[MplFigure], None]
    size: tuple[float, float] = (7.2, 3.2)


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of the report; cells are str, int or float.

    best    the row that wins, marked as a whole
    bold    single cells that win, (row, column)
    tight   small and narrow, for a table of many columns
    """

    key: str
    title: str
    caption: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    best: int | None = None
    bold: Collection[tuple[int, int]] = ()
    tight: bool = False


@dataclass(frozen=True, kw_only=True)
class FoldedTable(Table):
    """A table that is closed until one opens it: looked up rather than read."""


@dataclass(frozen=True, kw_only=True)
class ColouredText:
    """A piece of the symbol stream, each symbol coloured by its surprise in bits.

    glyphs (L,) one printable string a symbol; surprise (L,) float64 bits
    """

    key: str
    title: str
    caption: str
    glyphs: Sequence[str]
    surprise: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Note:
    """A paragraph of plain text: a verdict, a warning, a limit."""

    key: str
    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """An array with its unit, for result.h5 (unit '' = dimensionless)."""

    values: np.ndarray
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Result:
    """Everything that one run found.

    metrics     flat name -> number, units in the name; becomes metrics.json
    spikes      population name -> SpikeRecord; becomes result.h5 /spikes (SONATA layout)
    arrays      name -> Quantity; becomes result.h5 /arrays
    sections    Panel | Table | ColouredText | Note in the order of the report
    network     rows of the network table (see description.Network.table), or None
    learned     the learned network, becomes learned.h5, or None
    headline    one sentence: the question and its measured answer
    """

    metrics: Mapping[str, float | int]
    headline: str
    sections: Sequence[Panel | Table | ColouredText | Note] = ()
    spikes: Mapping[str, SpikeRecord] = field(default_factory=dict)
    arrays: Mapping[str, Quantity] = field(default_factory=dict)
    network: Table | None = None
    learned: Saved | None = None
