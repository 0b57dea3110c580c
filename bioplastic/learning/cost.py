"""What prediction and learning cost, counted: NeuroBench's terms and those that it leaves out.

An *execution* is one run of the model's step: one symbol for a recurrent net, one grid step for a
spiking network that is simulated in time. Per symbol = per execution times executions per symbol.
Source: Yik et al. 2025 [yik2025], footprint, connection and activation sparsity, dense and
effective synaptic operations, membrane updates.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from bioplastic.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Totals since the learner began, unless marked *size*. All are counts, none an estimate.

    symbols             predictions that were asked for
    executions          runs of the model's step
    footprint_bytes     *size* now: parameters, buffers, state, optimiser state
    plastic_synapses    *size* now: weights that learning may change
    fixed_synapses      *size* now: weights that it may not
    neurons             *size* now: units with a state or an activation of their own
    states_per_synapse  *size*: numbers kept per plastic synapse beside w (traces, Adam moments)
    dense_operations    weights times executions, zeros included
    effective_macs      multiply-accumulates with a non-zero weight and a non-zero, non-binary input
    effective_acs       accumulates: non-zero weight, binary input
    activations         outputs of neurons over all executions
    silent_activations  those that were zero
    membrane_updates    updates of a membrane potential or branch state
    trace_updates       updates of learning traces, eligibilities, optimiser moments
    weight_updates      weights written
    learning_macs       multiply-accumulates of learning: backward pass, eligibilities, optimiser
    bytes_touched       bytes of weights and state read and written, caches ignored
    wall_seconds, cpu_seconds   measured, on whatever machine this was
    """

    symbols: int
    executions: int
    footprint_bytes: int
    plastic_synapses: int
    fixed_synapses: int = 0
    neurons: int = 0
    states_per_synapse: float = 0.0
    dense_operations: float = 0.0
    effective_macs: float = 0.0
    effective_acs: float = 0.0
    activations: float = 0.0
    silent_activations: float = 0.0
    membrane_updates: float = 0.0
    trace_updates: float = 0.0
    weight_updates: float = 0.0
    learning_macs: float = 0.0
    bytes_touched: float = 0.0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuse negative counts: a total can only grow."""
        for f in fields(self):
            if not getattr(self, f.name) >= 0:
                raise UsageError(f"Cost.{f.name} = {getattr(self, f.name)}: counts start at 0")
        if self.silent_activations > self.activations:
            raise UsageError(
                f"Cost: {self.silent_activations} silent of {self.activations} activations"
            )

    @property
    def activation_sparsity(self) -> float:
        """Zero activations over all activations; nan where nothing was counted."""
        return self.silent_activations / self.activations if self.activations else float("nan")

    @property
    def execution_rate(self) -> float:
        """Executions per symbol."""
        return self.executions / self.symbols if self.symbols else float("nan")

    def per_symbol(self) -> dict[str, float]:
        """Totals divided by symbols, sizes as they are; name → number."""
        found: dict[str, float] = {}
        for f in fields(self):
            value = float(getattr(self, f.name))
            if f.name in SIZES:
                found[f.name] = value
            elif f.name != "symbols":
                found[f"{f.name}_per_symbol"] = value / self.symbols if self.symbols else 0.0
        found["activation_sparsity"] = self.activation_sparsity
        return found


SIZES = (
    "footprint_bytes",
    "plastic_synapses",
    "fixed_synapses",
    "neurons",
    "states_per_synapse",
)
