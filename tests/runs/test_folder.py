"""A run folder that is not whole, or was changed, is refused with one clear error."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import pytest

from bioplastic.atomic import publish
from bioplastic.errors import BioplasticError, CorruptFile, UsageError
from bioplastic.result import Panel, Result
from bioplastic.runs import RunFolder, write_run


@pytest.fixture
def folder(tmp_path):
    metrics: dict[str, Any] = {"bits": np.float32(1.5), "count": np.int64(3)}
    result = Result(metrics=metrics, headline="It worked.")
    path = tmp_path / "run"
    return write_run(
        path, name="toy", result=result, config_text="[config]\n", manifest={"seed": 1}
    )


def test_open_gives_what_was_written(folder):
    back = RunFolder.open(str(folder.path))
    assert back == folder
    assert back.metrics == {"bits": 1.5, "count": 3}
    assert back.manifest["headline"] == "It worked."


@pytest.mark.parametrize("name", ["config.toml", "metrics.json", "result.h5", "report.html"])
@pytest.mark.parametrize("how", ["missing", "truncated", "changed"])
def test_damaged_file(folder, name, how):
    path = folder.path / name
    data = path.read_bytes()
    path.write_bytes(data[:-1] if how == "truncated" else bytes([data[0] ^ 1]) + data[1:])
    if how == "missing":
        path.unlink()
    with pytest.raises(CorruptFile, match=name):
        RunFolder.open(folder.path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": "bioplastic-run", "version": 9}']
)
def test_damaged_manifest(folder, text):
    (folder.path / "manifest.json").write_text(text)
    with pytest.raises(CorruptFile, match=r"manifest\.json"):
        RunFolder.open(folder.path)


def test_manifest_without_files(folder):
    path = folder.path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "files": {}}))
    with pytest.raises(CorruptFile, match="list of files"):
        RunFolder.open(folder.path)


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")],
    ids=["pipe", "folder", "device"],
)  # fmt: skip
def test_a_manifest_that_is_no_file(folder, make):
    """A pipe would be waited for, and a device has no end: neither is opened."""
    path = folder.path / "manifest.json"
    path.unlink()
    make(path)
    with pytest.raises(CorruptFile, match=r"manifest\.json: not a file"):
        RunFolder.open(folder.path)


def test_no_folder(tmp_path):
    with pytest.raises(UsageError, match="no such run folder"):
        RunFolder.open(tmp_path / "none")
    with pytest.raises(CorruptFile, match="not a run folder"):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize("value", ["1", None, True, np.array([1, 2])])
def test_metrics_are_numbers(tmp_path, value):
    result = Result(metrics={"bits": value}, headline="")
    with pytest.raises((BioplasticError, ValueError)):
        write_run(tmp_path / "run", name="t", result=result, config_text="", manifest={})
    assert list(tmp_path.iterdir()) == []


def test_panel_that_fails_leaves_nothing(tmp_path):
    def draw(figure):
        raise RuntimeError("no axes")

    panel = Panel(key="p", title="", caption="", draw=draw)
    result = Result(metrics={}, headline="", sections=(panel,))
    with pytest.raises(RuntimeError, match="no axes"):
        write_run(tmp_path / "run", name="t", result=result, config_text="", manifest={})
    assert list(tmp_path.iterdir()) == []


def test_publish_appears_at_once(tmp_path):
    seen = []

    def fill(partial):
        (partial / "a").write_text("x")
        seen.append((partial.name, (tmp_path / "out").exists()))

    assert publish(tmp_path / "out", fill) == tmp_path / "out"
    ((name, visible),) = seen
    assert name.startswith(f".out.partial-{os.getpid()}-")
    assert not visible
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]
