"""A placed Loihi network as blocks of nengo-loihi 1.1: what they use of a core, what they spike.

replay_nengo_loihi.py IN.npz OUT.npz, the arrays of `bioplastic.export.loihi.nengo`. One block a
core; one Synapse for each weight exponent of a core, because a Synapse has one format; one Axon
from each core, and from the inputs, to each Synapse. Written: what `utilization()` says with 10
bits of index and 6 of delay, and with nengo-loihi's own format; rows of the tables of each core;
whether `validate_block` takes each block; spikes of the emulator, which has no delays.
"""

import sys
import warnings

import numpy as np
from nengo.exceptions import BuildError
from nengo_loihi.block import Axon, LoihiBlock, Synapse
from nengo_loihi.builder import Model
from nengo_loihi.builder.validate import validate_block
from nengo_loihi.emulator import EmulatorInterface
from nengo_loihi.hardware.allocators import core_compartment_cfgs, core_vth_cfgs
from nengo_loihi.hardware.nxsdk_objects import Board
from nengo_loihi.inputs import SpikeInput
from nengo_loihi.probe import LoihiProbe

INDEX_10, DELAY_BITS = 5, 6
"""Code of 10 bits in SynapseConfig.INDEX_BITS_MAP; bits that hold delays of 0 to 62."""
KEYS = "compartments", "in-axons", "out-axons", "synapses"


def block_of(a, core):
    """The neurons of a core as a block, and their numbers."""
    own = np.flatnonzero(a["core"] == core)
    block = LoihiBlock(len(own), f"core {core}")
    c = block.compartment
    c.vth, c.bias = a["threshold"][own].astype(np.int32), a["bias"][own].astype(np.int32)
    c.decay_u, c.decay_v = a["du"][own].astype(np.int32), a["dv"][own].astype(np.int32)
    c.refract_delay = a["refractory"][own].astype(np.int32)
    c.scale_u = c.scale_v = False
    c.vmin, c.vmax, c.noise_exp, c.noise_offset = 1 - 2**23, 2**23 - 1, 1, 0
    return block, own


def synapse_of(a, here, first, exponent):
    """The synapses of a core with one exponent, and the units that they come from."""
    units = np.unique(a["pre"][here])
    each = [here[a["pre"][here] == u] for u in units]
    synapse = Synapse(len(units))
    synapse._set_weights_indices(
        [a["charge"][s][None, :].astype(np.int32) for s in each],
        indices=[(a["post"][s] - first)[None, :].astype(np.int32) for s in each],
        weight_dtype=np.int32, compression=0,
    )  # fmt: skip
    synapse.format(weight_exp=int(exponent))
    return synapse, units


def connect(owner, begin, count, synapse, units):
    """An Axon from units begin..begin + count, if one of them has an axon there."""
    where = np.full(count, -1)
    inside = (units >= begin) & (units < begin + count)
    where[units[inside] - begin] = np.flatnonzero(inside)
    if inside.any():
        axon = Axon(int(inside.sum()))
        axon.target = synapse
        axon.set_compartment_axon_map(where)
        owner.add_axon(axon)


def used(blocks):
    """What each block uses of KEYS."""
    found = [block.utilization() for block in blocks]
    return np.array([[u[k][0] for k in KEYS] for u in found])


def tables(block):
    """Rows of decays, thresholds and synapse formats that its core gets; format 0 is unused."""
    core = Board().new_chip().new_core()
    core.add_block(block)
    for synapse in block.synapses:
        core.add_synapse(synapse)
    found, rows = core_compartment_cfgs(core)[0], core_vth_cfgs(core)[0]
    return len(found), len(rows), len(core.synapse_cfgs) - 1


def valid(block):
    """Whether nengo-loihi takes a block."""
    try:
        validate_block(block)
    except BuildError:
        return False
    return True


def main(source, target):
    """Build, count, run, store."""
    with np.load(source) as file:
        a = {k: file[k] for k in file.files}
    sources, steps = int(a["sources"]), int(a["steps"])
    model, inputs = Model(), SpikeInput(sources)
    made = [block_of(a, core) for core in range(int(a["core"].max()) + 1)]
    blocks = [block for block, _ in made]
    for core, (block, own) in enumerate(made):
        here = np.flatnonzero(a["core"][a["post"]] == core)
        for exponent in np.unique(a["exponent"][here]):
            synapse, units = synapse_of(
                a, here[a["exponent"][here] == exponent], own[0], exponent
            )  # fmt: skip
            block.add_synapse(synapse)
            connect(inputs, 0, sources, synapse, units)
            for sender, members in made:
                connect(sender, sources + members[0], len(members), synapse, units)
    theirs = used(blocks)
    for block in blocks:
        for synapse in block.synapses:
            synapse.format(idx_bits=INDEX_10, delay_bits=DELAY_BITS)
    result = {
        "used": used(blocks), "theirs": theirs, "valid": np.array([*map(valid, blocks)]),
        "tables": np.array([*map(tables, blocks)]),
    }  # fmt: skip
    if steps:
        model.add_input(inputs)
        for block in blocks:
            model.add_block(block)
        probes = [LoihiProbe(target=block, key="spiked") for block in blocks]
        for probe in probes:
            model.add_probe(probe)
        for t in np.unique(a["stimulus_steps"]):
            ids = a["stimulus_ids"][a["stimulus_steps"] == t]
            inputs.add_spikes(int(t) + 1, ids.tolist(), permanent=True)
        with EmulatorInterface(model, seed=0) as emulator:
            emulator.run_steps(steps)
            rasters = [np.array(emulator.collect_probe_output(p)) > 0 for p in probes]
        result["spikes"] = np.hstack([r.reshape(steps, -1) for r in rasters])
    np.savez(target, **result)


if __name__ == "__main__":
    warnings.filterwarnings("error", message="Overflow")  # the emulator only warns of it
    main(*sys.argv[1:])
