"""Cells that travel with the source: found again number for number, refused when harmed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bioplastic.errors import CorruptFile
from bioplastic.learning.compare import grid, kept, source
from bioplastic.learning.compare.cells import Cell, Store, to_tree
from bioplastic.learning.compare.kept import Kept
from tests.learning import compare_fakes as fakes


@pytest.fixture
def toy(monkeypatch):
    fakes.install(monkeypatch)
    return fakes.Toy(length=60)


@pytest.fixture
def shelf(tmp_path):
    return Kept(tmp_path / "figures" / "cells")


@pytest.fixture
def store(tmp_path, shelf):
    return Store(tmp_path / "runs" / "cells", behind=shelf)


def cells(task: fakes.Toy, *names: str, seeds: int = 2) -> list[Cell]:
    chosen = [x for x in task.learners() if x.name in names]
    return [Cell(task=task, learner=x, seed=s) for x in chosen for s in range(1, seeds + 1)]


def test_a_kept_cell_is_the_cell_number_for_number(toy, shelf, store):
    asked = cells(toy, "quick", "flat", "wild")
    found = grid.run(asked, store)
    (path,) = shelf.put(found, asked)
    assert path.name == "toy.jsonl"
    assert [to_tree(shelf.load(c)) for c in asked] == [to_tree(f) for f in found]
    assert shelf.put(found, asked) == []
    # values that cells share stand once
    assert path.read_text().count('"numba"') == 1


def test_what_is_kept_is_not_run_again(toy, shelf, store, tmp_path):
    asked = cells(toy, "quick")
    shelf.put(grid.run(asked, store), asked)
    fresh = Store(tmp_path / "elsewhere", behind=shelf)
    grid.run(cells(toy, "quick", seeds=3), fresh)
    assert fakes.CALLS[2:] == [("quick", 3)]
    assert [p.name[:11] for p in fresh.folder.rglob("*.json")] == ["quick-seed3"]


def test_other_settings_are_not_taken(toy, shelf, store):
    asked = cells(toy, "quick", seeds=1)
    shelf.put(grid.run(asked, store), asked)
    longer = Cell(task=replace(toy, length=61), learner=asked[0].learner, seed=1)
    assert shelf.load(longer, any_code=True) is None
    shelf.put(grid.run([longer], store), [longer])
    assert shelf.load(longer) is not None
    assert shelf.load(asked[0], any_code=True) is None  # one for each learner and seed


def test_older_code_is_kept_and_taken_only_by_those_who_take_any(toy, shelf, store, monkeypatch):
    asked = cells(toy, "quick", "flat", seeds=1)
    shelf.put(grid.run(asked, store), asked)
    monkeypatch.setattr(source, "version", lambda *objects: "0" * 16)
    assert [shelf.load(c) for c in asked] == [None, None]
    assert store.load(asked[0]) is None
    older = [store.load(c, any_code=True) for c in asked]
    assert all(f is not None and f.code != "0" * 16 for f in older)
    shelf.put(grid.run(asked[:1], store), asked)
    codes = [shelf.load(c, any_code=True).code == "0" * 16 for c in asked]
    assert codes == [True, False]


def test_what_is_no_longer_asked_for_is_dropped(toy, shelf, store):
    asked = cells(toy, "quick", "flat")
    shelf.put(grid.run(asked, store), asked)
    shelf.put([], cells(toy, "flat", seeds=1))
    assert [shelf.load(c) is not None for c in asked] == [False, False, True, False]


HARM = {
    "half": lambda text: text[: len(text) // 2],
    "a score": lambda text: text.replace('"seed": 1, "score": ', '"seed": 1, "score": 1'),
    "a seed": lambda text: text.replace('"seed": 1', '"seed": 7'),
    "a shared value": lambda text: text.replace('"length": 60', '"length": 61'),
    "a line left out": lambda text: "".join(text.splitlines(True)[:1] + text.splitlines(True)[2:]),
    "a cell twice": lambda text: text + text.splitlines(True)[-1],
    "another version": lambda text: text.replace('"version": 1', '"version": 2', 1),
    "not a number": lambda text: text.replace('"wall_seconds": ', '"wall_seconds": NaN, "was": '),
    "empty": lambda text: "",
    "a list": lambda text: text + "[]\n",
    "no text": lambda text: text + "\udcff",
}


@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_file_is_refused_by_name(toy, shelf, store, harm):
    asked = cells(toy, "flat", seeds=1)
    (path,) = shelf.put(grid.run(asked, store), asked)
    path.write_bytes(HARM[harm](path.read_text()).encode("utf-8", "surrogateescape"))
    with pytest.raises(CorruptFile, match=r"toy\.jsonl.*take the file as it was committed"):
        shelf.load(asked[0])
    with pytest.raises(CorruptFile, match=r"toy\.jsonl"):
        shelf.put([], asked)


def test_a_damaged_cell_is_named(toy, shelf, store):
    asked = cells(toy, "quick", "flat", seeds=1)
    (path,) = shelf.put(grid.run(asked, store), asked)
    path.write_text(path.read_text().replace('"note": ""', '"note": "x"', 1))
    with pytest.raises(CorruptFile, match=r"toy\.jsonl, line \d+ \(toy flat seed 1\)"):
        shelf.load(asked[0])


def test_the_cells_of_this_checkout_can_be_read_and_are_small():
    own = kept.of_checkout()
    assert own is not None
    files = sorted(own.folder.glob("*.jsonl"))
    assert sum(f.stat().st_size for f in files) < 5_000_000
    for file in files:
        for (learner, seed), f in own._of(file.stem).items():
            assert (f.record.learner, f.record.seed, f.record.task) == (learner, seed, file.stem)
            assert f.record.note or np.isfinite(f.record.score)
            assert not f.record.note.startswith("failed")
