"""Cells: run once, stored whole, found again; what goes wrong is on the record."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioplastic.errors import BioplasticError, CorruptFile, UsageError
from bioplastic.learning.compare import grid, source
from bioplastic.learning.compare.cells import Cell, Finished, Store, decode, encode, plain, read
from bioplastic.learning.cost import Cost
from bioplastic.learning.task import MissingData, Record
from tests.learning import compare_fakes as fakes


@pytest.fixture
def toy(monkeypatch):
    fakes.install(monkeypatch)
    return fakes.Toy(length=60)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cells")


def cells(task: Any, *names: str, seeds: int = 2) -> list[Cell]:
    chosen = [x for x in task.learners() if not names or x.name in names]
    return [Cell(task=task, learner=x, seed=s) for x in chosen for s in range(1, seeds + 1)]


def stored(store: Store) -> list[Finished]:
    return [read(path) for path in sorted(store.folder.glob("*/*.json"))]


numbers = st.floats(allow_nan=True, allow_infinity=True)
rows = st.lists(numbers, max_size=4).map(lambda v: np.array(v, dtype=np.float64))
records = st.builds(
    Record,
    task=st.sampled_from(["a", "b-c"]),
    learner=st.text(max_size=5),
    rule=st.just("local"),
    seed=st.integers(0, 2**63),
    score=numbers,
    cost=st.none()
    | st.builds(
        Cost,
        symbols=st.integers(0, 2**60),
        executions=st.integers(0, 9),
        footprint_bytes=st.integers(0, 9),
        plastic_synapses=st.integers(0, 9),
        bytes_touched=st.floats(0, 1e300),
    ),
    extra=st.dictionaries(st.text(max_size=3), numbers, max_size=2),
    x=rows,
    y=rows,
    series=st.dictionaries(st.text(max_size=3), st.tuples(rows, rows), max_size=2),
    note=st.text(max_size=9),
)


def same(a: Record, b: Record) -> None:
    assert (a.task, a.learner, a.rule, a.seed, a.note, a.cost) == (
        b.task, b.learner, b.rule, b.seed, b.note, b.cost,
    )  # fmt: skip
    np.testing.assert_equal(a.score, b.score)
    np.testing.assert_equal(dict(a.extra), dict(b.extra))
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.y, b.y)
    assert set(a.series) == set(b.series)
    for name in a.series:
        np.testing.assert_array_equal(a.series[name][0], b.series[name][0])
        np.testing.assert_array_equal(a.series[name][1], b.series[name][1])


@given(records)
def test_a_record_survives_json(record):
    text = json.dumps(encode(record), allow_nan=False)
    same(decode(json.loads(text)), record)


def test_finished_cells_are_not_run_again(toy, store):
    asked = cells(toy, "quick", "flat")
    first = grid.run(asked, store)
    assert len(fakes.CALLS) == 4
    second = grid.run(asked, store)
    assert len(fakes.CALLS) == 4
    for a, b in zip(first, second, strict=True):
        same(a.record, b.record)
    more = grid.run(cells(toy, "quick", "flat", seeds=3), store)
    assert fakes.CALLS[4:] == [("quick", 3), ("flat", 3)]
    assert len(more) == 6
    made = first[0].made
    assert {"git", "versions", "hardware", "started", "wall_seconds", "settings"} <= set(made)


def test_a_changed_setting_makes_a_new_cell(toy, store):
    (cell, _) = cells(toy, "quick")
    path = store.path(cell)
    longer = Cell(task=replace(toy, length=61), learner=cell.learner, seed=1)
    faster = Cell(task=toy, learner=fakes.Counter(name="quick", rule="local", rate=3.0), seed=1)
    assert len({path, store.path(longer), store.path(faster)}) == 3
    assert store.path(Cell(task=fakes.Toy(length=60), learner=cell.learner, seed=1)) == path
    assert path.parent.name == "toy"
    assert path.name.startswith("quick-seed1-")


def test_other_code_makes_a_new_cell_unless_it_is_welcome(toy, store, monkeypatch):
    asked = cells(toy, "quick", seeds=1)
    grid.run(asked, store)
    monkeypatch.setattr(source, "version", lambda *objects: "0" * 16)
    grid.run(asked, store, any_code=True)
    assert len(fakes.CALLS) == 1
    grid.run(asked, store)
    assert len(fakes.CALLS) == 2
    assert len(list((store.folder / "toy").iterdir())) == 2
    assert [f.code for f in stored(store)].count("0" * 16) == 1


@pytest.mark.parametrize(
    "harm",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"seed": 1', '"seed": 2'),
        lambda text: text.replace('"version": 1', '"version": 9'),
        lambda text: "[]",
        lambda text: "",
        lambda text: "\udcff",
    ],
    ids=["half", "changed", "version", "list", "empty", "no text"],
)
def test_a_damaged_cell_is_refused_by_name(toy, store, harm):
    asked = cells(toy, "flat", seeds=1)
    grid.run(asked, store)
    path = store.path(asked[0])
    path.write_bytes(harm(path.read_text()).encode("utf-8", "surrogateescape"))
    with pytest.raises(CorruptFile, match=r"flat-seed1.*remove the file"):
        grid.run(asked, store)


def test_what_cannot_run_is_a_record_with_a_note(toy, store):
    found = grid.run(cells(toy, "large", "away", "wild", seeds=1), store)
    notes = {f.record.learner: f.record.note for f in found}
    assert notes["large"] == "unsuited: too small"
    assert notes["away"] == "unavailable: not installed"
    assert notes["wild"] == "diverged: score inf"
    assert all(not math.isfinite(f.record.score) for f in found)
    assert len(stored(store)) == 3


def test_a_defect_stops_nobody_and_is_tried_again(toy, store):
    broken = fakes.Broken(length=60)
    found = grid.run(cells(broken, seeds=1), store)
    assert [f.record.note for f in found] == ["", "failed: ZeroDivisionError: division by zero"]
    assert [f.record.learner for f in stored(store)] == ["quick"]
    grid.run(cells(broken, seeds=1), store)
    assert fakes.CALLS == [("quick", 1), ("bug", 1), ("bug", 1)]


def test_interrupt_keeps_what_is_finished(toy, store, monkeypatch):
    measure = fakes.Toy.measure

    def stop(self, learner, *, seed):
        if seed == 2:
            raise KeyboardInterrupt
        return measure(self, learner, seed=seed)

    monkeypatch.setattr(fakes.Toy, "measure", stop)
    with pytest.raises(KeyboardInterrupt):
        grid.run(cells(toy, "quick"), store)
    monkeypatch.undo()
    assert [f.record.seed for f in stored(store)] == [1]
    assert not list(store.folder.rglob("*partial*"))


def test_processes_change_no_figure(store, tmp_path):
    asked = cells(fakes.Toy(length=60), "quick", "half", "large")
    alone = grid.run(asked, store)
    together = grid.run(asked, Store(tmp_path / "other"), jobs=2)
    for a, b in zip(alone, together, strict=True):
        same(a.record, b.record)
        assert (a.settings, a.code) == (b.settings, b.code)


def test_a_full_disk_leaves_no_half_of_a_cell(store, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BioplasticError, match="not written"):
        grid.run(cells(fakes.Toy(length=20), "flat", seeds=1), store)
    assert not [p for p in store.folder.rglob("*") if p.is_file()]


def test_settings_become_one_text():
    @dataclass(frozen=True)
    class Inner:
        path: Path
        of: type
        near: float = math.inf

    tree = plain(Inner(Path("a"), int))
    assert tree == {"class": tree["class"], "path": "a", "of": "builtins.int", "near": "inf"}
    assert plain({"k": (1, np.float64(2.5), {"b", "a"})}) == {"k": [1, 2.5, ["a", "b"]]}
    assert "0x" not in plain(object())


def test_choose_refuses_what_is_wrong(toy):
    for asked, said in {
        ("toi",): "no task 'toi'; did you mean 'toy'",
    }.items():
        with pytest.raises(UsageError, match=said):
            grid.choose(asked)
    with pytest.raises(UsageError, match="no learner 'quikc'; did you mean 'quick'"):
        grid.choose(["toy"], learners=["quikc"])
    with pytest.raises(UsageError, match="seeds = 0"):
        grid.choose(["toy"], seeds=0)
    with pytest.raises(UsageError, match="seed = -1"):
        grid.choose(["toy"], first_seed=-1)
    with pytest.raises(UsageError, match="did you mean 'length'"):
        grid.choose(["toy"], settings=["toy.lenght=3"])
    with pytest.raises(UsageError, match=r"task\.key=value"):
        grid.choose(["toy"], settings=["length=3"])
    with pytest.raises(UsageError, match="not among those"):
        grid.choose(["toy"], settings=["broken.length=3"])


def test_choose_takes_settings_learners_and_seeds(toy):
    found = grid.choose(["toy"], learners=["slow", "flat"], first_seed=4, settings=["toy.length=9"])
    assert [(c.learner.name, c.seed) for c in found.cells[:2]] == [("slow", 4), ("slow", 5)]
    assert len(found.cells) == 12
    assert {vars(c.task)["length"] for c in found.cells} == {9}


def test_missing_data_are_named_before_anything_runs(toy, monkeypatch):
    with pytest.raises(MissingData, match=r"toy: x\.csv is not there\. Get it from nowhere"):
        grid.choose(["toy", "broken"], settings=["toy.data=x.csv"])
    monkeypatch.setattr(fakes.Broken, "check", lambda self: fakes.Toy(data="y").check())
    left = grid.choose().left_out  # nobody named it: it is left out, and that is said
    assert list(left) == ["broken"]
    assert "y is not there" in left["broken"]
    assert fakes.CALLS == []


def test_finished_is_read_as_it_was_made(store):
    record = Record(task="t", learner="l", rule="none", seed=3, score=math.nan, cost=None)
    path = store.save(Finished(record=record, settings="a" * 16, code="b" * 16, made={"x": 1.5}))
    found = read(path)
    same(found.record, record)
    assert (found.settings, found.code, found.made) == ("a" * 16, "b" * 16, {"x": 1.5})
