"""Attention whose keys are coincidences of a few earlier symbols, each context in several copies.

A context is a tuple of lags, (0, 5, 6) say: its keys stand for the symbols of now, of five and of
six cycles ago. A chain of pools forms them, oldest lag first; the axons that prime the next pool
are as slow as the lags are apart (whole theta cycles less the lead). So few neurons carry a long
context: |lags| of them and one root, not one for each symbol between as in a chain of orders.
Copies of a context share nothing but the symbols and the outputs; when neurons die, a context is
lost only where every copy of it is cut.

`ahead` more cycles of axonal delay on the values let a key of cycle t take part in the race of
cycle t + ahead, which the symbol of cycle t + ahead + 1 teaches: a forecast `ahead` + 1 cycles on.

Timing inside a cycle, race and plasticity are those of `dendritic_attention`.
"""

if __name__ != "bioplastic.networks.tapped_attention":
    raise ImportError("import bioplastic.networks.tapped_attention")

from dataclasses import dataclass, field
from itertools import pairwise
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


@dataclass(frozen=True, kw_only=True)
class Context:
    """Which earlier symbols a key stands for.

    lags     cycles ago, ascending; () is the context of nothing: how often each symbol comes
    copies   independent copies, 1 or more
    pool     largest number of keys of each pool of each copy
    """

    lags: tuple[int, ...]
    copies: int = 1
    pool: int = 4096

    def __post_init__(self) -> None:
        if any(a >= b for a, b in pairwise(self.lags)) or (self.lags and self.lags[0] != 0):
            raise DescriptionError(
                f"Context: lags = {self.lags} must ascend from 0 (a key spikes with the symbol of"
                " its own cycle)"
            )
        if self.copies < 1 or self.pool < 1:
            raise DescriptionError(
                f"Context {self.lags}: copies = {self.copies}, pool = {self.pool} start at 1"
            )

    @property
    def name(self) -> str:
        """Name of its pools and branches, "lag 0 5 6" or "always"."""
        return "lag " + " ".join(map(str, self.lags)) if self.lags else "always"


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Parameters of the network; times are phases and delays inside the theta cycle.

    contexts    what the keys stand for
    ahead       cycles between a key and the race that it takes part in, 0 = the same
    The rest is that of `dendritic_attention.Parameters`.
    """

    contexts: tuple[Context, ...] = (Context(lags=()), Context(lags=(0,)))
    ahead: int = 0
    rhythm: Rhythm = field(default_factory=Rhythm)
    race: EscapeRace = field(default_factory=EscapeRace)
    stdp: ThetaSTDP = field(default_factory=lambda: ThetaSTDP(fast=FastState()))
    gain: BranchGain = field(default_factory=BranchGain)
    recruitment: Recruitment = field(default_factory=Recruitment)
    teacher_delay: Any = field(default_factory=lambda: 1 * ms)
    drive_delay: Any = field(default_factory=lambda: 5 * ms)
    value_delay: Any = field(default_factory=lambda: 5 * ms)
    prime_lead: Any = field(default_factory=lambda: 10 * ms)
    prime_window: Any = field(default_factory=lambda: 25 * ms)
    hold: Any = field(default_factory=lambda: 120 * ms)
    drive_psp: Any = field(default_factory=lambda: 45 * mV)
    tau_drive: Any = field(default_factory=lambda: 2 * ms)
    t_ref: Any = field(default_factory=lambda: 20 * ms)

    def __post_init__(self) -> None:
        names = [c.name for c in self.contexts]
        if not names or len(set(names)) != len(names):
            raise DescriptionError(
                f"tapped_attention: contexts = {names} must differ, one at least"
            )
        if self.ahead < 0:
            raise DescriptionError(f"tapped_attention: ahead = {self.ahead} starts at 0")


def _neuron(p: Parameters, *receptors: str) -> LIF:
    return LIF(
        tau_m=10 * ms,
        t_ref=p.t_ref,
        receptors=tuple(ExponentialCurrent(name=name, tau=p.tau_drive) for name in receptors),
    )


def _pool(p: Parameters, name: str, size: int, *, root: bool) -> Population:
    gate = GateBranch(name="prime", window=p.prime_window, drive="drive")
    return Population(
        name=name,
        size=size,
        neuron=_neuron(p, "drive", *(["direct"] if root else [])),
        dendrites=DendriticTree(branches=(gate,)),
        inhibition=GroupShunt(),
        recruitment=p.recruitment,
        mature=1 if root else 0,
    )


def _weight(p: Parameters) -> Any:
    neuron = _neuron(p)
    return peak_current(p.drive_psp, tau_m=neuron.tau_m, tau_syn=p.tau_drive, c_m=neuron.c_m)


def _grown(p: Parameters, pre: Any, post: Population, target: str, delay: Any) -> Projection:
    return Projection(
        name=f"{target} {post.name}",
        pre=pre.name,
        post=post.name,
        target=target,
        connectivity=AllToAll(n_pre=pre.size, n_post=post.size, weight=_weight(p), delay=delay),
        plasticity=p.recruitment,
    )


def _copy(
    p: Parameters, context: Context, name: str, source: Source
) -> tuple[list[Population], list[Projection]]:
    """One chain of pools, root first: what spikes always, then one lag after the other."""
    every = np.arange(source.size)
    root = _pool(p, f"{name} root", 1, root=True)
    synapses = Connectivity(i=every, j=np.zeros_like(every), weight=_weight(p), delay=p.drive_delay)
    pools = [root]
    wiring = [
        Projection(
            name=f"direct {root.name}", pre=source.name, post=root.name, target="direct",
            connectivity=synapses,
        )
    ]  # fmt: skip
    oldest = [*context.lags[::-1]]
    gaps = [1, *(a - b for a, b in pairwise(oldest))]
    for depth, gap in enumerate(gaps[: len(oldest)], start=1):
        pool = _pool(p, f"{name} level {depth}", min(source.size**depth, context.pool), root=False)
        prime = gap * p.rhythm.period - p.prime_lead
        wiring += [
            _grown(p, pools[-1], pool, "prime", prime),
            _grown(p, source, pool, "drive", p.drive_delay),
        ]
        pools.append(pool)
    return pools, wiring


def tapped_attention(
    schedule: SymbolSchedule, p: Parameters, *, labels: tuple[str, ...] | None = None
) -> Network:
    """The network of `p` on the symbols of `schedule`, one per theta cycle.

    Populations: source "symbols"; pools "<context> #<copy> level <depth>"; race "outputs" with one
    branch "<context> #<copy>" each. Raises DescriptionError when the schedule's period is not the
    rhythm's.
    """
    if float(schedule.period) != float(p.rhythm.period):
        raise DescriptionError(
            f"tapped_attention: schedule.period = {schedule.period} must equal the rhythm's"
            f" period = {p.rhythm.period}"
        )
    size = schedule.size
    source = Source(name="symbols", size=size, train=schedule.train(), labels=labels)
    pools: list[Population] = []
    wiring: list[Projection] = []
    branches: list[GradedBranch] = []
    for context in p.contexts:
        for copy in range(context.copies):
            name = f"{context.name} #{copy}"
            chain, synapses = _copy(p, context, name, source)
            pools, wiring = [*pools, *chain], [*wiring, *synapses]
            branches.append(GradedBranch(name=name, duration=p.hold))
            wiring.append(
                Projection(
                    name=f"value {name}",
                    pre=chain[-1].name,
                    post="outputs",
                    target=name,
                    connectivity=AllToAll(
                        n_pre=chain[-1].size, n_post=size, weight=0.0,
                        delay=p.value_delay + p.ahead * p.rhythm.period,
                    ),
                    plasticity=p.stdp,
                )
            )  # fmt: skip
    outputs = Population(
        name="outputs",
        size=size,
        neuron=p.race,
        dendrites=DendriticTree(branches=tuple(branches)),
        inhibition=HardWTA(k=1),
        gain=p.gain,
        labels=labels,
    )
    teacher = Projection(
        name="teacher",
        pre="symbols",
        post="outputs",
        target="teacher",
        connectivity=one_to_one(size, weight=1.0, delay=p.teacher_delay),
    )
    return Network(
        name="tapped attention, " + ", ".join(c.name for c in p.contexts),
        sources=[source],
        populations=[*pools, outputs],
        projections=[*wiring, teacher],
        rhythm=p.rhythm,
    )
