"""What every population of a twin does in a step, and the part that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bioplastic.bridge.surrogate import Reset, Surrogate
from bioplastic.bridge.twin_value import Scaled, Trainable
from bioplastic.description import Network, Population
from bioplastic.errors import UnsupportedModel

States = dict[str, Tensor]
WAIT = "steps since spike"  # state of neurons with a refractory time
LONG_AGO = 2**40  # value of WAIT for a neuron that has not spiked


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a twin is built: grid dt (s), surrogate, what the reset passes, type, what is trained."""

    network: Network
    dt: float
    surrogate: Surrogate
    reset: Reset
    dtype: torch.dtype
    trainable: Trainable


@dataclass(frozen=True, kw_only=True)
class Fired:
    """What the threshold slot of a step gave: everything (B, N).

    spikes   0 or 1 with the surrogate gradient        potential   what was tested
    events   plateau onsets and events, by branch or event name
    """

    spikes: Tensor
    potential: Tensor
    events: dict[str, Tensor] = field(default_factory=dict)


class Cells(nn.Module):
    """One population. All states are tensors (B, N), handed in and out.

    Order inside a step, as in Brian2: `integrate` (with plateau onsets), `fire`, `arrive`, `reset`.
    `prepare` turns parameters into constants once for each run.
    """

    def __init__(self, population: Population, plan: Plan) -> None:
        super().__init__()
        self.population_name, self.size, self.plan = population.name, population.size, plan
        self.gains: dict[str, float] = {}  # target -> jump per weight
        self.units_of: dict[str, Any] = {}  # target -> unit of its weights, None: plain SI floats
        self.weight_scale = 1.0  # typical weight, for parameters that start at 0
        self.event_names: list[str] = []

    def value(self, what: str, si: Any, *, trainable: bool, otherwise: float = 1.0) -> Scaled:
        """A parameter of this population."""
        owner = f"{self.population_name}.{what}"
        return Scaled(owner, si, self.plan.dtype, trainable=trainable, otherwise=otherwise)

    def start(self, batch: int, like: Tensor) -> States:
        """States at step 0."""
        raise NotImplementedError

    def prepare(self) -> Any:
        """Constants of a run, from the parameters as they are now."""
        raise NotImplementedError

    def integrate(self, ready: Any, x: States) -> tuple[States, dict[str, Tensor]]:
        """States after the update and the onsets (B, N) of plateaus in this step."""
        raise NotImplementedError

    def fire(self, ready: Any, x: States, starts: Tensor) -> tuple[States, Fired]:
        """Test the threshold.

        starts   () bool: a competition starts in this step
        """
        raise NotImplementedError

    def arrive(self, x: States, arrivals: Mapping[str, Tensor]) -> States:
        """Deliver Σ gain·weight (B, N) to each target."""
        raise NotImplementedError

    def reset(self, ready: Any, x: States, fired: Fired) -> States:
        """What a spike does to its own neuron."""
        raise NotImplementedError

    def competes(self, step: int) -> bool:
        """True when a competition starts in this step."""
        return False

    def described(self, population: Population) -> Population:
        """The population with trained values in place of its own."""
        raise NotImplementedError

    def full(self, value: Any, batch: int, like: Tensor) -> Tensor:
        """`value` (scalar or (N,)) for every batch, (B, N)."""
        row = torch.as_tensor(np.asarray(value, dtype=float)).to(like)
        return row.expand(batch, self.size).clone()

    def never(self, batch: int, like: Tensor) -> Tensor:
        """Steps since the last spike, (B, N) int64, when there was none."""
        return torch.full((batch, self.size), LONG_AGO, dtype=torch.int64, device=like.device)


@singledispatch
def cells_of(neuron: Any, population: Population, plan: Plan) -> Cells:
    """The twin of a population; UnsupportedModel for a class without one."""
    raise no_twin(f"{population.name}.neuron", neuron)


def no_twin(owner: str, thing: Any) -> UnsupportedModel:
    """The error for a description class without a twin."""
    return UnsupportedModel(
        f"{owner}: {type(thing).__name__} has no differentiable twin in bioplastic.bridge"
    )


def bare(population: Population) -> None:
    """Raise UnsupportedModel for branches or inhibition on a soma that cannot carry them."""
    kind = type(population.neuron).__name__
    if population.dendrites is not None:
        raise UnsupportedModel(f"{population.name}.dendrites: need an LIF soma, not {kind}")
    if population.inhibition is not None:
        inhibition = type(population.inhibition).__name__
        raise UnsupportedModel(
            f"{population.name}.inhibition: {inhibition} needs an LIF soma, not {kind}"
        )
