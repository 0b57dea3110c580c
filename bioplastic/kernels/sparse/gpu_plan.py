"""What the host knows of a run: parts, sizes of tiles and the arguments of every launch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from itertools import accumulate
from typing import Any

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.kernels.sparse.executors import LARGEST_COMPETITION
from bioplastic.quantize.integer_network import (
    AlphaChannel,
    ExponentialChannel,
    IntegerConductance,
    IntegerLinear,
    IntegerNetwork,
    IntegerPairSTDP,
    IntegerPermanence,
    IntegerPopulation,
    IntegerTraceRule,
    PlateauChannel,
)
from bioplastic.quantize.integer_population import (
    AnyPopulation,
    ConductanceChannel,
    EventChannel,
    LinearState,
    PotentialChannel,
)
from bioplastic.quantize.integer_rule import IntegerRule, WidePairSTDP

KNOWN: Mapping[type, tuple[type, ...]] = {
    IntegerPopulation: (ExponentialChannel, AlphaChannel, PlateauChannel),
    IntegerLinear: (LinearState, EventChannel),
    IntegerConductance: (PotentialChannel, ConductanceChannel),
}
"""Populations that the kernels know, each with its channels."""
RULES = (type(None), IntegerPairSTDP, WidePairSTDP, IntegerPermanence, IntegerTraceRule)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A projection as the host sees it.

    given      pre is a source      least  smallest delay, steps
    delays     how many distinct ones; `delay` is the first among those of all projections
    pre_word   first word of pre in a row of spikes, and how many words it has; likewise post
    """

    place: int
    rule: IntegerRule | None
    given: bool
    least: int
    delays: int
    synapses: int
    delay: int
    pre_word: int
    pre_words: int
    post_word: int
    post_words: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run: `arguments` are the tuples that every kernel takes first."""

    populations: tuple[AnyPopulation, ...]
    parts: tuple[Part, ...]
    steps: int
    batch: int
    arguments: tuple[Any, ...]


def check_known(network: IntegerNetwork) -> None:
    """Raise UnsupportedModel at the first part that the Triton kernels do not know."""
    for p in network.populations:
        known = KNOWN.get(type(p), ())
        unknown = [c for c in p.channels if type(c) not in known]
        if unknown or type(p) not in KNOWN:
            kind = type(unknown[0] if type(p) in KNOWN else p).__name__
            raise UnsupportedModel(
                f"{network.name}: {p.name}: {kind}: the GPU executor knows LIF and AdaptiveLIF "
                f"populations with current channels and plateau branches, linear neurons with "
                f"events, and conductance neurons; use 'cpu'"
            )
        if isinstance(p, IntegerPopulation) and p.winners and p.size > LARGEST_COMPETITION:
            raise UnsupportedModel(
                f"{network.name}: {p.name}: HardWTA among {p.size} neurons: the GPU executor "
                f"holds a competition in one program of at most {LARGEST_COMPETITION}; use 'cpu'"
            )
        if isinstance(p, IntegerLinear):
            _check_coefficients(network, p)
    for q in network.projections:
        if type(q.rule) not in RULES:
            raise UnsupportedModel(
                f"{network.name}: {q.name}: {type(q.rule).__name__}: the GPU executor learns by "
                f"pair STDP, permanences and programs on traces; use 'cpu'"
            )


def _check_coefficients(network: IntegerNetwork, p: IntegerLinear) -> None:
    """A step multiplies 32 bits by 32; `lower` makes no coefficient that passes them."""
    largest = max(int(np.abs(step.matrix).max(initial=0)) for step in (p.free, p.held))
    if largest >= 1 << 31:
        raise UnsupportedModel(
            f"{network.name}: {p.name}: a propagator of {largest / 2**30:.3g}: the GPU executor "
            f"takes factors below 2; use 'cpu'"
        )


def words(size: int) -> int:
    """Words of 32 units."""
    return -(-size // 32)


def parts(network: IntegerNetwork, word: Mapping[str, int]) -> tuple[Part, ...]:
    """The projections of `network`, in order; `word` is the first word of every group."""
    sources = {s.name for s in network.sources}
    delay = list(accumulate((len(q.delays) for q in network.projections), initial=0))
    return tuple(
        Part(
            place=place,
            rule=q.rule,
            given=q.pre in sources,
            least=int(q.delays[0]) if len(q.delays) else network.max_delay + 1,
            delays=len(q.delays),
            synapses=len(q.post_ids),
            delay=delay[place],
            pre_word=word[q.pre],
            pre_words=words(network[q.pre].size),
            post_word=word[q.post],
            post_words=words(network[q.post].size),
        )
        for place, q in enumerate(network.projections)
    )


def power_of_two(n: int) -> int:
    """The smallest power of two that is at least `n`."""
    return 1 << max(n - 1, 0).bit_length()


def tile(population: AnyPopulation, block: int) -> int:
    """Neurons of a tile: not far beyond a small population, all of one that competes."""
    whole = max(power_of_two(population.size), 32)
    competes = isinstance(population, IntegerPopulation) and population.winners
    return whole if competes else min(block, whole)


def warps(numbers: int) -> int:
    """Warps of a program that holds `numbers` numbers of each kind of state."""
    return min(max(numbers // 64, 1), 8)


def warps_of(population: AnyPopulation, block: int) -> int:
    """Warps of a program that holds `block` neurons of a population.

    Conductances and events need many numbers for each state: fewer warps keep sums over the states
    inside a thread, and leave a thread registers enough.
    """
    numbers = block * flags(population)["CHANNELS"]
    many = population.events if isinstance(population, IntegerLinear) else ()
    halved = many or isinstance(population, IntegerConductance)
    return warps(numbers // 2 if halved else numbers)


@singledispatch
def flags(population: Any) -> dict[str, int]:
    """What a kernel for one population must know; the rest is left out when it is compiled."""
    raise NotImplementedError(type(population).__name__)


@flags.register
def _(p: IntegerPopulation) -> dict[str, int]:
    return {
        "CHANNELS": power_of_two(len(p.channels)),
        "RISE": any(not isinstance(c, ExponentialChannel) for c in p.channels),
        "ADAPTIVE": bool(p.theta_step),
        "BRANCHES": any(isinstance(c, PlateauChannel) for c in p.channels),
        "COMPETE": bool(p.winners),
    }


@flags.register
def _(p: IntegerLinear) -> dict[str, int]:
    return {
        "CHANNELS": power_of_two(len(p.states)),
        "EVENTS": power_of_two(len(p.events)) if p.events else 0,
    }


@flags.register
def _(p: IntegerConductance) -> dict[str, int]:
    return {
        "CHANNELS": power_of_two(len(p.channels)),
        "EXPONENTIAL": p.exponential,
        "EULER": not p.exponential,
    }


PREFIX = {IntegerPopulation: "", IntegerLinear: "LINEAR_", IntegerConductance: "CONDUCTANCE_"}


def all_flags(populations: Sequence[AnyPopulation]) -> dict[str, int]:
    """What a kernel for all of these must know, by kind; CHANNELS = 0: none of that kind."""
    found = {}
    for kind, prefix in PREFIX.items():
        each = [flags(p) for p in populations if type(p) is kind]
        for name in FLAGS[kind]:
            found[prefix + name] = max((f[name] for f in each), default=0)
    return found


FLAGS = {
    IntegerPopulation: ("CHANNELS", "RISE", "ADAPTIVE", "BRANCHES", "COMPETE"),
    IntegerLinear: ("CHANNELS", "EVENTS"),
    IntegerConductance: ("CHANNELS", "EXPONENTIAL", "EULER"),
}


def learns(found: Sequence[Part]) -> dict[str, bool]:
    """Which rules a kernel for these projections must know."""
    return {
        "PAIRS": any(isinstance(part.rule, IntegerPairSTDP) for part in found),
        "OPEN": any(isinstance(part.rule, IntegerPermanence) for part in found),
        "TRACED": any(isinstance(part.rule, IntegerTraceRule) for part in found),
    }
