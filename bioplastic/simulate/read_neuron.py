"""A NeuronGroup as LinearIF or ConductanceLIF."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy
from brian2 import second, volt

from bioplastic.description import ConductanceLIF, LinearIF, Taylor
from bioplastic.simulate.propagator import propagator
from bioplastic.simulate.read_conductance import read_conductance
from bioplastic.simulate.read_event import Events
from bioplastic.simulate.read_method import linear_integrator, method_of
from bioplastic.simulate.read_model import Above, Model, above, affine, compare, read_model
from bioplastic.simulate.read_scope import Scope, free_names, refuse, symbol

INERT = "untransmitted"  # state that takes the weights of synapses that transmit nothing
TIME = "time"


@dataclass(frozen=True)
class Cell:
    """A NeuronGroup read.

    neuron   its description                 size    number of neurons
    scales   state -> weight of the description per jump in SI; targets that are missing cannot be
    volts    states whose weights carry volts (ConductanceLIF), not plain floats
    """

    neuron: LinearIF | ConductanceLIF
    size: int
    scales: dict[str, float]
    volts: frozenset[str] = frozenset()
    ties: list[str] = field(default_factory=list)

    def weight(self, state: str, values: Any) -> Any:
        """Weights with the unit that the description wants for a target."""
        return values * volt if state in self.volts else values


def read_neuron(
    group: Any,
    names: Mapping[str, Any],
    dt: float,
    *,
    targets: set[str],
    inert: bool,
    moving: Collection[int],
) -> Cell:
    """Read a NeuronGroup.

    targets   variables that synapses move           inert   add a state that nothing reads
    moving    variables, by identity, that change during a run
    """
    scope = Scope(group, names, moving)
    model = read_model(group, scope, dt, targets)
    if any(len(m) > 1 for rate in model.rates.values() for m in rate):
        neuron, scales = read_conductance(model, method_of(group, scope), targets)
        if inert:
            raise refuse(model.name, "", "synapses onto it transmit nothing; a conductance must")
        return Cell(neuron, model.size, scales, frozenset(s for s in scales if s not in _receptors(
            neuron)))  # fmt: skip
    return _linear(model, targets, inert)


def _receptors(neuron: ConductanceLIF) -> list[str]:
    return [r.name for r in neuron.receptors]


def _linear(model: Model, targets: set[str], inert: bool) -> Cell:
    events = Events(model)
    plateaus = events.plateaus()
    matrix, offset = _system(model)
    coupled = next(
        (
            model.lines[s]
            for k, s in enumerate(model.states)
            if np.any(np.delete(matrix[k], k)) and model.rates[s]
        ),
        "",
    )
    flows = [s for s in model.states if model.rates[s]]
    method = method_of(model.group, model.scope) if flows else "exact"
    integrator = linear_integrator(model.group, method, coupled, model.switched)
    start = np.stack([model.start(s) for s in model.states] or [np.zeros(model.size)], axis=1)
    start = start[:, : len(model.states)]
    order = integrator.order if isinstance(integrator, Taylor) else None
    first = _step(matrix, offset, start, model.dt, order)
    test = _threshold(model)
    reset, reset_offset = affine(model, model.codes.get("spike", []))
    found = events.read(first, plateaus)
    deaf = [s for s in model.held if s in targets]
    if deaf and not model.t_ref and np.any(reset[[model.states.index(s) for s in deaf]]):
        raise refuse(model.name, model.lines[deaf[0]], "held for a refractory time of 0, it loses "
                     "arrivals in the step of the spike only")  # fmt: skip
    parts: dict[str, Any] = {
        "names": tuple(model.states), "matrix": matrix, "offset": offset, "row": test.row,
        "theta": test.theta, "reset": reset, "reset_offset": reset_offset, "initial": start,
        "events": found,
    }  # fmt: skip
    if TIME in model.lines:
        parts = _with_state(parts, TIME, rate=0.0, offset=1.0, seen=True)
    if inert or not model.states:
        parts = _with_state(parts, INERT, rate=-1 / (100 * model.dt), offset=0.0, seen=False)
    neuron = LinearIF(
        **_smaller(parts),
        t_ref=model.t_ref * model.dt * second,
        held=tuple(model.held),
        deaf=tuple(deaf if model.t_ref else ()),
        integrator=integrator,
    )
    return Cell(neuron, model.size, dict.fromkeys(parts["names"], 1.0), ties=events.ties)


def _system(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """A (n, n) and b (N, n)."""
    n = len(model.states)
    matrix, offset = np.zeros((n, n)), np.zeros((model.size, n))
    for k, state in enumerate(model.states):
        line = model.lines[state]
        for monomial, coefficient in model.rates[state].items():
            if monomial:
                m = model.states.index(monomial[0])
                matrix[k, m] = model.scope.one(coefficient, line, f"the factor of {monomial[0]}")
            else:
                offset[:, k] = model.scope.value(coefficient, line)
    return matrix, offset


def _step(
    matrix: np.ndarray, offset: np.ndarray, start: np.ndarray, dt: float, order: int | None
) -> np.ndarray:
    """The states (N, n) after one step."""
    n = len(matrix)
    both = np.zeros((2 * n, 2 * n))
    both[:n, :n], both[:n, n:] = matrix, np.eye(n)
    moved = propagator(both, dt, order)[:n]
    return start @ moved[:, :n].T + offset @ moved[:, n:].T


def _threshold(model: Model) -> Above:
    text = model.group.events.get("spike")
    n = len(model.states)
    if not text:
        return Above(np.zeros(n), np.zeros(()))  # 0 > 0 is never true
    if isinstance(ast.parse(text.strip(), mode="eval").body, ast.BoolOp):
        raise refuse(model.name, text, "joins conditions; a threshold is one comparison")
    sign, difference = compare(model, text)
    names = free_names(difference)
    if "t" in names and not names & {*model.states, *model.timers}:
        return _timed(model, text, sign, difference)
    if "t" in names:
        raise refuse(model.name, text, "depends on t")
    return above(model, text)


def _timed(model: Model, text: str, sign: str, difference: Any) -> Above:
    """``t > t_spike``: true from the step k whose time, k·dt in floats, is past it.

    The state `time` is (k + 1) dt then, to rounding; the threshold lies half a step below.
    """
    if difference.coeff(symbol("t")) != 1 or sign.startswith("<"):
        raise refuse(model.name, text, "is no plain t > constant")
    late = sympy.expand(difference - symbol("t"))
    at = -np.broadcast_to(model.scope.value(late, text), (model.size,))
    step = np.maximum(np.floor(at / model.dt).astype(int) - 1, 0)
    past = np.greater if sign == ">" else np.greater_equal
    for _ in range(4):
        step = np.where(past(step * model.dt, at), step, step + 1)
    model.lines[TIME] = text
    return Above(np.zeros(len(model.states)), (step + 0.5) * model.dt)


def _with_state(
    parts: dict[str, Any], name: str, *, rate: float, offset: float, seen: bool
) -> dict[str, Any]:
    """The same neuron with one more state, which no other state reads."""
    n = len(parts["names"])
    grown = dict(parts)
    for key, corner in (("matrix", rate), ("reset", 1.0)):
        larger = np.zeros((n + 1, n + 1))
        larger[:n, :n], larger[n, n] = parts[key], corner
        grown[key] = larger
    ends = {"row": float(seen), "reset_offset": 0.0, "offset": offset, "initial": 0.0}
    for key, value in ends.items():
        old = parts[key]
        grown[key] = np.concatenate([old, np.full((*old.shape[:-1], 1), value)], axis=-1)
    if parts["events"]:
        raise refuse("", name, "a group with events needs no more states")
    return grown | {"names": (*parts["names"], name)}


def _smaller(parts: dict[str, Any]) -> dict[str, Any]:
    """Rows that are the same for all neurons once, and a single threshold as a number."""
    found = dict(parts)
    for key in ("offset", "initial"):
        if np.all(found[key] == found[key][0]):
            found[key] = found[key][0]
    theta = np.asarray(found["theta"])
    found["theta"] = float(theta.flat[0]) if np.all(theta == theta.flat[0]) else theta
    return found
