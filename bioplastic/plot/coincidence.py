"""Figures of dendritic coincidence: summation, time window, order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bioplastic.plot.palette import CYCLE, colour
from bioplastic.plot.style import axes, label_ends, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def summation(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], ax: Axes | None = None) -> Axes:
    """Draw the response to two inputs against the arithmetic sum of the responses to each alone.

    curves   label -> (expected (K,), measured (K,)) peaks at the soma, mV
    """
    ax = axes(ax, (5.0, 3.4))
    edge = max(float(expected.max()) for expected, _ in curves.values())
    ax.plot([0, edge], [0, edge], color=colour("grey"), lw=1.0, ls=(0, (4, 3)))
    hues = [CYCLE[k % len(CYCLE)] for k in range(len(curves))]
    for (expected, measured), hue in zip(curves.values(), hues, strict=True):
        ax.plot(expected, measured, "o-", ms=3.4, lw=1.2, color=colour(hue))
    ax.set(xlabel="arithmetic sum (mV)", ylabel="measured (mV)", xlim=(0, None), ylim=(0, None))
    label_ends(ax, [float(m[-1]) for _, m in curves.values()], list(curves), hues)
    return ax


@styled
def window(intervals: np.ndarray, gain: Mapping[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """Draw the peak over the peak of the summed single responses, against the interval of inputs.

    intervals (K,) ms       gain   label -> (K,)
    """
    ax = axes(ax, (7.2, 2.8))
    hues = [CYCLE[k % len(CYCLE)] for k in range(len(gain))]
    for values, hue in zip(gain.values(), hues, strict=True):
        ax.plot(intervals, values, "o-", ms=3.0, lw=1.2, color=colour(hue))
    ax.set(xlabel="interval between the two inputs (ms)", ylabel="measured / sum", ylim=(0, None))
    label_ends(ax, [float(g[-1]) for g in gain.values()], list(gain), hues)
    return ax


@styled
def sequences(times: np.ndarray, traces: Mapping[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """Draw somatic potentials after the same inputs in two orders.

    times (T,) ms       traces   label -> (2, T) mV: far to near (solid), near to far (dashed)
    """
    ax = axes(ax, (7.2, 2.8))
    hues = [CYCLE[k % len(CYCLE)] for k in range(len(traces))]
    for (inward, outward), hue in zip(traces.values(), hues, strict=True):
        ax.plot(times, inward, color=colour(hue), lw=1.4)
        ax.plot(times, outward, color=colour(hue), lw=1.2, ls=(0, (4, 2)))
    ax.set(xlabel="time (ms)", ylabel="v (mV)", ylim=(0, None))
    ax.margins(x=0)
    for k, (label, hue) in enumerate(zip(traces, hues, strict=True)):
        ax.text(0.99, 0.92 - 0.09 * k, label, color=colour(hue), ha="right", transform=ax.transAxes)
    return ax
