"""A Loihi network as a NIR graph, and what both of its graphs share.

`flat` says what is: populations, and for each projection and each distinct delay a `Delay` and a
masked `Linear`. A Delay holds the whole way from spike to arrival, (1 + delay)·dt, in loops too: a
reader that adds a step of its own to every loop must take it off there. The graph that can be
executed without `Delay` is in `bioplastic.export.nir.nested`. Weights are charges, int32.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.export.nir.nodes import Tree, ends, linear, neuron
from bioplastic.quantize.loihi import (
    SPECIFICATION,
    LoihiNetwork,
    LoihiPopulation,
    LoihiProjection,
)

Edges = list[tuple[str, str]]


def node_names(network: LoihiNetwork) -> dict[str, str]:
    """Group → its node: sources share `input`; populations keep their names, made safe."""
    found = {s.name: "input" for s in network.sources}
    taken: set[str] = set()
    for p in network.populations:
        plain = "pop_" + re.sub(r"[^A-Za-z0-9_]+", "_", p.name)
        name, k = plain, 2
        while name in taken:
            name, k = f"{plain}_{k}", k + 1
        taken.add(name)
        found[p.name] = name
    return found


def short(node: str) -> str:
    """The name of a node in the names of what belongs to it; that of a population "input" whole."""
    plain = node.removeprefix("pop_")
    return node if plain == "input" else plain


def lanes(network: LoihiNetwork) -> dict[str, tuple[int, int]]:
    """Group → (first lane, lanes) of its node's output."""
    total = sum(s.size for s in network.sources)
    if total == 0:
        raise UsageError(f"network {network.name!r}: NIR needs an input, it has no source")
    if not network.populations:
        raise UsageError(f"network {network.name!r}: it has no population")
    found, at = {}, 0
    for s in network.sources:
        found[s.name] = at, total
        at += s.size
    return found | {p.name: (0, p.size) for p in network.populations}


def canonical(network: LoihiNetwork) -> LoihiNetwork:
    """The same network with the synapses of each projection sorted and those of weight 0 left out.

    Sorted by delay, then pre, post and weight. A matrix has no other order, and no synapse of 0.
    """

    def tidy(q: LoihiProjection) -> LoihiProjection:
        i, j, w, d = (np.asarray(a, np.int64) for a in (q.i, q.j, q.weight, q.delay))
        order = np.lexsort((w, j, i, d))
        order = order[w[order] != 0]
        return LoihiProjection(
            name=q.name, pre=q.pre, post=q.post, exponent=q.exponent,
            i=i[order], j=j[order], weight=w[order], delay=d[order],
        )  # fmt: skip

    return LoihiNetwork(
        name=network.name, dt=network.dt, sources=network.sources, populations=network.populations,
        projections=tuple(tidy(q) for q in network.projections),
    )  # fmt: skip


def zeros(post: int, pre: int) -> np.ndarray:
    """A matrix (post, pre) of zeros that takes no memory."""
    return np.broadcast_to(np.int32(0), (post, pre))


def matrices(
    network: LoihiNetwork, *, empty: bool = False
) -> Iterator[tuple[int, int, int, np.ndarray]]:
    """Yield (projection, delay, copy, charges (post, pre lanes) int32) of a canonical network.

    Parallel synapses of one pair and one delay go to copies 0, 1, …
    empty   zeros in place of charges, which take no memory
    """
    columns = lanes(network)
    size = {p.name: p.size for p in network.populations}
    for k, q in enumerate(network.projections):
        first, width = columns[q.pre]
        for d in np.unique(q.delay).tolist():
            at = np.flatnonzero(q.delay == d)
            pair = q.i[at] * size[q.post] + q.j[at]
            copy = np.arange(len(at)) - np.searchsorted(pair, pair)  # sorted: rank within its pair
            for c in range(int(copy.max()) + 1):
                mine = at[copy == c]
                held = zeros(size[q.post], width)
                if not empty:
                    held = held.copy()
                    held[q.j[mine], first + q.i[mine]] = q.charge[mine]
                yield k, d, c, held


