"""Dendritic attention on a chip: lowered, and its bits per symbol measured against the circuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from brian2 import second

from bioplastic.analysis import bits
from bioplastic.description import Network
from bioplastic.errors import CorruptFile, UnsupportedModel
from bioplastic.export.loihi.lowerings import TRACE_STEPS, Spikes
from bioplastic.export.sanafe import network as sanafe
from bioplastic.kernels.circuit.run import run_circuit
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.learned import Learned
from bioplastic.quantize.circuit_frozen import frozen
from bioplastic.quantize.circuit_learned import restored
from bioplastic.quantize.circuit_parts import check_circuit
from bioplastic.quantize.circuit_program import FRACTION
from bioplastic.quantize.loihi import LoihiNetwork
from bioplastic.quantize.loihi_circuit import Form, LoihiCircuit, loihi_circuit

FOLLOWS = True
FORMS = {
    "loihi": Form(),
    "brian2-loihi": Form(pacemaker=True),
    "spinnaker": Form(),
    "sanafe": Form(period=30, ramp=1 / 2, longest_delay=sanafe.LONGEST),
}
"""How a cycle is laid out for each target."""
WARM = 20
"""Symbols that come before those that are scored, so that contexts are whole."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LoweredAttention:
    """A circuit in the chip's integers, and what it predicts.

    own, exported   bits per symbol of the frozen integer circuit and of the Loihi network on the
                    same symbols; nan where there were none to score
    scored          how many symbols that is
    """

    made: LoihiCircuit
    symbols: np.ndarray
    own: float
    exported: float
    scored: int

    @property
    def network(self) -> LoihiNetwork:
        """What the chip would hold."""
        return self.made.network

    def trace(self) -> tuple[Mapping[str, Spikes], int]:
        """The first symbols, as many cycles as make a golden trace."""
        period = self.made.form.period
        cycles = min(len(self.symbols), -(-TRACE_STEPS // period))
        return self.made.stimulus(self.symbols[:cycles]), cycles * period

    def lines(self) -> list[str]:
        """Rounding of the values, and bits per symbol on both sides."""
        found = [
            f"  a cycle of {self.made.form.period} steps; values: largest rounding"
            f" {self.made.error:.4f} nat, {self.made.clipped} clipped, {self.made.silent} rounded"
            " to zero"
        ]
        if self.scored:
            change = self.exported / self.own - 1
            found.append(
                f"  next {self.scored:,} symbols: {self.exported:.4f} bits/symbol on the chip,"
                f" {self.own:.4f} before ({change:+.2%})"
            )
        return found

    def facts(self) -> Mapping[str, Any]:
        """The same for the bundle."""
        facts: dict[str, Any] = {
            "form": asdict(self.made.form), "top_nats": self.made.top,
            "clipped": self.made.clipped, "largest_rounding_nats": self.made.error,
        }  # fmt: skip
        if self.scored:
            facts |= {
                "scored_symbols": self.scored,
                "bits_per_symbol_before": self.own,
                "bits_per_symbol_exported": self.exported,
            }
        return facts


def refusal(description: Network) -> str | None:
    """Why this is no dendritic-attention network."""
    try:
        check_circuit(description)
    except UnsupportedModel as reason:
        return str(reason)
    return None


def lower(learned: Learned, symbols: np.ndarray | None, target: str) -> LoweredAttention:
    """Lower a learned circuit for a target and predict `symbols` with both.

    symbols (L,) int   what comes next in the stream; the first `WARM` only bring the contexts
    Raises UnsupportedModel for what cannot be lowered, CorruptFile for a file without its grid.
    """
    dt = learned.manifest.get("dt_seconds")
    if not isinstance(dt, float) or not 0 < dt < 1:
        raise CorruptFile(f"the learned network does not say its grid: dt_seconds = {dt!r}")
    x = np.asarray([] if symbols is None else symbols, np.int64)
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
    return LoweredAttention(
        made=made, symbols=x, own=own, exported=exported, scored=max(scored, 0)
    )  # fmt: skip


def _entropy(potential: np.ndarray, following: np.ndarray) -> float:
    """Mean surprise under softmax of potentials in nats, bits per symbol."""
    return float(bits(potential, 1.0, following).mean())
