"""`bioplastic verify BUNDLE`: replay a bundle here and in foreign tools, spike for spike."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any


def add_parser(verbs: Any) -> None:
    """Declare the verb and its options."""
    parser = verbs.add_parser("verify", help="replay a bundle in independent tools")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of a bundle")
    parser.add_argument(
        "--with", dest="tools", metavar="A,B",
        help="reference, cpu, lava, brian2-loihi, sanafe, spynnaker, norse, nengo-loihi, xylosim,"
        " as the kind of bundle has them; default: all that are here",
    )  # fmt: skip
    parser.add_argument(
        "--python", metavar="PATH", help="interpreter that has the tools; default .verifiers"
    )
    parser.add_argument(
        "--timeout", type=float, default=3600.0, metavar="S", help="seconds a tool may take"
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write what the tools said there, as JSON"
    )
    parser.set_defaults(verb=main)


def main(arguments: argparse.Namespace) -> int:
    """Print one line a tool; 0 when all that ran agree and all that were named ran, else 1."""
    from bioplastic.errors import BioplasticError, UsageError
    from bioplastic.export import verify

    if not arguments.timeout > 0:
        raise UsageError(f"--timeout {arguments.timeout:g}: must be above 0 s")
    if arguments.report is not None and arguments.report.exists():
        raise UsageError(f"--report {arguments.report}: exists already; nothing is overwritten")
    if arguments.report is not None and not arguments.report.absolute().parent.is_dir():
        raise UsageError(f"--report {arguments.report}: no such folder")
    kind = verify.kind_of(arguments.bundle)
    chosen = verify.names(arguments.tools, kind.TOOLS)
    pythons = {tool: verify.interpreter(arguments.python, tool) for tool in chosen}
    bundle = kind.read(arguments.bundle)
    print(kind.title(bundle), flush=True)
    bad = ("differs", "failed") if arguments.tools is None else ("differs", "failed", "absent")
    verdicts = []
    for tool in chosen:
        found = verify.verify(
            bundle, arguments.bundle, tool, python=pythons[tool], seconds=arguments.timeout,
            tools=kind.TOOLS,
        )  # fmt: skip
        print(f"  {tool:12} {found.outcome:8} {found.message}", flush=True)
        for name, value in found.figures.items():
            print(f"  {'':12} {'':8} {name} {value:g}")
        verdicts.append(found)
    if arguments.report is not None:
        from bioplastic.export.bundle.sealed import json_lines
        from bioplastic.hdf5 import store

        try:
            store(arguments.report, json_lines({v.tool: asdict(v) for v in verdicts}))
        except OSError as error:
            raise BioplasticError(f"--report {arguments.report}: not written: {error}") from error
    return int(any(v.outcome in bad for v in verdicts))
