"""`bioplastic run`: the folder it writes, and what a killed, full or refused run leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import tomllib

import numpy as np
import pytest

from bioplastic.errors import CorruptFile
from bioplastic.result_file import read_arrays, read_spikes
from bioplastic.runs import RunFolder

# in a child process: stop for good at the moment when the manifest is about to be written
HANG = """
import time
import bioplastic.runs as runs
write = runs._write
def hang(path, text):
    if path.name == "manifest.json":
        print("writing", flush=True)
        time.sleep(600)
    write(path, text)
runs._write = hang
"""
WAIT = """
import time
import bioplastic.runs as runs
runs.check_free = lambda path: print("ready", flush=True) or time.sleep(600)
"""
# no file may grow beyond this size: the write fails with EFBIG, as it would with ENOSPC
FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"


def test_run_writes_a_folder_that_stands_alone(cli, tmp_path):
    code, out, err = cli("run", "toy-coin", "--set", "tosses=50", "--seed", "3", "--out", "a")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "report: a/report.html"
    folder = RunFolder.open(tmp_path / "a")
    names = sorted(p.relative_to(folder.path).as_posix() for p in folder.path.rglob("*.*"))
    assert names == [
        "config.toml", "figures/tosses.svg", "manifest.json", "metrics.json", "report.html",
        "result.h5",
    ]  # fmt: skip
    assert folder.metrics["tosses"] == 50
    assert folder.metrics["unknown"] is None
    assert tomllib.loads(folder.config_text)["config"]["tosses"] == 50
    assert folder.manifest["seed"] == 3
    assert folder.manifest["command"] == "bioplastic run toy-coin --set tosses=50 --seed 3 --out a"
    assert folder.manifest["backend"] == "reference"
    assert "It is a coin." in folder.report.read_text()
    heads = read_arrays(folder.path / "result.h5")["heads"].values
    spikes = read_spikes(folder.path / "result.h5")["heads"]
    np.testing.assert_array_equal(spikes.steps, np.flatnonzero(heads))
    assert spikes.labels == ("H",)


def test_run_twice_gives_equal_results(cli, tmp_path):
    for out in ("a", "b"):
        assert cli("run", "toy-coin", "--out", out)[0] == 0
    files = [json.loads((tmp_path / k / "manifest.json").read_text())["files"] for k in "ab"]
    for name in ("config.toml", "metrics.json", "figures/tosses.svg"):
        assert files[0][name] == files[1][name]


def test_default_folder_and_quick(cli, tmp_path):
    code, out, _ = cli("run", "toy_coin", "--quick", "--seed", "4")
    assert code == 0
    (path,) = (tmp_path / "runs").iterdir()
    assert path.name.startswith("toy-coin-")
    assert path.name.endswith("-seed4")
    assert RunFolder.open(path).metrics["tosses"] == 10
    assert "toy size" in out


def test_dry_run_prints_the_network_and_writes_nothing(cli, tmp_path):
    code, out, _ = cli("run", "toy-coin", "--dry-run", "--set", "bias=0.25")
    assert code == 0
    assert "bias = 0.25" in out
    assert "population  neurons   rate" in out
    assert "hand             20  12.25" in out
    assert list(tmp_path.iterdir()) == []


def test_existing_folder_is_never_overwritten(cli, tmp_path):
    (tmp_path / "a").mkdir()
    assert cli("run", "toy-coin", "--out", "a")[0] == 0  # an empty folder is free
    before = RunFolder.open(tmp_path / "a").manifest
    code, _, err = cli("run", "toy-coin", "--out", "a")
    assert code == 2
    assert err == "bioplastic: --out a: exists and is not empty; nothing is overwritten\n"
    assert RunFolder.open(tmp_path / "a").manifest == before


def test_folder_taken_during_the_run_loses_nothing(cli, tmp_path, monkeypatch):
    monkeypatch.setattr("bioplastic.runs.check_free", lambda path: None)
    for _ in range(3):
        assert cli("run", "toy-coin", "--out", "a")[0] == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "a-2", "a-3"]
    for path in tmp_path.iterdir():
        RunFolder.open(path)


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), OSError(28, "No space")])
def test_error_while_writing_leaves_nothing(cli, tmp_path, monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr("bioplastic.result_file._write_array", fail)
    code, out, err = cli("run", "toy-coin", "--out", "a")
    assert code == (130 if isinstance(error, KeyboardInterrupt) else 1)
    assert len(err.splitlines()) == 1
    assert "fell on heads" in out  # the answer is printed before the disk is asked
    assert list(tmp_path.iterdir()) == []


def test_killed_while_writing_leaves_no_result(process, tmp_path):
    child = process("run", "toy-coin", "--out", "a", before=HANG)
    assert any(line == "writing\n" for line in child.stdout)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert not (tmp_path / "a").exists()
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(f".a.partial-{child.pid}-")
    with pytest.raises(CorruptFile, match="left over by a run that was stopped"):
        RunFolder.open(left)


@pytest.mark.parametrize("size", [400, 2000, 9000])
def test_disk_that_refuses_leaves_nothing(process, tmp_path, size):
    child = process("run", "toy-coin", "--out", "a", before=FULL.format(size=size))
    _, err = child.communicate(timeout=120)
    assert child.returncode == 1, err
    assert err.count("\n") == 1
    assert err.startswith("bioplastic: a: not written, nothing kept:")
    assert list(tmp_path.iterdir()) == []


def test_interrupt_of_a_process_gives_130(process):
    child = process("run", "toy-coin", before=WAIT)
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (130, "bioplastic: interrupted; no result was written\n")


def test_closed_pipe_is_quiet(process):
    child = process("list", "toy-coin", before="import time; time.sleep(0.5)")
    child.stdout.close()
    try:
        assert "Traceback" not in child.stderr.read()
        child.wait(timeout=60)
    except subprocess.TimeoutExpired:
        child.kill()
        raise
