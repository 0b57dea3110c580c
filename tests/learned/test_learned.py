import dataclasses

import numpy as np
import pytest
from brian2 import amp, get_dimensions, mV, pA

from bioplastic.description import AllToAll, Connectivity
from bioplastic.errors import BioplasticError, UsageError
from bioplastic.learned import Learned
from bioplastic.result import Quantity


def test_save_and_load_give_the_same(learned, tmp_path):
    path = learned.save(tmp_path / "learned.h5")
    back = Learned.load(path)
    assert back.content_hash == learned.content_hash
    assert back.manifest == learned.manifest
    assert set(back.arrays) == set(learned.arrays)
    for name, kept in learned.arrays.items():
        assert back.arrays[name].unit == kept.unit
        assert back.arrays[name].values.dtype == kept.values.dtype
        assert back.arrays[name].values.shape == kept.values.shape
        assert back.arrays[name].values.tobytes() == kept.values.tobytes()
    names = ["cells", "adaptive", "linear", "exact", "leaky", "race"]
    assert [p.name for p in back.description.populations] == names


def test_the_same_content_gives_the_same_bytes(learned, tmp_path):
    a, b = learned.save(tmp_path / "a.h5"), learned.save(tmp_path / "b.h5")
    assert a.read_bytes() == b.read_bytes()
    c = Learned.load(a).save(tmp_path / "c.h5")
    assert Learned.load(c).content_hash == learned.content_hash


def test_content_hash_sees_every_part(learned):
    hashes = {learned.content_hash}
    arrays = dict(learned.arrays)
    for name, kept in arrays.items():
        if kept.values.size and name not in ("prime/i", "prime/j", "cells/mature"):
            other = {**arrays, name: Quantity(values=kept.values + 1, unit=kept.unit)}
            hashes.add(dataclasses.replace(learned, arrays=other).content_hash)
    hashes.add(dataclasses.replace(learned, manifest={"seed": 8}).content_hash)
    renamed = dataclasses.replace(learned.description, name="other")
    hashes.add(dataclasses.replace(learned, description=renamed).content_hash)
    moved = {("race/gains" if k == "race/gain" else k): v for k, v in arrays.items()}
    hashes.add(dataclasses.replace(learned, arrays=moved).content_hash)
    shaped = {**arrays, "race/gain": arrays["race/gain"].values.reshape(2, -1)}
    hashes.add(dataclasses.replace(learned, arrays=shaped).content_hash)
    unit = {**arrays, "race/gain": Quantity(values=arrays["race/gain"].values, unit="mV")}
    hashes.add(dataclasses.replace(learned, arrays=unit).content_hash)
    assert len(hashes) == 10


def test_other_tools_read_the_file(learned, tmp_path):
    import h5py

    with h5py.File(learned.save(tmp_path / "l.h5")) as file:
        assert file["arrays/pair/weight"].attrs["unit"] == b"A"
        assert file["manifest"][()].startswith(b'{"seed":7')


def test_network_carries_what_was_learned(learned):
    network = learned.network()
    grow, pair = network.projection("grow"), network.projection("pair")
    assert np.array_equal(grow.connectivity.permanence, [0.5, 11.0, 20.0, 10.0])
    assert np.array_equal(pair.connectivity.weights(pA), [1.0, 0.25])
    assert pair.plasticity is not None
    assert network["cells"].mature == 3
    values = network.projection("values").connectivity
    assert isinstance(values, Connectivity)
    assert np.array_equal(values.weights(1), np.arange(-6, 6))
    prime = network.projection("prime").connectivity
    assert len(prime) == 1
    assert prime.weights(pA).tolist() == [1.0]


def test_frozen_network_has_no_rule_left(learned):
    network = learned.network(plastic=False)
    assert [p.plasticity for p in network.projections] == [None] * 5
    assert [p.scaling for p in network.projections] == [None] * 5
    assert [p.recruitment for p in network.populations] == [None] * 6
    assert network["race"].gain.rate == 0
    weights = network.projection("grow").connectivity.weights(pA)
    assert weights.tolist() == [0.0, 12.5, 12.5, 0.0]  # P = theta_p is not mature


def test_an_all_to_all_keeps_what_may_still_grow(learned):
    values = {"values/i": [2], "values/j": [1], "values/weight": np.array([0.5])}
    grown = Learned(learned.description, {k: np.asarray(v) for k, v in values.items()})
    assert isinstance(grown.network().projection("values").connectivity, AllToAll)
    frozen = grown.network(plastic=False).projection("values").connectivity
    assert isinstance(frozen, Connectivity)
    assert (frozen.i.tolist(), frozen.j.tolist(), frozen.weights(1).tolist()) == ([2], [1], [0.5])


def test_units_are_kept_and_converted(network):
    weight = Quantity(values=np.array([1.0, 2.0]), unit="pA")
    learned = Learned(network, {"pair/weight": weight, "adaptive/theta": [1.0, 2.0, 0.0] * mV})
    assert get_dimensions(learned.array("pair/weight")) is amp.dim
    assert np.allclose(np.asarray(learned.array("pair/weight")), [1e-12, 2e-12], rtol=1e-15)
    assert learned.arrays["adaptive/theta"].unit == "V"


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"pear/weight": np.zeros(2)}, "no 'pear'; did you mean 'pair'"),
        ({"pair": np.zeros(2)}, "must be named 'pair/<what>'"),
        ({"pair/../x": np.zeros(2)}, "must be named"),
        ({"pair/weight": np.zeros(2)}, "unit '1' is not that of the description, 'A'"),
        ({"pair/weight": np.zeros(3) * pA}, "shape"),
        ({"pair/i": np.zeros(2, int)}, "i without j"),
        ({"pair/i": np.array([9, 0]), "pair/j": np.array([0, 0])}, "must lie in 0..1"),
        ({"values/weight": np.zeros((3, 4))}, "must have shape"),
        ({"cells/mature": np.array(9)}, "mature"),
        ({"cells/x": Quantity(values=np.zeros(1), unit="furlong")}, "unknown unit"),
        ({"cells/x": np.array(["a"])}, "cannot be stored"),
    ],
)
def test_arrays_that_fit_nothing_are_refused(network, arrays, why):
    with pytest.raises(UsageError, match=why):
        Learned(network, arrays)


def test_a_manifest_must_be_json(network, tmp_path):
    for manifest in ({"x": float("nan")}, {"x": object()}):
        with pytest.raises(UsageError, match="cannot be stored"):
            Learned(network, {}, manifest).save(tmp_path / "x.h5")
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_survives_a_failed_save(learned, tmp_path, monkeypatch):
    path = learned.save(tmp_path / "l.h5")
    before = path.read_bytes()

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bioplastic.learned_file.os.replace", refuse)
    with pytest.raises(BioplasticError, match=r"l\.h5: not written.*No space left"):
        learned.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["l.h5"]


def test_a_stopped_save_leaves_nothing(learned, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("bioplastic.learned_file._fill", stop)
    with pytest.raises(KeyboardInterrupt):
        learned.save(tmp_path / "l.h5")
    assert list(tmp_path.iterdir()) == []


def test_paths_that_are_no_files(learned, tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        Learned.load(tmp_path / "none.h5")
    with pytest.raises(UsageError, match="not a file"):
        Learned.load(tmp_path)
    with pytest.raises(UsageError, match="is a folder"):
        learned.save(tmp_path)
    with pytest.raises(BioplasticError, match="not written"):
        learned.save(tmp_path / "no" / "folder.h5")
