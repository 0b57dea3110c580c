"""Pair STDP in Brian2 against the sum over all pairs, in every order, coincidence included."""

import numpy as np
import pytest
from brian2 import ms, pA
from hypothesis import given, settings
from hypothesis import strategies as st

from bioplastic import simulate
from bioplastic.description import PairSTDP, PowerLaw, SpikeTrain
from bioplastic.networks.stdp_pair import stdp_pair
from bioplastic.theory import stdp

DT = 0.1 * ms


def rule(mu=0.0, **changes):
    return PairSTDP(w_max=1 * pA, dependence=PowerLaw(mu=mu), **changes)


def train(rows):
    """SpikeTrain from a list of steps per neuron."""
    i = np.concatenate([np.full(len(r), k) for k, r in enumerate(rows)]).astype(int)
    return SpikeTrain(i=i, t=np.concatenate([np.asarray(r, float) for r in rows]) * DT)


def final_weights(pre, post, law, w_0=0.5):
    """Weights in units of w_max; pre = steps of arrival, post = steps of the somatic spikes."""
    network = stdp_pair(
        train([np.asarray(r) - 1 for r in pre]),
        train(post),
        size=len(pre),
        rule=law,
        weight=w_0 * pA,
        dt=DT,
    )
    last = max(max(map(max, pre)), max(map(max, post)))
    run = simulate.run(network, (last + 5) * DT)
    spikes = run.spikes["post"]
    for k, wanted in enumerate(post):
        assert np.array_equal(spikes.steps[spikes.ids == k], np.sort(wanted))
    return run.final.weight("plastic") / 1e-12


BY_HAND = [
    ([10], [20]),  # pre before post
    ([20], [10]),  # post before pre
    ([20], [20]),  # coincident
    ([10, 20], [20]),  # coincident with an earlier pre
    ([20], [10, 20]),  # coincident with an earlier post
    ([20, 21], [20, 21]),  # two coincidences side by side
    ([10, 30], [20]),
    ([20], [10, 30]),
    ([5, 6, 7, 90], [7, 8, 60, 91]),
    ([10, 20, 30], [10, 20, 30]),
]


def test_every_order_by_hand():
    law = rule(a_plus=0.011, a_minus=0.007, tau_plus=13 * ms, tau_minus=29 * ms)
    pre, post = zip(*BY_HAND, strict=True)
    found = final_weights(pre, post, law)
    for w, a, b in zip(found, pre, post, strict=True):
        change = stdp.pair_sum(law, np.array(a) * DT, np.array(b) * DT)
        assert w == pytest.approx(0.5 + change, abs=1e-14)
    assert found[2] == 0.5  # coincidence alone changes no bit


def test_sign_pre_before_post_potentiates():
    before, after = final_weights([[10], [20]], [[20], [10]], rule()) - 0.5
    assert before > 0 > after


def test_swapping_pre_and_post_turns_the_curve_over():
    law = rule(a_plus=0.01, a_minus=0.01)
    a, b = ([3, 50, 51], [10, 50, 80])
    there, back = final_weights([a, b], [b, a], law) - 0.5
    assert there == pytest.approx(-back, abs=1e-15)


steps = st.lists(st.integers(3, 120), min_size=1, max_size=8, unique=True)


@settings(max_examples=6, deadline=None)
@given(
    st.lists(st.tuples(steps, steps), min_size=30, max_size=60), st.sampled_from([0.0, 0.4, 1.0])
)
def test_drawn_trains_equal_the_pair_sum(pairs, mu):
    law = rule(mu, a_plus=0.05, a_minus=0.06, tau_plus=4 * ms, tau_minus=9 * ms)
    pre, post = zip(*pairs, strict=True)
    found = final_weights(pre, post, law)
    want = [stdp.weight_after(law, np.array(a), np.array(b), DT, 0.5) for a, b in pairs]
    np.testing.assert_allclose(found, want, rtol=0, atol=1e-12)


@settings(max_examples=3, deadline=None)
@given(st.lists(st.tuples(steps, steps), min_size=30, max_size=40), st.floats(0, 1))
def test_weights_stay_in_range(pairs, w_0):
    law = rule(0.0, a_plus=0.9, a_minus=0.8)
    pre, post = zip(*pairs, strict=True)
    found = final_weights(pre, post, law, w_0)
    assert np.all((found >= 0) & (found <= 1))


def test_axonal_delay_moves_the_arrival_not_the_spike():
    law = rule()
    for delay, order in ((5, 1), (30, -1)):
        network = stdp_pair(
            train([[10]]), train([[30]]), size=1, rule=law, weight=0.5 * pA, dt=DT, delay=delay * DT
        )
        w = simulate.run(network, 80 * DT).final.weight("plastic")[0] / 1e-12
        want = stdp.window(law, (30 - 10 - delay) * DT)
        assert w - 0.5 == pytest.approx(float(want), abs=1e-15)
        assert np.sign(w - 0.5) == order


def test_frozen_weights_do_not_move():
    network = stdp_pair(train([[10]]), train([[30]]), size=1, rule=rule(), weight=0.5 * pA, dt=DT)
    run = simulate.run(network, 5 * ms, plasticity=False)
    assert run.final.weight("plastic")[0] == 0.5e-12
