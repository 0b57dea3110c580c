"""`bioplastic doctor`: which executors are here, why not the others, and whether they agree.

Every executor that is here runs tiny networks; what it finds is compared with recorded hashes. Exit
code 0 when all that ran agree, 1 otherwise. Brian2 builds C++ for two of its targets, a minute or
more: they run with --compile.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from bioplastic.commands.doctor_executors import Executor, found_executors

PATIENCE, AGAIN = 2.0, 15.0
"""Seconds after which a silent self-test says that it is compiling, and says so once more."""
SLOW = ("cython", "cpp_standalone")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A self-test on one executor: ok, the hash it found, or the error, and how long it took."""

    test: str
    executor: str
    ok: bool
    found: str
    seconds: float


def add_parser(verbs: Any) -> None:
    """Declare the verb and its options."""
    parser = verbs.add_parser("doctor", help="which executors are here, and whether they agree")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--compile", action="store_true", help="also run Brian2's compiled targets: minutes"
    )
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
    for outcome in self_tests(executors, compiled=arguments.compile):
        outcomes.append(outcome)
        if not arguments.json:
            word = "ok" if outcome.ok else "DIFFERS"
            print(f"  {outcome.test:12} {outcome.executor:14} {word:8} {outcome.found} "
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


def self_tests(executors: list[Executor], *, compiled: bool = False) -> Iterator[Outcome]:
    """Run every self-test on every executor of its own that is here; yields one Outcome each.

    compiled   also Brian2's targets that build C++
    """
    from bioplastic.commands.doctor_checks import GOLDEN, digest

    absent = {e.name for e in executors if not e.here}
    for golden in GOLDEN:
        for backend in golden.backends:
            if f"{golden.name} {backend}" in absent or (backend in SLOW and not compiled):
                continue
            start = time.perf_counter()
            try:
                with _heard(golden.name, backend):
                    found = digest(golden.run(backend))
            except Exception as error:  # whatever is broken here is what the doctor reports
                found = f"{type(error).__name__}: {' '.join(str(error).split())}"
            yield Outcome(
                test=golden.name,
                executor=backend,
                ok=found == golden.digest,
                found=found,
                seconds=round(time.perf_counter() - start, 3),
            )


@contextmanager
def _heard(test: str, backend: str) -> Iterator[None]:
    """Say on stderr, while the body is silent for long, that it compiles."""
    done = threading.Event()

    def tell() -> None:
        wait, start = PATIENCE, time.perf_counter()
        text = "compiling, once; up to a minute"
        while not done.wait(wait):
            print(f"  {test} {backend}: {text}", file=sys.stderr, flush=True)
            wait = AGAIN
            text = f"still compiling, {time.perf_counter() - start + AGAIN:.0f} s"

    teller = threading.Thread(target=tell, daemon=True)
    if backend != "reference":
        teller.start()
    try:
        yield
    finally:
        done.set()
        if teller.ident is not None:
            teller.join()
