"""Figures of a competition: how often the stronger inputs win, and how many neurons answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bioplastic.plot.palette import CYCLE, colour
from bioplastic.plot.style import axes, label_ends, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def selection(
    leads: np.ndarray,
    measured: Mapping[float, np.ndarray],
    expected: Mapping[float, tuple[np.ndarray, np.ndarray]],
    ax: Axes | None = None,
    *,
    chance: float,
    trials: int,
    title: str = "",
) -> Axes:
    """Draw the share of winners that had the stronger input, one curve for each jitter.

    leads (K,) ms       measured   jitter in ms -> (K,) share
    expected            jitter in ms -> (leads (M,) ms, share (M,)) of the closed form
    trials              trials behind each point, for its standard error
    """
    ax = axes(ax, (3.6, 3.0))
    ax.axhline(chance, color=colour("grey"), lw=0.9, ls=(0, (4, 3)))
    hues = [CYCLE[k % len(CYCLE)] for k in range(len(measured))]
    for (jitter, share), hue in zip(measured.items(), hues, strict=True):
        error = np.sqrt(share * (1 - share) / trials)
        ax.plot(*expected[jitter], color=colour(hue), lw=1.2)
        ax.errorbar(leads, share, error, fmt="o", ms=3.6, lw=0.9, color=colour(hue))
    ax.set(xlabel="lead of the strong (ms)", ylabel="strong among winners", ylim=(-0.02, 1.05))
    ax.set_title(title)
    ends = [float(want[-1]) for _, want in expected.values()]
    label_ends(ax, ends, [f"±{jitter:g} ms" for jitter in expected], hues)
    return ax


@styled
def answering(
    jitters: np.ndarray, counts: Mapping[str, np.ndarray], ax: Axes | None = None
) -> Axes:
    """Draw how many neurons spiked in a trial against the jitter, one curve for each competition.

    jitters (J,) ms      counts   label -> (J,) mean number of neurons
    """
    ax = axes(ax, (7.2, 2.6))
    hues = [CYCLE[k % len(CYCLE)] for k in range(len(counts))]
    for count, hue in zip(counts.values(), hues, strict=True):
        ax.plot(jitters, count, "o-", ms=3.6, color=colour(hue))
    ax.set(xlabel="jitter of the inputs (ms)", ylabel="neurons that spike", ylim=(0, None))
    label_ends(ax, [float(c[-1]) for c in counts.values()], list(counts), hues)
    return ax
