"""Which past symbols a prediction rested on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.plot.palette import colour
from bioplastic.plot.style import axes, glyph, note, styled
from bioplastic.plot.weights import tiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def attention_map(
    weights: np.ndarray,
    glyphs: Sequence[str],
    ax: Axes | None = None,
    *,
    before: Sequence[str] = (),
    top: float | None = None,
) -> Axes:
    """Draw how far each prediction used each past symbol, through the branches that fired.

    Each row reads as the text does: the past from left to right, then the symbol that came.

    weights (L, K)  row t, column k: use of the symbol k + 1 places back; see `analysis.attention`
    glyphs (L,)     the symbols that were predicted, one printable string each
    before          symbols ahead of glyphs[0], the last one next to it; shown in the first rows
    top             value drawn opaque; None: the largest
    Raises UsageError when the lengths differ.
    """
    weights = np.atleast_2d(np.asarray(weights, dtype=float))
    if len(weights) != len(glyphs):
        raise UsageError(f"attention_map: {len(weights)} rows of weights but {len(glyphs)} glyphs")
    length, lags = weights.shape
    ax = axes(ax, (0.34 * max(lags, 6) + 1.6, 0.2 * max(length, 4) + 0.9))
    if weights.size == 0:
        return note(ax, "no predictions")
    limit = top or float(np.nanmax(weights)) or 1.0
    shown = np.clip(np.nan_to_num(weights[:, ::-1]) / limit, 0, 1)
    tiles(ax, shown, "cell")
    past = [*before, *glyphs]
    for t in range(length):
        for column in range(lags):
            place = len(before) + t - (lags - column)
            if place >= 0:
                ax.text(
                    column, t, glyph(past[place]), ha="center", va="center_baseline", fontsize=7.5,
                    color=colour("ink"), alpha=1.0 if shown[t, column] > 0.05 else 0.5,
                )  # fmt: skip
    ax.set_xticks(range(lags), [str(lags - c) for c in range(lags)])
    ax.set_xlabel("symbols back")
    ax.yaxis.tick_right()
    ax.set_yticks(range(length), [glyph(g) for g in glyphs], fontweight="bold", fontsize=8.5)
    ax.tick_params(length=0, labelcolor=colour("ink"), axis="y", pad=5)
    ax.tick_params(length=0, axis="x")
    ax.yaxis.set_label_position("right")
    ax.set_ylabel("symbol that came", rotation=270, va="bottom")
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.axvline(lags - 0.5, color=colour("grey"), lw=0.9)
    return ax