def metadata(network: LoihiNetwork, form: str, about: Mapping[str, Any]) -> Tree:
    """What the graph itself cannot hold."""
    found: Tree = {
        "specification": SPECIFICATION,
        "form": form,
        "name": network.name,
        "dt": network.dt,
        "units": "v: 1 = one LSB of v; weight: charge = weight of the chip times 2^(6+exponent)",
        "sources": {
            f"{k:04}": {"name": s.name, "size": s.size} for k, s in enumerate(network.sources)
        },
        "projections": {
            f"{k:04}": {"name": q.name, "pre": q.pre, "post": q.post, "exponent": q.exponent}
            for k, q in enumerate(network.projections)
        },
        "populations": {f"{k:04}": p.name for k, p in enumerate(network.populations)},
    }
    return found | ({"about": dict(about)} if about else {})


def sinks(network: LoihiNetwork) -> list[LoihiPopulation]:
    """Populations that project nowhere; the last one where there is none."""
    pre = {q.pre for q in network.projections}
    return [p for p in network.populations if p.name not in pre] or [network.populations[-1]]


def shown(network: LoihiNetwork, nodes: Tree, edges: Edges, name: dict[str, str]) -> list[str]:
    """Add the output, all sinks side by side; return the nodes that come before it."""
    seen = sinks(network)
    if len(seen) == 1:
        edges.append((name[seen[0].name], "output"))
        return []
    total, at, found = sum(p.size for p in seen), 0, []
    for p in seen:
        place = np.zeros((total, p.size), np.int32)
        place[at + np.arange(p.size), np.arange(p.size)] = 1
        node = "show_" + short(name[p.name])
        nodes[node] = linear(place)
        edges += [(name[p.name], node), (node, "output")]
        found.append(node)
        at += p.size
    return found


def begun(network: LoihiNetwork) -> Tree:
    """The nodes that every graph begins with: where spikes go in, and where those seen come out."""
    given = sum(s.size for s in network.sources)
    return {"input": ends(given)[0], "output": ends(sum(p.size for p in sinks(network)))[1]}


def biased(network: LoihiNetwork, p: LoihiPopulation, node: Tree) -> Tree | None:
    """What adds the bias of an IF, which has no leak to add it; None where there is none."""
    if node["type"] != "IF" or not len(p.bias_mantissa):
        return None
    given = sum(s.size for s in network.sources)
    return {"type": "Affine", "weight": zeros(p.size, given),
            "bias": p.bias.astype(np.int32), "metadata": {}}  # fmt: skip


def label(k: int, d: int, copy: int) -> str:
    """Name of the matrix of a projection, a delay and a copy."""
    return f"w{k}_d{d}" + (f"_{copy}" if copy else "")


def flat(
    network: LoihiNetwork, about: Mapping[str, Any] | None = None, *, empty: bool = False
) -> Tree:
    """The graph with `Delay` nodes, as a dict; the network must be canonical.

    about   texts and numbers, nested by name, for the metadata
    empty   with matrices that are zero and take no memory, to see how large it would be
    """
    name, nodes, edges = node_names(network), begun(network), []
    columns = lanes(network)
    for k, d, copy, held in matrices(network, empty=empty):
        q = network.projections[k]
        late, w = f"delay_{short(name[q.pre])}_{d}", label(k, d, copy)
        if late not in nodes:
            whole = np.full(columns[q.pre][1], (1 + d) * network.dt, np.float64)
            nodes[late] = {"type": "Delay", "delay": whole, "metadata": {}}
            edges.append((name[q.pre], late))
        nodes[w] = linear(held, projection=k, delay=d, copy=copy)
        edges += [(late, w), (w, name[q.post])]
    heard = {b for _, b in edges}
    for p in network.populations:
        node = nodes[name[p.name]] = neuron(network, p, unit_r=False)
        steady = biased(network, p, node)
        if steady is None and name[p.name] not in heard:
            given = sum(s.size for s in network.sources)
            steady = linear(zeros(p.size, given))
        if steady is not None:
            own = "bias_" + short(name[p.name])
            nodes[own] = steady
            edges += [("input", own), (own, name[p.name])]
    shown(network, nodes, edges, name)
    return graph(nodes, edges, metadata(network, "flat", about or {}))


def graph(nodes: Tree, edges: Edges, metadata: Tree | None = None) -> Tree:
    """A graph as nir's own to_dict makes it."""
    return {"type": "NIRGraph", "nodes": nodes, "edges": edges, "metadata": metadata or {}}
