"""`bioplastic doctor`: which executors are here, why not the others, and whether ours agree.

Every executor of ours runs tiny networks; what it finds is compared with recorded hashes. Exit code
0 when all that ran agree, 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import sysconfig
import threading
import time
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PATIENCE = 2.0
"""Seconds after which a silent self-test says that it is compiling."""


@dataclass(frozen=True, kw_only=True)
class Executor:
    """One way to run a network: is it here, in which version, with what, or why not."""

    name: str
    here: bool
    version: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A self-test on one executor: ok, the hash it found, or the error, and how long it took."""

    test: str
    executor: str
    ok: bool
    found: str
    seconds: float


def add_parser(verbs: Any) -> None:
    """Declare the verb and its option."""
    parser = verbs.add_parser("doctor", help="which executors are here, and whether they agree")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(verb=main)


def main(arguments: argparse.Namespace) -> int:
    """Print executors and self-tests; 0 when all self-tests give the recorded bits."""
    executors = found_executors()
    if not arguments.json:
        print("executors")
        for e in executors:
            print(f"  {e.name:22} {'yes' if e.here else 'no':4} {e.version:14} {e.note}".rstrip())
        print("\nself-tests", flush=True)
    outcomes = []
    for outcome in self_tests(gpu=next(e.here for e in executors if e.name == "gpu")):
        outcomes.append(outcome)
        if not arguments.json:
            word = "ok" if outcome.ok else "DIFFERS"
            print(f"  {outcome.test:12} {outcome.executor:10} {word:8} {outcome.found} "
                  f"{outcome.seconds:6.2f} s", flush=True)  # fmt: skip
    healthy = all(outcome.ok for outcome in outcomes)
    if arguments.json:
        page = {
            "healthy": healthy,
            "executors": [asdict(e) for e in executors],
            "self_tests": [asdict(o) for o in outcomes],
        }
        print(json.dumps(page, indent=1, ensure_ascii=False))
    else:
        print("\nall agree" if healthy else "\nnot all agree with the recorded bits")
    return 0 if healthy else 1


def found_executors() -> list[Executor]:
    """Every executor, ours first."""
    import torch

    triton = find_spec("triton") is not None
    cuda, hip = torch.version.cuda, getattr(torch.version, "hip", None)
    device = torch.cuda.is_available()
    missing = "torch was built for the CPU only" if not (cuda or hip) else "no device answers"
    name = torch.cuda.get_device_name() if device else missing
    compiler = cpp_compiler()
    built = "compiler: " + compiler if compiler else "no C++ compiler found"
    headers = (Path(sysconfig.get_path("include")) / "Python.h").exists()
    cython = bool(version("cython")) and bool(compiler) and headers
    why = built if version("cython") else "Cython is not installed"
    gpu_note = "Triton: spikecode and hypervector" if triton else "triton is not installed"
    rows = [
        ("reference", True, version("numpy"), "numpy, the specification"),
        ("cpu", bool(version("numba")), version("numba"), "numba"),
        ("gpu", triton and device, version("triton"), gpu_note if device else f"no GPU: {name}"),
        ("brian2 numpy", bool(version("brian2")), version("brian2"), ""),
        ("brian2 cython", cython, version("cython"), why if headers else "no Python.h"),
        ("brian2 cpp_standalone", bool(compiler), version("brian2"), built),
        ("torch", True, version("torch"), "float"),
        ("triton", triton, version("triton"), "" if triton else "pip install 'bioplastic[triton]'"),
        ("CUDA device", device and bool(cuda), cuda or "", name if not hip else "torch is for HIP"),
        ("HIP device", device and bool(hip), hip or "", name if not cuda else "torch is for CUDA"),
    ]
    return [Executor(name=n, here=here, version=v, note=note) for n, here, v, note in rows]


def version(package: str) -> str:
    """Its version, '' when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def cpp_compiler() -> str:
    """Path of the C++ compiler that Brian2 would call, '' when there is none."""
    named = [os.environ.get("CXX"), sysconfig.get_config_var("CXX"), "g++", "clang++", "c++"]
    paths = (shutil.which(shlex.split(c)[0]) for c in named if c and c.strip())
    return next((path for path in paths if path), "")


def self_tests(*, gpu: bool) -> Any:
    """Run every self-test on every executor of ours that is here; yields one Outcome each."""
    from bioplastic.commands.doctor_checks import GOLDEN, digest

    for golden in GOLDEN:
        for backend in golden.backends:
            if backend == "gpu" and not gpu:
                continue
            waiting = threading.Timer(PATIENCE, _say_compiling, (golden.name, backend))
            waiting.daemon = True
            if backend != "reference":
                waiting.start()
            start = time.perf_counter()
            try:
                found = digest(golden.run(backend))
            except Exception as error:  # whatever is broken here is what the doctor reports
                found = f"{type(error).__name__}: {' '.join(str(error).split())}"
            finally:
                waiting.cancel()
            yield Outcome(
                test=golden.name,
                executor=backend,
                ok=found == golden.digest,
                found=found,
                seconds=round(time.perf_counter() - start, 3),
            )


def _say_compiling(test: str, backend: str) -> None:
    print(f"  {test} {backend}: compiling, once; up to a minute", file=sys.stderr, flush=True)
