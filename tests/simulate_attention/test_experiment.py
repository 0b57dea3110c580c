"""The experiment that compares Brian2 with the integer kernel, at toy size."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from bioplastic.config import configure
from bioplastic.errors import UsageError
from bioplastic.experiments import attention_agreement as experiment
from bioplastic.result import Note, Panel

EQUAL = ("winners", "recruited", "steps", "weights")


@pytest.fixture(scope="module")
def result():
    return experiment.run(
        configure(experiment.Config, base=experiment.QUICK), seed=1, backend="brian2"
    )


def test_every_decision_is_equal_at_the_default_rate(result):
    found = result.metrics
    assert [found[f"{name}_equal_fraction"] for name in EQUAL] == [1.0] * 4
    assert found["first_difference_cycle"] == -1
    assert found["bits_per_symbol_brian2"] == pytest.approx(found["bits_per_symbol_cpu"], abs=1e-4)
    assert found["cpu_seconds_brian2"] > 0
    apart, bound = (result.arrays[f"potential_{x}"].values for x in ("difference", "bound"))
    assert np.all(apart <= bound)
    assert found["largest_potential_difference_nats"] == apart.max()


def test_report_says_so_and_draws_both(result):
    notes = [s.text for s in result.sections if isinstance(s, Note)]
    assert "first difference: none" in notes[0]
    panels = {s.key: s for s in result.sections if isinstance(s, Panel)}
    assert list(panels) == ["difference", "raster"]
    for panel in panels.values():
        figure = Figure(figsize=panel.size)
        panel.draw(figure)
        assert figure.axes
    assert len(figure.axes) == 2


def test_weights_off_the_grid_part_at_once_and_the_report_gives_the_cause():
    config = configure(
        experiment.Config, ["symbols=6", "continuous=on", "shuffled=on"], base=experiment.QUICK
    )
    result = experiment.run(config, seed=1, backend="brian2")
    assert result.metrics["first_difference_cycle"] >= 0
    assert result.metrics["weights_equal_fraction"] < 1
    cause, _, difference, _ = result.sections
    assert isinstance(cause, Note)
    assert "continuous" in cause.text
    assert isinstance(difference, Panel)
    difference.draw(Figure())
    assert "part in cycle" in result.headline


def test_settings_are_checked():
    with pytest.raises(UsageError, match="target"):
        configure(experiment.Config, ["target=cpp"])
