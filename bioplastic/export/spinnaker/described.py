"""A described network in PyNN's terms, with its plastic synapses: LIF neurons as IF_curr_exp.

tau_m, t_ref, tau in ms, potentials in mV, currents in nA, c_m in nF. PyNN's IF_curr_exp has one
time constant for weights above zero and one for those below; a network with more is refused. What
sPyNNaker computes otherwise than the description:
    S16.15 states; weights of 16 bits under a shift that it estimates; `>=` at the threshold
    a charge of step t moves v in step t: one step is added to each delay, which is then at least 1
    plastic synapses count a lag from the spike of pre, the description from its arrival
"""

from __future__ import annotations

import numpy as np
from brian2 import amp, farad, ms, second, volt

from bioplastic.description import (
    LIF,
    AllToAll,
    Connectivity,
    ExponentialCurrent,
    Network,
    PairSTDP,
    Population,
    Projection,
    TraceSTDP,
)
from bioplastic.errors import CorruptFile, UnsupportedModel
from bioplastic.export.plastic.spynnaker import mechanism
from bioplastic.export.pynn.network import (
    PynnNetwork,
    PynnPopulation,
    PynnProjection,
    PynnRule,
    PynnSource,
)
from bioplastic.learned import Learned

NANO = 1e-9
STEPS = 10_000
"""Longest stimulus that goes along, in steps."""


def pynn_network(learned: Learned) -> PynnNetwork:
    """The network with its learned weights and its rules, on the grid of the run.

    Raises UnsupportedModel, naming the object, for anything but LIF populations with exponential
    currents and listed synapses; CorruptFile for a file without its grid.
    """
    dt = learned.manifest.get("dt_seconds")
    if not isinstance(dt, float) or not 0 < dt < 1:
        raise CorruptFile(f"the learned network does not say its grid: dt_seconds = {dt!r}")
    if abs(dt * 1e6 - round(dt * 1e6)) > 1e-6:
        raise UnsupportedModel(f"dt = {dt * 1e6:g} µs: a time step of sPyNNaker is whole µs")
    network = learned.network()
    projections: list[PynnProjection] = []
    rules: dict[str, tuple[str, PynnRule]] = {}
    left_out: list[str] = []
    for q in network.projections:
        projections += _projection(network, q, dt, rules, left_out)
    steps = [s.train.steps(dt * second) for s in network.sources]
    end = min(STEPS, max((int(t.max()) + 1 for t in steps if len(t)), default=1))
    return PynnNetwork(
        name=network.name,
        timestep=dt * 1e3,
        steps=end,
        sources=tuple(
            PynnSource(name=s.name, size=s.size, steps=t[t < end], ids=s.train.i[t < end])
            for s, t in zip(network.sources, steps, strict=True)
        ),
        populations=tuple(_population(network, p) for p in network.populations),
        projections=tuple(projections),
        left_out=tuple(left_out),
        inexact=_inexact(network, projections),
    )


def _population(network: Network, p: Population) -> PynnPopulation:
    neuron = p.neuron
    if not isinstance(neuron, LIF) or p.dendrites or p.inhibition or p.recruitment or p.gain:
        what = next(
            (type(x).__name__ for x in (p.dendrites, p.inhibition, p.recruitment, p.gain) if x),
            type(neuron).__name__,
        )
        raise UnsupportedModel(f"population {p.name!r}: {what}: IF_curr_exp is a LIF point neuron")
    taus = {}
    for sign, key in ((1, "tau_syn_E"), (-1, "tau_syn_I")):
        found = {
            _receptor(p, q).tau / ms for q in network.projections
            if q.post == p.name and np.any(np.sign(_synapses(q).weights(amp)) == sign)
        }  # fmt: skip
        if len(found) > 1:
            raise UnsupportedModel(
                f"population {p.name!r}: {key} = {', '.join(f'{t:g}' for t in sorted(found))} ms:"
                " IF_curr_exp has one"
            )
        taus[key] = float(found.pop()) if found else 5.0
    offset = np.asarray(neuron.i_offset / (NANO * amp), float)
    return PynnPopulation(
        name=p.name, size=p.size, model="IF_curr_exp",
        parameters={
            "tau_m": float(neuron.tau_m / ms), "cm": float(neuron.c_m / (NANO * farad)),
            "v_rest": float(neuron.v_rest / volt) * 1e3,
            "v_reset": float(neuron.v_reset / volt) * 1e3,
            "v_thresh": float(neuron.v_th / volt) * 1e3, "tau_refrac": float(neuron.t_ref / ms),
            "i_offset": float(offset) if offset.ndim == 0 else offset, **taus,
        },
    )  # fmt: skip


