"""Run the rules of a bundle in brian2-loihi: forced spikes in, weights after every step out.

Usage: python replay_rule_brian2_loihi.py FOLDER OUT.npz SEEDS. OUT has K/fixed (SEEDS, S, T). Post
neurons are driven to spike; their spikes take effect one step after those of pre, and so are given
one step early. Its decay is 1 − 1/tau with a whole tau: the nearest to exp(−1/tau) is taken.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np


def trajectory(rule, pre, post, start, seed):
    """Return weights (S, T) of separate synapses."""
    import brian2
    from brian2_loihi import (
        LoihiNetwork,
        LoihiNeuronGroup,
        LoihiSpikeGeneratorGroup,
        LoihiSynapses,
        synapse_sign_mode,
    )

    brian2.prefs.codegen.target = "numpy"
    brian2.BrianLogger.log_level_error()
    brian2.seed(seed)
    size, steps = pre.shape

    def given(raster):
        when, which = np.nonzero(raster.T)
        return LoihiSpikeGeneratorGroup(size, which, when)

    early = np.zeros_like(post)
    early[:, :-1] = post[:, 1:]
    first, teacher = given(pre), given(early)
    cells = LoihiNeuronGroup(
        size, refractory=1, threshold_v_mant=20_000, decay_v=4095, decay_I=4096
    )
    force = LoihiSynapses(teacher, cells, delay=0, w_exp=7, sign_mode=synapse_sign_mode.EXCITATORY)
    force.connect(j="i")
    force.w = np.full(size, 255)
    traces = {}
    for t in rule["traces"]:
        traces[f"imp_{t['name']}"] = t["impulse"]
        traces[f"tau_{t['name']}"] = max(1, round(1 / (1 - math.exp(-1 / t["tau"]))))
    plastic = LoihiSynapses(
        first, cells, delay=0, dw=rule["dw"].replace(" ", ""), w_exp=0,
        sign_mode=synapse_sign_mode.EXCITATORY, **traces,
    )  # fmt: skip
    plastic.connect(j="i")
    plastic.w = np.full(size, int(start))
    monitor = brian2.StateMonitor(plastic, ["w"], record=True)
    spikes = brian2.SpikeMonitor(cells)
    net = LoihiNetwork(first, teacher, cells, force, plastic, monitor, spikes)
    net.run(steps + 1)
    raster = np.zeros((size, steps + 1), bool)
    at = np.rint(np.asarray(spikes.t_) * 1000).astype(int)
    raster[np.asarray(spikes.i, int), at] = True
    if not np.array_equal(raster[:, :steps], early):
        print("brian2-loihi: post neurons did not spike where they were driven", file=sys.stderr)
        raise SystemExit(3)
    return np.asarray(monitor.w)[:, 1 : steps + 1]


def main(folder, out, seeds):
    """Run every rule that is on Loihi and whose terms have one trace at most."""
    table = json.loads((Path(folder) / "rules.json").read_text())
    with np.load(Path(folder) / "trajectory.npz", allow_pickle=False) as stored:
        pre, post = stored["pre"], stored["post"]
    found = {}
    for k, entry in enumerate(table["rules"]):
        rule = entry["loihi"]
        if isinstance(rule, dict) and all(len(q["traces"]) <= 1 for q in rule["terms"]):
            runs = [
                trajectory(rule, pre, post, table["start"], 1 + seed) for seed in range(int(seeds))
            ]
            found[f"{k}/fixed"] = np.array(runs)
    np.savez(out, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
