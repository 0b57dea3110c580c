"""CUBA in Brian2 as its documentation writes it, C++ standalone; run in a process of its own.

Prints one line of JSON: the least main-loop seconds over the repeats, and the spikes.
"""

from __future__ import annotations

import json
import sys
import tempfile

import brian2 as b2
import numpy as np

EQUATIONS = """
dv/dt = (ge + gi - (v - El))/taum : volt (unless refractory)
dge/dt = -ge/taue : volt
dgi/dt = -gi/taui : volt
"""


def main(graph: str, seconds: float, repeats: int) -> None:
    """Build, compile once, run `repeats` times."""
    given = np.load(graph)
    folder = tempfile.mkdtemp()
    b2.set_device("cpp_standalone", build_on_run=False, directory=None)
    b2.prefs.devices.cpp_standalone.openmp_threads = 0
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
    net.run(seconds * b2.second)
    b2.device.build(directory=folder, compile=True, run=False, debug=False)
    best = float("inf")
    for _ in range(repeats):
        b2.device.run(directory=folder, with_output=False, run_args=[])
        best = min(best, float(b2.device._last_run_time))
    print(json.dumps({"seconds": best, "spikes": int(count.num_spikes)}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
