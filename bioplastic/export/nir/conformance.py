"""Which NIR importers keep what a graph says: each gets the same cases, judged by its spikes.

An importer that says something else is explained, where that is possible, by the habits of
`bioplastic.export.nir.euler`: the verdict then is what a reader with just those habits would say.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.errors import BioplasticError, UsageError, chosen
from bioplastic.export.bundle.foreign import IMPORTERS, SCRIPTS
from bioplastic.export.nir import file as nir_file
from bioplastic.export.nir.conformance_cases import DT, Case, cases
from bioplastic.export.nir.euler import Habits

OLD_IMPORTERS = "BIOPLASTIC_IMPORTERS_OLD", Path(".importers-old/bin/python")
TOOLS = {
    "norse": False, "snntorch": False, "spikingjelly": False, "nirtorch": False,
    "snn-mlir": False, "sinabs": True, "rockpool": True,
}  # fmt: skip
"""Importer → whether it reads the dialect of nir 1.0.4 only."""
WORDS = {
    "without_loops": "drops the loop",
    "without_delays": "drops the delay",
    "loop_step": "adds a step to the loop",
    "at_threshold": "spikes at v = threshold",
    "subtracts": "resets by subtraction",
    "zero_reset": "resets to 0",
    "unit_r": "takes r as 1",
    "without_leak": "drops v_leak",
    "begins_at_leak": "begins at v_leak",
}
LATEST = 3
"""Steps by which an answer may be late and still be recognised."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What became of one case in one importer.

    verdict   "exact", "accepted" (not run), what it does otherwise, "differs", "stops: ERROR"
    detail    figures, or the words of the error
    """

    case: str
    verdict: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one importer did with all cases; versions by package, empty where it was absent."""

    tool: str
    versions: Mapping[str, str]
    findings: tuple[Finding, ...]
    absent: str = ""


def names(asked: str | None) -> tuple[str, ...]:
    """Importers by name, split at commas; all for None. UsageError with the nearest name."""
    return chosen(asked, TOOLS, "importer")


def interpreter(tool: str) -> Path | None:
    """The Python that has an importer: of the variable, or of `make importers`; None if neither."""
    variable, default = OLD_IMPORTERS if TOOLS[tool] else IMPORTERS[:2]
    named = os.environ.get(variable)
    if named and not Path(named).is_file():
        raise UsageError(f"{named}: no such interpreter; make importers builds one")
    found = Path(named) if named else default
    return found.absolute() if found.is_file() else None


def write(folder: Path, given: Iterable[Case], *, old: bool) -> None:
    """Write the cases as files for `replay/import_nir.py`."""
    kept = [c for c in given if c.old or not old]
    for case in kept:
        nir_file.write(folder / f"{case.name}.nir", case.tree, old=old)
    table = [{"name": c.name, "dt": DT} for c in kept]
    (folder / "cases.json").write_text(json.dumps(table), encoding="ascii")
    arrays: dict[str, Any] = {c.name: c.given for c in kept}
    np.savez(folder / "stimulus.npz", **arrays)


def examine(tool: str, python: Path | None, *, seconds: float = 600) -> Report:
    """Give all cases to one importer and judge what it said.

    Raises BioplasticError where the importer ended without any answer.
    """
    if python is None:
        variable = (OLD_IMPORTERS if TOOLS[tool] else IMPORTERS)[0]
        return Report(tool=tool, versions={}, findings=(),
                      absent=f"no environment: make importers, or set {variable}")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="bioplastic-importers-") as where:
        folder = Path(where)
        write(folder, cases(), old=TOOLS[tool])
        command = [str(python), str(SCRIPTS / "import_nir.py"), tool, where, f"{where}/out.json"]
        try:
            done = subprocess.run(
                command, cwd=where, capture_output=True, text=True, timeout=seconds, check=False
            )
            answer = json.loads((folder / "out.json").read_text())
        except (subprocess.TimeoutExpired, OSError, ValueError) as error:
            said = done.stderr.strip() if "done" in locals() else str(error)
            last = (said.splitlines() or ["no message"])[-1]
            raise BioplasticError(f"{tool}: gave no answer: {last}") from None
    return Report(
        tool=tool, versions=answer["versions"],
        findings=tuple(
            judged(case, answer["cases"][case.name])
            if case.name in answer["cases"]
            else Finding(case=case.name, verdict="—", detail="nir 1.0.4 cannot say it")
            for case in cases()
        ),
    )  # fmt: skip


