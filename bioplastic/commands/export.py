"""`bioplastic export RUN --to TARGET`: hand the spikes of a run, or its network, to others."""

from __future__ import annotations

import argparse
import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bioplastic.errors import CorruptFile, UsageError, nearest

if TYPE_CHECKING:
    import numpy as np

    from bioplastic.learned import Learned
    from bioplastic.runs import RunFolder

AHEAD = 2000
"""Symbols after those that were learned, on which chip and circuit are compared."""


def add_parser(verbs: Any) -> None:
    """Declare the verb and its options."""
    parser = verbs.add_parser("export", help="write a run's spikes or its network for others")
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument(
        "--to",
        metavar="TARGET",
        help="a file format of spikes or a chip; a wrong name lists them",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="default RUN-TARGET beside the run")
    parser.add_argument(
        "--check", action="store_true",
        help="only say what a chip, or without --to each chip, would hold and lose; write nothing",
    )  # fmt: skip
    parser.set_defaults(verb=main)


def main(arguments: argparse.Namespace) -> int:
    """Check the run, export it, print what was written and compared."""
    from bioplastic import export
    from bioplastic.runs import RunFolder

    targets = (*export.TARGETS, *export.CHIPS)
    if arguments.to is None:
        if not arguments.check:
            raise UsageError(f"--to TARGET says what to write (valid: {', '.join(targets)})")
        return _every_chip(RunFolder.open(arguments.run))
    if arguments.to not in targets:
        raise UsageError(f"no target {arguments.to!r}{nearest(arguments.to, targets)}")
    run = RunFolder.open(arguments.run)
    if arguments.to in export.CHIPS:
        return _chip(run, arguments)
    if arguments.check:
        raise UsageError(f"--check: {arguments.to} is a file format; it has no limits to check")
    print(export.export(run.path, arguments.to, arguments.out))
    return 0


def _chip(run: RunFolder, arguments: argparse.Namespace) -> int:
    """Prepare the network of a run for a chip; print the check; write the bundle unless asked."""
    from bioplastic.export import CHIPS
    from bioplastic.export.loihi.lowerings import follows

    chip = import_module(f"bioplastic.export.{CHIPS[arguments.to]}")
    name = f"{run.path.resolve().name}-{arguments.to}"
    folder = arguments.out or run.path.resolve().with_name(name)
    if not arguments.check and (folder.exists() or folder.is_symlink()):
        raise UsageError(f"--out {folder}: exists already; nothing is overwritten")
    learned = _learned(run)
    ahead = getattr(chip, "AHEAD", AHEAD)
    symbols = _symbols(run, ahead) if follows(learned.description) else None
    ready = chip.prepare(learned, symbols, arguments.to)
    print("\n".join(ready.lines()), flush=True)
    if arguments.check:
        return 0 if ready.fits else 1
    written = chip.write(ready, folder)
    print(f"{written}: a bundle; check it with: bioplastic verify {written}")
    return 0


def _learned(run: RunFolder) -> Learned:
    from bioplastic.learned import Learned

    if not (run.path / "learned.h5").is_file():
        raise UsageError(f"{run.path}: this run learned no network that could be exported")
    return Learned.load(run.path / "learned.h5")


def _every_chip(run: RunFolder) -> int:
    """Print every limit of every chip against the network, and what it predicts there."""
    from bioplastic.export.loihi import target as loihi
    from bioplastic.export.loihi.lowerings import follows
    from bioplastic.export.preflight import check as preflight
    from bioplastic.export.preflight.limits import CHIPS

    learned = _learned(run)
    symbols = _symbols(run) if follows(learned.description) else None
    made = {}
    for chip in CHIPS:
        if chip.target not in made:
            made[chip.target] = loihi.prepare(learned, symbols, chip.target)
            ready = made[chip.target]
            print("\n".join([ready.title(), *ready.losses()]), flush=True)
    for chip in CHIPS:
        found = preflight.preflight(chip, made[chip.target].made.network)
        verdict = "passes no limit" if found.fits else "cannot hold it"
        print(f"{chip.name}: {verdict} ({chip.what}; as lowered for {chip.target})")
        print("\n".join(row.line() for row in found.rows), flush=True)
    return 0


def _symbols(run: RunFolder, ahead: int = AHEAD) -> np.ndarray:
    """The last symbols of a run's stream and, where its corpus goes on, `ahead` that follow."""
    import numpy as np

    from bioplastic.export.loihi.attention import WARM
    from bioplastic.learning import corpus
    from bioplastic.result_file import read_spikes

    settings = tomllib.loads(run.config_text).get("config", {})
    spikes = read_spikes(run.path / "result.h5")
    if "symbols" not in spikes:
        raise UsageError(f"{run.path}: this run has no source 'symbols' to take a stimulus from")
    learned = spikes["symbols"].ids
    last = learned[-(WARM + 1) :]
    try:
        stream = corpus.load(
            settings["corpus"], symbols=len(learned) + ahead, alphabet=settings["alphabet"],
            limit=settings["limit"],
        )  # fmt: skip
    except (KeyError, TypeError):
        raise CorruptFile(
            f"{run.path}/config.toml: does not say which corpus was learned"
        ) from None
    x = stream.symbols.astype(np.int64)
    if not np.array_equal(x[: len(learned)], learned):
        raise UsageError(f"{run.path}: {stream.source} is no longer the text that was learned")
    return np.concatenate([last, x[len(learned) :]])
