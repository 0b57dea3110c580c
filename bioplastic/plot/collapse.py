"""Figures of the collapse audit: one for each question that integer counts cannot answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from bioplastic.plot.palette import CYCLE, colour
from bioplastic.plot.style import axes, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def leak(charge: np.ndarray, full: np.ndarray, flat: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw spikes against charge in units of the threshold: with leak, and collapsed.

    charge, full, flat (K,)
    """
    ax = axes(ax, (4.6, 3.2))
    ax.plot(charge, flat, "o-", ms=3, color=colour("grey"), label="collapsed")
    ax.plot(charge, full, "o-", ms=3, color=colour("blue"), label="full time")
    ax.set(xlabel="charge in 100 ms (thresholds)", ylabel="spikes")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend()
    return ax


@styled
def counts_by_class(
    counts: np.ndarray, label: np.ndarray, flat: int, ax: Axes | None = None
) -> Axes:
    """Draw how often each spike count comes, for trials in volleys and for even ones.

    counts (trials,)      label (trials,) True = volleys      flat   the count collapsed, the same
    """
    ax = axes(ax, (4.6, 3.2))
    high = int(max(counts.max(initial=0), flat))
    places = np.arange(high + 1)
    for k, (mine, hue, text) in enumerate(((~label, "orange", "even"), (label, "blue", "volleys"))):
        share = np.bincount(counts[mine], minlength=high + 1) / max(mine.sum(), 1)
        ax.bar(places + 0.4 * (k - 0.5), share, width=0.4, color=colour(hue), label=text)
    ax.axvline(flat, color=colour("grey"), ls=(0, (4, 3)), lw=1, label="collapsed, both")
    ax.set(xlabel="output spikes of a trial", ylabel="share of trials")
    ax.legend(loc="upper center")
    return ax


@styled
def weights(before: float, after: dict[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """Draw the weights of synapses that saw the same counts in different orders.

    before   weight at the start, of w_max      after   order -> (copies,) of w_max
    """
    ax = axes(ax, (4.6, 3.2))
    for k, (hue, values) in enumerate(zip(("orange", "blue"), after.values(), strict=True)):
        spread = np.linspace(-0.25, 0.25, len(values))
        ax.plot(k + spread, values, "o", ms=2.5, color=colour(hue))
    ax.axhline(before, color=colour("grey"), ls=(0, (4, 3)), lw=1)
    ax.annotate("start", (1.45, before), xytext=(0, 4), textcoords="offset points", fontsize=8)
    ax.set_xticks(range(len(after)), list(after))
    ax.set(ylabel="weight after (of w_max)", ylim=(0, 1), xlim=(-0.5, len(after) - 0.35))
    return ax


@styled
def permuted(counts: np.ndarray, flat: int, ax: Axes | None = None) -> Axes:
    """Draw the output of a leaky neuron over permutations of the steps of one code.

    counts (draws,)      flat   collapsed output, the same for all
    """
    ax = axes(ax, (4.6, 3.2))
    high = int(max(counts.max(initial=0), flat))
    share = np.bincount(counts, minlength=high + 1) / max(len(counts), 1)
    ax.bar(np.arange(high + 1), share, width=0.7, color=colour("blue"), label="full time")
    ax.axvline(flat, color=colour("grey"), ls=(0, (4, 3)), lw=1, label="collapsed, all")
    ax.set(xlabel="output spikes", ylabel="share of permutations")
    ax.legend()
    return ax


@styled
def bits_lost(
    windows: np.ndarray,
    curves: Mapping[str, np.ndarray],
    levels: Mapping[str, float],
    ax: Axes | None = None,
) -> Axes:
    """Draw bits per symbol against how many symbols one window collapses.

    windows (K,)   curves  name -> (K,) bits, the first in colour    levels  name -> bits, no window
    """
    ax = axes(ax, (7.2, 3.4))
    for k, (name, bits) in enumerate(curves.items()):
        hue = CYCLE[k % len(CYCLE)]
        ax.plot(windows, bits, "o-", color=colour(hue), label=name)
        for x, y in zip(windows, bits, strict=True):
            ax.annotate(f"{y:.2f}", (x, y), xytext=(0, 6 if k == 0 else -12),
                        textcoords="offset points", ha="center", fontsize=8,
                        color=colour(hue))  # fmt: skip
    for dash, (name, level) in zip(((4, 3), (1, 2)), levels.items(), strict=True):
        ax.axhline(level, color=colour("grey"), ls=(0, dash), lw=1, label=f"{name}  {level:.2f}")
    ax.set_xscale("log", base=2)
    ax.set_xticks(windows, [str(int(w)) for w in windows])
    ax.minorticks_off()
    top = max(*levels.values(), *(float(b.max()) for b in curves.values()))
    ax.set(xlabel="symbols per window (1: full time)", ylabel="bits / symbol", ylim=(0, 1.15 * top))
    ax.legend(loc="lower right")
    return ax
