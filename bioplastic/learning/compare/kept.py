"""Finished cells that travel with the source: one small text file for each task.

    docs/figures/cells/<task>.jsonl

A line is the head, a value that several cells share, or a cell:

    {"format": "bioplastic-kept-cells", "version": 1, "task": "kjv"}
    {"id": "<16 digits>", "value": …}
    {"cell": {…, "record": {…, "y": {"is": "<16 digits>"}}}}

A cell is that of `compare.cells`, number for number, with its settings, its code, its revision and
the hash over all of them. There is one for each learner and seed, the latest. When code changes
that a cell depends on, the cell stays: it is taken as finished no longer, except by those who take
any code, and every page that shows it says that its code is older. It goes when the same learner
and seed are measured anew. A cell of other settings is nobody's figure, and is left out when the
file is written again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import bioplastic
from bioplastic import strict_json
from bioplastic.errors import CorruptFile
from bioplastic.learning.compare.cells import Cell, Finished, from_tree, publish, started, to_tree
from bioplastic.unit_si import Malformed

FORMAT = "bioplastic-kept-cells"
VERSION = 1
SHARED = (
    ("made", "git"), ("made", "versions"), ("made", "hardware"), ("made", "settings"),
    ("record", "settings"), ("record", "x"), ("record", "y"), ("record", "series"),
)  # fmt: skip
"""Parts of a cell that stand in a line of their own."""
SMALL = 40
"""Characters up to which a part stands in the cell itself."""


@dataclass(frozen=True)
class Kept:
    """The folder of the files; one that is missing is an empty one.

    Whoever changes a file by hand breaks the hash of a cell: CorruptFile names file, line and cell.
    """

    folder: Path

    def load(self, cell: Cell, *, any_code: bool = False) -> Finished | None:
        """Return the finished cell, or None; see `cells.Store.load`."""
        settings, code = cell.fingerprints()
        found = self._of(cell.task.name).get((cell.learner.name, cell.seed))
        if found is None or found.settings != settings:
            return None
        return found if any_code or found.code == code else None

    def put(self, found: Iterable[Finished], cells: Iterable[Cell]) -> list[Path]:
        """Write the files of the tasks of `cells` anew; return those that changed.

        found   finished cells; each replaces one of its learner and seed that is not later
        cells   those that are wanted: what is kept of their tasks beyond them, or with other
                settings, is dropped
        Raises BioplasticError when the disk refuses.
        """
        wanted: dict[str, dict[tuple[str, int], str]] = {}
        for cell in cells:
            own = wanted.setdefault(cell.task.name, {})
            own[cell.learner.name, cell.seed] = cell.fingerprints()[0]
        latest = {task: dict(self._of(task)) for task in wanted}
        for f in found:
            key = f.record.learner, f.record.seed
            own_latest = latest.get(f.record.task, {})
            old = own_latest.get(key)
            if old is None or started(f) >= started(old) or old.settings != f.settings:
                own_latest[key] = f
        changed = []
        for task, own in wanted.items():
            kept = [f for key, f in sorted(latest[task].items()) if own.get(key) == f.settings]
            text = "".join(f"{line}\n" for line in _lines(task, kept))
            path = self._path(task)
            if kept and (not path.is_file() or path.read_text(encoding="utf-8") != text):
                publish(path, text)
                changed.append(path)
        return changed

    def _path(self, task: str) -> Path:
        return self.folder / f"{task}.jsonl"

    def _of(self, task: str) -> dict[tuple[str, int], Finished]:
        path = self._path(task)
        if not path.is_file():
            return {}
        stat = path.stat()
        return _read(path, task, stat.st_mtime_ns, stat.st_size)


def of_checkout() -> Kept | None:
    """The cells of the checkout that this package lies in; None where it was installed alone."""
    docs = Path(bioplastic.__file__).resolve().parent.parent / "docs"
    return Kept(docs / "figures" / "cells") if (docs / "measure.py").is_file() else None


def _lines(task: str, kept: list[Finished]) -> Iterator[str]:
    yield json.dumps({"format": FORMAT, "version": VERSION, "task": task})
    told: set[str] = set()
    for finished in kept:
        tree = to_tree(finished)
        for part, name in SHARED:
            value = tree[part].get(name)
            if len(strict_json.canonical(value)) <= SMALL:
                continue
            key = _key(value)
            if key not in told:
                told.add(key)
                yield json.dumps({"id": key, "value": value}, allow_nan=False)
            tree[part] = {**tree[part], name: {"is": key}}
        yield json.dumps({"cell": tree}, allow_nan=False)


def _key(value: Any) -> str:
    return hashlib.sha256(strict_json.canonical(value).encode()).hexdigest()[:16]


@cache
def _read(path: Path, task: str, mtime: int, size: int) -> dict[tuple[str, int], Finished]:
    """All cells of a file; the last two arguments tell versions of it apart."""
    found: dict[tuple[str, int], Finished] = {}
    shared: dict[str, Any] = {}
    where = f"{path}"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        head = strict_json.parse(lines[0] if lines else "")
        if head != {"format": FORMAT, "version": VERSION, "task": task}:
            raise Malformed(f"the first line is not that of {FORMAT} {VERSION} of {task}")
        for number, line in enumerate(lines[1:], 2):
            where = f"{path}, line {number}"
            tree = strict_json.parse(line)
            if set(tree) == {"id", "value"}:
                if _key(tree["value"]) != tree["id"]:
                    raise Malformed("changed after it was written")
                shared[tree["id"]] = tree["value"]
                continue
            body = tree["cell"]
            record = body["record"]
            where += f" ({record['task']} {record['learner']} seed {record['seed']})"
            for part, name in SHARED:
                value = body[part].get(name)
                if isinstance(value, dict) and set(value) == {"is"}:
                    body[part][name] = shared[value["is"]]
            finished = from_tree(body)
            key = finished.record.learner, finished.record.seed
            if finished.record.task != task or key in found:
                raise Malformed("of another task, or there twice")
            found[key] = finished
    except (Malformed, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptFile(
            f"{where}: {error}; take the file as it was committed, or remove it to run its cells"
            " again"
        ) from None
    return found
