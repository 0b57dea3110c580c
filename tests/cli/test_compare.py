"""`bioplastic compare`: refusals in one line, resuming, the page, and what a broken cell does."""

from __future__ import annotations

import pytest

from bioplastic.runs import RunFolder
from tests.learning import compare_fakes as fakes

SMALL = ("--set", "toy.length=60", "--learners", "quick,flat", "--seeds", "2", "--out", "a")


@pytest.fixture
def compare(cli, monkeypatch):
    fakes.install(monkeypatch)
    return lambda *arguments: cli("compare", *arguments)


USAGE = {
    ("tyo",): "no task 'tyo'; did you mean 'toy'?",
    ("toy", "--learners", "quikc"): "no learner 'quikc'; did you mean 'quick'?",
    ("toy", "--seeds", "0"): "seeds = 0: a comparison needs at least 1",
    ("toy", "--seed", "-2"): "seed = -2: must be 0 or more",
    ("toy", "--jobs", "0"): "--jobs 0: at least 1 process is needed",
    ("toy", "--set", "toy.lenght=4"): "toy: unknown setting 'lenght'; did you mean 'length'?",
    ("toy", "--set", "length=4"): "'length=4' must be written task.key=value",
    ("toy", "--data", "nowhere"): "--data nowhere: no such folder",
    (
        "toy",
        "--report-only",
    ): "--report-only: neither runs/compare/cells nor docs/figures/cells has",
}


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_usage_error(compare, tmp_path, arguments):
    code, out, err = compare(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"bioplastic: {USAGE[arguments]}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    assert fakes.CALLS == []


def test_missing_data_are_named_before_anything_runs(compare, tmp_path):
    code, out, err = compare("toy", "--set", "toy.data=birds.tsv")
    assert (code, out) == (1, "")
    assert err == "bioplastic: toy: birds.tsv is not there. Get it from nowhere (no licence)\n"
    assert list(tmp_path.iterdir()) == []


def test_page_and_resuming(compare, tmp_path):
    code, out, err = compare("toy", *SMALL)
    assert (code, err) == (0, "")
    assert "[1/4] toy quick seed 1: " in out
    first = RunFolder.open((tmp_path / out.splitlines()[-1].removeprefix("report: ")).parent)
    assert first.metrics["cells"] == 4
    assert first.manifest["command"].startswith("bioplastic compare toy --set toy.length=60")
    assert len(fakes.CALLS) == 4
    code, out, _ = compare("toy", *SMALL, "--report-only")
    assert code == 0
    assert "[1/4]" not in out
    code, out, _ = compare("toy", *SMALL[:-4], "--seeds", "3", "--out", "a")
    assert code == 0
    assert out.count("(kept)") == 4
    assert len(fakes.CALLS) == 6
    code, out, _ = compare("toy", *SMALL, "--list")
    assert "4 of 4 cells finished" in out
    assert "learners: quick, flat" in out


def test_default_leaves_out_what_has_no_data_and_says_so(compare, monkeypatch):
    monkeypatch.setattr(fakes.Broken, "check", lambda self: fakes.Toy(data="x.mat").check())
    code, out, err = compare(*SMALL[2:])
    assert code == 0
    assert err == "left out, broken: x.mat is not there. Get it from nowhere (no licence)\n"
    assert "toy quick seed 1" in out


def test_interrupt_says_how_to_go_on(compare, monkeypatch, tmp_path):
    measure = fakes.Toy.measure

    def stop(self, learner, *, seed):
        if learner.name == "flat":
            raise KeyboardInterrupt
        return measure(self, learner, seed=seed)

    monkeypatch.setattr(fakes.Toy, "measure", stop)
    code, _, err = compare("toy", *SMALL)
    assert code == 130
    assert err == (
        "bioplastic: interrupted; 2 of 4 cells are finished in a/cells; the same command goes on"
        " from there\n"
    )
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["cells"]


def test_a_defect_is_on_the_page_and_in_the_exit_code(compare, tmp_path):
    code, out, err = compare("broken", "--set", "broken.length=40", "--seeds", "1", "--out", "a")
    assert code == 1
    assert "failed: ZeroDivisionError" in out
    assert err.startswith("bioplastic: 1 of 2 cells failed and are not kept, first broken bug")
    (page,) = (tmp_path / "a").glob("report-*/report.html")
    assert "ZeroDivisionError" in page.read_text()


def test_a_damaged_cell_is_named(compare, tmp_path):
    assert compare("toy", *SMALL)[0] == 0
    (path,) = (tmp_path / "a" / "cells" / "toy").glob("flat-seed1-*.json")
    path.write_text(path.read_text()[:200])
    code, _, err = compare("toy", *SMALL)
    assert code == 1
    assert f"cells/toy/{path.name}" in err
    assert "remove the file to run the cell again" in err


def test_out_is_a_file(compare, tmp_path):
    (tmp_path / "file").write_text("x")
    code, _, err = compare("toy", "--out", "file")
    assert (code, err) == (2, "bioplastic: --out file: exists and is not a folder\n")


def test_the_experiment_is_the_same_comparison(compare, cli, tmp_path):
    chosen = ("--set", "tasks=broken", "--set", "learners=quick", "--set", "seeds=2")
    code, out, _ = cli("run", "stdp-vs-backprop", *chosen, "--dry-run")
    assert code == 0
    assert "2 cells, each run once." in out
    assert list(tmp_path.iterdir()) == []
    code, out, err = cli("run", "stdp-vs-backprop", *chosen, "--seed", "3", "--out", "b")
    assert (code, err) == (0, "")
    assert "[2/2] broken quick seed 4" in out
    run = RunFolder.open(tmp_path / "b")
    code, _, _ = compare("broken", "--learners", "quick", "--seeds", "2", "--seed", "3")
    assert code == 0
    (page,) = (tmp_path / "runs" / "compare").glob("report-*")
    other = RunFolder.open(page).metrics
    same = [k for k in other if "wall_seconds" not in k]
    assert {k: run.metrics[k] for k in same} == {k: other[k] for k in same}


def test_experiment_refuses_unknown_names(compare, cli):
    code, _, err = cli("run", "stdp-vs-backprop", "--set", "tasks=tyo")
    assert (code, err.startswith("bioplastic: no task 'tyo'; did you mean 'toy'?")) == (2, True)


@pytest.mark.slow
def test_first_look_with_real_learners(cli, tmp_path):
    code, out, err = cli("compare", "--quick", "--out", "a")
    assert (code, err) == (0, "")
    assert "toy size (--quick)" in out
    (page,) = (tmp_path / "a").glob("report-*/report.html")
    metrics = RunFolder.open(page.parent).metrics
    for task in ("kjv", "continual", "lesion"):
        assert metrics[f"{task}_attention_bits_per_symbol"] is not None
    assert metrics["lesion_unigram_bits_per_symbol"] is None  # it has no neurons, and is there
