"""Replay a cable in SANA-FE from its two YAML files; store potentials and spikes of group n."""

import sys
from pathlib import Path

import numpy as np


def main(folder, steps, out):
    """Load both files, simulate, store v (steps, N) and spikes (steps, N)."""
    import sanafe

    chip = sanafe.load_arch(str(Path(folder) / "architecture.yaml"))
    net = sanafe.load_net(str(Path(folder) / "network.yaml"), chip)
    spiking = sanafe.SpikingChip(chip)
    spiking.load(net)
    result = spiking.sim(int(steps), spike_trace=True, potential_trace=True, processing_threads=1)
    v = np.array(result["potential_trace"])
    spikes = np.zeros(v.shape, np.int8)
    for step, found in enumerate(result["spike_trace"]):
        for address in found:
            if address.group_name == "n":
                spikes[step, address.neuron_offset] = 1
    np.savez(out, v=v, spikes=spikes, energy_joule=result["energy"]["total"])


if __name__ == "__main__":
    main(*sys.argv[1:])
