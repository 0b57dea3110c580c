"""Prequential run of a dendritic-attention network: predict each symbol, then learn it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.analysis import bits
from bioplastic.description import Network
from bioplastic.kernels.circuit.run import CircuitRun, by_cycle, run_circuit
from bioplastic.learned import Learned
from bioplastic.quantize.circuit import IntegerCircuit, lower_circuit
from bioplastic.quantize.circuit_program import FRACTION, GAIN_FRACTION, WEIGHT_FRACTION

SCALE = 2.0**-FRACTION
"""Nats per LSB of a potential."""


@dataclass(frozen=True, kw_only=True)
class SequenceRun:
    """One network that went through one stream.

    surprise (L,)   bits of each symbol under the potentials at the end of the cycle before it;
                    the first symbol is met without any potential: log2 V
    """

    network: Network
    circuit: IntegerCircuit
    run: CircuitRun
    surprise: np.ndarray

    @property
    def context_neurons(self) -> int:
        """Keys that were grown."""
        return int(self.run.state.mature.sum())

    def metrics(self) -> dict[str, float | int]:
        """Figures of the run, per symbol where the name says so."""
        length, count = len(self.surprise), self.run.counters
        source = count["source_spikes"] + count["key_spikes"] + count["output_spikes"]
        w = self.run.state.w
        predicted = self.run.potential[:-1].argmax(axis=1) == self.run.symbols[1:]
        return {
            "bits_per_symbol": float(self.surprise.mean()),
            "bits_per_symbol_last_third": float(self.surprise[2 * length // 3 :].mean()),
            "symbols": length,
            "symbols_per_second": length / max(self.run.wall_seconds, 1e-9),
            "spikes_per_symbol": source / length,
            "context_neurons": self.context_neurons,
            "synaptic_events_per_symbol": (count["conducted_events"] + count["value_events"])
            / length,
            "blocked_arrivals_per_symbol": count["blocked_arrivals"] / length,
            "weight_updates_per_symbol": count["weight_updates"] / length,
            "fast_updates_per_symbol": count["fast_updates"] / length,
            "saturated_weights": int((np.abs(w) == self.circuit.program.w_max).sum()),
            "clipped_updates": count["saturations"],
            "top1_accuracy": float(predicted.mean()) if length > 1 else 0.0,
            "silent_races_per_symbol": count["silent_races"] / length,
            "recruitments_refused": count["pool_exhausted"],
            "neuron_updates_per_symbol": count["neuron_updates"] / length,
            "empty_steps_fraction": count["empty_steps"] / max(count["steps"], 1),
            "model_seconds": float(count["steps"] * self.circuit.dt),
            "cpu_seconds": self.run.cpu_seconds,
        }


def run_sequence(
    network: Network,
    *,
    dt: Any,
    seed: int,
    backend: str = "cpu",
    label: str = "theta cycles",
    progress: bool = True,
) -> SequenceRun:
    """Lower the network, run it over its source's train, and measure the surprise of each symbol.

    dt     grid, s             seed    key of noise and rounding streams, 0..2³²−1
    The surprise of symbol t uses potentials read before its spike; nothing later can change it.
    """  # fmt: skip
    circuit = lower_circuit(network, dt=dt, seed=seed)
    train = network.sources[0].train
    symbols, steps = by_cycle(train.i, train.steps(dt), circuit.program.period)
    run = run_circuit(circuit, symbols, steps, backend=backend, label=label, progress=progress)
    first = np.log2(circuit.program.symbols)
    surprise = np.concatenate([[first], bits(run.potential[:-1], SCALE, symbols[1:])])
    return SequenceRun(network=network, circuit=circuit, run=run, surprise=surprise)


def learned(found: SequenceRun, manifest: dict[str, Any]) -> Learned:
    """The hand-over: grown synapses by pool, weights and fast states by branch, learned tables.

    "<prime>/i", "/j" and "<drive>/i", "/j" list the grown synapses. "<value>/i", "/j" list those
    that are not silent, with "/weight" (S,) in nats = "/level" int8 times "/lsb", and "/fast" (S,)
    int8 states; "/arrivals" (keys,) counts activations; "/efficacy" (levels,) in nats and "/gain"
    (bins,) are the tables of the branch. The soma sees gain·weight + efficacy[fast] of a synapse.
    """
    circuit, state, network = found.circuit, found.run.state, found.network
    program = circuit.program
    arrays: dict[str, Any] = {}
    for p, name in enumerate(circuit.pools):
        first, n = int(program.first[p]), int(state.mature[p])
        arrays[f"{name}/mature"] = np.array(n)
        for q in network.projections:
            if q.post != name or q.target == "direct":
                continue
            grown = state.parent[first : first + n] >= 0
            keys = np.flatnonzero(grown)
            if q.target == "drive":
                i = state.symbol[first : first + n][grown]
            else:
                parents = state.parent[first : first + n][grown]
                i = parents - program.first[circuit.pools.index(q.pre)]
            arrays[f"{q.name}/i"] = i.astype(np.int64)
            arrays[f"{q.name}/j"] = keys.astype(np.int64)
    values = [q for q in network.projections if q.target in circuit.branches]
    for b, branch in enumerate(circuit.branches):
        name = next(q.name for q in values if q.target == branch)
        row, n = int(program.branch_first[b]), int(state.mature[program.branch_pool[b]])
        w, f = state.w[row : row + n], state.f[row : row + n]
        i, j = np.nonzero(f if program.fast_levels else np.ones_like(w))
        arrays[f"{name}/i"], arrays[f"{name}/j"] = i, j
        arrays[f"{name}/level"], arrays[f"{name}/fast"] = w[i, j], f[i, j]
        arrays[f"{name}/weight"] = w[i, j] * 2.0**-WEIGHT_FRACTION
        arrays[f"{name}/arrivals"] = state.arrivals[row : row + n]
        arrays[f"{name}/lsb"] = np.array(2.0**-WEIGHT_FRACTION)
        arrays[f"{name}/efficacy"] = state.fast[b] * SCALE
        arrays[f"{name}/gain"] = state.gain[b] / 2.0**GAIN_FRACTION
    return Learned(network, arrays, {**manifest, "dt_seconds": float(circuit.dt)})
