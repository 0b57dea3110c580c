"""How a benchmark measures, and what it hands back."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bioplastic.errors import BioplasticError
from bioplastic.result import Table

REPEATS = 5
LIBRARIES = ("OMP", "MKL", "OPENBLAS", "NUMBA")
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in LIBRARIES}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one benchmark found.

    figures   flat name -> number, units or "ratio" in the name
    table     the same for people, with who was measured beside whom
    absent    what could not be measured here, and why
    """

    figures: Mapping[str, float]
    table: Table
    absent: Mapping[str, str] = field(default_factory=dict)


def cpu_seconds(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Least CPU seconds of `work` over `repeats` runs; run it once before to compile."""
    best = float("inf")
    for _ in range(repeats):
        gc.collect()
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def in_child(module: str, arguments: Mapping[str, Any]) -> dict[str, float]:
    """Run ``python -m module JSON`` on one thread in a process of its own; its last line is JSON.

    For what changes a process for good (Brian2's device) or must be measured in a fresh one
    (resident memory). Raises BioplasticError with the child's last words when it fails.
    """
    return _last_line(module, [sys.executable, "-m", module], arguments)


def in_other(python: str, script: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The same for ``python script JSON`` by another interpreter, which does not have this package.

    Raises BioplasticError when there is no such interpreter, and as `in_child` does.
    """
    return _last_line(f"{python} {script.name}", [python, str(script)], arguments)


def _last_line(who: str, command: list[str], arguments: Mapping[str, Any]) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [*command, json.dumps(dict(arguments))],
            capture_output=True,
            text=True,
            env={**os.environ, **ONE_THREAD},
        )
    except OSError as error:
        raise BioplasticError(f"{who}: {error.strerror}") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BioplasticError(f"{who}: {last}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def resident_bytes() -> int:
    """Resident memory of this process, bytes; Linux only."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def ratio(slow: float, fast: float) -> float:
    """How many times `fast` goes into `slow`; inf when fast is too small to measure."""
    return slow / fast if fast > 0 else float("inf")
