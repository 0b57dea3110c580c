"""Folders that were cut, changed or forged: one CorruptFile, nothing else."""

import json
import shutil
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioplastic import export
from bioplastic.errors import CorruptFile, UsageError
from bioplastic.export.aer.address import AddressMap, in_order, same
from bioplastic.export.aer.forms import AEDAT2, AEDAT4, EVT3
from bioplastic.export.bundle import sealed
from bioplastic.export.sonata import spikes as sonata
from bioplastic.unit_si import Malformed

FORMS: dict[str, Any] = {
    "aedat2": AEDAT2, "aedat4": AEDAT4, "evt3": EVT3, "sonata": sonata,
}  # fmt: skip
every_target = pytest.mark.parametrize("target", sorted(FORMS))


@every_target
def test_every_file_is_guarded(target, spikes, learned, tmp_path):
    saved = learned.save(tmp_path / "learned.h5")
    folder = export.write(spikes, target, tmp_path / "out", learned=saved).folder
    form = FORMS[target]
    for path in sorted(folder.iterdir()):
        raw = path.read_bytes()
        for broken in (b"", raw[: len(raw) // 2], raw[:-2], raw + b" x", raw.swapcase()[::-1]):
            path.write_bytes(broken)
            with pytest.raises(CorruptFile):
                form.read(folder)
        path.unlink()
        with pytest.raises(CorruptFile):
            form.read(folder)
        path.write_bytes(raw)
    assert len(form.read(folder)) == 3
    with pytest.raises(UsageError, match="no such folder"):
        form.read(tmp_path / "none")


def reseal(folder, change):
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").unlink()
    body = {k: v for k, v in index.items() if k not in ("format", "version", "files", "sha256")}
    change(body)
    sealed.seal(folder, index["format"], body)


JSON_VALUE: st.SearchStrategy = (
    st.none() | st.integers() | st.text(max_size=3) | st.just([]) | st.just({}) | st.just(1.5)
)


@every_target
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_forged_folders_raise_nothing_else(target, spikes, tmp_path, data):
    form, folder = FORMS[target], tmp_path / "forged"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    form.write(spikes, folder)
    path = folder / data.draw(st.sampled_from(sorted(p.name for p in folder.iterdir())))
    if path.name != "index.json" and data.draw(st.booleans()):
        raw = bytearray(path.read_bytes())
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(raw)
        reseal(folder, lambda body: None)
    else:
        value = data.draw(JSON_VALUE)

        def change(body):
            places = [(body, key) for key in body]
            for item in body.get("segments", []):
                places += [(item, key) for key in item]
            owner, key = data.draw(st.sampled_from(places))
            owner[key] = value

        reseal(folder, change)
    try:
        back = form.read(folder)
    except CorruptFile:
        return
    assert all(same(in_order(name, r), r) for name, r in back.items())


def test_forged_address_maps_are_refused(spikes):
    good = AddressMap.of(spikes).table()
    assert AddressMap.parse(good).table() == good
    for change in (
        {"first": 1}, {"size": 0}, {"size": 2**40}, {"size": True}, {"dt": 0.0}, {"dt": None},
        {"labels": ["a"]}, {"labels": [1, 2]}, {"population": "silent"}, {"population": None},
        {"population": "a/b"}, {"more": 1},
    ):  # fmt: skip
        table = json.loads(json.dumps(good))
        table["blocks"][1].update(change)
        with pytest.raises(Malformed):
            AddressMap.parse(table)
    for table in (None, [], {}, {"blocks": []}, {"blocks": [1]}, {**good, "addresses": 1}):
        with pytest.raises(Malformed):
            AddressMap.parse(table)
