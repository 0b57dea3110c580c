"""CUBA in Brian2 as its documentation writes it, on one target; run in a process of its own.

Prints one line of JSON: the least main-loop seconds over the repeats, and the spikes. C++
standalone reports its loop itself; on numpy and Cython it is the CPU time of a run without that of
a run of one step, which prepares and compiles the same.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from typing import Any

import brian2 as b2
import numpy as np

EQUATIONS = """
dv/dt = (ge + gi - (v - El))/taum : volt (unless refractory)
dge/dt = -ge/taue : volt
dgi/dt = -gi/taui : volt
"""


def main(graph: str, seconds: float, repeats: int, target: str = "cpp_standalone") -> None:
    """Build, compile once, run `repeats` times."""
    given = np.load(graph)
    standalone = target == "cpp_standalone"
    if standalone:
        b2.set_device("cpp_standalone", build_on_run=False, directory=None)
        b2.prefs.devices.cpp_standalone.openmp_threads = 0
    else:
        b2.prefs.codegen.target = target
    b2.defaultclock.dt = 0.1 * b2.ms
    space = {
        "taum": 20 * b2.ms, "taue": 5 * b2.ms, "taui": 10 * b2.ms, "El": given["e_l"] * b2.volt,
        "Vt": -50 * b2.mV, "Vr": -60 * b2.mV,
        "we": given["e_w"] * b2.volt, "wi": given["i_w"] * b2.volt,
    }  # fmt: skip
    cells = b2.NeuronGroup(
        int(given["size"]), EQUATIONS, threshold="v > Vt", reset="v = Vr", refractory=5 * b2.ms,
        method="exact", namespace=space,
    )  # fmt: skip
    cells.v = given["v"] * b2.volt
    delay = float(given["delay"]) * b2.second
    excite = b2.Synapses(cells, cells, on_pre="ge += we", delay=delay, namespace=space)
    inhibit = b2.Synapses(cells, cells, on_pre="gi += wi", delay=delay, namespace=space)
    excite.connect(i=given["e_i"], j=given["e_j"])
    inhibit.connect(i=given["i_i"], j=given["i_j"])
    count = b2.SpikeMonitor(cells, record=False)
    net = b2.Network(cells, excite, inhibit, count)
    duration = seconds * b2.second
    best = _standalone(net, duration, repeats) if standalone else _stepped(net, duration, repeats)
    print(json.dumps({"seconds": best, "spikes": int(count.num_spikes)}))


def _standalone(net: b2.Network, duration: Any, repeats: int) -> float:
    folder = tempfile.mkdtemp()
    net.run(duration)
    b2.device.build(directory=folder, compile=True, run=False, debug=False)
    best = float("inf")
    for _ in range(repeats):
        b2.device.run(directory=folder, with_output=False, run_args=[])
        best = min(best, float(b2.device._last_run_time))
    return best


def _stepped(net: b2.Network, duration: Any, repeats: int) -> float:
    net.store()
    best = {}
    for length in (b2.defaultclock.dt, b2.defaultclock.dt, duration):  # the first one compiles
        best[float(length)] = float("inf")
        for _ in range(repeats):
            net.restore()
            start = time.process_time()
            net.run(length)
            best[float(length)] = min(best[float(length)], time.process_time() - start)
    return best[float(duration)] - best[float(b2.defaultclock.dt)]


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
