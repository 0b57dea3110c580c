"""From the folder of a run to a bundle for a chip, and what is refused before it is written."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from bioplastic import cli
from bioplastic.export.bundle import folder as bundles
from bioplastic.export.bundle.sealed import read_json
from bioplastic.export.loihi import attention as loihi_attention
from bioplastic.export.loihi import target as loihi
from bioplastic.export.nir import file as nir_file
from bioplastic.export.nir import golden as nir_golden
from bioplastic.export.nir import read as nir_read
from bioplastic.export.nir import target as nir
from bioplastic.export.nir.graph import canonical
from bioplastic.export.preflight import placement

NIR = nir.FLAT, nir.NESTED, nir.GOLDEN


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of 400 symbols with contexts of up to 3."""
    folder = tmp_path_factory.mktemp("chip") / "run"
    words = ["symbols=400", "order=3", "baselines=none", "shuffle=false"]
    settings = [part for word in words for part in ("--set", word)]
    assert cli.main(["run", "sequence-prediction", *settings, "--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize(("target", "files"), [
    ("loihi", set(loihi.LOADER)),
    ("brian2-loihi", set()),
    ("sanafe", {"architecture.yaml", "network.yaml"}),
])  # fmt: skip
def test_a_run_becomes_a_bundle(run, tmp_path, capsys, monkeypatch, target, files):
    monkeypatch.setattr("bioplastic.commands.export.AHEAD", 120)
    out = tmp_path / "bundle"
    assert cli.main(["export", str(run), "--to", target, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert f"bioplastic verify {out}" in printed
    made = bundles.read(out)
    held = {p.name for p in out.iterdir()}
    assert held == {"network.json", "arrays.h5", "index.json", "placement.json"} | files
    assert made.facts["scored_symbols"] == 120
    before, after = made.facts["bits_per_symbol_before"], made.facts["bits_per_symbol_exported"]
    form = loihi_attention.FORMS[target]
    moved = form.ramp / 2 + 5 * form.lsb / 2  # nats, of one potential: latency, and five branches
    assert 0 < abs(after - before) <= 2 * moved / np.log(2)  # surprise moves by twice that at most
    assert after < np.log2(27)
    assert f"{after:.4f} bits/symbol on the chip, {before:.4f} before" in printed
    placed = read_json(out / "placement.json")
    for p in made.network.populations:
        spans = placed["populations"][p.name]
        assert [n for _, a, b in spans for n in range(a, b + 1)] == list(range(p.size))
    assert cli.main(["verify", str(out), "--with", "reference,cpu"]) == 0


@pytest.mark.parametrize("target", ["nir", "nir-old"])
def test_a_run_becomes_graphs(run, tmp_path, capsys, monkeypatch, target):
    monkeypatch.setattr("bioplastic.commands.export.AHEAD", 120)
    monkeypatch.setattr("bioplastic.export.loihi.attention.TRACE_STEPS", 900)
    out = tmp_path / "bundle"
    assert cli.main(["export", str(run), "--to", target, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"plasticity rules, in metadata only: [1-9]", printed)
    assert "not spike for spike" not in printed
    held = {p.name for p in out.iterdir()}
    assert held == {"network.json", "arrays.h5", "index.json", *NIR}
    made = bundles.read(out)
    assert made.facts["target"] == target
    stimulus, expected = nir_golden.read(out / nir.GOLDEN, made.network)
    assert all(np.array_equal(stimulus[k], made.stimulus[k]) for k in stimulus)
    assert all(np.array_equal(expected[k], made.expected[k]) for k in expected)
    for name in (nir.FLAT, nir.NESTED):
        assert nir.same(nir_read.read(out / name), canonical(made.network))
    about = nir_file.load(out / nir.FLAT)["metadata"]["about"]
    assert "ThetaSTDP" in " ".join(row["rule"] for row in about["plasticity"].values())
    monkeypatch.setattr(nir, "LIMIT", 1000)
    assert cli.main(["export", str(run), "--to", target, "--check"]) == 1
    assert "of 1,000 bytes in a reader; NIR has no sparse synapses   PASSED" in (
        capsys.readouterr().out
    )
    assert cli.main(["export", str(run), "--to", target, "--out", str(tmp_path / "no")]) == 2
    assert "use shorter contexts, or export --to loihi" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_check_writes_nothing(run, capsys):
    before = sorted(run.parent.iterdir())
    assert cli.main(["export", str(run), "--to", "loihi", "--check"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"compartments +\d+ of +1,024  core 0", out)
    assert sorted(run.parent.iterdir()) == before


def test_a_chip_that_is_too_small(run, tmp_path, capsys, monkeypatch):
    tiny = replace(placement.LOIHI, name="tiny", cores=1, compartments=64)
    monkeypatch.setattr(loihi, "place", lambda network: placement.place(network, tiny))
    out = tmp_path / "bundle"
    assert cli.main(["export", str(run), "--to", "loihi", "--check"]) == 1
    assert "PASSED" in capsys.readouterr().out
    assert cli.main(["export", str(run), "--to", "loihi", "--out", str(out)]) == 2
    assert "does not fit Loihi: cores" in capsys.readouterr().err
    assert not out.exists()


def test_what_is_asked_wrongly(run, tmp_path, capsys):
    for words, message in (
        (["--to", "lohi"], "no target 'lohi'; did you mean 'loihi'"),
        (["--to", "sonata", "--check"], "--check: sonata is a file format"),
        (["--to", "loihi", "--out", str(run)], "exists already; nothing is overwritten"),
    ):
        assert cli.main(["export", str(run), *words]) == 2
        assert message in capsys.readouterr().err


def test_a_run_that_learned_nothing(tmp_path, capsys):
    folder = tmp_path / "wta"
    assert cli.main(["run", "wta-competition", "--quick", "--out", str(folder)]) == 0
    assert not (folder / "learned.h5").exists()
    capsys.readouterr()
    assert cli.main(["export", str(folder), "--to", "loihi"]) == 2
    assert "this run learned no network that could be exported" in capsys.readouterr().err
