"""Neurons with synaptic conductances in Brian2: a step of exponential Euler or Euler."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import volt

from bioplastic.description import ConductanceLIF, ExponentialConductance, Taylor
from bioplastic.simulate.equations import Input, Parts, identifier
from bioplastic.simulate.grid import whole
from bioplastic.simulate.neuron import add_soma


@add_soma.register
def _conductance(neuron: ConductanceLIF, parts: Parts) -> None:
    """v, one g_NAME per receptor in leak units, theta when the threshold adapts."""
    parts.refractory = whole(f"{parts.owner}.neuron.t_ref", neuron.t_ref, parts.dt)
    euler = isinstance(neuron.integrator, Taylor)
    for name in ("v_rest", "v_th", "drive"):
        _potential(parts, name, getattr(neuron, name))
    parts.constants |= {"tau_m": neuron.tau_m, "v_reset": neuron.v_reset}
    parts.constants["part_v"] = parts.dt / float(neuron.tau_m)
    held = "int(not_refractory)*" if neuron.held and parts.refractory else ""
    names = [f"g_{identifier(r.name)}" for r in neuron.receptors]
    currents = " + ".join(f"{g}*(E_{g} - v)" for g in names) or "0*volt"
    parts.lines.append(f"dv/dt = {held}(v_rest - v + {currents} + drive)/tau_m : volt")
    start = neuron.v_rest if neuron.initial_v is None else neuron.initial_v
    parts.initial["v"] = np.asarray(start, dtype=float)
    parts.inputs["v"] = Input("v", unit=volt)
    parts.states["v"] = "v"
    for k, (name, receptor) in enumerate(zip(names, neuron.receptors, strict=True)):
        _receptor(receptor, name, parts, euler)
        if neuron.initial_g is not None:
            parts.initial[name] = neuron.initial_g[..., k]
    adapts = _adaptation(neuron, parts, euler)
    parts.threshold = "v > v_th + theta" if adapts else "v > v_th"
    parts.reset.append("v = v_reset")
    if adapts:
        parts.reset.append("theta += theta_step")
    moved = _euler(names) if euler else _exponential(names)
    if held:
        moved = [*moved, "_new_v = v + int(not_refractory)*(_new_v - v)"]
    # every new value comes from old ones: v is written after it was read for the last time
    parts.after += [*moved, *(f"{g} = {g}*keep_{g}" for g in names)]
    if adapts:
        parts.after.append("theta = theta*keep_theta")
    parts.after.append("v = _new_v")


def _potential(parts: Parts, name: str, value: Any) -> None:
    if np.ndim(value):
        parts.lines.append(f"{name} : volt (constant)")
        parts.initial[name] = np.asarray(value, dtype=float)
    else:
        parts.constants[name] = value


def _receptor(receptor: ExponentialConductance, name: str, parts: Parts, euler: bool) -> None:
    parts.lines.append(f"d{name}/dt = -{name}/tau_{name} : 1")
    parts.constants |= {
        f"tau_{name}": receptor.tau,
        f"E_{name}": receptor.reversal,
        f"keep_{name}": _kept(receptor.tau, parts, euler),
    }
    parts.inputs[receptor.name] = Input(name, unit=1)
    parts.states[receptor.name] = name


def _kept(tau: Any, parts: Parts, euler: bool) -> float:
    """What is left after one step of what decays with tau."""
    part = parts.dt / float(tau)
    return 1 - part if euler else float(np.exp(-part))


def _adaptation(neuron: ConductanceLIF, parts: Parts, euler: bool) -> bool:
    start = neuron.initial_theta
    if not float(neuron.theta_step) and (start is None or not np.any(np.asarray(start))):
        return False
    parts.lines.append("dtheta/dt = -theta/tau_theta : volt")
    parts.constants |= {
        "tau_theta": neuron.tau_theta,
        "theta_step": neuron.theta_step,
        "keep_theta": _kept(neuron.tau_theta, parts, euler),
    }
    parts.initial["theta"] = 0.0 if start is None else np.asarray(start, dtype=float)
    parts.states["theta"] = "theta"
    return True


def _exponential(names: list[str]) -> list[str]:
    total = " + ".join(["1", *names])
    driven = " + ".join(["v_rest + drive", *(f"{g}*E_{g}" for g in names)])
    return [
        f"_total = {total}",
        f"_rest = ({driven})/_total",
        "_new_v = _rest + (v - _rest)*exp(-_total*part_v)",
    ]


def _euler(names: list[str]) -> list[str]:
    currents = " + ".join(["v_rest - v + drive", *(f"{g}*(E_{g} - v)" for g in names)])
    return [f"_new_v = v + part_v*({currents})"]
