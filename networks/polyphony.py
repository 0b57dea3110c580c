"""Polyphony: a spiking network that hears chords note by note and predicts each note in turn.

A frame of music is written as a row of symbols, its notes in order and an end, one symbol per theta
cycle (`learning/learners/chorale_code.py`). What helps to predict a note are the notes of this
chord so far, the note of the same voice in the chord before, the bass two chords ago: symbols at
chosen *lags*, not a run of the last ones.

*Keys*: one chain of pools per `Context`, with one pool per lag, oldest first. A pool is primed by
the pool before it, one cycle ago, and driven by the symbol through an axonal delay of whole cycles:
stage j of a chain of m hears the symbol of `lag − (m − 1 − j)` cycles ago. The last key spikes when
all lags of the context match; where none does, the pool's young neuron is recruited. An *anchor* is
a lag at which the delimiter must have come; only it drives that stage, so the chain is silent at
other places of the frame. Everything else (values, gains, race, theta-phase STDP) is that of
`dendritic_attention`.
"""

if __name__ != "bioplastic.networks.polyphony":
    raise ImportError("import bioplastic.networks.polyphony")

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

RECEPTORS = ("drive", "direct")


@dataclass(frozen=True, kw_only=True)
class Context:
    """Which earlier symbols a key stands for, counted back from the present one.

    lags     ascending: (0, 4) is the present symbol and the one four before it; () only with anchor
    anchor   a lag at which the delimiter must have come, or None; it fixes the place in the frame
    """

    lags: tuple[int, ...]
    anchor: int | None = None

    def __post_init__(self) -> None:
        """Check the lags."""
        stages = self.stages
        if not stages or min(stages) < 0:
            raise DescriptionError(f"polyphony: {self} needs lags from 0 on")
        if list(self.lags) != sorted(set(self.lags)) or len(set(stages)) != len(stages):
            raise DescriptionError(f"polyphony: {self}: lags must ascend, each once")

    @property
    def stages(self) -> tuple[int, ...]:
        """All lags, oldest first: the order in which the chain hears them."""
        anchor = () if self.anchor is None else (self.anchor,)
        return tuple(sorted((*self.lags, *anchor), reverse=True))

    @property
    def name(self) -> str:
        """Name of the pool and of the branch."""
        lags = "lag " + " ".join(map(str, self.lags))
        return lags if self.anchor is None else f"{lags} at {self.anchor}"


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Parameters of the network; times are phases and delays inside the theta cycle.

    contexts    one chain of pools and one branch each
    delimiter   symbol that ends a frame, for contexts with an anchor
    always      a branch of one key that spikes in every cycle: how frequent each symbol is
    pool        largest number of keys in a pool
    """

    contexts: tuple[Context, ...]
    delimiter: int | None = None
    always: bool = True
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
    """A prime arrives one period minus this after the key's spike."""
    prime_window: Any = field(default_factory=lambda: 25 * ms)
    hold: Any = field(default_factory=lambda: 120 * ms)
    drive_psp: Any = field(default_factory=lambda: 45 * mV)
    tau_drive: Any = field(default_factory=lambda: 2 * ms)
    t_ref: Any = field(default_factory=lambda: 20 * ms)

    def __post_init__(self) -> None:
        """Check the contexts."""
        if not self.contexts:
            raise DescriptionError("polyphony: contexts = () leaves nothing to predict from")
        if len({c.name for c in self.contexts}) != len(self.contexts):
            raise DescriptionError("polyphony: a context is named twice")
        if self.delimiter is None and any(c.anchor is not None for c in self.contexts):
            raise DescriptionError("polyphony: a context has an anchor but there is no delimiter")


def _neuron(p: Parameters) -> LIF:
    return LIF(
        tau_m=10 * ms,
        t_ref=p.t_ref,
        receptors=tuple(ExponentialCurrent(name=name, tau=p.tau_drive) for name in RECEPTORS),
    )


def _pool(p: Parameters, name: str, size: int, *, root: bool) -> Population:
    gate = GateBranch(name="prime", window=p.prime_window, drive="drive")
    return Population(
        name=name,
        size=size,
        neuron=_neuron(p),
        dendrites=DendriticTree(branches=(gate,)),
        inhibition=GroupShunt(),
        recruitment=p.recruitment,
        mature=1 if root else 0,
    )


