"""Settings: text to value and back, and every refusal."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import pytest
from brian2 import Hz, Quantity, metre, ms, mV, nS, pF, second
from hypothesis import given
from hypothesis import strategies as st

from bioplastic.config import configure, from_toml, setting, to_toml
from bioplastic.errors import CorruptFile, UsageError
from bioplastic.unit_text import format_quantity, parse_quantity


@dataclass(frozen=True, kw_only=True)
class Config:
    tau: Quantity = setting(20 * ms, low=1 * ms, high=10 * second)
    taus: tuple[Quantity, ...] = (1 * ms, 2 * ms)
    count: int = setting(5, low=1)
    gain: float = 0.5
    on: bool = False
    corpus: str = "kjv"
    path: Path = Path("x")
    task: Literal["I", "II"] = "I"
    limit: int | None = None
    pair: tuple[int, float] = (1, 2.0)


FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
CONFIGS = st.builds(
    Config,
    tau=st.floats(1e-3, 10.0).map(lambda x: x * second),
    taus=st.lists(FINITE.map(lambda x: x * second), max_size=3).map(tuple),
    count=st.integers(1),
    gain=FINITE,
    on=st.booleans(),
    corpus=TEXT,
    path=st.just(Path("a b/ü")),
    task=st.sampled_from(["I", "II"]),
    limit=st.none() | st.integers(),
    pair=st.tuples(st.integers(), FINITE),
)


@given(CONFIGS)
def test_toml_round_trip_is_exact(config):
    assert from_toml(Config, to_toml(config, experiment="x", seed=1)) == config


@pytest.mark.parametrize("unit", [ms, mV, nS, pF, Hz, nS / ms, mV**2, metre / second**3])
@given(value=FINITE)
def test_quantity_round_trip_is_exact(unit, value):
    quantity = value * unit
    back = parse_quantity(format_quantity(quantity), like=quantity)
    assert float(back) == float(quantity)
    assert back.dim is quantity.dim


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20ms", 20e-3), ("0.5 s", 0.5), ("3 * us", 3e-6), ("2 µs", 2e-6), ("1e3 ms", 1.0),
     ("4 mV*ms/mV", 4e-3), ("2 ms^2/ms", 2e-3), ("7 msecond", 7e-3)],
)  # fmt: skip
def test_quantity_text(text, seconds):
    assert float(parse_quantity(text, like=1 * ms)) == pytest.approx(seconds, rel=1e-15)


def test_overrides_win_over_base():
    base = {"count": 7, "tau": 30 * ms, "gain": 2}
    config = configure(Config, ["count=1e3", "on=yes", "taus=3ms, 4 ms", "limit=none"], base=base)
    assert (config.count, config.on, config.gain) == (1000, True, 2.0)
    assert config.tau == 30 * ms
    assert config.taus == (3 * ms, 4 * ms)
    assert configure(Config, ["corpus=a=b"]).corpus == "a=b"
    assert configure(Config, ["limit=12", "pair=3,4"]).pair == (3, 4.0)
    assert configure(Config) == Config()


REFUSED = {
    "tau=3": "tau = '3': the unit is missing; write it such as '20 ms'",
    "tau=3mV": "tau = '3mV': the unit is of another kind; write it such as '20 ms'",
    "tau=3 mz": "tau = '3 mz': unknown unit 'mz'; did you mean 'ms'",
    "tau=0.1ms": "tau = 0.1 ms: must be >= 1 ms and <= 10 s",
    "tau=ms": "tau = 'ms': must be a number with a unit such as '20 ms'",
    "tau=1e999 s": "must be finite",
    "taus=1ms,2": "taus = '2': the unit is missing",
    "count=0": "count = 0: must be >= 1",
    "count=2.5": "count = '2.5': must be a whole number",
    "count=inf": "count = 'inf': must be a whole number",
    "gain=nan": "gain = 'nan': must be finite",
    "on=perhaps": "on = 'perhaps': must be true or false",
    "task=III": "task = 'III'; did you mean 'II'",
    "pair=1": "pair = '1': must have 2 values, not 1",
    "coutn=1": "unknown setting 'coutn'; did you mean 'count'",
    "count": "'count' must be written key=value",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refusal_names_key_value_and_range(text):
    with pytest.raises(UsageError) as caught:
        configure(Config, [text], where="toy")
    assert str(caught.value).startswith("toy: ")
    assert REFUSED[text] in str(caught.value)


@given(st.sampled_from([f.name for f in fields(Config)]), TEXT)
def test_any_text_is_read_or_refused(key, text):
    message = key
    try:
        configure(Config, [f"{key}={text}"])
    except UsageError as error:
        message = str(error)
    assert key in message


@pytest.mark.parametrize("text", ["not toml", "count = 3\n", "config = 3\n"])
def test_broken_toml_is_one_clear_error(text):
    with pytest.raises(CorruptFile, match=r"config\.toml"):
        from_toml(Config, text)
