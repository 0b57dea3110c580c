"""A Synapses as projections: one for each thing that an arrival moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy
from brian2 import second

from bioplastic.description import Connectivity, Projection, TraceSTDP
from bioplastic.simulate.read_neuron import INERT, Cell
from bioplastic.simulate.read_objects import parent
from bioplastic.simulate.read_rule import RuleReader
from bioplastic.simulate.read_scope import free_names, monomials, refuse
from bioplastic.simulate.read_synapse_code import Move, Pathway, SynapseModel, Transmission


def learns(model: SynapseModel) -> bool:
    """Say whether code changes a variable of the synapse beside traces."""
    return bool(model.own)


def silent(model: SynapseModel) -> bool:
    """Say whether plastic synapses transmit nothing."""
    return learns(model) and not model.targets()


def read_synapses(model: SynapseModel, cell: Cell, scale: dict[str, float]) -> list[Projection]:
    """The projections of a Synapses.

    cell    the group that receives          scale   gets what 1 of a learning variable becomes
    """
    pre = [p for p in model.pathways if p.side == "pre"]
    if learns(model):
        return [_plastic(model, pre, cell, scale)]
    for pathway in model.pathways:
        for move in pathway.moves[:1]:
            raise refuse(model.name, move.line, "moves a trace that changes nothing")
    found = [(p, t) for p in pre for t in p.transmissions]
    if not found:
        raise refuse(model.name, "", "transmits nothing and learns nothing")
    several_paths = len({p.name for p, _ in found}) > 1
    many = {p.name: len(p.transmissions) > 1 for p in pre}
    projections, taken = [], set[str]()
    for pathway, transmission in found:
        name = model.name
        name += f"_{pathway.name}" if several_paths else ""
        name += f"_{transmission.state}" if many[pathway.name] else ""
        while name in taken:
            name += "_more"
        taken.add(name)
        weights = _static(model, transmission)
        projections.append(_projection(model, name, pathway, transmission, cell, weights, None))
    return projections


def _static(model: SynapseModel, t: Transmission) -> np.ndarray:
    names = free_names(t.value)
    moving = names & set(model.traces)
    if moving:
        raise refuse(model.name, t.line, f"transmits the trace {moving.pop()}: not a fixed weight")
    return np.broadcast_to(model.scope.value(t.value, t.line), (len(model.synapses),))


def _plastic(
    model: SynapseModel, pre: list[Pathway], cell: Cell, scale: dict[str, float]
) -> Projection:
    if len(model.own) > 1:
        line = next(m.line for p in model.pathways for m in p.moves if m.variable == model.own[1])
        raise refuse(model.name, line, f"moves {model.own[1]} beside {model.own[0]}: a rule moves "
                     "one weight and its traces")  # fmt: skip
    weight = model.own[0]
    sent = [t for p in pre for t in p.transmissions]
    if len(sent) > 1:
        raise refuse(model.name, sent[1].line, "plastic synapses must move one state at arrival")
    if not all(_alike(p.delays, pre[0].delays) for p in pre):
        raise refuse(model.name, f"{pre[-1].name}.delay", "plasticity and transmission have "
                     "different delays")  # fmt: skip
    values = np.asarray(getattr(model.synapses, f"{weight}_")[:], dtype=float)
    values = np.broadcast_to(values, (len(model.synapses),))
    if not pre:
        line = next(m.line for p in model.pathways for m in p.moves)
        raise refuse(model.name, line, "learns at post spikes only, and transmits nothing")
    if not sent:
        transmission, factor, fresh = Transmission(INERT, sympy.Integer(0), ""), 1.0, False
        pathway = pre[0]
    else:
        transmission = sent[0]
        factor = _factor(model, transmission, weight)
        fresh = _fresh(model, pre, transmission, weight)
        pathway = next(p for p in pre if p.transmissions)
    factor *= cell.scales.get(transmission.state, 1.0)
    scale[model.name] = factor
    rule = RuleReader(model, weight, factor).read(fresh=fresh)
    return _projection(model, model.name, pathway, transmission, cell, values, rule, factor)


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.size == 0 or b.size == 0 or bool(np.all(a == b))


def _factor(model: SynapseModel, t: Transmission, weight: str) -> float:
    """f of a transmission f·w."""
    found = monomials(t.value, {weight, *model.traces})
    if found is None or set(found) != {(weight,)}:
        raise refuse(model.name, t.line, f"must transmit a multiple of {weight}, which learns")
    factor = model.scope.one(found[(weight,)], t.line, "the factor of the weight")
    if not factor:
        raise refuse(model.name, t.line, "transmits 0")
    return factor


def _fresh(model: SynapseModel, pre: list[Pathway], sent: Transmission, weight: str) -> bool:
    """Say whether the weight is transmitted after it changed; refused when in between."""
    actions = [a for p in pre for a in p.actions]
    at = next(k for k, a in enumerate(actions) if a is sent)
    changes = [k for k, a in enumerate(actions) if isinstance(a, Move) and a.variable == weight]
    before = [k < at for k in changes]
    if any(before) and not all(before):
        raise refuse(model.name, sent.line, "the weight changes before and after it is transmitted")
    return any(before)


def _projection(
    model: SynapseModel,
    name: str,
    pathway: Pathway,
    transmission: Transmission,
    cell: Cell,
    weights: np.ndarray,
    rule: TraceSTDP | None,
    factor: float | None = None,
) -> Projection:
    synapses, state = model.synapses, transmission.state
    if state not in cell.scales:
        raise refuse(model.name, transmission.line, f"{state} cannot receive")
    scaled = weights * (cell.scales[state] if factor is None else factor)
    delays = pathway.delays if len(set(pathway.delays.tolist())) > 1 else pathway.delays[:1]
    if not len(delays):
        delays = np.zeros(1)
    steps = delays if len(delays) > 1 else delays[0]
    return Projection(
        name=name,
        pre=str(parent(synapses.source).name),
        post=model.post,
        target=state,
        connectivity=Connectivity(
            i=np.asarray(synapses.i[:]) + synapses.source.start,
            j=np.asarray(synapses.j[:]) + synapses.target.start,
            weight=cell.weight(state, _same(scaled)),
            delay=steps * model.dt * second,
        ),
        plasticity=rule,
    )


def _same(values: np.ndarray) -> Any:
    alike = len(values) and np.all(values == values[0])
    return float(values[0]) if alike else np.array(values)
