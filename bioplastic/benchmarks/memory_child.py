"""Resident memory that a lowered network and its running state hold; one process per network."""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from typing import Any

import numpy as np
from brian2 import amp, ms, second

from bioplastic.benchmarks.measured import resident_bytes
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
from bioplastic.kernels import dispatch
from bioplastic.quantize import lower

DT, SIZE = 0.1 * ms, 1024


def _network(synapses: int, plastic: bool) -> Network:
    """`synapses`/1024 sources onto 1024 neurons, everyone to everyone."""
    pre = max(synapses // SIZE, 1)
    train = SpikeTrain(i=np.arange(min(pre, 8)), t=np.full(min(pre, 8), 5e-4) * second)
    rule = PairSTDP(w_max=2e-12 * amp) if plastic else None
    return Network(
        name="memory",
        sources=[Source(name="inputs", size=pre, train=train)],
        populations=[
            Population(
                name="cells",
                size=SIZE,
                neuron=LIF(receptors=(ExponentialCurrent(name="syn", tau=5 * ms),)),
            )
        ],
        projections=[
            Projection(
                name="synapses",
                pre="inputs",
                post="cells",
                target="syn",
                connectivity=all_to_all(pre, SIZE, weight=1e-12 * amp, delay=0.1 * ms),
                plasticity=rule,
            )
        ],
    )


def _settled() -> int:
    """Resident bytes after everything that is free has gone back to the system."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return resident_bytes()


def main(kind: str, synapses: int) -> None:
    """Compile on a small network, measure, then build and run the large one and measure again."""
    plastic = kind == "plastic"
    kept: list[Any] = [_run(2 * SIZE, plastic)]
    before = _settled()
    kept.append(_run(synapses, plastic))
    after = _settled()
    print(json.dumps({"bytes": after - before, "synapses": (synapses // SIZE) * SIZE}))


def _run(synapses: int, plastic: bool) -> Any:
    lowered = lower(_network(synapses, plastic), DT)
    return lowered, dispatch.run(lowered, 100)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
