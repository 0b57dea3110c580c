"""From a run of the temporal memory to a bundle for a chip, and what its check says."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from bioplastic import cli
from bioplastic.errors import CorruptFile, UnsupportedModel, UsageError
from bioplastic.export import verify
from bioplastic.export.bundle import folder as bundles
from bioplastic.export.loihi import memory as loihi_memory
from bioplastic.export.loihi import target as loihi
from bioplastic.export.loihi.lowerings import follows, lowering_of
from bioplastic.learned import Learned
from tests.export.conftest import tools
from tests.loihi.memories import chained, memory


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Set I, in the middle of learning: sequences are predicted wrongly, codes are half sparse."""
    folder = tmp_path_factory.mktemp("chip") / "run"
    command = ["run", "temporal-memory", "--set", "episodes=19", "--out", str(folder)]
    assert cli.main(command) == 0
    return folder


@pytest.mark.parametrize("target", ["loihi", "brian2-loihi", "sanafe"])
def test_a_run_becomes_a_bundle_that_predicts_the_same(run, tmp_path, capsys, target):
    out = tmp_path / "bundle"
    assert cli.main(["export", str(run), "--to", target, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    made = bundles.read(out)
    shown = made.facts["as_learned"]
    assert shown["elements"] == shown["active"] == shown["predicted"] > 100
    assert shown["sequences"] == 2 * 19
    assert shown["error"] == shown["own_error"] > 0
    assert f"prediction error {shown['error']:.4f} on the chip" in printed
    assert made.facts["shuffled"]["elements"] == shown["elements"]
    assert sum(p.size for p in made.network.populations) == 4 * 900 + 6
    assert made.steps > 8000
    assert all(len(when) for when, _ in made.expected.values())
    assert cli.main(["verify", str(out), "--with", "cpu"]) == 0


def test_check_writes_nothing_and_says_what_is_lost(run, capsys):
    before = sorted(run.parent.iterdir())
    assert cli.main(["export", str(run), "--to", "loihi", "--check"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"compartments +1,024 of +1,024", out)
    assert "excitatory.distal: 5 inputs start a plateau" in out
    assert re.search(r"\d+ in random order: the same answer in \d+, the same are predicted", out)
    assert sorted(run.parent.iterdir()) == before


def test_what_cannot_be_exported(run, tmp_path):
    learned = Learned.load(run / "learned.h5")
    with pytest.raises(CorruptFile, match="does not say its grid: dt_seconds = None"):
        loihi.prepare(Learned(learned.description, learned.arrays, {}), None)
    silent = replace(
        learned.description,
        sources=[
            replace(s, train=replace(s.train, i=np.zeros(0, int), t=s.train.t[:0]))
            for s in learned.description.sources
        ],
    )
    ready = loihi.prepare(Learned(silent, learned.arrays, learned.manifest), None)
    with pytest.raises(UsageError, match="nothing is shown: a golden trace needs a stimulus"):
        loihi.write(ready, tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_a_network_that_no_lowering_takes(run):
    drawn = Learned.load(run / "learned.h5").description
    plain = replace(drawn, populations=drawn.populations[1:], projections=[])
    assert not follows(plain)
    with pytest.raises(UnsupportedModel) as error:
        lowering_of(plain)
    said = str(error.value)
    assert "cannot be written in a chip's integers: as dendritic attention: " in said
    assert "as temporal memory: temporal memory, set I: no population has a PlateauBranch" in said


def test_every_chip_is_checked_in_one_go(run, capsys):
    before = sorted(run.parent.iterdir())
    assert cli.main(["export", str(run), "--check"]) == 0
    out = capsys.readouterr().out
    assert out.count("as learned: the same neurons answer in") == 2  # loihi, and sanafe's delays
    verdicts = dict(re.findall(r"^([\w\- ]+\d?): (passes no limit|cannot hold it) \(", out, re.M))
    assert verdicts == {
        "Loihi": "passes no limit", "Loihi 2": "passes no limit", "SANA-FE": "passes no limit",
        "SpiNNaker 1": "passes no limit", "TrueNorth": "cannot hold it",
        "DYNAP-SE2": "cannot hold it", "Xylo A2": "cannot hold it", "Xylo A3": "cannot hold it",
        "Xylo IMU": "cannot hold it", "BrainScaleS-2": "cannot hold it",
    }  # fmt: skip
    assert re.search(r"neurons +3,606 of +1,008  all   PASSED: about 1,008 of 3,606 neurons", out)
    assert sorted(run.parent.iterdir()) == before
    assert cli.main(["export", str(run)]) == 2
    assert "--to TARGET says what to write (valid: aedat2" in capsys.readouterr().err


@pytest.mark.parametrize("exponent", [0, 2])
def test_a_network_that_fell_silent_is_reported(run, monkeypatch, exponent):
    """Drives as a wrong scale would leave them: nothing is active, and the check says it."""
    learned = Learned.load(run / "learned.h5")
    right = loihi_memory.loihi_memory

    def wrong(network, form):
        made = right(network, form)
        projections = [
            replace(q, exponent=exponent) if q.name.startswith("external") else q
            for q in made.network.projections
        ]
        return replace(made, network=replace(made.network, projections=tuple(projections)))

    monkeypatch.setattr(loihi_memory, "loihi_memory", wrong)
    ready = loihi.prepare(learned, None)
    said = "\n".join(ready.lines())
    assert ready.made.facts()["as_learned"]["active"] == 0
    every = [p.name for p in ready.made.network.populations]
    if exponent == 0:  # so weak that it is proved
        assert re.search(r"dead: excitatory can never spike: all its inputs .* \d+% below", said)
        assert [d.what for d in ready.dead] == every
    else:
        assert list(ready.silent) == every
        assert "silent: inhibitory never spikes in the trace" in said


@pytest.mark.oracle
@pytest.mark.parametrize(("target", "tool"), [
    ("loihi", "lava"), ("brian2-loihi", "brian2-loihi"), ("sanafe", "sanafe"),
])  # fmt: skip
def test_foreign_tools_hold_the_same_memory(tmp_path, target, tool):
    """Two sequences with a common middle, known and new orders: plateaus, timers, inhibition."""
    shown = [(30 + 40 * k + 60 * (k // 3), s) for k, s in enumerate("ABCDBEABEDBC")]
    learned = Learned(memory(links=chained(), shown=shown), {}, {"dt_seconds": 1e-4})
    folder = loihi.write(loihi.prepare(learned, None, target), tmp_path / "bundle")
    made = bundles.read(folder)
    assert all(len(when) for when, _ in made.expected.values())
    found = verify.verify(made, folder, tool, python=tools(), seconds=500)
    assert found.outcome == "equal", found.message
