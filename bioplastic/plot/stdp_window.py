"""Figures of the STDP window: measured changes on the closed form, trains on their pair sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bioplastic.plot.palette import colour
from bioplastic.plot.style import axes, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def stdp_window(
    lags: np.ndarray, measured: np.ndarray, expected: np.ndarray, ax: Axes | None = None
) -> Axes:
    """Draw the change of a weight against the lag between its two spikes.

    lags (K,) ms: t_post − t_pre      measured, expected (K,) % of w_max
    """
    ax = axes(ax, (7.2, 3.2))
    ax.axhline(0, color=colour("line"), lw=0.8, zorder=0)
    ax.axvline(0, color=colour("line"), lw=0.8, zorder=0)
    for side in (lags < 0, lags > 0):
        ax.plot(lags[side], expected[side], color=colour("grey"), lw=1.4)
    for side, hue in ((lags < 0, "blue"), (lags == 0, "ink"), (lags > 0, "orange")):
        ax.plot(lags[side], measured[side], "o", ms=3.6, color=colour(hue))
    ax.set(xlabel="t_post − t_pre (ms)", ylabel="Δw (% of w_max)")
    kinds = (("grey", 0.86, "closed form"), ("orange", 0.93, "pre before post"))
    for hue, height, text in (*kinds, ("blue", 0.79, "post before pre")):
        ax.text(0.99, height, text, color=colour(hue), ha="right", transform=ax.transAxes)
    return ax


@styled
def train_changes(measured: np.ndarray, expected: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw the change by two whole trains against the sum over all their pairs.

    measured, expected (M,) % of w_max
    """
    ax = axes(ax, (3.6, 3.2))
    edge = 1.08 * float(np.max(np.abs(expected), initial=1e-9))
    ax.plot([-edge, edge], [-edge, edge], color=colour("grey"), lw=1.0)
    ax.plot(expected, measured, "o", ms=3.6, color=colour("teal"))
    ax.set(xlabel="sum over all pairs (% of w_max)", ylabel="measured", aspect="equal")
    return ax
