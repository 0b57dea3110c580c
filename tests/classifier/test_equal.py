"""The fused classifier loop equals the specification of the sparse kernels in every bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioplastic.description import SpikeTrain
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.kernels.classifier.run import run_classifier
from bioplastic.kernels.dispatch import run
from bioplastic.networks.wta import hard_wta
from bioplastic.networks.wta_classifier import DT, Bursts, Parameters, wta_classifier
from bioplastic.quantize import lower

drawn = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
COUNTED = ("synaptic_events", "weight_updates", "saturations", "spikes")


def network(rng, *, inputs, neurons, winners, eta, gamma, bits, mu=2.0, images=4, period=28):
    parameters = Parameters(
        inputs=inputs, neurons=neurons, winners=winners, mu=mu, period=period,
        bursts=Bursts(energy=3.0),
    )  # fmt: skip
    counts = rng.integers(0, 5, (images, inputs)).astype(np.uint8)
    weights = np.clip(rng.uniform(-0.3, 1.3, (inputs, neurons)), 0, 1)
    described = wta_classifier(counts, parameters=parameters, weights=weights, eta=eta, gamma=gamma)
    seed = int(rng.integers(2**32))
    return lower(described, DT, seed=seed, fraction=18, plastic_bits=bits), images * period


def same(a, b) -> None:
    assert a.state.difference(b.state) == []
    assert {k: a.counters[k] for k in COUNTED} == {k: b.counters[k] for k in COUNTED}
    for name in b.spikes:
        np.testing.assert_array_equal(a.spikes[name].steps, b.spikes[name].steps)
        np.testing.assert_array_equal(a.spikes[name].ids, b.spikes[name].ids)


layers = given(
    data=st.data(),
    inputs=st.sampled_from([1, 7, 16, 33]),
    neurons=st.sampled_from([2, 5, 17, 63]),
    eta=st.sampled_from([0.0, 0.05, 1.0]),
    gamma=st.sampled_from([0.0, 0.5, 80.0]),
    mu=st.sampled_from([1.0, 2.5]),
)


@drawn
@layers
def test_the_loop_equals_the_specification(data, inputs, neurons, eta, gamma, mu):
    agree(data, inputs, neurons, eta, gamma, mu)


@pytest.mark.study
@settings(drawn, max_examples=2000)
@layers
def test_the_loop_equals_the_specification_on_many(data, inputs, neurons, eta, gamma, mu):
    agree(data, inputs, neurons, eta, gamma, mu)


def agree(data, inputs, neurons, eta, gamma, mu):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    winners = data.draw(st.sampled_from([1, 2]))
    period = data.draw(st.sampled_from([10, 28]))
    lowered, steps = network(
        rng, inputs=inputs, neurons=neurons, winners=winners, eta=eta, gamma=gamma, bits=16,
        mu=mu, period=period,
    )  # fmt: skip
    whole = run_classifier(lowered, steps)
    same(whole, run(lowered, steps, backend="reference"))
    assert whole.counters["spikes"] > 0
    cut = data.draw(st.integers(0, steps))
    half = run_classifier(lowered, cut)
    rest = run_classifier(lowered, steps - cut, state=half.state)
    assert rest.state.difference(whole.state) == []
    same(half, run(lowered, cut, backend="reference"))


@pytest.mark.parametrize("bits", [8, 16])
def test_learned_then_static_weights(bits):
    """Eight and sixteen bits; a static network after learning; long silence; no spikes at all."""
    rng = np.random.default_rng(5)
    lowered, steps = network(
        rng, inputs=30, neurons=12, winners=1, eta=0.6, gamma=4.0, bits=bits, images=9
    )
    found = run_classifier(lowered, steps + 500)
    same(found, run(lowered, steps + 500, backend="reference"))
    none = np.zeros(0, np.uint16)
    arrays = found.state.arrays
    projections = tuple(
        replace(q, rule=None, weight=arrays[f"{q.name}/weight"], col_group=none, col_rank=none)
        for q in lowered.projections
    )
    three = replace(lowered.populations[0], winners=3)
    static = replace(lowered, projections=projections, populations=(three,))
    same(run_classifier(static, steps), run(static, steps, backend="reference"))
    same(run_classifier(static, steps), run(static, steps, backend="cpu"))
    empty = np.zeros(0, np.int64)
    silent = replace(
        static, sources=tuple(replace(s, steps=empty, ids=empty) for s in static.sources)
    )
    same(run_classifier(silent, 40), run(silent, 40, backend="reference"))


def test_other_networks_are_refused():
    train = SpikeTrain(i=np.array([0]), t=np.array([1.0]) * ms)
    other = lower(hard_wta(train, size=3, k=1, period=10 * ms), 0.1 * ms)
    with pytest.raises(UnsupportedModel, match="two sources"):
        run_classifier(other, 10)
    rng = np.random.default_rng(0)
    good, _ = network(rng, inputs=4, neurons=3, winners=1, eta=0.1, gamma=1.0, bits=16)
    open_ = replace(good, populations=(replace(good.populations[0], winners=0),))
    with pytest.raises(UnsupportedModel, match="prototypes"):
        run_classifier(open_, 10)
    swapped = replace(
        good, projections=tuple(replace(q, delays=np.array([2])) for q in good.projections)
    )
    with pytest.raises(UnsupportedModel, match="delay of one step"):
        run_classifier(swapped, 10)
    image, clock = good.projections
    traced = replace(clock, rule=image.rule)
    with pytest.raises(UnsupportedModel, match="no trace"):
        run_classifier(replace(good, projections=(image, traced)), 10)
    with pytest.raises(UnsupportedModel, match="a jump on pre"):
        run_classifier(replace(good, projections=(replace(image, rule=clock.rule), clock)), 10)
    with pytest.raises(UsageError, match="steps"):
        run_classifier(good, -1)
    with pytest.raises(UsageError, match="did you mean 'fused'"):
        run_classifier(good, 1, backend="fuse")
