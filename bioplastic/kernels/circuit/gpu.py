"""Circuit kernel on a GPU (CUDA or HIP, Triton): a batch of circuits, bit-equal to `reference`.

One program runs one circuit from its first step to its last; the circuits of a batch share a
Program and differ in state, symbols and seed. The state travels to the device and back once a call.
With TRITON_INTERPRET=1 in the environment the same code runs without a GPU, slowly.

A child is found from (parent, symbol) in an open-addressing table in global memory. Comparing a
whole pool needs no table, but reads 8 bytes of every key at every drive, and pools grow as long as
the text is new; a probe reads one or two cells whatever the pool holds, and the table costs 8 to 16
bytes a key and one pass over the keys when a launch begins.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from bioplastic.errors import UsageError
from bioplastic.kernels.circuit.gpu_common import N_COUNTERS
from bioplastic.kernels.circuit.gpu_program import (
    Derived,
    Tables,
    derived,
    rule,
    tables,
    tiles,
    warps,
)
from bioplastic.kernels.circuit.gpu_step import circuit_kernel
from bioplastic.quantize.circuit_program import Program, State, Trace

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"  # Triton decides when a kernel is defined


def device() -> torch.device:
    """Where kernels run; UsageError when there is no GPU and the interpreter was not asked for."""
    if not INTERPRETED and not torch.cuda.is_available():
        raise UsageError("backend = 'gpu': torch finds no CUDA or HIP device; use 'cpu'")
    return torch.device("cpu" if INTERPRETED else "cuda")


def run_batch(
    program: Program,
    seeds: Sequence[int],
    states: Sequence[State],
    symbols: np.ndarray,
    steps: np.ndarray,
    following: np.ndarray,
    traces: Sequence[Trace],
) -> list[tuple[int, int]]:
    """Run L theta cycles of G circuits; states and traces are updated in place.

    seeds (G,)             key of the random streams of each circuit
    states, traces (G,)    as `cpu.run` takes them, equal in shape
    symbols (G, L) int32   symbol of each cycle      following (G, L) int32   the next, or −1
    steps (G, L) int64     step at which it spikes, inside its cycle; −1 = never
    Returns (key spikes, output spikes) of each circuit.
    Raises UsageError when there is no GPU.
    """
    where = device()
    if not states:
        return []

    def there(arrays: Any, kind: type | None = None) -> torch.Tensor:
        return torch.from_numpy(np.asarray(np.stack(arrays), dtype=kind)).to(where)

    def room(like: np.ndarray) -> torch.Tensor:
        kind = torch.from_numpy(like[:0].copy()).dtype
        return torch.empty((len(states), *like.shape), dtype=kind, device=where)

    kept = [derived(program, state) for state in states]
    rooms = (len(traces[0].key_id), len(traces[0].out_id))
    numbers = rule(program, states[0], kept[0], symbols.shape[1], rooms)
    tile = tiles(numbers)
    moved: Any = State._make(there(column) for column in zip(*states, strict=True))
    found: Any = Trace._make(room(a) for a in traces[0])
    counts = torch.empty((len(states), N_COUNTERS.value), dtype=torch.int64, device=where)
    found = found._replace(counts=counts)
    written = torch.empty((len(states), 2), dtype=torch.int32, device=where)
    constants = Tables._make(
        torch.from_numpy(np.ascontiguousarray(a)).to(where) for a in tables(program)
    )
    beside = Derived._make(there(column) for column in zip(*kept, strict=True))
    circuit_kernel[(len(states),)](
        constants, moved, beside, found, written, there(seeds, np.int64),
        there(symbols, np.int32), there(steps, np.int64), there(following, np.int32),
        **numbers._asdict(), tile=tile, num_warps=warps(tile),
    )  # fmt: skip
    spikes = [(int(a), int(b)) for a, b in written.tolist()]
    for here, back in zip(zip(*states, strict=True), moved, strict=True):
        for target, source in zip(here, back.cpu().numpy(), strict=True):
            target[...] = source
    for g, (trace, (keys, outs)) in enumerate(zip(traces, spikes, strict=True)):
        _record(trace, Trace._make(a[g].cpu().numpy() for a in found), keys, outs)
    return spikes


def _record(trace: Trace, found: Trace, keys: int, outs: int) -> None:
    """What the kernel wrote goes into the trace; counters add up."""
    for name in ("potential", "held", "share", "winners", "recruited"):
        getattr(trace, name)[...] = getattr(found, name)
    for name in ("key_step", "key_id"):
        getattr(trace, name)[:keys] = getattr(found, name)[:keys]
    for name in ("out_step", "out_id", "out_forced"):
        getattr(trace, name)[:outs] = getattr(found, name)[:outs]
    trace.counts[:] += found.counts[: len(trace.counts)]


def run(
    program: Program,
    state: State,
    symbols: np.ndarray,
    steps: np.ndarray,
    following: np.ndarray,
    trace: Trace,
) -> tuple[int, int]:
    """Run len(symbols) theta cycles of one circuit; same contract as `cpu.run`."""
    given = (symbols[None], steps[None], following[None])
    return run_batch(program, [program.seed], [state], *given, [trace])[0]
