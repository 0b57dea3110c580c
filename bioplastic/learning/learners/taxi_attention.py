"""Tapped dendritic attention on a series: spikes say how far the value is off its season."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bioplastic.analysis.surprise import log_softmax
from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learners.attention import Attention
from bioplastic.learning.learners.attention_student import SCALE, AttentionStudent
from bioplastic.learning.learners.seasonal import AHEAD, NOW, column
from bioplastic.learning.space import Series, Space, Symbols
from bioplastic.provenance import seed_tree
from bioplastic.quantize.circuit_program import (
    FRACTION,
    GAIN_FRACTION,
    VALUE,
    WEIGHT_FRACTION,
    Program,
    State,
)

if TYPE_CHECKING:
    from bioplastic.description import Network
    from bioplastic.quantize.circuit import IntegerCircuit

ROOM = 64
U_SHIFT = GAIN_FRACTION + WEIGHT_FRACTION - FRACTION


@dataclass(frozen=True, kw_only=True)
class RatioCode:
    """A value as a symbol: the bin of ln(value / season), and back.

    bins    equal bins between ±reach, the outermost open; odd, so that one is around 0
    reach   where the open bins begin, in nats
    """

    bins: int = 15
    reach: float = 0.5

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.bins < 3 or not self.reach > 0:
            raise UsageError(
                f"RatioCode: bins = {self.bins} (3 or more), reach = {self.reach} nats (positive)"
            )

    @property
    def edges(self) -> np.ndarray:
        """(bins − 1,) inner edges, nats."""
        return np.linspace(-self.reach, self.reach, self.bins - 1)

    def symbol(self, value: float, season: float) -> int:
        """The bin of a value; the lowest where the value is 0 or less."""
        if value <= 0.0 or season <= 0.0:
            return 0 if value <= season else self.bins - 1
        return int(np.searchsorted(self.edges, np.log(value / season), side="right"))

    def median(self, p: np.ndarray) -> float:
        """Median in nats of p (bins,), even inside each bin; open bins count as equally wide."""
        edges = self.edges
        width = edges[1] - edges[0]
        bounds = np.concatenate(([edges[0] - width], edges, [edges[-1] + width]))
        return float(np.interp(0.5, np.concatenate(([0.0], np.cumsum(p))), bounds))


@dataclass(frozen=True, kw_only=True)
class TaxiAttention(Attention):
    """Forecast = season of then · exp(median of what the outputs would race for).

    Each record is one theta cycle. The source spikes in the bin of ln(value / season); keys stand
    for the bins of some lags; values reach the outputs `horizon` − 1 cycles later, where the record
    that was meant teaches. The forecast reads the potentials that the values under way would raise
    with the weights of now, so nothing that comes later enters it.

    taps        contexts, lags in records; see `networks.tapped_attention`. 43 records ago is the
                time of day that is meant, one day earlier, for half-hours and a horizon of 5
    code        bins of the ratio
    fast, initial, fast_rate   second state of the synapses, or none; its worth at the start
    eta_0, eta_min, power      of theta-phase STDP
    gain, gain_rate            of the branches: at the start, learned
    Chosen on records before the scored ones (docs/figures/search-taxi.jsonl).
    Raises Unsuited for other spaces, and for a series without its season.
    `order`, `skips`, `word` and `revisit` of `Attention` are not used.
    """

    name: str = "taxi_attention"
    winners: int = 10
    taps: tuple[tuple[int, ...], ...] = ((), (0,), (0, 1), (0, 43))
    code: RatioCode = RatioCode()
    fast: bool = False
    initial: tuple[float, ...] = (0.25, 0.5)
    fast_rate: float = 1 / 128
    eta_0: float = 0.5
    eta_min: float = 1 / 32
    power: float = 0.5
    gain: float = 2.0
    gain_rate: float = 1 / 512

    def network(self, space: Symbols, ahead: int) -> Network:
        """The network over the bins, whose values come `ahead` cycles late."""
        from bioplastic.description import BranchGain, FastState, Rhythm, SymbolSchedule, ThetaSTDP
        from bioplastic.networks.tapped_attention import Context, Parameters, tapped_attention

        schedule = SymbolSchedule(symbols=np.zeros(1, np.int64), size=space.size)
        fast = FastState(initial=self.initial, rate=self.fast_rate) if self.fast else None
        parameters = replace(
            Parameters(),
            contexts=tuple(Context(lags=lags, pool=min(self.pool, ROOM)) for lags in self.taps),
            ahead=ahead,
            rhythm=Rhythm(gamma=self.winners),
            stdp=ThetaSTDP(
                eta_0=self.eta_0, eta_min=self.eta_min, power=self.power, winners=self.winners,
                fast=fast,
            ),
            gain=BranchGain(rate=self.gain_rate, initial=self.gain),
        )  # fmt: skip
        return tapped_attention(schedule, parameters)

    def describe(self, space: Symbols) -> Network:
        """The network over the bins for the next record."""
        return self.network(space, 0)

    def ahead(self, bins: Symbols, cycles: int, *, seed: int) -> IntegerCircuit:
        """The circuit in integers, its values `cycles` late."""
        from brian2 import ms

        from bioplastic.quantize.circuit import lower_circuit

        key = int(seed_tree(seed).child("circuit").key()) & 0xFFFFFFFF
        return lower_circuit(self.network(bins, cycles), dt=self.dt * ms, seed=key)

    def begin(self, space: Space, *, seed: int) -> Any:
        """Lower the network for the horizon of the series."""
        if not isinstance(space, Series):
            raise Unsuited(f"{self.name} forecasts a series, not {type(space).__name__}")
        columns = column(space, NOW, self.name), column(space, AHEAD, self.name)
        bins = Symbols(size=self.code.bins)
        circuit = self.ahead(bins, space.horizon - 1, seed=seed)
        inner = AttentionStudent(circuit, bins, limit=self.pool, backend=self.backend)
        return TaxiStudent(inner, self.code, space, columns)


def under_way(program: Program, state: State, ahead: int) -> np.ndarray:
    """u (V,), Q17: the potentials of the race `ahead` cycles on, with the weights of now.

    Between two cycles. Read are the arrivals that the keys of the last cycle have sent off: gain·w
    + E[f] of each, as the branch would latch it.
    """
    if not ahead:
        live = (state.held_row >= 0) & (state.step[0] < state.held_until)
        now: np.ndarray = state.held_u[live].sum(axis=0, dtype=np.int64)
        return now
    first = int(state.step[0]) + (ahead - 1) * program.period
    slots = (first + np.arange(program.period)) % len(state.queued)
    slots = slots[state.queued[slots] > 0]
    due = state.queue[slots].reshape(-1, 3)
    u = np.zeros(program.symbols, np.int64)
    for _, b, key in due[due[:, 0] == VALUE].tolist():
        row = int(program.branch_first[b]) + key - int(program.first[program.branch_pool[b]])
        n = min(int(state.arrivals[row]), len(program.gain_bin) - 1)
        product = int(state.gain[b, program.gain_bin[n]]) * state.w[row].astype(np.int64)
        u += (product + (1 << (U_SHIFT - 1))) >> U_SHIFT
        if program.fast_levels:
            u += state.fast[b, state.f[row]]
    return u


class TaxiStudent:
    """A circuit over bins that forecasts a series.

    columns   of the season of now and of the season of the record meant
    """

    def __init__(
        self, inner: AttentionStudent, code: RatioCode, space: Series, columns: tuple[int, int]
    ) -> None:
        self.inner, self.code, self.space, self.columns = inner, code, space, columns
        self.last: np.ndarray | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> TaxiStudent:
        twin = copy.copy(self)
        twin.inner = copy.deepcopy(self.inner)
        return twin

    @property
    def potentials(self) -> np.ndarray:
        """u (V,) of the race that the record meant will end, as it stands now."""
        return under_way(self.inner.program, self.inner.state, self.space.horizon - 1)

    def predict(self, history: Any) -> np.ndarray:
        """The forecast, 0-d; 0 before anything was met."""
        if self.last is None:
            return self.space.start()
        p = np.exp(log_softmax(self.potentials[None], SCALE))[0]
        ratio = np.exp(self.code.median(p / p.sum()))
        return np.asarray(self.last[self.columns[1]] * ratio)

    def learn(self, x: np.ndarray) -> None:
        """One record with plasticity."""
        self.inner.learn(self._meet(x))

    def observe(self, x: np.ndarray) -> None:
        """One record without."""
        self.inner.observe(self._meet(x))

    def _meet(self, x: np.ndarray) -> int:
        self.last = np.asarray(x, np.float64)
        return self.code.symbol(float(x[0]), float(x[self.columns[0]]))

    def lesion_neurons(self, fraction: float, rng: np.random.Generator) -> None:
        """Silence this fraction of the grown keys and roots."""
        self.inner.lesion_neurons(fraction, rng)

    def lesion_synapses(self, fraction: float, rng: np.random.Generator) -> None:
        """Remove this fraction of the plastic synapses."""
        self.inner.lesion_synapses(fraction, rng)

    def cost(self) -> Cost:
        """The circuit's; a read-out of V potentials a record is in it already."""
        return self.inner.cost()
