"""A dendritic-attention circuit that has stopped learning, as a Xylo network: a cycle is one step.

Xylo has no delays, but what a hidden neuron spikes in step t arrives at the others in step t + 1.
So one theta cycle becomes one step: a *key* spikes when its prime (its parent, one cycle ago) and
its drive (the symbol of this cycle) arrive together, two halves of 50 against a threshold of 75.
Currents lose half of themselves in a step and what is left must not add to the next: for each
symbol and each key an *echo* neuron repeats the spike one step later with minus half the charge,
so that every current is exactly zero again unless something arrives. A readout neuron has the sum
of its values as potential, one step after the keys, in even weights of half an LSB; it spikes
where that is `threshold` or more, and v + threshold·spike is the sum again. p = softmax of that.
The recruiting neuron, the noise of the race and the teacher stay behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.quantize.circuit import IntegerCircuit
from bioplastic.quantize.circuit_program import State
from bioplastic.quantize.loihi_circuit import contributions
from bioplastic.quantize.xylo import FAN_OUT, XyloNetwork, XyloSynapses, counted

HALF, WHOLE, COINCIDENCE = 50, 100, 75
"""Weight of a prime or drive, weight of an arrival that needs no partner, threshold."""
LIMIT = 126
"""Largest value: even, in 8 bits, on both sides."""


@dataclass(frozen=True, kw_only=True, eq=False)
class XyloCircuit:
    """The network and what its readout means.

    lsb       nats of a value of 2             clipped   values that did not fit and were clipped
    error     largest rounding of a value that was not clipped, nats
    silent    values that rounded to zero      symbols   V, channels and readout neurons
    keys      key neurons; the other hidden neurons are echoes
    """

    network: XyloNetwork
    symbols: int
    lsb: float
    keys: int
    clipped: int
    error: float
    silent: int

    def events(self, symbols: np.ndarray) -> np.ndarray:
        """Events (L + 1, V) of symbols (L,), one a step; the last step is for the readout."""
        x = np.asarray(symbols, np.int64)
        if len(x) and not 0 <= x.min() <= x.max() < self.symbols:
            raise UsageError(f"symbols: must lie in 0..{self.symbols - 1}")
        found = np.zeros((len(x) + 1, self.symbols), np.int64)
        found[np.arange(len(x)), x] = 1
        return found

    def potentials(self, v: np.ndarray, spikes: np.ndarray) -> np.ndarray:
        """Potential of each readout neuron after each symbol, (L, V) nats.

        v, spikes (L + 1, V)   potential and spikes of the readout neurons in each step
        """
        whole = v[1:] + spikes[1:] * self.network.threshold_out
        return np.asarray(whole * (self.lsb / 2))


@dataclass
class _Wires:
    """Synapses of one matrix while they are collected; all go to current 0."""

    i: list[np.ndarray] = field(default_factory=list)
    j: list[np.ndarray] = field(default_factory=list)
    weight: list[np.ndarray] = field(default_factory=list)

    def add(self, i: object, j: object, weight: object) -> None:
        parts = np.broadcast_arrays(
            *(np.atleast_1d(np.asarray(a, np.int64)) for a in (i, j, weight))
        )
        for held, part in zip((self.i, self.j, self.weight), parts, strict=True):
            held.append(part.ravel())

    def done(self) -> XyloSynapses:
        i, j, w = (
            np.concatenate([np.zeros(0, np.int64), *p]) for p in (self.i, self.j, self.weight)
        )
        return XyloSynapses(i=i, j=j, synapse=np.zeros_like(i), weight=w, shift=1)


def _rows(circuit: IntegerCircuit, state: State) -> tuple[np.ndarray, np.ndarray]:
    """Global indices of the mature keys, and their places among the hidden neurons (−1 = none)."""
    program = circuit.program
    keys = np.concatenate(
        [np.arange(program.first[p], program.first[p] + state.mature[p])
         for p in range(len(circuit.pools))]
    )  # fmt: skip
    place = np.full(int(program.first[-1]), -1, np.int64)
    place[keys] = np.arange(len(keys))
    return keys, place


def _refuse(circuit: IntegerCircuit, state: State, drives: np.ndarray) -> None:
    """Raise UnsupportedModel with everything of the circuit that Xylo cannot hold."""
    program, found = circuit.program, []
    late = np.flatnonzero(program.branch_delay >= program.period)
    found += [
        f"branch {circuit.branches[b]!r} hears keys of {program.branch_delay[b] // program.period}"
        " cycles before: there are no delays"
        for b in late
    ]
    keys = int(state.mature.sum())
    copies = int((-(-drives // (FAN_OUT - 1))).sum())
    found += [
        f"{name} {used:,} of {most:,}"
        for name, used, most in counted(program.symbols, 2 * keys + copies, program.symbols)
        if used > most
    ]
    if found:
        raise UnsupportedModel(f"Xylo cannot hold this circuit: {'; '.join(found)}")


def xylo_circuit(
    circuit: IntegerCircuit, state: State, *, lsb: float = 1 / 16, name: str = "circuit"
) -> XyloCircuit:
    """Write the circuit in `state`, plasticity off, as a Xylo network.

    lsb   nats of a value of 2; values lie within ±63 lsb
    Raises UnsupportedModel with the full list of what the chip cannot hold: more symbols than
    channels or readout neurons, more keys than half its hidden neurons, branches with delays.
    """
    if not lsb > 0:
        raise UsageError(f"lsb = {lsb} nat: must be above 0")
    program = circuit.program
    keys, place = _rows(circuit, state)
    n, primed = len(keys), state.parent[keys] >= 0
    pool = np.searchsorted(program.first, keys, side="right") - 1
    first = keys == program.first[pool]
    direct = (program.direct[pool] > 0) & first[:, None]  # (n, V) symbols that need no prime
    driven = direct.copy()
    driven[np.flatnonzero(primed), state.symbol[keys[primed]]] = True
    _refuse(circuit, state, driven.sum(axis=0))
    w_in, w_rec, w_out = _Wires(), _Wires(), _Wires()
    charge = np.where(direct, WHOLE, HALF)
    echoes = n + np.arange(n)
    w_rec.add(np.arange(n), echoes, WHOLE)
    w_rec.add(echoes, echoes, -WHOLE // 2)
    child, parent = np.flatnonzero(primed), place[state.parent[keys[primed]]]
    w_rec.add(parent, child, HALF)
    w_rec.add(parent + n, child, -HALF // 2)
    hidden = 2 * n
    for symbol in range(program.symbols):
        heard = np.flatnonzero(driven[:, symbol])
        w_in.add(symbol, heard, charge[heard, symbol])
        for part in np.array_split(heard, -(-len(heard) // (FAN_OUT - 1)) or 1):
            w_in.add(symbol, hidden, WHOLE)  # the echo of a symbol, once for every 63 keys
            w_rec.add(hidden, hidden, -WHOLE // 2)
            w_rec.add(hidden, part, -charge[part, symbol] // 2)
            hidden += 1
    made = [_values(circuit, state, b, place, lsb, w_out, n) for b in range(len(circuit.branches))]
    clipped, error, silent, tops = (list(column) for column in zip(*made, strict=True))
    network = XyloNetwork(
        name=name, dt=float(circuit.dt) * program.period, inputs=program.symbols,
        w_in=w_in.done(), w_rec=w_rec.done(), w_out=w_out.done(),
        dash_mem=np.zeros(hidden, np.int64), dash_syn=np.ones((hidden, 2), np.int64),
        threshold=np.full(hidden, COINCIDENCE),
        dash_mem_out=np.zeros(program.symbols, np.int64),
        dash_syn_out=np.ones(program.symbols, np.int64),
        threshold_out=np.full(program.symbols, max(1, sum(tops) // 2)),
        labels={
            "keys": (0, n), "echoes of keys": (n, n), "echoes of symbols": (2 * n, hidden - 2 * n),
        },
    )  # fmt: skip
    return XyloCircuit(
        network=network, symbols=program.symbols, lsb=lsb, keys=n, clipped=sum(clipped),
        error=max(error), silent=sum(silent),
    )  # fmt: skip


def _values(
    circuit: IntegerCircuit, state: State, branch: int, place: np.ndarray, lsb: float,
    wires: _Wires, n: int,
) -> tuple[int, float, int, int]:  # fmt: skip
    """Add the values of a branch: (clipped, largest rounding in nats, silent, largest value)."""
    program = circuit.program
    pool, row = int(program.branch_pool[branch]), int(program.branch_first[branch])
    many = int(state.mature[pool])
    exact = contributions(circuit, state, branch, slice(row, row + many))
    whole = 2 * np.rint(exact / lsb).astype(np.int64)
    held = np.clip(whole, -LIMIT, LIMIT)
    i, j = np.nonzero(held)
    key = place[int(program.first[pool]) + i]
    wires.add(key, j, held[i, j])
    wires.add(key + n, j, -held[i, j] // 2)
    error = np.abs(exact - held * (lsb / 2))[held == whole]
    return (
        int(np.count_nonzero(held != whole)), float(error.max(initial=0.0)),
        int(np.count_nonzero((held == 0) & (exact != 0))), int(held.max(initial=0)),
    )  # fmt: skip
