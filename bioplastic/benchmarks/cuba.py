"""CUBA, 10 000 neurons, 1 %, one second: integers beside Brian2's three targets, torch and NEST.

The same graph, start and parameters; one thread each. Brian2 runs its usual equations with
``method='exact'``, and its time is that of its main loop, without compiling. Ours
is a whole call of `kernels.dispatch.run`, laying out the arrays included. Torch eager does what a
torch user would write: dense state in float32, one index_add per step.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import ms, mV

from bioplastic.benchmarks.bandwidth import bandwidth
from bioplastic.benchmarks.measured import Measured, cpu_seconds, in_child, in_other, ratio
from bioplastic.bridge.door import lower
from bioplastic.description import Network
from bioplastic.kernels import dispatch
from bioplastic.networks.balanced import cuba
from bioplastic.result import Table

FULL = {"size": 10_000, "probability": 0.01, "seconds": 1.0, "repeats": 5}
QUICK = {"size": 400, "probability": 0.1, "seconds": 0.05, "repeats": 1}
DT = 0.1 * ms
TARGETS = ("cpp_standalone", "cython", "numpy")
NAMED = {"cpp_standalone": "C++ standalone", "cython": "Cython", "numpy": "numpy"}
NEST = "BIOPLASTIC_NEST"
"""Environment variable: path of a Python that can import nest. NEST is GPL: never imported here."""


def network(size: int, probability: float) -> Network:
    """The network of this benchmark, about 10 Hz."""
    return cuba(size=size, probability=probability, e_l=-43.5 * mV, delay=1.5 * ms, seed=1)


def measure(*, size: int, probability: float, seconds: float, repeats: int) -> Measured:
    """All three on the same graph."""
    net, steps = network(size, probability), round(seconds / 1e-4)
    lowered = lower(net, DT)
    dispatch.run(lowered, 1)
    done = dispatch.run(lowered, steps)
    ours = cpu_seconds(lambda: dispatch.run(lowered, steps), repeats)
    events, spikes = done.counters["synaptic_events"], done.counters["spikes"]
    with tempfile.TemporaryDirectory() as folder:
        graph = str(write_graph(net, Path(folder) / "graph.npz"))
        others = {
            target: in_child(
                "bioplastic.benchmarks.cuba_brian2",
                {"graph": graph, "seconds": seconds, "target": target,
                 "repeats": repeats if target == "cpp_standalone" else min(repeats, 2)},
            )
            for target in TARGETS
        }  # fmt: skip
        nest, absent = _nest({"graph": graph, "seconds": seconds, "repeats": min(repeats, 3)})
    brian = others["cpp_standalone"]
    torch_seconds, torch_spikes = _torch(net, steps, repeats)
    synapses = sum(len(q.connectivity) for q in net.projections)
    state = 4 * 4 * 2 * size * steps  # v, g_e, g_i, refractory: read and written, int32
    floor = state / bandwidth(4 * size) + 5 * events / bandwidth(5 * synapses // 16)
    figures = {
        "cuba_cpu_seconds": ours,
        "cuba_brian2_standalone_seconds": brian["seconds"],
        "cuba_torch_eager_seconds": torch_seconds,
        "cuba_ratio_to_brian2_standalone": ratio(brian["seconds"], ours),
        "cuba_ratio_to_torch_eager": ratio(torch_seconds, ours),
        "cuba_bandwidth_floor_seconds": floor,
        "cuba_synaptic_events": events,
        "cuba_spikes": spikes,
        "cuba_spikes_brian2": brian["spikes"],
        "cuba_spikes_torch": torch_spikes,
    }
    measured = {f"Brian2, {NAMED[t]}": found for t, found in others.items()}
    for target in ("cython", "numpy"):
        figures[f"cuba_brian2_{target}_seconds"] = others[target]["seconds"]
        figures[f"cuba_ratio_to_brian2_{target}"] = ratio(others[target]["seconds"], ours)
    if nest:
        measured[f"NEST {nest['version']}"] = nest
        figures |= {
            "cuba_nest_seconds": nest["seconds"],
            "cuba_ratio_to_nest": ratio(nest["seconds"], ours),
            "cuba_spikes_nest": nest["spikes"],
        }
    measured["torch, eager"] = {"seconds": torch_seconds, "spikes": torch_spikes}
    rows = [("bioplastic, cpu", f"{ours:.4f}", "1", f"{spikes:,}")]
    rows += [
        (who, f"{m['seconds']:.4f}", f"{ratio(m['seconds'], ours):.2f}", f"{int(m['spikes']):,}")
        for who, m in measured.items()
    ]
    rows.append(("memory bandwidth floor", f"{floor:.4f}", f"{ratio(floor, ours):.2f}", ""))
    return Measured(
        figures=figures,
        table=Table(
            key="cuba",
            title=f"CUBA, {size:,} neurons, {synapses:,} synapses, {seconds:g} s of model time",
            caption="CPU seconds on one thread, best of "
            f"{repeats}; the ratio is how many times ours.",
            columns=("who", "seconds", "ratio", "spikes"),
            rows=rows,
        ),
        absent=absent,
    )


def _nest(arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What NEST took, {} where it is not here; and why it is not."""
    python = os.environ.get(NEST)
    if not python:
        return {}, {"NEST": f"runs in an interpreter of its own, which {NEST} names"}
    return in_other(python, Path(__file__).with_name("cuba_nest.py"), arguments), {}


