"""Somata: one registered function per neuron description."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
from brian2 import amp, volt

from bioplastic.description import LIF, AdaptiveLIF
from bioplastic.simulate.equations import Parts, add_receptor, unsupported
from bioplastic.simulate.grid import whole


@singledispatch
def add_soma(neuron: Any, parts: Parts) -> None:
    """Add the soma of a population; UnsupportedModel for a class without a builder."""
    raise unsupported(f"{parts.owner}.neuron", neuron)


@add_soma.register
def _lif(neuron: LIF, parts: Parts) -> None:
    parts.refractory = whole(f"{parts.owner}.neuron.t_ref", neuron.t_ref, parts.dt)
    for name in ("tau_m", "c_m", "v_rest", "v_reset", "v_th"):
        parts.constants[name] = getattr(neuron, name)
    system = parts.system
    system.add("v", volt, rest="v_rest", held=True)
    system.drive("v", "v", -1 / float(neuron.tau_m))
    parts.states["v"] = "v"
    parts.initial["v"] = float(neuron.v_rest)
    _offset(neuron, parts)
    for receptor in neuron.receptors:
        inject(parts, add_receptor(parts, receptor))
    parts.threshold = "v > v_th"
    parts.reset.append("v = v_reset")


@add_soma.register
def _adaptive(neuron: AdaptiveLIF, parts: Parts) -> None:
    _lif(neuron, parts)
    parts.constants |= {"tau_theta": neuron.tau_theta, "theta_step": neuron.theta_step}
    parts.lines.append("dtheta/dt = -theta/tau_theta : volt")
    parts.system.add("theta", volt)
    parts.system.drive("theta", "theta", -1 / float(neuron.tau_theta))
    parts.states["theta"] = "theta"
    parts.threshold = "v > v_th + theta"
    parts.reset.append("theta += theta_step")


def _offset(neuron: LIF, parts: Parts) -> None:
    values = np.asarray(neuron.i_offset / amp, dtype=float)
    if values.ndim:
        parts.lines.append("i_offset : amp (constant)")
        parts.initial["i_offset"] = values
    else:
        parts.constants["i_offset"] = neuron.i_offset
    if np.any(values):
        parts.system.add("i_offset", amp)
        inject(parts, "i_offset")


def inject(parts: Parts, current: str) -> None:
    """Let the variable `current` (A) flow into the soma."""
    parts.currents.append(current)
    parts.system.drive("v", current, 1 / float(parts.constants["c_m"]))


def somatic_equation(parts: Parts) -> str:
    """The membrane equation of a leaky soma with all its currents, for Brian2."""
    total = " + ".join(parts.currents) or "0*amp"
    held = "int(not_refractory)*" if parts.refractory else ""
    return f"dv/dt = {held}(v_rest - v + tau_m/c_m*({total}))/tau_m : volt"
