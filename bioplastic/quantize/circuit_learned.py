"""A learned circuit back from its file: the same program, the grown and learned arrays in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.description import Projection
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.learned import Learned
from bioplastic.quantize.circuit import IntegerCircuit, lower_circuit
from bioplastic.quantize.circuit_program import FRACTION, GAIN_FRACTION, State


def restored(learned: Learned, *, dt: Any, seed: int = 0) -> tuple[IntegerCircuit, State]:
    """Lower the description and put what was learned into a fresh state: (circuit, state).

    dt     grid, s; that of the run unless its delays are whole steps of another too
    Keys, synapses, weights, fast states, their worth, gains and activation counts are those of the
    file. Spikes, plateaus and arrivals under way, and how often each key spiked, are not in it: the
    circuit starts at rest, and learning may recruit otherwise where `min_activations` is above 0.
    Raises UnsupportedModel for what is no dendritic-attention network, UsageError for arrays that
    do not fit it.
    """
    circuit = lower_circuit(learned.description, dt=dt, seed=seed)
    state = State(*(np.copy(a) for a in circuit.state))
    try:
        for p, pool in enumerate(circuit.pools):
            state.mature[p] = _within(learned, f"{pool}/mature", (), 0, _size(circuit, p))
        for q in learned.description.projections:
            if q.target in circuit.branches:
                _values(learned, circuit, state, q)
            elif q.post in circuit.pools and q.target != "direct":
                _grown(learned, circuit, state, q)
    except (IndexError, ValueError) as error:
        raise UsageError(f"learned arrays do not fit the circuit: {error}") from None
    return circuit, state


def _size(circuit: IntegerCircuit, p: int) -> int:
    return int(circuit.program.first[p + 1] - circuit.program.first[p])


def _array(learned: Learned, name: str) -> np.ndarray:
    if name not in learned.arrays:
        raise UnsupportedModel(f"learned array {name!r} is missing: this network was not grown")
    return np.asarray(learned.arrays[name].values)


def _within(learned: Learned, name: str, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """An array of whole numbers in low..high and of this shape."""
    values = _array(learned, name)
    if values.shape != shape or values.dtype.kind not in "iu":
        raise UsageError(f"learned array {name!r}: {values.dtype} {values.shape}, not {shape} ints")
    if values.size and not low <= int(values.min()) <= int(values.max()) <= high:
        raise UsageError(f"learned array {name!r}: outside {low}..{high}")
    return values


def _pairs(learned: Learned, name: str, n_pre: int, n_post: int) -> tuple[np.ndarray, np.ndarray]:
    """Grown synapses (i, j)."""
    count = len(_array(learned, f"{name}/i"))
    i = _within(learned, f"{name}/i", (count,), 0, n_pre - 1)
    return i, _within(learned, f"{name}/j", (count,), 0, n_post - 1)


def _grown(learned: Learned, circuit: IntegerCircuit, state: State, q: Projection) -> None:
    """Parents (prime) or symbols (drive) of the mature keys of a pool."""
    program, p = circuit.program, circuit.pools.index(q.post)
    first, mature = int(program.first[p]), int(state.mature[p])
    if q.target == "drive":
        i, j = _pairs(learned, q.name, program.symbols, mature)
        state.symbol[first + j] = i
    else:
        above = circuit.pools.index(q.pre)
        i, j = _pairs(learned, q.name, int(state.mature[above]), mature)
        state.parent[first + j] = i + int(program.first[above])


def _values(learned: Learned, circuit: IntegerCircuit, state: State, q: Projection) -> None:
    """Weights, fast states, counts and tables of one branch."""
    program, b = circuit.program, circuit.branches.index(q.target)
    row = int(program.branch_first[b])
    n = int(state.mature[program.branch_pool[b]])
    i, j = _pairs(learned, q.name, n, program.symbols)
    top = int(program.w_max)
    state.w[row + i, j] = _within(learned, f"{q.name}/level", i.shape, -top, top)
    if program.fast_levels:
        most = state.fast.shape[1] - 1
        state.f[row + i, j] = _within(learned, f"{q.name}/fast", i.shape, 0, most)
    counts = _within(learned, f"{q.name}/arrivals", (n,), 0, 2**31 - 1)
    state.arrivals[row : row + n] = counts
    for name, table, fraction in (
        ("efficacy", state.fast, FRACTION),
        ("gain", state.gain, GAIN_FRACTION),
    ):
        values = _array(learned, f"{q.name}/{name}")
        if values.shape != table[b].shape or not np.isfinite(values).all():
            raise UsageError(f"learned array '{q.name}/{name}': {values.shape}, not finite numbers"
                             f" of {table[b].shape}")  # fmt: skip
        table[b] = np.rint(values * 2.0**fraction)
