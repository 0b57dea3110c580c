"""Spike rasters over theta cycles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bioplastic.plot.palette import CYCLE, colour
from bioplastic.plot.style import axes, glyph, note, styled
from bioplastic.result import SpikeRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPELLED = 80  # a lane with more spikes to spell spells none
GAP = 1.6  # between lanes, in rows


class Phases(Protocol):
    """A rhythm as `description.Rhythm` has it; plain seconds do as well."""

    @property
    def period(self) -> Any:
        """Theta period."""

    @property
    def encoding(self) -> Any:
        """Length of the encoding phase, from phase 0."""

    @property
    def gamma(self) -> int:
        """Gamma cycles that fill the rest."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lane:
    """One group of a raster: query, keys of one order, race, teacher.

    label     written at the left
    spikes    what is drawn
    rows      (R,) neuron ids from top to bottom; None: those that spike in the window
    marked    (E,) bool, spikes drawn as winners, or None
    spell     write `spikes.labels` beside the marked spikes, or beside all when none is marked
    hue       palette name, or None for the next of the cycle
    height    in rows, or None to follow the number of rows within 2.5..7
    """

    label: str
    spikes: SpikeRecord
    rows: Sequence[int] | np.ndarray | None = None
    marked: np.ndarray | None = None
    spell: bool = True
    hue: str | None = None
    height: float | None = None


@styled
def raster(
    lanes: SpikeRecord | Sequence[SpikeRecord | Lane],
    ax: Axes | None = None,
    *,
    window: tuple[float, float] | None = None,
    rhythm: Phases | None = None,
    symbols: Sequence[str] = (),
    origin: float = 0.0,
) -> Axes:
    """Draw spikes of groups stacked from top to bottom, over shaded theta cycles.

    window   start and end, seconds; None: from 0 to just after the last spike
    rhythm   shades the encoding phase, draws a line between gamma cycles; None: neither
    symbols  symbols[c] is written above theta cycle c, the symbol that arrives in it
    origin   seconds at which theta cycle 0 starts
    """
    given: Sequence[SpikeRecord | Lane] = [lanes] if isinstance(lanes, SpikeRecord) else lanes
    stack = [x if isinstance(x, Lane) else Lane(label=x.population, spikes=x) for x in given]
    ax = axes(ax, (7.2, 1.1 + 0.7 * max(1, len(stack))))
    last = max((lane.spikes.times.max() for lane in stack if len(lane.spikes.steps)), default=0.1)
    start, stop = window if window is not None else (0.0, 1.02 * float(last) + 1e-3)
    top = 0.0
    for k, lane in enumerate(stack):
        height = _lane(ax, lane, top, (start, stop), lane.hue or CYCLE[k % len(CYCLE)])
        ax.annotate(
            glyph(lane.label), (0, top + height / 2), xycoords=ax.get_yaxis_transform(),
            xytext=(-7, 0), textcoords="offset points", ha="right", va="center",
        )  # fmt: skip
        if k:
            ax.axhline(top - GAP / 2, color=colour("line"), lw=0.8, zorder=0)
        top += height + GAP
    ax.set_xlim(1e3 * start, 1e3 * stop)
    ax.set_ylim(max(top, GAP + 1.0) - GAP / 2, -GAP / 2)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("time (ms)")
    if rhythm is not None:
        _cycles(ax, rhythm, start, stop, symbols, origin)
    if not any(len(lane.spikes.steps) for lane in stack):
        note(ax, "no spikes")
    return ax


def _lane(ax: Axes, lane: Lane, top: float, window: tuple[float, float], hue: str) -> float:
    """Draw one lane from `top` downwards and return its height."""
    times, ids = 1e3 * lane.spikes.times, np.asarray(lane.spikes.ids, dtype=np.int64)
    inside = (times >= 1e3 * window[0]) & (times < 1e3 * window[1])
    rows = np.asarray(np.unique(ids[inside]) if lane.rows is None else lane.rows, dtype=np.int64)
    height = lane.height or float(np.clip(len(rows), 2.5, 7.0))
    row_of = np.full(max(lane.spikes.size, 1), -1)
    row_of[rows] = np.arange(len(rows))
    row = row_of[ids]
    pitch = height / max(len(rows), 1)
    y = top + (row + 0.5) * pitch
    marked = np.zeros(len(ids), bool) if lane.marked is None else np.asarray(lane.marked, bool)
    plain, won = inside & (row >= 0) & ~marked, inside & (row >= 0) & marked
    half = min(max(0.45 * pitch, 0.34), 0.6)
    ax.vlines(
        times[plain], y[plain] - half, y[plain] + half, color=colour(hue), lw=1.2,
        rasterized=bool(plain.sum() > 20_000),
    )  # fmt: skip
    ax.plot(
        times[won], y[won], "o", ms=4.5, mfc=colour("red"), mec=colour("paper"), mew=0.6, zorder=3
    )
    spelled = won if won.any() else plain
    if lane.spell and lane.spikes.labels is not None and spelled.sum() <= SPELLED:
        for e in np.flatnonzero(spelled):
            ax.annotate(
                glyph(lane.spikes.labels[ids[e]]), (times[e], y[e]), xytext=(3, 0),
                textcoords="offset points", va="center_baseline", ha="left", fontsize=7.5,
                color=colour("red" if won.any() else hue), zorder=4,
            )  # fmt: skip
    return height


def _cycles(
    ax: Axes, rhythm: Phases, start: float, stop: float, symbols: Sequence[str], origin: float
) -> None:
    """Shade the encoding phase of each theta cycle and rule off its gamma cycles."""
    period, encoding = 1e3 * float(rhythm.period), 1e3 * float(rhythm.encoding)
    gamma = (period - encoding) / rhythm.gamma
    first = int(np.floor((start - origin) * 1e3 / period + 1e-9))
    last = int(np.ceil((stop - origin) * 1e3 / period - 1e-9))
    places: dict[str, Any] = {"xycoords": ax.get_xaxis_transform(), "textcoords": "offset points"}
    named = False
    for cycle in range(first, last):
        t = 1e3 * origin + cycle * period
        ax.axvspan(t, t + encoding, color=colour("amber"), alpha=0.16, lw=0, zorder=0)
        ax.axvline(t, color=colour("grey"), lw=0.9, zorder=0.5)
        for k in range(1, rhythm.gamma):
            ax.axvline(t + encoding + k * gamma, color=colour("line"), lw=0.6, zorder=0.4)
        if t < 1e3 * start - 1e-6 or t + 0.6 * period > 1e3 * stop:
            continue
        if 0 <= cycle < len(symbols):
            ax.annotate(
                glyph(symbols[cycle]), (t, 1), xytext=(1, 13), **places, fontsize=12,
                fontweight="bold",
            )  # fmt: skip
        if not named:
            named = True
            text = f"encode, then {rhythm.gamma} races" if rhythm.gamma > 1 else "encode, retrieve"
            ax.annotate(text, (t, 1), xytext=(1, 4), **places, fontsize=6.5, color=colour("muted"))
