"""Every refusal is one line that names the object, the value, the range and the nearest name."""

from __future__ import annotations

import pytest

USAGE = {
    ("rnu",): "no verb 'rnu'; did you mean 'run'? (valid: bench, compare, conformance, doctor,",
    ("run", "toy-cion"): "no experiment 'toy-cion'; did you mean 'toy-coin'?",
    ("list", "toy-cion"): "no experiment 'toy-cion'; did you mean 'toy-coin'?",
    ("run", "toy-coin", "--set", "tossses=1"): "toy-coin: unknown setting 'tossses'; did you mean",
    ("run", "toy-coin", "--set", "tosses=0"): "toy-coin: tosses = 0: must be >= 1 and <= 10000",
    ("run", "toy-coin", "--set", "tosses=few"): "toy-coin: tosses = 'few': must be a whole number",
    ("run", "toy-coin", "--set", "bias"): "toy-coin: 'bias' must be written key=value",
    ("run", "toy-coin", "--set", "metal=cooper"): "toy-coin: metal = 'cooper'; did you mean",
    ("run", "toy-coin", "--backend", "gpu"): "toy-coin: no backend 'gpu'; did you mean 'cpu'?",
    ("run", "toy-coin", "--seed", "-1"): "seed = -1: must be 0 or more",
    ("run", "toy-coin", "--seed", "x"): "argument --seed: invalid int value: 'x' (see:",
    ("run", "toy-coin", "--sedd", "1"): "unrecognized arguments: --sedd 1",
    ("run",): "the following arguments are required: NAME",
    (): "the following arguments are required: VERB",
    ("export", "nowhere", "--to", "sonta"): "no target 'sonta'; did you mean 'sonata'?",
    ("export", "nowhere", "--to", "sonata"): "nowhere: no such run folder",
}  # fmt: skip


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_usage_error(cli, tmp_path, arguments):
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"bioplastic: {USAGE[arguments]}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


FAILURES = {
    "library": (1, "bioplastic: the coin rolled away"),
    "defect": (
        1,
        "bioplastic: internal error, ZeroDivisionError: division by zero second line "
        "(--traceback shows where)",
    ),
    "memory": (1, "bioplastic: out of memory: try a smaller size"),
    "disk": (1, "bioplastic: [Errno 28] No space left on device"),
    "interrupt": (130, "bioplastic: interrupted; no result was written"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_failure(cli, tmp_path, kind):
    code, out, err = cli("run", "toy-coin", "--set", f"fail={kind}")
    assert (code, err) == (FAILURES[kind][0], FAILURES[kind][1] + "\n")
    assert out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [0, 4])
def test_traceback_on_request(cli, place):
    arguments = ["run", "toy-coin", "--set", "fail=defect"]
    arguments.insert(place, "--traceback")
    code, _, err = cli(*arguments)
    assert code == 1
    assert err.startswith("Traceback")
    assert "raise errors[config.fail]" in err


def test_out_below_a_file(cli, tmp_path):
    (tmp_path / "file").write_text("x")
    code, _, err = cli("run", "toy-coin", "--out", "file/a")
    assert (code, err.startswith("bioplastic: --out file/a: cannot write in")) == (2, True)
    code, _, err = cli("run", "toy-coin", "--out", "file")
    assert (code, err) == (2, "bioplastic: --out file: exists and is not a folder\n")


def test_list_names_first_lines_without_importing(cli, monkeypatch):
    def refuse(name):
        raise AssertionError(name)

    monkeypatch.setattr("bioplastic.commands.list.load", refuse)
    code, out, _ = cli("list")
    assert code == 0
    assert "toy-coin" in out
    assert "Does a coin fall on heads?" in out


def test_list_one_shows_its_settings(cli):
    code, out, _ = cli("list", "toy-coin")
    assert code == 0
    assert "Figure 0 of no paper." in out
    assert "backends: reference, cpu (the first is the default)" in out
    assert "tosses=100    how often (from 1 up to 10000)" in out
    assert "metal=copper" in out
