"""The Brian2 objects of a dendritic-attention network: groups, synapses, delays.

keys       all pools in one NeuronGroup: LIF with one exponential current, exact step
pools      one unit per pool that sees which symbol drives the pool (no dynamics)
plateaus   one unit per (branch, output): the graded plateau that an arrival latched
outputs    the race: a ramp on top of the summed plateaus, escape noise as a Gumbel number

Key → key and key → output synapses are all-to-all *potential* synapses. Only what can be strong is
held: of symbol → key and key → plateau every synapse (V·N and V·ΣN_b of them); of key → key one
axon per key (one-to-one, with the delay of the projection) whose arrival primes all keys that grew
a synapse from it. A key spikes into its axons only when it is mature, which is known after its
recruitment at the end of the step: the event "axon" is read in the slot "resets", one step after
its spike, so the delays of the two projections that start from it are one step shorter.
"""

from __future__ import annotations

from dataclasses import dataclass

import brian2
import numpy as np
from brian2 import amp, second, volt

from bioplastic.simulate.attention_layout import Layout
from bioplastic.simulate.attention_synapses import (
    array,
    axons,
    coupling,
    direct,
    drive,
    teacher,
    values,
)
from bioplastic.simulate.propagator import ExactStep, LinearSystem

NEVER = -(2**30)

KEYS = """
dv/dt = int(not_refractory)*(v_rest - v + R*I)/tau_m : volt
dI/dt = -I/tau_syn : amp
may_spike : boolean
transmits : boolean
primed_at : integer
gate_until : integer
parent : integer
symbol : integer
count : integer
"""
PLATEAUS = """
h : 1
until : integer
hold : integer (constant)
w_seen : 1
f_seen : integer
n_seen : integer
key : integer
arrived_at : integer
"""
OUTPUTS = """
dv/dt = slope : 1
u : 1
noise : 1
forced : boolean
may_spike : boolean
racing : boolean (shared)
opened : integer (shared)
"""


@dataclass
class Groups:
    """The Brian2 objects, built but not yet in a network."""

    clock: brian2.Clock
    source: brian2.SpikeGeneratorGroup
    keys: brian2.NeuronGroup
    pools: brian2.NeuronGroup
    plateaus: brian2.NeuronGroup
    outputs: brian2.NeuronGroup
    drive: brian2.Synapses
    values: brian2.Synapses
    value_first: np.ndarray
    """(B,) first synapse of each branch in `values`; then key-major, output-minor."""
    others: list[brian2.BrianObject]

    def all(self) -> list[brian2.BrianObject]:
        """Everything that belongs into the network."""
        groups = (self.source, self.keys, self.pools, self.plateaus, self.outputs)
        return [*groups, self.drive, self.values, *self.others]


def make_groups(layout: Layout) -> Groups:
    """All groups and synapses of a network at rest."""
    clock = brian2.Clock(dt=layout.dt * second, name="grid")
    source = _source(layout, clock)
    keys, outputs = _keys(layout, clock), _outputs(layout, clock)
    n_branches, size = len(layout.values), layout.race.size
    pools = brian2.NeuronGroup(
        len(layout.pools), "symbol : integer\ndriven_at : integer", clock=clock, name="pools"
    )
    plateaus = brian2.NeuronGroup(n_branches * size, PLATEAUS, clock=clock, name="plateaus")
    array(plateaus, "hold")[:] = np.repeat(layout.hold, size)
    for group, name in ((pools, "driven_at"), (plateaus, "arrived_at"), (plateaus, "key")):
        array(group, name)[:] = NEVER
    drives, seen = drive(layout, source, keys, pools)
    made, first = values(layout, keys, plateaus)
    others = [seen, axons(layout, keys), direct(layout, source, keys)]
    others += [teacher(layout, source, outputs), coupling(n_branches, plateaus, outputs)]
    return Groups(
        clock, source, keys, pools, plateaus, outputs, drives, made, first,
        [other for other in others if other is not None],
    )  # fmt: skip


def _source(layout: Layout, clock: brian2.Clock) -> brian2.SpikeGeneratorGroup:
    train = layout.source.train
    steps = train.steps(layout.dt * second)
    return brian2.SpikeGeneratorGroup(
        layout.source.size, train.i, steps * layout.dt * second, clock=clock, name="symbols"
    )


def _keys(layout: Layout, clock: brian2.Clock) -> brian2.NeuronGroup:
    neuron = layout.neuron
    (tau_syn,) = {float(r.tau) for r in neuron.receptors}
    system = LinearSystem()
    system.add("v", volt, rest="v_rest", held=True)
    system.add("I", amp)
    system.drive("v", "v", -1 / float(neuron.tau_m))
    system.drive("v", "I", 1 / float(neuron.c_m))
    system.drive("I", "I", -1 / tau_syn)
    code, propagators = system.step(layout.dt, refractory=True)
    constants = {
        "v_rest": neuron.v_rest, "v_th": neuron.v_th, "tau_m": neuron.tau_m,
        "tau_syn": tau_syn * second, "R": neuron.resistance,
    }  # fmt: skip
    keys = brian2.NeuronGroup(
        int(layout.first[-1]),
        KEYS,
        method=ExactStep("\n".join(code)),
        threshold="v > v_th and may_spike",
        reset="v = v_rest\nmay_spike = False",
        refractory=layout.t_ref * layout.dt * second,
        events={"axon": "transmits"},
        clock=clock,
        namespace={**constants, **propagators},
        name="keys",
    )
    keys.set_event_schedule("axon", when="resets", order=2)
    for name, start in (("v", float(neuron.v_rest)), ("parent", -1), ("symbol", -1)):
        array(keys, name)[:] = start
    for name in ("primed_at", "gate_until"):
        array(keys, name)[:] = NEVER
    return keys


def _outputs(layout: Layout, clock: brian2.Clock) -> brian2.NeuronGroup:
    ramp = layout.ramp
    return brian2.NeuronGroup(
        layout.race.size,
        OUTPUTS,
        method=ExactStep("v = u + slope*dt*(t_in_timesteps - opened) - start"),
        threshold="(forced or v + noise > 0) and may_spike",
        reset="may_spike = False",
        clock=clock,
        namespace={"slope": ramp.slope, "start": ramp.start},
        name="outputs",
    )
