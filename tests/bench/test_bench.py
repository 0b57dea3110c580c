"""`bioplastic bench` at toy size: every benchmark runs, prints, and its ratios are ratios."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec

import pytest

from bioplastic.benchmarks.measured import in_child, ratio
from bioplastic.cli import main
from bioplastic.commands.bench import NAMES
from bioplastic.errors import BioplasticError

COMPILES = {"cuba", "plastic"}  # Brian2 builds C++ for them
EXPECTED = {
    "bandwidth": "bandwidth_64_kib_gb_per_s",
    "cuba": "cuba_ratio_to_brian2_standalone",
    "plastic": "plastic_ratio_to_brian2_standalone",
    "silent": "silent_neuron_cost_ratio",
    "memory": "bytes_per_static_synapse",
    "temporal-memory": "temporal_memory_cpu_seconds",
    "text": "text_symbols_per_second",
    "hypervector": "hypervector_bind_seconds",
}


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
    assert figures[EXPECTED[name]] > 0
    assert all(isinstance(v, float) for v in figures.values())
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


def test_a_child_that_fails_says_why():
    with pytest.raises(BioplasticError, match="cuba_brian2: FileNotFoundError"):
        in_child("bioplastic.benchmarks.cuba_brian2",
                 {"graph": "/nowhere.npz", "seconds": 1, "repeats": 1})  # fmt: skip
