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

from bioplastic.description import (
    BranchGain,
    FastState,
    Network,
    Population,
    Projection,
    Recruitment,
    Source,
    SymbolSchedule,
    ThetaSTDP,
)
from bioplastic.errors import DescriptionError
from bioplastic.networks import theta_keys
from bioplastic.networks.theta_keys import DIRECT, DRIVE, ThetaKeys


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
class Parameters(ThetaKeys):
    """Parameters of the network, beside those of `theta_keys.ThetaKeys`.

    contexts    what the keys stand for
    ahead       cycles between a key and the race that it takes part in, 0 = the same
    """

    contexts: tuple[Context, ...] = (Context(lags=()), Context(lags=(0,)))
    ahead: int = 0
    stdp: ThetaSTDP = field(default_factory=lambda: ThetaSTDP(fast=FastState()))
    gain: BranchGain = field(default_factory=BranchGain)
    recruitment: Recruitment = field(default_factory=Recruitment)

    def __post_init__(self) -> None:
        names = [c.name for c in self.contexts]
        if not names or len(set(names)) != len(names):
            raise DescriptionError(
                f"tapped_attention: contexts = {names} must differ, one at least"
            )
        if self.ahead < 0:
            raise DescriptionError(f"tapped_attention: ahead = {self.ahead} starts at 0")


def _pool(p: Parameters, name: str, size: int, *, root: bool) -> Population:
    receptors = (DRIVE, DIRECT) if root else (DRIVE,)
    return theta_keys.key_pool(p, name, size, receptors=receptors, root=root, grow=p.recruitment)


def _grown(
    p: Parameters, pre: Population | Source, post: Population, target: str, delay: Any
) -> Projection:
    return theta_keys.grown(
        p, f"{target} {post.name}", pre, post, target=target, delay=delay, grow=p.recruitment
    )


def _copy(
    p: Parameters, context: Context, name: str, source: Source
) -> tuple[list[Population], list[Projection]]:
    """One chain of pools, root first: what spikes always, then one lag after the other."""
    root = _pool(p, f"{name} root", 1, root=True)
    pools = [root]
    wiring = [theta_keys.direct(p, f"direct {root.name}", root.name, range(source.size))]
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
    theta_keys.checked(p, schedule, "tapped_attention")
    source = theta_keys.symbols(schedule, labels)
    pools: list[Population] = []
    wiring: list[Projection] = []
    branches: list[str] = []
    for context in p.contexts:
        for copy in range(context.copies):
            name = f"{context.name} #{copy}"
            chain, synapses = _copy(p, context, name, source)
            found = theta_keys.values(p, name, chain[-1], source.size, p.stdp, cycles=p.ahead)
            pools, wiring = [*pools, *chain], [*wiring, *synapses, found]
            branches.append(name)
    return theta_keys.network(
        p, "tapped attention, " + ", ".join(c.name for c in p.contexts), source, pools, wiring,
        branches=branches, gain=p.gain,
    )  # fmt: skip
