"""The three small experiments at toy size: what they claim holds, and their figures draw."""

import importlib

import numpy as np
import pytest
from matplotlib.figure import Figure

from bioplastic.config import configure
from bioplastic.theory.race import share_of_strong


def quick(name, backend, *overrides):
    module = importlib.import_module(f"bioplastic.experiments.{name}")
    config = configure(module.Config, overrides, base=module.QUICK)
    result = module.run(config, seed=3, backend=backend)
    for section in result.sections:
        if hasattr(section, "draw"):
            section.draw(Figure(figsize=section.size, layout="constrained"))
    assert result.network is not None
    return result


def test_stdp_window_equals_the_closed_form():
    metrics = quick("stdp_window", "brian2").metrics
    assert metrics["max_abs_error_of_w_max"] <= 1e-12
    assert metrics["change_at_coincidence_of_w_max"] == 0


def test_stdp_window_on_integers_is_the_closed_form_in_the_mean():
    result = quick("stdp_window", "reference", "repeats=300", "trains=1")
    measured, want = (result.arrays[name].values[:11] for name in ("change", "closed_form"))
    spread = np.sqrt(np.abs(want) / 127 / 300) + 1e-4  # one rounding to a step of 1/127 at most
    assert np.all(np.abs(measured - want) <= 4 * spread)
    assert measured[5] == 0


@pytest.mark.parametrize("backend", ["brian2", "reference"])
def test_wta_competition_selects_what_leads(backend):
    metrics = quick("wta_competition", backend, "trials=6", "leads=0,4", "jitters=0.5").metrics
    for name in ("hard_k1", "hard_k3", "spiking_k1", "spiking_k3"):
        assert metrics[f"{name}_share_at_largest_lead"] == 1
    assert metrics["hard_k1_neurons_per_trial"] == 1
    assert metrics["hard_k3_neurons_per_trial"] == 3
    assert share_of_strong(10, 1, 4, 0.5) > 0.999


def test_engines_agree_on_the_winners():
    a, b = (
        quick("wta_competition", backend).spikes["excitatory"]
        for backend in ("brian2", "reference")
    )
    assert np.array_equal(a.steps, b.steps)
    assert np.array_equal(a.ids, b.ids)


def test_branch_sees_coincidence_and_order_and_a_point_does_not():
    metrics = quick("branch_coincidence", "brian2").metrics
    assert metrics["largest_gain_within"] > 2
    assert metrics["gain_between_before_single_event"] == pytest.approx(1, abs=1e-9)
    assert metrics["largest_deviation_from_sum_passive_and_point"] < 1e-12
    assert (metrics["plateaus_inward"], metrics["plateaus_outward"]) == (1, 0)
    assert metrics["order_ratio_point"] == pytest.approx(1, abs=1e-12)
    assert metrics["order_ratio_active"] > 3
