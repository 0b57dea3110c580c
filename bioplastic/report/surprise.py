"""Text coloured by surprise: a perceptually even scale, readable on paper and on a dark screen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.plot.palette import PALETTE

STEP = 0.5  # bits per shade
SHADES = 17  # the last one is for STEP * (SHADES - 1) bits and more
UNKNOWN = "sx"

# OKLCH (lightness, chroma, hue in degrees) of the first and the last shade. Lightness alone tells
# the order, so the scale survives every colour-vision deficiency and a grey printer.
_PAPER = ((1.0, 0.0, 95.0), (0.67, 0.17, 38.0))
_DARK = ((0.225, 0.0, 95.0), (0.54, 0.15, 38.0))


def shade(bits: float) -> int:
    """Return the shade of a surprise; below 0 counts as 0."""
    return min(SHADES - 1, max(0, int(bits / STEP))) if math.isfinite(bits) else SHADES - 1


def scale(dark: bool = False) -> list[str]:
    """Return the SHADES background colours as hex, even in lightness; the first is the page."""
    low, high = _DARK if dark else _PAPER
    mix = np.linspace(0.0, 1.0, SHADES)
    tints = [_hex(*(a + (b - a) * m for a, b in zip(low, high, strict=True))) for m in mix]
    return [PALETTE["paper"][dark], *tints[1:]]


def _hex(lightness: float, chroma: float, hue: float) -> str:
    """Convert OKLCH to sRGB, clipped to its gamut. Source: Ottosson 2020, "OKLab"."""
    a, b = (chroma * f(math.radians(hue)) for f in (math.cos, math.sin))
    roots = (
        lightness + 0.3963377774 * a + 0.2158037573 * b,
        lightness - 0.1055613458 * a - 0.0638541728 * b,
        lightness - 0.0894841775 * a - 1.2914855480 * b,
    )
    l, m, s = (x**3 for x in roots)
    linear = (
        4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
        -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
    )
    levels = (12.92 * x if x <= 0.0031308 else 1.055 * x ** (1 / 2.4) - 0.055 for x in linear)
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, x))):02x}" for x in levels)


def spans(glyphs: Sequence[str], surprise: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield one {glyph, shade, hint, rest} for each symbol; rest says that a line may end after it.

    Raises UsageError when the lengths differ.
    """
    bits = np.asarray(surprise, dtype=float)
    if len(glyphs) != len(bits):
        raise UsageError(f"coloured text: {len(glyphs)} glyphs but {len(bits)} surprises")
    for symbol, value in zip(glyphs, bits.tolist(), strict=True):
        unknown = math.isnan(value)
        hint = "no prediction" if unknown else f"{value:.2f} bits"
        ends = symbol.isspace() or symbol in ("␣", "↵", "␤", "·", "⏎")
        yield {
            "glyph": "↵\n" if symbol == "\n" else (symbol or "∅"),
            "shade": UNKNOWN if unknown else f"s{shade(value)}",
            "hint": hint,
            "rest": ends,
        }


def summary(surprise: np.ndarray) -> str:
    """Return one line on the sample: how many symbols, their mean, and how many were clear."""
    bits = np.asarray(surprise, dtype=float)
    bits = bits[~np.isnan(bits)]
    if len(bits) == 0:
        return "no predictions"
    return (
        f"{len(bits):,} symbols, mean {bits.mean():.2f} bits; "
        f"{np.mean(bits < 1):.0%} below 1 bit, {np.mean(bits >= 4):.0%} at 4 bits or more"
    )
