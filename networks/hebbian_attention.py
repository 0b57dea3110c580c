"""k-WTA Hebbian attention: a spiking network that recalls what followed a symbol, after one shot.

*Key*: a sparse code of the symbol of this theta cycle: k key neurons spike, the rest are silent.
*Value*: binary synapses of each key neuron onto its own dendritic branch of every output neuron.
*Learning*: the next symbol's teacher spike finds the plateaus of the last cycle's keys still up and
potentiates their synapses onto its output at once (theta-STDP, fast state only, no slow weight).
*Recall*: the branches of the keys that spike add up on each output; the outputs race, one wins.

Two codes. `Recruited`: one key neuron a symbol, grown when the symbol first comes; competition
lets the last successor win, so that bindings can change at any time. `KOfN`: n fixed key neurons of
which each symbol drives k drawn at random, an associative net of Willshaw, Buneman & Longuet-
Higgins 1969 [willshaw1969]; n is smaller than the number of symbols and no binding is ever undone.
"""

if __name__ != "bioplastic.networks.hebbian_attention":
    raise ImportError("import bioplastic.networks.hebbian_attention")

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2 import ms, mV

from bioplastic.description import (
    LIF,
    AllToAll,
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
from bioplastic.provenance import stream


@dataclass(frozen=True, kw_only=True)
class Recruited:
    """One key neuron a symbol, recruited at its first spike.

    pool   largest number of keys: symbols that come after the pool is used up are not bound
    """

    pool: int

    def __post_init__(self) -> None:
        """Check the size."""
        if self.pool < 1:
            raise DescriptionError(f"Recruited: pool = {self.pool} keys starts at 1")


@dataclass(frozen=True, kw_only=True)
class KOfN:
    """Fixed sparse code: each symbol drives `active` of `units` key neurons, drawn once.

    units, active   n and k, 1 <= k <= n        seed   of the draw
    """

    units: int
    active: int
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the sizes."""
        if not 1 <= self.active <= self.units:
            raise DescriptionError(
                f"KOfN: active = {self.active} of units = {self.units}: needs 1 <= active <= units"
            )

    def draw(self, size: int) -> np.ndarray:
        """(size, active) int64: the units of each symbol, ascending, from a named stream."""
        rng = stream(self.seed, "key code")
        order = np.argsort(rng.random((size, self.units)), axis=1)
        return np.sort(order[:, : self.active], axis=1)


Code = Recruited | KOfN


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Times are phases and delays inside the theta cycle; see `dendritic_attention`.

    code       how a symbol becomes key neurons
    efficacy   nats that a potentiated synapse adds to the potential of its output, at most 8
    addressed  symbols 0..addressed − 1 drive keys; None: all of them
    """

    code: Code
    efficacy: float = 8.0
    addressed: int | None = None
    rhythm: Rhythm = field(default_factory=lambda: Rhythm(gamma=1))
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
        """Jump of the drive, A."""
        n = self.neuron()
        return peak_current(self.drive_psp, tau_m=n.tau_m, tau_syn=self.tau_drive, c_m=n.c_m)

    def rule(self) -> ThetaSTDP:
        """One bit a synapse. Recruited: one-shot with competition; k of n: without."""
        keep = 0 if isinstance(self.code, Recruited) else 1
        fast = FastState(initial=(self.efficacy,), step=1, keep=keep, rate=0.0)
        return ThetaSTDP(eta_0=0.0, eta_min=0.0, winners=self.rhythm.gamma, fast=fast)


def _pool(p: Parameters, name: str, size: int, *, direct: bool) -> Population:
    gate = GateBranch(name="prime", window=p.prime_window, drive="drive")
    return Population(
        name=name,
        size=size,
        neuron=p.neuron("drive", *(["direct"] if direct else [])),
        dendrites=DendriticTree(branches=(gate,)),
        inhibition=GroupShunt(),
        recruitment=Recruitment(),
        mature=1 if direct else 0,
    )


def _direct(p: Parameters, post: str, symbols: np.ndarray) -> Projection:
    synapses = Connectivity(
        i=symbols, j=np.zeros_like(symbols), weight=p.weight(), delay=p.drive_delay
    )
    return Projection(
        name=f"drive {post}", pre="symbols", post=post, target="direct", connectivity=synapses
    )


def _grown(
    p: Parameters, name: str, pre: Any, post: Any, target: str, only: tuple[int, ...] | None
) -> Projection:
    delay = p.drive_delay if target == "drive" else p.rhythm.period - p.prime_lead
    rule = AllToAll(n_pre=pre.size, n_post=post.size, weight=p.weight(), delay=delay, only=only)
    return Projection(
        name=name,
        pre=pre.name,
        post=post.name,
        target=target,
        connectivity=rule,
        plasticity=Recruitment(),
    )


def _recruited(
    p: Parameters, code: Recruited, source: Source
) -> tuple[list[Population], list[Population], list[Projection]]:
    """A clock neuron that every symbol drives, and the keys that it makes excitable."""
    clock = _pool(p, "clock", 1, direct=True)
    keys = _pool(p, "keys", code.pool, direct=False)
    only = None if p.addressed is None else tuple(range(p.addressed))
    wiring = [
        _direct(p, "clock", np.arange(source.size)),
        _grown(p, "prime keys", clock, keys, "prime", None),
        _grown(p, "drive keys", source, keys, "drive", only),
    ]
    return [clock, keys], [keys], wiring


def _k_of_n(
    p: Parameters, code: KOfN, source: Source
) -> tuple[list[Population], list[Population], list[Projection]]:
    """One population a unit, driven by the symbols whose code holds it; unused units are left out.

    A unit is a population of one because each has a branch of its own on the outputs.
    """
    drawn = code.draw(source.size if p.addressed is None else p.addressed)
    units, wiring = [], []
    for n in range(code.units):
        symbols = np.flatnonzero((drawn == n).any(axis=1))
        if len(symbols):
            units.append(_pool(p, f"unit{n}", 1, direct=True))
            wiring.append(_direct(p, f"unit{n}", symbols))
    return units, units, wiring


def hebbian_attention(
    schedule: SymbolSchedule, p: Parameters, *, labels: tuple[str, ...] | None = None
) -> Network:
    """The network of `p` on the symbols of `schedule`, one per theta cycle.

    Raises DescriptionError when the schedule's period is not the rhythm's, or `addressed` is no
    number of symbols.
    """
    if float(schedule.period) != float(p.rhythm.period):
        raise DescriptionError(
            f"hebbian_attention: schedule.period = {schedule.period} must equal the rhythm's"
            f" period = {p.rhythm.period}"
        )
    if p.addressed is not None and not 1 <= p.addressed <= schedule.size:
        raise DescriptionError(
            f"hebbian_attention: addressed = {p.addressed} must lie in 1..{schedule.size}"
        )
    source = Source(name="symbols", size=schedule.size, train=schedule.train(), labels=labels)
    if isinstance(p.code, Recruited):
        pools, keys, wiring = _recruited(p, p.code, source)
    else:
        pools, keys, wiring = _k_of_n(p, p.code, source)
    outputs = Population(
        name="outputs",
        size=schedule.size,
        neuron=p.race,
        dendrites=DendriticTree(
            branches=tuple(GradedBranch(name=k.name, duration=p.hold) for k in keys)
        ),
        inhibition=HardWTA(k=1),
        labels=labels,
    )
    values = [
        Projection(
            name=f"value {k.name}",
            pre=k.name,
            post="outputs",
            target=k.name,
            connectivity=AllToAll(
                n_pre=k.size, n_post=schedule.size, weight=0.0, delay=p.value_delay
            ),
            plasticity=p.rule(),
        )
        for k in keys
    ]
    teacher = Projection(
        name="teacher",
        pre="symbols",
        post="outputs",
        target="teacher",
        connectivity=one_to_one(schedule.size, weight=1.0, delay=p.teacher_delay),
    )
    return Network(
        name=f"Hebbian attention, {len(keys)} branches",
        sources=[source],
        populations=[*pools, outputs],
        projections=[*wiring, *values, teacher],
        rhythm=p.rhythm,
    )
