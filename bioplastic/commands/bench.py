"""`bioplastic bench NAME`: measure speed or memory side by side, print ratios."""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from bioplastic.errors import UsageError, nearest

NAMES = (
    "bandwidth", "cuba", "plastic", "silent", "memory", "temporal-memory", "text", "hypervector",
)  # fmt: skip


def add_parser(verbs: Any) -> None:
    """Declare the verb and its options."""
    parser = verbs.add_parser("bench", help="measure speed and memory beside other programs")
    parser.add_argument("name", metavar="NAME", help=f"all, or one of: {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the flat figures there")
    parser.add_argument("--quick", action="store_true", help="toy size: shows that it works")
    parser.set_defaults(verb=main)


def main(arguments: argparse.Namespace) -> int:
    """Run one benchmark or all, print their tables, write the figures."""
    from bioplastic.commands.run import plain

    if arguments.name != "all" and arguments.name not in NAMES:
        raise UsageError(
            f"no benchmark {arguments.name!r}{nearest(arguments.name, ['all', *NAMES])}"
        )
    if arguments.json is not None and not arguments.json.resolve().parent.is_dir():
        raise UsageError(f"--json {arguments.json}: there is no folder {arguments.json.parent}")
    figures: dict[str, float] = {}
    for name in NAMES if arguments.name == "all" else (arguments.name,):
        module = import_module(f"bioplastic.benchmarks.{name.replace('-', '_')}")
        found = module.measure(**(module.QUICK if arguments.quick else module.FULL))
        print(plain(found.table), flush=True)
        for who, why in found.absent.items():
            print(f"not measured: {who} {why}")
        print()
        figures |= found.figures
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if arguments.quick:
        print("toy size (--quick): the figures show that it works, not what it can do")
    return 0
