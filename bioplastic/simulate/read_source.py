"""Groups that only emit spikes: generators, and Poisson groups drawn once from a seeded stream."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import NeuronGroup, SpikeGeneratorGroup, hertz, second
from brian2.core.functions import timestep

from bioplastic.description import Connectivity, Projection, Source, SpikeTrain
from bioplastic.description.stimulus import poisson
from bioplastic.errors import UsageError
from bioplastic.provenance import stream
from bioplastic.simulate.read_neuron import Cell
from bioplastic.simulate.read_objects import parent
from bioplastic.simulate.read_scope import Scope, refuse


@dataclass(frozen=True)
class Draw:
    """What random sources need: the seed, the duration in s (None: not given), dt in s."""

    seed: int
    duration: float | None
    dt: float

    def steps(self, owner: str) -> int:
        """Steps to draw for; UsageError without a duration."""
        if self.duration is None:
            raise UsageError(f"{owner}: draws at random; read(…, duration=…) says for how long")
        return round(self.duration / self.dt)

    def stream(self, owner: str) -> np.random.Generator:
        """The random numbers of one object."""
        return stream(self.seed, "read", owner)


def is_random(group: Any) -> bool:
    """Say whether a NeuronGroup is a Poisson source: its threshold compares rand()."""
    text = group.events.get("spike")
    return bool(text) and _rate_side(text) is not None


def _rate_side(text: str) -> str | None:
    """The probability p of ``rand() < p``, or None."""
    node = ast.parse(text.strip(), mode="eval").body
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        return None
    left, right = node.left, node.comparators[0]
    for side, other, ops in ((left, right, (ast.Lt, ast.LtE)), (right, left, (ast.Gt, ast.GtE))):
        drawn = isinstance(side, ast.Call) and ast.unparse(side) == "rand()"
        if drawn and isinstance(node.ops[0], ops):
            return ast.unparse(other)
    return None


def read_source(group: Any, names: Mapping[str, Any], draw: Draw) -> Source:
    """A SpikeGeneratorGroup, PoissonGroup or random NeuronGroup as a Source."""
    if isinstance(group, SpikeGeneratorGroup):
        return Source(name=group.name, size=len(group), train=_generated(group, draw))
    scope = Scope(group, names)
    text = group.events["spike"]
    if isinstance(group, NeuronGroup):
        if group.user_equations.diff_eq_names:
            raise refuse(group.name, text, "a random threshold of neurons with dynamics")
        if group.event_codes or group._refractory is not False or len(group.events) > 1:
            raise refuse(group.name, text, "a random source with resets, refractoriness or events")
    side = _rate_side(text)
    assert side is not None
    rates = scope.value(scope.parse(side, text), text) / draw.dt
    if np.any(rates < 0) or np.any(rates > 1 / draw.dt):
        raise refuse(group.name, text, "its probability must lie in 0..1")
    steps = draw.steps(group.name)
    rates = np.broadcast_to(rates, (len(group),))
    train = poisson(
        draw.stream(group.name), rates * hertz, steps * draw.dt * second, draw.dt * second
    )
    return Source(name=group.name, size=len(group), train=train)


def _generated(group: Any, draw: Draw) -> SpikeTrain:
    """The given spikes, each in the step in which Brian2 emits it."""
    ids = np.asarray(group._neuron_index, dtype=np.int64)
    times = np.asarray(group._spike_time, dtype=float)
    # Brian2's own rule: a thousandth of a step is added before the time is cut to a step
    steps = np.asarray((times + 1e-3 * draw.dt) / draw.dt, dtype=np.int64)
    period = float(group.variables["period"].get_value().item())
    if 0 < period < np.inf:
        every = int(timestep(period, draw.dt))
        repeats = -(-draw.steps(group.name) // every)
        start = np.repeat(np.arange(repeats) * every, len(steps))
        steps, ids = np.tile(steps, repeats) + start, np.tile(ids, repeats)
    return SpikeTrain(i=ids, t=steps * draw.dt * second)


def read_input(
    thing: Any, names: Mapping[str, Any], draw: Draw, cell: Cell, moving: Collection[int]
) -> tuple[Source, Projection]:
    """A PoissonInput: as many sources per neuron as events ever fall into one of its steps."""
    group, target = thing._group, str(thing.target_var)
    where = f"{target} += {thing.weight}"
    if target not in cell.scales:
        raise refuse(thing.name, where, f"{target} cannot receive")
    probability = float(thing.rate) * draw.dt
    if not 0 <= probability <= 1:
        raise refuse(thing.name, where, f"rate*dt = {probability:g} must lie in 0..1")
    rng, steps = draw.stream(thing.name), draw.steps(thing.name)
    at, ids, most = list[np.ndarray](), list[np.ndarray](), 1
    for neuron in range(len(group)):
        counts = rng.binomial(int(thing.N), probability, size=steps)
        most = max(most, int(counts.max(initial=0)))
        for k in range(int(counts.max(initial=0))):
            found = np.flatnonzero(counts > k)
            at.append(found)
            ids.append(np.full(len(found), k * len(group) + neuron))
    none = np.zeros(0, dtype=np.int64)
    train = SpikeTrain(i=np.concatenate([none, *ids]),
                       t=np.concatenate([none, *at]) * draw.dt * second)  # fmt: skip
    source = Source(name=thing.name, size=most * len(group), train=train)
    if isinstance(thing.weight, str):
        scope = Scope(parent(group), names, moving)
        weight = scope.one(scope.parse(thing.weight), where, "the weight")
    else:
        weight = float(thing.weight)
    weight *= cell.scales[target]
    return source, Projection(
        name=thing.name,
        pre=thing.name,
        post=str(parent(group).name),
        target=target,
        connectivity=Connectivity(
            i=np.arange(source.size),
            j=np.tile(np.arange(len(group)), most) + group.start,
            weight=cell.weight(target, weight),
            delay=0 * second,
        ),
    )
