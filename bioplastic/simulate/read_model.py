"""The equations, threshold, resets and events of a NeuronGroup as polynomials in its states."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2 import Quantity
from brian2.core.functions import timestep
from brian2.core.variables import ArrayVariable
from brian2.equations.equations import DIFFERENTIAL_EQUATION
from brian2.parsing.expressions import is_boolean_expression
from brian2.utils.stringtools import get_identifiers
from sympy.core.function import AppliedUndef

from bioplastic.simulate.read_scope import (
    CLOCK,
    SWITCH,
    Expr,
    Scope,
    Statement,
    free_names,
    monomials,
    refuse,
    statements,
    symbol,
)

Poly = dict[tuple[str, ...], Expr]


@dataclass
class Model:
    """A NeuronGroup taken apart.

    states      differential variables, then parameters that code moves (their derivative is 0)
    rates       state -> polynomial of its derivative          lines   state -> its equation
    held        states `(unless refractory)`, when there is a refractory time
    t_ref       steps                                          size    neurons
    timers      parameters that events set to a time           codes   event -> its statements
    """

    group: Any
    scope: Scope
    dt: float
    states: list[str] = field(default_factory=list)
    rates: dict[str, Poly] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    t_ref: int = 0
    timers: set[str] = field(default_factory=set)
    codes: dict[str, list[Statement]] = field(default_factory=dict)
    switched: str = ""

    @property
    def name(self) -> str:
        """Name of the Brian2 group."""
        return str(self.group.name)

    @property
    def size(self) -> int:
        """Number of neurons."""
        return len(self.group)

    def start(self, name: str) -> np.ndarray:
        """Present values of a variable (N,)."""
        values = np.asarray(self.group.variables[name].get_value(), dtype=float)
        if not np.all(np.isfinite(values)):
            raise refuse(self.name, name, "its start value is not finite")
        return np.broadcast_to(values.reshape(-1), (self.size,))


def read_model(group: Any, scope: Scope, dt: float, targets: set[str]) -> Model:
    """Take a NeuronGroup apart; `targets` are the variables that synapses move."""
    if group._linked_variables:
        raise refuse(group.name, sorted(group._linked_variables)[0], "a linked variable")
    model = Model(group, scope, dt)
    for event, code in group.event_codes.items():
        model.codes[event] = statements(model.name, code)
    equations = group.user_equations
    if equations.is_stochastic:
        line = next(e for e in equations.values() if e.expr and e.expr.stochastic_variables)
        raise refuse(model.name, line, "noise (xi) is drawn anew in every step")
    flows = {e.varname: e for e in equations.values() if e.type == DIFFERENTIAL_EQUATION}
    model.states = [*flows, *_moved(model, set(flows), targets)]
    for name in model.states:
        if group.variables[name].dtype != np.float64:
            raise refuse(model.name, name, f"is a {group.variables[name].dtype}, not a float64")
    for name, equation in flows.items():
        model.lines[name] = str(equation)
        _rate(model, name, equation)
    for name in model.states[len(flows) :]:
        model.rates[name], model.lines[name] = {}, f"{name} (parameter)"
    model.t_ref = refractory_steps(model)
    if model.group._refractory is not False:
        model.held = [n for n, e in flows.items() if "unless refractory" in e.flags]
    return model


def _rate(model: Model, name: str, equation: Any) -> None:
    text, line = equation.expr.code, str(equation)
    expression = model.scope.parse(text, line)
    found = monomials(expression, model.states)
    if found is None:
        raise refuse(model.name, line, "is not linear, nor a conductance times a potential")
    if set(CLOCK) & free_names(model.scope.parse(text, line, frozen=False)):
        model.switched = line
    for frozen in set(model.scope.frozen) & free_names(model.scope.parse(text, line, frozen=False)):
        inner = model.scope.parse(model.scope.frozen[frozen], line)
        if free_names(inner) & set(model.states):
            raise refuse(model.name, line, f"{frozen} (constant over dt) reads a state")
    model.rates[name] = found


def _moved(model: Model, flows: set[str], targets: set[str]) -> list[str]:
    """Parameters that code or synapses move and something reads: states that stand still."""
    group, found = model.group, list[str]()
    code = [s for ss in model.codes.values() for s in ss]
    read = {n for e in group.user_equations.values() if e.expr for n in e.expr.identifiers}
    read |= {n for c in group.events.values() if c for n in get_identifiers(c)}
    for s in code:
        read |= set(get_identifiers(s.value)) - {s.target}
    for name in [*(s.target for s in code), *sorted(targets)]:
        variable = group.variables.get(name)
        if name in flows or name in found or variable is None:
            continue
        if not isinstance(variable, ArrayVariable) or variable.scalar:
            raise refuse(model.name, name, "is moved, but is no variable of each neuron")
        setters = [s for s in code if s.target == name]
        timed = [s for s in setters if set(CLOCK) & set(get_identifiers(s.value))]
        if timed and len(timed) == len(setters) and name not in targets:
            model.timers |= {name} & read
        elif name in read | targets:
            found.append(name)
    return found


def refractory_steps(model: Model) -> int:
    """The refractory time in steps, as Brian2 counts them."""
    given = model.group._refractory
    if given is False:
        return 0
    if isinstance(given, Quantity):
        return int(timestep(float(given), model.dt))
    text, line = str(given), f"refractory={given!r}"
    names = get_identifiers(text)
    variables = {n: model.scope.resolve(n, line) for n in names}
    if is_boolean_expression(text, variables):
        raise refuse(model.name, line, "a condition, not a duration")
    expression = model.scope.parse(text, line)
    if free_names(expression) & set(model.states):
        raise refuse(model.name, line, "depends on a state")
    return int(timestep(model.scope.one(expression, line, "the refractory time"), model.dt))


@dataclass(frozen=True)
class Above:
    """A condition ``row·x > theta``; per-neuron theta (N,) or a scalar array."""

    row: np.ndarray
    theta: np.ndarray


def compare(model: Model, text: str) -> tuple[str, Expr]:
    """(operator, left − right) of one comparison."""
    node = ast.parse(text.strip(), mode="eval").body
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        raise refuse(model.name, text, "is not one comparison")
    signs = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<="}
    if type(node.ops[0]) not in signs:
        raise refuse(model.name, text, "must compare with > or <")
    sides = [
        model.scope.parse(ast.unparse(side), text) for side in (node.left, node.comparators[0])
    ]
    return signs[type(node.ops[0])], sides[0] - sides[1]


def above(model: Model, text: str) -> Above:
    """A linear condition on the states; ``>=`` becomes ``>`` of the float just below."""
    sign, difference = compare(model, text)
    found = monomials(difference, model.states)
    if found is None or any(len(m) > 1 for m in found):
        raise refuse(model.name, text, "is not linear in the states")
    turn = -1.0 if sign.startswith("<") else 1.0
    row = np.zeros(len(model.states))
    for monomial, coefficient in found.items():
        if monomial:
            row[model.states.index(monomial[0])] = turn * model.scope.one(
                coefficient, text, f"the factor of {monomial[0]}"
            )
    theta = -turn * model.scope.value(found.get((), symbol("_") * 0), text)
    single = np.flatnonzero(row)
    if len(single) == 1:  # v > v_th, not 2 v > 2 v_th: the comparison that Brian2 makes
        scale = abs(row[single[0]])
        row, theta = row / scale, theta / scale
    if sign.endswith("="):
        theta = np.nextafter(theta, -np.inf)
    return Above(row, theta)


def affine(
    model: Model, code: list[Statement], skip: set[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """R and r of a piece of code, its statements composed in order; timers in `skip` left out."""
    n = len(model.states)
    now: dict[str, Expr] = {name: symbol(name) for name in model.states}
    for s in code:
        if s.target in (skip or set()) or not _matters(model, s):
            continue
        old = {symbol(k): v for k, v in now.items()}
        value = model.scope.parse(s.value, s.line).subs(old, simultaneous=True)
        if s.operator != "=":
            before = now.get(s.target)
            if before is None:
                raise refuse(model.name, s.line, "is read before it is set")
            sign = s.operator[0]
            value = {
                "+": lambda a, b: a + b,
                "-": lambda a, b: a - b,
                "*": lambda a, b: a * b,
                "/": lambda a, b: a / b,
            }[sign](before, value)
        now[s.target] = value
    matrix, offset = np.zeros((n, n)), np.zeros(n)
    for k, name in enumerate(model.states):
        line = next((s.line for s in reversed(code) if s.target == name), name)
        found = monomials(now[name], model.states)
        if found is None or any(len(m) > 1 for m in found):
            raise refuse(model.name, line, "is not affine in the states")
        for monomial, coefficient in found.items():
            number = model.scope.one(coefficient, line, "what a reset does")
            if monomial:
                matrix[k, model.states.index(monomial[0])] = number
            else:
                offset[k] = number
    return matrix, offset


def _matters(model: Model, s: Statement) -> bool:
    """Not so for parameters that nothing reads, such as counters."""
    return s.target in model.states or s.target not in model.group.variables


def switches(expression: Expr) -> list[Expr]:
    """The int(...) of an expression."""
    return [c for c in expression.atoms(AppliedUndef) if type(c).__name__ == SWITCH]
