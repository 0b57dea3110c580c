"""`bioplastic bench` at toy size: every benchmark runs, prints, and its ratios are ratios."""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib.util import find_spec

import pytest

from bioplastic.benchmarks import cuba
from bioplastic.benchmarks.measured import in_child, ratio
from bioplastic.bridge.door import lower
from bioplastic.cli import main
from bioplastic.commands.bench import NAMES
from bioplastic.errors import BioplasticError
from bioplastic.kernels import dispatch

COMPILES = {"cuba", "plastic"}  # Brian2 builds C++ for them
EXPECTED = {
    "bandwidth": ["bandwidth_64_kib_gb_per_s"],
    "cuba": [f"cuba_ratio_to_brian2_{t}" for t in ("standalone", "cython", "numpy")],
    "plastic": ["plastic_updates_per_second", "plastic_ratio_to_brian2_standalone"],
    "silent": ["silent_neuron_cost_ratio"],
    "memory": ["bytes_per_static_synapse", "bytes_per_plastic_synapse"],
    "temporal-memory": ["temporal_memory_cpu_seconds"],
    "text": ["text_symbols_per_second"],
    "hypervector": [f"hypervector_{k}_seconds" for k in ("similarity", "bind", "bundle")],
}
BESIDE_TORCHHD = [f"hypervector_{k}_ratio_to_torchhd" for k in ("similarity", "bind", "bundle")]


def test_every_benchmark_is_expected():
    assert set(EXPECTED) == set(NAMES)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.study) if n in COMPILES else n for n in NAMES]
)
def test_toy_size_measures_something(name, tmp_path, capsys):
    if name in COMPILES and shutil.which("g++") is None:
        pytest.skip("needs a C++ compiler")
    out = tmp_path / "figures.json"
    assert main(["bench", name, "--quick", "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    assert all(isinstance(v, int | float) for v in figures.values())
    hypervectors = BESIDE_TORCHHD if name == "hypervector" and find_spec("torchhd") else []
    for wanted in (*EXPECTED[name], *hypervectors):
        assert figures[wanted] > 0, wanted
    printed = capsys.readouterr().out
    assert "toy size" in printed
    if name == "hypervector" and find_spec("torchhd") is None:
        assert "not measured: torchhd is not installed" in printed


def test_a_ratio_of_nothing_is_not_a_number_that_looks_like_one():
    assert ratio(1.0, 0.0) == float("inf")


def test_unknown_names_and_folders_are_refused_before_anything_runs(tmp_path, capsys):
    assert main(["bench", "cubba"]) == 2
    assert "did you mean 'cuba'" in capsys.readouterr().err
    assert main(["bench", "cuba", "--json", str(tmp_path / "none" / "f.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_nest_runs_in_the_interpreter_that_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("BIOPLASTIC_NEST", raising=False)
    found, absent = cuba._nest({})
    assert found == {}
    assert "BIOPLASTIC_NEST names" in absent["NEST"]
    monkeypatch.setenv("BIOPLASTIC_NEST", str(tmp_path / "none"))
    with pytest.raises(BioplasticError, match=r"none cuba_nest\.py: No such file"):
        cuba._nest({"graph": "", "seconds": 1, "repeats": 1})
    monkeypatch.setenv("BIOPLASTIC_NEST", sys.executable)
    with pytest.raises(BioplasticError, match="No module named 'nest'"):
        cuba._nest({"graph": "", "seconds": 1, "repeats": 1})


@pytest.mark.oracle
@pytest.mark.skipif("BIOPLASTIC_NEST" not in os.environ, reason="BIOPLASTIC_NEST names no Python")
def test_nest_runs_the_same_network(tmp_path):
    net = cuba.network(400, 0.1)
    graph = str(cuba.write_graph(net, tmp_path / "graph.npz"))
    found, _ = cuba._nest({"graph": graph, "seconds": 0.03, "repeats": 1})
    ours = dispatch.run(lower(net, cuba.DT), 300).counters["spikes"]
    assert ours > 50
    assert abs(found["spikes"] - ours) <= 0.05 * ours  # other roundings, then chaos


def test_a_child_that_fails_says_why():
    with pytest.raises(BioplasticError, match="cuba_brian2: FileNotFoundError"):
        in_child("bioplastic.benchmarks.cuba_brian2",
                 {"graph": "/nowhere.npz", "seconds": 1, "repeats": 1})  # fmt: skip
