"""What a NeuronGroup is made of, collected piece by piece: equations, exact step, inputs, resets.

`neuron.py`, `dendrite.py` and `inhibition.py` register one function per description class; a new
mechanism is one more registered function in a file of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2 import amp

from bioplastic.description import AlphaCurrent, ExponentialCurrent, Population
from bioplastic.errors import UnsupportedModel
from bioplastic.simulate.propagator import LinearSystem


@dataclass(frozen=True)
class Input:
    """Where an arrival goes: ``variable_post += gain*w*gate``.

    variable   state that jumps          gain   jump per weight
    gate       expression on post variables that is 0 when arrivals are lost, or empty
    unit       unit of the weight
    plain      weights are taken as plain SI floats, whatever their unit
    """

    variable: str
    gain: float = 1.0
    gate: str = ""
    unit: Any = amp
    plain: bool = False


@dataclass
class Parts:
    """Collected pieces of one population.

    system      its linear subthreshold system
    lines       Brian2 equations             constants   names used in them
    currents    variables summed into the somatic current
    before      code ahead of the step            after       code that follows it
    threshold   condition of a spike         reset       code of the reset
    events      custom event -> condition    initial     variable -> start value(s), SI
    on_events   (custom event, code, order in the reset slot; the reset of a spike has order 0)
    inputs      target of a projection -> Input
    states      public name -> variable, for recordings
    operations  (slot, function of the NeuronGroup) run in Python in every step
    """

    population: Population
    dt: float
    system: LinearSystem = field(default_factory=LinearSystem)
    lines: list[str] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    currents: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    threshold: str = ""
    reset: list[str] = field(default_factory=list)
    refractory: int = 0
    events: dict[str, str] = field(default_factory=dict)
    on_events: list[tuple[str, str, int]] = field(default_factory=list)
    initial: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Input] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    operations: list[tuple[str, Callable[[Any], Callable[[], None]]]] = field(default_factory=list)

    @property
    def owner(self) -> str:
        """Name of the population, for messages."""
        return self.population.name


def identifier(name: str) -> str:
    """`name` as a part of a Brian2 variable name."""
    return re.sub(r"\W", "_", name)


def known(build: Any, owner: str, what: Any) -> Any:
    """The builder `build` (a singledispatch function), if it has one for exactly this class.

    A subclass that nobody registered would silently be built as its parent: UnsupportedModel.
    """
    if type(what) not in build.registry:
        raise unsupported(owner, what)
    return build


def unsupported(owner: str, thing: Any) -> UnsupportedModel:
    """The error for a description class without a Brian2 builder."""
    return UnsupportedModel(
        f"{owner}: {type(thing).__name__} has no Brian2 builder in bioplastic.simulate"
    )


def add_receptor(
    parts: Parts, receptor: ExponentialCurrent | AlphaCurrent, *, prefix: str = ""
) -> str:
    """Add a synaptic current and its input; returns the variable that holds the current.

    prefix   name of the branch that holds the receptor, or empty for the soma
    """
    public = f"{prefix}.{receptor.name}" if prefix else receptor.name
    name = identifier(public)
    current, tau = f"I_{name}", f"tau_{name}"
    rate = 1 / float(receptor.tau)
    parts.constants[tau] = receptor.tau
    parts.states[public] = current
    parts.system.add(current, amp)
    parts.system.drive(current, current, -rate)
    if isinstance(receptor, ExponentialCurrent):
        parts.lines.append(f"d{current}/dt = -{current}/{tau} : amp")
        parts.inputs[public] = Input(current)
        return current
    rise = f"h_{name}"
    parts.lines += [
        f"d{current}/dt = ({rise} - {current})/{tau} : amp",
        f"d{rise}/dt = -{rise}/{tau} : amp",
    ]
    parts.system.add(rise, amp)
    parts.system.drive(rise, rise, -rate)
    parts.system.drive(current, rise, rate)
    parts.inputs[public] = Input(rise, gain=float(np.e))
    return current
