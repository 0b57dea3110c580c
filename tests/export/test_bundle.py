"""Bundles: written, read back, refused when anything was changed; replayed and compared."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioplastic import cli
from bioplastic.errors import BioplasticError, CorruptFile, UnsupportedModel, UsageError
from bioplastic.export import verify
from bioplastic.export.bundle import folder as bundles
from bioplastic.export.bundle import foreign
from bioplastic.export.bundle.sealed import seal
from bioplastic.export.sanafe import network as sanafe
from tests.export.conftest import tools
from tests.loihi.drawn import networks
from tests.loihi.test_loihi import at, one


@pytest.fixture
def folder(tmp_path):
    """A written bundle of one neuron that spikes."""
    made = bundles.made(one(vth=9, delay=3), at(0, 5, 6), 20, {"bits": 1.5})
    return bundles.write(made, tmp_path / "bundle")


@settings(max_examples=15, deadline=None)
@given(networks())
def test_what_is_written_is_read_back(tmp_path_factory, drawn):
    net, stimulus, steps = drawn
    made = bundles.made(net, stimulus, steps)
    path = bundles.write(made, tmp_path_factory.mktemp("b") / "bundle")
    assert bundles.same(bundles.read(path), made)


def test_nothing_is_overwritten(folder):
    with pytest.raises(UsageError, match="exists already"):
        bundles.write(bundles.read(folder), folder)


def test_changes_are_seen_by_the_comparison(folder):
    """`same` looks at every part: the read-back of `write` can fail."""
    made = bundles.read(folder)
    net = made.network
    for other in (
        replace(made, steps=21),
        replace(made, u=made.u + 1),
        replace(made, v=made.v + 1),
        replace(made, facts={}),
        replace(made, expected={"n": (np.zeros(0, int), np.zeros(0, int))}),
        replace(made, stimulus=at(1)),
        replace(made, network=replace(net, dt=2.0)),
        replace(made, network=replace(net, populations=(replace(net.populations[0], dv=1),))),
        replace(
            made,
            network=replace(net, projections=(replace(net.projections[0], delay=np.array([4])),)),
        ),
    ):
        assert not bundles.same(made, other)


@settings(
    max_examples=150, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_damaged_files_give_one_error(folder, tmp_path_factory, data):
    """Bytes are changed, cut or added, and the seal is made anew: only documented errors."""
    copy = tmp_path_factory.mktemp("m") / "bundle"
    shutil.copytree(folder, copy)
    name = data.draw(st.sampled_from(["network.json", "arrays.h5"]))
    raw = bytearray((copy / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(st.integers(0, len(raw) - 1))
        raw[where] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    (copy / name).write_bytes(raw[:cut] if data.draw(st.booleans()) else raw)
    index = json.loads((copy / "index.json").read_text())
    body = {key: index[key] for key in ("specification", "steps", "facts")}
    (copy / "index.json").unlink()
    seal(copy, bundles.FORMAT, body)
    try:
        found = bundles.read(copy)
    except CorruptFile:
        return
    assert found.steps == 20  # what can be read is whole


def test_a_changed_file_breaks_the_seal(folder):
    path = folder / "arrays.h5"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(CorruptFile, match=r"arrays\.h5: truncated, or changed"):
        bundles.read(folder)


@pytest.mark.parametrize("tool", ["reference", "cpu"])
def test_our_own_executors_agree(folder, tool):
    found = verify.verify(bundles.read(folder), folder, tool, python=None, seconds=60)
    assert (found.outcome, found.message) == ("equal", "3 spikes in 20 steps, none differs")


def test_the_first_divergence_is_named(folder):
    made = bundles.read(folder)
    when, which = made.expected["n"]
    assert when.tolist() == [4, 9, 10]
    later = {"n": (np.array([4, 9, 11]), which)}
    message = verify.divergence(made, later)
    assert message == "step 10, n[0]: bundle spikes, the tool does not; v = 0 after the step before"
    early = {"n": (np.array([3, 4, 9, 10]), np.zeros(4, np.int64))}
    assert "step 3, n[0]: the tool spikes, the bundle does not" in str(
        verify.divergence(made, early)
    )
    assert verify.divergence(made, made.expected) is None


def test_a_forged_trace_does_not_verify(folder, capsys):
    """Sealed anew with another trace: our own executors say so, and the exit code is 1."""
    made = bundles.read(folder)
    forged = replace(made, expected={"n": (np.array([4]), np.array([0]))})
    path = bundles.write(forged, folder.with_name("forged"))
    assert cli.main(["verify", str(path), "--with", "cpu"]) == 1
    assert "differs  step 9, n[0]: the tool spikes" in capsys.readouterr().out


def test_an_interpreter_that_is_none(folder, capsys, monkeypatch):
    """Named from where the command runs; a file that cannot run fails in one line."""
    monkeypatch.chdir(folder.parent)
    words = ["verify", str(folder), "--with", "lava", "--python", "python"]
    here = folder.parent / "python"
    here.write_text("#!/bin/sh\nexit 1\n")
    assert cli.main(words) == 1
    assert "failed   " in (said := capsys.readouterr().out)
    assert f"{here}: cannot be run (Permission denied)" in said
    here.chmod(0o755)
    assert cli.main(words) == 1
    assert f"absent   lava is not installed in {here}" in capsys.readouterr().out
    here.unlink()


def test_the_command(folder, capsys, monkeypatch):
    monkeypatch.delenv(verify.VARIABLE, raising=False)
    monkeypatch.chdir(folder.parent)
    assert cli.main(["verify", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "reference    equal    3 spikes in 20 steps, none differs" in out
    assert "lava         absent   no verifier environment" in out
    assert cli.main(["verify", str(folder), "--with", "lava"]) == 1
    for words, message in (
        (["--with", "lav"], "no verifier 'lav'; did you mean 'lava'"),
        (["--python", "nowhere"], "nowhere: no such interpreter"),
        (["--python", "."], ".: no such interpreter"),
        (["--timeout", "0"], "--timeout 0: must be above 0 s"),
        (["--report", "none/r.json"], "--report none/r.json: no such folder"),
    ):
        assert cli.main(["verify", str(folder), *words]) == 2
        assert message in capsys.readouterr().err


def test_a_tool_that_is_not_installed_breaks_or_takes_too_long(folder, tmp_path, monkeypatch):
    made = bundles.read(folder)
    python = Path(sys.executable)
    for name, body, outcome, message in (
        ("no_such_tool", "", "absent", "no_such_tool is not installed"),
        ("json", "raise SystemExit('broke')", "failed", "exit code 1: broke"),
        ("json", "import sys; print('too big', file=sys.stderr); sys.exit(3)", "unable", "too big"),
        ("json", "import time; time.sleep(60)", "failed", "stopped after 3 s"),
        ("json", "pass", "failed", "what it stored cannot be read"),
    ):
        (tmp_path / "script.py").write_text(body)
        monkeypatch.setattr(foreign, "SCRIPTS", tmp_path)
        monkeypatch.setitem(verify.TOOLS, "lava", verify._tool("script.py", name))
        found = verify.verify(made, folder, "lava", python=python, seconds=3)
        assert found.outcome == outcome
        assert message in found.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"du": 4094}, "du = 4094: SANA-FE keeps u as a float"),
        ({"refractory": 2}, "refractory = 2 steps: its LIF has none"),
        ({"delay": 6}, "a delay of 6 steps: SANA-FE holds 5; lower with longest_delay=5"),
    ],
)
def test_what_sanafe_would_compute_otherwise_is_refused(tmp_path, change, message):
    with pytest.raises(UnsupportedModel, match=message):
        sanafe.write(one(**change), {}, 3, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.oracle
@pytest.mark.parametrize("tool", ["lava", "brian2-loihi", "sanafe"])
def test_foreign_tools_agree(tmp_path, tool):
    """Two populations, several delays, negative weights, in each tool of the environment."""
    rng = np.random.default_rng(5)
    net = one()
    source = replace(net.sources[0], size=4)
    a = replace(net.populations[0], name="a", size=6, dv=400, vth=60)
    b = replace(a, name="b", size=3, dv=37, vth=90)
    links = []
    for k, (pre, post, n, m) in enumerate([("in", "a", 4, 6), ("a", "a", 6, 6), ("a", "b", 6, 3)]):
        i, j = np.nonzero(rng.random((n, m)) < 0.7)
        links.append(
            replace(
                net.projections[0], name=f"q{k}", pre=pre, post=post, i=i, j=j,
                weight=2 * rng.integers(-20, 40, len(i)), delay=rng.integers(0, 5, len(i)),
            )
        )  # fmt: skip
    net = replace(net, sources=(source,), populations=(a, b), projections=tuple(links))
    when, which = np.nonzero(rng.random((150, 4)) < 0.2)
    stimulus = {"in": (when, which)}
    made = bundles.made(net, stimulus, 150)
    assert all(len(when) > 20 for when, _ in made.expected.values())
    folder = bundles.write(made, tmp_path / "bundle")
    found = verify.verify(made, folder, tool, python=tools(), seconds=500)
    assert found.outcome == "equal", found.message


def test_a_report_is_whole_or_absent(folder, tmp_path, capsys, monkeypatch):
    report = tmp_path / "report.json"
    words = ["verify", str(folder), "--with", "cpu", "--report", str(report)]

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert cli.main(words) == 1
        assert "not written: [Errno 28] No space left" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [folder]
    assert cli.main(words) == 0
    assert json.loads(report.read_text())["cpu"]["outcome"] == "equal"


def test_an_index_that_is_no_file_is_refused(folder, tmp_path, capsys):
    """A pipe would be waited for, and a device has no end: neither is opened."""
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    index = other / "index.json"
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), os.mkdir):
        index.unlink()
        make(index)
        assert cli.main(["verify", str(other)]) == 1
        assert capsys.readouterr().err == f"bioplastic: {index}: not a file\n"
    index.rmdir()
    assert cli.main(["verify", str(other)]) == 2
    assert "other: no bundle; it has no index.json" in capsys.readouterr().err


def test_reading_a_folder_that_is_no_bundle(tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        bundles.read(tmp_path / "nothing")
    with pytest.raises(BioplasticError, match=r"index\.json: cannot be read"):
        bundles.read(tmp_path)
