"""A Loihi network as a NIR graph that a reader without `Delay` executes exactly (norse).

A delay is a line of relay neurons, a sub-graph, one step a relay. A population that projects onto
itself is a sub-graph with its loop inside. Every loop takes one step by itself: a synapse of a loop
with delay d has a line of d relays, any other one of 1 + d.
nirtorch, which norse reads with, walks a graph depth first along its list of edges and computes
each node once a step, in that order; a node whose source comes later gets what the source said a
step ago. So every list of edges begins with a path through all nodes in the order meant; where no
edge joins two neighbours on the path, a matrix of zeros does.
Weights are charges, int32; where r of a LIF is not 1, which norse ignores, they are scaled floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from bioplastic.export.nir.graph import (
    Edges,
    begun,
    biased,
    canonical,
    flat,
    graph,
    label,
    lanes,
    matrices,
    metadata,
    node_names,
    short,
    shown,
    zeros,
)
from bioplastic.export.nir.nodes import Tree, ends, linear, neuron, relay, scale
from bioplastic.quantize.loihi import LoihiNetwork, LoihiPopulation

NEVER = 1e15
"""A threshold that no sum of spikes reaches."""


def line(size: int, steps: int, dt: float) -> Tree:
    """Relays that hand spikes on, one step each: what goes in comes out `steps` >= 1 steps later.

    s0 takes the input at once, s1 what s0 said a step ago, …; the last one is the output. `start`
    and `turn` never spike: they close the loops last → turn → s0 → s1 → … → last, in which every
    relay is computed before the one it listens to.
    """
    take, give = ends(size)
    nodes = {"input": take, "output": give}
    last = f"s{steps}"
    nodes |= {name: relay(size, dt, NEVER) for name in ("start", "turn")}
    nodes |= {f"s{k}": relay(size, dt, 0.5) for k in range(steps + 1)}
    edges = [("input", "start"), ("start", last), (last, "turn")]
    edges += [("turn", f"s{k}") for k in range(steps - 1, -1, -1)]
    edges += [(f"s{k}", f"s{k + 1}") for k in range(steps)]
    edges += [("input", "s0"), (last, "output")]
    return graph(nodes, edges)


def walk(edges: Edges, start: str = "input") -> list[str]:
    """Nodes in the order in which nirtorch computes them."""
    out: dict[str, list[str]] = {}
    for a, b in edges:
        out.setdefault(a, []).append(b)
    found: dict[str, None] = {}
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found[node] = None
            waiting += reversed(out.get(node, []))
    return list(found)


def _width(node: Tree) -> tuple[int, int]:
    """Lanes that go into a node and come out of it."""
    if node["type"] in ("Linear", "Affine"):
        return node["weight"].shape[1], node["weight"].shape[0]
    if node["type"] in ("Input", "Output"):
        return int(node["shape"][0]), int(node["shape"][0])
    if node["type"] == "NIRGraph":
        return _width(node["nodes"]["input"])[0], _width(node["nodes"]["output"])[0]
    size = len(node["v_threshold"])
    return size, size


def spine(nodes: Tree, order: list[str], edges: Edges) -> Edges:
    """All edges, first those that lead a depth-first walk through `order`; zeros go to `nodes`."""
    path, have = [], set(edges)
    for k, (a, b) in enumerate(pairwise(order)):
        if (a, b) in have:
            path.append((a, b))
            continue
        nodes[f"go{k}"] = linear(zeros(_width(nodes[b])[0], _width(nodes[a])[1]))
        path += [(a, f"go{k}"), (f"go{k}", b)]
    first = set(path)
    return path + [e for e in edges if e not in first]


def in_order(network: LoihiNetwork) -> list[str]:
    """Populations so that each comes after those it listens to; a loop begins at its first."""
    left = [p.name for p in network.populations]
    heard = {n: {q.pre for q in network.projections if q.post == n and q.pre != n} for n in left}
    found: list[str] = []
    while left:
        free = next((n for n in left if not heard[n] & set(left)), left[0])
        left.remove(free)
        found.append(free)
    return found


def _inner(
    network: LoihiNetwork, cell: Tree, size: int, loops: list[tuple[str, int, Tree]]
) -> Tree:
    """The sub-graph of a population with synapses (name, delay, node) onto itself."""
    take, give = ends(size)
    nodes: Tree = {"input": take, "cell": cell, "output": give}
    order, edges = ["input", "cell"], [("input", "cell"), ("cell", "output")]
    for name, d, w in loops:
        nodes[name], source = w, "cell"
        if d:
            source = f"line_{d}"
            if source not in nodes:
                nodes[source] = line(size, d, network.dt)
                order.append(source)
                edges.append(("cell", source))
        order.append(name)
        edges += [(source, name), (name, "cell")]
    return graph(nodes, spine(nodes, [*order, "output"], edges))


def dense_entries(network: LoihiNetwork) -> int:
    """Numbers in all matrices of the larger of both graphs, zeros included; none is made."""
    still = canonical(network)
    return max(_entries(form(still, empty=True)) for form in (flat, nested))


def _entries(node: Tree) -> int:
    inner = node.get("nodes", {}).values()
    return sum(map(_entries, inner)) + (node["weight"].size if "weight" in node else 0)


def nested(
    network: LoihiNetwork, about: Mapping[str, Any] | None = None, *, empty: bool = False
) -> Tree:
    """The graph without `Delay`, as a dict; the network must be canonical.

    about   texts and numbers, nested by name, for the metadata
    empty   with matrices that are zero and take no memory, to see how large it would be
    """
    name, nodes, columns = node_names(network), begun(network), lanes(network)
    populations = {p.name: p for p in network.populations}
    ranks = {n: k for k, n in enumerate(in_order(network))}
    edges: Edges = []
    before: dict[str, list[str]] = {n: [] for n in ranks}  # computed ahead of a population
    after: dict[str | None, list[str]] = {n: [] for n in (None, *ranks)}  # behind it, or sources
    own: dict[str, list[tuple[str, int, Tree]]] = {n: [] for n in ranks}
    for k, d, copy, held in matrices(network, empty=empty):
        q, w = network.projections[k], label(k, d, copy)
        factor = scale(network, populations[q.post])
        node = linear(
            held if factor == 1 or empty else held * factor, projection=k, delay=d, copy=copy
        )
        if q.pre == q.post:
            own[q.post].append((w, d, node))
            continue
        nodes[w] = node
        loop = q.pre in ranks and ranks[q.pre] > ranks[q.post]
        pre, source = q.pre if q.pre in ranks else None, name[q.pre]
        steps = d if loop else 1 + d
        if steps:
            source = f"line_{short(name[q.pre])}_{steps}"
            if source not in nodes:
                nodes[source] = line(columns[q.pre][1], steps, network.dt)
                edges.append((name[q.pre], source))
                after[pre].append(source)
        (after[pre] if loop else before[q.post]).append(w)
        edges += [(source, w), (w, name[q.post])]
    order = ["input", *after[None]]
    for p in (populations[n] for n in ranks):
        order += _placed(network, p, name[p.name], nodes, edges, own[p.name], before[p.name])
        order += after[p.name]
    order += shown(network, nodes, edges, name)
    return graph(
        nodes,
        spine(nodes, [*order, "output"], edges),
        metadata(network, "nested", about or {}),
    )


def _placed(
    network: LoihiNetwork, p: LoihiPopulation, name: str, nodes: Tree, edges: Edges,
    own: list[tuple[str, int, Tree]], before: list[str],
) -> list[str]:  # fmt: skip
    """Add the node of a population; return it behind what must be computed before it."""
    cell = neuron(network, p, unit_r=True)
    order, steady = list(before), biased(network, p, cell)
    if steady is not None:
        bias = "bias_" + short(name)
        nodes[bias] = steady
        edges += [("input", bias), (bias, name)]
        order.append(bias)
    nodes[name] = _inner(network, cell, p.size, own) if own else cell
    return [*order, name]
