"""A session: pieces equal one run in every bit, with spikes given as they come."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import ms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioplastic.errors import UsageError
from bioplastic.kernels.dispatch import run
from bioplastic.kernels.sparse.session import Session
from bioplastic.quantize import lower
from tests.equivalence.test_plain import _quiet
from tests.equivalence.test_sparse_properties import networks

DT = 0.1 * ms
few = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pieces(session, steps, cuts, sources=None):
    """Spikes by population over the pieces between the cuts, and the counters in sum."""
    found: dict[str, list] = {}
    counted: dict[str, int] = {}
    for low, high in zip([0, *cuts], [*cuts, steps], strict=True):
        spikes, _, more = session.run(high - low, sources)
        for name, pair in spikes.items():
            found.setdefault(name, []).append(pair)
        for name, n in more.items():
            counted[name] = counted.get(name, 0) + n
    joined = {name: [np.concatenate(x) for x in zip(*pairs, strict=True)]
              for name, pairs in found.items()}  # fmt: skip
    return joined, counted


def test_pieces_of_every_scenario_equal_one_run(scenario):
    network, steps = scenario
    lowered = lower(network, DT, seed=7)
    whole, session = run(lowered, steps), Session(lowered)
    spikes, counted = pieces(session, steps, [1, 2, steps // 3, steps // 3, steps - 1])
    for p in lowered.populations:
        np.testing.assert_array_equal(spikes[p.name][0], whole.spikes[p.name].steps)
        np.testing.assert_array_equal(spikes[p.name][1], whole.spikes[p.name].ids)
    state = session.state()
    assert state.difference(whole.state) == []
    for name in ("spikes", "synaptic_events", "weight_updates", "saturations"):
        assert counted[name] == whole.counters[name]
    for name, view in session.arrays.items():
        np.testing.assert_array_equal(view, state.arrays[name], err_msg=name)


@few
@given(network=networks(), seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 150))
def test_pieces_of_drawn_networks_equal_one_run(network, seed, cut):
    lowered = lower(network, DT, seed=seed, fraction=8)
    whole, session = run(lowered, 150), Session(lowered)
    pieces(session, 150, [cut])
    assert session.state().difference(whole.state) == []
    half = run(lowered, cut)  # and from a state, which is left as it is
    kept = half.state.copy()
    later = Session(lowered, half.state)
    later.run(150 - cut)
    assert later.state().difference(whole.state) == []
    assert half.state.difference(kept) == []


def test_spikes_can_be_given_as_they_come():
    lowered = lower(_quiet(), DT)
    (source,) = lowered.sources
    whole, session = run(lowered, 400), Session(lowered)
    for low in range(0, 400, 10):
        inside = (source.steps >= low) & (source.steps < low + 10)
        session.run(10, {source.name: (source.steps[inside], source.ids[inside])})
    assert session.state().difference(whole.state) == []
    assert whole.counters["spikes"] > 0


def test_a_state_is_a_copy_and_the_arrays_are_not():
    session = Session(lower(_quiet(), DT))
    session.run(300)
    before = session.state()
    at_rest = session.arrays["p/v"].copy()
    session.arrays["p/v"][69] = 10_000  # in a block that rests
    session.run(1)
    assert session.arrays["p/v"][69] == 10_000, "asleep: nothing computes it"
    session.wake()
    session.run(1)
    assert 0 < session.arrays["p/v"][69] < 10_000
    np.testing.assert_array_equal(before.arrays["p/v"], at_rest)


def test_wrong_input_is_refused():
    session = Session(lower(_quiet(), DT))
    with pytest.raises(UsageError, match="steps = -1"):
        session.run(-1)
    with pytest.raises(UsageError, match="no source 'inn'; did you mean 'in'"):
        session.run(1, {"inn": (np.zeros(1, int), np.zeros(1, int))})
    with pytest.raises(UsageError, match="spike of id 1 in step 0"):
        session.run(1, {"in": (np.zeros(1, int), np.ones(1, int))})
    assert session.step == 0
