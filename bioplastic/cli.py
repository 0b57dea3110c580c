"""The command line: `bioplastic VERB ...`.

Exit codes: 0 done, 1 failed, 2 asked wrongly, 130 interrupted. An error is one line on stderr;
`--traceback` shows where it came from.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import bioplastic
from bioplastic.commands import bench, compare, conformance, doctor, export, list, run, verify
from bioplastic.errors import BioplasticError, UsageError, nearest

VERBS = {
    "run": run,
    "compare": compare,
    "list": list,
    "export": export,
    "verify": verify,
    "conformance": conformance,
    "bench": bench,
    "doctor": doctor,
}


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are the same one line as all others."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see: {self.prog} --help)")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _Parser(
        prog="bioplastic",
        description="Spiking networks that learn by local plasticity.",
        epilog="first steps: bioplastic list; bioplastic run NAME --quick",
    )
    top.add_argument("--version", action="version", version=f"bioplastic {bioplastic.__version__}")
    top.add_argument(
        "--traceback", action="store_true", help="show the Python traceback of an error"
    )
    verbs = top.add_subparsers(metavar="VERB", required=True)
    for module in VERBS.values():
        module.add_parser(verbs)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    argv  arguments without the program name; None for those of the process
    """
    asked = [*(sys.argv[1:] if argv is None else argv)]
    given = [a for a in asked if a != "--traceback"]  # welcome before and after the verb
    show = len(given) < len(asked)
    os.environ["MPLBACKEND"] = "Agg"
    try:
        verb = next((a for a in given if not a.startswith("-")), None)
        if verb is not None and verb not in VERBS:
            raise UsageError(f"no verb {verb!r}{nearest(verb, VERBS)}")
        arguments = parser().parse_args(given, argparse.Namespace(command=["bioplastic", *given]))
        return int(arguments.verb(arguments))
    except KeyboardInterrupt:
        return _fail("interrupted; no result was written", 130, show=show)
    except BioplasticError as error:
        return _fail(str(error), error.exit_code, show=show)
    except MemoryError as error:
        return _fail(f"out of memory: {str(error) or 'try a smaller size'}", 1, show=show)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(str(error), 1, show=show)
    except Exception as error:  # a defect: still one line, with the way to see more
        message = f"internal error, {type(error).__name__}: {error} (--traceback shows where)"
        return _fail(message, 1, show=show)


def _fail(message: str, code: int, *, show: bool) -> int:
    if show:
        traceback.print_exc()
    print(f"bioplastic: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
