"""Break files and read them, in a child process with little memory and little time.

    python -m tests.hostile.fuzz READER COUNT [SEED]

READER may be "all". Prints one line of JSON a reader. Run k of a seed is the same everywhere. A
child that a signal ended (a crash of a library, the limit of CPU time) is one finding, and a new
one goes on behind it.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

from bioplastic.errors import BioplasticError
from tests.hostile.readers import MAKERS, Files, Target

NOTE = "<3Q"
"""What parent and child share: the run, files read whole, files refused."""
MEMORY = 512 * 2**20
"""Bytes that reading one file may take beyond what the process had."""
SECONDS = 10.0
"""CPU seconds that reading one file may take."""


def broken(target: Target, name: str, seed: int, k: int) -> Files:
    """The files of run k."""
    return target.broken(dict(target.files), random.Random(f"{name} {seed} {k}"))


def fuzz(name: str, count: int, seed: int = 0, start: int = 0) -> dict[str, Any]:
    """Read `count` broken files; return what came of them."""
    target = MAKERS[name]()
    fast = "/dev/shm" if Path("/dev/shm").is_dir() else None
    place = Path(tempfile.mkdtemp(prefix="hostile-", dir=fast))
    note = mmap.mmap(-1, struct.calcsize(NOTE))
    found: dict[str, Any] = {"reader": name, "read": 0, "whole": 0, "refused": 0, "findings": []}
    at, end = start, start + count
    try:
        target.read(_laid(place, target.files))
        while at < end:
            note[:] = struct.pack(NOTE, at, 0, 0)
            ended = _child(target, name, seed, at, end, place, note)
            last, whole, refused = struct.unpack(NOTE, note[:])
            found["whole"] += whole
            found["refused"] += refused
            if ended:
                what = {"run": last, "what": f"ended by signal {ended}"}
                with (place / "findings").open("a") as file:
                    file.write(json.dumps(what) + "\n")
            found["read"] += last + 1 - at
            at = last + 1
        if (place / "findings").exists():
            lines = (place / "findings").read_text().splitlines()
            found["findings"] = [json.loads(line) for line in lines]
    finally:
        shutil.rmtree(place, ignore_errors=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found["cpu_seconds"] = round(used.ru_utime + used.ru_stime, 1)
    found["kinds"] = dict(Counter(f["what"] for f in found["findings"]).most_common(20))
    return found


def _laid(place: Path, files: Files) -> Path:
    """A folder with exactly these files."""
    folder = place / "x"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    return folder


def _child(
    target: Target, name: str, seed: int, at: int, end: int, place: Path, note: mmap.mmap
) -> int:
    """Fork, read from run `at` on, and return the signal that ended the child, or 0."""
    pid = os.fork()
    if pid == 0:
        with (place / "findings").open("a") as findings:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # HDF5 prints its stack of errors
                _limited(target, name, seed, at, end, place, note, findings)
            except BaseException:  # a defect of the harness must not pass for a quiet run
                crash = {"run": struct.unpack(NOTE, note[:])[0], "what": traceback.format_exc()}
                findings.write(json.dumps(crash) + "\n")
            finally:
                findings.flush()
                os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def _limited(
    target: Target, name: str, seed: int, at: int, end: int, place: Path, note: mmap.mmap,
    findings: TextIO,
) -> None:  # fmt: skip
    """Read the files of runs at … end − 1 within memory and time; count in `note`."""
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
    whole = refused = 0
    for k in range(at, end):
        note[:] = struct.pack(NOTE, k, whole, refused)
        folder = _laid(place, broken(target, name, seed, k))
        finding = None
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            target.read(folder)
            whole += 1
        except BioplasticError as error:
            refused += 1
            if len(str(error)) > 5000 or "\n" in str(error):
                finding = {"run": k, "what": "long message", "says": str(error)[:200]}
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
            finding = {"run": k, "what": what, "says": str(error)[:200]}
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if finding:
            findings.write(json.dumps(finding) + "\n")
            findings.flush()
    note[:] = struct.pack(NOTE, end - 1, whole, refused)


if __name__ == "__main__":
    reader, number, *more = sys.argv[1:]
    for one in MAKERS if reader == "all" else [reader]:
        print(json.dumps(fuzz(one, int(number), *map(int, more))), flush=True)
