"""The dendritic-attention network trained by backpropagation: same spikes and keys, other rule."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bioplastic.analysis.surprise import bits, log_softmax
from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import fraction
from bioplastic.learning.learners import attention_readout as readout
from bioplastic.learning.learners.attention import Attention
from bioplastic.learning.learners.attention_cost import synapses_per_key
from bioplastic.learning.learners.attention_locality import BACKPROP
from bioplastic.learning.learners.attention_student import AttentionStudent
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Symbols
from bioplastic.quantize.circuit import IntegerCircuit
from bioplastic.quantize.circuit_frozen import frozen
from bioplastic.quantize.circuit_program import FRACTION, GAIN_FRACTION, WEIGHT_FRACTION


@dataclass(frozen=True, kw_only=True)
class SGD:
    """w −= max(rate/(1 + n)^power, least) · slope, n earlier arrivals: the circuit's own eta(n)."""

    power: float = 0.5
    least: float = 1 / 32
    kind: ClassVar[int] = readout.SGD
    macs: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class Adagrad:
    """w −= rate · slope/√Σ slope², sums per parameter. Source: Duchi et al. 2011 [duchi2011]."""

    kind: ClassVar[int] = readout.ADAGRAD
    macs: ClassVar[int] = 3


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam of which the moments of a row move only when its key is active.

    Source: Kingma & Ba 2015 [kingma2015].
    """

    one: float = 0.9
    two: float = 0.999
    kind: ClassVar[int] = readout.ADAM
    macs: ClassVar[int] = 6


Optimiser = SGD | Adagrad | Adam


@dataclass(frozen=True, kw_only=True)
class AttentionBackprop(Attention):
    """`Attention` with its readout trained online by the gradient of −ln p, one step a symbol.

    The circuit runs with every spike and recruits its keys as always; which keys are active does
    not depend on the values. Weights, gains and worths of fast states then follow the gradient of
    `bridge.AttentionTwin` instead of theta STDP. What else differs from `Attention`: probabilities
    are exact where the circuit samples them by `winners` races; a row's first step is not spared;
    values are float64, unless `quantised` keeps weights on the circuit's int8 grid by stochastic
    rounding. Fast states have no gradient and move as in the circuit (`fast=False`: there are
    none).

    optimiser   SGD, Adagrad or Adam
    rate        step size of weights        table_rate   of gains; four times it of worths
    silent      True: outputs in fast state 0 keep their weights, as under theta STDP
    The defaults are the circuit's own step sizes, so that nothing but the rule differs. On the
    first 10 000 symbols of kjv none of eight random settings was better: 1.742 bits/symbol against
    1.752 at best (docs/figures/search-attention.jsonl).
    """

    name: str = "attention_backprop"
    rule: str = "backprop"
    optimiser: Optimiser = SGD()
    rate: float = 0.5
    table_rate: float = 1 / 512
    silent: bool = False
    fast: bool = True
    quantised: bool = False

    def __post_init__(self) -> None:
        """Check the rates."""
        super().__post_init__()
        if not (self.rate >= 0 and self.table_rate >= 0):
            raise UsageError(
                f"{self.name}: rate = {self.rate} and table_rate = {self.table_rate} start at 0"
            )
        if self.silent and not self.fast:
            raise UsageError(f"{self.name}: silent = True needs fast states: nothing could learn")

    @property
    def student(self) -> Callable[..., AttentionStudent]:
        """The class of the student, with this rule."""
        return lambda circuit, space, **rest: BackpropStudent(circuit, space, self, **rest)

    def locality(self) -> tuple[Use, ...]:
        """The audit of the gradient."""
        return BACKPROP


@dataclass(frozen=True, kw_only=True)
class LongAttentionBackprop(AttentionBackprop):
    """`AttentionBackprop` with the contexts of `LongAttention`, up to ten symbols: its twin."""

    name: str = "attention_backprop_order10"
    order: int = 10


class BackpropStudent(AttentionStudent):
    """The circuit finds the keys, a float readout predicts and learns.

    `values` and `table` (row of each branch and key, −1 = none yet) may be read, not changed.
    """

    def __init__(
        self, circuit: IntegerCircuit, space: Symbols, learner: AttentionBackprop, **rest: Any
    ) -> None:
        valueless = frozen(circuit, circuit.state).program._replace(
            drive_young=circuit.program.drive_young
        )
        own = IntegerCircuit(**{**circuit.__dict__, "program": valueless})
        super().__init__(own, space, **rest)
        program, o = circuit.program, learner.optimiser
        self.learner, self.bin_of = learner, program.gain_bin.astype(np.int64)
        many = len(program.branch_pool)
        self.rule = readout.Rule(
            kind=o.kind, rate=learner.rate, gain_rate=learner.table_rate,
            worth_rate=4.0 * learner.table_rate, power=getattr(o, "power", 0.0),
            least=getattr(o, "least", 0.0),
            one=getattr(o, "one", 0.0), two=getattr(o, "two", 0.0), silent=learner.silent,
            quantum=2.0**-WEIGHT_FRACTION if learner.quantised else 0.0,
            w_max=program.w_max * 2.0**-WEIGHT_FRACTION,
            step=program.fast_step if learner.fast else 0, keep=program.fast_keep,
            seed=program.seed,
        )  # fmt: skip
        gain = circuit.state.gain * 2.0**-GAIN_FRACTION
        worth = circuit.state.fast * 2.0**-FRACTION
        self.values = _values(1024, program.symbols, gain, worth)
        self.table = np.full((many, 2048), -1, np.int64)
        self.rows, self.ns = np.full(many, -1, np.int64), np.zeros(many, np.int64)
        self.used = 0
        self.learned_branches = self.read_branches = self.heard = 0

    def snapshot(self) -> dict[str, Any]:
        """Everything that changes, as a copy."""
        own = {name: copy.deepcopy(getattr(self, name)) for name in _OWN}
        return super().snapshot() | {"own": own}

    def restore(self, taken: dict[str, Any]) -> None:
        """Go back to a snapshot, which stays good."""
        super().restore(taken)
        for name, value in taken["own"].items():
            setattr(self, name, copy.deepcopy(value))

    def predict(self, history: Any) -> np.ndarray:
        """softmax(u), (V,)."""
        u, p = np.zeros(self.space.size), np.zeros(self.space.size)
        bins = self.bin_of[np.minimum(self.ns, len(self.bin_of) - 1)]
        readout.forward(self.values, self.rows, bins, u)
        readout.softmax(u, p)
        return p

    def run(self, stream: np.ndarray, *, learning: bool = True) -> np.ndarray:
        """Bits (L,) of the symbols of a stream."""
        x = self.space.check(stream)
        return bits(self._before(x, learning=learning), 1.0, x)

    def predictions(self, stream: np.ndarray, *, learning: bool = True) -> np.ndarray:
        """p (L, V) before each symbol of a stream, at the speed of `run`."""
        found: np.ndarray = np.exp(
            log_softmax(self._before(self.space.check(stream), learning=learning))
        )
        return found

    def _before(self, x: np.ndarray, *, learning: bool) -> np.ndarray:
        self._seen: list[np.ndarray] = []
        self._cycles(x, learning=learning)
        return np.concatenate([np.zeros((0, self.space.size)), *self._seen])

    def after(self, x: np.ndarray, cycles: np.ndarray, trace: Any, *, learning: bool) -> None:
        """The readout of these cycles."""
        keys = self.keys_of(trace.held).astype(np.int64)
        self._room(int(keys.max(initial=0)) + 1, self.used + keys.size)
        self.used = readout.numbered(self.table, keys, self.used)
        u = np.empty((len(x), self.space.size))
        live = int((self.rows >= 0).sum()) + int((keys[:-1] >= 0).sum())
        self.read_branches += live
        self.learned_branches += live * learning
        self.heard += readout.go(
            self.values, self.rule, self.bin_of, self.rows, self.ns, keys, x.astype(np.int64),
            int(cycles[0]) if len(cycles) else 0, learning, u,
        )  # fmt: skip
        if hasattr(self, "_seen"):
            self._seen.append(u)

    def _room(self, keys: int, rows: int) -> None:
        if keys > self.table.shape[1]:
            bigger = np.full((len(self.table), 2 * keys), -1, np.int64)
            bigger[:, : self.table.shape[1]] = self.table
            self.table = bigger
        if rows > len(self.values.n):
            v = self.values
            fresh = _values(2 * rows, self.space.size, v.g, v.e)._asdict()
            for name in _BY_ROW:
                old = getattr(v, name)
                fresh[name][: len(old)] = old
            self.values = v._replace(**{name: fresh[name] for name in _BY_ROW})

    def lesion_synapses(self, share: float, rng: np.random.Generator) -> None:
        """Remove this fraction of the plastic synapses: values that are not 0, primes, drives."""
        v = self.values
        there = (v.w != 0) | (v.f > 0)
        rows, outputs = np.nonzero(there[: self.used])
        grown = np.flatnonzero(self.state.parent >= 0)
        total = len(rows) + 2 * len(grown)
        drawn = rng.choice(total, round(fraction(share, "lesion_synapses") * total), replace=False)
        inside = drawn[drawn < len(rows)]
        v.intact[rows[inside], outputs[inside]] = False
        v.w[~v.intact] = 0.0
        v.f[~v.intact] = 0
        self._kill(np.unique(grown[(drawn[drawn >= len(rows)] - len(rows)) // 2]))

    def _kill(self, keys: np.ndarray) -> None:
        before = self.state.held_row >= 0
        super()._kill(keys)
        self.rows[before & (self.state.held_row < 0)] = -1

    def cost(self) -> Cost:
        """Totals: the keys as `Attention` counts them, the readout from branches that were live.

        effective_macs   V for each live branch and symbol: g·w (a float weight is never 0 for long)
        effective_acs    gated and direct synapses, and E[f] of each synapse with f > 0
        learning_macs    V·(2 + m) for each live branch and symbol learned: slopes of w and g, and
                         m multiply-accumulates of the optimiser (1 SGD, 3 Adagrad, 6 Adam)
        """
        keys, size = super().cost(), self.space.size
        macs = size * self.read_branches
        m, o = self.learned_branches, self.learner.optimiser
        moments = {readout.SGD: 0, readout.ADAGRAD: 1, readout.ADAM: 2}[o.kind]
        number = 1 if self.learner.quantised else 8
        row = 16 + size * (number + 8 * moments + 1)
        flat = self.values
        named = self.meter.named()
        conducted = named["conducted_events"]
        return Cost(
            **{
                **keys.__dict__,
                "footprint_bytes": int(
                    keys.footprint_bytes
                    - int(self.state.mature[self.program.branch_pool].sum()) * (4 + 2 * size)
                    + self.used * row
                    + flat.g.nbytes * (1 + moments)
                    + flat.e.nbytes * (1 + moments)
                ),
                "plastic_synapses": int(self.state.mature @ synapses_per_key(self.program)),
                "states_per_synapse": moments + float(self.learner.fast),
                "effective_macs": macs,
                "effective_acs": conducted + self.heard,
                "trace_updates": self.learned_branches * (1 + moments * size),
                "weight_updates": m * (size + 1 + (flat.e.shape[1] - 1)),
                "learning_macs": m * size * (2 + o.macs),
                "bytes_touched": 24 * (named["neuron_updates"] + conducted)
                + self.read_branches * size * (number + 1)
                + 2 * m * size * (number + 8 * moments),
            }
        )


_OWN = ("values", "table", "rows", "ns", "used", "learned_branches", "read_branches", "heard")
_BY_ROW = ("w", "w_one", "w_two", "f", "intact", "n", "updates")


def _values(rows: int, size: int, gain: np.ndarray, worth: np.ndarray) -> readout.Values:
    """Fresh values with room for so many rows."""

    def table() -> np.ndarray:
        return np.zeros((rows, size))

    return readout.Values(
        w=table(), w_one=table(), w_two=table(), f=np.zeros((rows, size), np.int8),
        intact=np.ones((rows, size), np.bool_), n=np.zeros(rows, np.int64),
        updates=np.zeros(rows, np.int64),
        g=gain.copy(), g_one=np.zeros_like(gain), g_two=np.zeros_like(gain),
        t=np.zeros(gain.shape, np.int64),
        e=worth.copy(), e_one=np.zeros_like(worth), e_two=np.zeros_like(worth),
    )  # fmt: skip
