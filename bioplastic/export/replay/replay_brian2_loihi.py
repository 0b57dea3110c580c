"""Replay a bundle in brian2-loihi, whose spikes carry the label of the step before."""

import sys

import numpy as np
import replay_common as common


def main(bundle, out):
    """Build one group a parameter set, one synapse object a delay and exponent; run; store."""
    import brian2
    from brian2_loihi import (
        LoihiNetwork,
        LoihiNeuronGroup,
        LoihiSpikeGeneratorGroup,
        LoihiSpikeMonitor,
        LoihiSynapses,
        synapse_sign_mode,
    )

    brian2.prefs.codegen.target = "numpy"
    brian2.BrianLogger.log_level_error()
    network, arrays, steps = common.load(bundle)
    if common.biases(network, arrays).any():
        common.refuse("brian2-loihi: its neurons have no bias; lower with a pacemaker instead")
    place, members = common.grouped(network, ("du", "dv", "vth", "refractory"))
    when, which = np.nonzero(common.stimulus(network, arrays, steps).T)
    objects = {None: LoihiSpikeGeneratorGroup(len(members[None]), which, when)}
    monitors = {}
    for key, neurons in members.items():
        if key is None:
            continue
        du, dv, vth, refractory = key
        objects[key] = LoihiNeuronGroup(
            len(neurons), refractory=refractory, threshold_v_mant=vth, decay_v=dv, decay_I=du + 1
        )
        monitors[key] = LoihiSpikeMonitor(objects[key])
    synapses = []
    for (pre, post, delay, exponent), (i, j, w) in common.links(network, arrays, place).items():
        made = LoihiSynapses(
            objects[pre], objects[post], delay=int(delay), w_exp=int(exponent),
            sign_mode=synapse_sign_mode.MIXED,
        )  # fmt: skip
        made.connect(i=i, j=j)
        made.w = w
        synapses.append(made)
    net = LoihiNetwork(*objects.values(), *synapses, *monitors.values())
    net.run(steps)
    found = np.zeros((len(place), steps), np.int8)
    for key, monitor in monitors.items():
        # its own `t` cuts 4.055 s to step 4054: take the seconds and round
        at = np.rint(np.asarray(monitor.t_) * 1000).astype(int) + 1
        ids = np.asarray(monitor.i, int)
        inside = at < steps
        found[members[key][ids[inside]], at[inside]] = 1
    common.store(out, common.by_population(network, found))


if __name__ == "__main__":
    main(*sys.argv[1:])
