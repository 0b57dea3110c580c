"""A membrane with conductances: dv/dt = a + b v + Σ g (c + d v), in units of its leak −b.

g' = −(d/−b) g, E = −c/d, v_rest = a/−b; so a jump of g by w is a weight of −d/(−b) w.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import second, volt

from bioplastic.description import (
    ConductanceLIF,
    ExponentialConductance,
    ExponentialEuler,
    Taylor,
)
from bioplastic.simulate.read_method import ORDERS
from bioplastic.simulate.read_model import Model, above, affine
from bioplastic.simulate.read_scope import refuse


def read_conductance(
    model: Model, method: str, targets: set[str]
) -> tuple[ConductanceLIF, dict[str, float]]:
    """The neuron, and for each possible target its weight per jump in SI."""
    v = _membrane(model)
    line = model.lines[v]
    if model.group.events.keys() - {"spike"}:
        raise refuse(model.name, "events", "a neuron with conductances has no custom events")
    if model.switched:
        raise refuse(model.name, model.switched, "depends on t")
    gs = sorted({s for m in model.rates[v] if len(m) == 2 for s in m} - {v})
    leak = -_number(model, v, (v,))
    if not leak > 0:
        raise refuse(model.name, line, "has no leak, the unit of the conductances")
    theta, row_theta = _threshold(model, v)
    others = [s for s in model.states if s not in (v, *gs, theta)]
    if others:
        raise refuse(model.name, model.lines[others[0]], "beside conductances, a neuron may have "
                     "an adapting threshold and nothing else")  # fmt: skip
    receptors, scales = [], {}
    for g in gs:
        slope = _number(model, v, tuple(sorted((g, v))))
        scales[g] = -slope / leak
        receptors.append(
            ExponentialConductance(
                name=g,
                tau=_decay(model, g)[0] * second,
                reversal=-_number(model, v, (g,)) / slope * volt,
            )
        )
    rest = model.scope.value(model.rates[v].get((), 0), line) / leak
    tau, level = _decay(model, theta) if theta else (0.1, 0.0)
    reset, step = _reset(model, v, theta)
    held = v in model.held and model.t_ref > 0
    if set(model.held) - {v}:
        raise refuse(model.name, model.lines[(set(model.held) - {v}).pop()], "(unless refractory) "
                     "beside conductances is for the membrane only")  # fmt: skip
    if held and v in targets:
        raise refuse(model.name, line, "arrivals at a membrane that is held are lost; with "
                     "conductances that is not supported")  # fmt: skip
    neuron = ConductanceLIF(
        tau_m=1 / leak * second,
        v_rest=_volts(rest),
        v_reset=reset * volt,
        v_th=_volts(row_theta + level),
        t_ref=model.t_ref * model.dt * second,
        held=held,
        receptors=tuple(receptors),
        tau_theta=tau * second,
        theta_step=step * volt,
        integrator=_integrator(model, method),
        initial_v=_volts(model.start(v)),
        initial_g=np.stack([model.start(g) * scales[g] for g in gs], axis=1),
        initial_theta=_volts(model.start(theta) - level) if theta else None,
    )
    return neuron, {v: 1.0, **scales}


def _volts(values: Any) -> Any:
    values = np.asarray(values, dtype=float)
    return (values.flat[0] if np.all(values == values.flat[0]) else values) * volt


def _membrane(model: Model) -> str:
    """The one state whose equation has products, each of it and of another state."""
    found = [s for s, rate in model.rates.items() if any(len(m) > 1 for m in rate)]
    v = found[0]
    for state in found:
        for monomial in model.rates[state]:
            if len(monomial) < 2:
                continue
            pair = len(monomial) == 2 and state in monomial and monomial[0] != monomial[1]
            if len(found) > 1 or not pair:
                raise refuse(model.name, model.lines[state], f"the product {'*'.join(monomial)} is "
                             "not a conductance times one membrane potential")  # fmt: skip
    return v


def _number(model: Model, state: str, monomial: tuple[str, ...]) -> float:
    coefficient = model.rates[state].get(monomial, 0)
    what = f"the factor of {'*'.join(monomial)}"
    return model.scope.one(coefficient, model.lines[state], what)


def _decay(model: Model, state: str) -> tuple[float, float]:
    """Time constant and level of a state that only decays."""
    rate, line = model.rates[state], model.lines[state]
    if set(rate) - {(), (state,)} or (state,) not in rate:
        raise refuse(model.name, line, "must only decay: a conductance or threshold is exponential")
    slope = _number(model, state, (state,))
    level = _number(model, state, ()) / -slope
    receptor = any(state in m for r in model.rates.values() for m in r if len(m) == 2)
    if slope >= 0 or (receptor and level):
        raise refuse(model.name, line, "must decay to 0")
    return -1 / slope, level


def _threshold(model: Model, v: str) -> tuple[str, np.ndarray]:
    """The adapting part of the threshold, or '', and v_th."""
    text = str(model.group.events.get("spike", ""))
    if not text:
        raise refuse(model.name, "threshold", "a neuron with conductances needs one")
    test = above(model, text)
    weights = dict(zip(model.states, test.row.tolist(), strict=True))
    scale = weights.pop(v)
    rest = {s: w for s, w in weights.items() if w}
    if not scale > 0 or len(rest) > 1 or any(w != -scale for w in rest.values()):
        raise refuse(model.name, text, f"must read {v} > constant, or {v} > constant + a state")
    return next(iter(rest), ""), test.theta / scale


def _reset(model: Model, v: str, theta: str) -> tuple[float, float]:
    code = model.codes.get("spike", [])
    matrix, offset = affine(model, code)
    step = 0.0
    for k, state in enumerate(model.states):
        line = next((s.line for s in reversed(code) if s.target == state), f"no reset of {state}")
        kept = np.zeros(len(model.states))
        kept[k] = state != v
        if not np.array_equal(matrix[k], kept) or (state not in (v, theta) and offset[k]):
            raise refuse(model.name, line, "a reset sets the membrane and raises the threshold")
        if state == theta:
            step = float(offset[k])
            if step < 0:
                raise refuse(model.name, line, "a threshold that falls at a spike")
    return float(offset[model.states.index(v)]), step


def _integrator(model: Model, method: str) -> ExponentialEuler | Taylor:
    if method == "exponential_euler":
        return ExponentialEuler()
    if ORDERS.get(method) == 1:
        return Taylor(order=1)
    raise refuse(model.name, f"method={method!r}", "a membrane with conductances is integrated by "
                 "euler or exponential_euler")  # fmt: skip
