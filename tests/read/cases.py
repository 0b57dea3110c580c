"""How a restated model is listed: what it is, for how long it runs, or how it must be refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brian2
from brian2 import SpikeGeneratorGroup

from bioplastic.description import Network


@dataclass(frozen=True)
class Accepted:
    """A model that must be read and then give the same spikes and weights; duration in ms."""

    title: str
    build: Callable[[Any], tuple[brian2.Network, dict[str, Any]]]
    duration: float
    becomes: str


@dataclass(frozen=True)
class Refused:
    """A model that must be refused, with the words of object, line and reason."""

    title: str
    build: Callable[[], tuple[brian2.Network, dict[str, Any]]]
    thing: str
    line: str
    reason: str


ACCEPTED: list[Accepted] = []
REFUSED: list[Refused] = []


def accepted(title: str, becomes: str, duration: float = 100) -> Callable[[Any], Any]:
    """List a model: a function of `poisson(N, rates, name)`, the maker of its random sources."""

    def add(build: Any) -> Any:
        ACCEPTED.append(Accepted(title, build, duration, becomes))
        return build

    return add


def refused(title: str, thing: str, line: str, reason: str) -> Callable[[Any], Any]:
    """List a model that is refused."""

    def add(build: Any) -> Any:
        REFUSED.append(Refused(title, build, thing, line, reason))
        return build

    return add


def drawn(n: int, rates: Any, name: str) -> brian2.PoissonGroup:
    """The random source that a model has of its own."""
    return brian2.PoissonGroup(n, rates, name=name)


def replayed(description: Network) -> Callable[[int, Any, str], SpikeGeneratorGroup]:
    """Sources that emit the spikes that `read` drew."""

    def make(n: int, rates: Any, name: str) -> SpikeGeneratorGroup:
        source = next(s for s in description.sources if s.name.startswith(name))
        train = source.train
        return SpikeGeneratorGroup(n or source.size, train.i, train.t, name=name)

    return make
