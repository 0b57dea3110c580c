"""What a circuit costs, from the kernel's counters and its state."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bioplastic.learning.cost import Cost
from bioplastic.quantize.circuit_program import COUNTERS, Program, State

KEY_BYTES = 24
"""Six int32 of a key: potential, current, refractory steps, parent, symbol, spikes."""
SIZED = ("first", "branch_first")
"""Tables of the program that the neurons own, or that only say where arrays begin."""


@dataclass(eq=False)
class Meter:
    """Counts of one student.

    counts             the kernel's counters (COUNTERS)
    neuron_steps       Σ over grid steps of neurons present
    synapse_steps      Σ over grid steps of synapses present
    """

    counts: np.ndarray = field(default_factory=lambda: np.zeros(len(COUNTERS), np.int64))
    symbols: int = 0
    neuron_steps: int = 0
    synapse_steps: int = 0
    value_arrivals: int = 0
    wall: float = 0.0
    cpu: float = 0.0

    def grew(self, program: Program, mature: np.ndarray, recruited: np.ndarray) -> None:
        """Note the size of the circuit in each cycle.

        mature (P,)        keys before the first of these cycles
        recruited (L, P)   as `Trace.recruited`: a key counts from the cycle that recruited it
        """
        present = mature[None, :] + np.cumsum(recruited >= 0, axis=0)
        self.neuron_steps += program.period * int((present.sum(axis=1) + fixed(program)).sum())
        self.synapse_steps += program.period * int((present @ synapses_per_key(program)).sum())
        self.synapse_steps += program.period * len(recruited) * static_synapses(program)

    def named(self) -> dict[str, int]:
        """The kernel's counters by name."""
        return dict(zip(COUNTERS, self.counts.tolist(), strict=True))


def fixed(program: Program) -> int:
    """Neurons that are there from the start: outputs, and the young neuron of each pool."""
    return program.symbols + int((program.has_pool_parent >= 0).sum())


def synapses_per_key(program: Program) -> np.ndarray:
    """(P,) plastic synapses that a grown key owns: prime, drive, and V values on each branch."""
    branches = np.bincount(program.branch_pool, minlength=len(program.has_pool_parent))
    found: np.ndarray = 2 * (program.has_pool_parent >= 0) + branches * program.symbols
    return found


def static_synapses(program: Program) -> int:
    """Synapses that never change: direct ones and the teacher's."""
    return int((program.direct != 0).sum()) + program.symbols


def cost_of(program: Program, state: State, meter: Meter) -> Cost:
    """Totals of a student; every term is a counter of the kernel or a product of two counts.

    footprint_bytes    grown keys (24 B each, and per branch 4 + 2V B: n, int8 w, int8 f), tables
                       (gains, worths of fast states, constants of the program), plateaus
    effective_macs     value_events: gain·w of each synapse that transmits and hears its key
    effective_acs      conducted_events + value_events: gated and direct synapses; E[f] into the sum
    membrane_updates   neuron_updates of keys + V plateaus for each key spike at a branch + V per
                       race and read-out (the executor solves the ramp; a clocked one would do V
                       in every step)
    weight_updates     int8 weights and fast states written, and one gain and one worth for each
                       weight (none at the first use of a key: a little too many)
    learning_macs      one for each of those gains: change · w
    trace_updates      arrival counts n, one for each key spike at a branch
    bytes_touched      24 per key update, 24 per gated event, 12 + 8V per key spike at a branch,
                       12V per race, 4BV per read-out (two a cycle), 18 per weight update, V per
                       branch and symbol for the competition of fast states
    Arrivals at shut gates move nothing and are left out; `Meter.named()` has them.
    """
    n = meter.named()
    size, branches = program.symbols, len(program.branch_pool)
    arrivals, cycles = meter.value_arrivals, meter.symbols
    races = cycles * program.gamma
    grown, rows = int(state.mature.sum()), _rows(program, state)
    tables = sum(
        v.nbytes
        for k, v in program._asdict().items()
        if isinstance(v, np.ndarray) and k not in SIZED
    )
    tables += state.gain.nbytes + state.fast.nbytes
    plateaus = branches * (6 * size + 16)
    return Cost(
        symbols=cycles,
        executions=n["steps"],
        footprint_bytes=grown * KEY_BYTES + rows * (4 + 2 * size) + tables + plateaus,
        plastic_synapses=int(state.mature @ synapses_per_key(program)),
        fixed_synapses=static_synapses(program),
        neurons=grown + fixed(program),
        states_per_synapse=(1.0 if program.fast_levels else 0.0) + 1.0 / size,
        dense_operations=meter.synapse_steps,
        effective_macs=n["value_events"],
        effective_acs=n["conducted_events"] + n["value_events"],
        activations=meter.neuron_steps,
        silent_activations=meter.neuron_steps - n["key_spikes"] - n["output_spikes"],
        membrane_updates=n["neuron_updates"] + size * (arrivals + races + cycles),
        trace_updates=arrivals,
        weight_updates=3 * n["weight_updates"] + n["fast_updates"],
        learning_macs=n["weight_updates"],
        bytes_touched=KEY_BYTES * (n["neuron_updates"] + n["conducted_events"])
        + arrivals * (12 + 8 * size)
        + races * 12 * size
        + cycles * branches * size * (8 + (1 if program.fast_levels else 0))
        + 18 * n["weight_updates"],
        wall_seconds=meter.wall,
        cpu_seconds=meter.cpu,
    )


def _rows(program: Program, state: State) -> int:
    return int(state.mature[program.branch_pool].sum())
