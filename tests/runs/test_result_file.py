"""result.h5: what goes in comes out, and what is broken is refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioplastic.errors import BioplasticError, CorruptFile
from bioplastic.result import Quantity, SpikeRecord
from bioplastic.result_file import read_arrays, read_spikes, write_result


def record(steps, ids, size=10, dt=1e-4, **more):
    return SpikeRecord(
        population="p", steps=np.asarray(steps, np.int64), ids=np.asarray(ids, np.int64),
        size=size, dt=dt, **more,
    )  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 9))))
def test_spikes_round_trip(tmp_path_factory, pairs):
    pairs.sort()
    spikes = record([s for s, _ in pairs], [i for _, i in pairs], labels=tuple("abcdefghij"))
    path = tmp_path_factory.mktemp("r") / "result.h5"
    write_result(path, {"p": spikes}, {})
    back = read_spikes(path)["p"]
    np.testing.assert_array_equal(back.steps, spikes.steps)
    np.testing.assert_array_equal(back.ids, spikes.ids)
    assert (back.size, back.dt, back.labels) == (10, 1e-4, spikes.labels)
    assert {back.steps.dtype, back.ids.dtype} == {np.dtype(np.int64)}


def test_layout_is_sonata(tmp_path):
    write_result(tmp_path / "r.h5", {"p": record([0, 5, 5], [3, 0, 9])}, {})
    with h5py.File(tmp_path / "r.h5") as file:
        group = file["spikes/p"]
        np.testing.assert_allclose(group["timestamps"][:], [0, 0.5, 0.5])
        assert group["timestamps"].attrs["units"] == "ms"
        assert group["node_ids"].dtype == np.uint64
        kind = h5py.check_enum_dtype(group.attrs.get_id("sorting").dtype)
        assert kind == {"none": 0, "by_id": 1, "by_time": 2}
        assert group.attrs["sorting"] == kind["by_time"]
        assert (file.attrs["format"], file.attrs["version"]) == ("bioplastic-result", 1)


def test_arrays_keep_unit_type_and_shape(tmp_path):
    arrays = {
        "w": Quantity(values=np.arange(6, dtype=np.int8).reshape(2, 3)),
        "v": Quantity(values=np.linspace(-70, -50, 200), unit="mV"),
        "gap": Quantity(values=np.array([1.0, np.nan])),
        "one": Quantity(values=np.array(3.0), unit="s"),
    }
    write_result(tmp_path / "r.h5", {}, arrays)
    back = read_arrays(tmp_path / "r.h5")
    for name, quantity in arrays.items():
        np.testing.assert_array_equal(back[name].values, quantity.values)
        assert back[name].unit == quantity.unit
        assert back[name].values.dtype == quantity.values.dtype
    with h5py.File(tmp_path / "r.h5") as file:
        assert file["arrays/gap"].attrs["nonfinite"] == 1


BAD = {
    "lengths": record([1, 2], [0]),
    "ids -1…0": record([1, 2], [-1, 0]),
    "ids 0…10 must be within 0…9": record([1, 2], [0, 10]),
    "order of time": record([2, 1], [0, 0]),
    "dt = 0": record([1], [0], dt=0.0),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_spikes_are_not_written(tmp_path, message):
    with pytest.raises(BioplasticError, match="spikes of 'p'") as caught:
        write_result(tmp_path / "r.h5", {"p": BAD[message]}, {})
    assert message.replace("lengths", "one length") in str(caught.value)
    assert not (tmp_path / "r.h5").exists()


@pytest.mark.parametrize("values", [np.array(["a"]), np.array([object()])])
def test_arrays_must_be_numbers(tmp_path, values):
    with pytest.raises(BioplasticError, match="array 'x'"):
        write_result(tmp_path / "r.h5", {}, {"x": Quantity(values=values)})


def test_every_truncation_is_one_clear_error(tmp_path):
    write_result(tmp_path / "r.h5", {"p": record(range(500), [1] * 500)}, {})
    whole = (tmp_path / "r.h5").read_bytes()
    for size in range(0, len(whole) - 1, len(whole) // 23):
        (tmp_path / "cut.h5").write_bytes(whole[:size])
        with pytest.raises(CorruptFile, match=r"cut\.h5"):
            read_spikes(tmp_path / "cut.h5")


def damage(path, change):
    write_result(path, {"p": record([1, 2], [0, 1])}, {})
    with h5py.File(path, "r+") as file:
        change(file)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.attrs.__setitem__("version", 2), "version 2 is not 1"),
        (lambda f: f.attrs.__setitem__("format", "x"), "format 'x'"),
        (lambda f: f.__delitem__("spikes/p/steps"), "not steps, node_ids"),
        (lambda f: f["spikes/p"].attrs.__delitem__("dt"), "its dt is missing"),
        (lambda f: f["spikes/p/steps"].__setitem__(0, 99), "order of time"),
        (lambda f: f["spikes/p/node_ids"].__setitem__(0, 99), "within 0…9"),
    ],
)
def test_damage_is_one_clear_error(tmp_path, change, message):
    with pytest.raises(CorruptFile, match=message):
        read_spikes(damage(tmp_path / "r.h5", change))


def test_other_file(tmp_path):
    (tmp_path / "r.h5").write_text("hello")
    for path in (tmp_path / "r.h5", tmp_path / "none.h5", tmp_path):
        with pytest.raises(CorruptFile):
            read_arrays(path)
