"""Whatever bytes a file holds: the network that was saved, or one CorruptFile. Nothing else."""

import contextlib
import hashlib
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bioplastic
from bioplastic.errors import CorruptFile
from bioplastic.learned import Learned
from bioplastic.learned_file import HEAD, Content, read, write

SETTINGS = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,  # libhdf5 reads what was forged
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def reseal(path, version=1):
    """Put a matching first line before whatever the file holds, as a forger would."""
    raw = path.read_bytes()
    seal = hashlib.sha256(raw[HEAD:]).hexdigest()
    line = f"bioplastic-learned {version} {len(raw)} {seal}\n".encode()
    path.write_bytes(line.ljust(HEAD - 1) + b"\n" + raw[HEAD:])


def refused(path, why="."):
    with pytest.raises(CorruptFile, match=why) as caught:
        Learned.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.fixture
def saved(learned, tmp_path):
    return learned.save(tmp_path / "learned.h5")


def test_every_region_is_guarded(saved, tmp_path):
    raw = saved.read_bytes()
    path = tmp_path / "changed.h5"
    for at in [*range(0, 140, 7), *range(HEAD, len(raw), max(1, len(raw) // 150)), len(raw) - 1]:
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 0x55]) + raw[at + 1 :])
        refused(path)


def test_every_truncation_is_seen(saved, tmp_path):
    raw = saved.read_bytes()
    path = tmp_path / "cut.h5"
    for size in [0, 1, 19, 100, HEAD - 1, HEAD, HEAD + 1, 2048, len(raw) // 2, len(raw) - 1]:
        path.write_bytes(raw[:size])
        refused(path)
    path.write_bytes(raw + b"\0")
    refused(path, "truncated or extended")


def test_another_version_is_named(saved):
    reseal(saved, version=2)
    refused(saved, "version 2 is not 1")


def test_other_files_are_not_learned_networks(tmp_path):
    for k, content in enumerate(
        (b"", b"\x89HDF\r\n\x1a\n" + b"\0" * 900, b"{}", b"#!AER-DAT2.0\r\n")
    ):
        path = tmp_path / str(k)
        path.write_bytes(content)
        refused(path, "not a learned network")


def test_a_resealed_change_breaks_the_content_hash(saved):
    with h5py.File(saved, "r+") as file:
        file["arrays/grow/permanence"][0] = 19.5
    reseal(saved)
    refused(saved, "does not match its SHA-256")


@SETTINGS
@given(st.data())
def test_forged_bytes_raise_nothing_else(saved, tmp_path, data):
    raw = bytearray(saved.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(HEAD, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "forged.h5"
    path.write_bytes(raw)
    reseal(path)
    with contextlib.suppress(CorruptFile):
        Learned.load(path, limit=2**24)


def forge(saved, change):
    with h5py.File(saved, "r+") as file:
        change(file)
    reseal(saved)


def huge(name, **options):
    def change(file):
        del file["arrays/race/gain"]
        made = file.create_dataset(name, shape=(2**40,), dtype="f8", **options)
        made.attrs["unit"] = np.bytes_("1")

    return change


def bomb(file):
    del file["arrays/race/gain"]
    data = np.zeros(2**21, np.uint8)
    made = file.create_dataset("arrays/race/gain", data=data, compression="gzip")
    made.attrs["unit"] = np.bytes_("1")


def circle(file):
    file["arrays/again"] = file["arrays"]


def outside(file):
    file["arrays/race/more"] = h5py.ExternalLink("other.h5", "/x")


def soft(file):
    file["arrays/race/more"] = h5py.SoftLink("/arrays/race/gain")


def external(file):
    made = file.create_dataset(
        "arrays/race/more", shape=(8,), dtype="u1", external=[("/etc/hostname", 0, 8)]
    )
    made.attrs["unit"] = np.bytes_("1")


def strings(file):
    made = file.create_dataset("arrays/race/more", data=["a"], dtype=h5py.string_dtype())
    made.attrs["unit"] = np.bytes_("1")


def long_unit(file):
    file["arrays/race/gain"].attrs["unit"] = np.bytes_("V" * 4000)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (huge("arrays/race/gain"), "need more|does not hold"),
        (huge("arrays/race/gain", chunks=(1024,), compression="gzip"), "need more|does not hold"),
        (huge("arrays/race/gain", maxshape=(None,), chunks=(9,)), "not a plain array"),
        (bomb, "need more"),
        (circle, "stands in more than one place"),
        (outside, "links are not part"),
        (soft, "links are not part"),
        (external, "not a plain array"),
        (strings, "type object is not one"),
        (long_unit, "must be a short text"),
        (lambda f: f.create_group("more"), "nothing else"),
        (lambda f: f.attrs.__delitem__("content"), "content is missing"),
        (lambda f: f["arrays/race/gain"].attrs.__delitem__("unit"), "unit is missing"),
        (lambda f: f.__delitem__("manifest"), "nothing else"),
    ],
)
def test_hostile_hdf5_is_refused_before_it_costs(saved, change, why):
    forge(saved, change)
    with pytest.raises(CorruptFile, match=why):
        read(saved, limit=2**20)


@pytest.mark.parametrize(
    ("description", "manifest", "why"),
    [
        ("[" * 50_000, "{}", "JSON"),
        ('{"$":"Network"}', "{}", "exactly the fields"),
        ('{"$":"HardWTA","k":1,"period":null}', "{}", "must hold a Network"),
        ('{"$":"quantity","value":NaN,"unit":"s"}', "{}", "NaN"),
        ('{"$":"Netwrk"}', "{}", "did you mean 'Network'"),
        ("null", "[]", "must hold a Network"),
    ],
)
def test_hostile_json_is_refused(tmp_path, description, manifest, why):
    path = tmp_path / "forged.h5"
    write(path, Content(description, manifest))
    refused(path, why)


def test_hostile_arrays_are_refused(saved):
    content = read(saved)
    for name, values in (
        ("arrays/nobody/x", np.zeros(2)),
        ("arrays/grow/permanence", np.zeros(99)),
        ("network/surplus", np.zeros(1)),
    ):
        arrays = {**content.arrays, name: (values, "1")}
        write(saved, Content(content.description, content.manifest, arrays))
        refused(saved)
    arrays = {**content.arrays, "arrays/race/gain": (np.zeros(2), "parsec")}
    write(saved, Content(content.description, content.manifest, arrays))
    refused(saved, "unknown unit")


def test_a_limit_bounds_what_is_read(saved):
    with pytest.raises(CorruptFile, match="need more than the 1,000 bytes"):
        Learned.load(saved, limit=1000)


def test_no_pickle_anywhere():
    pattern = re.compile(r"(import|from) (pickle|dill|joblib|marshal|shelve)|allow_pickle=True")
    root = Path(bioplastic.__file__).parent
    files = [root / "learned.py", root / "learned_file.py", root / "serialise.py",
             *root.glob("export/*.py")]  # fmt: skip
    assert [f.name for f in files if pattern.search(f.read_text(encoding="utf-8"))] == []
