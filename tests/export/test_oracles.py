"""Readers from outside: libsonata, tonic, pyNAVIS, aedat, dv-processing, faery, evlib, evt3."""

import csv
import json

import numpy as np
import pytest

from bioplastic import export
from bioplastic.export.aer.forms import AEDAT2
from bioplastic.export.sonata import network as sonata_network

pytestmark = pytest.mark.oracle


def test_libsonata_reads_the_spikes(spikes, tmp_path):
    libsonata = pytest.importorskip("libsonata")
    folder = export.write(spikes, "sonata", tmp_path / "out").folder
    reader = libsonata.SpikeReader(str(folder / "spikes.h5"))
    assert sorted(reader.get_population_names()) == sorted(spikes)
    for name, record in spikes.items():
        population = reader[name]
        assert population.sorting == "by_time"
        found = population.get_dict()
        assert np.array_equal(found["node_ids"], record.ids)
        assert np.allclose(found["timestamps"], record.times * 1e3, rtol=1e-15, atol=0)


def test_libsonata_reads_the_network(spikes, learned, tmp_path):
    libsonata = pytest.importorskip("libsonata")
    saved = learned.save(tmp_path / "learned.h5")
    folder = export.write(spikes, "sonata", tmp_path / "out", learned=saved).folder
    nodes = libsonata.NodeStorage(str(folder / "nodes.h5"))
    assert {n: nodes.open_population(n).size for n in nodes.population_names} == {
        "in": 3, "cells": 50,
    }  # fmt: skip
    edges = libsonata.EdgeStorage(str(folder / "edges.h5"))
    assert edges.population_names == {"in to cells", "grow", "rule"}
    population = edges.open_population("in to cells")
    assert (population.source, population.target) == ("in", "cells")
    every = population.select_all()
    assert population.source_nodes(every).tolist() == [0, 2]
    assert population.target_nodes(every).tolist() == [1, 49]
    assert population.get_attribute("syn_weight", every).tolist() == [4.0, 0.3]
    assert population.get_attribute("delay", every).tolist() == [1.0, 2.5]
    assert population.get_attribute("compartment", every).tolist() == [0, 0]
    grow = edges.open_population("grow")
    assert grow.get_attribute("compartment", grow.select_all()).tolist() == [1, 1, 1]
    with (folder / "node_types.csv").open(encoding="utf-8") as file:
        types = list(csv.DictReader(file, delimiter=" "))
    assert [t["model_type"] for t in types] == ["virtual", "point_neuron"]


def same_edges(libsonata, folder):
    """Every synapse of a folder as libsonata reads it, against ours; returns how many."""
    sizes, ours = sonata_network.read(folder)
    nodes = libsonata.NodeStorage(str(folder / "nodes.h5"))
    assert {n: nodes.open_population(n).size for n in nodes.population_names} == sizes
    edges = libsonata.EdgeStorage(str(folder / "edges.h5"))
    assert edges.population_names == set(ours)
    for name, own in ours.items():
        population = edges.open_population(name)
        every = population.select_all()
        found = {"i": population.source_nodes(every), "j": population.target_nodes(every)}
        for field in ("weight", "delay", "compartment", "permanence"):
            if getattr(own, field) is not None:
                column = {"weight": "syn_weight"}.get(field, field)
                found[field] = population.get_attribute(column, every)
        for field, values in found.items():
            assert np.array_equal(values, getattr(own, field)), (name, field)
    return sum(len(e.i) for e in ours.values())


def test_libsonata_reads_every_synapse(spikes, learned, tmp_path):
    libsonata = pytest.importorskip("libsonata")
    saved = learned.save(tmp_path / "learned.h5")
    folder = export.write(spikes, "sonata", tmp_path / "out", learned=saved).folder
    assert same_edges(libsonata, folder) == 2 + 3 + 150


