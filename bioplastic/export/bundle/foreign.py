"""Running a script in the verifier environment, and what it says: the frame of every replay."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.errors import BioplasticError, CorruptFile, UnsupportedModel, UsageError
from bioplastic.export.bundle import npz

VARIABLE = "BIOPLASTIC_VERIFIERS"
DEFAULT = Path(".verifiers/bin/python")
IMPORTERS = "BIOPLASTIC_IMPORTERS", Path(".importers/bin/python"), "importers"
"""Where readers of NIR live that need torch: variable, default, what make builds."""
XYLOSIM = "BIOPLASTIC_XYLOSIM", Path(".verifiers-xylosim/bin/python"), "verifier-xylosim"
"""The same for SynSense's simulator of Xylo."""
NENGO = "BIOPLASTIC_NENGO", Path(".verifiers-nengo/bin/python"), "verifier-nengo"
"""The same for nengo-loihi, whose nengo is free for non-commercial use only."""
HOMES = {"norse": IMPORTERS, "xylosim": XYLOSIM, "nengo-loihi": NENGO}
SCRIPTS = Path(__file__).parents[1] / "replay"
UNABLE = 3
"""Exit code of a script whose tool cannot hold the network."""
MOST = 4 * 2**30
"""Bytes of the arrays that a script may store."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one tool said.

    outcome     "equal", "differs", "unable" (it cannot hold the network), "absent", "failed"
    message     one line for a person
    figures     what else the tool reported, name with unit → number
    report      what it reported at length, as plain JSON
    """

    tool: str
    outcome: str
    message: str
    figures: Mapping[str, float] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)


class Absent(BioplasticError):
    """The tool or its environment is not here."""


class Failed(BioplasticError):
    """The tool broke; the message holds its last line."""


def interpreter(given: str | Path | None = None, tool: str = "") -> Path | None:
    """The Python that has a tool: given, $BIOPLASTIC_VERIFIERS, or ./.verifiers.

    For norse the second is $BIOPLASTIC_IMPORTERS, the third ./.importers.
    Raises UsageError for one that was named and is not there; None when nothing was named.
    """
    variable, default, made = HOMES.get(tool, (VARIABLE, DEFAULT, "verifiers"))
    named = given or os.environ.get(variable)
    if named:
        if not Path(named).is_file():
            raise UsageError(f"{named}: no such interpreter; make {made} builds one")
        return Path(named).absolute()
    return default.absolute() if default.is_file() else None


def run(
    python: Path | None, module: str, script: str, arguments: list[str], where: str, seconds: float
) -> None:
    """Run a script of `SCRIPTS` under the other interpreter, in the folder `where`.

    Raises Absent where the interpreter or the module is not there, UnsupportedModel with the reason
    of a tool that cannot hold the network, Failed when it breaks or is stopped after `seconds`.
    """
    if python is None:
        raise Absent(f"no verifier environment: make verifiers, or set {VARIABLE}")
    asked = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    try:
        found = subprocess.run(
            [str(python), "-c", asked], cwd=where, capture_output=True, timeout=seconds, check=False
        )
    except OSError as error:
        raise Failed(f"{python}: cannot be run ({error.strerror})") from None
    except subprocess.TimeoutExpired:
        raise Failed(f"{python}: does not answer in {seconds:g} s") from None
    if found.returncode:
        raise Absent(f"{module} is not installed in {python}")
    command = [str(python), str(SCRIPTS / script), *arguments]
    try:
        done = subprocess.run(
            command, cwd=where, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"stopped after {seconds:g} s; --timeout gives it longer") from None
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    if done.returncode == UNABLE:
        raise UnsupportedModel(last)
    if done.returncode:
        raise Failed(f"exit code {done.returncode}: {last}")


def stored(path: Path) -> dict[str, np.ndarray]:
    """The arrays that a script stored; Failed where they cannot be read."""
    try:
        return npz.read(path, MOST)
    except CorruptFile as error:
        raise Failed(f"what it stored cannot be read: {error}") from None


def outcome_of(tool: str, reason: BioplasticError) -> Verdict:
    """The verdict of a tool that was stopped by Absent, UnsupportedModel or Failed."""
    kinds = {Absent: "absent", UnsupportedModel: "unable"}
    outcome = next((word for kind, word in kinds.items() if isinstance(reason, kind)), "failed")
    return Verdict(tool=tool, outcome=outcome, message=str(reason))
