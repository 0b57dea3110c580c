"""Replay a bundle in norse from its NIR graph, node by node as norse.torch.from_nir builds it."""

import sys
import warnings

import numpy as np
import replay_common as common


def populations(graph):
    """Return population -> name of its node, which may be a sub-graph around the neurons."""
    found = {}
    for name, node in graph.nodes.items():
        cell = node.nodes.get("cell") if type(node).__name__ == "NIRGraph" else node
        if cell is not None and "population" in cell.metadata:
            found[cell.metadata["population"]] = name
    for path, held in graph.metadata.get("nodes", {}).items():  # the dialect of nir 1.0.4
        if "population" in held:
            found[held["population"]] = path.split(".")[0]
    return found


def main(bundle, out, path):
    """Read the graph with nir, build it with norse, step it, keep what every population said."""
    warnings.simplefilter("ignore")
    import nir
    import norse.torch
    import torch

    torch.set_num_threads(1)  # matrices are small
    network, arrays, steps = common.load(bundle)
    graph = nir.read(path)
    model = norse.torch.from_nir(graph, ignore_warnings=True, dt=float(graph.metadata["dt"]))
    given = torch.from_numpy(common.stimulus(network, arrays, steps).T.astype(np.float32))
    names = populations(graph)
    nodes = [names[p["name"]] for p in network["populations"]]
    found, state = [([], []) for _ in nodes], None
    with torch.inference_mode():
        for step in range(steps):
            _, state = model(given[step : step + 1], state)
            for (when, which), node in zip(found, nodes, strict=True):
                ids = np.flatnonzero(state.cache[node].numpy()[0])
                which.append(ids)
                when.append(np.full(len(ids), step))
    none = [np.zeros(0, int)]
    common.store(out, [(np.concatenate(none + a), np.concatenate(none + b)) for a, b in found])


if __name__ == "__main__":
    main(*sys.argv[1:])
