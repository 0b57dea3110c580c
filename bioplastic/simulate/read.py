"""Other people's models: a brian2.Network becomes a description, or one clear refusal.

What is linear below threshold (or bilinear in conductances and one membrane potential), with affine
resets, additive synapses and weight changes made of exponential traces is taken, whoever wrote it.
Everything else raises UnsupportedModel with object, line and reason. Nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from brian2 import second
from brian2.core.namespace import get_local_namespace

from bioplastic.description import Network, Population
from bioplastic.simulate.read_neuron import Cell, read_neuron
from bioplastic.simulate.read_objects import Objects, gather, parent
from bioplastic.simulate.read_scope import refuse, statements
from bioplastic.simulate.read_source import Draw, is_random, read_input, read_source
from bioplastic.simulate.read_synapse import learns, read_synapses, silent
from bioplastic.simulate.read_synapse_code import SynapseModel, read_code


def read(
    network: Any,
    *,
    duration: Any = None,
    seed: int = 0,
    name: str = "read",
    namespace: Mapping[str, Any] | None = None,
    level: int = 0,
) -> Network:
    """Describe a Brian2 network that has not run yet, with the values its variables have now.

    network    brian2.Network, a list of Brian2 objects, or ``brian2.collect()``
    duration   s, for how long random sources and repeated spikes are drawn; None: there are none
    seed       of the random sources: PoissonGroup, PoissonInput, ``rand() < rates*dt``
    name       of the description
    namespace  names in the equations, as for `brian2.Network.run`; None: the caller's variables
    level      frames between the caller and the variables
    Populations carry the names of the Brian2 groups, projections those of the Synapses (with the
    pathway and the state behind it when one Synapses makes several). LinearIF holds plain SI
    numbers; conductances are in units of the leak. ``notes`` holds "dt", the time step to run with;
    "scale", projection -> its weight over the variable of the Synapses that learns; and "rounding",
    comparisons of t with a timer that float rounding may decide either way in Brian2.
    Raises UnsupportedModel naming object, line and reason; UsageError without a duration to draw.
    """
    names = get_local_namespace(level + 1) if namespace is None else namespace
    objects = gather(network)
    seconds = None if duration is None else float(duration / second)
    draw = Draw(seed, seconds, objects.dt)
    codes = [read_code(s, names, objects.dt) for s in objects.synapses]
    moving = _moving(objects, codes)
    random = [g for g in objects.neurons if is_random(g)]
    cells = {
        str(g.name): _cell(g, objects, codes, names, moving)
        for g in objects.neurons
        if not any(g is r for r in random)
    }
    sources = [read_source(g, names, draw) for g in [*objects.sources, *random]]
    for code in codes:
        code.scope.moving = moving
    scale: dict[str, float] = {}
    projections = []
    for code in codes:
        projections += read_synapses(code, _receiver(code, cells), scale)
    for thing in objects.inputs:
        source, projection = read_input(thing, names, draw, _target(thing, cells), moving)
        sources.append(source)
        projections.append(projection)
    ties = sorted({tie for cell in cells.values() for tie in cell.ties})
    notes: dict[str, Any] = {"dt": objects.dt * second, "scale": scale}
    if ties:
        notes["rounding"] = ties
    return Network(
        name=name,
        sources=tuple(sources),
        populations=tuple(
            Population(name=n, size=c.size, neuron=c.neuron) for n, c in cells.items()
        ),
        projections=tuple(projections),
        notes=notes,
    )


def _moving(objects: Objects, codes: Iterable[SynapseModel]) -> set[int]:
    """Identities of the neurons' variables that change during a run."""
    moved = {str(g.name): {"lastspike", "not_refractory"} for g in objects.neurons}
    for group in objects.neurons:
        moved[group.name] |= set(group.user_equations.diff_eq_names)
        for code in group.event_codes.values():
            moved[group.name] |= {s.target for s in statements(group.name, code)}
    for code in codes:
        moved.setdefault(code.post, set()).update(code.targets())
    for thing in objects.inputs:
        moved[str(parent(thing._group).name)].add(str(thing.target_var))
    return {
        id(group.variables[name])
        for group in objects.neurons
        for name in moved[group.name]
        if name in group.variables
    }


def _cell(
    group: Any,
    objects: Objects,
    codes: Iterable[SynapseModel],
    names: Mapping[str, Any],
    moving: set[int],
) -> Cell:
    own = [c for c in codes if c.post == group.name]
    targets = {t for c in own for t in c.targets()}
    targets |= {str(p.target_var) for p in objects.inputs if parent(p._group).name == group.name}
    inert = any(silent(c) for c in own)
    return read_neuron(group, names, objects.dt, targets=targets, inert=inert, moving=moving)


def _receiver(code: SynapseModel, cells: dict[str, Cell]) -> Cell:
    if code.post not in cells:
        line = next((p.code for p in code.synapses._pathways), "")
        what = "learns from the spikes of" if learns(code) else "moves"
        raise refuse(code.name, line, f"{what} {code.post}, which only emits spikes")
    return cells[code.post]


def _target(thing: Any, cells: dict[str, Cell]) -> Cell:
    name = str(parent(thing._group).name)
    if name not in cells:
        raise refuse(thing.name, "", f"moves {name}, which only emits spikes")
    return cells[name]
