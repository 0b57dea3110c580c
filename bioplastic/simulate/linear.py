"""Linear neurons in Brian2: any matrix, held states, events with a plateau."""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.description import LinearEvent, LinearIF, Taylor
from bioplastic.simulate.equations import Input, Parts, identifier
from bioplastic.simulate.grid import whole
from bioplastic.simulate.neuron import add_soma

ONE = "one"  # the constant input of offsets that are equal for all neurons


@add_soma.register
def _linear(neuron: LinearIF, parts: Parts) -> None:
    """States x_NAME; one constant input for the offset, one switch for each plateau."""
    names = [f"x_{identifier(name)}" for name in neuron.names]
    parts.refractory = whole(f"{parts.owner}.neuron.t_ref", neuron.t_ref, parts.dt)
    if isinstance(neuron.integrator, Taylor):
        parts.system.order = neuron.integrator.order
    _dynamics(neuron, parts, names)
    _inputs(neuron, parts, names)
    theta = _value(parts, "theta_spike", neuron.theta)
    parts.threshold = f"{combination(neuron.row, names)} > {theta}"
    parts.reset += affine(neuron.reset, neuron.reset_offset, names)
    early = [e for e in neuron.events if not e.late]
    late = [e for e in neuron.events if e.late]
    orders = [*range(-len(early), 0), *range(1, len(late) + 1)]  # the reset of a spike has order 0
    for event, order in zip([*early, *late], orders, strict=True):
        _event(event, parts, names, order)


def _dynamics(neuron: LinearIF, parts: Parts, names: list[str]) -> None:
    system, offset = parts.system, np.asarray(neuron.offset)
    start = np.asarray(neuron.initial)
    parts.constants[ONE] = 1.0
    for name, public in zip(names, neuron.names, strict=True):
        system.add(name, 1, held=public in neuron.held)
    system.add(ONE, 1)
    for k, name in enumerate(names):
        for m, source in enumerate(names):
            if neuron.matrix[k, m] or k == m:
                system.drive(name, source, float(neuron.matrix[k, m]))
        constant = ""
        if offset.ndim == 2:
            constant = f"offset_{name}"
            parts.lines.append(f"{constant} : 1 (constant)")
            parts.initial[constant] = offset[:, k]
            system.add(constant, 1)
            system.drive(name, constant, 1.0)
        elif offset[k]:
            constant = f"{float(offset[k])!r}"
            system.drive(name, ONE, float(offset[k]))
        slope = combination(neuron.matrix[k], names) + (f" + {constant}" if constant else "")
        parts.lines.append(f"d{name}/dt = ({slope})/second : 1")
        parts.initial[name] = start[..., k]


def _inputs(neuron: LinearIF, parts: Parts, names: list[str]) -> None:
    for public, name in zip(neuron.names, names, strict=True):
        lost = public in neuron.deaf and parts.refractory > 0
        gate = "int(not_refractory_post)" if lost else ""
        parts.inputs[public] = Input(name, gate=gate, unit=1, plain=True)
        parts.states[public] = name


def _event(event: LinearEvent, parts: Parts, names: list[str], order: int) -> None:
    """`next` is the first step in which the event is tested again, `until` the plateau's last."""
    e, where = identifier(event.name), f"{parts.owner}.{event.name}"
    duration = whole(f"{where}.duration", event.duration, parts.dt)
    dead = whole(f"{where}.dead_time", event.dead_time, parts.dt)
    theta = _value(parts, f"theta_{e}", event.theta)
    parts.lines += [f"next_{e} : integer", f"until_{e} : integer"]
    parts.initial |= {f"next_{e}": 0, f"until_{e}": -1}
    parts.constants |= {f"dead_{e}": max(dead, duration + 1), f"steps_{e}": duration}
    after = affine(event.reset, event.reset_offset, names)
    after.append(f"next_{e} = t_in_timesteps + dead_{e}")
    if duration and event.drive is not None:
        on = f"_on_{e}"
        parts.before.append(f"{on} = int(t_in_timesteps <= until_{e})")
        parts.system.add(on, 1)
        for k, name in enumerate(names):
            if event.drive[k]:
                parts.system.drive(name, on, float(event.drive[k]))
        after.append(f"until_{e} = t_in_timesteps + steps_{e}")
    above = f"{combination(event.row, names)} > {theta}"
    parts.events[f"plateau_{e}"] = f"{above} and t_in_timesteps >= next_{e}"
    parts.on_events.append((f"plateau_{e}", "\n".join(after), order))


def _value(parts: Parts, name: str, value: Any) -> str:
    """The name of a number, or of a variable that holds one per neuron."""
    if np.ndim(value):
        parts.lines.append(f"{name} : 1 (constant)")
        parts.initial[name] = np.asarray(value, dtype=float)
    else:
        parts.constants[name] = float(value)
    return name


def combination(row: np.ndarray, names: list[str]) -> str:
    """Code of row·x."""
    terms = [f"{float(a)!r}*{name}" for a, name in zip(row, names, strict=True) if a]
    return " + ".join(terms) or f"0.0*{names[0]}"


def affine(matrix: np.ndarray, offset: np.ndarray, names: list[str]) -> list[str]:
    """Code of x ← R x + r, all from old values; states that keep their value are left out."""
    same = np.eye(len(names))
    moved = [k for k in range(len(names)) if offset[k] or np.any(matrix[k] != same[k])]
    code = [
        f"_after_{names[k]} = {combination(matrix[k], names)} + {float(offset[k])!r}" for k in moved
    ]
    return code + [f"{names[k]} = _after_{names[k]}" for k in moved]
