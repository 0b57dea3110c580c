"""Importers of NIR: what belongs to the cases, how answers are judged, the importers themselves."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
import pytest

from bioplastic import cli
from bioplastic.errors import BioplasticError
from bioplastic.export.nir import conformance
from bioplastic.export.nir import euler as nir_euler
from bioplastic.export.nir.conformance_cases import DT, Case, cases
from bioplastic.export.nir.euler import Habits


@pytest.fixture(scope="module")
def by_name() -> dict[str, Case]:
    return {c.name: c for c in cases()}


def lifted(tree, by: float):
    """The same graph with all thresholds moved."""
    other = copy.deepcopy(tree)

    def move(node) -> None:
        for key in ("v_threshold", "threshold"):
            if key in node:
                node[key] = node[key] + by
        for inner in node.get("nodes", {}).values():
            move(inner)

    move(other)
    return other


def test_no_rounding_decides_a_case(by_name):
    for case in by_name.values():
        assert 30 < case.expected.sum() < case.expected.size
        near = [
            nir_euler.run(lifted(case.tree, by), case.given, DT, walked=case.walked)["output"]
            for by in (1e-3, -1e-3)
        ]
        moved = [not np.array_equal(raster, case.expected) for raster in near]
        assert moved == [False, case.name == "strict"], case.name


def test_exported_graphs_say_what_the_chip_says(by_name):
    for name in ("flat.nir", "network.nir"):
        assert np.array_equal(by_name[name].otherwise(Habits()), by_name[name].expected)


@pytest.mark.parametrize(
    ("name", "habits", "verdict"),
    [
        ("loop", {"without_loops": True}, "drops the loop"),
        ("nested-loop", {"without_loops": True}, "drops the loop"),
        ("loop-delay", {"loop_step": True}, "adds a step to the loop"),
        ("loop-delay", {"without_delays": True}, "drops the delay"),
        ("delay", {"without_delays": True}, "drops the delay"),
        ("strict", {"at_threshold": True}, "spikes at v = threshold"),
        ("reset", {"subtracts": True}, "resets by subtraction"),
        ("low-reset", {"zero_reset": True}, "resets to 0"),
        ("leak", {"without_leak": True}, "drops v_leak"),
        ("resistance", {"unit_r": True}, "takes r as 1"),
        ("leak", {"begins_at_leak": True}, "begins at v_leak"),
        ("loop-delay", {"without_loops": True, "without_delays": True},
         "drops the loop, drops the delay"),
    ],
)  # fmt: skip
def test_habits_are_recognised(by_name, name, habits, verdict):
    case = by_name[name]
    answer = case.otherwise(Habits(**habits))
    assert not np.array_equal(answer, case.expected)  # the case tells such readers apart
    found = conformance.judged(case, {"output": answer.tolist()})
    assert found.verdict.startswith(verdict)


def test_other_answers(by_name):
    case = by_name["chain"]
    right = case.expected
    late = np.concatenate([np.zeros((2, 3)), right[:-2]])
    flipped = right.copy()
    flipped[50, 0] = 1 - flipped[50, 0]
    for said, verdict, detail in (
        ({"output": right.tolist()}, "exact", f"{int(right.sum())} spikes"),
        ({"output": late.tolist()}, "2 steps late", "of 80 steps, "),
        ({"output": flipped.tolist()}, "differs", "1 of 80 steps, "),
        ({"output": (right * 1.5).tolist()}, "differs", "of 80 steps, "),
        ({"output": right[:, :2].tolist()}, "differs", "answers with 2 lanes, not 3"),
        ({"accepted": True}, "accepted", "not run"),
        ({"stage": "reading", "error": "KeyError", "message": "'a|b'"}, "stops: KeyError", "'a|b'"),
    ):
        found = conformance.judged(case, said)
        assert found.verdict == verdict
        assert detail in found.detail


def test_the_command_without_importers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for variable in (conformance.IMPORTERS[0], conformance.OLD_IMPORTERS[0]):
        monkeypatch.delenv(variable, raising=False)
    assert cli.main(["conformance"]) == 0
    assert "sinabs: no environment: make importers" in capsys.readouterr().out
    assert cli.main(["conformance", "--with", "norse"]) == 1
    capsys.readouterr()
    for words, message in (
        (["--with", "nors"], "no importer 'nors'; did you mean 'norse'"),
        (["--timeout", "-1"], "--timeout -1: must be above 0 s"),
    ):
        assert cli.main(["conformance", *words]) == 2
        assert message in capsys.readouterr().err
    monkeypatch.setenv(conformance.IMPORTERS[0], "nowhere")
    assert cli.main(["conformance", "--with", "norse"]) == 2
    assert "nowhere: no such interpreter" in capsys.readouterr().err


def test_an_importer_that_ends_without_an_answer(monkeypatch, tmp_path):
    (tmp_path / "import_nir.py").write_text("raise SystemExit('segmentation fault')")
    monkeypatch.setattr(conformance, "SCRIPTS", tmp_path)
    monkeypatch.setattr(conformance, "cases", lambda: cases()[:1])
    with pytest.raises(BioplasticError, match="norse: gave no answer: segmentation fault"):
        conformance.examine("norse", Path(sys.executable))


def test_the_table(by_name):
    findings = tuple(
        conformance.Finding(case=n, verdict="stops: KeyError" if n == "loop" else "exact",
                            detail="running: 'a|b'" if n == "loop" else "") for n in by_name
    )  # fmt: skip
    done = conformance.Report(
        tool="norse", versions={"norse": "1.1", "nir": "1.0.8"}, findings=findings
    )
    none = conformance.Report(tool="sinabs", versions={}, findings=(), absent="not here")
    lines = conformance.table([done, none])
    assert lines[0] == "| graph | asks | norse 1.1 (nir 1.0.8) |"
    assert "| `loop` | keep a loop between nodes | stops: KeyError |" in lines
    assert r"| norse | `loop` | running: 'a\|b' |" in lines
    assert lines[-1].endswith("sinabs: not here")


@pytest.mark.oracle
def test_norse_keeps_loops_in_sub_graphs_and_exported_networks():
    python = conformance.interpreter("norse")
    if python is None:
        pytest.skip(f"set {conformance.IMPORTERS[0]} to the Python of make importers")
    report = conformance.examine("norse", python)
    verdicts = {f.case: f.verdict for f in report.findings}
    for name in ("chain", "whole-weights", "strict", "reset", "nested-loop", "network.nir"):
        assert verdicts[name] == "exact"
    assert verdicts["resistance"] == "takes r as 1"
    assert verdicts["delay"] == "drops the delay"
