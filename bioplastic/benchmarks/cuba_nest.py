"""CUBA in NEST; run as a script by the interpreter that BIOPLASTIC_NEST names, which has NEST.

Nothing of this package is imported there, and nothing of NEST here: it is GPL. The neuron is
`iaf_psc_exp`, exact on the grid, with I = g/R for the g in volts. Prints one line of JSON: the
least CPU seconds of Run over the repeats, on one thread, and the spikes.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

C_M, TAU_M = 250.0, 20.0  # pF, ms
VOLTS = 1e12 * C_M * 1e-12 / (TAU_M * 1e-3)  # pA per volt of g


def main(graph: str, seconds: float, repeats: int) -> None:
    """Build and run `repeats` times."""
    import nest

    given = np.load(graph)
    best, spikes = float("inf"), 0
    for _ in range(repeats):
        nest.ResetKernel()
        nest.set_verbosity("M_ERROR")
        nest.SetKernelStatus({"resolution": 0.1, "local_num_threads": 1, "print_time": False})
        cells = nest.Create(
            "iaf_psc_exp", int(given["size"]),
            params={"C_m": C_M, "tau_m": TAU_M, "tau_syn_ex": 5.0, "tau_syn_in": 10.0,
                    "t_ref": 5.0, "E_L": 1e3 * float(given["e_l"]), "V_th": -50.0,
                    "V_reset": -60.0, "I_e": 0.0},
        )  # fmt: skip
        cells.V_m = (1e3 * given["v"]).tolist()
        first = cells[0].global_id
        for kind in ("e", "i"):
            count = len(given[f"{kind}_i"])
            nest.Connect(
                given[f"{kind}_i"] + first, given[f"{kind}_j"] + first, "one_to_one",
                {"synapse_model": "static_synapse",
                 "weight": np.full(count, float(given[f"{kind}_w"]) * VOLTS),
                 "delay": np.full(count, 1e3 * float(given["delay"]))},
            )  # fmt: skip
        nest.Prepare()
        start = time.process_time()
        nest.Run(1e3 * seconds)
        best = min(best, time.process_time() - start)
        nest.Cleanup()
        spikes = int(nest.GetKernelStatus("local_spike_counter"))
    print(json.dumps({"seconds": best, "spikes": spikes, "version": nest.__version__}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
