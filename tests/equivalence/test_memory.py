"""What a synapse costs in memory, measured in a process of its own.

The script lowers a network whose description it then drops, runs it twice, the second time from the
state of the first, and reports the resident memory with network and state still held. A second
network with the same neurons and more synapses gives the cost of a synapse as a slope, free of
neurons, traces and compiled code. What is free is first handed back (malloc_trim of glibc). The
readings are good to the 100 kB that the interpreter may take in between: 0.05 bytes a synapse.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import numpy as np
import pytest
from brian2 import ms, nA, second

from bioplastic.description import (
    LIF,
    ExponentialCurrent,
    Network,
    PairSTDP,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.description.connectivity import all_to_all
from bioplastic.quantize import lower

SCRIPT = """
import ctypes, json, sys
import numpy as np
from brian2 import ms, nA, pA, second

from bioplastic.description import (
    LIF, Connectivity, ExponentialCurrent, Network, PairSTDP, Population, Projection, Source,
    SpikeTrain,
)
from bioplastic.kernels.dispatch import run
from bioplastic.quantize import lower

def resident():
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def lowered(n, indegree, kind):
    rng = np.random.default_rng(1)
    i = (np.arange(n)[:, None] * 7 + np.arange(indegree) * (n // indegree)).ravel() % n
    j = np.repeat(np.arange(n), indegree)
    order = np.lexsort((j, i))
    rule = PairSTDP(w_max=100 * pA) if kind == "plastic" else None
    weight = rng.uniform(0, 100, len(i)) * pA if kind != "alike" else 100 * pA
    train = SpikeTrain(i=np.arange(100) % n, t=np.arange(100) * 1e-4 * second)
    neuron = LIF(receptors=(ExponentialCurrent(name="fast", tau=3 * ms),))
    network = Network(
        name="n",
        sources=[Source(name="in", size=n, train=train)],
        populations=[Population(name="p", size=n, neuron=neuron)],
        projections=[
            Projection(
                name="q", pre="in", post="p", target="fast", plasticity=rule,
                connectivity=Connectivity(i=i[order], j=j[order], weight=weight, delay=1 * ms),
            )
        ],
    )
    return lower(network, 0.1 * ms, fraction=12)

def measure(n, indegree, kind):
    before = resident()
    network = lowered(n, indegree, kind)
    result = run(network, 100)
    result = run(network, 100, state=result.state)
    return resident() - before, len(network["q"].weight)

kind, n = sys.argv[1], int(sys.argv[2])
measure(n, 2, kind)
few, many = (measure(n, indegree, kind) for indegree in map(int, sys.argv[3:]))
print(json.dumps({"synapses": many[1], "bytes": (many[0] - few[0]) / (many[1] - few[1])}))
"""


def measured(kind: str, n: int, indegrees: tuple[int, int]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind, str(n), *map(str, indegrees)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="reads /proc, trims with glibc")
@pytest.mark.parametrize(
    ("kind", "n", "indegree", "limit"),
    [
        ("static", 10_000, 250, 6),  # int16 weights
        ("alike", 10_000, 250, 6),  # int8 weights
        ("alike", 70_000, 40, 6),  # too many neurons for uint16 indices
        ("plastic", 10_000, 250, 8),
    ],
)
def test_bytes_of_a_synapse(kind, n, indegree, limit):
    found = measured(kind, n, (indegree // 10, indegree))
    assert found["synapses"] == n * indegree
    assert found["synapses"] > 2_000_000
    assert found["bytes"] <= limit + 0.05, found


def test_a_full_projection_that_learns_lists_no_columns():
    """Group and rank of a synapse follow from its place; the row places are the same."""
    train = SpikeTrain(i=np.zeros(1, int), t=np.zeros(1) * second)
    weight = np.linspace(0, 1, 15) * nA
    network = Network(
        name="full",
        sources=[Source(name="in", size=5, train=train)],
        populations=[
            Population(
                name="p", size=3, neuron=LIF(receptors=(ExponentialCurrent(name="a", tau=3 * ms),))
            )
        ],
        projections=[
            Projection(
                name="q", pre="in", post="p", target="a", plasticity=PairSTDP(w_max=1 * nA),
                connectivity=all_to_all(5, 3, weight=weight, delay=1 * ms),
            )
        ],
    )  # fmt: skip
    q = lower(network, 0.1 * ms)["q"]
    assert q.full
    assert len(q.col_group) == len(q.col_rank) == 0
    np.testing.assert_array_equal(q.col_syn, np.argsort(q.targets, kind="stable"))
