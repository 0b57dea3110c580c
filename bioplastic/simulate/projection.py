"""One projection as brian2.Synapses: delivery, delays, learning rule, scaling."""

from __future__ import annotations

from typing import Any

import brian2
import numpy as np
from brian2 import Quantity, amp, get_dimensions, second, volt
from brian2.units.fundamentalunits import get_unit_for_display

from bioplastic.description import Connectivity, Projection, SynapticScaling
from bioplastic.errors import DescriptionError
from bioplastic.simulate.equations import Input, Parts, identifier, known
from bioplastic.simulate.grid import whole, whole_each
from bioplastic.simulate.plasticity import Rule, rule_code


def make_synapses(
    projection: Projection,
    pre: Any,
    post: Any,
    parts: Parts,
    clock: brian2.Clock,
    *,
    plasticity: bool,
) -> tuple[brian2.Synapses, Rule]:
    """Synapses of a projection, with every start value set.

    pre, post     Brian2 groups          parts   pieces of the target population
    plasticity    False freezes weights, permanences and traces
    """
    target, connectivity = parts.inputs[projection.target], listed(projection)
    _check_unit(projection, target)
    rule = Rule()
    if projection.plasticity is not None:
        code = known(rule_code, projection.name, projection.plasticity)
        rule = code(projection.plasticity, projection, parts, target.unit)
    learns = plasticity and projection.plasticity is not None
    arrive = [_delivery(target), *(rule.arrive if learns else [])]
    if rule.fresh:
        arrive = [*arrive[1:], arrive[0]]
    on_pre = {"deliver": "\n".join(arrive)}
    on_post = {}
    if learns and rule.pre:
        on_pre["somatic"] = "\n".join(rule.pre)
    if learns and rule.post:
        on_post["post"] = "\n".join(rule.post)
    delays = whole_each(f"{projection.name}.delay", connectivity.delay, parts.dt) * parts.dt
    at_soma = [name for name in ("somatic", "post") if name in on_pre or name in on_post]
    fixed: dict[str, Quantity] = dict.fromkeys(at_soma, 0 * second)
    if not delays.ndim:
        fixed["deliver"] = float(delays) * second
    constant = "" if projection.plasticity is not None or projection.scaling else " (constant)"
    unit = "1" if get_dimensions(target.unit).is_dimensionless else _named(target.unit)
    synapses = brian2.Synapses(
        pre,
        post,
        model="\n".join([f"w : {unit}{constant}", *rule.lines]),
        on_pre=on_pre,
        on_post=on_post or None,
        delay=fixed,
        clock=clock,
        namespace={"gain": target.gain, **rule.constants},
        name=f"projection_{identifier(projection.name)}",
    )
    if learns and rule.pre:
        synapses.somatic.order = 0  # after delivery (-1), before post (1)
    synapses.connect(i=connectivity.i, j=connectivity.j)
    if delays.ndim and len(connectivity):
        synapses.deliver.delay = delays * second
    _set(synapses, {"w": np.asarray(connectivity.weight, dtype=float), **rule.initial})
    return synapses, rule


def listed(projection: Projection) -> Connectivity:
    """The synapses of a projection one by one."""
    given = projection.connectivity
    return given if isinstance(given, Connectivity) else given.explicit()


def _set(synapses: brian2.Synapses, values: dict[str, Any]) -> None:
    if len(synapses):
        for name, value in values.items():
            setattr(synapses, f"{name}_", np.broadcast_to(value, (len(synapses),)))


def _delivery(target: Input) -> str:
    factors = ["w"]
    if target.gain != 1.0:
        factors.insert(0, "gain")
    if target.gate:
        factors.append(target.gate)
    return f"{target.variable}_post += {'*'.join(factors)}"


def _check_unit(projection: Projection, target: Input) -> None:
    weight = projection.connectivity.weight
    if target.plain:
        return
    if get_dimensions(weight) != get_dimensions(target.unit):
        bare = get_dimensions(weight).is_dimensionless
        got = "plain numbers" if bare else get_unit_for_display(get_dimensions(weight))
        raise DescriptionError(
            f"{projection.name}.connectivity.weight is in {got}: "
            f"the target {projection.target!r} needs {_named(target.unit)}"
        )


def _named(unit: Any) -> str:
    dimension = get_dimensions(unit)
    if dimension.is_dimensionless:
        return "plain numbers"
    return {volt.dim: "volt", amp.dim: "amp"}.get(dimension) or get_unit_for_display(dimension)


def make_scaling(
    projection: Projection, synapses: brian2.Synapses, scaling: SynapticScaling, dt: float
) -> brian2.NetworkOperation:
    """Python operation that rescales the weights onto each neuron, every period from t = period.

    w_ij *= total/Σ_j w_ij, at the start of the step; under PairSTDP no weight passes w_max. A
    neuron without weight stays as it is.
    """
    period = whole(f"{projection.name}.scaling.period", scaling.period, dt)
    total, limit = float(scaling.total), float(getattr(projection.plasticity, "w_max", np.inf))
    j = listed(projection).j

    def scale(t: Any) -> None:
        if float(t[:]) < dt / 2 or not len(j):
            return
        w = synapses.variables["w"].get_value()
        sums = np.bincount(j, weights=w)
        factor = np.divide(total, sums, out=np.ones_like(sums), where=sums > 0)
        np.minimum(w * factor[j], limit, out=w)

    return brian2.NetworkOperation(
        scale, dt=period * dt * second, when="start", name=f"{synapses.name}_scaling"
    )
