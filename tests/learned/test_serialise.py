import dataclasses
import inspect
import math
import pkgutil
from importlib import import_module

import numpy as np
import pytest
from brian2 import Quantity, ms, mV, pA, second
from brian2.units.fundamentalunits import get_or_create_dimension
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import bioplastic.description
from bioplastic.description import LIF, Connectivity, Network, SpikeTrain, SymbolSchedule
from bioplastic.errors import UsageError
from bioplastic.serialise import CLASSES, dump, load
from bioplastic.strict_json import canonical, parse
from bioplastic.unit_si import Malformed, dimension_of, scale_of, unit_of

FINITE = st.floats(allow_nan=False, allow_infinity=False)
SECONDS = st.floats(0, 1e6, allow_subnormal=False)


def through_text(value):
    tree, arrays = dump(value)
    return load(parse(canonical(tree)), arrays)


def equal(a, b):
    """Field by field, to the bit; lists equal lists, tuples equal tuples."""
    if dataclasses.is_dataclass(a):
        names = [f.name for f in dataclasses.fields(a)]
        return type(a) is type(b) and all(equal(getattr(a, n), getattr(b, n)) for n in names)
    if isinstance(a, (Quantity, np.ndarray)):
        same_unit = getattr(a, "dim", None) is getattr(b, "dim", None)
        x, y = np.asarray(a), np.asarray(b)
        little = x.dtype.newbyteorder("<")
        return same_unit and little == y.dtype and x.astype(little).tobytes() == y.tobytes()
    if isinstance(a, (list, tuple)):
        alike = type(a) is type(b) and len(a) == len(b)
        return alike and all(equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return set(a) == set(b) and all(equal(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


def test_every_description_class_is_known():
    found = {}
    for info in pkgutil.iter_modules(bioplastic.description.__path__):
        module = import_module(f"bioplastic.description.{info.name}")
        for name, cls in inspect.getmembers(module, dataclasses.is_dataclass):
            if cls.__module__.startswith("bioplastic.description"):
                found[name] = cls
    assert found == CLASSES


def test_round_trip_of_everything(network):
    assert equal(network, through_text(network))


def test_the_sample_holds_every_class(network):
    tree, _ = dump(network)
    text = canonical(tree)
    assert [name for name in CLASSES if f'"$":"{name}"' not in text] == []


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(0, 20))
def test_round_trip_of_connectivity(data, size):
    index = hnp.arrays(np.int64, size, elements=st.integers(0, 2**40))
    shape = data.draw(st.sampled_from([(), (size,)]))
    weight = data.draw(hnp.arrays(np.float64, shape, elements=FINITE))
    delay = data.draw(hnp.arrays(np.float64, shape, elements=SECONDS))
    permanence = data.draw(st.none() | hnp.arrays(np.float64, size, elements=FINITE))
    connectivity = Connectivity(
        i=data.draw(index), j=data.draw(index), permanence=permanence,
        weight=Quantity(weight, dim=pA.dim), delay=Quantity(delay, dim=second.dim),
    )  # fmt: skip
    assert equal(connectivity, through_text(connectivity))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99), SECONDS)))
def test_round_trip_of_stimuli(spikes):
    ids, times = np.array([s[0] for s in spikes], int), np.array([s[1] for s in spikes])
    train = SpikeTrain(i=ids, t=times * second)
    assert equal(train, through_text(train))
    if spikes:
        phase = np.minimum(times, 124) * ms
        schedule = SymbolSchedule(symbols=ids, size=100, phase=phase)
        assert equal(schedule, through_text(schedule))


NOTES = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(), NOTES))
def test_round_trip_of_notes(notes):
    network = Network(name="n", notes=notes)
    assert equal(network, through_text(network))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object(), "a object cannot"),
        ({1: 2}, "a dict cannot"),
        (math.nan, "must be finite"),
        (np.array(["x"]), "array of <U1"),
        (np.array([None]), "array of object"),
        (lambda: 0, "a function cannot"),
    ],
)
def test_what_cannot_be_stored_is_named(value, why):
    with pytest.raises(UsageError, match=why) as caught:
        dump(Network(name="n", notes={"mine": value}))
    assert "network.notes.mine" in str(caught.value)


GOOD = {f.name: None for f in dataclasses.fields(LIF)}


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        ({"$": "LIFF"}, "did you mean 'LIF'"),
        ({"$": "os.system", "command": "true"}, "unknown kind"),
        ({}, "unknown kind None"),
        ({"$": ["LIF"]}, "unknown kind"),
        ({"$": "LIF"}, "exactly the fields"),
        ({"$": "LIF", **GOOD, "more": 1}, "exactly the fields"),
        ({"$": "LIF", **GOOD}, "network"),
        ({"$": "HardWTA", "k": "3", "period": None}, "must not be a str"),
        ({"$": "HardWTA", "k": -3, "period": None}, "whole number"),
        ({"$": "HardWTA", "k": True, "period": None}, "must not be a bool"),
        ({"$": "HardWTA", "k": 1, "period": {"$": "tuple", "items": []}}, "HardWTA"),
        ({"$": "quantity", "value": "1", "unit": "s"}, "must be a number"),
        ({"$": "quantity", "value": 1, "unit": "parsec"}, "unknown unit"),
        ({"$": "quantity", "value": 1, "unit": "m^1 m^1"}, "unknown unit"),
        ({"$": "array", "at": "nowhere", "unit": None}, "array is missing"),
        ({"$": "tuple", "items": {}}, "must be a list"),
        ({"$": "dict", "items": []}, "must be an object"),
        (float("inf"), "must be finite"),
    ],
)
def test_hostile_trees_are_refused(tree, why):
    with pytest.raises(Malformed, match=why):
        load(tree, {})


def test_arrays_are_used_exactly_once():
    leaf = {"$": "array", "at": "a", "unit": None}
    with pytest.raises(Malformed, match="missing"):
        load([leaf, leaf], {"a": np.zeros(1)})
    with pytest.raises(Malformed, match="belongs to nothing"):
        load([], {"a": np.zeros(1)})


def test_deep_trees_are_refused():
    tree: object = 1
    for _ in range(50):
        tree = [tree]
    with pytest.raises(Malformed, match="deep"):
        load(tree, {})
    for text in ("[" * 100_000, '{"a":NaN}', '{"a":1,"a":2}', "1" * 5000, "", "{", b"\xff"):
        with pytest.raises(Malformed):
            parse(text)


@given(st.lists(st.integers(-4, 4) | st.sampled_from([0.5, -1.5]), min_size=7, max_size=7))
def test_units_round_trip(powers):
    dimension = get_or_create_dimension(powers)
    assert dimension_of(unit_of(dimension)) is dimension


def test_units_that_people_write():
    assert scale_of("mV", "w") == (0.001, mV.dim)
    assert scale_of("nats", "w")[0] == scale_of("", "w")[0] == 1.0
    with pytest.raises(UsageError, match="did you mean 'mV'"):
        scale_of("mv", "weight of 'x'")