def _receptor(p: Population, q: Projection) -> ExponentialCurrent:
    receptors = getattr(p.neuron, "receptors", ())
    found = next((r for r in receptors if r.name == q.target), None)
    if not isinstance(found, ExponentialCurrent):
        raise UnsupportedModel(
            f"projection {q.name!r}: target {q.target!r} is no exponential current of {p.name!r}"
        )
    return found


def _projection(
    network: Network, q: Projection, dt: float, rules: dict[str, tuple[str, PynnRule]],
    left_out: list[str],
) -> list[PynnProjection]:  # fmt: skip
    """Its synapses by sign, with the rule on those that learn."""
    listed = _synapses(q)
    if q.scaling is not None:
        left_out.append(f"{q.name}: synaptic scaling; sPyNNaker has none")
    weight = listed.weights(amp) / NANO
    rule = None
    if q.plasticity is not None:
        rule = _rule(q, weight, rules)
    delay = 1 + np.rint(listed.delays() / dt).astype(np.int64)
    found = []
    for sign, receptor in ((1, "excitatory"), (-1, "inhibitory")):
        mine = np.flatnonzero(weight >= 0 if sign > 0 else weight < 0)
        if len(mine):
            found.append(
                PynnProjection(
                    name=f"{q.name} {'+' if sign > 0 else '-'}", pre=q.pre, post=q.post,
                    receptor=receptor, i=listed.i[mine], j=listed.j[mine],
                    weight=np.abs(weight[mine]), delay=delay[mine], rule=rule,
                )
            )  # fmt: skip
    return found


def _synapses(q: Projection) -> Connectivity:
    if isinstance(q.connectivity, AllToAll):
        raise UnsupportedModel(f"projection {q.name!r}: synapses as a rule; PyNN needs a list")
    return q.connectivity


def _rule(q: Projection, weight: np.ndarray, rules: dict[str, tuple[str, PynnRule]]) -> PynnRule:
    """The mechanism of a projection; one for each population that is post."""
    if np.any(weight < 0):
        raise UnsupportedModel(f"projection {q.name!r}: a plastic weight below zero")
    rule = mechanism(q.name, q.plasticity, NANO)
    before, known = rules.setdefault(q.post, (q.name, rule))
    if known != rule:
        raise UnsupportedModel(
            f"projections {before!r} and {q.name!r}: two rules onto {q.post!r}; sPyNNaker has one"
        )
    return rule


def _inexact(network: Network, projections: list[PynnProjection]) -> tuple[str, ...]:
    said = ["states are S16.15, weights 16 bits under a shift that sPyNNaker estimates"]
    for q in (q for q in network.projections if q.plasticity is not None):
        longest = max((int(p.delay.max()) for p in projections
                       if p.name.rpartition(" ")[0] == q.name), default=1) - 1  # fmt: skip
        said.append(f"{q.name}: a lag counts from the spike of pre, up to {longest} steps early")
        if isinstance(q.plasticity, TraceSTDP):
            said.append(f"{q.name}: spikes of one step change nothing; described: pre first")
        assert isinstance(q.plasticity, PairSTDP | TraceSTDP)
    return tuple(said)
