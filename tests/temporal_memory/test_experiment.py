"""The experiment at toy size on every backend; the figures of the paper as studies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brian2 import ms
from matplotlib.figure import Figure

from bioplastic import simulate
from bioplastic.analysis import first_divergence
from bioplastic.config import configure
from bioplastic.experiments import temporal_memory as experiment
from bioplastic.kernels.dispatch import run
from bioplastic.networks import temporal_memory as tm
from bioplastic.quantize import lower
from bioplastic.result import Panel

NEEDED = (
    "episodes_to_zero_error",
    "final_error",
    "false_positives",
    "false_negatives",
    "active_neurons_last_element",
    "model_seconds",
    "cpu_seconds",
)


@pytest.fixture
def small(monkeypatch):
    """Twelve neurons a subpopulation."""
    usual = experiment.parameters

    def few(config):
        p = usual(config)
        return tm.parameters(
            p.task, episodes=p.episodes, delta_t=p.delta_t, neurons=12, winners=4, coincidence=2
        )

    monkeypatch.setattr(experiment, "parameters", few)


@pytest.mark.parametrize("backend", experiment.BACKENDS)
def test_toy_run_on_every_backend(small, backend):
    config = configure(experiment.Config, ["episodes=1", "delta_t=10ms"], base=experiment.QUICK)
    result = experiment.run(config, seed=3, backend=backend)
    assert set(NEEDED) <= set(result.metrics)
    assert result.metrics["final_error"] == 1
    assert len(result.spikes["excitatory"].ids) == 8 * 12
    assert all(np.isfinite(v) for v in result.metrics.values())
    learned: Any = result.learned
    permanence = learned.array("recurrent/permanence")
    before = learned.description.projection("recurrent").connectivity.permanence
    assert permanence.shape == before.shape
    assert np.any(permanence != before)
    origin = {"experiment": "temporal-memory", "seed": 3, "backend": backend}
    assert learned.manifest == {**origin, "dt_seconds": 1e-4}


def test_several_seeds_have_metrics_and_figures_of_their_own(small):
    config = configure(experiment.Config, ["episodes=2", "seeds=2", "delta_t=20ms"])
    result = experiment.run(config, seed=4, backend="cpu")
    for seed in (4, 5):
        assert {f"{name}_seed{seed}" for name in NEEDED} <= set(result.metrics)
    panels = [s for s in result.sections if isinstance(s, Panel)]
    assert [p.key for p in panels] == ["error", "active", "raster"]
    for panel in panels:
        figure = Figure(figsize=panel.size)
        panel.draw(figure)
        assert figure.axes
    assert result.arrays["prediction_error"].values.shape == (2, 2)


def test_every_task_can_be_described():
    for task in tm.SEQUENCES:
        network = experiment.describe(
            configure(experiment.Config, [f"task={task}", "episodes=1"]), seed=1
        )
        assert network.name == f"temporal memory, set {task}"


def errors(*overrides: str, seeds: int = 5) -> dict[str, float | int]:
    config = configure(experiment.Config, [*overrides, f"seeds={seeds}"])
    return dict(experiment.run(config, seed=1, backend="cpu").metrics)


@pytest.mark.study
def test_set_one_is_learned_within_26_episodes_by_every_seed():
    found = errors()
    assert found["seeds_ending_at_zero_error"] == 5
    assert 0 <= found["episodes_to_zero_error"] <= 26
    for seed in range(1, 6):
        assert 15 <= found[f"active_neurons_last_element_seed{seed}"] <= 40
        assert found[f"cpu_seconds_seed{seed}"] <= 2.3


@pytest.mark.study
@pytest.mark.parametrize(("task", "least"), [("II", 4), ("III", 5)])
def test_larger_sets_end_without_error(task, least):
    assert errors(f"task={task}")["seeds_ending_at_zero_error"] >= least


@pytest.mark.study
def test_set_two_fails_without_homeostasis():
    found = errors("task=II", "homeostasis=off", seeds=3)
    assert found["seeds_ending_at_zero_error"] == 0


@pytest.mark.study
@pytest.mark.parametrize("delta_t", [5, 10, 20, 30, 50, 60, 70, 80, 90, 100])
def test_speed_range(delta_t):
    found = errors(f"delta_t={delta_t}ms", seeds=3)
    assert found["seeds_ending_at_zero_error"] == (3 if 10 <= delta_t <= 80 else 0)


HORIZON = 5.31  # seconds: 12 episodes, plateaus and sparse codes included


@pytest.mark.study
def test_integers_and_brian2_agree_in_every_spike_up_to_the_horizon():
    p = tm.parameters("I", episodes=12)
    network, dt = tm.temporal_memory(p, np.random.default_rng(1)), 0.1 * ms
    steps = round(float(p.duration / dt))
    floats = simulate.run(network, steps * dt, dt=dt, progress=False)
    integers = run(lower(network, dt), steps)
    pairs = {
        name: (floats.spikes[name], record)
        for name, record in (integers.spikes | integers.onsets).items()
    }
    for name, (a, b) in pairs.items():
        found = first_divergence(a, b)
        print(f"{name}: {len(a.ids)} events, first divergence: {found}")
        assert found is None or found.time >= HORIZON
    assert len(integers.onsets["excitatory.distal"].ids) > 1000
