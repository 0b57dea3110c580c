"""Weights as they are stored: int8 histograms with saturation marked, and matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Rectangle

from bioplastic.plot.palette import colour
from bioplastic.plot.style import axes, fading, glyph, note, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VECTOR_CELLS = 6000  # a matrix with more cells becomes one embedded bitmap
NAMED_CELLS = 40


@styled
def weight_histogram(
    weights: np.ndarray,
    ax: Axes | None = None,
    *,
    w_max: int = 127,
    scale: float | None = None,
    unit: str = "nats",
) -> Axes:
    """Draw how many synapses have each integer weight; those at ±w_max are marked.

    weights (S,) integers      w_max  largest storable magnitude
    scale   `unit` per LSB, for the second axis below; None: no such axis
    """
    ax = axes(ax, (7.2, 2.8))
    w = np.asarray(weights).ravel().astype(np.int64)
    ax.set_xlabel("weight (LSB)")
    ax.set_ylabel("synapses")
    if len(w) == 0:
        return note(ax, "no synapses")
    low = -w_max if w.min() < 0 else 0
    values = np.arange(low, w_max + 1)
    counts = np.bincount(np.clip(w, low, w_max) - low, minlength=len(values))
    full = np.abs(values) == w_max
    ax.stairs(
        np.where(full, 0, counts),
        np.append(values, w_max + 1) - 0.5,
        fill=True,
        color=colour("cell"),
    )
    ax.bar(values[full], counts[full], width=2.4, color=colour("red"))
    ax.set_yscale("symlog", linthresh=1.0)
    ax.set_ylim(0, 2.5 * counts.max())
    ax.set_xlim(low - 4 if low < 0 else -1.5, w_max + 4)
    saturated = int(counts[full].sum())
    ax.text(
        1.0, 1.0, f"{saturated:,} of {len(w):,} saturated ({saturated / len(w):.2%})",
        transform=ax.transAxes, ha="right", va="bottom", fontsize=8,
        color=colour("red" if saturated else "muted"),
    )  # fmt: skip
    if scale is not None:
        other = ax.secondary_xaxis(
            -0.28, functions=(lambda x: np.asarray(x) * scale, lambda x: np.asarray(x) / scale)
        )
        other.set_xlabel(f"weight ({unit})")
    return ax


@styled
def weight_matrix(
    w: np.ndarray,
    ax: Axes | None = None,
    *,
    w_max: float | None = None,
    pre: Sequence[str] = (),
    post: Sequence[str] = (),
) -> Axes:
    """Draw weights as tiles: positive blue, negative orange, opaque at w_max.

    w (pre, post)    w_max  None: the largest magnitude    pre, post  names of rows and columns
    """
    w = np.atleast_2d(np.asarray(w, dtype=float))
    ax = axes(ax, (7.2, 3.6))
    ax.set_xlabel("post")
    ax.set_ylabel("pre")
    if w.size == 0:
        return note(ax, "no synapses")
    top = float(w_max or np.nanmax(np.abs(w)) or 1.0)
    for part, hue in ((w, "blue"), (-w, "orange")):
        tiles(ax, np.clip(part / top, 0, 1), hue)
    for names, size, setter in (
        (post, w.shape[1], ax.set_xticks),
        (pre, w.shape[0], ax.set_yticks),
    ):
        if names and size <= NAMED_CELLS:
            setter(np.arange(size), [glyph(n) for n in names], fontsize=7)
    text = f"±{top:g}" if (w < 0).any() else f"{top:g}"
    ax.text(
        1.0, 1.01, f"opaque = {text}", transform=ax.transAxes, ha="right", va="bottom",
        fontsize=7.5, color=colour("muted"),
    )  # fmt: skip
    return ax


def tiles(ax: Axes, values: np.ndarray, hue: str) -> None:
    """Fill a grid of unit cells, row 0 on top, with opacity = values in 0..1 (R, C)."""
    rows, columns = values.shape
    if values.size > VECTOR_CELLS:
        ax.imshow(
            values, cmap=fading(hue), vmin=0, vmax=1, aspect="auto", interpolation="nearest",
            extent=(-0.5, columns - 0.5, rows - 0.5, -0.5),
        )  # fmt: skip
    else:
        for r, c in zip(*np.nonzero(values > 0.004), strict=True):
            ax.add_patch(_cell(r, c, float(values[r, c]), hue))
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_ylim(rows - 0.5, -0.5)


def _cell(row: int, column: int, opacity: float, hue: str) -> Rectangle:
    return Rectangle((column - 0.5, row - 0.5), 1, 1, fc=colour(hue), alpha=opacity, lw=0)
