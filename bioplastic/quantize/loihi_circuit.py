"""A dendritic-attention circuit that has stopped learning, as Loihi neurons and synapses.

One theta cycle is `period` steps of the chip, P. The parts:
    keys      A key spikes when its prime (parent, one cycle ago) and its drive (symbol) arrive in
              the same step: two synapses of 100 against a threshold of 150, no memory from step to
              step. The symbol's spike of phase 0 arrives in phase 1; the parent's of phase 1 too,
              with a delay of P − 1.
    values    A key adds its contribution to every output in phase 2: gain·w + worth of the fast
              state, in nats, in even weights of one LSB.
    outputs   One neuron a symbol; it adds up, and a bias lifts all of them alike. The larger the
              potential the earlier the first spike of the cycle: latency = softmax input.
    relays    Where delays end below P − 1 the prime goes through neurons that hand it on.
    clock     A pulse at the end of the cycle makes every output spike, which sets it to zero.
The distribution is read from latencies: u_v in units of the ramp, p = softmax(u).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.quantize.circuit import IntegerCircuit
from bioplastic.quantize.circuit_program import (
    FRACTION,
    GAIN_FRACTION,
    WEIGHT_FRACTION,
    State,
)
from bioplastic.quantize.loihi import (
    LONGEST_DELAY,
    SHIFT,
    WEIGHT_HIGH,
    WEIGHT_LOW,
    LoihiNetwork,
    LoihiPopulation,
    LoihiProjection,
    LoihiSource,
)
from bioplastic.result import SpikeRecord

HALF, COINCIDENCE, WHOLE = 100, 150, 200
"""Weight of a prime or drive, threshold of a key, weight of an arrival that needs no partner."""
FIRST_PHASE = 2
"""Phase in which the values arrive at the outputs."""
NEVER = -1


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a cycle is laid out on the chip.

    period         steps of a cycle, 8 to 1000
    lsb            nats of a weight of 2, > 0: contributions are rounded to it
    ramp           nats that all outputs gain in a step: the resolution of a latency
    longest_delay  steps, 0 to 62: a prime that waits longer goes through relays
    pacemaker      the ramp comes from a source that spikes in every step, for tools whose neurons
                   have no bias; its first spike arrives in step 1, so that in the first cycle of a
                   run all latencies are one step later
    """

    period: int = 60
    lsb: float = 1 / 16
    ramp: float = 1 / 4
    longest_delay: int = LONGEST_DELAY
    pacemaker: bool = False

    def __post_init__(self) -> None:
        """Check the layout."""
        if not 8 <= self.period <= 1000:
            raise UsageError(f"Form: period = {self.period} steps: 8 to 1000")
        if not 0 <= self.longest_delay <= LONGEST_DELAY:
            raise UsageError(
                f"Form: longest_delay = {self.longest_delay} steps: 0 to {LONGEST_DELAY}"
            )
        if not (self.lsb > 0 and self.ramp >= self.lsb):
            raise UsageError(f"Form: lsb = {self.lsb} nat, ramp = {self.ramp} nat: 0 < lsb <= ramp")

    @property
    def reset_phase(self) -> int:
        """Phase in which the clock's pulse arrives."""
        return self.period - 1

    @property
    def hops(self) -> tuple[int, ...]:
        """Delays by which a prime takes one cycle; all but the first begin at a relay."""
        whole, rest = divmod(self.period, self.longest_delay + 1)
        return (self.longest_delay,) * whole + ((rest - 1,) if rest else ())

    @property
    def span(self) -> float:
        """Nats from the largest potential to the smallest that a latency can tell."""
        return self.ramp * (self.reset_phase - FIRST_PHASE - 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class LoihiCircuit:
    """The network and what its spikes mean.

    top       nats: an output at `top` or more spikes in phase 2, at once
    clipped   value synapses whose weight did not fit and was clipped
    error     largest rounding error of a value synapse that was not clipped, nats
    silent    value synapses that rounded to zero and were left out
    """

    network: LoihiNetwork
    form: Form
    symbols: int
    top: float
    clipped: int
    error: float
    silent: int

    def stimulus(self, symbols: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Spikes of the sources for one symbol a cycle, (L,) ints."""
        x = np.asarray(symbols, np.int64)
        if len(x) and not 0 <= x.min() <= x.max() < self.symbols:
            raise UsageError(f"symbols: must lie in 0..{self.symbols - 1}")
        begin = np.arange(len(x)) * self.form.period
        pulse = begin + self.form.reset_phase - 1
        found = {"symbols": (begin, x), "clock": (pulse, np.zeros_like(pulse))}
        if self.form.pacemaker:
            every = np.arange(len(x) * self.form.period)
            found["pacemaker"] = every, np.zeros_like(every)
        return found

    def latencies(self, spikes: SpikeRecord, cycles: int) -> np.ndarray:
        """Phase of the first spike of each output by cycle, (L, V); NEVER where the clock's."""
        phase, cycle = spikes.steps % self.form.period, spikes.steps // self.form.period
        found = np.full((cycles, self.symbols), self.form.reset_phase, np.int64)
        counted = (cycle < cycles) & (phase >= FIRST_PHASE) & (phase < self.form.reset_phase)
        np.minimum.at(found, (cycle[counted], spikes.ids[counted]), phase[counted])
        found[found == self.form.reset_phase] = NEVER
        return found

    def potentials(self, spikes: SpikeRecord, cycles: int) -> np.ndarray:
        """Potential of each output before the next symbol, (L, V) nats, from latencies alone.

        An output that spiked in phase f lies between two steps of the ramp: the middle is taken.
        One that never did gets half a step below the last.
        """
        late = self.latencies(spikes, cycles)
        late[late == NEVER] = self.form.reset_phase
        return np.asarray(self.top - self.form.ramp * (late - FIRST_PHASE - 0.5))


def contributions(circuit: IntegerCircuit, state: State, branch: int, rows: slice) -> np.ndarray:
    """What each key of a branch adds to each output, (keys, V) nats, at its present count."""
    program = circuit.program
    n = np.minimum(state.arrivals[rows], len(program.gain_bin) - 1)
    gain = state.gain[branch, program.gain_bin[n]] / 2.0**GAIN_FRACTION
    u = gain[:, None] * (state.w[rows] / 2.0**WEIGHT_FRACTION)
    if program.fast_levels:
        u = u + state.fast[branch, state.f[rows]] / 2.0**FRACTION
    return np.asarray(u)


def loihi_circuit(
    circuit: IntegerCircuit, state: State, form: Form | None = None, *, name: str = "circuit"
) -> LoihiCircuit:
    """Write the circuit in `state`, plasticity off, as a Loihi network.

    Only mature keys are taken. The recruiting neuron, the noise of the race and the teacher stay
    behind: they serve learning and drawing, not the distribution.
    Raises UnsupportedModel for a branch that hears keys of older cycles: its delay would be longer
    than a cycle.
    """
    form = form or Form()
    program = circuit.program
    late = np.flatnonzero(program.branch_delay >= program.period)
    if len(late):
        raise UnsupportedModel(
            f"branch {circuit.branches[late[0]]!r}: its delay is {program.branch_delay[late[0]]} "
            f"steps, longer than a cycle of {program.period}; a Loihi delay holds one cycle at most"
        )
    weights = _value_weights(circuit, state, form)
    top = _top(weights, form)
    populations = [
        LoihiPopulation(
            name=pool, size=max(1, int(state.mature[p])), du=4095, dv=4095, vth=COINCIDENCE
        )
        for p, pool in enumerate(circuit.pools)
    ]
    unit = 2 << SHIFT  # charge of one lsb
    ramp = round(form.ramp / form.lsb) * unit
    sources = [
        LoihiSource(name="symbols", size=program.symbols),
        LoihiSource(name="clock", size=1),
    ]
    lifts = [_pulse(program.symbols)]
    bias, exponent = np.zeros(0, np.int64), 0
    if form.pacemaker:
        sources.append(LoihiSource(name="pacemaker", size=1))
        lifts.append(_lift(program.symbols, ramp))
    else:
        exponent = _bias_exponent(ramp)
        bias = np.full(program.symbols, ramp >> exponent)
    populations.append(
        LoihiPopulation(
            name="outputs", size=program.symbols, du=4095, dv=0,
            vth=(round(top / form.lsb) * unit + ramp * (FIRST_PHASE + 1) >> SHIFT) - 1,
            bias_mantissa=bias, bias_exponent=exponent,
        )
    )  # fmt: skip
    relays, projections = _chains(circuit, state, form)
    populations += relays
    projections += [q for q, _ in weights.values()]
    projections += lifts
    network = LoihiNetwork(
        name=name,
        dt=float(circuit.dt) * program.period / form.period,
        sources=tuple(sources),
        populations=tuple(populations),
        projections=tuple(projections),
    )
    found = [info for _, info in weights.values()]
    return LoihiCircuit(
        network=network,
        form=form,
        symbols=program.symbols,
        top=top,
        clipped=sum(i[0] for i in found),
        error=max((i[1] for i in found), default=0.0),
        silent=sum(i[2] for i in found),
    )


def _bias_exponent(ramp: int) -> int:
    """Smallest exponent with which the mantissa of the ramp fits in 12 bits, exactly."""
    for exponent in range(8):
        if ramp >> exponent <= 4095 and (ramp >> exponent) << exponent == ramp:
            return exponent
    raise UsageError(f"Form: a ramp of {ramp} LSB of v does not fit a bias; take a smaller ratio")


def _value_weights(
    circuit: IntegerCircuit, state: State, form: Form
) -> dict[str, tuple[LoihiProjection, tuple[int, float, int]]]:
    """Value synapses by branch, with (clipped, largest error in nats, rounded to zero)."""
    program, found = circuit.program, {}
    for b, branch in enumerate(circuit.branches):
        pool = int(program.branch_pool[b])
        row = int(program.branch_first[b])
        exact = contributions(circuit, state, b, slice(row, row + int(state.mature[pool])))
        whole = 2 * np.rint(exact / form.lsb).astype(np.int64)
        held = np.clip(whole, WEIGHT_LOW, WEIGHT_HIGH)
        fits = held == whole
        error = np.abs(exact - held * (form.lsb / 2))
        i, j = np.nonzero(held)
        projection = LoihiProjection(
            name=f"value {branch}", pre=circuit.pools[pool], post="outputs", i=i, j=j,
            weight=held[i, j], delay=np.zeros(len(i), np.int64),
        )  # fmt: skip
        lost = int(np.count_nonzero((held == 0) & (exact != 0)))
        largest = float(error[fits].max(initial=0.0))
        found[branch] = projection, (int(np.count_nonzero(~fits)), largest, lost)
    return found


def _top(weights: dict[str, tuple[LoihiProjection, tuple[int, float, int]]], form: Form) -> float:
    """A bound of every potential, nats: the sum over branches of their largest weight, above 0."""
    most = sum(int(q.weight.max(initial=0)) for q, _ in weights.values())
    return float(max(most, 2) // 2 * form.lsb)


def _pulse(symbols: int) -> LoihiProjection:
    """The clock's synapses: enough for any output to pass its threshold from any potential."""
    every = np.arange(symbols)
    return LoihiProjection(
        name="pulse", pre="clock", post="outputs", i=np.zeros(symbols, np.int64), j=every,
        weight=np.full(symbols, WEIGHT_HIGH), delay=np.zeros(symbols, np.int64), exponent=7,
    )  # fmt: skip


def _lift(symbols: int, ramp: int) -> LoihiProjection:
    """The pacemaker's synapses: one step of the ramp a spike."""
    weight = ramp >> SHIFT
    if weight > WEIGHT_HIGH or weight << SHIFT != ramp:
        raise UsageError(f"Form: a ramp of {ramp} LSB of v does not fit one weight")
    every = np.arange(symbols)
    return _same("lift", "pacemaker", "outputs", np.zeros_like(every), every, weight, 0)


def _same(
    name: str, pre: str, post: str, i: np.ndarray, j: np.ndarray, weight: int, delay: int
) -> LoihiProjection:
    """Synapses of one weight and one delay."""
    return LoihiProjection(
        name=name, pre=pre, post=post, i=i, j=j,
        weight=np.full(len(i), weight), delay=np.full(len(i), delay),
    )  # fmt: skip


def _relays(
    pool: str, keys: np.ndarray, form: Form
) -> tuple[list[LoihiPopulation], list[LoihiProjection]]:
    """Neurons that hand on the spikes of some keys, one chain a key."""
    populations, projections = [], []
    pre, i = pool, keys
    for hop, delay in enumerate(form.hops[:-1], start=1):
        name, each = f"relay {pool} {hop}", np.arange(len(keys))
        populations.append(
            LoihiPopulation(name=name, size=len(keys), du=4095, dv=4095, vth=COINCIDENCE)
        )
        projections.append(_same(f"to {name}", pre, name, i, each, WHOLE, delay))
        pre, i = name, each
    return populations, projections


def _chains(
    circuit: IntegerCircuit, state: State, form: Form
) -> tuple[list[LoihiPopulation], list[LoihiProjection]]:
    """Relays; primes, drives and arrivals that need no partner."""
    program = circuit.program
    populations: list[LoihiPopulation] = []
    projections: list[LoihiProjection] = []
    relayed: dict[int, np.ndarray] = {}
    for p, pool in enumerate(circuit.pools):
        first, n = int(program.first[p]), int(state.mature[p])
        parent, symbol = state.parent[first : first + n], state.symbol[first : first + n]
        keys = np.flatnonzero(parent >= 0)
        if len(keys):
            above = int(program.prime_pre[program.has_pool_parent[p]])
            begin, many = int(program.first[above]), int(state.mature[above])
            wanted, pre = parent[keys] - begin, circuit.pools[above]
            if len(form.hops) > 1:
                if above not in relayed:
                    relayed[above] = _parents(circuit, state, above, many)
                    more, links = _relays(pre, relayed[above], form)
                    populations += more
                    projections += links
                wanted = np.searchsorted(relayed[above], wanted)
                pre = f"relay {pre} {len(form.hops) - 1}"
            projections.append(_same(f"prime {pool}", pre, pool, wanted, keys, HALF, form.hops[-1]))
            projections.append(_same(f"drive {pool}", "symbols", pool, symbol[keys], keys, HALF, 0))
        direct = np.flatnonzero(program.direct[p])
        if len(direct):
            only = np.zeros(len(direct), np.int64)
            projections.append(_same(f"root {pool}", "symbols", pool, direct, only, WHOLE, 0))
    return populations, projections


def _parents(circuit: IntegerCircuit, state: State, above: int, many: int) -> np.ndarray:
    """Keys of pool `above` that prime a mature key of any pool, in order."""
    begin = int(circuit.program.first[above])
    named = np.unique(state.parent[state.parent >= 0]) - begin
    return named[(named >= 0) & (named < many)]
