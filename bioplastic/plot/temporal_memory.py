"""Figures of the spiking temporal memory: learning curve, sparseness, raster with plateaus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bioplastic.plot.palette import CYCLE, colour
from bioplastic.plot.style import axes, note, styled
from bioplastic.result import SpikeRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def prediction_error(errors: Mapping[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """Draw the prediction error over episodes, one line for each run.

    errors   label -> (E,) mean over sequences of sqrt(FP + FN)
    """
    ax = axes(ax, (7.2, 3.0))
    if not errors:
        return note(ax, "no episode was run")
    for k, (label, error) in enumerate(errors.items()):
        ax.plot(error, color=colour(CYCLE[k % len(CYCLE)]), label=label, linewidth=1.4)
    ax.set(xlabel="episode", ylabel="prediction error", ylim=(-0.05, None))
    ax.axhline(0, color=colour("line"), linewidth=0.8, zorder=0)
    if len(errors) > 1:
        ax.legend(ncols=min(len(errors), 5), loc="upper right")
    return ax


@styled
def active_neurons(
    active: np.ndarray, sequences: Sequence[str], ax: Axes | None = None, *, size: int = 150
) -> Axes:
    """Draw how many neurons of a subpopulation answer each place of a sequence, over episodes.

    active (E, K, L)   nan-padded; the line is the mean over sequences, the band their range
    sequences          one string for each sequence         size   neurons in a subpopulation
    """
    ax = axes(ax, (7.2, 3.0))
    longest = max(len(s) for s in sequences)
    for place in range(longest):
        values = active[:, [k for k, s in enumerate(sequences) if len(s) > place], place]
        hue = colour(CYCLE[place % len(CYCLE)])
        ax.plot(values.mean(axis=1), color=hue, label=f"element {place + 1}")
        ax.fill_between(
            np.arange(len(values)), values.min(axis=1), values.max(axis=1), color=hue, alpha=0.15
        )
    ax.set(xlabel="episode", ylabel="active neurons", ylim=(0, 1.2 * size))
    ax.legend(ncols=longest, loc="upper right")
    return ax


@styled
def presentation(
    spikes: SpikeRecord,
    onsets: SpikeRecord,
    ends: np.ndarray,
    ax: Axes | None = None,
    *,
    window: tuple[float, float],
    labels: Sequence[str],
    elements: Sequence[tuple[float, str]] = (),
) -> Axes:
    """Draw one stretch of time: plateaus as bars, spikes as ticks, subpopulations as bands.

    ends (E,)   step at which each plateau is over        window   from, to, s
    labels      symbol of each subpopulation, equal sizes
    elements    (time s, symbol) of the inputs, written at the top
    """
    ax = axes(ax, (7.2, 4.2))
    dt, (low, high) = spikes.dt, window
    lasting = (ends * dt > low) & (onsets.steps * dt < high)
    ax.hlines(
        onsets.ids[lasting],
        1e3 * (np.maximum(onsets.steps[lasting] * dt, low) - low),
        1e3 * (np.minimum(ends[lasting] * dt, high) - low),
        color=colour("orange"), linewidth=0.7, alpha=0.55, label="plateau (predicted)",
    )  # fmt: skip
    inside = (spikes.times >= low) & (spikes.times < high)
    ax.plot(
        1e3 * (spikes.times[inside] - low), spikes.ids[inside], linestyle="none", marker="|",
        markersize=2.4, markeredgewidth=0.8, color=colour("blue"), label="spike",
    )  # fmt: skip
    size = spikes.size / len(labels)
    for k in range(1, len(labels)):
        ax.axhline(k * size - 0.5, color=colour("line"), linewidth=0.6, zorder=0)
    ax.set_yticks(size * (np.arange(len(labels)) + 0.5), labels)
    ax.tick_params(axis="y", length=0)
    for time, symbol in elements:
        ax.text(1e3 * (time - low), spikes.size * 1.01, symbol, ha="center", va="bottom")
    ax.set(xlabel="time (ms)", xlim=(0, 1e3 * (high - low)), ylim=(0, spikes.size))
    ax.legend(loc="upper right", ncols=2)
    return ax
