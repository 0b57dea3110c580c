"""Learning rules as Brian2 synapse code: one registered function per rule.

Traces are kept per synapse as (value, step of the last event) and decayed in closed form when they
are read, so a silent synapse costs nothing. Steps are whole numbers: no comparison depends on the
rounding of a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
from brian2 import Quantity, get_dimensions

from bioplastic.description import PairSTDP, PermanenceSTDP, PlateauBranch, PowerLaw, Projection
from bioplastic.errors import DescriptionError
from bioplastic.simulate.equations import Parts, identifier, unsupported
from bioplastic.simulate.grid import above, below, whole_each

NEVER = -(2**30)  # "last event" of a synapse that has seen none


@dataclass
class Rule:
    """Code of one projection.

    lines      variables of the synapse beside w     constants   names used in the code
    arrive     code at the arrival of a pre spike, after delivery
    pre, post  code at the somatic spike of pre and of post
    initial    variable -> start value(s), SI
    states     public name -> variable
    fresh      w is delivered after the code of the arrival, not before
    """

    lines: list[str] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    arrive: list[str] = field(default_factory=list)
    pre: list[str] = field(default_factory=list)
    post: list[str] = field(default_factory=list)
    initial: dict[str, Any] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    fresh: bool = False


@singledispatch
def rule_code(rule: Any, projection: Projection, post: Parts, unit: Any) -> Rule:
    """The code of a learning rule; UnsupportedModel for a class without a builder.

    post   parts of the target population        unit   unit of the weight
    """
    raise unsupported(f"{projection.name}.plasticity", rule)


def decayed(trace: str, rate: str) -> str:
    """A trace that jumps by one at its event and is read before it jumps.

    `trace` holds the value just before the last jump, at step ``n_trace``; between events it decays
    from there, and in the step of an event it is the value without the jump. It starts at -1: 0.
    """
    age = f"(t_in_timesteps - n_{trace})"
    return f"({trace} + int(t_in_timesteps > n_{trace}))*exp(-{age}*{rate})"


@rule_code.register
def _pair(rule: PairSTDP, projection: Projection, post: Parts, unit: Any) -> Rule:
    w_max = _in_unit(f"{projection.name}.plasticity.w_max", rule.w_max, unit)
    weights = np.asarray(projection.connectivity.weight, dtype=float)
    if np.any(weights < 0) or np.any(weights > float(w_max)):
        raise DescriptionError(
            f"{projection.name}.connectivity.weight: must lie in 0..w_max = {rule.w_max} "
            "under PairSTDP"
        )
    up, down = _dependence(rule.dependence)
    return Rule(
        lines=["x_arrived : 1", "n_x_arrived : integer", "x_fired : 1", "n_x_fired : integer"],
        constants={
            "w_max": w_max,
            "step_plus": rule.a_plus * w_max,
            "step_minus": rule.a_minus * w_max,
            "rate_plus": post.dt / float(rule.tau_plus),
            "rate_minus": post.dt / float(rule.tau_minus),
            "mu": rule.dependence.mu,
        },
        arrive=[
            f"w = clip(w - step_minus*{down}{decayed('x_fired', 'rate_minus')}, 0*w_max, w_max)",
            f"x_arrived = {decayed('x_arrived', 'rate_plus')}",
            "n_x_arrived = t_in_timesteps",
        ],
        post=[
            f"w = clip(w + step_plus*{up}{decayed('x_arrived', 'rate_plus')}, 0*w_max, w_max)",
            f"x_fired = {decayed('x_fired', 'rate_minus')}",
            "n_x_fired = t_in_timesteps",
        ],
        initial={"x_arrived": -1.0, "n_x_arrived": -1, "x_fired": -1.0, "n_x_fired": -1},
    )


def _dependence(law: PowerLaw) -> tuple[str, str]:
    """Factors of potentiation and depression, ready to be multiplied."""
    if law.mu == 0:
        return "", ""
    if law.mu == 1:
        return "(1 - w/w_max)*", "(w/w_max)*"
    return "(1 - w/w_max)**mu*", "(w/w_max)**mu*"


@rule_code.register
def _permanence(rule: PermanenceSTDP, projection: Projection, post: Parts, unit: Any) -> Rule:
    w_mature = _in_unit(f"{projection.name}.plasticity.w_mature", rule.w_mature, unit)
    permanence = np.asarray(projection.connectivity.permanence, dtype=float)
    if np.any(permanence < 0) or np.any(permanence > rule.p_max):
        raise DescriptionError(
            f"{projection.name}.connectivity.permanence: must lie in 0..p_max = {rule.p_max}"
        )
    delays = whole_each(f"{projection.name}.delay", projection.connectivity.delay, post.dt)
    gain = "step_plus*x_arrived*exp(-(t_in_timesteps - n_x_arrived)*rate_plus)"
    constants: dict[str, Any] = {}
    if rule.homeostasis is not None:
        tree = post.population.dendrites
        found = [b for b in (tree.branches if tree else ()) if b.name == projection.target]
        branch = found[0] if found else None
        if not isinstance(branch, PlateauBranch):
            raise DescriptionError(
                f"{projection.name}.plasticity.homeostasis: needs a PlateauBranch as target, "
                f"not {projection.target!r}"
            )
        gain += f" + step_home*(target_trace - z_{identifier(branch.name)}_post)"
        constants["step_home"] = rule.p_max * rule.homeostasis.rate
        constants["target_trace"] = rule.homeostasis.target
    lines = ["P : 1", "P_min : 1 (constant)", "x_arrived : 1", "n_x_arrived : integer"]
    initial = {"P": permanence, "P_min": permanence, "x_arrived": 0.0, "n_x_arrived": NEVER}
    if np.ndim(projection.connectivity.delay):
        lines.append("delay_steps : integer (constant)")
        initial["delay_steps"] = delays
    else:
        constants["delay_steps"] = int(delays)
    mature = "w = w_mature*int(P > theta_p)"
    return Rule(
        lines=lines,
        constants=constants
        | {
            "w_mature": w_mature,
            "theta_p": rule.theta_p,
            "p_max": rule.p_max,
            "step_plus": rule.p_max * rule.lambda_plus,
            "step_minus": rule.p_max * rule.lambda_minus,
            "rate_plus": post.dt / float(rule.tau_plus),
            "lag_min": above(rule.dt_min, post.dt),
            "lag_max": below(rule.dt_max, post.dt),
        },
        pre=[
            "x_arrived = x_arrived*exp(-(t_in_timesteps - n_x_arrived)*rate_plus) + 1",
            "n_x_arrived = t_in_timesteps",
            "P = clip(P - step_minus, P_min, p_max)",
            mature,
        ],
        post=[
            "_lag = t_in_timesteps + delay_steps - n_x_arrived",
            f"P = clip(P + int(_lag > lag_min and _lag < lag_max)*({gain}), P_min, p_max)",
            mature,
        ],
        initial=initial | {"w": float(w_mature) * (permanence > rule.theta_p)},
        states={"permanence": "P"},
    )


def _in_unit(owner: str, value: Any, unit: Any) -> Any:
    """`value` as a constant of the weight's dimension; plain SI floats for a LinearIF target."""
    if get_dimensions(unit).is_dimensionless:
        return float(value)
    if get_dimensions(value) != get_dimensions(unit):
        raise DescriptionError(f"{owner} = {value}: needs the unit of the weight, {unit}")
    return Quantity(float(value), dim=get_dimensions(unit))
