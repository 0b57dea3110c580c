"""Run lowered circuits over symbol schedules: chunks, progress, spike records, counters."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from tqdm import tqdm

from bioplastic.errors import UsageError, nearest
from bioplastic.kernels.circuit.record import CircuitRun as CircuitRun
from bioplastic.kernels.circuit.record import Recorder, copied, piece_of
from bioplastic.quantize.circuit import IntegerCircuit
from bioplastic.quantize.circuit_program import Program, State, Trace, fresh_trace

BACKENDS = ("cpu", "reference", "gpu")
CHUNK = 1000
"""Theta cycles per call of the executor; progress moves by so many."""

Executor = Callable[[Program, State, np.ndarray, np.ndarray, np.ndarray, Trace], tuple[int, int]]


def executor(backend: str) -> Executor:
    """The executor of that name; UsageError with the nearest name otherwise."""
    if backend == "cpu":
        from bioplastic.kernels.circuit.cpu import run as cpu

        return cpu
    if backend == "reference":
        from bioplastic.kernels.circuit.reference import run as reference

        return reference
    if backend == "gpu":
        return _gpu().run
    raise UsageError(
        f"backend = {backend!r}: the circuit kernel has no such backend{nearest(backend, BACKENDS)}"
    )


def _gpu() -> Any:
    """The module of the GPU executor; UsageError where it cannot run."""
    if find_spec("triton") is None:
        raise UsageError("backend = 'gpu': triton is not installed; use 'cpu'")
    from bioplastic.kernels.circuit import gpu

    gpu.device()
    return gpu


def by_cycle(train_i: np.ndarray, steps: np.ndarray, period: int) -> tuple[np.ndarray, ...]:
    """One symbol per cycle from spikes: (symbols (L,), steps (L,)).

    Raises UsageError when a cycle has no spike or more than one.
    """
    cycles = steps // period
    if not np.array_equal(cycles, np.arange(len(cycles))):
        bad = int(np.flatnonzero(cycles != np.arange(len(cycles)))[0])
        raise UsageError(f"symbols: cycle {bad} must hold exactly one spike of the source")
    return np.asarray(train_i, np.int32), np.asarray(steps, np.int64)


def warm_up(circuit: IntegerCircuit, run: Executor) -> None:
    """Compile by running nothing: zero cycles from a copy of the state."""
    empty = np.zeros(0, np.int32)
    run(circuit.program, copied(circuit.state), empty, empty.astype(np.int64), empty,
        fresh_trace(circuit.program, 0))  # fmt: skip


def _checked(
    program: Program, start: State, symbols: np.ndarray, steps: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(symbols, steps, the symbol after each); see `run_circuit` for what is refused."""
    symbols, steps = np.asarray(symbols, np.int32), np.asarray(steps, np.int64)
    if len(symbols) and not 0 <= symbols.min() <= symbols.max() < program.symbols:
        raise UsageError(f"symbols: must lie in 0..{program.symbols - 1}")
    first = int(start.step[0])
    if not np.array_equal((steps - first) // program.period, np.arange(len(steps))):
        raise UsageError("steps: every symbol must spike inside its own cycle")
    return symbols, steps, np.append(symbols[1:], -1).astype(np.int32)


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
    backend              "cpu", "reference" or "gpu", equal in every bit
    Raises UsageError for a symbol outside the alphabet, a step outside its cycle, a backend that
    does not exist, or "gpu" without a GPU.
    """
    program, start = circuit.program, circuit.state if state is None else state
    symbols, steps, following = _checked(program, start, symbols, steps)
    made, run = Recorder(circuit, start, len(symbols)), executor(backend)
    warm_up(circuit, run)
    wall = cpu = 0.0
    bar = tqdm(
        total=len(symbols),
        desc=label,
        unit="symbol",
        disable=not (progress and sys.stderr.isatty()),
    )
    with bar:
        for a in range(0, len(symbols), CHUNK):
            part = slice(a, min(a + CHUNK, len(symbols)))
            piece = piece_of(program, made.trace, part)
            tick, busy = time.perf_counter(), time.process_time()
            written = run(program, made.state, symbols[part], steps[part], following[part], piece)
            wall, cpu = wall + time.perf_counter() - tick, cpu + time.process_time() - busy
            made.take(piece, written)
            bar.update(part.stop - part.start)
    return made.run(symbols, steps, wall, cpu)


def run_circuits(
    circuit: IntegerCircuit,
    symbols: np.ndarray,
    steps: np.ndarray,
    states: Sequence[State] | None = None,
    *,
    seeds: Sequence[int] | None = None,
    backend: str = "cpu",
    label: str = "circuits",
    progress: bool = True,
) -> list[CircuitRun]:
    """Run G independent circuits of one program over L theta cycles each.

    symbols, steps (G, L)   one row per circuit, as `run_circuit` takes them
    states (G,)             where each starts (default: fresh); not changed
    seeds (G,)              key of the random streams of each (default: the circuit's seed for all)
    backend                 "gpu" runs all circuits at once, one Triton program each; "cpu" and
                            "reference" run one after another. The results are equal in every bit.
    Raises UsageError as `run_circuit` does, and when the numbers of circuits differ.
    """
    symbols, steps = np.asarray(symbols), np.asarray(steps)
    many = len(symbols)
    given = [circuit.state] * many if states is None else list(states)
    keys = [circuit.program.seed] * many if seeds is None else [int(seed) for seed in seeds]
    if symbols.ndim != 2 or symbols.shape != steps.shape:
        raise UsageError(f"symbols {symbols.shape}, steps {steps.shape}: must both be (G, L)")
    if len(given) != many or len(keys) != many:
        raise UsageError(
            f"symbols holds {many} circuits: {len(given)} states and {len(keys)} seeds given"
        )
    own = [replace(circuit, program=circuit.program._replace(seed=seed)) for seed in keys]
    if backend == "gpu":
        return _together(own, symbols, steps, given, label, progress)
    return [
        run_circuit(c, a, b, backend=backend, state=s, label=label, progress=progress)
        for c, a, b, s in zip(own, symbols, steps, given, strict=True)
    ]


def _together(
    circuits: list[IntegerCircuit],
    symbols: np.ndarray,
    steps: np.ndarray,
    states: list[State],
    label: str,
    progress: bool,
) -> list[CircuitRun]:
    """One launch per chunk of cycles for all circuits."""
    gpu = _gpu()
    if not circuits:
        return []
    checked = [
        _checked(c.program, s, a, b)
        for c, s, a, b in zip(circuits, states, symbols, steps, strict=True)
    ]
    shown, at, following = (np.stack(column) for column in zip(*checked, strict=True))
    made = [Recorder(c, s, shown.shape[1]) for c, s in zip(circuits, states, strict=True)]
    program, seeds = circuits[0].program, [c.program.seed for c in circuits]
    warm_up(circuits[0], gpu.run)
    wall = cpu = 0.0
    bar = tqdm(
        total=shown.size,
        desc=label,
        unit="symbol",
        disable=not (progress and sys.stderr.isatty()),
    )
    with bar:
        for a in range(0, shown.shape[1], CHUNK):
            part = slice(a, min(a + CHUNK, shown.shape[1]))
            pieces = [piece_of(program, m.trace, part) for m in made]
            tick, busy = time.perf_counter(), time.process_time()
            written = gpu.run_batch(
                program, seeds, [m.state for m in made], shown[:, part], at[:, part],
                following[:, part], pieces,
            )  # fmt: skip
            wall, cpu = wall + time.perf_counter() - tick, cpu + time.process_time() - busy
            for one, piece, spikes in zip(made, pieces, written, strict=True):
                one.take(piece, spikes)
            bar.update(shown[:, part].size)
    return [m.run(s, k, wall, cpu) for m, s, k in zip(made, shown, at, strict=True)]
