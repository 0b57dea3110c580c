"""A learned network on a chip: lowered, placed, replayed, and measured against itself.

What is written is a bundle (`bioplastic.export.bundle.folder`) with the placement of every neuron,
and for the tool of the target what it reads: a loader for lava-nc, or the YAML of SANA-FE. Which
way a network is lowered, its description decides (`bioplastic.export.loihi.lowerings`).
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.export.bundle import folder as bundles
from bioplastic.export.bundle.foreign import SCRIPTS
from bioplastic.export.bundle.sealed import write_json
from bioplastic.export.loihi.lowerings import Lowered, lowering_of
from bioplastic.export.preflight.check import (
    Preflight,
    chip_named,
    preflight,
    refuse_unless_it_fits,
)
from bioplastic.export.preflight.placement import Placement, place
from bioplastic.export.sanafe import network as sanafe
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.learned import Learned
from bioplastic.quantize.loihi_dead import dead_populations
from bioplastic.quantize.report import Dead

LOADER = ("replay_lava.py", "replay_lava_record.py", "replay_common.py")
"""Scripts that build and run a bundle in lava-nc."""
HELD = {"loihi": "Loihi", "brian2-loihi": "Loihi", "sanafe": "SANA-FE"}
"""The chip whose limits hold for a target."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A network that is ready to be written, and what the chip costs it.

    made     the lowered network, its stimulus, and what it predicts
    limits   every limit of the chip, and how much of it is used
    dead     populations that can never spike      silent  those that never did in the trace
    """

    target: str
    made: Lowered
    placement: Placement
    limits: Preflight
    dead: tuple[Dead, ...]
    silent: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether the chip holds it."""
        return self.limits.fits

    def lines(self) -> list[str]:
        """What `--check` prints."""
        return [self.title(), *(row.line() for row in self.limits.rows), *self.losses()]

    def title(self) -> str:
        """Target and size."""
        net = self.made.network
        neurons = sum(p.size for p in net.populations)
        synapses = sum(len(q.i) for q in net.projections)
        return f"{self.target}: {neurons:,} neurons, {synapses:,} synapses on {self.limits.chip}"

    def losses(self) -> list[str]:
        """What never spikes, what was rounded, and how well it predicts before and after."""
        found = [f"  dead: {d.what} can never spike: {d.reason}" for d in self.dead]
        found += [f"  silent: {name} never spikes in the trace" for name in self.silent]
        return found + self.made.lines()


def prepare(learned: Learned, symbols: np.ndarray | None, target: str = "loihi") -> Prepared:
    """Lower a learned network for a target, place it, measure what it predicts before and after.

    symbols (L,) int   what comes next, for a network that follows a stream of symbols; else None
    Raises UnsupportedModel for what cannot be lowered, CorruptFile for a file without its grid.
    """
    made = lowering_of(learned.description).lower(learned, symbols, target)
    placement, dead = place(made.network), dead_populations(made.network)
    return Prepared(
        target=target, made=made, placement=placement,
        limits=preflight(chip_named(HELD[target]), made.network, placement),
        dead=dead, silent=_silent(made, {d.what for d in dead}),
    )  # fmt: skip


def _silent(made: Lowered, dead: set[str]) -> tuple[str, ...]:
    """Populations that could spike and did not while the trace was made."""
    stimulus, steps = made.trace()
    spikes = run_loihi(made.network, stimulus, steps).spikes if steps else {}
    return tuple(n for n, record in spikes.items() if not len(record.ids) and n not in dead)


def write(ready: Prepared, folder: Path) -> Path:
    """Write the bundle of a prepared network; refused before anything is written if it cannot fit.

    Raises UnsupportedModel with the limits that are passed, UsageError when the folder exists or
    there is nothing to make a trace of.
    """
    network = ready.made.network
    refuse_unless_it_fits(network, ready.limits)
    if ready.target == "sanafe":
        sanafe.check(network)
    stimulus, steps = ready.made.trace()
    if not steps:
        raise UsageError("nothing is shown: a golden trace needs a stimulus")
    bundle = bundles.made(network, stimulus, steps, _facts(ready))

    def more(partial: Path) -> None:
        write_json(partial / "placement.json", _placed(ready))
        if ready.target == "sanafe":
            sanafe.write(network, bundle.stimulus, bundle.steps, partial)
        elif ready.target == "loihi":
            for name in LOADER:
                shutil.copyfile(SCRIPTS / name, partial / name)

    return bundles.write(bundle, folder, more)


def _facts(ready: Prepared) -> dict[str, Any]:
    return {
        "target": ready.target,
        "dead": [d.what for d in ready.dead],
        "silent": list(ready.silent),
        **ready.made.facts(),
    }


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
