"""Where a result comes from: random streams by name, and the manifest of a run.

Every random number is drawn from a numpy Generator that belongs to a *name path*, so that adding
one more stream moves no other:

    stream(seed, "connectivity", "keys")  ->  numpy Generator

The rule, fixed for good because stored results depend on it: each name of the path gives four
32-bit words, the first 16 bytes of ``sha256(name in UTF-8)`` read little-endian; the words of the
whole path are the ``spawn_key`` of ``numpy.random.SeedSequence(seed)``; the generator is PCG64.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import bioplastic
from bioplastic.errors import UsageError

PACKAGES = ("brian2", "cython", "h5py", "matplotlib", "numba", "numpy", "scipy", "torch")


@dataclass(frozen=True)
class SeedTree:
    """A seed and a place in its tree of names; equal tree, equal numbers, on every machine.

    seed  non-negative integer, the root
    path  names from the root to here

    >>> tree = SeedTree(7).child("connectivity")
    >>> tree.stream("keys").integers(1000) == stream(7, "connectivity", "keys").integers(1000)
    np.True_
    """

    seed: int
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, (int, np.integer)):
            raise UsageError(f"seed = {self.seed!r}: must be a whole number, 0 or more")
        if self.seed < 0:
            raise UsageError(f"seed = {self.seed}: must be 0 or more")
        for name in self.path:
            if not isinstance(name, str) or not name:
                raise UsageError(f"seed path {self.path!r}: every name must be a non-empty string")

    def child(self, *names: str) -> SeedTree:
        """Return the tree below `names`."""
        return SeedTree(self.seed, self.path + names)

    def sequence(self, *names: str) -> np.random.SeedSequence:
        """Return the numpy SeedSequence of the stream `names`."""
        path = self.child(*names).path
        key = [int(w) for n in path for w in np.frombuffer(_digest(n), dtype="<u4")]
        return np.random.SeedSequence(int(self.seed), spawn_key=key)

    def stream(self, *names: str) -> np.random.Generator:
        """Return a fresh generator for the stream `names`; asking twice starts it twice."""
        return np.random.Generator(np.random.PCG64(self.sequence(*names)))

    def key(self, *names: str) -> int:
        """Return 64 bits for a counter-based generator such as Philox, as a Python int."""
        low, high = self.sequence(*names).generate_state(2, np.uint32)
        return int(low) | int(high) << 32


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]


def seed_tree(seed: int) -> SeedTree:
    """Return the root of the tree of named random streams of `seed`."""
    return SeedTree(seed)


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return a fresh numpy Generator for the stream `names` of `seed`."""
    return SeedTree(seed).stream(*names)


def manifest(
    *,
    name: str,
    seed: int,
    backend: str,
    quick: bool,
    command: list[str],
    started: datetime,
    wall_seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Return what must be known to repeat a run; nothing is imported to find a version.

    name          experiment
    command       argument list as given, program first
    started       time of the start, with its zone
    wall_seconds  phase -> seconds
    """
    program, *arguments = command
    return {
        "experiment": name,
        "command": shlex.join([Path(program).name, *arguments]),
        "seed": int(seed),
        "backend": backend,
        "quick": quick,
        "started": started.astimezone(UTC).isoformat(timespec="seconds"),
        "wall_seconds": {k: round(v, 3) for k, v in wall_seconds.items()},
        "versions": versions(),
        "git": git_state(),
        "hardware": hardware(),
    }


def versions() -> dict[str, str | None]:
    """Return the versions of Python, this library and its engines; None where one is absent."""
    found: dict[str, str | None] = {
        "bioplastic": bioplastic.__version__,
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def git_state() -> dict[str, Any] | None:
    """Return ``{"revision", "dirty"}`` when the library runs from its checkout, else None."""
    root = Path(bioplastic.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    revision = _git(root, "rev-parse", "HEAD")
    if revision is None:
        return None
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    return {"revision": revision, "dirty": None if changes is None else bool(changes)}


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def hardware() -> dict[str, Any]:
    """Return processor, cores that this process may use, memory in GiB, and NVIDIA devices."""
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": _field(Path("/proc/cpuinfo"), "model name") or platform.processor() or None,
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "gpus": [
            _field(p, "Model")
            for p in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
        ],
        "byte_order": sys.byteorder,
    }


def _field(path: Path, key: str) -> str | None:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), None)


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    except (OSError, ValueError, AttributeError):
        return None
