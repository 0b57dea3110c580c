"""`bioplastic verify BUNDLE`: replay a bundle here and in foreign tools, spike for spike."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(verbs: Any) -> None:
    """Declare the verb and its options."""
    parser = verbs.add_parser("verify", help="replay a bundle in independent tools")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of a bundle")
    parser.add_argument(
        "--with", dest="tools", metavar="A,B",
        help="reference, cpu, lava, brian2-loihi, sanafe; default: all that are here",
    )  # fmt: skip
    parser.add_argument(
        "--python", metavar="PATH", help="interpreter that has the tools; default .verifiers"
    )
    parser.add_argument(
        "--timeout", type=float, default=3600.0, metavar="S", help="seconds a tool may take"
    )
    parser.set_defaults(verb=main)


def main(arguments: argparse.Namespace) -> int:
    """Print one line a tool; 0 when all that ran agree and all that were named ran, else 1."""
    from bioplastic.errors import UsageError
    from bioplastic.export import bundle as bundles
    from bioplastic.export import verify

    chosen = verify.names(arguments.tools)
    if not arguments.timeout > 0:
        raise UsageError(f"--timeout {arguments.timeout:g}: must be above 0 s")
    python = verify.interpreter(arguments.python)
    bundle = bundles.read(arguments.bundle)
    neurons = sum(p.size for p in bundle.network.populations)
    print(f"{bundle.network.name}: {neurons:,} neurons, {bundle.steps:,} steps", flush=True)
    bad = ("differs", "failed") if arguments.tools is None else ("differs", "failed", "absent")
    wrong = False
    for tool in chosen:
        found = verify.verify(
            bundle, arguments.bundle, tool, python=python, seconds=arguments.timeout
        )
        print(f"  {tool:12} {found.outcome:8} {found.message}", flush=True)
        for name, value in found.figures.items():
            print(f"  {'':12} {'':8} {name} {value:g}")
        wrong |= found.outcome in bad
    return int(wrong)
