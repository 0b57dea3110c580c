"""A learned network on a chip: lowered, placed, replayed, and measured against itself.

What is written is a bundle (`bioplastic.export.bundle`) with the placement of every neuron, and for
the tool of the target what it reads: a loader for lava-nc, or the YAML of SANA-FE. Which way a
network is lowered, its description decides (`bioplastic.export.lowerings`).
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.export import bundle as bundles
from bioplastic.export import sanafe
from bioplastic.export.lowerings import Lowered, lowering_of
from bioplastic.export.placement import Placement, place, refuse_unless_it_fits
from bioplastic.export.sealed import write_json
from bioplastic.export.verify import SCRIPTS
from bioplastic.learned import Learned


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A network that is ready to be written, and what the chip costs it.

    made   the lowered network, its stimulus, and what it predicts
    """

    target: str
    made: Lowered
    placement: Placement

    @property
    def fits(self) -> bool:
        """Whether the chip holds it."""
        return self.placement.fits

    def lines(self) -> list[str]:
        """What `--check` prints."""
        net = self.made.network
        neurons = sum(p.size for p in net.populations)
        synapses = sum(len(q.i) for q in net.projections)
        found = [
            f"{self.target}: {neurons:,} neurons, {synapses:,} synapses;"
            f" limits: {self.placement.chip.source}"
        ]
        for r in self.placement.resources:
            mark = "" if r.fits else "   PASSED"
            found.append(f"  {r.name:14} {r.used:>10,} of {r.most:>10,}  {r.where}{mark}")
        return found + self.made.lines()


def prepare(learned: Learned, symbols: np.ndarray | None, target: str = "loihi") -> Prepared:
    """Lower a learned network for a target, place it, measure what it predicts before and after.

    symbols (L,) int   what comes next, for a network that follows a stream of symbols; else None
    Raises UnsupportedModel for what cannot be lowered, CorruptFile for a file without its grid.
    """
    made = lowering_of(learned.description).lower(learned, symbols, target)
    return Prepared(target=target, made=made, placement=place(made.network))


def write(ready: Prepared, folder: Path) -> Path:
    """Write the bundle of a prepared network; refused before anything is written if it cannot fit.

    Raises UnsupportedModel with the limits that are passed, UsageError when the folder exists or
    there is nothing to make a trace of.
    """
    network = ready.made.network
    refuse_unless_it_fits(network, ready.placement)
    if ready.target == "sanafe":
        sanafe.check(network)
    stimulus, steps = ready.made.trace()
    bundle = bundles.made(network, stimulus, steps, {"target": ready.target, **ready.made.facts()})

    def more(partial: Path) -> None:
        write_json(partial / "placement.json", _placed(ready))
        if ready.target == "sanafe":
            sanafe.write(network, bundle.stimulus, bundle.steps, partial)
        elif ready.target == "loihi":
            for name in ("replay_lava.py", "replay_common.py"):
                shutil.copyfile(SCRIPTS / name, partial / name)

    return bundles.write(bundle, folder, more)


def _placed(ready: Prepared) -> dict[str, Any]:
    """Core of every neuron as runs of (core, first, last), by population; resources; limits."""
    at, populations = 0, {}
    for p in ready.made.network.populations:
        core = ready.placement.core[at : at + p.size]
        edges = [0, *(np.flatnonzero(np.diff(core)) + 1).tolist(), p.size]
        populations[p.name] = [[int(core[low]), low, high - 1] for low, high in pairwise(edges)]
        at += p.size
    return {
        "chip": asdict(ready.placement.chip),
        "resources": [asdict(r) for r in ready.placement.resources],
        "populations": populations,
    }
