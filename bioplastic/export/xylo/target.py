"""A learned circuit for SynSense's Xylo: lowered, measured, and written as a bundle.

Taken are dendritic-attention networks that have stopped learning, of at most 8 symbols (see
`bioplastic.quantize.xylo_circuit`). Anything else is refused with all that stands in the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from brian2 import second

from bioplastic.analysis import bits
from bioplastic.description import LIF, Network
from bioplastic.errors import CorruptFile, UnsupportedModel, UsageError
from bioplastic.export.loihi.attention import WARM
from bioplastic.export.xylo import bundle as xylo_bundle
from bioplastic.kernels.circuit.run import run_circuit
from bioplastic.kernels.xylo.reference import Trace
from bioplastic.kernels.xylo.run import run_xylo
from bioplastic.learned import Learned
from bioplastic.quantize.circuit_frozen import frozen
from bioplastic.quantize.circuit_learned import restored
from bioplastic.quantize.circuit_parts import check_circuit
from bioplastic.quantize.circuit_program import FRACTION
from bioplastic.quantize.xylo import counted, resources
from bioplastic.quantize.xylo_circuit import XyloCircuit, xylo_circuit

SOURCE = "rockpool.ai, Overview of the Xylo family (Xylo Audio 2)"
AHEAD = 12_000
"""Symbols after those that were learned: one is one step, and a golden trace has 10 000 or more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A circuit that is ready to be written.

    own, exported   bits per symbol of the frozen integer circuit and of the Xylo network on the
                    same symbols; nan where there were none to score
    """

    made: XyloCircuit
    events: np.ndarray
    trace: Trace
    own: float
    exported: float
    scored: int

    @property
    def fits(self) -> bool:
        """Always: what does not fit cannot be made."""
        return True

    def lines(self) -> list[str]:
        """What `--check` prints."""
        net, made = self.made.network, self.made
        fan_in = np.bincount(net.w_out.j, minlength=net.outputs)
        found = [
            f"xylo: {net.hidden:,} hidden neurons, {made.keys:,} of them keys, a cycle is one step;"
            f" limits: {SOURCE}"
        ]
        found += [f"  {name:16} {used:>7,} of {most:>7,}" for name, used, most in resources(net)]
        found.append(f"  {'fan-in, readout':16} {int(fan_in.max(initial=0)):>7,}, no limit stated")
        found.append(
            f"  values: largest rounding {made.error:.4f} nat, {made.clipped} clipped,"
            f" {made.silent} rounded to zero"
        )
        if self.scored:
            found.append(
                f"  next {self.scored:,} symbols: {self.exported:.4f} bits/symbol on the chip,"
                f" {self.own:.4f} before ({self.exported / self.own - 1:+.2%})"
            )
        return found


def unable(description: Network) -> list[str]:
    """Everything in a description that Xylo cannot hold, one line each.

    Counted as they stand: a circuit of dendritic attention is folded first, and not asked here.
    """
    found = []
    for p in description.populations:
        if type(p.neuron) is not LIF:
            found.append(f"{p.name}: neurons of the kind {type(p.neuron).__name__}")
        elif float(p.neuron.t_ref) > 0:
            found.append(f"{p.name}: refractoriness of {p.neuron.t_ref}")
        if p.dendrites is not None:
            found.append(f"{p.name}: {len(p.dendrites.branches)} branches")
        found += [
            f"{p.name}: {type(part).__name__}"
            for part in (p.inhibition, p.recruitment, p.gain)
            if part is not None
        ]
    for q in description.projections:
        delay = np.asarray(q.connectivity.delay, float)
        if delay.size and delay.max() > 0:
            found.append(f"{q.name}: delays of up to {delay.max() * 1e3:g} ms")
        if q.plasticity is not None:
            found.append(f"{q.name}: plasticity, {type(q.plasticity).__name__}")
    sources = sum(s.size for s in description.sources)
    neurons = sum(p.size for p in description.populations)
    for name, used, most in counted(sources, neurons, 0):
        if used > most:
            found.append(f"{name}: {used:,} of {most:,}")
    return found


def prepare(learned: Learned, symbols: np.ndarray | None, target: str = "xylo") -> Prepared:
    """Lower a learned circuit, and predict `symbols` with it before and after.

    symbols (L,) int   what comes next in the stream; the first `WARM` only bring the contexts
    Raises UnsupportedModel with the full list of what Xylo cannot hold, CorruptFile for a file
    without its grid.
    """
    try:
        check_circuit(learned.description)
    except UnsupportedModel as reason:
        listed = "; ".join(unable(learned.description))
        raise UnsupportedModel(
            f"{learned.description.name!r}: only dendritic attention is folded for Xylo ({reason});"
            f" as it stands Xylo cannot hold: {listed or 'its kind of network'}"
        ) from None
    dt = learned.manifest.get("dt_seconds")
    if not isinstance(dt, float) or not 0 < dt < 1:
        raise CorruptFile(f"the learned network does not say its grid: dt_seconds = {dt!r}")
    x = np.asarray([] if symbols is None else symbols, np.int64)
    circuit, state = restored(learned, dt=dt * second)
    made = xylo_circuit(circuit, state, name=learned.description.name)
    events = made.events(x)
    trace = run_xylo(made.network, events)
    own = exported = float("nan")
    scored = len(x) - WARM - 1
    if scored > 0:
        at = np.arange(len(x)) * circuit.program.period
        run = run_circuit(frozen(circuit, state), x, at, progress=False)
        own = _entropy(run.potential * 2.0**-FRACTION, x)
        exported = _entropy(made.potentials(trace.v_out, trace.out), x)
    return Prepared(
        made=made, events=events, trace=trace, own=own, exported=exported, scored=max(scored, 0)
    )  # fmt: skip


def _entropy(potential: np.ndarray, x: np.ndarray) -> float:
    """Mean surprise under softmax of potentials in nats, bits per symbol."""
    return float(bits(potential[WARM:-1], 1.0, x[WARM + 1 :]).mean())


def write(ready: Prepared, folder: Path) -> Path:
    """Write the bundle of a prepared circuit; UsageError for a folder that exists or no symbols."""
    if len(ready.events) < 2:
        raise UsageError("no symbols: a golden trace needs a stimulus")
    made = ready.made
    facts = {
        "target": "xylo", "lsb_nats": made.lsb, "keys": made.keys, "clipped": made.clipped,
        "largest_rounding_nats": made.error,
    }  # fmt: skip
    if ready.scored:
        facts |= {
            "scored_symbols": ready.scored,
            "bits_per_symbol_before": ready.own,
            "bits_per_symbol_exported": ready.exported,
        }
    bundle = xylo_bundle.of_trace(made.network, ready.events, ready.trace, facts)
    return xylo_bundle.write(bundle, folder)
