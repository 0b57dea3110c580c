"""Run the rules of a bundle in lava-nc: forced spikes in, weights after every step out.

Usage: python replay_rule_lava.py FOLDER OUT.npz SEEDS. OUT has K/float (S, T), and K/fixed
(SEEDS, S, T) where no term has two traces.
"""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

_field = dataclasses._get_field


def _tolerant(cls, name, kind, kw_only):
    """lava 0.10 has dataclass defaults that Python 3.11 calls unhashable; they are not changed."""
    default = getattr(cls, name, dataclasses.MISSING)
    known = default is dataclasses.MISSING or isinstance(default, dataclasses.Field)
    if not known and default.__class__.__hash__ is None and type(default) not in (list, dict, set):
        default.__class__.__hash__ = object.__hash__
    return _field(cls, name, kind, kw_only)


def trajectory(rule, pre, post, start, tag, seed):
    """Return weights (S, T) of separate synapses, the diagonal of a dense connection."""
    from lava.magma.core.learning.learning_rule import Loihi2FLearningRule
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.dense.process import LearningDense
    from lava.proc.io.source import RingBuffer
    from lava.proc.learning_rules.stdp_learning_rule import STDPLoihi
    from lava.proc.monitor.process import Monitor
    from lava.utils.weightutils import SignMode

    if rule["stdp_loihi"] is not None:
        made = STDPLoihi(**rule["stdp_loihi"], rng_seed=seed)
    else:
        traces = {}
        for t in rule["traces"]:
            traces[f"{t['name']}_impulse"], traces[f"{t['name']}_tau"] = t["impulse"], t["tau"]
        made = Loihi2FLearningRule(dw=rule["dw"], t_epoch=1, rng_seed=seed, **traces)
    size, steps = pre.shape
    first = RingBuffer(data=pre.astype(np.int32))
    second = RingBuffer(data=post.astype(np.int32))
    kind = float if tag == "floating_pt" else int
    plastic = LearningDense(
        weights=np.full((size, size), kind(start)), learning_rule=made, name="plastic",
        sign_mode=SignMode.EXCITATORY,
    )  # fmt: skip
    first.s_out.connect(plastic.s_in)
    second.s_out.connect(plastic.s_in_bap)
    monitor = Monitor()
    monitor.probe(plastic.weights, steps)
    plastic.run(condition=RunSteps(num_steps=steps), run_cfg=Loihi2SimCfg(select_tag=tag))
    found = np.array(monitor.get_data()["plastic"]["weights"])
    plastic.stop()
    each = np.arange(size)
    return found[:, each, each].T


def main(folder, out, seeds):
    """Run every rule that is on Loihi."""
    dataclasses._get_field = _tolerant
    table = json.loads((Path(folder) / "rules.json").read_text())
    with np.load(Path(folder) / "trajectory.npz", allow_pickle=False) as stored:
        pre, post = stored["pre"], stored["post"]
    found = {}
    for k, entry in enumerate(table["rules"]):
        rule = entry["loihi"]
        if not isinstance(rule, dict):
            continue
        found[f"{k}/float"] = trajectory(rule, pre, post, table["start"], "floating_pt", 1)
        if all(len(q["traces"]) <= 1 for q in rule["terms"]):
            runs = [
                trajectory(rule, pre, post, table["start"], "fixed_pt", 1 + 10 * seed)
                for seed in range(int(seeds))
            ]
            found[f"{k}/fixed"] = np.array(runs)
    np.savez(out, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
