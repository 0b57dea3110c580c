"""Dendritic attention: a spiking network that predicts the next symbol, one theta cycle a symbol.

*Query*: the symbol of this cycle, and which keys spiked in the last one (delay of one cycle).
*Keys*: pools of context neurons, one pool per context order. A key is primed by its parent, the key
of the next shorter context one cycle before, and driven by the symbol; both together make it spike,
so an order-k key stands for the last k symbols. No match: the pool's young neuron is recruited.
*Values*: plastic synapses of each key onto the output neurons, one dendritic branch per order.
*Softmax*: in every gamma cycle the outputs race with escape noise; hard inhibition lets one win.
*Learning*: theta-phase STDP. Free winners (retrieval) depress, the teacher (encoding) potentiates.

Timing inside a cycle of the default 125 ms (phase of the theta rhythm):
    0 ms symbol spikes · 1 ms teacher reaches the outputs: potentiation for the keys of the last
    cycle · 5 ms drive reaches the primed keys · ~7 ms matching keys spike, ~8 ms recruits ·
    ~12 ms their plateaus replace the old ones · 25–125 ms four gamma cycles, four races ·
    −3 ms (next cycle) the keys prime their children.
"""

if __name__ != "bioplastic.networks.dendritic_attention":
    raise ImportError("import bioplastic.networks.dendritic_attention")

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2 import ms, mV

from bioplastic.description import (
    LIF,
    AllToAll,
    BranchGain,
    Connectivity,
    DendriticTree,
    EscapeRace,
    ExponentialCurrent,
    FastState,
    GateBranch,
    GradedBranch,
    GroupShunt,
    HardWTA,
    Network,
    Population,
    Projection,
    Recruitment,
    Rhythm,
    Source,
    SymbolSchedule,
    ThetaSTDP,
)
from bioplastic.description.connectivity import one_to_one
from bioplastic.description.neuron import peak_current
from bioplastic.errors import DescriptionError

SKIP_ORDER = 3


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Parameters of the network; times are phases and delays inside the theta cycle.

    order       longest context (symbols); orders 0..order have a pool and a branch each
    skips       branches that see the order-3 key of 1, 2, … cycles ago
    delimiter   symbol that ends a word, or several; None: no word context
    pool        largest number of keys in a pool
    """

    order: int = 7
    skips: int = 0
    delimiter: int | tuple[int, ...] | None = 0
    pool: int = 100_000
    rhythm: Rhythm = field(default_factory=Rhythm)
    race: EscapeRace = field(default_factory=EscapeRace)
    stdp: ThetaSTDP = field(default_factory=lambda: ThetaSTDP(fast=FastState()))
    gain: BranchGain = field(default_factory=BranchGain)
    recruitment: Recruitment = field(default_factory=Recruitment)
    teacher_delay: Any = field(default_factory=lambda: 1 * ms)
    drive_delay: Any = field(default_factory=lambda: 5 * ms)
    value_delay: Any = field(default_factory=lambda: 5 * ms)
    prime_lead: Any = field(default_factory=lambda: 10 * ms)
    """The prime arrives one period minus this after the key's spike."""
    prime_window: Any = field(default_factory=lambda: 25 * ms)
    hold: Any = field(default_factory=lambda: 120 * ms)
    drive_psp: Any = field(default_factory=lambda: 45 * mV)
    tau_drive: Any = field(default_factory=lambda: 2 * ms)
    t_ref: Any = field(default_factory=lambda: 20 * ms)


def _key_neuron(p: Parameters, *receptors: str) -> LIF:
    return LIF(
        tau_m=10 * ms,
        t_ref=p.t_ref,
        receptors=tuple(ExponentialCurrent(name=name, tau=p.tau_drive) for name in receptors),
    )


def _weight(p: Parameters) -> Any:
    neuron = _key_neuron(p)
    return peak_current(p.drive_psp, tau_m=neuron.tau_m, tau_syn=p.tau_drive, c_m=neuron.c_m)


def _pool(p: Parameters, name: str, size: int, *, direct: bool) -> Population:
    gate = GateBranch(name="prime", window=p.prime_window, drive="drive")
    return Population(
        name=name,
        size=size,
        neuron=_key_neuron(p, "drive", *(["direct"] if direct else [])),
        dendrites=DendriticTree(branches=(gate,)),
        inhibition=GroupShunt(),
        recruitment=p.recruitment,
        mature=1 if direct else 0,
    )


