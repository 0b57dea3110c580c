"""What a run of a circuit hands back, and how it is collected chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.quantize.circuit import IntegerCircuit
from bioplastic.quantize.circuit_program import COUNTERS, Program, State, Trace, fresh_trace
from bioplastic.result import SpikeRecord


@dataclass(frozen=True, kw_only=True)
class CircuitRun:
    """What a circuit did over L theta cycles.

    symbols (L,)             the symbols shown
    potential (L, V)         u in Q17 nats at the end of each cycle: predicts the next symbol
    held (L, B)              key whose plateau lived on each branch then (in its pool), −1 none
    share (L, B)             what each branch gave to the symbol that came next, Q17 nats
    winners (L, gamma)       output that won each race, −1 = nobody crossed
    recruited (L, P)         key recruited in each pool and cycle (index in its pool), −1 = none
    spikes                   population → SpikeRecord
    state                    state after the last cycle; `counters` by name
    wall_seconds, cpu_seconds of the executor alone, compilation left out; circuits of one launch
                             all carry the seconds of the launch
    """

    circuit: IntegerCircuit
    symbols: np.ndarray
    potential: np.ndarray
    held: np.ndarray
    share: np.ndarray
    winners: np.ndarray
    recruited: np.ndarray
    spikes: dict[str, SpikeRecord]
    state: State
    counters: dict[str, int]
    wall_seconds: float
    cpu_seconds: float


def copied(state: State) -> State:
    """A state of its own."""
    return State(*(np.copy(a) for a in state))


class Recorder:
    """What one circuit has done so far."""

    def __init__(self, circuit: IntegerCircuit, start: State, cycles: int) -> None:
        self.circuit, self.state = circuit, copied(start)
        self.trace = fresh_trace(circuit.program, cycles)
        self.keys: list[tuple[np.ndarray, np.ndarray]] = []
        self.outs: list[tuple[np.ndarray, np.ndarray]] = []

    def take(self, piece: Trace, written: tuple[int, int]) -> None:
        """Keep the spikes of one chunk."""
        n_keys, n_outs = written
        self.keys.append((piece.key_step[:n_keys], piece.key_id[:n_keys]))
        self.outs.append((piece.out_step[:n_outs], piece.out_id[:n_outs]))

    def run(self, symbols: np.ndarray, steps: np.ndarray, wall: float, cpu: float) -> CircuitRun:
        """Everything together."""
        circuit, trace, program = self.circuit, self.trace, self.circuit.program
        return CircuitRun(
            circuit=circuit, symbols=symbols, potential=trace.potential, share=trace.share,
            held=_local(program, trace.held, program.branch_pool),
            winners=trace.winners,
            recruited=_local(program, trace.recruited, np.arange(len(circuit.pools))),
            spikes=_spikes(circuit, symbols, steps, self.keys, self.outs), state=self.state,
            counters=dict(zip(COUNTERS, trace.counts.tolist(), strict=True)),
            wall_seconds=wall, cpu_seconds=cpu,
        )  # fmt: skip


def piece_of(program: Program, trace: Trace, part: slice) -> Trace:
    """A trace for one chunk that writes into the rows of the whole trace."""
    fresh = fresh_trace(program, part.stop - part.start)
    rows = {
        name: getattr(trace, name)[part]
        for name in ("potential", "held", "share", "winners", "recruited")
    }
    return fresh._replace(counts=trace.counts, **rows)


def _local(program: Program, key: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Global key indices → indices inside their pool, −1 kept."""
    return np.where(key >= 0, key - program.first[pool][None, :], -1)


def _spikes(
    circuit: IntegerCircuit, symbols: np.ndarray, steps: np.ndarray, keys: list, outs: list
) -> dict[str, SpikeRecord]:
    program, dt = circuit.program, circuit.dt

    def joined(parts: list, column: int) -> np.ndarray:
        return np.concatenate([p[column] for p in parts] or [np.zeros(0)]).astype(np.int64)

    def record(name: str, at: np.ndarray, ids: np.ndarray, size: int) -> SpikeRecord:
        order = np.lexsort((ids, at))
        spelt = circuit.labels if name in (circuit.source, circuit.outputs) else None
        return SpikeRecord(
            population=name, steps=at[order], ids=ids[order], size=size, dt=dt, labels=spelt
        )

    found = {
        circuit.source: record(circuit.source, steps, symbols.astype(np.int64), program.symbols)
    }
    key_steps, key_ids = joined(keys, 0), joined(keys, 1)
    pool = np.searchsorted(program.first, key_ids, side="right") - 1
    for p, name in enumerate(circuit.pools):
        mine, size = pool == p, int(program.first[p + 1] - program.first[p])
        found[name] = record(name, key_steps[mine], key_ids[mine] - program.first[p], size)
    found[circuit.outputs] = record(
        circuit.outputs, joined(outs, 0), joined(outs, 1), program.symbols
    )
    return found
