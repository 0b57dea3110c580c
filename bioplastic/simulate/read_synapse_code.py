"""Synapse code taken apart: what is transmitted, which traces move, how the weight changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2.parsing.sympytools import str_to_sympy

from bioplastic.simulate.read_objects import parent
from bioplastic.simulate.read_scope import (
    Expr,
    Scope,
    Statement,
    free_names,
    refuse,
    statements,
    symbol,
)


@dataclass(frozen=True)
class Transmission:
    """``state_post += value``."""

    state: str
    value: Expr
    line: str


@dataclass(frozen=True)
class Move:
    """A trace or the weight of a synapse is set to `value`, an expression of values just before."""

    variable: str
    value: Expr
    line: str


@dataclass
class Pathway:
    """One pathway and what it does, in the order written. Delays in steps."""

    name: str
    side: str
    order: tuple[int, str]
    delays: np.ndarray
    actions: list[Transmission | Move] = field(default_factory=list)

    @property
    def transmissions(self) -> list[Transmission]:
        """What it adds to states of post."""
        return [a for a in self.actions if isinstance(a, Transmission)]

    @property
    def moves(self) -> list[Move]:
        """What it does to variables of the synapse."""
        return [a for a in self.actions if isinstance(a, Move)]


@dataclass
class SynapseModel:
    """A Synapses taken apart.

    traces    names of its event-driven variables         own   what its code moves beside traces
    """

    synapses: Any
    scope: Scope
    dt: float
    traces: dict[str, Any] = field(default_factory=dict)
    own: list[str] = field(default_factory=list)
    pathways: list[Pathway] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the Synapses."""
        return str(self.synapses.name)

    @property
    def post(self) -> str:
        """Name of the whole group that receives."""
        return str(parent(self.synapses.target).name)

    def targets(self) -> set[str]:
        """Variables of the post group that it moves."""
        return {t.state for p in self.pathways for t in p.transmissions}


def read_code(synapses: Any, names: Mapping[str, Any], dt: float) -> SynapseModel:
    """Take the code of a Synapses apart; its equations must be event-driven traces."""
    model = SynapseModel(synapses, Scope(synapses, names), dt)
    if synapses._linked_variables:
        raise refuse(model.name, sorted(synapses._linked_variables)[0], "a linked variable")
    driven = synapses.event_driven
    if driven is not None:
        model.traces = {e.varname: e for e in driven.values() if e.type == "differential equation"}
    for pathway in synapses._pathways:
        model.pathways.append(_pathway(model, pathway))
    model.pathways.sort(key=lambda p: p.order)
    return model


def _pathway(model: SynapseModel, pathway: Any) -> Pathway:
    exact = np.asarray(pathway.variables["delay"].get_value(), dtype=float) / model.dt
    if np.any(np.abs(exact - np.floor(exact) - 0.5) < 1e-6):
        raise refuse(model.name, f"{pathway.objname}.delay", "lies halfway between two steps")
    delays = np.rint(exact)
    found = Pathway(pathway.objname, pathway.prepost, (pathway.order, pathway.name), delays)
    code = statements(model.name, pathway.code)
    if found.side == "post" and np.any(delays):
        raise refuse(model.name, pathway.code, "a delay of post spikes")
    local: dict[str, Expr] = {}
    stale: set[str] = set()
    for k, s in enumerate(code):
        reads = free_names(_raw(s))
        if reads & stale:
            raise refuse(model.name, s.line, f"reads {(reads & stale).pop()}, whose source moved")
        value = model.scope.parse(s.value, s.line, known=local)
        owner = _owner(model, s)
        if owner == "post":
            _transmit(model, found, s, value)
        elif owner == "pre":
            raise refuse(model.name, s.line, "changes the pre neuron")
        elif owner == "local" or _temporary(model, s, code[:k]):
            if s.operator != "=":
                raise refuse(model.name, s.line, "is read before it is set")
            local[s.target] = value
            stale.discard(s.target)
        else:
            found.actions.append(Move(s.target, _assigned(s, value), s.line))
            stale |= {n for n, e in local.items() if s.target in free_names(e)}
            if s.target not in model.traces:
                model.own += [s.target] * (s.target not in model.own)
    return found


def _raw(s: Statement) -> Expr:
    return str_to_sympy(s.value)


def _assigned(s: Statement, value: Expr) -> Expr:
    old = symbol(s.target)
    return {
        "=": lambda: value,
        "+=": lambda: old + value,
        "-=": lambda: old - value,
        "*=": lambda: old * value,
        "/=": lambda: old / value,
    }[s.operator]()


def _owner(model: SynapseModel, s: Statement) -> str:
    """Whose variable a statement sets: "own", "pre", "post" or "local"."""
    variable = model.synapses.variables.get(s.target)
    if variable is None:
        return "local"
    if variable.owner.name == model.name:
        return "own"
    return "pre" if s.target.endswith("_pre") else "post"


def _temporary(model: SynapseModel, s: Statement, before: list[Statement]) -> bool:
    """Say whether a synaptic variable is set from scratch wherever code reads it, as a memo."""
    if s.target in model.traces or s.operator != "=":
        return False
    for pathway in model.synapses._pathways:
        set_yet = False
        for other in statements(model.name, pathway.code):
            reads = free_names(_raw(other)) | ({other.target} if other.operator != "=" else set())
            if s.target in reads and not set_yet:
                return False
            set_yet = set_yet or (other.target == s.target and other.operator == "=")
    return True


def _transmit(model: SynapseModel, found: Pathway, s: Statement, value: Expr) -> None:
    if found.side == "post":
        raise refuse(model.name, s.line, "a post spike changes a neuron")
    state = s.target.removesuffix("_post")
    if s.operator not in ("+=", "-="):
        raise refuse(model.name, s.line, "an arrival must add to a state")
    found.actions.append(Transmission(state, value if s.operator == "+=" else -value, s.line))
