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

import numpy as np

from bioplastic.description import (
    FastState,
    Network,
    Population,
    Projection,
    Recruitment,
    Rhythm,
    Source,
    SymbolSchedule,
    ThetaSTDP,
)
from bioplastic.errors import DescriptionError
from bioplastic.networks import theta_keys
from bioplastic.networks.theta_keys import DIRECT, DRIVE, ThetaKeys
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
class Parameters(ThetaKeys):
    """Parameters of the network, beside those of `theta_keys.ThetaKeys`; one race a cycle.

    code       how a symbol becomes key neurons
    efficacy   nats that a potentiated synapse adds to the potential of its output, at most 8
    addressed  symbols 0..addressed − 1 drive keys; None: all of them
    """

    code: Code
    efficacy: float = 8.0
    addressed: int | None = None
    rhythm: Rhythm = field(default_factory=lambda: Rhythm(gamma=1))

    def rule(self) -> ThetaSTDP:
        """One bit a synapse. Recruited: one-shot with competition; k of n: without."""
        keep = 0 if isinstance(self.code, Recruited) else 1
        fast = FastState(initial=(self.efficacy,), step=1, keep=keep, rate=0.0)
        return ThetaSTDP(eta_0=0.0, eta_min=0.0, winners=self.rhythm.gamma, fast=fast)


def _pool(p: Parameters, name: str, size: int, *, root: bool) -> Population:
    receptors = (DRIVE, DIRECT) if root else (DRIVE,)
    return theta_keys.key_pool(p, name, size, receptors=receptors, root=root, grow=Recruitment())


def _recruited(
    p: Parameters, code: Recruited, source: Source
) -> tuple[list[Population], list[Population], list[Projection]]:
    """A clock neuron that every symbol drives, and the keys that it makes excitable."""
    clock = _pool(p, "clock", 1, root=True)
    keys = _pool(p, "keys", code.pool, root=False)
    only = None if p.addressed is None else tuple(range(p.addressed))
    wiring = [
        theta_keys.direct(p, "drive clock", "clock", range(source.size)),
        theta_keys.grown(
            p, "prime keys", clock, keys, target="prime", delay=p.prime_delay(), grow=Recruitment()
        ),
        theta_keys.grown(
            p, "drive keys", source, keys, target=DRIVE, delay=p.drive_delay, grow=Recruitment(),
            only=only,
        ),
    ]  # fmt: skip
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
            units.append(_pool(p, f"unit{n}", 1, root=True))
            wiring.append(theta_keys.direct(p, f"drive unit{n}", f"unit{n}", symbols))
    return units, units, wiring


def hebbian_attention(
    schedule: SymbolSchedule, p: Parameters, *, labels: tuple[str, ...] | None = None
) -> Network:
    """The network of `p` on the symbols of `schedule`, one per theta cycle.

    Raises DescriptionError when the schedule's period is not the rhythm's, or `addressed` is no
    number of symbols.
    """
    theta_keys.checked(p, schedule, "hebbian_attention")
    if p.addressed is not None and not 1 <= p.addressed <= schedule.size:
        raise DescriptionError(
            f"hebbian_attention: addressed = {p.addressed} must lie in 1..{schedule.size}"
        )
    source = theta_keys.symbols(schedule, labels)
    if isinstance(p.code, Recruited):
        pools, keys, wiring = _recruited(p, p.code, source)
    else:
        pools, keys, wiring = _k_of_n(p, p.code, source)
    found = [theta_keys.values(p, k.name, k, source.size, p.rule()) for k in keys]
    return theta_keys.network(
        p, f"Hebbian attention, {len(keys)} branches", source, pools, [*wiring, *found],
        branches=[k.name for k in keys], gain=None,
    )  # fmt: skip
