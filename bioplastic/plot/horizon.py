"""The agreement horizon: how two runs of one network part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bioplastic.plot.palette import colour
from bioplastic.plot.style import axes, note, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def horizon(ends: np.ndarray, share: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw the share of equal spikes in each window.

    ends (W,) ms      share (W,) in 0..1, nan where both runs are silent
    """
    ax = axes(ax, (7.2, 3.2))
    known = np.isfinite(share)
    ax.set(xlabel="time (ms)", ylabel="equal spikes (%)")
    if not known.any():
        return note(ax, "no spikes")
    ax.plot(ends[known], 100 * share[known], "o-", ms=3, color=colour("blue"))
    ax.axhline(100, color=colour("line"), lw=0.8, zorder=0)
    ax.set(xlim=(0, None), ylim=(-2, 104))
    return ax
