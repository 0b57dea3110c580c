"""Dendritic branches: one registered function per branch description."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
from brian2 import amp, volt

from bioplastic.description import LIF, Compartment, PlateauBranch
from bioplastic.errors import UnsupportedModel
from bioplastic.simulate.equations import Input, Parts, add_receptor, identifier, unsupported
from bioplastic.simulate.grid import whole
from bioplastic.simulate.neuron import inject


@singledispatch
def add_branch(branch: Any, parts: Parts) -> None:
    """Add a branch to a soma; UnsupportedModel for a class without a builder."""
    raise unsupported(f"{parts.owner}.{branch.name}", branch)


def _needs_membrane(parts: Parts, branch: Any) -> None:
    if not isinstance(parts.population.neuron, LIF):
        raise UnsupportedModel(
            f"{parts.owner}.{branch.name}: {type(branch).__name__} needs an LIF soma, "
            f"not {type(parts.population.neuron).__name__}"
        )


@add_branch.register
def _plateau(branch: PlateauBranch, parts: Parts) -> None:
    """Alpha current (I, h), clamp p, end of the clamp in steps, onset flag, trace z.

    While p is on, I = h = 0 and arrivals are lost, so one linear system serves both regimes.
    """
    _needs_membrane(parts, branch)
    b = identifier(branch.name)
    current, rise, clamp, trace = f"I_{b}", f"h_{b}", f"p_{b}", f"z_{b}"
    duration = whole(f"{parts.owner}.{branch.name}.duration", branch.duration, parts.dt)
    parts.constants |= {
        f"tau_{b}": branch.tau,
        f"tau_trace_{b}": branch.tau_trace,
        f"theta_{b}": branch.threshold,
        f"plateau_{b}": branch.plateau_current,
        f"steps_{b}": duration,
    }
    parts.lines += [
        f"d{current}/dt = ({rise} - {current})/tau_{b} : amp",
        f"d{rise}/dt = -{rise}/tau_{b} : amp",
        f"d{trace}/dt = -{trace}/tau_trace_{b} : 1",
        f"{clamp} : amp",
        f"end_{b} : integer",
        f"on_{b} : boolean",
    ]
    system = parts.system
    for name in (current, rise, clamp):
        system.add(name, amp)
    system.add(trace, 1)
    rate = 1 / float(branch.tau)
    system.drive(current, current, -rate)
    system.drive(current, rise, rate)
    system.drive(rise, rise, -rate)
    system.drive(trace, trace, -1 / float(branch.tau_trace))
    inject(parts, current)
    inject(parts, clamp)
    parts.after += [
        f"on_{b} = {current} > theta_{b}",
        f"{clamp} = {clamp}*int(t_in_timesteps < end_{b}) + plateau_{b}*int(on_{b})",
        f"end_{b} = end_{b} + int(on_{b})*(t_in_timesteps + steps_{b} - end_{b})",
        f"{current} = {current}*int(not on_{b})",
        f"{rise} = {rise}*int(not on_{b})",
        f"{trace} = {trace} + int(on_{b})",
    ]
    parts.events[f"plateau_{b}"] = f"on_{b}"
    parts.reset += [f"{current} = 0*amp", f"{rise} = 0*amp", f"{clamp} = 0*amp"]
    gate = f"int({clamp}_post == 0*amp)"
    if parts.refractory:
        gate += "*int(not_refractory_post)"
    parts.inputs[branch.name] = Input(rise, gain=float(np.e), gate=gate)
    parts.states |= {
        branch.name: current,
        f"{branch.name}.plateau": clamp,
        f"{branch.name}.trace": trace,
    }


@add_branch.register
def _compartment(branch: Compartment, parts: Parts) -> None:
    """Coupled membrane v_b; with v_plateau, a clamp current p and the end of the event in steps."""
    _needs_membrane(parts, branch)
    b = identifier(branch.name)
    v, rest = f"v_{b}", f"v_rest_{b}"
    per_c, g_c = 1 / float(branch.c_b), float(branch.g_c)
    parts.constants |= {f"tau_{b}": branch.tau_b, f"c_{b}": branch.c_b, f"g_{b}": branch.g_c}
    parts.constants[rest] = branch.v_rest
    parts.initial[v] = float(branch.v_rest)
    system = parts.system
    system.add(v, volt, rest=rest)
    system.drive(v, v, -1 / float(branch.tau_b) - g_c * per_c)
    system.drive(v, "v", g_c * per_c)
    system.drive("v", v, g_c / float(parts.constants["c_m"]))
    system.drive("v", "v", -g_c / float(parts.constants["c_m"]))
    apart = float(branch.v_rest - parts.constants["v_rest"])
    if apart:  # deviations from two different rests: a constant current through the coupling
        across = f"rest_current_{b}"
        parts.constants[across] = g_c * apart * amp
        system.add(across, amp)
        system.drive("v", across, 1 / float(parts.constants["c_m"]))
        system.drive(v, across, -per_c)
    parts.currents.append(f"g_{b}*({v} - v)")
    inputs = [f"g_{b}*(v - {v})"]
    for receptor in branch.receptors:
        current = add_receptor(parts, receptor, prefix=branch.name)
        system.drive(v, current, per_c)
        inputs.append(current)
    parts.states[branch.name] = v
    if branch.v_plateau is not None:
        inputs.append(_event(branch, parts, b))
    total = " + ".join(inputs)
    parts.lines.append(f"d{v}/dt = ({rest} - {v} + tau_{b}/c_{b}*({total}))/tau_{b} : volt")


def _event(branch: Compartment, parts: Parts, b: str) -> str:
    v, clamp = f"v_{b}", f"p_{b}"
    duration = whole(f"{parts.owner}.{branch.name}.duration", branch.duration, parts.dt)
    parts.constants |= {
        f"v_plateau_{b}": branch.v_plateau,
        f"plateau_{b}": branch.plateau_current,
        f"steps_{b}": duration,
    }
    above = f"{v} > v_plateau_{b}"
    parts.lines += [
        f"{clamp} : amp",
        f"end_{b} : integer",
        f"on_{b} : boolean",
        f"above_{b} : boolean",
    ]
    parts.system.add(clamp, amp)
    parts.system.drive(v, clamp, 1 / float(branch.c_b))
    parts.after += [
        f"on_{b} = {above} and not above_{b} and t_in_timesteps >= end_{b}",
        f"above_{b} = {above}",
        f"{clamp} = {clamp}*int(t_in_timesteps < end_{b}) + plateau_{b}*int(on_{b})",
        f"end_{b} = end_{b} + int(on_{b})*(t_in_timesteps + steps_{b} - end_{b})",
    ]
    parts.events[f"plateau_{b}"] = f"on_{b}"
    parts.states[f"{branch.name}.plateau"] = clamp
    return clamp
