"""Run a lowered circuit over a symbol schedule: chunks, progress, spike records, counters."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from bioplastic.errors import UsageError, nearest
from bioplastic.quantize.circuit import IntegerCircuit
from bioplastic.quantize.circuit_program import COUNTERS, Program, State, Trace, fresh_trace
from bioplastic.result import SpikeRecord

BACKENDS = ("cpu", "reference")
CHUNK = 1000
"""Theta cycles per call of the executor; progress moves by so many."""

Executor = Callable[[Program, State, np.ndarray, np.ndarray, np.ndarray, Trace], tuple[int, int]]


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
    wall_seconds, cpu_seconds of the executor alone, compilation left out
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


def executor(backend: str) -> Executor:
    """The executor of that name; UsageError with the nearest name otherwise."""
    if backend == "cpu":
        from bioplastic.kernels.circuit.cpu import run as cpu

        return cpu
    if backend == "reference":
        from bioplastic.kernels.circuit.reference import run as reference

        return reference
    raise UsageError(
        f"backend = {backend!r}: the circuit kernel has no such backend{nearest(backend, BACKENDS)}"
    )


def by_cycle(train_i: np.ndarray, steps: np.ndarray, period: int) -> tuple[np.ndarray, ...]:
    """One symbol per cycle from spikes: (symbols (L,), steps (L,)).

    Raises UsageError when a cycle has no spike or more than one.
    """
    cycles = steps // period
    if not np.array_equal(cycles, np.arange(len(cycles))):
        bad = int(np.flatnonzero(cycles != np.arange(len(cycles)))[0])
        raise UsageError(f"symbols: cycle {bad} must hold exactly one spike of the source")
    return np.asarray(train_i, np.int32), np.asarray(steps, np.int64)


def _copy(state: State) -> State:
    return State(*(np.copy(a) for a in state))


def warm_up(circuit: IntegerCircuit, run: Executor) -> None:
    """Compile by running nothing: zero cycles from a copy of the state."""
    empty = np.zeros(0, np.int32)
    run(circuit.program, _copy(circuit.state), empty, empty.astype(np.int64), empty,
        fresh_trace(circuit.program, 0))  # fmt: skip


def run_circuit(
    circuit: IntegerCircuit,
    symbols: np.ndarray,
    steps: np.ndarray,
    *,
    backend: str = "cpu",
    state: State | None = None,
    label: str = "theta cycles",
    progress: bool = True,
) -> CircuitRun:
    """Run L = len(symbols) theta cycles from `state` (default: fresh), which is not changed.

    symbols (L,) int     symbol of each cycle          steps (L,) int64   step at which it spikes
    backend              "cpu" or "reference", equal in every bit
    Raises UsageError for a symbol outside the alphabet, a step outside its cycle or a backend that
    does not exist.
    """
    program, start = circuit.program, circuit.state if state is None else state
    symbols, steps = np.asarray(symbols, np.int32), np.asarray(steps, np.int64)
    if len(symbols) and not 0 <= symbols.min() <= symbols.max() < program.symbols:
        raise UsageError(f"symbols: must lie in 0..{program.symbols - 1}")
    first = int(start.step[0])
    if not np.array_equal((steps - first) // program.period, np.arange(len(steps))):
        raise UsageError("steps: every symbol must spike inside its own cycle")
    following = np.append(symbols[1:], -1).astype(np.int32)
    now, trace, run = _copy(start), fresh_trace(program, len(symbols)), executor(backend)
    warm_up(circuit, run)
    wall = cpu = 0.0
    keys, outs = [], []
    bar = tqdm(
        total=len(symbols),
        desc=label,
        unit="symbol",
        disable=not (progress and sys.stderr.isatty()),
    )
    with bar:
        for a in range(0, len(symbols), CHUNK):
            part = slice(a, min(a + CHUNK, len(symbols)))
            piece = _piece(program, trace, part)
            tick, busy = time.perf_counter(), time.process_time()
            n_keys, n_outs = run(program, now, symbols[part], steps[part], following[part], piece)
            wall, cpu = wall + time.perf_counter() - tick, cpu + time.process_time() - busy
            keys.append((piece.key_step[:n_keys], piece.key_id[:n_keys]))
            outs.append((piece.out_step[:n_outs], piece.out_id[:n_outs]))
            bar.update(part.stop - part.start)
    return CircuitRun(
        circuit=circuit, symbols=symbols, potential=trace.potential, share=trace.share,
        held=_local(program, trace.held, program.branch_pool),
        winners=trace.winners,
        recruited=_local(program, trace.recruited, np.arange(len(circuit.pools))),
        spikes=_spikes(circuit, symbols, steps, keys, outs), state=now,
        counters=dict(zip(COUNTERS, trace.counts.tolist(), strict=True)),
        wall_seconds=wall, cpu_seconds=cpu,
    )  # fmt: skip


def _piece(program: Program, trace: Trace, part: slice) -> Trace:
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
