"""Drawn networks: executors agree, resting neurons stay where they are, bounds hold."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import amp, ms, mV, nA, second
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioplastic.description import (
    LIF,
    AlphaCurrent,
    Connectivity,
    DendriticTree,
    ExponentialCurrent,
    Network,
    PairSTDP,
    PlateauBranch,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.kernels.dispatch import run
from bioplastic.kernels.sparse.state import initial_state
from bioplastic.quantize import lower

DT = 0.1 * ms
STEPS = 150
few = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """One source, one population of odd size, one to three projections of any kind."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.sampled_from([1, 3, 31, 33, 65]))
    spikes = draw(st.integers(0, 60))
    at = np.unique(rng.integers(0, 5 * STEPS, spikes))
    train = SpikeTrain(i=at % 5, t=(at // 5) * 1e-4 * second)
    neuron = LIF(
        t_ref=draw(st.sampled_from([0, 0.1, 0.2, 2.0])) * ms,
        v_reset=draw(st.sampled_from([-5, 0])) * mV,
        i_offset=draw(st.sampled_from([0, 0.3, 0.6])) * nA,
        receptors=(
            ExponentialCurrent(name="fast", tau=draw(st.sampled_from([0.5, 10.0])) * ms),
            AlphaCurrent(name="slow", tau=4 * ms),
        ),
    )
    tree = DendriticTree(branches=(PlateauBranch(duration=3 * ms, tau_trace=20 * ms),))
    projections = []
    for k in range(draw(st.integers(1, 3))):
        pre, n_pre = ("in", 5) if k == 0 else ("p", size)
        keep = rng.random((n_pre, size)) < draw(st.sampled_from([0.2, 0.7]))
        i, j = np.nonzero(keep)
        rule = PairSTDP(w_max=2 * nA, a_plus=0.1, a_minus=0.1) if draw(st.booleans()) else None
        low = 0 if rule else draw(st.sampled_from([0, -1]))
        weight = rng.uniform(low, 1, len(i)) * 2 * nA
        delay = rng.integers(0, 12, len(i)) * DT
        projections.append(
            Projection(
                name=f"q{k}",
                pre=pre,
                post="p",
                target=draw(st.sampled_from(["fast", "slow", "distal"])),
                connectivity=Connectivity(i=i, j=j, weight=weight, delay=delay),
                plasticity=rule,
            )
        )
    return Network(
        name="drawn",
        sources=[Source(name="in", size=5, train=train)],
        populations=[Population(name="p", size=size, neuron=neuron, dendrites=tree)],
        projections=projections,
    )


@few
@given(network=networks(), seed=st.integers(0, 2**32 - 1))
def test_executors_agree_on_drawn_networks(network, seed):
    lowered = lower(network, DT, seed=seed, fraction=8)
    cpu, reference = run(lowered, STEPS), run(lowered, STEPS, backend="reference")
    assert cpu.state.difference(reference.state) == []
    np.testing.assert_array_equal(cpu.spikes["p"].steps, reference.spikes["p"].steps)
    np.testing.assert_array_equal(cpu.spikes["p"].ids, reference.spikes["p"].ids)


@few
@given(network=networks())
def test_states_stay_within_their_proved_bounds(network):
    lowered = lower(network, DT, fraction=8)
    bounds = {b.what: b.bound for b in lowered.report.bounds}
    state = initial_state(lowered)
    for _ in range(10):
        state = run(lowered, 25, state=state).state
        for name in ("p.fast", "p.slow", "p.distal"):
            assert np.abs(state.arrays[f"{name}/current"]).max() <= bounds[name]
        assert np.abs(state.arrays["p/v"].astype(np.int64)).max() <= bounds["p.v"]
        assert all(np.all(np.abs(a) <= 127) for n, a in state.arrays.items() if "/weight" in n)


def one_neuron(times_ms: list[float], i_offset=0 * amp) -> Network:
    neuron = LIF(receptors=(ExponentialCurrent(name="fast", tau=2 * ms),), i_offset=i_offset)
    train = SpikeTrain(i=np.zeros(len(times_ms), int), t=np.array(times_ms) * ms)
    one = Connectivity(i=np.zeros(1, int), j=np.zeros(1, int), weight=1 * nA, delay=0.5 * ms)
    return Network(
        name="one",
        sources=[Source(name="in", size=1, train=train)],
        populations=[Population(name="p", size=1, neuron=neuron)],
        projections=[Projection(name="q", pre="in", post="p", target="fast", connectivity=one)],
    )


def test_empty_time_is_skipped_and_no_bit_changes():
    lowered = lower(one_neuron([5, 400, 401, 1200]), DT)
    cpu, reference = run(lowered, 15_000), run(lowered, 15_000, backend="reference")
    assert cpu.state.difference(reference.state) == []
    assert cpu.counters["neuron_updates_skipped"] > 9_000
    far = run(lowered, 2_000_000_000)  # two days of model time
    assert far.state.step == 2_000_000_000
    assert far.counters["neuron_updates"] == cpu.counters["neuron_updates"]


@pytest.mark.parametrize("offset", [0.0, 0.123])
def test_a_resting_neuron_is_an_exact_fixed_point(offset):
    lowered = lower(one_neuron([5], i_offset=offset * nA), DT)
    state = run(lowered, 6000, backend="reference").state
    later = run(lowered, 500, backend="reference", state=state).state
    assert later.difference(state) == ["step"]
