"""`bioplastic doctor`: executors, self-tests against recorded hashes, exit code, JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bioplastic.commands import doctor, doctor_checks, doctor_executors

KERNELS = [
    "sparse", "circuit", "feedforward", "classifier", "loihi", "xylo", "spikecode", "hypervector"
]  # fmt: skip
NAMES = [
    *(f"{kernel} {backend}" for kernel in KERNELS for backend in ("reference", "cpu", "gpu")),
    "torch sparse", "torch feedforward", "torch circuit", "brian2 numpy", "brian2 cython",
    "brian2 cpp_standalone", "torch", "triton", "CUDA device", "HIP device",
]  # fmt: skip
HERE = ("reference", "cpu", "torch", "numpy")


@pytest.mark.parametrize(
    ("golden", "backend"),
    [
        pytest.param(g, b, id=f"{g.name} {b}")
        for g in doctor_checks.GOLDEN
        for b in g.backends
        if b in HERE
    ],
)
def test_recorded_bits(golden, backend):
    found = golden.run(backend)
    assert any(array.any() for array in found)
    assert doctor_checks.digest(found) == golden.digest


@pytest.mark.cython
@pytest.mark.parametrize("target", ["cython", "cpp_standalone"])
def test_recorded_spikes_of_compiled_targets(target):
    (golden,) = [g for g in doctor_checks.GOLDEN if g.name == "brian2"]
    assert doctor_checks.digest(golden.run(target)) == golden.digest


def test_every_kernel_has_a_self_test_and_every_executor_of_ours_takes_part():
    tested = {f"{g.name} {b}" for g in doctor_checks.GOLDEN for b in g.backends}
    tested |= {f"torch {g.name}" for g in doctor_checks.GOLDEN if "torch" in g.backends}
    libraries = {"torch", "triton", "CUDA device", "HIP device"}
    never = {"classifier gpu", "loihi gpu", "xylo cpu", "xylo gpu"}
    assert tested >= set(NAMES) - libraries - never
    from pathlib import Path

    import bioplastic.kernels

    (folder,) = bioplastic.kernels.__path__
    rooms = {p.parent.name for p in Path(folder).glob("*/reference.py")} | {"classifier"}
    assert rooms == set(KERNELS)
    triton = {p.parent.name for p in Path(folder).glob("*/gpu.py")}
    assert triton == {k for k, has in doctor_executors.KERNELS.items() if "gpu" in has}


def toy(run, good):
    return doctor_checks.Golden("toy", run, good, ("reference", "cpu"))


@pytest.fixture
def quick(monkeypatch):
    """Only the self-tests that take no time."""
    short = [g for g in doctor_checks.GOLDEN if g.name in ("spikecode", "hypervector")]
    monkeypatch.setattr(doctor_checks, "GOLDEN", tuple(short))


@pytest.mark.usefixtures("quick")
def test_json(cli):
    code, out, _ = cli("doctor", "--json")
    page = json.loads(out)
    assert code == 0
    assert page["healthy"] is True
    assert [e["name"] for e in page["executors"]] == NAMES
    for e in page["executors"]:
        assert e["here"] or e["note"], f"{e['name']}: no reason given"
    here = {e["name"] for e in page["executors"] if e["here"]}
    assert {"sparse reference", "loihi cpu", "torch circuit", "brian2 numpy", "torch"} <= here
    assert "has no Triton kernel" in {e["note"] for e in page["executors"]}
    assert {t["executor"] for t in page["self_tests"]} >= {"reference", "cpu"}


@pytest.mark.usefixtures("quick")
def test_table(cli):
    code, out, _ = cli("doctor")
    assert code == 0
    assert out.startswith("executors\n  sparse reference")
    assert out.endswith("all agree\n")
    assert "DIFFERS" not in out


@pytest.mark.parametrize("broken", ["bits", "error"])
def test_a_sick_executor_is_reported(cli, monkeypatch, broken):
    def run(backend):
        if broken == "error" and backend == "cpu":
            raise OSError("cache\nis broken")
        return [np.arange(4) + (backend == "cpu")]

    good = doctor_checks.digest([np.arange(4)])
    monkeypatch.setattr(doctor_checks, "GOLDEN", (toy(run, good),))
    code, out, _ = cli("doctor")
    assert code == 1
    assert "not all agree" in out
    assert out.count("DIFFERS") == 1
    assert ("OSError: cache is broken" in out) == (broken == "error")


def test_no_compiler(monkeypatch):
    monkeypatch.setattr(doctor_executors.shutil, "which", lambda name: None)
    rows = {e.name: e for e in doctor_executors.found_executors()}
    assert not rows["brian2 cython"].here
    assert rows["brian2 cpp_standalone"].note == "no C++ compiler found"


def test_why_there_is_no_gpu(monkeypatch):
    import torch

    monkeypatch.setattr(doctor_executors, "find_spec", lambda name: None)
    rows = {e.name: e for e in doctor_executors.found_executors()}
    assert rows["sparse gpu"].note.startswith("triton is not installed")
    monkeypatch.undo()
    monkeypatch.setattr(doctor_executors, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert doctor_executors.why_no_gpu() == "no GPU: no CUDA or HIP device answers"
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    assert doctor_executors.why_no_gpu() == "no GPU: torch was built for the CPU only"


def test_compiled_targets_run_when_asked_for(cli, monkeypatch):
    asked = []

    def run(target):
        asked.append(target)
        return [np.arange(4)]

    good = doctor_checks.digest([np.arange(4)])
    targets = ("numpy", "cython", "cpp_standalone")
    golden = doctor_checks.Golden("toy", run, good, targets)
    monkeypatch.setattr(doctor_checks, "GOLDEN", (golden,))
    assert cli("doctor")[0] == 0
    assert asked == ["numpy"]
    assert cli("doctor", "--compile")[0] == 0
    assert asked == ["numpy", *targets]


def test_it_says_when_it_compiles(cli, monkeypatch):
    import time

    def run(backend):
        time.sleep(0.3 if backend == "cpu" else 0)
        return [np.arange(4)]

    monkeypatch.setattr(doctor, "PATIENCE", 0.05)
    monkeypatch.setattr(doctor, "AGAIN", 60.0)
    good = doctor_checks.digest([np.arange(4)])
    monkeypatch.setattr(doctor_checks, "GOLDEN", (toy(run, good),))
    code, _, err = cli("doctor")
    assert code == 0
    assert err == "  toy cpu: compiling, once; up to a minute\n"
