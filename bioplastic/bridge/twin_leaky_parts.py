"""What LIF populations of the twin are made of: time constants by name, plateau branches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from brian2 import second

from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    AlphaCurrent,
    PlateauBranch,
    Population,
)
from bioplastic.simulate.equations import identifier
from bioplastic.simulate.grid import whole


@dataclass(frozen=True)
class Plateau:
    """One PlateauBranch on the grid: names of its states, threshold and plateau in A, steps."""

    public: str
    current: str
    rise: str
    clamp: str
    trace: str
    left: str
    threshold: float
    height: float
    steps: int


def retimed(thing: Any, tau: float) -> Any:
    """The receptor or branch with another time constant (s); itself when it is the same."""
    return thing if float(thing.tau) == tau else replace(thing, tau=tau * second)


def branches_of(population: Population) -> tuple[Any, ...]:
    """The branches of every neuron, none without dendrites."""
    return population.dendrites.branches if population.dendrites else ()


def rates_of(population: Population) -> dict[str, tuple[float, list[tuple[str, str, int]]]]:
    """Time constant -> (value in s, the entries ±1/tau of A); keys with a blank are the soma's."""
    neuron = population.neuron
    assert isinstance(neuron, LIF)
    found = {" m": (float(neuron.tau_m), [("v", "v", -1)])}
    if isinstance(neuron, AdaptiveLIF):
        found[" theta"] = (float(neuron.tau_theta), [("theta", "theta", -1)])
    for thing in (*neuron.receptors, *branches_of(population)):
        name = identifier(thing.name)
        current, rise = f"I_{name}", f"h_{name}"
        entries = [(current, current, -1)]
        if isinstance(thing, AlphaCurrent | PlateauBranch):
            entries += [(rise, rise, -1), (current, rise, 1)]
        found[name] = (float(thing.tau), entries)
    return found


def plateau_of(population: Population, branch: PlateauBranch, dt: float) -> Plateau:
    """The branch on the grid dt (s)."""
    b = identifier(branch.name)
    return Plateau(
        public=branch.name,
        current=f"I_{b}",
        rise=f"h_{b}",
        clamp=f"p_{b}",
        trace=f"z_{b}",
        left=f"left_{b}",
        threshold=float(branch.threshold),
        height=float(branch.plateau_current),
        steps=whole(f"{population.name}.{branch.name}.duration", branch.duration, dt),
    )
