"""The table of baselines and the figures made from surprises."""

import sys

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning import baselines, load, summary


@pytest.fixture(scope="module")
def stream():
    return load("alice29", symbols=2000)


def test_default_measures_all_but_the_slow_one(stream):
    pytest.importorskip("pyppmd")
    lines: list[str] = []
    found = baselines.run(stream, progress=lines.append)
    assert tuple(found) == ("uniform", "unigram", "ngram", "suffix_table", "ppmd")
    assert len(lines) == 5
    for name, result in found.items():
        assert result.name == name
        assert 0 < result.bits_per_symbol < 5
        assert 0 < result.last_third < 5
        assert (result.surprise is None) == (name == "ppmd")
    mean = found["ngram"].surprise
    assert mean is not None
    assert found["ngram"].last_third == pytest.approx(mean[1333:].mean())
    assert found["ngram"].bits_per_symbol < found["unigram"].bits_per_symbol
    assert found["unigram"].bits_per_symbol < found["uniform"].bits_per_symbol


def test_names_are_resolved():
    assert baselines.names("all") == baselines.ALL
    assert baselines.names("none") == ()
    assert baselines.names("gru, uniform") == ("uniform", "gru")
    assert baselines.names(["default", "gru", "gru"]) == baselines.ALL


def test_an_unknown_name_offers_the_nearest(stream):
    with pytest.raises(UsageError, match=r"unknown baseline 'ngrams'.*did you mean 'ngram'"):
        baselines.run(stream, ["uniform", "ngrams"])


def test_what_is_not_installed_stands_in_the_table(stream, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyppmd", None)
    found = baselines.run(stream, ["uniform", "ppmd"])
    assert np.isnan(found["ppmd"].bits_per_symbol)
    assert "pip install pyppmd" in found["ppmd"].note
    assert "pip install pyppmd" in baselines.table(stream, found)


def test_command_line(capsys):
    assert baselines.main(["alice29", "--symbols", "500", "--which", "uniform,unigram"]) == 0
    assert "| uniform | 4.755 |" in capsys.readouterr().out
    assert baselines.main(["alice30"]) == 2
    assert capsys.readouterr().err.startswith("error: corpus 'alice30'")


def test_summary_of_a_known_row():
    bits = np.repeat([3.0, 2.0, 1.0], 100)
    found = summary(bits, windows=3)
    assert found.mean == 2.0
    assert found.last_third == 1.0
    assert found.window_stop.tolist() == [100, 200, 300]
    assert found.window_mean.tolist() == [3.0, 2.0, 1.0]
    assert found.low <= found.mean <= found.high


def test_summary_interval_covers_independent_noise():
    bits = np.random.default_rng(0).normal(2.0, 1.0, 40_000)
    found = summary(bits, block=100)
    # standard error 1/√40000 = 0.005, so the interval is 2 · 1.96 · 0.005 wide
    assert found.high - found.low == pytest.approx(0.0196, rel=0.15)
    assert found.low < found.mean < found.high


def test_summary_of_very_few():
    assert summary(np.array([1.5])).window_mean.tolist() == [1.5]


@pytest.mark.parametrize("bits", [[], [np.nan], [[1.0]], [np.inf, 1.0]])
def test_summary_refuses(bits):
    with pytest.raises(UsageError, match="one row of finite numbers"):
        summary(np.array(bits))
    with pytest.raises(UsageError, match="windows=0"):
        summary(np.ones(3), windows=0)
