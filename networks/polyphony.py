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
class Parameters(ThetaKeys):
    """Parameters of the network, beside those of `theta_keys.ThetaKeys`.

    contexts    one chain of pools and one branch each
    delimiter   symbol that ends a frame, for contexts with an anchor
    always      a branch of one key that spikes in every cycle: how frequent each symbol is
    pool        largest number of keys in a pool
    """

    contexts: tuple[Context, ...]
    delimiter: int | None = None
    always: bool = True
    pool: int = 100_000
    stdp: ThetaSTDP = field(default_factory=lambda: ThetaSTDP(fast=FastState()))
    gain: BranchGain = field(default_factory=BranchGain)
    recruitment: Recruitment = field(default_factory=Recruitment)

    def __post_init__(self) -> None:
        """Check the contexts."""
        if not self.contexts:
            raise DescriptionError("polyphony: contexts = () leaves nothing to predict from")
        if len({c.name for c in self.contexts}) != len(self.contexts):
            raise DescriptionError("polyphony: a context is named twice")
        if self.delimiter is None and any(c.anchor is not None for c in self.contexts):
            raise DescriptionError("polyphony: a context has an anchor but there is no delimiter")


def _pool(p: Parameters, name: str, size: int, *, root: bool) -> Population:
    return theta_keys.key_pool(
        p, name, size, receptors=(DRIVE, DIRECT), root=root, grow=p.recruitment
    )


class _Builder:
    """Collects the populations and projections of one network."""

    def __init__(self, p: Parameters, source: Source) -> None:
        self.p, self.source = p, source
        self.pools: list[Population] = []
        self.wiring: list[Projection] = []
        self.branches: list[tuple[str, Population]] = []

    def root(self, name: str) -> Population:
        """A pool of one key that every symbol makes spike: the clock that starts a chain."""
        pool = _pool(self.p, name, 1, root=True)
        every = range(self.source.size)
        self.wiring.append(theta_keys.direct(self.p, f"root {name}", name, every))
        self.pools.append(pool)
        return pool

    def stage(
        self, name: str, parent: Population, cycles: int, size: int, only: tuple[int, ...] | None
    ) -> Population:
        """A pool primed by `parent` and driven by the symbol of `cycles` cycles ago."""
        p, pool = self.p, _pool(self.p, name, size, root=False)
        late = p.drive_delay + cycles * p.rhythm.period
        self.wiring += [
            theta_keys.grown(
                p, f"prime {name}", parent, pool, target="prime", delay=p.prime_delay(),
                grow=p.recruitment,
            ),
            theta_keys.grown(
                p, f"drive {name}", self.source, pool, target=DRIVE, delay=late,
                grow=p.recruitment, only=only,
            ),
        ]  # fmt: skip
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


def polyphony(
    schedule: SymbolSchedule, p: Parameters, *, labels: tuple[str, ...] | None = None
) -> Network:
    """The network of `p` on the symbols of `schedule`, one per theta cycle.

    Populations: source "symbols"; per context "lag …" with its root and stages; race "outputs".
    Raises DescriptionError when the schedule's period is not the rhythm's.
    """
    theta_keys.checked(p, schedule, "polyphony")
    source = theta_keys.symbols(schedule, labels)
    built = _Builder(p, source)
    if p.always:
        built.branches.append(("always", built.root("always")))
    for context in p.contexts:
        built.chain(context)
    found = [theta_keys.values(p, name, pool, source.size, p.stdp) for name, pool in built.branches]
    return theta_keys.network(
        p, f"polyphony, {len(p.contexts)} contexts", source, built.pools, [*built.wiring, *found],
        branches=[name for name, _ in built.branches], gain=p.gain,
    )  # fmt: skip
