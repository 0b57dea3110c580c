"""Figures of two executors on one network: how far potentials differ, spikes above each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bioplastic.plot.palette import colour
from bioplastic.plot.spikes import Lane, Phases, raster
from bioplastic.plot.style import axes, note, styled
from bioplastic.result import SpikeRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def potential_difference(
    apart: np.ndarray,
    bound: np.ndarray,
    ax: Axes | None = None,
    *,
    parting: int | None = None,
) -> Axes:
    """Draw the largest difference of a potential in each cycle, on a log scale, and its bound.

    apart, bound (L,) nats      parting   cycle of the first difference, or None
    A cycle without any difference has no dot; dots from the first difference on are hollow, as the
    bound is derived for equal decisions.
    """
    ax = axes(ax, (7.2, 3.2))
    cycles, shown = np.arange(len(apart)), apart > 0
    alike = cycles < (len(apart) if parting is None else parting)
    ax.set(xlabel="theta cycle", ylabel="largest |Δu| (nats)")
    if not len(apart):
        return note(ax, "no cycles")
    ax.set_yscale("log")
    ax.plot(cycles, bound, color=colour("grey"), lw=1.2, ls=(0, (4, 3)), zorder=1)
    for part, face in ((shown & alike, colour("blue")), (shown & ~alike, "none")):
        ax.plot(
            cycles[part], apart[part], "o", ms=2.8, mfc=face, mec=colour("blue"), mew=0.6,
            rasterized=bool(part.sum() > 2000),
        )  # fmt: skip
    ax.annotate(
        "bound", (cycles[-1], bound[-1]), xytext=(0, -11), textcoords="offset points",
        ha="right", color=colour("muted"), fontsize=8,
    )  # fmt: skip
    if parting is not None:
        ax.axvline(parting, color=colour("red"), lw=0.9)
        ax.annotate(
            f"first difference: cycle {parting}", (parting, 0.02),
            xycoords=ax.get_xaxis_transform(), xytext=(4, 0), textcoords="offset points",
            color=colour("red"), fontsize=8,
        )  # fmt: skip
    ax.set_xlim(-0.5, len(apart) - 0.5)
    return ax


@styled
def rasters(
    runs: Mapping[str, Mapping[str, SpikeRecord]],
    figure: Figure,
    *,
    window: tuple[float, float],
    rhythm: Phases,
    outputs: str = "outputs",
) -> None:
    """Fill a figure with one raster for each run, on the same rows, free winners as dots.

    runs     name of the executor -> population -> spikes; `outputs` names the race
    window   s, from the start of a theta cycle
    """
    shared = [name for name in next(iter(runs.values())) if all(name in r for r in runs.values())]
    populations = sorted(shared, key=lambda name: name == outputs)
    rows = {}
    for name in populations:
        records = [run[name] for run in runs.values()]
        seen = [r.ids[(r.times >= window[0]) & (r.times < window[1])] for r in records]
        rows[name] = np.unique(np.concatenate(seen))
    every = figure.subplots(len(runs), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (title, run) in zip(every, runs.items(), strict=True):
        lanes = []
        for name in populations:
            phase = np.mod(run[name].times + 1e-9, float(rhythm.period))
            free = phase >= float(rhythm.encoding) if name == outputs else None
            lanes.append(Lane(label=name, spikes=run[name], rows=rows[name], marked=free))
        raster(lanes, ax, window=window, rhythm=rhythm)
        ax.set_ylabel(title, labelpad=52, fontweight="bold")
        ax.label_outer()
