"""The taxi task: its file, its season, its score, and the spiking forecaster."""

import copy
import lzma
import os
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from bioplastic.errors import CorruptFile, UsageError
from bioplastic.kernels.circuit.cpu import run as execute
from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learners.seasonal import AHEAD, NOW, Seasonal
from bioplastic.learning.learners.taxi_attention import RatioCode, TaxiAttention
from bioplastic.learning.space import Series, Symbols
from bioplastic.learning.task import MissingData
from bioplastic.learning.tasks.data_folder import VARIABLE
from bioplastic.learning.tasks.taxi import WEEK, Taxi, read_taxi, season
from bioplastic.learning.walk import walk
from bioplastic.quantize.circuit_program import State, fresh_trace

SPACE = Series(horizon=5, features=("value", NOW, AHEAD))


def written(path: Path, values, *, skip: int | None = None) -> Path:
    """A file of the format."""
    start = datetime(2014, 7, 1)
    rows = ["timestamp,passenger_count,timeofday,dayofweek", "datetime,int,int,int", "T,,,"]
    for n, value in enumerate(values):
        if n != skip:
            rows.append(f"{start + n * timedelta(minutes=30)},{value},0,1")
    text = "\n".join(rows) + "\n"
    path.write_bytes(lzma.compress(text.encode()) if path.suffix == ".xz" else text.encode())
    return path


def test_the_file_is_read_plain_and_compressed(tmp_path):
    """Equal values; a gap, a word or a torn archive is named."""
    values = [3, 1, 4, 1, 5]
    for name in ("a.csv", "a.csv.xz"):
        data = read_taxi(written(tmp_path / name, values))
        assert data.values.tolist() == values
        assert data.first == datetime(2014, 7, 1)
    with pytest.raises(CorruptFile, match="half an hour is missing"):
        read_taxi(written(tmp_path / "gap.csv", values, skip=2))
    with pytest.raises(CorruptFile, match="record 2 cannot be read"):
        read_taxi(written(tmp_path / "word.csv", [1, 2, "many"]))
    torn = tmp_path / "torn.csv.xz"
    torn.write_bytes(written(tmp_path / "whole.csv.xz", values).read_bytes()[:-20])
    with pytest.raises(CorruptFile, match="cannot be read"):
        read_taxi(torn)
    with pytest.raises(CorruptFile, match="no records"):
        read_taxi(written(tmp_path / "none.csv", []))


def test_season_is_the_median_of_the_past_alone():
    """By hand with a period of 4; what comes after t changes nothing."""
    x = np.array([1.0, 2, 3, 4, 10, 20, 30, 40, 4, 5, 6, 7, 9])
    found = season(x, horizon=1, weeks=2, period=4)
    assert found[12].tolist() == [np.median([4, 10]), np.median([5, 20])]
    assert found[5].tolist() == [2.0, 3.0]
    assert found[0].tolist() == [1.0, 1.0]
    assert found[2].tolist() == [2.0, 3.0]
    changed = x.copy()
    changed[9:] = 99.0
    assert np.array_equal(season(changed, horizon=1, weeks=2, period=4)[:9], found[:9])
    with pytest.raises(UsageError, match="weeks = 0"):
        season(x, horizon=1, weeks=0)


def test_ratio_bins_and_their_median():
    """Bins are ordered; the median of a sure bin is its middle, of two equal ones their border."""
    code = RatioCode(bins=5, reach=0.3)
    assert np.allclose(code.edges, [-0.3, -0.1, 0.1, 0.3])
    ratios = np.exp([-0.5, -0.2, 0.0, 0.2, 0.5])
    assert [code.symbol(100.0 * r, 100.0) for r in ratios] == [0, 1, 2, 3, 4]
    assert code.symbol(0.0, 5.0) == 0
    assert code.symbol(5.0, 0.0) == 4
    for k, middle in enumerate((-0.4, -0.2, 0.0, 0.2, 0.4)):
        assert code.median(np.eye(5)[k]) == pytest.approx(middle)
    assert code.median(np.array([0, 0.5, 0.5, 0, 0])) == pytest.approx(-0.1)
    with pytest.raises(UsageError, match="bins = 2"):
        RatioCode(bins=2)


def wave(length=400, seed=1):
    """A season of 40 whose deviation goes on for a while: x = season · exp(walk)."""
    rng = np.random.default_rng(seed)
    t = np.arange(length + 5)
    usual = 100.0 + 50.0 * np.sin(2 * np.pi * t / 40)
    off = np.zeros(length)
    for n in range(1, length):
        off[n] = 0.95 * off[n - 1] + 0.06 * rng.normal()
    return np.column_stack((usual[:length] * np.exp(off), usual[:length], usual[5:]))


