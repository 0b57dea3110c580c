"""`bioplastic doctor`: executors, self-tests against recorded hashes, exit code, JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bioplastic.commands import doctor, doctor_checks

NAMES = ["reference", "cpu", "gpu", "brian2 numpy", "brian2 cython", "brian2 cpp_standalone",
         "torch", "triton", "CUDA device", "HIP device"]  # fmt: skip


@pytest.mark.parametrize("golden", doctor_checks.GOLDEN, ids=lambda g: g.name)
@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_recorded_bits(golden, backend):
    assert doctor_checks.digest(golden.run(backend)) == golden.digest


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
    assert {"reference", "cpu", "brian2 numpy", "torch"} <= here
    assert {t["executor"] for t in page["self_tests"]} >= {"reference", "cpu"}


@pytest.mark.usefixtures("quick")
def test_table(cli):
    code, out, _ = cli("doctor")
    assert code == 0
    assert out.startswith("executors\n  reference")
    assert out.endswith("all agree\n")
    assert "DIFFERS" not in out


@pytest.mark.parametrize("broken", ["bits", "error"])
def test_a_sick_executor_is_reported(cli, monkeypatch, broken):
    def run(backend):
        if broken == "error" and backend == "cpu":
            raise OSError("cache\nis broken")
        return [np.arange(4) + (backend == "cpu")]

    good = doctor_checks.digest([np.arange(4)])
    monkeypatch.setattr(doctor_checks, "GOLDEN", (doctor_checks.Golden("toy", run, good),))
    code, out, _ = cli("doctor")
    assert code == 1
    assert "not all agree" in out
    assert out.count("DIFFERS") == 1
    assert ("OSError: cache is broken" in out) == (broken == "error")


def test_no_compiler(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    rows = {e.name: e for e in doctor.found_executors()}
    assert not rows["brian2 cython"].here
    assert rows["brian2 cpp_standalone"].note == "no C++ compiler found"


def test_it_says_when_it_compiles(cli, monkeypatch):
    import time

    def run(backend):
        time.sleep(0.3 if backend == "cpu" else 0)
        return [np.arange(4)]

    monkeypatch.setattr(doctor, "PATIENCE", 0.05)
    good = doctor_checks.digest([np.arange(4)])
    monkeypatch.setattr(doctor_checks, "GOLDEN", (doctor_checks.Golden("toy", run, good),))
    code, _, err = cli("doctor")
    assert code == 0
    assert err == "  toy cpu: compiling, once; up to a minute\n"
