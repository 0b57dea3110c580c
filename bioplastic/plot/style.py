"""How every figure looks: matplotlib settings, empty axes, labels that stand at their curve.

A plot is a function ``(data, ax=None, ...) -> ax``; it draws, and simulates nothing. Text in SVG
is drawn as paths in the typeface that matplotlib brings along, so a figure looks the same in every
browser and its bytes are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure

from bioplastic.plot.palette import CYCLE, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

P = ParamSpec("P")
R = TypeVar("R")

RC: dict[Any, Any] = {
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "figure.facecolor": colour("paper"),
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "axes.facecolor": "none",
    "axes.edgecolor": colour("grey"),
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelcolor": colour("muted"),
    "axes.labelsize": 8.5,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlecolor": colour("ink"),
    "axes.prop_cycle": cycler(color=[colour(name) for name in CYCLE]),
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": colour("line"),
    "grid.linewidth": 0.7,
    "text.color": colour("ink"),
    "xtick.color": colour("grey"),
    "ytick.color": colour("grey"),
    "xtick.labelcolor": colour("muted"),
    "ytick.labelcolor": colour("muted"),
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 1.6,
    "ytick.minor.size": 1.6,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "savefig.dpi": 200,
}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Make a plot function draw with `RC`, whoever calls it."""

    @wraps(draw)
    def with_style(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context(RC):
            return draw(*args, **kwargs)

    return with_style


def axes(ax: Axes | None, size: tuple[float, float] = (7.2, 3.2)) -> Axes:
    """Return `ax`, or the axes of a new figure of `size` inches that pyplot does not keep."""
    if ax is not None:
        return ax
    made: Axes = Figure(figsize=size, layout="constrained").subplots()
    return made


def fading(name: str) -> ListedColormap:
    """Colour map of one hue, opacity 0 to 1, so that it reads on paper and on a dark screen."""
    shades = np.empty((256, 4))
    shades[:, :3] = to_rgb(colour(name))
    shades[:, 3] = np.linspace(0.0, 1.0, 256)
    return ListedColormap(shades, name=f"fading-{name}")


def note(ax: Axes, text: str) -> Axes:
    """Write `text` in the middle of axes that have nothing to show."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=colour("muted"))
    return ax


def spread(places: Sequence[float] | np.ndarray, gap: float) -> np.ndarray:
    """Move numbers apart until neighbours differ by at least `gap`, keeping order and mean.

    >>> spread([1.0, 1.0, 5.0], 0.5).tolist()
    [0.75, 1.25, 5.0]
    """
    order = np.argsort(places, kind="stable")
    blocks: list[list[float]] = []  # [mean of the wished starts, count], runs that touch
    for place in np.asarray(places, dtype=float)[order]:
        blocks.append([place, 1])
        while len(blocks) > 1 and (
            blocks[-1][0] - blocks[-2][0] < gap * (blocks[-1][1] + blocks[-2][1]) / 2
        ):
            (high, m), (low, n) = blocks.pop(), blocks.pop()
            blocks.append([(low * n + high * m) / (n + m), n + m])
    moved = np.empty(len(order))
    moved[order] = [
        mean + gap * (k - (count - 1) / 2) for mean, count in blocks for k in range(int(count))
    ]
    return moved


def label_ends(
    ax: Axes, heights: Sequence[float], texts: Sequence[str], colours: Sequence[str]
) -> None:
    """Write one label for each curve at the right edge of `ax`, moved apart where they would touch.

    heights (K,) data: where the curves end; call it when the limits of the axis stand
    """
    figure = ax.get_figure(root=True)
    points = 72 * (figure.get_size_inches()[1] if figure is not None else 3.2)
    points *= 0.82 * ax.get_position().height / 0.77  # axes shrink when the layout is made
    scale = ax.transData.transform
    pixels = np.array([ax.transAxes.inverted().transform(scale((0, h)))[1] for h in heights])
    for place, text, name in zip(spread(pixels, 10.5 / points), texts, colours, strict=True):
        ax.annotate(
            glyph(text), (1.0, place), xycoords="axes fraction", xytext=(5, 0),
            textcoords="offset points", va="center", ha="left", color=colour(name), fontsize=8,
            fontweight="bold" if len(heights) > 1 and name == "blue" else "normal",
            annotation_clip=False,
        )  # fmt: skip


@cache
def _known() -> frozenset[int]:
    """Code points that the typeface of figures can draw."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def glyph(text: str) -> str:
    """Return `text` as a figure can show it: unknown and control characters as □, $ as itself.

    >>> glyph("a\\x07b")
    'a□b'
    """
    shown = "".join(c if ord(c) in _known() and c.isprintable() else "□" for c in text)
    return shown.replace("$", r"\$")
