"""`bioplastic conformance`: which NIR importers keep loops, delays and thresholds."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(verbs: Any) -> None:
    """Declare the verb and its options."""
    parser = verbs.add_parser("conformance", help="give small NIR graphs to every importer")
    parser.add_argument(
        "--with", dest="tools", metavar="A,B",
        help="norse, snntorch, spikingjelly, nirtorch, snn-mlir, sinabs, rockpool; default: all",
    )  # fmt: skip
    parser.add_argument(
        "--timeout", type=float, default=600.0, metavar="S", help="seconds an importer may take"
    )
    parser.set_defaults(verb=main)


def main(arguments: argparse.Namespace) -> int:
    """Print the table; 1 where an importer that was named is not here."""
    from bioplastic.errors import UsageError
    from bioplastic.export.nir import conformance

    chosen = conformance.names(arguments.tools)
    if not arguments.timeout > 0:
        raise UsageError(f"--timeout {arguments.timeout:g}: must be above 0 s")
    reports = [
        conformance.examine(tool, conformance.interpreter(tool), seconds=arguments.timeout)
        for tool in chosen
    ]
    print("\n".join(conformance.table(reports)))
    return int(arguments.tools is not None and any(r.absent for r in reports))
