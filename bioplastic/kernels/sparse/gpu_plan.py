"""What the host knows of a run: parts, sizes of tiles and the arguments of every launch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from bioplastic.errors import UnsupportedModel
from bioplastic.kernels.sparse.executors import LARGEST_COMPETITION
from bioplastic.quantize.integer_network import (
    AlphaChannel,
    ExponentialChannel,
    IntegerNetwork,
    IntegerPairSTDP,
    IntegerPermanence,
    IntegerPopulation,
    PlateauChannel,
)
from bioplastic.quantize.integer_rule import IntegerRule, WidePairSTDP

CHANNELS = (ExponentialChannel, AlphaChannel, PlateauChannel)
RULES = (type(None), IntegerPairSTDP, WidePairSTDP, IntegerPermanence)


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

    populations: tuple[IntegerPopulation, ...]
    parts: tuple[Part, ...]
    steps: int
    batch: int
    arguments: tuple[Any, ...]


def check_known(network: IntegerNetwork) -> None:
    """Raise UnsupportedModel at the first part that the Triton kernels do not know."""
    for p in network.populations:
        unknown = [c for c in p.channels if type(c) not in CHANNELS]
        if not isinstance(p, IntegerPopulation) or unknown:
            kind = type(unknown[0] if isinstance(p, IntegerPopulation) else p).__name__
            raise UnsupportedModel(
                f"{network.name}: {p.name}: {kind}: the GPU executor runs LIF and AdaptiveLIF "
                f"populations with current channels and plateau branches; use 'cpu'"
            )
        if p.winners and p.size > LARGEST_COMPETITION:
            raise UnsupportedModel(
                f"{network.name}: {p.name}: HardWTA among {p.size} neurons: the GPU executor "
                f"holds a competition in one program of at most {LARGEST_COMPETITION}; use 'cpu'"
            )
    for q in network.projections:
        if type(q.rule) not in RULES:
            raise UnsupportedModel(
                f"{network.name}: {q.name}: {type(q.rule).__name__}: the GPU executor learns by "
                f"pair STDP and permanences only; use 'cpu'"
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


def tile(population: IntegerPopulation, block: int) -> int:
    """Neurons of a tile: not far beyond a small population, all of one that competes."""
    whole = max(power_of_two(population.size), 32)
    return whole if population.winners else min(block, whole)


def warps(numbers: int) -> int:
    """Warps of a program that holds `numbers` numbers of each kind of state."""
    return min(max(numbers // 64, 1), 8)


def flags(populations: Sequence[IntegerPopulation]) -> dict[str, int | bool]:
    """What a kernel for these populations must know; the rest is left out when it is compiled."""
    channels = [c for p in populations for c in p.channels]
    return {
        "CHANNELS": power_of_two(max((len(p.channels) for p in populations), default=1)),
        "RISE": any(not isinstance(c, ExponentialChannel) for c in channels),
        "ADAPTIVE": any(p.theta_step for p in populations),
        "BRANCHES": any(isinstance(c, PlateauChannel) for c in channels),
        "COMPETE": any(p.winners for p in populations),
    }


def learns(found: Sequence[Part]) -> dict[str, bool]:
    """Which rules a kernel for these projections must know."""
    return {
        "PAIRS": any(isinstance(part.rule, IntegerPairSTDP) for part in found),
        "OPEN": any(isinstance(part.rule, IntegerPermanence) for part in found),
    }
