"""Which way a learned network goes into the chip's integers: its description decides.

Each lowering is a module here that says what it takes, and measures what its network loses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np

from bioplastic.description import Network
from bioplastic.errors import UnsupportedModel
from bioplastic.learned import Learned
from bioplastic.quantize.loihi import LoihiNetwork

Spikes = tuple[np.ndarray, np.ndarray]
TRACE_STEPS = 10_000
"""Steps of the golden trace, at least, where the stimulus suffices."""


class Lowered(Protocol):
    """A learned network in the arithmetic `loihi-1`, what it is shown, and what leaving cost it."""

    @property
    def network(self) -> LoihiNetwork:
        """What the chip would hold."""
        ...

    def trace(self) -> tuple[Mapping[str, Spikes], int]:
        """Stimulus of the golden trace, source → (steps, ids), and its length in steps.

        0 steps where there is nothing to show.
        """
        ...

    def lines(self) -> list[str]:
        """What was lost, and how well it predicts before and after; a line each, for a person."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """The same as plain JSON, for the bundle."""
        ...


class Lowering(Protocol):
    """One way into the chip's integers.

    FOLLOWS   whether the network follows a stream of symbols, which has to be given
    """

    FOLLOWS: bool

    def refusal(self, description: Network) -> str | None:
        """Why this way does not take the description, naming the object; None if it does."""
        ...

    def lower(self, learned: Learned, symbols: np.ndarray | None, target: str) -> Lowered:
        """Lower for a target, and measure; symbols (L,) ints where FOLLOWS, else None."""
        ...


LOWERINGS = {"dendritic attention": "attention", "temporal memory": "memory"}
"""The module of each, by the network that it takes."""


def follows(description: Network) -> bool:
    """Whether its lowering wants a stream of symbols; False where there is none for it."""
    return any(way.FOLLOWS for _, way in _ways() if way.refusal(description) is None)


def lowering_of(description: Network) -> Lowering:
    """The lowering that takes a description.

    Raises UnsupportedModel with what each of them refuses.
    """
    reasons = []
    for name, way in _ways():
        reason = way.refusal(description)
        if reason is None:
            return way
        reasons.append(f"as {name}: {reason}")
    raise UnsupportedModel(
        f"{description.name!r} cannot be written in a chip's integers: {'; '.join(reasons)}"
    )


def _ways() -> Iterator[tuple[str, Lowering]]:
    for name, module in LOWERINGS.items():
        yield name, cast(Lowering, import_module(f"bioplastic.export.loihi.{module}"))
