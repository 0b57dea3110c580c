"""A run's spikes as files of other programs: identity, and complete or absent."""

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
from brian2 import pA
from hypothesis import given, settings
from hypothesis import strategies as st

from bioplastic import export
from bioplastic.description import AllToAll
from bioplastic.errors import BioplasticError, CorruptFile, UsageError
from bioplastic.export.aer import eieio, segments
from bioplastic.export.aer.address import AddressMap, same
from bioplastic.export.aer.forms import AEDAT2, AEDAT4, EVT3
from bioplastic.export.bundle import sealed
from bioplastic.export.sonata import network as sonata_network
from bioplastic.export.sonata import spikes as sonata
from bioplastic.result import SpikeRecord
from bioplastic.result_file import write_result

FORMS: dict[str, Any] = {
    "aedat2": AEDAT2, "aedat4": AEDAT4, "eieio": eieio, "evt3": EVT3, "sonata": sonata,
}  # fmt: skip
every_target = pytest.mark.parametrize("target", sorted(FORMS))


def make(population, steps, ids, size, dt=1e-4, labels=None):
    return SpikeRecord(
        population=population, steps=np.asarray(steps, np.int64), ids=np.asarray(ids, np.int64),
        size=size, dt=dt, labels=labels,
    )  # fmt: skip


@st.composite
def records(draw):
    found = {}
    for name in draw(st.lists(st.sampled_from(["a", "b c", "ζ"]), unique=True, min_size=1)):
        size = draw(st.integers(1, 9))
        events = draw(st.sets(st.tuples(st.integers(0, 10**9), st.integers(0, size - 1))))
        table = np.array(sorted(events), np.int64).reshape(-1, 2)
        dt = draw(st.sampled_from([1e-6, 1e-4, 0.1 * 0.001, 0.00025, 1.0, 3 * 1e-4]))
        labels = tuple(map(str, range(size))) if draw(st.booleans()) else None
        found[name] = make(name, table[:, 0], table[:, 1], size, dt, labels)
    return found


@settings(max_examples=40, deadline=None)
@given(records())
def test_reading_what_was_written_is_identity(tmp_path_factory, spikes):
    for form in FORMS.values():
        folder = tmp_path_factory.mktemp("x")
        form.write(spikes, folder)
        back = form.read(folder)
        assert list(back) == list(spikes)
        assert all(same(back[name], spikes[name]) for name in spikes)


