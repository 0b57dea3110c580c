"""Replay a bundle in lava-nc's bit-accurate fixed-point models of Loihi."""

import dataclasses
import sys
import tempfile
from pathlib import Path

import numpy as np
import replay_common as common
from scipy.sparse import csr_matrix

_field = dataclasses._get_field


def _tolerant(cls, name, kind, kw_only):
    """lava 0.10 has dataclass defaults that Python 3.11 calls unhashable; they are not changed."""
    default = getattr(cls, name, dataclasses.MISSING)
    known = default is dataclasses.MISSING or isinstance(default, dataclasses.Field)
    if not known and default.__class__.__hash__ is None and type(default) not in (list, dict, set):
        default.__class__.__hash__ = object.__hash__
    return _field(cls, name, kind, kw_only)


def main(bundle, out):
    """Build one process a population, one connection a projection and delay; run; store."""
    dataclasses._get_field = _tolerant
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.source import RingBuffer as Source
    from lava.proc.lif.process import LIF
    from lava.proc.sparse.process import DelaySparse, Sparse
    from replay_lava_record import PyRecorder, Recorder

    network, arrays, steps = common.load(bundle)
    for p in network["populations"]:
        if p["refractory"] != 1:
            common.refuse(
                f"lava: the bit-accurate LIF has no refractory period; {p['name']} has "
                f"{p['refractory']} steps"
            )
    places, members = common.grouped(network, ("du", "dv", "vth", "bias_exponent"))
    stimulus = common.stimulus(network, arrays, steps)
    source = Source(data=stimulus)
    out_port, in_port, recorded, last = {None: source.s_out}, {}, {}, source
    held = tempfile.TemporaryDirectory(prefix="replay-lava-")
    for k, (key, neurons) in enumerate(members.items()):
        if key is None:
            continue
        du, dv, vth, bias_exponent = key
        bias = common.biases(network, arrays)[neurons]
        last = LIF(
            shape=(len(neurons),), du=du, dv=dv, vth=vth,
            bias_mant=bias.astype(np.int32), bias_exp=bias_exponent,
        )  # fmt: skip
        out_port[key], in_port[key] = last.s_out, last.a_in
        recorded[key] = Path(held.name) / f"{k}.npz"
        recorder = Recorder(size=len(neurons), steps=steps, path=str(recorded[key]))
        last.s_out.connect(recorder.a_in)
    for (pre, post, delay, exponent), (i, j, w) in common.links(network, arrays, places).items():
        if len(set(zip(i.tolist(), j.tolist(), strict=True))) < len(i):
            common.refuse(f"lava: two synapses of one pair with delay {delay}")
        shape = (len(members[post]), len(members[pre]))
        settings = {"weights": csr_matrix((w, (j, i)), shape=shape), "weight_exp": exponent}
        if delay:  # sparse delays: lava compares them in every step, a number becomes a full matrix
            late = csr_matrix((np.full(len(w), delay), (j, i)), shape=shape)
            made = DelaySparse(**settings, delays=late)
        else:
            made = Sparse(**settings)
        out_port[pre].connect(made.s_in)
        made.a_out.connect(in_port[post])
    simulated = Loihi2SimCfg(
        select_tag="fixed_pt", exception_proc_model_map={Recorder: PyRecorder}
    )  # fmt: skip
    last.run(condition=RunSteps(num_steps=steps), run_cfg=simulated)
    last.stop()
    found = np.zeros((sum(map(len, members.values())), steps), np.int8)
    with held:
        for key, path in recorded.items():
            with np.load(path) as spikes:
                found[members[key][spikes["ids"]], spikes["steps"]] = 1
    common.store(out, common.by_population(network, found))


if __name__ == "__main__":
    main(*sys.argv[1:])
