"""1024 × 1024 plastic synapses, pair STDP, one second: integers beside Brian2's generated C++.

The same inputs, sizes and rule. Weights start alike; ours are int8 with stochastic rounding, so the
trains of the post neurons part, and what is compared is the time per weight update: one synapse
whose rule ran, at an arrival or at a post spike. Brian2 runs event-driven traces as C++ standalone.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from brian2 import Hz, amp, ms, pA, pF, second

from bioplastic.benchmarks.measured import Measured, cpu_seconds, in_child, ratio
from bioplastic.description import (
    LIF,
    ExponentialCurrent,
    Network,
    PairSTDP,
    Population,
    Projection,
    Source,
)
from bioplastic.description.connectivity import all_to_all
from bioplastic.description.stimulus import poisson
from bioplastic.kernels import dispatch
from bioplastic.provenance import stream
from bioplastic.quantize import lower
from bioplastic.result import Table

FULL = {"size": 1024, "seconds": 1.0, "repeats": 3}
QUICK = {"size": 32, "seconds": 0.1, "repeats": 1}
DT = 0.1 * ms
RATE = 20.0
A_PLUS, A_MINUS = 0.01, 0.0105


def network(size: int, seconds: float) -> Network:
    """`size` Poisson sources onto `size` LIF neurons, every synapse plastic."""
    rng = stream(1, "benchmark", "plastic")
    train = poisson(rng, np.full(size, RATE) * Hz, seconds * second, DT)
    w_max = _w_max(size) * amp
    weight = rng.uniform(0.2, 0.8, size * size) * w_max
    return Network(
        name="plastic",
        sources=[Source(name="inputs", size=size, train=train)],
        populations=[
            Population(
                name="cells",
                size=size,
                neuron=LIF(receptors=(ExponentialCurrent(name="syn", tau=5 * ms),)),
            )
        ],
        projections=[
            Projection(
                name="plastic",
                pre="inputs",
                post="cells",
                target="syn",
                connectivity=all_to_all(size, size, weight=weight, delay=0.1 * ms),
                plasticity=PairSTDP(w_max=w_max, a_plus=A_PLUS, a_minus=A_MINUS),
            )
        ],
    )


def _w_max(size: int) -> float:
    """Largest weight, A, such that the mean input at half of it is 1.3 times threshold."""
    mean = 1.3 * float(20e-3 * 250 * pF / (10 * ms))  # I = V_th/R, R = tau_m/c_m
    return 2 * mean / (size * RATE * 5e-3)


def measure(*, size: int, seconds: float, repeats: int) -> Measured:
    """Time per weight update of both."""
    net, steps = network(size, seconds), round(seconds / 1e-4)
    lowered = lower(net, DT)
    dispatch.run(lowered, 1)
    done = dispatch.run(lowered, steps)
    ours = cpu_seconds(lambda: dispatch.run(lowered, steps), repeats)
    arrivals = int((net.sources[0].train.steps(DT) < steps - 1).sum())
    updates = size * (arrivals + done.counters["spikes"])
    with tempfile.TemporaryDirectory() as folder:
        brian = in_child(
            "bioplastic.benchmarks.plastic_brian2",
            {"graph": str(_write(net, Path(folder) / "net.npz")), "seconds": seconds,
             "repeats": repeats},
        )  # fmt: skip
    theirs = size * (arrivals + brian["spikes"])
    each, brian_each = ours / updates, brian["seconds"] / theirs
    return Measured(
        figures={
            "plastic_updates_per_second": 1 / each,
            "plastic_brian2_updates_per_second": 1 / brian_each,
            "plastic_ratio_to_brian2_standalone": ratio(brian_each, each),
            "plastic_cpu_seconds": ours,
            "plastic_updates": updates,
            "plastic_post_rate_hz": done.counters["spikes"] / size / seconds,
            "plastic_post_rate_brian2_hz": brian["spikes"] / size / seconds,
        },
        table=Table(
            key="plastic",
            title=f"{size} × {size} plastic synapses, pair STDP, {seconds:g} s of model time",
            caption=f"CPU seconds of the whole run on one thread, best of {repeats}, over the"
            " weight updates in it: arrivals and post spikes times the synapses that each visits.",
            columns=("who", "seconds", "updates", "updates/s", "post rate (Hz)"),
            rows=[
                ("bioplastic, cpu, int8, stochastic rounding", f"{ours:.3f}", f"{updates:,}",
                 f"{1 / each:.3g}", f"{done.counters['spikes'] / size / seconds:.1f}"),
                ("Brian2, C++ standalone, float64", f"{brian['seconds']:.3f}", f"{int(theirs):,}",
                 f"{1 / brian_each:.3g}", f"{brian['spikes'] / size / seconds:.1f}"),
            ],
        ),
    )  # fmt: skip


def _write(net: Network, path: Path) -> Path:
    train, q = net.sources[0].train, net.projections[0]
    np.savez(
        path, size=net.populations[0].size, ids=train.i, steps=train.steps(DT),
        w=np.asarray(q.connectivity.weight / pA, dtype=float),
        w_max=float(q.plasticity.w_max / pA), a_plus=A_PLUS, a_minus=A_MINUS,  # type: ignore[union-attr]
    )  # fmt: skip
    return path
