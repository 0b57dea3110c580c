"""From a description to an explicit brian2.Network, never magic, with every name resolved by us."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import brian2
import numpy as np
from brian2 import second

from bioplastic.description import Network, Population, Source
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.simulate import conductance, linear, trace_rule  # noqa: F401  they register
from bioplastic.simulate.dendrite import add_branch
from bioplastic.simulate.equations import Parts, identifier, known
from bioplastic.simulate.inhibition import add_inhibition
from bioplastic.simulate.neuron import add_soma, somatic_equation
from bioplastic.simulate.plasticity import Rule
from bioplastic.simulate.projection import make_scaling, make_synapses
from bioplastic.simulate.propagator import ExactStep


@dataclass
class Built:
    """A description as Brian2 objects.

    network     the explicit brian2.Network           clock      its clock
    groups      population or source -> Brian2 group  parts      population -> its pieces
    synapses    projection -> brian2.Synapses         rules      projection -> its code
    """

    network: brian2.Network
    clock: brian2.Clock
    groups: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Parts] = field(default_factory=dict)
    synapses: dict[str, brian2.Synapses] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)


def build(
    network: Network,
    dt: float,
    *,
    start: int = 0,
    stop: int | None = None,
    plasticity: bool = True,
    python: bool = True,
) -> Built:
    """The Brian2 network of a description.

    dt            s
    start, stop   steps between which sources emit; stop None = all their spikes
    plasticity    False freezes weights
    python        False where Brian2 cannot call Python in a step (C++ standalone)
    Raises UnsupportedModel for a class without a builder, UsageError for times off the grid.
    """
    _refuse_strangers(network)
    clock = brian2.Clock(dt=dt * second, name="grid")
    built = Built(brian2.Network(name="network"), clock)
    for source in network.sources:
        built.groups[source.name] = _source(source, dt, clock, start, stop)
        own(built.network, built.groups[source.name])
    for population in network.populations:
        parts = collect(population, dt, network)
        group = _group(parts, clock)
        built.parts[population.name], built.groups[population.name] = parts, group
        operations = _operations(parts, group, clock)
        own(built.network, group, *operations)
        _refuse_python(f"{population.name}.inhibition", operations, python)
    for projection in network.projections:
        synapses, rule = make_synapses(
            projection,
            built.groups[projection.pre],
            built.groups[projection.post],
            built.parts[projection.post],
            clock,
            plasticity=plasticity,
        )
        built.synapses[projection.name], built.rules[projection.name] = synapses, rule
        own(built.network, synapses)
        if projection.scaling is not None and plasticity:
            scaling = make_scaling(projection, synapses, projection.scaling, dt)
            own(built.network, scaling)
            _refuse_python(f"{projection.name}.scaling", [scaling], python)
    return built


def own(network: brian2.Network, *objects: Any) -> None:
    """Add objects to the network for good: Brian2 must not call them forgotten after an error."""
    network.add(*objects)
    for thing in objects:
        thing._network = network.id


def _refuse_strangers(network: Network) -> None:
    for population in network.populations:
        for thing in (population.recruitment, population.gain):
            if thing is not None:
                raise UnsupportedModel(
                    f"{population.name}: {type(thing).__name__} has no Brian2 builder in "
                    "bioplastic.simulate"
                )


def _refuse_python(owner: str, operations: list[Any], python: bool) -> None:
    if operations and not python:
        raise UnsupportedModel(
            f"{owner}: runs Python inside a step, which C++ standalone cannot; "
            "use target='numpy' or 'cython'"
        )


def collect(population: Population, dt: float, network: Network) -> Parts:
    """All pieces of a population (see `Parts`)."""
    parts = Parts(population, dt)
    known(add_soma, f"{parts.owner}.neuron", population.neuron)(population.neuron, parts)
    for branch in population.dendrites.branches if population.dendrites else ():
        known(add_branch, parts.owner, branch)(branch, parts)
    if "v" in parts.system.units:
        parts.lines.append(somatic_equation(parts))
    if population.inhibition is not None:
        add = known(add_inhibition, parts.owner, population.inhibition)
        add(population.inhibition, parts, network.rhythm)
    return parts


def _group(parts: Parts, clock: brian2.Clock) -> brian2.NeuronGroup:
    code, propagators = parts.system.step(parts.dt, parts.refractory > 0)
    group = brian2.NeuronGroup(
        parts.population.size,
        model="\n".join(parts.lines),
        method=ExactStep("\n".join([*parts.before, *code, *parts.after])),
        threshold=parts.threshold,
        reset="\n".join(parts.reset),
        refractory=parts.refractory * parts.dt * second if parts.refractory else False,
        events=parts.events,
        clock=clock,
        namespace={**parts.constants, **propagators},
        name=f"population_{identifier(parts.owner)}",
    )
    for event, action, order in parts.on_events:
        group.run_on_event(event, action, when="resets", order=order)
    for name, value in parts.initial.items():
        setattr(group, f"{name}_", value)
    return group


def _operations(
    parts: Parts, group: brian2.NeuronGroup, clock: brian2.Clock
) -> list[brian2.NetworkOperation]:
    return [
        brian2.NetworkOperation(
            prepare(group), clock=clock, when=slot, name=f"{group.name}_operation_{k}"
        )
        for k, (slot, prepare) in enumerate(parts.operations)
    ]


def _source(
    source: Source, dt: float, clock: brian2.Clock, start: int, stop: int | None
) -> brian2.SpikeGeneratorGroup:
    ids, steps = source.train.i, source.train.steps(dt * second)
    order = np.lexsort((ids, steps))
    ids, steps = ids[order], steps[order]
    twice = np.flatnonzero((np.diff(steps) == 0) & (np.diff(ids) == 0))
    if len(twice):
        k = twice[0]
        raise UsageError(
            f"{source.name}: source {ids[k]} spikes twice in the step at "
            f"{steps[k] * dt * 1e3:g} ms; dt = {dt * 1e3:g} ms holds one spike a step"
        )
    keep = (steps >= start) & (steps < (np.inf if stop is None else stop))
    return brian2.SpikeGeneratorGroup(
        source.size,
        ids[keep],
        steps[keep] * dt * second,
        clock=clock,
        sorted=True,
        name=f"source_{identifier(source.name)}",
    )
