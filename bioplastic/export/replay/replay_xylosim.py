"""Replay a Xylo bundle in xylosim, SynSense's simulator."""

import json
import sys
from pathlib import Path

import h5py
import numpy as np


def main(bundle, out):
    """Build the layer, show it the events, store spikes and potentials of every step."""
    from xylosim.v2 import XyloLayer, XyloSynapse

    folder = Path(bundle)
    net = json.loads((folder / "network.json").read_text())
    with h5py.File(folder / "arrays.h5") as file:
        arrays = {f"{g}/{k}": file[g][k][()] for g in file for k in file[g]}

    def synapses(name, pre):
        rows = [[] for _ in range(pre)]
        columns = (arrays[f"{name}/{k}"].tolist() for k in ("i", "j", "synapse", "weight"))
        for i, j, k, w in zip(*columns, strict=True):
            rows[i].append(XyloSynapse(j, k, w))
        return rows

    hidden, outputs = net["hidden"], net["outputs"]
    # the layer keeps pointers into these lists: they must live as long as it does
    held = {name: synapses(name, pre) for name, pre in
            (("w_in", net["inputs"]), ("w_rec", hidden), ("w_out", hidden))}  # fmt: skip
    layer = XyloLayer(
        synapses_in=held["w_in"], synapses_rec=held["w_rec"], synapses_out=held["w_out"],
        aliases=[[] for _ in range(hidden)],
        threshold=arrays["neurons/threshold"].tolist(),
        threshold_out=arrays["neurons/threshold_out"].tolist(),
        has_bias=False, bias=[0] * hidden, bias_out=[0] * outputs,
        weight_shift_inp=net["shift_in"], weight_shift_rec=net["shift_rec"],
        weight_shift_out=net["shift_out"],
        dash_mem=arrays["neurons/dash_mem"].tolist(),
        dash_mem_out=arrays["neurons/dash_mem_out"].tolist(),
        dash_syns=arrays["neurons/dash_syn"].tolist(),
        dash_syns_out=[[d] for d in arrays["neurons/dash_syn_out"].tolist()],
        name="bundle",
    )  # fmt: skip
    events = np.zeros((net["steps"], net["inputs"]), int)
    events[arrays["stimulus/steps"], arrays["stimulus/ids"]] = arrays["stimulus/counts"]
    out_spikes = np.array(layer.evolve(events.tolist()), int).reshape(net["steps"], outputs)
    np.savez(
        out, hidden=np.array(layer.rec_recurrent_spikes, int).reshape(net["steps"], hidden),
        out=out_spikes, v=np.array(layer.rec_v_mem, int).T,
        v_out=np.array(layer.rec_v_mem_out, int).T,
    )  # fmt: skip
    del layer, held


if __name__ == "__main__":
    main(*sys.argv[1:])
