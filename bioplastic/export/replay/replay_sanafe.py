"""Replay a bundle in SANA-FE from the YAML files beside it; also store its energy and time."""

import sys
from pathlib import Path

import numpy as np
import replay_common as common


def main(bundle, out, yaml):
    """Load architecture and network, simulate, store; input spikes show the offset of a label."""
    import sanafe

    network, arrays, steps = common.load(bundle)
    chip = sanafe.load_arch(str(Path(yaml) / "architecture.yaml"))
    net = sanafe.load_net(str(Path(yaml) / "network.yaml"), chip)
    spiking = sanafe.SpikingChip(chip)
    spiking.load(net)
    result = spiking.sim(steps + 1, spike_trace=True, processing_threads=1)
    begin = common.places(network)
    names = [g["name"] for g in (*network["sources"], *network["populations"])]
    units = sum(g["size"] for g in (*network["sources"], *network["populations"]))
    found = np.zeros((units, steps + 1), np.int8)
    for step, spikes in enumerate(result["spike_trace"]):
        for address in spikes:
            found[begin[names[int(address.group_name[1:])]] + address.neuron_offset, step] = 1
    given = common.stimulus(network, arrays, steps)
    shift = next(
        (s for s in (0, 1) if np.array_equal(found[: len(given), s : s + steps], given)), None
    )
    if shift is None:
        common.refuse("SANA-FE: its own input spikes are not the stimulus of the bundle")
    energy = result["energy"]["total"]
    common.store(
        out, common.by_population(network, found[:, shift : shift + steps]),
        energy_joule=energy, chip_seconds=result["sim_time"], label_shift=shift,
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
