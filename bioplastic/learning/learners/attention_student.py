"""A lowered circuit as a student: one theta cycle a symbol, or a whole stream at kernel speed."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.analysis.surprise import bits, log_softmax
from bioplastic.errors import UsageError
from bioplastic.kernels.circuit.run import executor
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import fraction
from bioplastic.learning.learners.attention_cost import Meter, cost_of
from bioplastic.learning.learners.attention_state import (
    alive,
    killed,
    pool_of,
    removed,
    resized,
    value_synapses,
)
from bioplastic.learning.space import Symbols
from bioplastic.philox import philox4x32_array
from bioplastic.quantize.circuit import IntegerCircuit
from bioplastic.quantize.circuit_frozen import frozen
from bioplastic.quantize.circuit_program import FRACTION, Program, State, fresh_trace

SCALE = 2.0**-FRACTION
CHUNK = 1000
PHASES = 7
"""Kind of the random stream of spike times."""
Offsets = Callable[[np.ndarray], np.ndarray]
"""Cycles (L,) → step inside its cycle at which the symbol of each spikes."""


def on_time(cycles: np.ndarray) -> np.ndarray:
    """Every symbol at phase 0."""
    return np.zeros_like(cycles)


@dataclass(frozen=True)
class AnyTime:
    """Every symbol at a phase drawn evenly over the cycle of `period` steps."""

    period: int
    key: int

    def __call__(self, cycles: np.ndarray) -> np.ndarray:
        """Steps (L,) int64; a cycle's does not depend on which others are asked for."""
        return (_uniform(cycles, self.key)[0] * self.period).astype(np.int64)


@dataclass(frozen=True)
class Late:
    """Every symbol late by |N(0, sd)|, sd in steps, at most until the end of its cycle."""

    sd: float
    period: int
    key: int
    base: Offsets

    def __call__(self, cycles: np.ndarray) -> np.ndarray:
        """Steps (L,) int64; a cycle's does not depend on which others are asked for."""
        a, b = _uniform(cycles, self.key)
        normal = np.sqrt(-2.0 * np.log(1.0 - a)) * np.cos(2.0 * np.pi * b)
        late = np.rint(np.abs(normal) * self.sd).astype(np.int64)
        return np.minimum(self.base(cycles) + late, self.period - 1)


def _uniform(cycles: np.ndarray, key: int) -> tuple[np.ndarray, np.ndarray]:
    """Two numbers in [0, 1) for each cycle."""
    low = np.asarray(cycles) & 0xFFFFFFFF
    counter = np.stack([low, *(np.full_like(low, n) for n in (PHASES, 0, 0))], axis=-1)
    words = philox4x32_array(counter, (key, 0)) / 2.0**32
    return words[..., 0], words[..., 1]


