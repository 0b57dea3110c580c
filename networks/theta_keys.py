"""What the attention networks share: keys, values and outputs of one theta cycle a symbol.

A *key* is a neuron that spikes when a prime, which holds a gate open on its dendrite, and a drive
meet; a *value* is its plastic synapse onto a branch of an output; the *outputs* race, and a teacher
says who should have won. `dendritic_attention` tells the timing. The networks differ in who primes
and drives whom.
"""

if __name__ != "bioplastic.networks.theta_keys":
    raise ImportError("import bioplastic.networks.theta_keys")

from collections.abc import Sequence
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

DRIVE, DIRECT = "drive", "direct"


@dataclass(frozen=True, kw_only=True)
class ThetaKeys:
    """Phases and delays inside the theta cycle, and the key neuron.

    rhythm         cycle and races in it           race         the output neuron
    teacher_delay  symbol → output                 drive_delay  symbol → key
    value_delay    key → output                    prime_lead   a prime arrives one period minus
    prime_window   for which a prime opens a key                this after its spike
    hold           plateau of a value's branch     drive_psp    peak of the drive alone
    tau_drive      of its current                  t_ref        refractory period of a key
    """

    rhythm: Rhythm = field(default_factory=Rhythm)
    race: EscapeRace = field(default_factory=EscapeRace)
    teacher_delay: Any = field(default_factory=lambda: 1 * ms)
    drive_delay: Any = field(default_factory=lambda: 5 * ms)
    value_delay: Any = field(default_factory=lambda: 5 * ms)
    prime_lead: Any = field(default_factory=lambda: 10 * ms)
    prime_window: Any = field(default_factory=lambda: 25 * ms)
    hold: Any = field(default_factory=lambda: 120 * ms)
    drive_psp: Any = field(default_factory=lambda: 45 * mV)
    tau_drive: Any = field(default_factory=lambda: 2 * ms)
    t_ref: Any = field(default_factory=lambda: 20 * ms)

    def neuron(self, *receptors: str) -> LIF:
        """A key neuron with these receptors."""
        return LIF(
            tau_m=10 * ms,
            t_ref=self.t_ref,
            receptors=tuple(ExponentialCurrent(name=n, tau=self.tau_drive) for n in receptors),
        )

    def weight(self) -> Any:
        """Jump of the current of a drive, A."""
        n = self.neuron()
        return peak_current(self.drive_psp, tau_m=n.tau_m, tau_syn=self.tau_drive, c_m=n.c_m)

    def prime_delay(self) -> Any:
        """Delay of a prime for the next cycle."""
        return self.rhythm.period - self.prime_lead


def key_pool(
    p: ThetaKeys, name: str, size: int, *, receptors: tuple[str, ...], root: bool, grow: Recruitment
) -> Population:
    """A pool of keys, of which at most one spikes in a cycle.

    root   its first key is there from the start and spikes at a direct drive alone; the others of
           a pool are recruited by `grow`
    """
    return Population(
        name=name,
        size=size,
        neuron=p.neuron(*receptors),
        dendrites=DendriticTree(
            branches=(GateBranch(name="prime", window=p.prime_window, drive=DRIVE),)
        ),
        inhibition=GroupShunt(),
        recruitment=grow,
        mature=1 if root else 0,
    )


def direct(p: ThetaKeys, name: str, post: str, symbols: Sequence[int] | np.ndarray) -> Projection:
    """Fixed synapses by which symbols make the first key of a pool spike, primed or not."""
    i = np.array(symbols)
    synapses = Connectivity(i=i, j=np.zeros_like(i), weight=p.weight(), delay=p.drive_delay)
    return Projection(name=name, pre="symbols", post=post, target=DIRECT, connectivity=synapses)


def grown(
    p: ThetaKeys,
    name: str,
    pre: Population | Source,
    post: Population,
    *,
    target: str,
    delay: Any,
    grow: Recruitment,
    only: tuple[int, ...] | None = None,
) -> Projection:
    """Silent synapses that recruitment makes real: a prime or a drive of a pool.

    only   who may grow a synapse; None: everybody
    """
    synapses = AllToAll(n_pre=pre.size, n_post=post.size, weight=p.weight(), delay=delay, only=only)
    return Projection(
        name=name, pre=pre.name, post=post.name, target=target, connectivity=synapses,
        plasticity=grow,
    )  # fmt: skip


def values(
    p: ThetaKeys, branch: str, pool: Population, size: int, rule: ThetaSTDP, *, cycles: int = 0
) -> Projection:
    """Plastic synapses of a pool onto its branch of every output, `cycles` whole cycles late."""
    delay = p.value_delay + cycles * p.rhythm.period
    return Projection(
        name=f"value {branch}",
        pre=pool.name,
        post="outputs",
        target=branch,
        connectivity=AllToAll(n_pre=pool.size, n_post=size, weight=0.0, delay=delay),
        plasticity=rule,
    )


def checked(p: ThetaKeys, schedule: SymbolSchedule, who: str) -> None:
    """DescriptionError, naming the network, when the schedule's period is not the rhythm's."""
    if float(schedule.period) != float(p.rhythm.period):
        raise DescriptionError(
            f"{who}: schedule.period = {schedule.period} must equal the rhythm's period ="
            f" {p.rhythm.period}"
        )


def symbols(schedule: SymbolSchedule, labels: tuple[str, ...] | None) -> Source:
    """The source of the symbols."""
    return Source(name="symbols", size=schedule.size, train=schedule.train(), labels=labels)


def network(
    p: ThetaKeys,
    name: str,
    source: Source,
    pools: Sequence[Population],
    wiring: Sequence[Projection],
    *,
    branches: Sequence[str],
    gain: BranchGain | None,
) -> Network:
    """Put a network together: pools, their wiring and values, racing outputs, a teacher.

    branches   of each output, one a value projection        gain   of the branches, or none
    """
    outputs = Population(
        name="outputs",
        size=source.size,
        neuron=p.race,
        dendrites=DendriticTree(
            branches=tuple(GradedBranch(name=b, duration=p.hold) for b in branches)
        ),
        inhibition=HardWTA(k=1),
        gain=gain,
        labels=source.labels,
    )
    teacher = Projection(
        name="teacher",
        pre="symbols",
        post="outputs",
        target="teacher",
        connectivity=one_to_one(source.size, weight=1.0, delay=p.teacher_delay),
    )
    return Network(
        name=name,
        sources=[source],
        populations=[*pools, outputs],
        projections=[*wiring, teacher],
        rhythm=p.rhythm,
    )