class _Builder:
    """Collects the populations and projections of one network."""

    def __init__(self, p: Parameters, source: Source) -> None:
        self.p, self.source = p, source
        neuron = _neuron(p)
        self.weight = peak_current(
            p.drive_psp, tau_m=neuron.tau_m, tau_syn=p.tau_drive, c_m=neuron.c_m
        )
        self.pools: list[Population] = []
        self.wiring: list[Projection] = []
        self.branches: list[tuple[str, Population]] = []

    def root(self, name: str) -> Population:
        """A pool of one key that every symbol makes spike: the clock that starts a chain."""
        p, pool, i = self.p, _pool(self.p, name, 1, root=True), np.arange(self.source.size)
        synapses = Connectivity(i=i, j=np.zeros_like(i), weight=self.weight, delay=p.drive_delay)
        self.wiring.append(
            Projection(
                name=f"root {name}",
                pre=self.source.name,
                post=name,
                target="direct",
                connectivity=synapses,
            )
        )
        self.pools.append(pool)
        return pool

    def stage(
        self, name: str, parent: Population, cycles: int, size: int, only: tuple[int, ...] | None
    ) -> Population:
        """A pool primed by `parent` and driven by the symbol of `cycles` cycles ago."""
        p, period = self.p, self.p.rhythm.period
        pool = _pool(p, name, size, root=False)
        for target, pre, delay, heard in (
            ("prime", parent, period - p.prime_lead, None),
            ("drive", self.source, p.drive_delay + cycles * period, only),
        ):
            synapses = AllToAll(
                n_pre=pre.size, n_post=size, weight=self.weight, delay=delay, only=heard
            )
            self.wiring.append(
                Projection(
                    name=f"{target} {name}",
                    pre=pre.name,
                    post=name,
                    target=target,
                    connectivity=synapses,
                    plasticity=p.recruitment,
                )
            )
        self.pools.append(pool)
        return pool

    def chain(self, context: Context) -> None:
        """Root and stages of one context, oldest lag first; its last key drives a branch."""
        p, name, stages = self.p, context.name, context.stages
        parent, size = self.root(f"{name} root"), 1
        for j, lag in enumerate(stages):
            left = len(stages) - 1 - j
            stage = name if left == 0 else f"{name} stage {j}"
            anchored = lag == context.anchor
            size = size if anchored else min(size * self.source.size, p.pool)
            only = (int(p.delimiter or 0),) if anchored else None
            parent = self.stage(stage, parent, lag - left, size, only)
        self.branches.append((name, parent))

    def values(self, name: str, pool: Population) -> Projection:
        """Plastic synapses of a pool onto its branch of every output."""
        p = self.p
        synapses = AllToAll(
            n_pre=pool.size, n_post=self.source.size, weight=0.0, delay=p.value_delay
        )
        return Projection(
            name=f"value {name}",
            pre=pool.name,
            post="outputs",
            target=name,
            connectivity=synapses,
            plasticity=p.stdp,
        )


def polyphony(
    schedule: SymbolSchedule, p: Parameters, *, labels: tuple[str, ...] | None = None
) -> Network:
    """The network of `p` on the symbols of `schedule`, one per theta cycle.

    Populations: source "symbols"; per context "lag …" with its root and stages; race "outputs".
    Raises DescriptionError when the schedule's period is not the rhythm's.
    """
    if float(schedule.period) != float(p.rhythm.period):
        raise DescriptionError(
            f"polyphony: schedule.period = {schedule.period} must equal the rhythm's period ="
            f" {p.rhythm.period}"
        )
    size = schedule.size
    source = Source(name="symbols", size=size, train=schedule.train(), labels=labels)
    built = _Builder(p, source)
    if p.always:
        built.branches.append(("always", built.root("always")))
    for context in p.contexts:
        built.chain(context)
    outputs = Population(
        name="outputs",
        size=size,
        neuron=p.race,
        dendrites=DendriticTree(
            branches=tuple(GradedBranch(name=name, duration=p.hold) for name, _ in built.branches)
        ),
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
        name=f"polyphony, {len(p.contexts)} contexts",
        sources=[source],
        populations=[*built.pools, outputs],
        projections=[*built.wiring, *(built.values(*branch) for branch in built.branches), teacher],
        rhythm=p.rhythm,
    )