def write_graph(net: Network, path: Path) -> Path:
    """Graph and start of a CUBA network for other simulators, as an .npz without objects."""
    e, i = _connectivity(net)
    neuron: Any = net.populations[0].neuron
    np.savez(
        path, size=net.populations[0].size, e_i=e.i, e_j=e.j, i_i=i.i, i_j=i.j,
        e_w=float(e.weight), i_w=float(i.weight), delay=float(e.delay),
        v=neuron.initial[:, 0], e_l=float(neuron.offset[0]) / -float(neuron.matrix[0, 0]),
    )  # fmt: skip
    return path


def _connectivity(net: Network) -> list[Any]:
    """Excitatory and inhibitory synapses, listed."""
    return [q.connectivity for q in net.projections]


def _torch(net: Network, steps: int, repeats: int) -> tuple[float, int]:
    """CPU seconds and spikes of a per-step torch loop: one thread, float32, dense state, CSR."""
    import torch

    e, i = _connectivity(net)
    size, delay = net.populations[0].size, round(float(e.delay) / 1e-4)
    neuron: Any = net.populations[0].neuron
    pre, post = np.concatenate([e.i, i.i]), np.concatenate([e.j, i.j])
    edge = np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=size))])
    first = int(i.i.min()) if len(i.i) else size
    targets = torch.from_numpy(post[np.argsort(pre, kind="stable")])
    decay = [float(np.exp(-1e-4 / t)) for t in (5e-3, 10e-3)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    spikes = 0

    def loop() -> None:
        nonlocal spikes
        spikes = 0
        v = torch.from_numpy(neuron.initial[:, 0].astype(np.float32))
        g, held = torch.zeros(2, size), torch.zeros(size, dtype=torch.int32)
        late: list[Any] = [torch.zeros(0, dtype=torch.long)] * (delay + 1)
        for t in range(steps):
            free = held <= 0
            v = torch.where(free, v + 5e-3 * (g[0] + g[1] - (v + 43.5e-3)), v)
            g[0] *= decay[0]
            g[1] *= decay[1]
            held -= 1
            fired = torch.nonzero((v > -50e-3) & free).flatten()
            late[t % len(late)] = fired
            spikes += len(fired)
            for k in late[(t + 1) % len(late)].tolist():
                side = 0 if k < first else 1
                row = targets[edge[k] : edge[k + 1]]
                weight = float(e.weight) if side == 0 else float(i.weight)
                g[side].index_add_(0, row, torch.full((len(row),), weight))
            v[fired] = -60e-3
            held[fired] = 50

    seconds = cpu_seconds(loop, min(repeats, 2))
    torch.set_num_threads(threads)
    return seconds, spikes
