"""The cpu executor of sparse networks equals the reference in every bit of spikes and state."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import ms

from bioplastic.description import Network
from bioplastic.errors import UsageError
from bioplastic.kernels.dispatch import KernelRun, run
from bioplastic.quantize import lower

DT = 0.1 * ms
SAME = ("spikes", "synaptic_events", "weight_updates", "saturations")


def assert_equal(a: KernelRun, b: KernelRun) -> None:
    for kind in ("spikes", "onsets"):
        left, right = getattr(a, kind), getattr(b, kind)
        assert list(left) == list(right)
        for name in left:
            np.testing.assert_array_equal(left[name].steps, right[name].steps, err_msg=name)
            np.testing.assert_array_equal(left[name].ids, right[name].ids, err_msg=name)
    assert a.state.difference(b.state) == []
    assert {n: a.counters[n] for n in SAME} == {n: b.counters[n] for n in SAME}


def test_cpu_equals_reference(scenario):
    network, steps = scenario
    lowered = lower(network, DT, seed=7)
    cpu, reference = run(lowered, steps), run(lowered, steps, backend="reference")
    assert cpu.counters["spikes"] > 0
    assert_equal(cpu, reference)


def test_scenarios_exercise_every_path(scenario):
    network, steps = scenario
    result = run(lower(network, DT), steps)
    learns = any(q.plasticity for q in network.projections)
    assert (result.counters["weight_updates"] > 0) == learns
    branches = any(p.dendrites for p in network.populations)
    assert (sum(len(r.ids) for r in result.onsets.values()) > 0) == branches


def test_split_run_equals_whole_run(scenario):
    network, steps = scenario
    check_split(network, steps, "cpu")


@pytest.mark.parametrize("scenario", ["memory", "pairs-additive"], indirect=True)
def test_split_reference_equals_whole_reference(scenario):
    network, steps = scenario
    check_split(network, steps // 4, "reference")


def check_split(network: Network, steps: int, backend: str) -> None:
    lowered = lower(network, DT, seed=7)
    whole = run(lowered, steps, backend=backend)
    first = run(lowered, steps // 3, backend=backend)
    kept = first.state.copy()
    second = run(lowered, steps - steps // 3, backend=backend, state=first.state)
    assert first.state.difference(kept) == []
    assert second.state.difference(whole.state) == []
    for name, record in whole.spikes.items():
        joined = np.concatenate([first.spikes[name].ids, second.spikes[name].ids])
        np.testing.assert_array_equal(joined, record.ids)
    for name, total in whole.counters.items():
        if not name.startswith("neuron_updates"):
            assert first.counters[name] + second.counters[name] == total


def test_one_executor_resumes_the_other(scenario):
    network, steps = scenario
    lowered = lower(network, DT, seed=7)
    half = steps // 4
    a = run(lowered, half, state=run(lowered, half, backend="reference").state)
    b = run(lowered, half, backend="reference", state=run(lowered, half).state)
    assert_equal(a, b)


def test_unknown_backend_offers_the_nearest(scenario):
    lowered = lower(scenario[0], DT)
    with pytest.raises(UsageError, match="did you mean 'cpu'"):
        run(lowered, 1, backend="cpus")
    with pytest.raises(UsageError, match="did you mean 'gpu'"):
        run(lowered, 1, backend="gpus")
    with pytest.raises(UsageError, match="steps = -1"):
        run(lowered, -1)