class AttentionStudent:
    """One circuit somewhere in a stream.

    p(x) = softmax(u)_x, u the potentials of the outputs at the end of the last theta cycle.

    circuit    lowered network with small pools; they are doubled whenever they could fill up, to
               at most `limit` keys each. Pools with one neuron keep it.
    backend    executor of the circuit kernel
    offsets    when inside its cycle a symbol spikes

    `observe` freezes weights, fast states, their worths, gains and recruitment. What goes on is
    activity: which keys spike, and how often each did (the count n that metaplasticity reads).
    In the cycle after a change between the two, only one half of the rule acts on the plateaus of
    the cycle before: depression came without its potentiation, or the other way round.
    `circuit`, `state` and `meter` may be read, not changed.
    """

    stride = CHUNK
    """Cycles per call of the executor."""

    def __init__(
        self,
        circuit: IntegerCircuit,
        space: Symbols,
        *,
        limit: int,
        backend: str = "cpu",
        offsets: Offsets = on_time,
    ) -> None:
        self.circuit, self.space, self.limit, self.offsets = circuit, space, limit, offsets
        self.program: Program = circuit.program
        still = frozen(circuit, circuit.state)
        self.still: Program = still.program
        self.state: State = still.state
        self.meter = Meter()
        self.backend = backend
        self._lost: dict[int, np.ndarray] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> AttentionStudent:
        twin = copy.copy(self)
        twin.restore(self.snapshot())
        return twin

    def snapshot(self) -> dict[str, Any]:
        """Everything that changes, as a copy."""
        return {
            "program": self.program,
            "still": self.still,
            "state": State(*(np.copy(a) for a in self.state)),
            "meter": copy.deepcopy(self.meter),
            "lost": dict(self._lost),
        }

    def restore(self, taken: dict[str, Any]) -> None:
        """Go back to a snapshot, which stays good."""
        self.program, self.still = taken["program"], taken["still"]
        self.state = State(*(np.copy(a) for a in taken["state"]))
        self.meter, self._lost = copy.deepcopy(taken["meter"]), dict(taken["lost"])

    @property
    def potentials(self) -> np.ndarray:
        """u (V,) of the outputs now, Q17 nats: the sum of the plateaus that last."""
        live = (self.state.held_row >= 0) & (self.state.step[0] < self.state.held_until)
        found: np.ndarray = self.state.held_u[live].sum(axis=0, dtype=np.int64)
        return found

    def predict(self, history: Any) -> np.ndarray:
        """softmax(u), (V,); from the state, whatever `history` says."""
        return _softmax(self.potentials[None])[0]

    def learn(self, x: int) -> None:
        """One theta cycle with plasticity."""
        self._cycles(np.array([x]), learning=True)

    def observe(self, x: int) -> None:
        """One theta cycle without."""
        self._cycles(np.array([x]), learning=False)

    def run(self, stream: np.ndarray, *, learning: bool = True) -> np.ndarray:
        """Bits (L,) of the symbols of a stream."""
        x = self.space.check(stream)
        fresh = int(self.state.step[0]) == 0
        found = bits(self._before(x, learning=learning), SCALE, x)
        if fresh and len(found):
            found[0] = np.log2(self.program.symbols)
        return found

    def predictions(self, stream: np.ndarray, *, learning: bool = True) -> np.ndarray:
        """p (L, V) before each symbol of a stream, at the speed of `run`."""
        return _softmax(self._before(self.space.check(stream), learning=learning))

    def cost(self) -> Cost:
        """Totals since the start, from the kernel's counters; see `attention_cost.cost_of`."""
        return cost_of(self.program, self.state, self.meter)

    def lesion_neurons(self, share: float, rng: np.random.Generator) -> None:
        """Silence this fraction of the keys that can spike, roots included."""
        keys = alive(self.program, self.state)
        count = round(fraction(share, "lesion_neurons") * len(keys))
        self._kill(rng.choice(keys, count, replace=False))

    def lesion_synapses(self, share: float, rng: np.random.Generator) -> None:
        """Remove this fraction of the plastic synapses: values that transmit, primes, drives.

        A key that lost its prime or its drive is silent for good. A value synapse that is lost and
        learned again is removed again at the end of that cycle, before it is predicted from; only
        the races of that one cycle could hear it.
        """
        rows, outputs = value_synapses(self.program, self.state)
        grown = np.flatnonzero(self.state.parent >= 0)
        total = len(rows) + 2 * len(grown)
        count = round(fraction(share, "lesion_synapses") * total)
        drawn = rng.choice(total, count, replace=False)
        inside = drawn[drawn < len(rows)]
        self._kill(np.unique(grown[(drawn[drawn >= len(rows)] - len(rows)) // 2]))
        where, gone = rows[inside], outputs[inside]
        order = np.argsort(where, kind="stable")
        first, starts = np.unique(where[order], return_index=True)
        parts = np.split(gone[order], starts[1:]) if len(first) else []
        for row, part in zip(first.tolist(), parts, strict=True):
            self._lost[row] = np.union1d(self._lost.get(row, part), part)
            removed(self.state, row, self._lost[row])

    def jitter_spikes(self, sd_ms: float, rng: np.random.Generator) -> None:
        """From now on every symbol is late by |N(0, sd_ms)|; it cannot come before its cycle."""
        if not sd_ms >= 0:
            raise UsageError(f"jitter_spikes: sd_ms = {sd_ms} starts at 0")
        steps = sd_ms / 1000.0 / self.circuit.dt
        key = int(rng.integers(1 << 32))
        self.offsets = Late(steps, self.program.period, key, self.offsets)

    def _kill(self, keys: np.ndarray) -> None:
        if len(keys):
            self.program = killed(self.program, self.state, keys)
            self.still = self.still._replace(direct=self.program.direct)

    def _before(self, x: np.ndarray, *, learning: bool) -> np.ndarray:
        """u (L, V) before each symbol; the stream is gone through."""
        now = self.potentials[None]
        return np.concatenate([now, self._cycles(x, learning=learning)])[: len(x)]

    def _cycles(self, x: np.ndarray, *, learning: bool) -> np.ndarray:
        """Run the cycles of x in chunks; u (L, V) at the end of each."""
        stride = 1 if self._lost and learning else self.stride
        found = [
            self._chunk(x[a : a + stride].astype(np.int32), learning)
            for a in range(0, len(x), stride)
        ]
        return np.concatenate([np.zeros((0, self.program.symbols), np.int32), *found])

    def _chunk(self, x: np.ndarray, learning: bool) -> np.ndarray:
        if learning:
            self._make_room(len(x) + 2)
        program, state, meter = self.program if learning else self.still, self.state, self.meter
        trace = fresh_trace(program, len(x))._replace(counts=meter.counts)
        cycles = int(state.step[0]) // program.period + np.arange(len(x), dtype=np.int64)
        steps = cycles * program.period + self.offsets(cycles)
        held = state.held_row.copy()
        mature, arrivals = state.mature.copy(), int(state.arrivals.sum(dtype=np.int64))
        tick, busy = time.perf_counter(), time.process_time()
        executor(self.backend)(program, state, x, steps, np.full(len(x), -1, np.int32), trace)
        meter.wall += time.perf_counter() - tick
        meter.cpu += time.process_time() - busy
        meter.symbols += len(x)
        meter.value_arrivals += int(state.arrivals.sum(dtype=np.int64)) - arrivals
        meter.grew(program, mature, trace.recruited)
        self.after(x, cycles, trace, learning=learning)
        if self._lost and learning:
            # the teacher potentiates what the last cycle's keys held; new ones are held by now
            for row in {int(r) for r in (*held, *state.held_row)} & self._lost.keys():
                removed(state, row, self._lost[row])
            trace.potential[-1] = self.potentials
        return trace.potential

    def after(self, x: np.ndarray, cycles: np.ndarray, trace: Any, *, learning: bool) -> None:
        """Called after each chunk of cycles; for students that read more than the potentials."""

    def _make_room(self, recruits: int) -> None:
        """Double the pools that could fill up, before they do."""
        sizes = np.diff(self.program.first).astype(np.int64)
        grows = self.program.has_pool_parent >= 0
        short = grows & (self.state.mature + recruits > sizes) & (sizes < self.limit)
        if not short.any():
            return
        wanted = np.maximum(2 * sizes, self.state.mature + recruits)
        sizes = np.where(short, np.minimum(wanted, self.limit), sizes)
        before = self.program
        self.program, self.state = resized(before, self.state, sizes)
        self.still = self.still._replace(
            first=self.program.first, branch_first=self.program.branch_first
        )
        moved = {}
        for row, outputs in self._lost.items():
            b = int(np.searchsorted(before.branch_first, row, side="right")) - 1
            moved[row - int(before.branch_first[b]) + int(self.program.branch_first[b])] = outputs
        self._lost = moved

    def keys_of(self, held: np.ndarray) -> np.ndarray:
        """Keys as `Trace.held` has them → places in their pool, −1 kept."""
        pool = pool_of(self.program, np.maximum(held, 0))
        return np.where(held >= 0, held - self.program.first[pool], -1)


def _softmax(u: np.ndarray) -> np.ndarray:
    p = np.exp(log_softmax(u, SCALE))
    found: np.ndarray = p / p.sum(axis=-1, keepdims=True)
    return found