def judged(case: Case, said: Mapping[str, Any]) -> Finding:
    """What an answer means."""
    if "error" in said:
        words = " ".join(f"{said['error']}: {said['message']}".split())
        return Finding(
            case=case.name,
            verdict=f"stops: {said['error']}",
            detail=f"{said['stage']}: {words[:200]}",
        )
    if "accepted" in said:
        return Finding(case=case.name, verdict="accepted", detail="checked, not run")
    found = np.asarray(said["output"], float)
    if found.shape != case.expected.shape:
        lanes = f"answers with {found.shape[-1]} lanes, not {case.expected.shape[-1]}"
        return Finding(case=case.name, verdict="differs", detail=lanes)
    wrong = _steps(found, case.expected)
    if wrong == 0:
        spikes = int(case.expected.sum())
        return Finding(case=case.name, verdict="exact", detail=f"{spikes} spikes")
    told = f"{wrong} of {len(found)} steps, {found.sum():,.0f} spikes for {case.expected.sum():.0f}"
    return Finding(case=case.name, verdict=_explained(case.name, found), detail=told)


def _steps(a: np.ndarray, b: np.ndarray) -> int:
    """Steps in which two rasters differ; an answer that is no spike differs from both 0 and 1."""
    return int((a != b).any(axis=1).sum())


@cache
def _alternatives(name: str) -> tuple[tuple[str, np.ndarray], ...]:
    """What readers with one habit or two would say, and 1 to `LATEST` steps late."""
    case = next(c for c in cases() if c.name == name)
    every = [f.name for f in fields(Habits)]
    found = [("", case.expected)]
    for count in (1, 2):
        for kept in combinations(every, count):
            raster = case.otherwise(Habits(**dict.fromkeys(kept, True)))
            if all(_steps(raster, other) for _, other in found):
                found.append((", ".join(WORDS[k] for k in kept), raster))
    return tuple(found)


def _explained(name: str, found: np.ndarray) -> str:
    for late in range(LATEST + 1):
        for words, raster in _alternatives(name):
            if not _steps(found[late:], raster[: len(raster) - late]) and not found[:late].any():
                parts = [words] if words else []
                return ", ".join(parts + ([f"{late} step{'s'[: late > 1]} late"] if late else []))
    return "differs"


def table(reports: Sequence[Report]) -> list[str]:
    """The verdicts as a Markdown table, then what was said by those that refuse or differ."""
    present = [r for r in reports if r.versions]
    known = {(r.tool, f.case): f for r in present for f in r.findings}
    head = " | ".join(f"{r.tool} {r.versions[r.tool]} (nir {r.versions['nir']})" for r in present)
    lines = [f"| graph | asks | {head} |", "|---|---|" + "---|" * len(present)]
    for case in cases():
        cells = (known[r.tool, case.name] for r in present)
        row = " | ".join(
            f.verdict if f.verdict != "differs" else f"differs: {f.detail}" for f in cells
        )
        lines.append(f"| `{case.name}` | {case.asks} | {row} |")
    lines += ["", "| importer | graph | what it says |", "|---|---|---|"]
    lines += [
        f"| {r.tool} | `{f.case}` | {f.detail.replace('|', chr(92) + '|')} |"
        for r in present
        for f in r.findings
        if f.verdict.startswith("stops")
    ]
    return lines + [f"\n{r.tool}: {r.absent}" for r in reports if r.absent]
