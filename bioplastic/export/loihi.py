"""A learned circuit on a chip: lowered, placed, replayed, and measured against itself.

What is written is a bundle (`bioplastic.export.bundle`) with the placement of every neuron, and for
the tool of the target what it reads: a loader for lava-nc, or the YAML of SANA-FE.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import second

from bioplastic.analysis import bits
from bioplastic.errors import CorruptFile, UsageError
from bioplastic.export import bundle as bundles
from bioplastic.export import sanafe
from bioplastic.export.placement import Placement, place, refuse_unless_it_fits
from bioplastic.export.sealed import write_json
from bioplastic.export.verify import SCRIPTS
from bioplastic.kernels.circuit.run import run_circuit
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.learned import Learned
from bioplastic.quantize.circuit_frozen import frozen
from bioplastic.quantize.circuit_learned import restored
from bioplastic.quantize.circuit_program import FRACTION
from bioplastic.quantize.loihi_circuit import Form, LoihiCircuit, loihi_circuit

FORMS = {
    "loihi": Form(),
    "brian2-loihi": Form(pacemaker=True),
    "sanafe": Form(period=30, ramp=1 / 2, longest_delay=sanafe.LONGEST),
}
"""How a cycle is laid out for each target."""
WARM = 20
"""Symbols that come before those that are scored, so that contexts are whole."""
TRACE_STEPS = 10_000
"""Steps of the golden trace, at least, where the symbols suffice."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A circuit that is ready to be written, and what the chip costs it.

    own, exported   bits per symbol of the frozen integer circuit and of the Loihi network on the
                    same symbols; nan where there were none to score
    scored          how many symbols that is
    """

    target: str
    made: LoihiCircuit
    placement: Placement
    symbols: np.ndarray
    own: float
    exported: float
    scored: int

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
            f"{self.target}: {neurons:,} neurons, {synapses:,} synapses, a cycle of"
            f" {self.made.form.period} steps; limits: {self.placement.chip.source}"
        ]
        for r in self.placement.resources:
            mark = "" if r.fits else "   PASSED"
            found.append(f"  {r.name:14} {r.used:>10,} of {r.most:>10,}  {r.where}{mark}")
        found.append(
            f"  values: largest rounding {self.made.error:.4f} nat, {self.made.clipped} clipped,"
            f" {self.made.silent} rounded to zero"
        )
        if self.scored:
            change = self.exported / self.own - 1
            found.append(
                f"  next {self.scored:,} symbols: {self.exported:.4f} bits/symbol on the chip,"
                f" {self.own:.4f} before ({change:+.2%})"
            )
        return found


def _entropy(potential: np.ndarray, following: np.ndarray) -> float:
    """Mean surprise under softmax of potentials in nats, bits per symbol."""
    return float(bits(potential, 1.0, following).mean())


def prepare(learned: Learned, symbols: np.ndarray, target: str = "loihi") -> Prepared:
    """Lower a learned circuit for a target, place it, and predict `symbols` with both.

    symbols (L,) int   what comes next in the stream; the first `WARM` only bring the contexts
    Raises UnsupportedModel for what cannot be lowered, CorruptFile for a file without its grid.
    """
    dt = learned.manifest.get("dt_seconds")
    if not isinstance(dt, float) or not 0 < dt < 1:
        raise CorruptFile(f"the learned network does not say its grid: dt_seconds = {dt!r}")
    x = np.asarray(symbols, np.int64)
    circuit, state = restored(learned, dt=dt * second)
    made = loihi_circuit(circuit, state, FORMS[target], name=learned.description.name)
    own = exported = float("nan")
    scored = len(x) - WARM - 1
    if scored > 0:
        still = frozen(circuit, state)
        at = np.arange(len(x)) * circuit.program.period
        potential = run_circuit(still, x, at, progress=False).potential * 2.0**-FRACTION
        own = _entropy(potential[WARM:-1], x[WARM + 1 :])
        run = run_loihi(made.network, made.stimulus(x), len(x) * made.form.period)
        potential = made.potentials(run.spikes["outputs"], len(x))
        exported = _entropy(potential[WARM:-1], x[WARM + 1 :])
    return Prepared(
        target=target, made=made, placement=place(made.network), symbols=x, own=own,
        exported=exported, scored=max(scored, 0),
    )  # fmt: skip


def write(ready: Prepared, folder: Path) -> Path:
    """Write the bundle of a prepared circuit; refused before anything is written if it cannot fit.

    Raises UnsupportedModel with the limits that are passed, UsageError when the folder exists or
    there is no symbol to make a trace of.
    """
    network, period = ready.made.network, ready.made.form.period
    refuse_unless_it_fits(network, ready.placement)
    if ready.target == "sanafe":
        sanafe.check(network)
    cycles = min(len(ready.symbols), -(-TRACE_STEPS // period))
    if cycles == 0:
        raise UsageError("no symbols: a golden trace needs a stimulus")
    stimulus = ready.made.stimulus(ready.symbols[:cycles])
    bundle = bundles.made(network, stimulus, cycles * period, _facts(ready))

    def more(partial: Path) -> None:
        write_json(partial / "placement.json", _placed(ready))
        if ready.target == "sanafe":
            sanafe.write(network, bundle.stimulus, bundle.steps, partial)
        elif ready.target == "loihi":
            for name in ("replay_lava.py", "replay_common.py"):
                shutil.copyfile(SCRIPTS / name, partial / name)

    return bundles.write(bundle, folder, more)


def _facts(ready: Prepared) -> Mapping[str, Any]:
    facts: dict[str, Any] = {
        "target": ready.target, "form": asdict(ready.made.form), "top_nats": ready.made.top,
        "clipped": ready.made.clipped, "largest_rounding_nats": ready.made.error,
    }  # fmt: skip
    if ready.scored:
        facts |= {
            "scored_symbols": ready.scored,
            "bits_per_symbol_before": ready.own,
            "bits_per_symbol_exported": ready.exported,
        }
    return facts


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
