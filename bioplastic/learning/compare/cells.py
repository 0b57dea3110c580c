"""One cell of the comparison: a task, a learner and a seed, run once and kept for good.

    OUT/cells/<task>/<learner>-seed<k>-<settings>-<code>.json

`settings` is a hash of every setting of the task and of the learner, `code` one of the code that
the figure depends on (`compare.source`). So a changed setting or rule makes a new cell, a finished
cell is never run again, and what was stopped goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bioplastic import strict_json
from bioplastic.errors import BioplasticError, CorruptFile
from bioplastic.learning.compare import source
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner
from bioplastic.learning.task import Record, Task
from bioplastic.unit_si import Malformed

FORMAT = "bioplastic-cell"
VERSION = 1
WHOLE = frozenset(f.name for f in dataclasses.fields(Cost) if f.type in (int, "int"))
"""Costs that are counts of whole things."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """What is to be run: one learner on one task with one seed."""

    task: Task
    learner: Learner
    seed: int

    @property
    def name(self) -> str:
        """Task, learner and seed, for messages."""
        return f"{self.task.name} {self.learner.name} seed {self.seed}"

    def settings(self) -> dict[str, Any]:
        """Every setting of the task and the learner, with their classes, but what only tells."""
        both = {"task": plain(self.task), "learner": plain(self.learner)}
        return {
            who: {k: v for k, v in tree.items() if k not in source.SAYS}
            for who, tree in both.items()
        }

    def fingerprints(self) -> tuple[str, str]:
        """Hash of the settings and hash of the code, 16 hexadecimal digits each."""
        text = strict_json.canonical(self.settings())
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return digest, source.version(self.task, self.learner)


@dataclass(frozen=True, kw_only=True, eq=False)
class Finished:
    """A cell that was run.

    record     what it reached
    settings   hash of the settings          code   hash of the code
    made       git revision, machine, versions, start and wall seconds of the run
    """

    record: Record
    settings: str
    code: str
    made: Mapping[str, Any]


def started(finished: Finished) -> str:
    """When a cell was started, UTC, to tell the latest of several; "" where it does not say."""
    return str(finished.made.get("started", ""))


class Behind(Protocol):
    """Where else finished cells may lie."""

    def load(self, cell: Cell, *, any_code: bool = False) -> Finished | None: ...  # noqa: D102


@dataclass(frozen=True)
class Store:
    """The folder of finished cells; each file is complete or absent.

    behind   asked for what the folder does not have; nothing is written there
    """

    folder: Path
    behind: Behind | None = None

    def path(self, cell: Cell) -> Path:
        """Where the cell is kept."""
        settings, code = cell.fingerprints()
        return self._path(cell.task.name, cell.learner.name, cell.seed, settings, code)

    def _path(self, task: str, learner: str, seed: int, settings: str, code: str) -> Path:
        return self.folder / task / f"{learner}-seed{seed}-{settings}-{code}.json"

    def load(self, cell: Cell, *, any_code: bool = False) -> Finished | None:
        """Return the finished cell, or None where it was not run.

        any_code   where none has this code, take one with equal settings that other code made, the
                   latest of several
        Raises CorruptFile, naming the file, when it was truncated or changed.
        """
        path = self.path(cell)
        if path.is_file():
            return read(path)
        found = self.behind.load(cell) if self.behind is not None else None
        if found is not None or not any_code:
            return found
        settings, _ = cell.fingerprints()
        stem = f"{cell.learner.name}-seed{cell.seed}-{settings}-"
        older = [read(p) for p in (self.folder / cell.task.name).glob(f"{stem}*.json")]
        if self.behind is not None:
            older += [f for f in [self.behind.load(cell, any_code=True)] if f is not None]
        return max(older, key=started, default=None)

    def save(self, finished: Finished) -> Path:
        """Write a finished cell, complete or not at all; return its path.

        Raises BioplasticError when the disk refuses.
        """
        r = finished.record
        path = self._path(r.task, r.learner, r.seed, finished.settings, finished.code)
        publish(path, json.dumps(to_tree(finished), indent=1, allow_nan=False) + "\n")
        return path


def read(path: Path) -> Finished:
    """Read one cell.

    Raises CorruptFile that names the file, for what is truncated, changed or of another version.
    """
    try:
        body = strict_json.parse(path.read_text(encoding="utf-8"))
        return from_tree(body)
    except (Malformed, OSError, KeyError, TypeError, ValueError, BioplasticError) as error:
        raise CorruptFile(f"{path}: {error}; remove the file to run the cell again") from None


def to_tree(finished: Finished) -> dict[str, Any]:
    """Return a cell as a JSON tree that holds its own hash."""
    body = {
        "format": FORMAT, "version": VERSION, "settings": finished.settings,
        "code": finished.code, "made": plain(finished.made), "record": encode(finished.record),
    }  # fmt: skip
    return {**body, "sha256": _digest(body)}


def from_tree(tree: Any) -> Finished:
    """Return the cell that `to_tree` wrote; Malformed, KeyError, TypeError, ValueError if not."""
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise Malformed("not a cell")
    if tree.get("version") != VERSION:
        raise Malformed(f"version {tree.get('version')!r} is not {VERSION}")
    body = {k: v for k, v in tree.items() if k != "sha256"}
    if tree.get("sha256") != _digest(body):
        raise Malformed("truncated or changed after it was written")
    return Finished(
        record=decode(body["record"]),
        settings=str(body["settings"]), code=str(body["code"]), made=dict(body["made"]),
    )  # fmt: skip


def encode(record: Record) -> dict[str, Any]:
    """Return a record as a JSON tree; numbers that are not finite become "nan", "inf", "-inf"."""
    return {
        "task": record.task, "learner": record.learner, "rule": record.rule,
        "seed": int(record.seed), "score": _real(record.score), "note": record.note,
        "cost": record.cost and {
            k: _coded(v) if k in WHOLE else _real(v) for k, v in asdict(record.cost).items()
        },
        "extra": {str(k): _real(v) for k, v in record.extra.items()},
        "x": [_real(v) for v in np.asarray(record.x)],
        "y": [_real(v) for v in np.asarray(record.y)],
        "series": {
            str(k): [[_real(v) for v in np.asarray(part)] for part in pair]
            for k, pair in record.series.items()
        },
        "settings": plain(dict(record.settings)),
    }  # fmt: skip


def decode(tree: Mapping[str, Any]) -> Record:
    """Return the record that `encode` wrote."""
    cost = tree["cost"]
    return Record(
        task=str(tree["task"]), learner=str(tree["learner"]), rule=str(tree["rule"]),
        seed=int(tree["seed"]), score=float(tree["score"]), note=str(tree["note"]),
        cost=None if cost is None else _cost(cost),
        extra={k: float(v) for k, v in tree["extra"].items()},
        x=np.array([float(v) for v in tree["x"]]), y=np.array([float(v) for v in tree["y"]]),
        series={
            k: (np.array([float(v) for v in a]), np.array([float(v) for v in b]))
            for k, (a, b) in tree["series"].items()
        },
        settings=dict(tree["settings"]),
    )  # fmt: skip


def _cost(tree: Mapping[str, Any]) -> Cost:
    """Counts of whole things are ints again; fields that a later version added are at their 0."""
    values: dict[str, Any] = {k: int(v) if k in WHOLE else float(v) for k, v in tree.items()}
    return Cost(**values)


def plain(value: Any) -> Any:
    """Return any setting as a JSON tree that says what it was; equal settings give equal trees.

    Dataclasses become their fields and the name of their class; functions and classes their name;
    what has no better form, such as a quantity, its repr.
    """
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating) and getattr(value, "dim", None) is None:
        return _coded(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        inner = {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"class": type(value).__qualname__, **inner}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if type(value) is np.ndarray:
        return plain(value.tolist())
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))  # an address is no setting


def _coded(value: Any) -> float | int | str:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, int) or math.isfinite(value):
        return value
    return str(float(value))


def _real(value: Any) -> float | int | str:
    """A number that is read back as a float, so that a cell is written in one way only."""
    return _coded(float(value))


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(strict_json.canonical(body).encode()).hexdigest()


def publish(path: Path, text: str) -> None:
    """Write a text beside the place and rename, so that a killed run leaves no half of a file."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise BioplasticError(f"{path}: not written: {error}") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
