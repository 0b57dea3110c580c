"""What layers are not, and what they cannot be given, is refused by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms, nA

from bioplastic.description import HardWTA, PairSTDP
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.kernels.feedforward import layer as layer_module
from bioplastic.kernels.feedforward.layer import EventDriven, TimeBatched, layers, pack
from bioplastic.kernels.feedforward.run import initial_state, run
from bioplastic.quantize import lower
from tests.feedforward.drawn import DT, case, chain

PLAIN = {
    "longest": 2, "levels": 3, "parallel": 1, "alpha": False, "adaptive": False, "t_ref": 2,
}  # fmt: skip


def network():
    return chain(np.random.default_rng(1), [5, 6, 7], **PLAIN)


def changed(q, **what):
    """The chain with projection `q` changed, or one more when `name` is given."""
    given = network()
    old = given.projections[q]
    kept = [x for x in given.projections if "name" in what or x is not old]
    return replace(given, projections=[*kept, replace(old, **what)])


REFUSED = {
    "learns": (lambda: changed(0, plasticity=PairSTDP(w_max=60 * nA)), "in to p1, 0: learns"),
    "recurrence": (lambda: changed(1, name="back", pre="p2", post="p1", connectivity=square(7, 6)),
                   "back: leads"),
    "self": (lambda: changed(1, name="self", pre="p1", post="p1", connectivity=square(6, 6)),
             "self: leads"),
    "skip": (lambda: changed(1, name="skip", pre="in", post="p2", connectivity=square(5, 7)),
             "skip: leads"),
    "cut": (lambda: replace(network(), projections=network().projections[:1]), "p2: no chain"),
    "competition": (lambda: competing(), "p1: HardWTA"),
    "two sources": (lambda: two_sources(), "one source, found in, more"),
}  # fmt: skip


def square(n_pre, n_post):
    return chain(np.random.default_rng(2), [n_pre, n_post], **PLAIN).projections[0].connectivity


def competing():
    first, *rest = network().populations
    return replace(network(), populations=[replace(first, inhibition=HardWTA(k=1)), *rest])


def two_sources():
    (source,) = network().sources
    return replace(network(), sources=[source, replace(source, name="more")])


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_chain_is_refused_by_name(name):
    build, words = REFUSED[name]
    given = build()
    if name == "learns":
        weight = np.abs(given.projections[-1].connectivity.weight)
        with_positive = replace(given.projections[-1].connectivity, weight=weight)
        last = replace(given.projections[-1], connectivity=with_positive)
        given = replace(given, projections=[*given.projections[:-1], last])
    with pytest.raises(UnsupportedModel, match=words):
        layers(lower(given, DT, fraction=8))


@pytest.fixture
def made():
    return case(np.random.default_rng(1), 2, 10, 0.2, [33, 40], **PLAIN)


def test_spikes_that_do_not_fit(made):
    for bad in (made.spikes[0], made.spikes.astype(np.int64), made.spikes[..., :1]):
        with pytest.raises(UsageError, match=r"33 neurons of 'in' need \(B, T, 2\) int32"):
            run(made.layers, bad)
    beyond = made.spikes.copy()
    beyond[1, 3, 1] = 2
    with pytest.raises(UsageError, match="bits beyond neuron 32"):
        run(made.layers, beyond)


def test_states_that_do_not_fit(made):
    with pytest.raises(UsageError, match=r"in/recent: needs \(2, 2, 2\) int32, found \(3, 2, 2\)"):
        run(made.layers, made.spikes, state=initial_state(made.layers, 3))
    state = initial_state(made.layers, 2)
    del state.arrays["p1/v"]
    with pytest.raises(UsageError, match=r"p1/v: needs .* found nothing"):
        run(made.layers, made.spikes, state=state)
    state = initial_state(made.layers, 2)
    state.arrays["p1/theta"][0, 0] = 1
    with pytest.raises(UsageError, match="must be 0 where thresholds do not adapt"):
        run(made.layers, made.spikes, state=state)


def test_backends_and_methods_have_names(made):
    with pytest.raises(UsageError, match="did you mean 'cpu'"):
        run(made.layers, made.spikes, backend="cpus")
    with pytest.raises(UsageError, match=r"knows EventDriven\(\) only"):
        run(made.layers, made.spikes, backend="reference", method=TimeBatched())
    with pytest.raises(UsageError, match="must be EventDriven"):
        run(made.layers, made.spikes, method="events")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="steps = 0"):
        TimeBatched(steps=0)


def test_planes_that_are_too_large_name_the_way_out(made, monkeypatch):
    monkeypatch.setattr(layer_module, "DENSE_LIMIT", 1000)
    with pytest.raises(UnsupportedModel, match=r"in to p1, 0: .* use backend='cpu'"):
        run(made.layers, made.spikes, method=TimeBatched())
    assert run(made.layers, made.spikes, method=EventDriven()).state.step == 10


def heavy():
    """Weights that `lower` proves harmless for its train, one spike, but not for every train."""
    given = chain(np.random.default_rng(1), [4, 3], **PLAIN | {"longest": 1})
    (source,) = given.sources
    (q,) = given.projections
    train = type(source.train)(i=np.array([0]), t=np.array([1.0]) * ms)
    weight = 1.5e4 * np.abs(q.connectivity.weight) + 1 * nA
    return replace(
        given,
        sources=[replace(source, train=train)],
        projections=[replace(q, connectivity=replace(q.connectivity, weight=weight))],
    )


def test_spikes_that_could_overflow_are_refused():
    found = layers(lower(heavy(), DT, fraction=8))
    few, many = np.zeros((2, 50, 4), np.uint8), np.ones((2, 50, 4), np.uint8)
    few[:, 3, 0] = 1
    done = run(found, pack(few))
    with pytest.raises(UsageError, match=r"spikes\[0\]: p1\.fast: could reach"):
        run(found, pack(many))
    few[0] = 0
    state = done.state.copy()
    state.arrays["p1.fast/current"][1] = 2**31 - 100
    with pytest.raises(UsageError, match=r"spikes\[1\]: p1\.fast: after what the state holds"):
        run(found, pack(few), state=state)
