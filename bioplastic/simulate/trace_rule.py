"""Statements on traces as Brian2 synapse code.

A trace is kept as (value after its last move, step of that move) and decays in closed form when it
is read: x exp(−(n − n_x) dt/tau).
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from brian2 import Quantity, get_dimensions

from bioplastic.description import (
    Change,
    Free,
    Jump,
    Projection,
    Put,
    Term,
    TowardsHigh,
    TowardsLow,
    TraceSTDP,
)
from bioplastic.simulate.equations import Parts, identifier
from bioplastic.simulate.plasticity import Rule, rule_code


@rule_code.register
def _traces(rule: TraceSTDP, projection: Projection, post: Parts, unit: Any) -> Rule:
    code = Rule(fresh=rule.fresh)
    dimension = get_dimensions(unit)
    code.constants |= {
        "unit_w": Quantity(1.0, dim=dimension),
        "low": Quantity(float(rule.low), dim=dimension),
        "high": Quantity(float(rule.high), dim=dimension),
    }
    for trace in rule.traces:
        x = _variable(trace.name)
        code.lines += [f"{x} : 1", f"n_{x} : integer"]
        code.initial |= {x: 0.0, f"n_{x}": 0}
        code.constants[f"rate_{x}"] = post.dt / float(trace.tau)
    for statements, lines in ((rule.on_pre, code.arrive), (rule.on_post, code.post)):
        for statement in statements:
            lines += _statement(statement)
    return code


def _variable(trace: str) -> str:
    return f"trace_{identifier(trace)}"


def _now(trace: str) -> str:
    x = _variable(trace)
    return f"{x}*exp(-(t_in_timesteps - n_{x})*rate_{x})"


@singledispatch
def _statement(statement: Any) -> list[str]:
    raise NotImplementedError(type(statement).__name__)


@_statement.register
def _jump(statement: Jump) -> list[str]:
    x = _variable(statement.trace)
    value = f"{_now(statement.trace)} + {float(statement.amount)!r}"
    return [f"{x} = {value}", f"n_{x} = t_in_timesteps"]


@_statement.register
def _put(statement: Put) -> list[str]:
    x = _variable(statement.trace)
    return [f"{x} = {float(statement.value)!r}", f"n_{x} = t_in_timesteps"]


@_statement.register
def _change(statement: Change) -> list[str]:
    if not statement.terms:
        return ["w = clip(w, low, high)"]
    total = " + ".join(f"({_term(term)})" for term in statement.terms)
    return [f"w = clip(w + unit_w*({total}), low, high)"]


def _term(term: Term) -> str:
    factors = [repr(float(term.coefficient)), *map(_now, term.traces)]
    factor = _dependence(term.dependence)
    return "*".join([*factors, factor] if factor else factors)


@singledispatch
def _dependence(dependence: Any) -> str:
    """Factor of a weight dependence, plain SI."""
    raise NotImplementedError(type(dependence).__name__)


@_dependence.register
def _free(dependence: Free) -> str:
    return ""


@_dependence.register
def _towards_high(dependence: TowardsHigh) -> str:
    return _power("((high - w)/unit_w)", dependence.mu)


@_dependence.register
def _towards_low(dependence: TowardsLow) -> str:
    return _power("((w - low)/unit_w)", dependence.mu)


def _power(base: str, mu: float) -> str:
    return base if mu == 1 else f"{base}**{float(mu)!r}"