SMALL = TaxiAttention(code=RatioCode(bins=7, reach=0.3), taps=((0,), (0, 1)), winners=4)


def test_the_forecast_is_that_of_the_race_to_come():
    """`under_way` equals the potentials of a frozen circuit run on, without input, to that race."""
    x = wave(60)
    student = SMALL.begin(SPACE, seed=3)
    for record in x:
        student.learn(record)
    wanted = student.potentials
    program = student.inner.still
    state = State(*(np.copy(a) for a in student.inner.state))
    trace = fresh_trace(program, 4)
    nothing = np.full(4, -1)
    execute(program, state, nothing.astype(np.int32), nothing.astype(np.int64),
            nothing.astype(np.int32), trace)  # fmt: skip
    assert np.array_equal(trace.potential[3], wanted)
    assert wanted.any()


def test_the_forecast_hears_nothing_that_comes_later():
    """Equal pasts, equal forecasts; asking twice or never changes nothing."""
    x = wave(80)
    y = x.copy()
    y[50:, 0] *= 1.3
    a, b, quiet = (SMALL.begin(SPACE, seed=3) for _ in range(3))
    for t in range(50):
        assert float(a.predict(x[:t])) == float(b.predict(y[:t]))
        for student in (a, b, quiet):
            student.learn(x[t])
    a.predict(x[:50])
    assert float(a.predict(x[:50])) == float(quiet.predict(x[:50])) == float(b.predict(y[:50]))
    twin = copy.deepcopy(a)
    twin.observe(x[50])
    assert float(a.predict(None)) == float(b.predict(None))
    assert a.cost().symbols == 50
    assert twin.cost().symbols == 51


def test_it_learns_how_long_deviations_last():
    """Half as good again as the season alone, in the second half of 1 200 records."""
    x = wave(1200)
    usual = walk(Seasonal(name="season_usual").begin(SPACE, seed=1), SPACE, x)
    learned = walk(SMALL.begin(SPACE, seed=1), SPACE, x)
    assert learned[600:].mean() < 0.9 * usual[600:].mean()


def test_it_needs_a_series_with_its_season():
    """Other spaces are refused, by name."""
    with pytest.raises(Unsuited, match="forecasts a series"):
        SMALL.begin(Symbols(size=3), seed=1)
    with pytest.raises(Unsuited, match="needs the feature 'season'"):
        SMALL.begin(Series(horizon=5), seed=1)


def test_a_small_cell(tmp_path):
    """MAPE and NRMSE by hand; a repeating series is forecast without error from week two on."""
    rng = np.random.default_rng(0)
    values = np.tile(rng.integers(100, 200, WEEK), 4)
    values[3 * WEEK] += 50
    path = written(tmp_path / "taxi.csv", values)
    task = Taxi(path=str(path), scored_from=2 * WEEK, weeks=2)
    task.check()
    record = task.measure(Seasonal(name="season_usual"), seed=1)
    scored = values[2 * WEEK :]
    assert record.score == pytest.approx(50 / scored.sum())
    assert record.extra["NRMSE"] == pytest.approx(50 / np.sqrt(len(scored)) / values.std())
    assert record.note == ""
    assert record.cost is not None
    assert len(record.x) == 2
    space, x = task.series()
    assert x[1].tolist()[1:3] == [0.5, 1.0]  # half past midnight on a Tuesday
    assert space.horizon == 5
    assert x.shape == (4 * WEEK, 5)
    assert task.measure(Familiarless(), seed=1).note.startswith("unsuited: ")
    with pytest.raises(UsageError, match="leaves too few"):
        Taxi(path=str(path)).check()


class Familiarless(Seasonal):
    """A forecaster that suits nothing."""

    def begin(self, space, *, seed):
        """Refuse."""
        raise Unsuited("not today")


def test_missing_data_says_where_to_get_it(tmp_path, monkeypatch):
    """Which file, where from, under what licence."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(MissingData, match="htmresearch"):
        Taxi().check()


@pytest.mark.skipif(
    not (Path(os.environ.get(VARIABLE, "")) / "nab/nyc_taxi_cui2016_17520.csv.xz").is_file(),
    reason="the taxi series is not in $BIOPLASTIC_DATA; it may not be shipped",
)
def test_copying_last_week_costs_what_is_known():
    """.0880 by the stored file, which has no forecast of the last five records."""
    record = Taxi().measure(Seasonal(), seed=1)
    assert record.score == pytest.approx(0.0880, abs=2e-4)
