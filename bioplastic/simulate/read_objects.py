"""Which objects a Brian2 network holds, and whether it runs on one clock in Brian2's own order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import brian2
from brian2.devices.device import RuntimeDevice, get_device
from brian2.groups.group import CodeRunner
from brian2.groups.subgroup import Subgroup
from brian2.input.poissoninput import PoissonInput
from brian2.monitors import EventMonitor, PopulationRateMonitor, StateMonitor

from bioplastic.errors import UsageError
from bioplastic.simulate.read_scope import refuse

SCHEDULE = ["start", "groups", "thresholds", "synapses", "resets", "end"]
SLOTS = [f"{p}{s}" for s in SCHEDULE for p in ("before_", "", "after_")]
MONITORS = (EventMonitor, StateMonitor, PopulationRateMonitor)  # a SpikeMonitor is an EventMonitor


@dataclass
class Objects:
    """The objects of a network that do something, each kind ordered by name; dt in s."""

    dt: float
    neurons: list[Any] = field(default_factory=list)
    sources: list[Any] = field(default_factory=list)
    synapses: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)


def parent(group: Any) -> Any:
    """The whole group that a Subgroup is a part of, or the group itself."""
    return group.source if isinstance(group, Subgroup) else group


def gather(network: Any) -> Objects:
    """Sort the objects of a brian2.Network, a list of objects or a `collect()`; refuse the rest."""
    if not isinstance(get_device(), RuntimeDevice):
        raise UsageError("read: with a standalone device, Brian2 has no values yet; use runtime")
    if isinstance(network, brian2.Network):
        if network.schedule != SCHEDULE:
            raise refuse(network.name, network.schedule, "the schedule is not Brian2's own")
        if network.t_ != 0:
            raise refuse(network.name, "", f"has run already, its time is {network.t}")
        things: Iterable[Any] = network.objects
    elif isinstance(network, Iterable) and not isinstance(network, str):
        things = network
    else:
        raise UsageError(f"read: a brian2.Network or its objects, not a {type(network).__name__}")
    if brian2.prefs.legacy.refractory_timing:
        raise refuse("prefs", "legacy.refractory_timing", "old timing of refractoriness")
    flat = sorted(_flat(things), key=lambda x: str(x.name))
    clocks = {float(x.clock.dt): str(x.name) for x in flat if not isinstance(x, MONITORS)}
    if not clocks:
        raise UsageError("read: the network has no objects")
    if len(clocks) > 1:
        (a, one), (b, other) = sorted(clocks.items())[:2]
        raise refuse(
            other, "", f"dt = {b * 1e3:g} ms, but {one} has {a * 1e3:g} ms: one clock only"
        )
    found = Objects(next(iter(clocks)))
    for thing in flat:
        _sort(thing, found)
    _check_members(found)
    return found


def _flat(things: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for thing in things:
        found += _flat(thing) if isinstance(thing, (list, tuple, set)) else [thing]
    return found


def _sort(thing: Any, found: Objects) -> None:
    if isinstance(thing, (*MONITORS, Subgroup)):
        _check_extras(thing, [])
        return
    if not getattr(thing, "active", True):
        raise refuse(thing.name, "", "is not active")
    if type(thing) is brian2.NeuronGroup:
        found.neurons.append(thing)
        _check_neuron_slots(thing)
    elif type(thing) in (brian2.PoissonGroup, brian2.SpikeGeneratorGroup):
        found.sources.append(thing)
        _slot(thing, "thresholds")
        known = list(getattr(thing, "thresholder", {}).values())
        _check_extras(thing, known)
    elif type(thing) is brian2.Synapses:
        found.synapses.append(thing)
        _check_synapse_slots(thing)
    elif type(thing) is PoissonInput:
        found.inputs.append(thing)
        _slot(thing, "synapses")
    else:
        raise refuse(
            thing.name, "", f"a {type(thing).__name__} is nothing that a description holds"
        )


def _slot(thing: Any, *allowed: str) -> None:
    if thing.when not in allowed:
        raise refuse(thing.name, "", f"runs in slot {thing.when!r}, not in {allowed[0]!r}")


def _check_extras(thing: Any, known: list[Any]) -> None:
    for extra in thing.contained_objects:
        if isinstance(extra, (Subgroup, *MONITORS)):
            _check_extras(extra, [])
        elif not any(extra is k for k in known):
            code = getattr(extra, "abstract_code", None) or getattr(extra, "code", "") or extra.name
            kind = "run_regularly" if type(extra) is CodeRunner else type(extra).__name__
            raise refuse(thing.name, code, f"{kind} is not supported")
        elif not extra.active:
            raise refuse(extra.name, "", "is not active")


def _check_neuron_slots(group: Any) -> None:
    _slot(group.state_updater, "groups")
    for event, thresholder in group.thresholder.items():
        _slot(thresholder, "thresholds", *(() if event == "spike" else ("after_thresholds",)))
    for resetter in group.resetter.values():
        if SLOTS.index(resetter.when) <= SLOTS.index("synapses"):
            raise refuse(group.name, resetter.group.event_codes[resetter.event],
                         f"runs in slot {resetter.when!r}, before the arrivals are in")  # fmt: skip
    known = [group.state_updater, group.subexpression_updater]
    known += [*group.thresholder.values(), *group.resetter.values()]
    _check_extras(group, known)


def _check_synapse_slots(synapses: Any) -> None:
    for updater in synapses.summed_updaters.values():
        raise refuse(synapses.name, f"{updater.target_varname} = {updater.expression}",
                     "a summed variable acts in every step, not at spikes")  # fmt: skip
    if synapses.state_updater is not None:
        equation = next(e for e in synapses.equations.values() if e.type == "differential equation")
        raise refuse(synapses.name, equation, "a clock-driven synapse; only (event-driven) traces")
    if synapses.subexpression_updater is not None:
        raise refuse(synapses.name, synapses.subexpression_updater.abstract_code,
                     "(constant over dt) in synapses is not supported")  # fmt: skip
    pathways = list(synapses._pathways)
    for pathway in pathways:
        _slot(pathway, "synapses")
        if pathway.event != "spike":
            raise refuse(synapses.name, pathway.code, f"is triggered by {pathway.event!r}, "
                         "not by spikes")  # fmt: skip
    before = [p.order for p in pathways if p.prepost == "pre"]
    after = [p.order for p in pathways if p.prepost == "post"]
    if before and after and max(before) >= min(after):
        raise refuse(synapses.name, "", "the order of its pathways was changed: pre, then post")
    _check_extras(synapses, pathways)


def _check_members(found: Objects) -> None:
    members = {g.name for g in (*found.neurons, *found.sources)}
    for s in found.synapses:
        for group in (s.source, s.target):
            if parent(group).name not in members:
                raise refuse(s.name, "", f"{group.name} is not part of the network")
    for p in found.inputs:
        if parent(p._group).name not in members:
            raise refuse(p.name, "", f"{p._group.name} is not part of the network")