def _values(p: Parameters, branch: str, pool: Population, size: int, cycles: int) -> Projection:
    delay = p.value_delay + cycles * p.rhythm.period
    return Projection(
        name=f"value {branch}",
        pre=pool.name,
        post="outputs",
        target=branch,
        connectivity=AllToAll(n_pre=pool.size, n_post=size, weight=0.0, delay=delay),
        plasticity=p.stdp,
    )


def _grown(
    p: Parameters,
    name: str,
    pre: Any,
    post: Population,
    target: str,
    only: tuple[int, ...] | None = None,
) -> Projection:
    delay = p.drive_delay if target == "drive" else p.rhythm.period - p.prime_lead
    return Projection(
        name=name,
        pre=pre.name,
        post=post.name,
        target=target,
        connectivity=AllToAll(
            n_pre=pre.size, n_post=post.size, weight=_weight(p), delay=delay, only=only
        ),
        plasticity=p.recruitment,
    )


def _direct(p: Parameters, name: str, post: str, symbols: list[int]) -> Projection:
    weight = _weight(p)
    i = np.array(symbols)
    synapses = Connectivity(i=i, j=np.zeros_like(i), weight=weight, delay=p.drive_delay)
    return Projection(name=name, pre="symbols", post=post, target="direct", connectivity=synapses)


def _word(p: Parameters, source: Source) -> tuple[Population, list[Projection]]:
    """A chain of keys that restarts at a delimiter: the word so far."""
    pool = _pool(p, "word", p.pool, direct=True)
    ends = p.delimiter if isinstance(p.delimiter, tuple) else (int(p.delimiter or 0),)
    letters = tuple(s for s in range(source.size) if s not in ends)
    return pool, [
        _grown(p, "prime word", pool, pool, "prime"),
        _grown(p, "drive word", source, pool, "drive", only=letters),
        _direct(p, "root word", "word", list(ends)),
    ]


def _orders(p: Parameters, source: Source) -> tuple[list[Population], list[Projection]]:
    """Pools of orders 0..order and what primes and drives them."""
    pools = [_pool(p, "order0", 1, direct=True)]
    wiring = [_direct(p, "root order0", "order0", list(range(source.size)))]
    for k in range(1, p.order + 1):
        pool = _pool(p, f"order{k}", min(source.size**k, p.pool), direct=False)
        wiring += [
            _grown(p, f"prime order{k}", pools[-1], pool, "prime"),
            _grown(p, f"drive order{k}", source, pool, "drive"),
        ]
        pools.append(pool)
    return pools, wiring


def dendritic_attention(
    schedule: SymbolSchedule, p: Parameters, *, labels: tuple[str, ...] | None = None
) -> Network:
    """The network of `p` on the symbols of `schedule`, one per theta cycle.

    Populations: source "symbols"; pools "order0" … "orderN", "word"; race "outputs".
    Raises DescriptionError when the schedule's period is not the rhythm's.
    """
    if float(schedule.period) != float(p.rhythm.period):
        raise DescriptionError(
            f"dendritic_attention: schedule.period = {schedule.period} must equal the rhythm's"
            f" period = {p.rhythm.period}"
        )
    size = schedule.size
    source = Source(name="symbols", size=size, train=schedule.train(), labels=labels)
    pools, wiring = _orders(p, source)
    branches = [(pool.name, pool, 0) for pool in pools]
    if p.order >= SKIP_ORDER:
        branches += [(f"skip{n}", pools[SKIP_ORDER], n) for n in range(1, p.skips + 1)]
    if p.delimiter is not None:
        pool, chain = _word(p, source)
        pools, wiring = [*pools, pool], wiring + chain
        branches.append(("word", pool, 0))
    outputs = Population(
        name="outputs",
        size=size,
        neuron=p.race,
        dendrites=DendriticTree(
            branches=tuple(GradedBranch(name=name, duration=p.hold) for name, _, _ in branches)
        ),
        inhibition=HardWTA(k=1),
        gain=p.gain,
        labels=labels,
    )
    values = [_values(p, name, pool, size, cycles) for name, pool, cycles in branches]
    teacher = Projection(
        name="teacher",
        pre="symbols",
        post="outputs",
        target="teacher",
        connectivity=one_to_one(size, weight=1.0, delay=p.teacher_delay),
    )
    return Network(
        name=f"dendritic attention, orders 0–{p.order}",
        sources=[source],
        populations=[*pools, outputs],
        projections=[*wiring, *values, teacher],
        rhythm=p.rhythm,
    )