@every_target
def test_export_of_a_run(target, spikes, learned, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    write_result(run / "result.h5", spikes, {})
    learned.save(run / "learned.h5")
    done = export.export(run, target)
    assert done.folder == tmp_path / f"run-{target}"
    assert (done.events, done.populations) == (703, 3)
    assert "703 spikes of 3 populations" in str(done)
    assert "read back and equal" in str(done)
    back = FORMS[target].read(done.folder)
    assert all(same(back[name], spikes[name]) for name in spikes)
    assert done.network == (target == "sonata")
    with pytest.raises(UsageError, match="exists already"):
        export.export(run, target, done.folder)


def test_long_runs_are_cut_into_segments(long_spikes, tmp_path):
    done = export.write(long_spikes, "aedat2", tmp_path / "out")
    index = json.loads((done.folder / "index.json").read_text())
    offsets = [s["offset_us"] for s in index["segments"]]
    assert all(offset % AEDAT2.segment == 0 for offset in offsets)
    assert offsets == sorted(offsets)
    assert offsets[-1] >= 12_000 * 10**6 - AEDAT2.segment
    assert sum(s["events"] for s in index["segments"]) == done.events
    back = AEDAT2.read(done.folder)
    assert all(same(back[name], long_spikes[name]) for name in long_spikes)


def test_chunks_are_bounded_and_in_order(monkeypatch):
    monkeypatch.setattr(segments, "_CHUNK", 40)
    busy = make("b", np.arange(3000) // 3, np.arange(3000) % 3, 3)
    rare = make("r", np.arange(0, 1000, 100), np.zeros(10), 1, 2e-4)
    spikes = {"b": busy, "r": rare}
    chunks = list(segments.merge(spikes, AddressMap.of(spikes)))
    assert max(len(time) for time, _ in chunks) <= 60
    time, address = (np.concatenate(part) for part in zip(*chunks, strict=True))
    assert len(time) == 3010
    assert (np.diff(time * 10 + address) > 0).all()


def test_addresses_count_through_the_populations(spikes, tmp_path):
    done = export.write(spikes, "aedat2", tmp_path / "out")
    addresses = AddressMap.parse(json.loads((done.folder / "address_map.json").read_text()))
    assert addresses.size == 55
    assert addresses.locate(49) == ("cells", 49, None)
    assert addresses.locate(51) == ("out put", 1, "β")
    with pytest.raises(IndexError, match="outside"):
        addresses.locate(55)


@every_target
def test_spikes_within_a_step_may_come_in_any_order(target, tmp_path):
    mixed = make("a", [3, 3, 1], [2, 0, 1], 3)
    done = export.write({"a": mixed}, target, tmp_path / "out")
    back = FORMS[target].read(done.folder)["a"]
    assert (back.steps.tolist(), back.ids.tolist()) == ([1, 3, 3], [1, 0, 2])


@pytest.mark.parametrize(
    ("spikes", "why"),
    [
        ({}, "no spikes of any population"),
        ({"a": make("a", [1, 1], [0, 0], 1)}, "twice in one step"),
        ({"a": make("a", [1], [4], 2)}, "outside the population"),
        ({"a": make("a", [1, 2], [0], 2)}, "one length"),
        ({"a/b": make("a/b", [1], [0], 2)}, "cannot stand"),
        ({"a": make("a", [1], [0], 2**30)}, "addresses"),
        ({"a": make("a", [1], [0], 2, float("nan"))}, "must be positive"),
    ],
)
@every_target
def test_spikes_that_are_no_events_are_refused(target, spikes, why, tmp_path):
    with pytest.raises(UsageError, match=why):
        export.write(spikes, target, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_grid_finer_than_the_clock_is_refused_by_aedat2_only(tmp_path):
    spikes = {"a": make("a", [7], [0], 1, 1e-4 / 3)}
    with pytest.raises(UsageError, match="'a': dt = 33"):
        export.write(spikes, "aedat2", tmp_path / "out")
    done = export.write(spikes, "sonata", tmp_path / "out")
    assert same(sonata.read(done.folder)["a"], spikes["a"])


def test_unknown_target_offers_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'aedat2'"):
        export.export(tmp_path, "aedta2")


def test_a_missing_result_leaves_nothing(tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(BioplasticError, match=r"result\.h5"):
        export.export(tmp_path / "run", "sonata", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@every_target
def test_a_difference_after_reading_back_leaves_nothing(target, spikes, tmp_path, monkeypatch):
    form = FORMS[target]
    read = form.read

    def wrong(folder):
        back = read(folder)
        cells = back["cells"]
        return back | {"cells": dataclasses.replace(cells, ids=cells.ids[::-1])}

    fake = SimpleNamespace(write=form.write, read=wrong)
    monkeypatch.setattr(export, "resolve_name", lambda name: fake)
    with pytest.raises(BioplasticError, match="not what was written"):
        export.write(spikes, target, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@every_target
def test_a_full_disk_leaves_nothing(target, spikes, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealed, "seal", full)
    with pytest.raises(BioplasticError, match="No space left"):
        export.write(spikes, target, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_learned_network_goes_along(spikes, learned, tmp_path):
    saved = learned.save(tmp_path / "learned.h5")
    folder = export.write(spikes, "sonata", tmp_path / "out", learned=saved).folder
    with h5py.File(folder / "edges.h5") as file:
        edges = file["edges/in to cells"]
        assert edges["0/syn_weight"][:].tolist() == [4.0, 0.3]
        assert edges["0/delay"][:].tolist() == [1.0, 2.5]
        assert edges["source_node_id"].attrs["node_population"] == "in"
        assert file["edges/grow/0/syn_weight"][:].tolist() == [12.5, 0.0, 12.5]
        assert file["edges/grow/0/permanence"][:].tolist() == [11.0, 10.0, 20.0]
        assert file["edges/rule/source_node_id"].shape == (150,)
    types = (folder / "edge_types.csv").read_text().splitlines()
    assert types[2] == "1 grow bioplastic:PermanenceSTDP distal pA"
    config = json.loads((folder / "circuit_config.json").read_text())
    assert config["networks"]["nodes"][0]["nodes_file"] == "$BASE_DIR/nodes.h5"


def test_what_cannot_be_listed_is_named(spikes, learned, tmp_path, monkeypatch):
    monkeypatch.setattr(sonata_network, "MOST", 100)
    saved = learned.save(tmp_path / "learned.h5")
    done = export.write(spikes, "sonata", tmp_path / "out", learned=saved)
    assert done.left_out == ("rule (150 potential synapses, none listed)",)
    assert "left out: rule (150" in str(done)


def test_edges_that_were_not_written_as_they_are_are_seen(learned, tmp_path):
    sonata_network.write(learned, tmp_path)
    with h5py.File(tmp_path / "edges.h5", "r+") as file:
        file["edges/grow/0/permanence"][1] = 0.0
    with pytest.raises(CorruptFile, match="edges/grow/0/permanence"):
        sonata_network.compare(learned, tmp_path)


def test_every_synapse_has_weight_delay_and_compartment(spikes, learned, tmp_path):
    """What comes back from the files is the network, synapse for synapse."""
    saved = learned.save(tmp_path / "learned.h5")
    folder = export.write(spikes, "sonata", tmp_path / "out", learned=saved).folder
    sizes, edges = sonata_network.read(folder)
    assert sizes == {"in": 3, "cells": 50}
    network = learned.network(plastic=False)
    assert list(edges) == sorted(p.name for p in network.projections)
    for projection in sonata_network.listable(network)[0]:
        found, own = edges[projection.name], projection.connectivity
        assert not isinstance(own, AllToAll)
        assert np.array_equal(found.i, own.i)
        assert np.array_equal(found.j, own.j)
        assert np.array_equal(found.weight * 1e-12, np.asarray(own.weights(pA)) * 1e-12)
        assert np.array_equal(found.delay / 1e3, own.delays())  # these delays come back exactly
        branch = {"grow": 1}.get(projection.name, 0)
        assert np.array_equal(found.compartment, np.full(len(own.i), branch))
        assert (found.permanence is not None) == (projection.name == "grow")
    types = (folder / "node_types.csv").read_text().splitlines()
    assert types[2].endswith("soma;distal")


def test_broken_edges_are_refused(spikes, learned, tmp_path):
    saved = learned.save(tmp_path / "learned.h5")
    folder = export.write(spikes, "sonata", tmp_path / "out", learned=saved).folder
    whole = (folder / "edges.h5").read_bytes()
    for change, why in (
        (
            lambda f: f.__delitem__("edges/grow/0/compartment"),
            "are not those of an edge population",
        ),
        (lambda f: f.__setitem__("edges/grow/0/more", [1.0, 2.0, 3.0]), "are not those"),
        (lambda f: f["edges/grow/0/delay"].__setitem__(0, np.nan), "not finite numbers"),
        (lambda f: f.__setitem__("top", [1]), "no column of nodes or edges"),
    ):
        (folder / "edges.h5").write_bytes(whole)
        with h5py.File(folder / "edges.h5", "r+") as file:
            change(file)
        with pytest.raises(CorruptFile, match=why):
            sonata_network.read(folder)
    (folder / "edges.h5").unlink()
    with pytest.raises(CorruptFile, match="no such file"):
        sonata_network.read(folder)


def test_views_say_how_they_are_folded(spikes, tmp_path):
    for target in ("aedat4", "evt3"):
        done = export.write(spikes, target, tmp_path / target)
        table = json.loads((done.folder / "address_map.json").read_text())
        assert table["fold"] == {
            "width": 8, "height": 7, "x": "address mod width", "y": "address // width",
        }  # fmt: skip
