"""The plain form of the cpu executor: static synapses, LIF neurons sixteen at a time."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import ms, mV, nA, second
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    AlphaCurrent,
    Connectivity,
    ExponentialCurrent,
    Network,
    PairSTDP,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.kernels.dispatch import run
from bioplastic.kernels.sparse import cpu_run
from bioplastic.kernels.sparse.layout_plain import is_plain
from bioplastic.quantize import lower
from tests.equivalence.test_sparse import assert_equal

DT = 0.1 * ms
STEPS = 200
CURRENTS = (ExponentialCurrent(name="a", tau=1 * ms), ExponentialCurrent(name="b", tau=7 * ms))


def _connect(rng: np.random.Generator, pre: int, post: int, share: float, kind: str):
    i, j = np.nonzero(rng.random((pre, post)) < share)
    if kind == "alike":
        weight = np.ones(len(i))
    elif kind == "small":  # whole multiples of one weight, zero among them: int8
        weight = rng.integers(-2, 4, len(i)).astype(float)
    else:
        weight = rng.uniform(-0.5, 1, len(i))
    delay = rng.choice([0, 1, 9, 30], len(i)) * DT
    return Connectivity(i=i, j=j, weight=weight * 0.6 * nA, delay=delay)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """One source and two populations, each with up to two currents, wired at random."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    at = np.unique(rng.integers(0, 5 * STEPS, draw(st.integers(1, 80))))
    train = SpikeTrain(i=at % 5, t=(at // 5) * 1e-4 * second)
    sizes = {name: draw(st.sampled_from([1, 15, 32, 33, 100])) for name in ("p", "q")}
    populations, projections = [], []
    for name, size in sizes.items():
        currents = CURRENTS[: draw(st.integers(0, 2))]
        drive = draw(st.sampled_from([0.0, 0.4, 0.7]))
        offset = drive * rng.uniform(0.9, 1, size) if draw(st.booleans()) else drive
        neuron = LIF(
            t_ref=draw(st.sampled_from([0, 0.1, 2.0])) * ms,
            v_reset=draw(st.sampled_from([-5, 0])) * mV,
            i_offset=offset * nA,
            receptors=currents,
        )
        populations.append(Population(name=name, size=size, neuron=neuron))
        for k, c in enumerate(currents):
            pre = "in" if k == 0 else draw(st.sampled_from(["p", "q"]))
            share = draw(st.sampled_from([0.1, 0.6, 1.0]))
            kind = draw(st.sampled_from(["alike", "small", "any"]))
            projections.append(
                Projection(
                    name=f"{pre}-{name}-{c.name}", pre=pre, post=name, target=c.name,
                    connectivity=_connect(rng, sizes.get(pre, 5), size, share, kind),
                )
            )  # fmt: skip
    return Network(
        name="drawn",
        sources=[Source(name="in", size=5, train=train)],
        populations=populations,
        projections=projections,
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks())
def test_plain_equals_reference(network):
    lowered = lower(network, DT)
    assert is_plain(lowered, np.zeros(1))
    fast, slow = run(lowered, STEPS), run(lowered, STEPS, backend="reference")
    assert_equal(fast, slow)
    half = run(lowered, 77)
    rest = run(lowered, STEPS - 77, state=half.state)
    assert rest.state.difference(slow.state) == []


def _quiet(size: int = 70) -> Network:
    """Two volleys far apart onto neurons that fall asleep in between."""
    j = np.arange(0, size, 40)
    train = SpikeTrain(i=np.zeros(2, int), t=[0.001, 1.5] * second)
    neuron = LIF(receptors=CURRENTS[:1], t_ref=2 * ms)
    synapses = Connectivity(i=0 * j, j=j, weight=20 * nA, delay=0.3 * ms)
    return Network(
        name="quiet",
        sources=[Source(name="in", size=1, train=train)],
        populations=[Population(name="p", size=size, neuron=neuron)],
        projections=[
            Projection(name="feed", pre="in", post="p", target="a", connectivity=synapses)
        ],
    )


def test_resting_blocks_are_skipped_and_wake():
    lowered = lower(_quiet(), DT)
    fast, slow = run(lowered, 17_000), run(lowered, 17_000, backend="reference")
    assert_equal(fast, slow)
    late = fast.spikes["p"].steps > 15_000
    assert late.any()
    assert not late.all()
    assert fast.counters["neuron_updates"] < 0.5 * slow.counters["neuron_updates"]
    # neurons 0 and 40 are hit: the third block, 64..69, never wakes after its first quiet step
    silent = run(lowered, 16 * 70, state=slow.state)
    assert silent.counters["neuron_updates"] <= 70 * 16


def test_steps_are_counted_anew_before_they_pass_32_bits(monkeypatch):
    """Refractory neurons wait until a step that counts from the start of a piece."""
    lowered = lower(_quiet(), DT)
    whole = run(lowered, 400)
    monkeypatch.setattr(cpu_run, "FAR", 13)
    assert_equal(run(lowered, 400), whole)
    assert whole.counters["spikes"] > 1


@pytest.mark.parametrize("kind", ["adaptive", "alpha", "learns"])
def test_what_is_not_plain(kind):
    receptor = AlphaCurrent(name="a", tau=1 * ms) if kind == "alpha" else CURRENTS[0]
    neuron = AdaptiveLIF if kind == "adaptive" else LIF
    rule = PairSTDP(w_max=2 * nA) if kind == "learns" else None
    network = _quiet()
    synapses = Connectivity(i=np.zeros(1, int), j=np.zeros(1, int), weight=1 * nA, delay=0.1 * ms)
    lowered = lower(
        Network(
            name=kind,
            sources=network.sources,
            populations=[Population(name="p", size=1, neuron=neuron(receptors=(receptor,)))],
            projections=[
                Projection(
                    name="q", pre="in", post="p", target="a", connectivity=synapses,
                    plasticity=rule,
                )
            ],
        ),
        DT,
    )  # fmt: skip
    assert not is_plain(lowered, np.zeros(1))
