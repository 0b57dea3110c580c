"""The plastic benchmark in Brian2, C++ standalone; run in a process of its own."""

from __future__ import annotations

import json
import sys
import tempfile

import brian2 as b2
import numpy as np

EQUATIONS = """
dv/dt = (tau_m/c_m*i_syn - v)/tau_m : volt (unless refractory)
di_syn/dt = -i_syn/tau_s : amp
"""
SYNAPSE = """
w : amp
dx/dt = -x/tau_stdp : 1 (event-driven)
dy/dt = -y/tau_stdp : 1 (event-driven)
"""


def main(graph: str, seconds: float, repeats: int) -> None:
    """Build, compile once, run `repeats` times; prints seconds and spikes as JSON."""
    given = np.load(graph)
    size = int(given["size"])
    b2.set_device("cpp_standalone", build_on_run=False, directory=None)
    b2.prefs.devices.cpp_standalone.openmp_threads = 0
    b2.defaultclock.dt = 0.1 * b2.ms
    space = {
        "tau_m": 10 * b2.ms, "c_m": 250 * b2.pF, "tau_s": 5 * b2.ms, "tau_stdp": 20 * b2.ms,
        "w_max": given["w_max"] * b2.pA, "up": float(given["a_plus"]) * given["w_max"] * b2.pA,
        "down": float(given["a_minus"]) * given["w_max"] * b2.pA,
    }  # fmt: skip
    inputs = b2.SpikeGeneratorGroup(size, given["ids"], given["steps"] * 0.1 * b2.ms)
    cells = b2.NeuronGroup(
        size, EQUATIONS, threshold="v > 20*mV", reset="v = 0*mV", refractory=2 * b2.ms,
        method="exact", namespace=space,
    )  # fmt: skip
    synapses = b2.Synapses(
        inputs, cells, SYNAPSE, delay=0.1 * b2.ms, namespace=space,
        on_pre="i_syn_post += w\nw = clip(w - down*y, 0*pA, w_max)\nx += 1",
        on_post="w = clip(w + up*x, 0*pA, w_max)\ny += 1",
    )  # fmt: skip
    synapses.connect()
    synapses.w = given["w"] * b2.pA
    count = b2.SpikeMonitor(cells, record=False)
    net = b2.Network(inputs, cells, synapses, count)
    folder = tempfile.mkdtemp()
    net.run(seconds * b2.second)
    b2.device.build(directory=folder, compile=True, run=False, debug=False)
    best = float("inf")
    for _ in range(repeats):
        b2.device.run(directory=folder, with_output=False, run_args=[])
        best = min(best, float(b2.device._last_run_time))
    print(json.dumps({"seconds": best, "spikes": int(count.num_spikes)}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
