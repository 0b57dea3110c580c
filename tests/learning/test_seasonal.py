"""Forecasts that learn nothing, nearest neighbours, and the linear filter."""

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learners.knn import KNN
from bioplastic.learning.learners.seasonal import AHEAD, NOW, Seasonal, column
from bioplastic.learning.learners.taxi_filter import AdaptiveFilter
from bioplastic.learning.space import Series, Symbols
from bioplastic.learning.walk import walk

H, SEASON = 3, 12
SPACE = Series(horizon=H, features=("value", NOW, AHEAD))


def series(length=60, seed=0):
    """Noise with two features that no value tells."""
    rng = np.random.default_rng(seed)
    return rng.integers(1, 100, (length, 3)).astype(float)


def forecasts(learner, x):
    """Forecast made after each record."""
    student = learner.begin(SPACE, seed=1)
    assert student.predict(x[:0]) == 0.0
    found = []
    for t in range(len(x)):
        student.learn(x[t])
        found.append(float(student.predict(x[: t + 1])))
    assert student.cost().wall_seconds >= 0.0
    return np.array(found), student


def test_last_value_and_season_point_where_they_say():
    """After record t: x[t]; x[t + H − season] once that exists; the feature."""
    x = series()
    last, _ = forecasts(Seasonal(name="last_value"), x)
    assert np.array_equal(last, x[:, 0])
    week, student = forecasts(Seasonal(name="last_season", season=SEASON), x)
    first = SEASON - H
    assert np.array_equal(week[first:], x[: len(x) - first, 0])
    assert np.array_equal(week[:first], x[:first, 0])
    assert student.cost().footprint_bytes == 8 * (SEASON - H + 3)
    usual, _ = forecasts(Seasonal(name="season_usual"), x)
    assert np.array_equal(usual, x[:, 2])


def test_a_repeating_series_costs_nothing_after_one_season():
    """walk charges the forecast of H records before."""
    x = np.tile(series(SEASON), (4, 1))
    losses = walk(Seasonal(season=SEASON).begin(SPACE, seed=1), SPACE, x)
    assert losses[SEASON:].max() == 0.0 < losses[:SEASON].min()


def test_neighbours_are_the_nearest_of_the_same_place():
    """Against a direct search."""
    x = series(100, seed=2)
    learner = KNN(k=2, window=3, season=SEASON)
    found, student = forecasts(learner, x)
    value = x[:, 0]
    for i in (40, 77, 99):
        target = i + H
        ranked = sorted(
            (sum((value[i - j] - value[i - n * SEASON - j]) ** 2 for j in range(3)), n)
            for n in range(1, i // SEASON + 1)
            if i - n * SEASON >= 2
        )
        wanted = np.mean([value[target - n * SEASON] for _, n in ranked[:2]])
        assert found[i] == pytest.approx(wanted)
    assert found[5] == value[5]
    assert student.cost().footprint_bytes == 800
    assert student.cost().effective_macs > 0
    latest, _ = forecasts(KNN(k=2, window=0, season=SEASON), x)
    assert latest[50] == pytest.approx((value[53 - SEASON] + value[53 - 2 * SEASON]) / 2)


def test_the_filter_is_least_squares():
    """With λ = 1 and a small ridge the weights are those of lstsq on the same inputs."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 3))
    x[H:, 0] = 0.7 * x[:-H, 1] - 0.2 * x[:-H, 2] + 0.1
    x[0] = 10.0  # the largest value of each column comes first: one scale for all
    x[H, 0] = 0.7 * 10 - 0.2 * 10 + 0.1
    student = AdaptiveFilter(window=1, forgetting=1.0, ridge=1e-9).begin(SPACE, seed=1)
    for record in x:
        student.learn(record)
    z = np.column_stack((np.ones(200 - H), x[:-H] / 10.0))
    wanted = np.linalg.lstsq(z, x[H:, 0] / 10.0, rcond=None)[0]
    assert np.allclose(student.w, wanted, atol=1e-6)
    truth = 0.7 * x[-1, 1] - 0.2 * x[-1, 2] + 0.1
    assert float(student.predict(None)) == pytest.approx(truth, abs=1e-4)
    cost = student.cost()
    assert cost.plastic_synapses == 4
    assert cost.effective_macs == 4 * 200
    assert cost.learning_macs == (2 * 16 + 12) * (200 - H)


def test_what_cannot_be_is_refused():
    """Names, ranges, spaces, missing features."""
    with pytest.raises(UsageError, match="last_season"):
        Seasonal(name="last_seasom")
    with pytest.raises(UsageError, match="starts at 1"):
        Seasonal(season=0)
    with pytest.raises(UsageError, match="k = 0"):
        KNN(k=0)
    with pytest.raises(UsageError, match="forgetting"):
        AdaptiveFilter(forgetting=0.2)
    for learner in (Seasonal(), KNN(), AdaptiveFilter()):
        with pytest.raises(Unsuited, match="forecasts a series"):
            learner.begin(Symbols(size=4), seed=1)
    for learner in (Seasonal(season=2), KNN(season=3)):
        with pytest.raises(Unsuited, match="more than the horizon"):
            learner.begin(SPACE, seed=1)
    with pytest.raises(Unsuited, match="season ahead"):
        column(Series(horizon=1), AHEAD, "it")
