"""Membrane traces and population rates against time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bioplastic.analysis import population_rate
from bioplastic.plot.palette import CYCLE, colour
from bioplastic.plot.style import axes, label_ends, note, styled
from bioplastic.result import SpikeRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def trace(
    values: np.ndarray,
    ax: Axes | None = None,
    *,
    dt: float,
    labels: Sequence[str] = (),
    unit: str = "mV",
    threshold: float | None = None,
) -> Axes:
    """Draw recorded variables against time, each curve labelled at its end.

    values (T,) or (K, T) in `unit`      dt seconds between samples
    threshold  drawn as a dashed line, or None
    """
    ax = axes(ax, (7.2, 2.4))
    curves = np.atleast_2d(np.asarray(values, dtype=float))
    t = 1e3 * dt * np.arange(curves.shape[1])
    hues = [CYCLE[k % len(CYCLE)] for k in range(len(curves))]
    for curve, hue in zip(curves, hues, strict=True):
        ax.plot(t, curve, color=colour(hue), lw=1.2)
    if threshold is not None:
        ax.axhline(threshold, color=colour("grey"), lw=0.9, ls=(0, (4, 3)))
    ax.set_xlabel("time (ms)")
    ax.set_ylabel(unit)
    if curves.shape[1] == 0:
        return note(ax, "nothing recorded")
    ax.set_xlim(0, max(t[-1], 1e3 * dt))
    ends = [c[np.isfinite(c)][-1] if np.isfinite(c).any() else 0.0 for c in curves]
    shown = min(len(labels), len(ends))
    label_ends(ax, ends[:shown], labels[:shown], hues[:shown])
    return ax


@styled
def rates(
    spikes: Mapping[str, SpikeRecord] | SpikeRecord, ax: Axes | None = None, *, width: float = 0.02
) -> Axes:
    """Draw the mean rate of each population in windows of `width` seconds, Hz per neuron."""
    ax = axes(ax, (7.2, 2.4))
    given = {spikes.population: spikes} if isinstance(spikes, SpikeRecord) else dict(spikes)
    hues = [CYCLE[k % len(CYCLE)] for k in range(len(given))]
    stop = max((r.times.max() for r in given.values() if len(r.steps)), default=0.0) + 1e-9
    ends = []
    for record, hue in zip(given.values(), hues, strict=True):
        edges, hertz = population_rate(record, width=width, stop=stop)
        ax.stairs(hertz, 1e3 * edges, color=colour(hue), lw=1.3, baseline=None)
        ends.append(float(hertz[-1]))
    ax.set_xlim(0, 1e3 * stop)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("time (ms)")
    ax.set_ylabel("rate (Hz)")
    label_ends(ax, ends, list(given), hues)
    return ax