def _view(spikes, folder):
    """Time, x and y of a folded view by the definition, one event at a time, by file."""
    size = sum(r.size for r in spikes.values())
    width = next(w for w in range(1, size + 1) if w * w >= size)
    first, events = 0, []
    for record in spikes.values():
        ticks = round(record.dt * 1e6)
        pairs = zip(record.steps.tolist(), record.ids.tolist(), strict=True)
        events += [(step * ticks, (first + n) // width, (first + n) % width) for step, n in pairs]
        first += record.size
    index = json.loads((folder / "index.json").read_text())
    for segment in index["segments"]:
        low, high = segment["offset_us"], segment["offset_us"] + index["segment_us"]
        inside = sorted((t - low, x, y) for t, y, x in events if low <= t < high)
        yield folder / segment["file"], inside


def _sorted(t, x, y, on):
    t, x, y, on = (np.asarray(a).astype(np.int64) for a in (t, x, y, on))
    assert (on == 1).all()
    return sorted(zip(t.tolist(), x.tolist(), y.tolist(), strict=True))


def _aedat(path):
    decoder = pytest.importorskip("aedat").Decoder(str(path))
    e = np.concatenate([p["events"] for p in decoder if "events" in p])
    return _sorted(e["t"], e["x"], e["y"], e["on"])


def _dv(path):
    recording = pytest.importorskip("dv_processing").io.MonoCameraRecording(str(path))
    parts = []
    while recording.isRunning():
        batch = recording.getNextEventBatch()
        if batch is not None:
            parts.append(batch.numpy())
    e = np.concatenate(parts)
    return _sorted(e["timestamp"], e["x"], e["y"], e["polarity"])


def _faery(path):
    e = np.concatenate(list(pytest.importorskip("faery").events_stream_from_file(str(path))))
    return _sorted(e["t"], e["x"], e["y"], e[e.dtype.names[-1]])


def _evlib(path):
    table = pytest.importorskip("evlib").load_events(str(path)).collect()
    time = table["t"].to_numpy().astype("timedelta64[us]")
    return _sorted(time, *(table[k].to_numpy() for k in ("x", "y", "polarity")))


def _evt3(path):
    e = pytest.importorskip("evt3").decode_file(str(path))
    return _sorted(e.timestamp, e.x, e.y, e.polarity)


def _tonic(path):
    found = pytest.importorskip("tonic").io.read_aedat4(str(path))
    e = found[1] if isinstance(found, tuple) else found
    return _sorted(e["t"], e["x"], e["y"], e["p"])


@pytest.mark.parametrize("name", ["spikes", "long_spikes"])
@pytest.mark.parametrize("reader", [_aedat, _dv, _faery, _evlib, _tonic])
def test_others_read_aedat4(name, reader, tmp_path, request):
    spikes = request.getfixturevalue(name)
    folder = export.write(spikes, "aedat4", tmp_path / "out").folder
    for path, inside in _view(spikes, folder):
        assert reader(path) == inside


@pytest.mark.parametrize("name", ["spikes", "long_spikes"])
@pytest.mark.parametrize("reader", [_evt3, _faery, _evlib])
def test_others_read_evt3(name, reader, tmp_path, request):
    spikes = request.getfixturevalue(name)
    folder = export.write(spikes, "evt3", tmp_path / "out").folder
    for path, inside in _view(spikes, folder):
        assert reader(path) == inside


def _expected(spikes, folder):
    """Time from the start of the segment and address, by the definition, one event at a time."""
    first, events = 0, []
    for record in spikes.values():
        ticks = round(record.dt * 1e6)
        pairs = zip(record.steps.tolist(), record.ids.tolist(), strict=True)
        events += [(step * ticks, first + neuron) for step, neuron in pairs]
        first += record.size
    files = sorted(folder.glob("events-*.aedat"))
    parts = sorted({time // AEDAT2.segment for time, _ in events})
    assert len(files) == len(parts)
    for path, part in zip(files, parts, strict=True):
        inside = sorted(e for e in events if e[0] // AEDAT2.segment == part)
        yield path, [t % AEDAT2.segment for t, _ in inside], [a for _, a in inside]


@pytest.mark.parametrize("name", ["spikes", "long_spikes"])
def test_tonic_reads_the_events(name, tmp_path, request):
    io = pytest.importorskip("tonic.io")
    spikes = request.getfixturevalue(name)
    folder = export.write(spikes, "aedat2", tmp_path / "out").folder
    for path, time, address in _expected(spikes, folder):
        version, start, _ = io.read_aedat_header_from_file(str(path))
        events = io.get_aer_events_from_file(str(path), version, start)
        assert events["timeStamp"].tolist() == time
        assert events["address"].tolist() == address


@pytest.mark.parametrize("name", ["spikes", "long_spikes"])
def test_pynavis_reads_the_events(name, tmp_path, request):
    navis = pytest.importorskip("pyNAVIS")
    spikes = request.getfixturevalue(name)
    folder = export.write(spikes, "aedat2", tmp_path / "out").folder
    options = navis.MainSettings(
        num_channels=64, mono_stereo=0, on_off_both=0, address_size=4, ts_tick=1
    )
    for path, time, address in _expected(spikes, folder):
        events = navis.Loaders.loadAEDAT(str(path), options)
        assert np.asarray(events.timestamps).ravel().tolist() == time
        assert np.asarray(events.addresses).ravel().tolist() == address
