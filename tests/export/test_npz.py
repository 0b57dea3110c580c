"""Arrays in a .npz: what numpy wrote, or one error before anything large is allocated."""

import struct
import zipfile

import numpy as np
import pytest

from bioplastic.errors import CorruptFile
from bioplastic.export.bundle import foreign, npz


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read(tmp_path, save):
    held = {
        "a/b": np.arange(12.0).reshape(3, 4), "c": np.zeros(0, np.int64), "d": np.array(True),
        "e": np.asfortranarray(np.arange(6, dtype=np.int8).reshape(2, 3)),
    }  # fmt: skip
    save(tmp_path / "x.npz", **held)
    found = npz.read(tmp_path / "x.npz", 1 << 20)
    assert found.keys() == held.keys()
    for name, values in held.items():
        assert found[name].dtype == values.dtype
        assert np.array_equal(found[name], values)
        assert found[name].shape == values.shape


def packed(path, head, body=bytes(64), how=zipfile.ZIP_STORED):
    raw = b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head.encode() + body
    with zipfile.ZipFile(path, "w", how) as file:
        file.writestr("a.npy", raw)


@pytest.mark.parametrize(
    ("kind", "shape", "why"),
    [
        ("'<i8'", "(1099511627776,)", "that it does not hold"),
        ("'<i8'", "(-8,)", "that it does not hold"),
        ("'|O'", "(8,)", "type object"),
        ("'>i8'", "(8,)", "type >i8"),
        ("'<c16'", "(4,)", "type complex128"),
        ("'<U16'", "(1,)", "type <U16"),
        ("'<i8'", "(2,", "truncated or damaged"),
    ],
)
def test_heads_that_lie_are_refused(tmp_path, kind, shape, why):
    path = tmp_path / "x.npz"
    packed(path, f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}}}\n")
    with pytest.raises(CorruptFile, match=why) as caught:
        npz.read(path, 1 << 20)
    assert "\n" not in str(caught.value)


def test_packings_and_sizes_that_are_no_part_of_it_are_refused(tmp_path):
    path, head = tmp_path / "x.npz", "{'descr': '<i8', 'fortran_order': False, 'shape': (8,)}\n"
    packed(path, head)
    assert npz.read(path, 1 << 10)["a"].tolist() == [0] * 8
    with pytest.raises(CorruptFile, match="more than the 300 bytes"):
        npz.read(path, 300)
    packed(path, head, how=zipfile.ZIP_LZMA)
    with pytest.raises(CorruptFile, match="packed in a way"):
        npz.read(path, 1 << 20)
    with pytest.raises(CorruptFile, match="truncated or damaged"):
        npz.read(tmp_path / "none", 1 << 20)


def test_what_a_tool_stored_is_read_no_other_way(tmp_path):
    """A tool from elsewhere is not trusted more than a file from elsewhere."""
    path = tmp_path / "found.npz"
    packed(path, "{'descr': '<i8', 'fortran_order': False, 'shape': (1099511627776,)}\n")
    with pytest.raises(foreign.Failed, match=r"it stored cannot be read.*that it does not hold"):
        foreign.stored(path)
    packed(path, "{'descr': '<i8', 'fortran_order': False, 'shape': (8,)}\n")
    assert foreign.stored(path)["a"].tolist() == [0] * 8
