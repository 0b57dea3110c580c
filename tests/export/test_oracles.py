"""Readers from outside: libsonata (C++), tonic and pyNAVIS."""

import csv

import numpy as np
import pytest

from bioplastic import export
from bioplastic.export import aer

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
    with (folder / "node_types.csv").open(encoding="utf-8") as file:
        types = list(csv.DictReader(file, delimiter=" "))
    assert [t["model_type"] for t in types] == ["virtual", "point_neuron"]


def _expected(spikes, folder):
    """Time from the start of the segment and address, by the definition, one event at a time."""
    first, events = 0, []
    for record in spikes.values():
        ticks = round(record.dt * 1e6)
        pairs = zip(record.steps.tolist(), record.ids.tolist(), strict=True)
        events += [(step * ticks, first + neuron) for step, neuron in pairs]
        first += record.size
    files = sorted(folder.glob("events-*.aedat"))
    parts = sorted({time // aer.SEGMENT for time, _ in events})
    assert len(files) == len(parts)
    for path, part in zip(files, parts, strict=True):
        inside = sorted(e for e in events if e[0] // aer.SEGMENT == part)
        yield path, [t % aer.SEGMENT for t, _ in inside], [a for _, a in inside]


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
