"""Numbers as people read them, and the colours that stand for surprise and for curves."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.plot.palette import CYCLE, PALETTE, colour
from bioplastic.report.numbers import column, is_numeric, metric_name, number
from bioplastic.report.surprise import SHADES, scale, shade, spans


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.0, "0"), (-3, "−3"), (1234567, "1,234,567"), (8123.4, "8,123"),
        (0.5, "0.5"), (1e-7, "1.000e−07"), (math.nan, "–"), (-math.inf, "−∞"), (None, "–"),
        ("x", "x"), (True, "True"), (np.float32(2.5), "2.5"), (99999.9, "100,000"),
    ],
)  # fmt: skip
def test_number(value: object, text: str) -> None:
    assert number(value) == text


def test_floats_of_a_column_share_their_decimals() -> None:
    assert column([4.7549, 1.7, 0.05]) == (["4.755", "1.700", "0.050"], True)
    assert column([1e-6, 1e6])[0] == ["1.000e−06", "1,000,000"]
    assert column(["a", 1.0])[1] is False
    assert column(["16 MiB", "1,000", "–", None])[1] is True


@pytest.mark.parametrize(("text", "yes"), [("12%", True), ("−3", True), ("order 3", False)])
def test_is_numeric(text: str, yes: bool) -> None:
    assert is_numeric(text) is yes


def test_metric_names() -> None:
    assert metric_name("shuffled_bits_per_symbol") == ("shuffled", "bits / symbol")
    assert metric_name("symbols_per_second") == ("", "symbols / second")
    assert metric_name("seconds") == ("seconds", "")


def lightness_and_contrast(hexes: list[str], ink: str) -> tuple[list[float], list[float]]:
    light = [luminance(h) for h in hexes]
    text = luminance(ink)
    return light, [(max(a, text) + 0.05) / (min(a, text) + 0.05) for a in light]


def linear(code: str) -> np.ndarray:
    c = np.array([int(code[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def luminance(code: str) -> float:
    return float(linear(code) @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("dark", [False, True])
def test_surprise_scale_is_monotone_and_readable(dark: bool) -> None:
    light, contrast = lightness_and_contrast(scale(dark), PALETTE["ink"][dark])
    assert len(light) == SHADES
    assert light == sorted(light, reverse=not dark)
    assert min(contrast) >= 4.5  # WCAG AA for body text


def test_shades_and_their_limits() -> None:
    assert [shade(b) for b in (-1.0, 0.0, 0.49, 0.5, 7.99, 8.0, math.inf)] == [
        0,
        0,
        0,
        1,
        15,
        16,
        16,
    ]
    with pytest.raises(UsageError, match="2 glyphs but 1"):
        list(spans(["a", "b"], np.zeros(1)))


# Machado, Oliveira & Fernandes 2009, severity 1: protan, deutan, tritan; then normal vision
VISION = (
    [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
    np.eye(3),
)  # fmt: skip
TO_LMS = [[0.41222147, 0.53633254, 0.05144599], [0.2119035, 0.68069955, 0.10739696],
          [0.08830246, 0.28171884, 0.6299787]]  # fmt: skip
TO_LAB = [[0.21045426, 0.79361779, -0.00407205], [1.9779985, -2.42859221, 0.45059371],
          [0.0259040371, 0.78277177, -0.80867577]]  # fmt: skip


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("vision", range(4))
def test_hues_of_curves_keep_apart(vision: int, mode: int) -> None:
    seen = {}
    for name in CYCLE:
        rgb = np.clip(np.array(VISION[vision]) @ linear(PALETTE[name][mode]), 0, 1)
        seen[name] = np.array(TO_LAB) @ np.cbrt(np.array(TO_LMS) @ rgb)
    for a, b in itertools.combinations(CYCLE, 2):
        assert np.linalg.norm(seen[a] - seen[b]) >= 0.09, (a, b)


def test_palette_names() -> None:
    light = [pair[0] for pair in PALETTE.values()]
    assert len(set(light)) == len(light)  # the report finds names by their value
    assert colour("#123456") == "#123456"
    with pytest.raises(UsageError, match="did you mean 'blue'"):
        colour("bleu")
