"""What do neurons cost that do nothing?

CUBA as it is, and with ten times as many neurons added that rest and hear nobody. An event-driven
kernel skips a block of neurons in which no bit can change; a clock-driven one cannot.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from brian2 import mV

from bioplastic.benchmarks import cuba
from bioplastic.benchmarks.measured import Measured, cpu_seconds, ratio
from bioplastic.bridge.door import lower
from bioplastic.description import LIF, Network, Population
from bioplastic.kernels import dispatch
from bioplastic.result import Table

FULL = {"size": 10_000, "probability": 0.01, "seconds": 1.0, "repeats": 5}
QUICK = {"size": 400, "probability": 0.1, "seconds": 0.05, "repeats": 1}
TIMES = 10


def measure(*, size: int, probability: float, seconds: float, repeats: int) -> Measured:
    """CPU seconds without and with the silent neurons."""
    alone, steps = cuba.network(size, probability), round(seconds / 1e-4)
    rest = Population(name="silent", size=TIMES * size, neuron=LIF(v_th=20 * mV))
    crowd: Network = replace(alone, populations=[*alone.populations, rest])
    found = []
    for net in (alone, crowd):
        lowered = lower(net, cuba.DT)
        dispatch.run(lowered, 1)
        found.append(cpu_seconds(partial(dispatch.run, lowered, steps), repeats))
    return Measured(
        figures={"silent_neuron_cost_ratio": ratio(found[1], found[0])},
        table=Table(
            key="silent",
            title=f"{TIMES}× more silent neurons",
            caption=f"CPU seconds for {seconds:g} s of CUBA on `cpu`.",
            columns=("network", "seconds", "ratio"),
            rows=[
                (f"{size:,} neurons", f"{found[0]:.4f}", "1"),
                (f"and {TIMES * size:,} silent ones", f"{found[1]:.4f}",
                 f"{ratio(found[1], found[0]):.2f}"),
            ],
        ),
    )  # fmt: skip
