"""Every plot draws ordinary, tiny and empty data without a warning."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from bioplastic import plot
from bioplastic.plot.style import glyph, spread
from bioplastic.result import SpikeRecord

pytestmark = pytest.mark.filterwarnings("error")
RHYTHM = SimpleNamespace(period=0.125, encoding=0.025, gamma=4)


def record(steps=(), ids=(), size=3, labels=None) -> SpikeRecord:
    return SpikeRecord(
        population="out", steps=np.array(steps, np.int64), ids=np.array(ids, np.int64), size=size,
        dt=1e-4, labels=labels,
    )  # fmt: skip


SPIKES = record([10, 10, 1300, 2600], [0, 2, 1, 0], labels=("a", "$", "\x07"))
MARKED = plot.Lane(label="race", spikes=SPIKES, marked=np.array([0, 1, 0, 1], bool))
CASES: dict[str, Callable[[], Axes]] = {
    "raster": lambda: plot.raster(SPIKES),
    "raster lanes": lambda: plot.raster(
        [SPIKES, MARKED], rhythm=RHYTHM, symbols=["t", "$x$", "e"], window=(0, 0.3)
    ),
    "raster rows": lambda: plot.raster([plot.Lane(label="x", spikes=SPIKES, rows=[2, 0])]),
    "raster no spikes": lambda: plot.raster(record(), rhythm=RHYTHM),
    "raster no lanes": lambda: plot.raster([]),
    "raster empty lane": lambda: plot.raster([record(), SPIKES]),
    "raster window without spikes": lambda: plot.raster(SPIKES, window=(5.0, 5.5), rhythm=RHYTHM),
    "trace": lambda: plot.trace(np.sin(np.arange(99)), dt=1e-4, threshold=1.5, labels=["v"]),
    "trace two": lambda: plot.trace(np.ones((2, 5)), dt=1e-4, labels=["v", "w"]),
    "trace one sample": lambda: plot.trace(np.ones(1), dt=1e-4, labels=["v"]),
    "trace nothing": lambda: plot.trace(np.zeros((1, 0)), dt=1e-4),
    "rates": lambda: plot.rates({"a": SPIKES, "b": record()}),
    "rates silent": lambda: plot.rates(record()),
    "curve": lambda: plot.learning_curve(
        np.linspace(5, 2, 500), baselines={"unigram": 4.1, "ppm": np.linspace(5, 1.9, 500)}
    ),
    "curve one symbol": lambda: plot.learning_curve(np.ones(1)),
    "curve nothing": lambda: plot.learning_curve(np.zeros(0), baselines={"uniform": 4.7}),
    "curve all nan": lambda: plot.learning_curve(np.full(3, np.nan)),
    "curve perfect": lambda: plot.learning_curve(np.zeros(50)),
    "baselines": lambda: plot.baselines({"us": 1.7, "ppm $": 1.6, "gru": np.nan}, highlight="us"),
    "baselines none": lambda: plot.baselines({}),
    "baselines zero": lambda: plot.baselines({"a": 0.0}),
    "latency": lambda: plot.surprise_latency(np.linspace(0, 0.1, 50), np.linspace(0, 9, 50)),
    "latency none": lambda: plot.surprise_latency(np.full(2, np.nan), np.ones(2)),
    "histogram": lambda: plot.weight_histogram(np.array([-127, 0, 3, 127], np.int8), scale=1 / 32),
    "histogram positive": lambda: plot.weight_histogram(np.array([0, 5], np.int8)),
    "histogram none": lambda: plot.weight_histogram(np.zeros(0, np.int8)),
    "matrix": lambda: plot.weight_matrix(
        np.eye(3) - 0.5, pre=["a", "b", "$"], post=["x", "y", "z"]
    ),
    "matrix large": lambda: plot.weight_matrix(np.ones((90, 90))),
    "matrix zero": lambda: plot.weight_matrix(np.zeros((2, 2))),
    "matrix none": lambda: plot.weight_matrix(np.zeros((0, 4))),
    "attention": lambda: plot.attention_map(np.eye(3), ["a", "\n", "漢"], before=["x"]),
    "attention one": lambda: plot.attention_map(np.zeros((1, 1)), ["a"]),
    "attention none": lambda: plot.attention_map(np.zeros((0, 4)), []),
}


def svg(figure: Figure | SubFigure | None) -> str:
    assert isinstance(figure, Figure)
    text = io.StringIO()
    with rc_context({"svg.hashsalt": "test", **plot.RC}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


@pytest.mark.parametrize("name", CASES)
def test_draws_without_a_warning(name: str) -> None:
    ax = CASES[name]()
    assert isinstance(ax, Axes)
    figure = ax.get_figure(root=True)
    assert figure is not None
    assert "</svg>" in svg(figure)


def test_draws_into_given_axes_and_returns_them() -> None:
    with rc_context(plot.RC):
        ax = Figure().subplots()
    assert plot.raster(SPIKES, ax) is ax


def test_same_data_same_bytes() -> None:
    first, second = (svg(CASES["raster lanes"]().figure) for _ in range(2))
    assert first == second


def test_winners_are_marked_and_spelled() -> None:
    ax = plot.raster([MARKED], window=(0, 0.3))
    (dots,) = [line for line in ax.lines if line.get_marker() == "o"]
    assert np.asarray(dots.get_xdata()).tolist() == [1.0, 260.0]
    assert [t.get_text() for t in ax.texts if t.get_fontsize() == 7.5] == ["□", "a"]


def test_histogram_counts_saturation() -> None:
    ax = plot.weight_histogram(np.array([127, 127, -127, 0], np.int8))
    assert "3 of 4 saturated" in ax.texts[0].get_text()


def test_labels_move_apart_and_keep_their_order() -> None:
    moved = spread([3.0, 1.0, 1.1, 1.2], 0.5)
    assert moved[0] == 3.0
    assert np.diff(moved[1:]) == pytest.approx([0.5, 0.5])
    assert moved[1:].mean() == pytest.approx(1.1)
    assert spread([], 1.0).tolist() == []


def test_glyph_never_becomes_mathematics() -> None:
    assert glyph("$a$") == r"\$a\$"
    assert glyph("é漢\x00") == "é□□"
