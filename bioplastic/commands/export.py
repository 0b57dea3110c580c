"""`bioplastic export RUN --to TARGET`: hand the spikes of a run to another program."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bioplastic.errors import UsageError, nearest


def add_parser(verbs: Any) -> None:
    """Declare the verb and its options."""
    parser = verbs.add_parser("export", help="write a run's spikes as an event file")
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument(
        "--to", required=True, metavar="TARGET", help="format, e.g. aedat2 or sonata"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="default RUN-TARGET beside the run")
    parser.set_defaults(verb=main)


def main(arguments: argparse.Namespace) -> int:
    """Check the run, export it, print what was written and compared."""
    from bioplastic import export
    from bioplastic.runs import RunFolder

    if arguments.to not in export.TARGETS:
        raise UsageError(f"no target {arguments.to!r}{nearest(arguments.to, export.TARGETS)}")
    run = RunFolder.open(arguments.run)
    print(export.export(run.path, arguments.to, arguments.out))
    return 0
