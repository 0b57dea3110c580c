"""Whatever a file holds: what was written, or one documented error, in bounded memory and time.

A finding is any other exception, a message of several lines or without end, a process that a
signal ended (a crash of a library, the limit of CPU time), or memory beyond the limit.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bioplastic import hdf5_guard, hdf5_probe
from bioplastic.errors import CorruptFile
from tests.hostile import fuzz, mutate
from tests.hostile.readers import MAKERS, _hdf5_of

ROOT = Path(__file__).parents[2]
LONG = {
    "learned": 4000, "result-spikes": 6000, "result-arrays": 6000, "run": 5000, "config": 8000,
    "json": 8000, "aedat2-file": 10_000, "aedat2": 6000, "aedat4-file": 10_000, "aedat4": 6000,
    "lz4": 10_000, "evt3-file": 10_000, "evt3": 6000, "sonata": 4000, "sonata-network": 3000,
    "bundle": 6000, "xylo": 4000, "nir-flat": 3000, "nir-nested": 1500, "nir-golden": 3000,
    "eieio": 6000, "cable": 4000, "plasticity": 4000, "spinnaker": 4000, "state": 6000,
}  # fmt: skip
"""Broken files of the study by reader, more than 100 000 in all."""


def run(name, count, seed=0):
    """Fuzz one reader in a process of its own."""
    command = [sys.executable, "-m", "tests.hostile.fuzz", name, str(count), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_few_hundred_broken_files():
    command = [sys.executable, "-m", "tests.hostile.fuzz", "all", "25"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {f["reader"] for f in found} == set(MAKERS)
    for tally in found:
        assert tally["findings"] == []
        assert tally["read"] == 25 == tally["whole"] + tally["refused"]
    assert sum(f["refused"] for f in found) > 200


@pytest.mark.study
@pytest.mark.parametrize("name", sorted(MAKERS))
def test_many_broken_files(name):
    tally = run(name, LONG[name])
    print(json.dumps(tally))
    assert tally["findings"] == []
    assert tally["read"] == LONG[name]


def test_the_study_is_as_long_as_it_says():
    assert set(LONG) == set(MAKERS)
    assert sum(LONG.values()) >= 100_000


def test_the_harness_sees_what_it_looks_for(monkeypatch):
    """A reader with one defect of each kind: each is found, and nothing is lost on the way."""

    def read(folder):
        kind = (folder / "x").read_bytes()[0]
        if kind == 1:
            raise KeyError("x")
        if kind == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == 3:
            bytearray(2 * fuzz.MEMORY)
        if kind == 4:
            while True:
                pass
        if kind == 5:
            raise CorruptFile("as it should be")

    order = [1, 5, 2, 5, 0, 3, 4, 5, 1, 2]
    monkeypatch.setattr(fuzz, "broken", lambda target, name, seed, k: {"x": bytes([order[k]])})
    monkeypatch.setattr(fuzz, "SECONDS", 0.05)
    monkeypatch.setitem(
        MAKERS, "bad", lambda: fuzz.Target({"x": b"\0"}, read, lambda files, draw: files)
    )
    tally = fuzz.fuzz("bad", len(order))
    assert (tally["read"], tally["whole"], tally["refused"]) == (10, 1, 3)
    found = {f["run"]: f["what"].split(" at ")[0] for f in tally["findings"]}
    assert found == {
        0: "KeyError", 2: "ended by signal 9", 5: "MemoryError", 6: "ended by signal 26",
        8: "KeyError", 9: "ended by signal 9",
    }  # fmt: skip


def test_a_file_that_kills_the_helper_is_refused(tmp_path, monkeypatch):
    """The helper ends instead of answering: one error, and the next file gets a new helper."""
    path = tmp_path / "x.h5"
    path.write_bytes(MAKERS["result-arrays"]().files["result.h5"])
    hdf5_probe.check(path)
    first = hdf5_probe._helper
    assert first is not None
    first.kill()
    first.wait()
    hdf5_probe.check(path)  # it had ended before: a new one
    second = hdf5_probe._helper
    assert second is not None
    assert second.pid != first.pid
    monkeypatch.setattr(hdf5_probe, "_started", lambda: second)
    monkeypatch.setattr(second, "poll", lambda: None)
    second.kill()
    with pytest.raises(CorruptFile, match="does not survive reading it"), hdf5_guard.reading(path):
        pass


def test_the_helper_does_not_leave_its_parent(tmp_path):
    path = tmp_path / "x.h5"
    path.write_bytes(MAKERS["result-arrays"]().files["result.h5"])
    code = (
        "from pathlib import Path; from bioplastic import hdf5_probe;"
        f"hdf5_probe.check(Path({str(path)!r})); print(hdf5_probe._helper.pid)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pid = int(done.stdout)
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists() or b"hdf5_probe" not in _command(pid):
            return
        time.sleep(0.05)
    raise AssertionError(f"helper {pid} outlived its parent")


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_targets_hold_what_they_should():
    assert "spikes/cells/steps" in _hdf5_of(MAKERS["result-spikes"]().files["result.h5"])
    assert "edges/grow/0/compartment" in _hdf5_of(MAKERS["sonata-network"]().files["edges.h5"])
    assert "projections/1/delay" in _hdf5_of(MAKERS["bundle"]().files["arrays.h5"])


def test_mutations_change_bytes():
    raw = bytes(range(256)) * 4
    changed = sum(mutate.broken(raw, random.Random(k)) != raw for k in range(200))
    assert changed > 150
