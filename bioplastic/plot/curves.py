"""Learning curves and baselines, in bits per symbol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter

from bioplastic.analysis import window_means
from bioplastic.plot.palette import CYCLE, colour
from bioplastic.plot.style import axes, glyph, label_ends, note, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COUNT = FuncFormatter(lambda x, _: f"{x:,.0f}")


@styled
def learning_curve(
    bits: np.ndarray,
    ax: Axes | None = None,
    *,
    window: int | None = None,
    baselines: Mapping[str, float | np.ndarray] | None = None,
    label: str = "this network",
    unit: str = "bits / symbol",
) -> Axes:
    """Draw the mean surprise in consecutive windows, and what others reach on the same symbols.

    bits (L,)   surprise of each symbol, predicted before it was learned
    window      symbols per point; None: L/60, at least 1
    baselines   name -> one number (a dashed level) or (L,) bits (a curve in the same windows)
    """
    ax = axes(ax, (7.2, 3.4))
    bits = np.asarray(bits, dtype=float)
    width = window or max(1, len(bits) // 60)
    ends: list[float] = []
    texts: list[str] = []
    hues: list[str] = []
    floor = np.inf
    others = [name for name in CYCLE if name != "blue"]
    for name, value in (baselines or {}).items():
        series = np.asarray(value, dtype=float)
        if series.ndim == 0:
            hue = "grey"
            ax.axhline(float(series), color=colour(hue), lw=0.9, ls=(0, (4, 3)), zorder=1)
            end = float(series)
        else:
            hue = others[sum(h in others for h in hues) % len(others)]
            centres, means = window_means(series, width)
            ax.plot(centres, means, color=colour(hue), lw=1.1)
            end = float(means[-1]) if len(means) else 0.0
            floor = min(floor, float(np.min(means, initial=np.inf)))
        ends.append(end)
        texts.append(f"{name}  {end:.2f}")
        hues.append("muted" if hue == "grey" else hue)
    centres, means = window_means(bits, width)
    ax.set_xlabel("symbols read")
    ax.set_ylabel(unit)
    ax.xaxis.set_major_formatter(COUNT)
    if not np.isfinite(means).any():
        return note(ax, "no symbols")
    ax.plot(centres, means, color=colour("blue"), lw=2.2, marker="o" if len(means) == 1 else None)
    ends.append(float(means[np.isfinite(means)][-1]))
    texts.append(f"{label}  {ends[-1]:.2f}")
    hues.append("blue")
    ax.set_xlim(0, max(len(bits), 1))
    low = min(*ends, floor, float(np.nanmin(means)))
    high = max(*ends, float(np.nanmax(means)))
    room = 0.06 * (high - low) or 0.5
    ax.set_ylim(max(0.0, low - room), high + room)
    ax.grid(axis="y")
    label_ends(ax, ends, texts, hues)
    return ax


@styled
def baselines(
    values: Mapping[str, float],
    ax: Axes | None = None,
    *,
    highlight: str | None = None,
    unit: str = "bits / symbol",
) -> Axes:
    """Draw one bar for each predictor, the best on top, with its number; `highlight` in colour."""
    ax = axes(ax, (7.2, 0.7 + 0.3 * max(1, len(values))))
    shown = sorted((kv for kv in values.items() if np.isfinite(kv[1])), key=lambda kv: kv[1])
    ax.set_xlabel(unit)
    ax.spines["left"].set_visible(False)
    if not shown:
        ax.set_yticks([])
        return note(ax, "nothing to compare")
    y = np.arange(len(shown))
    hues = [colour("blue" if name == highlight else "grey") for name, _ in shown]
    bars = ax.barh(y, [v for _, v in shown], height=0.62, color=hues)
    for bar, (name, _) in zip(bars, shown, strict=True):
        bar.set_alpha(1.0 if name == highlight else 0.55)
    for place, (name, value) in zip(y, shown, strict=True):
        ax.annotate(
            f"{value:.3f}", (value, place), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=8, color=colour("ink"),
            fontweight="bold" if name == highlight else "normal",
        )  # fmt: skip
    ax.set_yticks(y, [glyph(name) for name, _ in shown], color=colour("ink"))
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_xlim(0, 1.1 * max(v for _, v in shown) or 1.0)
    return ax


@styled
def surprise_latency(latency: np.ndarray, bits: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw the surprise of each symbol against the latency of the first output spike.

    latency (L,) seconds, nan where no output neuron fired      bits (L,)
    The line is the median in tenths of the symbols, ordered by latency.
    """
    ax = axes(ax, (4.6, 3.4))
    latency, bits = np.asarray(latency, dtype=float), np.asarray(bits, dtype=float)
    ok = np.isfinite(latency) & np.isfinite(bits)
    x, y = 1e3 * latency[ok], bits[ok]
    ax.set_xlabel("latency of the first output spike (ms)")
    ax.set_ylabel("surprise (bits)")
    if len(x) == 0:
        return note(ax, "no output spikes")
    ax.plot(
        x, y, "o", ms=2.6, mec="none", color=colour("blue"), alpha=0.35, rasterized=len(x) > 2000
    )
    if len(x) >= 20:
        tenths = np.array_split(np.argsort(x, kind="stable"), 10)
        ax.plot(
            [np.median(x[g]) for g in tenths], [np.median(y[g]) for g in tenths],
            color=colour("orange"), lw=2,
        )  # fmt: skip
    ax.set_ylim(bottom=0)
    return ax
