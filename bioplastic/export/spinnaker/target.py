"""SpiNNaker: a PyNN script for sPyNNaker 7 with all weights and delays, and with the STDP rule.

A network that goes into the chip's integers (`bioplastic.export.loihi.lowerings`) leaves frozen, as
a bundle with its golden trace; `inexact` and our own model of the arithmetic say what differs. A
network of LIF neurons leaves as it is described, plastic. Both are checked by compiling the script
for a virtual board: `bioplastic verify BUNDLE --with spynnaker`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.atomic import publish_new
from bioplastic.errors import UnsupportedModel
from bioplastic.export.bundle import folder as bundles
from bioplastic.export.bundle import sealed
from bioplastic.export.bundle.folder import Bundle
from bioplastic.export.loihi.lowerings import Lowered, lowering_of
from bioplastic.export.pynn import loihi as pynn_loihi
from bioplastic.export.pynn import network as pynn_network
from bioplastic.export.pynn import script as pynn_script
from bioplastic.export.pynn.network import PynnNetwork
from bioplastic.export.pynn.rows import NEURONS_PER_CORE, per_core
from bioplastic.export.spinnaker import described as pynn_described
from bioplastic.export.spinnaker import model as spinnaker_model
from bioplastic.learned import Learned

FORMAT = "bioplastic-pynn"
"""Kind of a bundle of a plastic network; a frozen one is a `bioplastic-bundle`."""
CORES = 48 * 16
"""Cores that the 48 chips of a board leave to a network."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A network that is ready to be written.

    bundle    with its golden trace, where it goes into the chip's integers
    made      what the lowering lost; None where it leaves as described
    differs   spikes of the trace that our own model of sPyNNaker's arithmetic has otherwise
    """

    network: PynnNetwork
    bundle: Bundle | None = None
    made: Lowered | None = None
    differs: int = 0

    @property
    def cores(self) -> int:
        """Cores that the neurons take, those for long delays not counted."""
        most = {p.name: per_core(self.network, p) for p in self.network.populations}
        sizes = self.network.sizes.items()
        return sum(math.ceil(n / most.get(name, NEURONS_PER_CORE)) for name, n in sizes)

    @property
    def fits(self) -> bool:
        """Whether one board has the cores."""
        return self.cores <= CORES

    def lines(self) -> list[str]:
        """What `--check` prints."""
        net = self.network
        neurons = sum(p.size for p in net.populations)
        found = [
            f"spinnaker: {neurons:,} neurons, {net.synapses:,} synapses;"
            f" {self.cores} of {CORES} cores of a board{'' if self.fits else '   PASSED'}"
        ]
        for q in net.projections:
            if q.rule is not None:
                arguments = {**q.rule.timing_args, **q.rule.weight_args}
                said = ", ".join(f"{k} = {v:.6g}" for k, v in arguments.items())
                found.append(f"  {q.name}: {q.rule.timing}, {q.rule.weight}: {said}")
        found += [f"  left out: {part}" for part in net.left_out]
        found += [f"  inexact: {part}" for part in net.inexact]
        if self.bundle is not None and self.made is not None:
            total = sum(len(when) for when, _ in self.bundle.expected.values())
            found.append(
                f"  in our own model of its arithmetic, not on a board: {self.differs:,} of"
                f" {total:,} spikes differ in {self.bundle.steps:,} steps"
            )
            found += self.made.lines()
        return found


def prepare(learned: Learned, symbols: np.ndarray | None, target: str = "spinnaker") -> Prepared:
    """Make a network ready: lowered where its description has a lowering, else as described.

    symbols (L,) int   what comes next, for a network that follows a stream of symbols; else None
    Raises UnsupportedModel, naming the object, where neither way takes it.
    """
    try:
        lowering = lowering_of(learned.description)
    except UnsupportedModel as first:
        try:
            return Prepared(network=pynn_described.pynn_network(learned))
        except UnsupportedModel as second:
            raise UnsupportedModel(f"{second} ({first})") from None
    made = lowering.lower(learned, symbols, target)
    stimulus, steps = made.trace()
    bundle = bundles.made(made.network, stimulus, steps, {"target": target, **made.facts()})
    network = frozen(bundle, _learning(learned))
    return Prepared(network=network, bundle=bundle, made=made, differs=differing(bundle, network))


def _learning(learned: Learned) -> tuple[str, ...]:
    """What learns in a description, and so stays behind when it is frozen."""
    found = [
        (f"{type(q.plasticity).__name__}, frozen", q.name) for q in learned.description.projections
        if q.plasticity is not None
    ]  # fmt: skip
    for p in learned.description.populations:
        found += [
            (f"{type(x).__name__}, frozen", p.name) for x in (p.recruitment, p.gain)
            if x is not None
        ]  # fmt: skip
    return pynn_loihi.grouped(found)


def frozen(bundle: Bundle, left_out: tuple[str, ...] = ()) -> PynnNetwork:
    """A Loihi network as PyNN; `left_out` is said in it."""
    made = pynn_loihi.pynn_network(bundle.network, bundle.stimulus, bundle.steps)
    return replace(made, left_out=left_out)


def differing(bundle: Bundle, network: PynnNetwork) -> int:
    """Spikes that only one of the golden trace and our model of sPyNNaker's arithmetic has."""
    found = spinnaker_model.run(network)
    count = 0
    for name, (when, which) in bundle.expected.items():
        ours = {*zip(when.tolist(), which.tolist(), strict=True)}
        count += len(ours ^ {*zip(*(a.tolist() for a in found[name]), strict=True)})
    return count


def write(ready: Prepared, folder: Path) -> Path:
    """Write the bundle; refused before anything is written if a board has not the cores.

    Raises UnsupportedModel where it does not fit, UsageError when the folder exists.
    """
    if not ready.fits:
        raise UnsupportedModel(
            f"{ready.network.name!r}: {ready.cores:,} cores; a board has {CORES}"
        )

    def more(partial: Path) -> None:
        pynn_script.write(ready.network, partial)

    if ready.bundle is not None:
        return bundles.write(ready.bundle, folder, more)

    def fill(partial: Path) -> None:
        more(partial)
        sealed.seal(partial, FORMAT, {"facts": _facts(ready)})

    return publish_new(folder, fill)


def _facts(ready: Prepared) -> Mapping[str, Any]:
    return {"target": "spinnaker", "left_out": list(ready.network.left_out),
            "inexact": list(ready.network.inexact)}  # fmt: skip


def read(folder: Path) -> PynnNetwork:
    """The network of a bundle of this kind, after its seal is checked."""
    index = sealed.unseal(folder, FORMAT)
    for name in (pynn_network.TABLE, pynn_network.ARRAYS, pynn_script.SCRIPT):
        sealed.listed(folder, index, name)
    return pynn_network.read(folder)
