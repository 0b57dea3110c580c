"""`bioplastic run NAME`: configure, run, write the folder."""

from __future__ import annotations

import argparse
import time
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from bioplastic.commands import load
from bioplastic.errors import UsageError, nearest


def add_parser(verbs: Any) -> None:
    """Declare the verb and its options."""
    parser = verbs.add_parser("run", help="run one experiment and write its folder")
    parser.add_argument("name", metavar="NAME", help="experiment; see: bioplastic list")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
        help="change a setting, e.g. tau=20ms; repeatable. bioplastic list NAME shows them",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="default 1")
    parser.add_argument("--backend", metavar="B", help="executor; default: the experiment's first")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default runs/NAME-DATE-seedN")
    parser.add_argument("--quick", action="store_true", help="toy size, for a first look")
    parser.add_argument(
        "--dry-run", action="store_true", help="print settings and network, run nothing"
    )
    parser.set_defaults(verb=main)


def main(arguments: argparse.Namespace) -> int:
    """Run one experiment; every question that can be refused is refused before it starts."""
    from bioplastic import config, provenance, runs

    started, clock = datetime.now().astimezone(), time.perf_counter()
    module = load(arguments.name)
    name = module.__name__.rpartition(".")[2].replace("_", "-")
    seed = provenance.seed_tree(arguments.seed).seed
    backend = _backend(module, name, arguments.backend)
    settings = config.configure(
        module.Config,
        arguments.overrides,
        base=module.QUICK if arguments.quick else None,
        where=name,
    )
    heading = {"experiment": name, "seed": seed, "backend": backend, "quick": arguments.quick}
    text = config.to_toml(settings, **heading)
    if arguments.dry_run:
        print(text)
        print(plain(module.describe(settings, seed=seed).table()))
        return 0
    out = arguments.out or runs.default_folder(name, seed, started)
    runs.check_free(out)

    ready = time.perf_counter()
    result = module.run(settings, seed=seed, backend=backend)
    done = time.perf_counter()
    print(result.headline, flush=True)
    manifest = provenance.manifest(
        name=name, seed=seed, backend=backend, quick=arguments.quick, started=started,
        command=arguments.command,
        wall_seconds={"start": ready - clock, "run": done - ready},
    )  # fmt: skip
    folder = runs.write_run(out, name=name, result=result, config_text=text, manifest=manifest)
    if arguments.quick:
        print("toy size (--quick): the figures show that it works, not what it can do")
    print(f"report: {folder.report}")
    return 0


def _backend(module: ModuleType, name: str, backend: str | None) -> str:
    """Return the chosen backend, or the experiment's first; never another than was asked for."""
    if backend is None:
        return str(module.BACKENDS[0])
    if backend not in module.BACKENDS:
        raise UsageError(f"{name}: no backend {backend!r}{nearest(backend, module.BACKENDS)}")
    return backend


def plain(table: Any) -> str:
    """Return a result.Table as aligned text, numbers to the right."""
    rows = [[_cell(c) for c in row] for row in table.rows]
    widths = [max(map(len, column)) for column in zip(table.columns, *rows, strict=True)]
    right = [
        all(isinstance(row[k], (int, float)) for row in table.rows) and bool(rows)
        for k in range(len(widths))
    ]

    def line(cells: Any) -> str:
        parts = zip(cells, widths, right, strict=True)
        return "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in parts).rstrip()

    lines = [line(table.columns), line("-" * w for w in widths), *map(line, rows)]
    return "\n".join([table.title, "", *lines] + ["", table.caption] * bool(table.caption))


def _cell(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
