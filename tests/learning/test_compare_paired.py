"""Statistics of paired seeds: coverage, uniform p values, exact counts, Holm, determinism."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioplastic.errors import UsageError
from bioplastic.learning.compare import paired
from bioplastic.learning.compare.paired import compare, holm, interval, sign_flip

finite = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("draw", "least"),
    [
        (lambda rng: rng.normal(size=10), 0.95),
        (lambda rng: rng.uniform(size=10) - 0.5, 0.95),
        (lambda rng: rng.exponential(size=10) - 1.0, 0.90),
        (lambda rng: rng.normal(size=5), 0.92),
    ],
    ids=["normal", "uniform", "skewed", "five"],
)
def test_interval_covers_the_mean(monkeypatch, draw, least):
    """The nominal 95 % within the error of counting; 90 % where ten values are skewed.

    Of N = 1000 samples a true coverage c is counted with sd √(c(1−c)/N) < 0.0095 for c ≥ 0.9, so a
    shortfall of 0.035 (over 3.5 sd) is no accident. Five values: the interval cannot reach beyond
    the extremes of the sample, which hold the median with 1 − 2·2⁻⁵ = 0.9375, so 0.92 is asked.
    """
    monkeypatch.setattr(paired, "RESAMPLES", 2000)
    rng, hits, count = np.random.default_rng(5), 0, 1000
    for k in range(count):
        found = interval(draw(rng), seed=k)
        hits += found.low <= 0.0 <= found.high
    assert hits / count >= least - 0.035


def test_interval_is_wider_than_the_plain_percentile():
    x = np.random.default_rng(1).normal(size=10)
    found = interval(x)
    draws = np.random.default_rng(2).choice(x, size=(20_000, 10)).mean(axis=1)
    low, high = np.quantile(draws, (0.025, 0.975))
    assert found.low < low < high < found.high


@given(st.lists(finite, min_size=5, max_size=12), st.floats(-1e3, 1e3))
def test_interval_moves_with_the_data_and_holds_the_mean(values, shift):
    x = np.array(values)
    a, b = interval(x), interval(x + shift)
    if a.known and b.known:
        room = 1e-9 * (np.abs(x).max() + abs(shift) + 1)
        assert a.low - room <= a.mean <= a.high + room
        assert abs(b.low - a.low - shift) <= room
        assert min(x) - room <= a.low <= a.high <= max(x) + room


def test_interval_says_when_there_is_none():
    same = interval([1.25] * 10)
    assert (same.mean, same.deterministic, same.known) == (1.25, True, False)
    few = interval([1.0, 2.0, 3.0, 4.0])
    assert (few.mean, few.deterministic, few.known) == (2.5, False, False)
    assert interval([3.0]).deterministic is False
    with pytest.raises(UsageError, match="finite numbers"):
        interval([1.0, np.nan])


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=8))
def test_sign_flip_counts_every_pattern(values):
    d = np.array(values, dtype=float)
    patterns = itertools.product((-1, 1), repeat=len(d))
    sums = [abs(np.dot(s, d)) for s in patterns]
    p, smallest = sign_flip(d)
    assert p == np.mean([s >= abs(d.sum()) for s in sums])
    assert smallest == 2 / 2 ** len(d)
    assert p >= smallest or len(d) == 1
    assert sign_flip(-d)[0] == p
    assert sign_flip(1024 * d)[0] == p


def test_p_is_uniform_under_the_null():
    """P(p ≤ a) ≤ a, and = a where a is a multiple of the smallest p.

    3000 samples of 8 continuous differences: p takes the 128 values 2k/256 with equal chance. A
    share is counted with sd ≤ √(0.25/3000) = 0.0091; four of them are allowed.
    """
    rng = np.random.default_rng(3)
    found = np.array([sign_flip(rng.standard_t(3, size=8))[0] for _ in range(3000)])
    for level in (8 / 256, 32 / 256, 0.25, 0.5, 0.75):
        sd = np.sqrt(level * (1 - level) / 3000)
        assert abs((found <= level).mean() - level) <= 4 * sd


def test_many_differences_are_sampled_and_never_too_sure():
    """The drawn p agrees with the exact one of EXACT differences within 5 sd of 100 000 draws."""
    d = np.random.default_rng(4).normal(0.4, 1.0, size=paired.EXACT)
    exact = sign_flip(d)[0]
    drawn, smallest = sign_flip(np.concatenate([d, [0.0]]))  # a zero changes no sum
    assert abs(drawn - exact) <= 5 * np.sqrt(exact * (1 - exact) / paired.FLIPS) + smallest
    assert sign_flip(np.ones(40))[0] == smallest
    assert sign_flip(d)[0] == exact


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.5]) == [1.0, 1.0]
    nan = holm([np.nan, 0.01])
    assert np.isnan(nan[0])
    assert nan[1] == pytest.approx(0.02)  # the test that could not be made counts
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_never_helps(ps):
    found = holm(ps)
    assert all(a >= b for a, b in zip(found, ps, strict=True))
    assert max(found) <= 1
    order = np.argsort(ps, kind="stable")
    assert all(np.diff(np.array(found)[order]) >= 0)


def test_only_shared_seeds_are_compared():
    a = {s: 1.0 + 0.01 * s for s in range(1, 9)}
    b = {s: 2.0 + 0.02 * s for s in range(3, 12)}
    found = compare(a, b)
    assert (found.interval.n, found.over) == (6, "seeds")
    assert found.interval.mean == pytest.approx(np.mean([a[s] - b[s] for s in range(3, 9)]))
    assert found.clear()
    assert not found.clear(0.2)  # corrected
    assert compare({1: 1.0}, {2: 1.0}).over == "nothing"


def test_few_seeds_leave_the_decision_to_the_interval():
    a = {s: 1.0 + 0.01 * s for s in range(5)}
    b = {s: 2.0 - 0.01 * s for s in range(5)}
    found = compare(a, b)
    assert found.p == found.smallest == 2 / 32
    assert found.clear(1.0)
    assert not compare({s: a[s] for s in range(4)}, {s: b[s] for s in range(4)}).clear()


def test_deterministic_learners_are_not_ten_witnesses():
    """One value ten times is one value: the sign flip over seeds would give p = 2/1024."""
    a, b = dict.fromkeys(range(10), 1.0), dict.fromkeys(range(10), 1.1)
    found = compare(a, b)
    assert found.over == "nothing"
    assert np.isnan(found.p)
    assert not found.clear()
    rng = np.random.default_rng(6)
    base = rng.normal(size=50)
    near = compare(a, b, windows=(base, base + 0.1 + rng.normal(0, 0.1, 50)))
    assert (near.over, near.clear()) == ("windows", True)
    noise = compare(a, b, windows=(base, base + rng.normal(0, 1.0, 50)))
    assert (noise.over, noise.clear()) == ("windows", False)
    once = compare({1: 1.0}, b, windows=(base, base + 0.1))
    assert (once.over, once.clear()) == ("nothing", False)  # one seed does not say what others do
    mixed = compare(a, {s: 1.1 + 0.01 * s for s in range(10)}, windows=(base, base))
    assert mixed.over == "seeds"


def test_equal_scores_on_fresh_data_are_as_many_draws():
    one, zero = dict.fromkeys(range(10), 1.0), dict.fromkeys(range(10), 0.0)
    same, fresh = compare(one, zero), compare(one, zero, fresh=True)
    assert not same.clear()
    assert (fresh.interval.low, fresh.interval.high, fresh.over) == (1.0, 1.0, "seeds")
    assert fresh.p == 2 / 1024
    assert fresh.clear()
    assert not compare(one, one, fresh=True).clear()  # the point is 0
    four = dict.fromkeys(range(4), 1.0)
    assert not compare(four, dict.fromkeys(range(4), 0.0), fresh=True).interval.known
    assert interval([1.0] * 10, fresh=True).deterministic is False
