"""Placement and spikes of a bundle against nengo-loihi 1.1, which `make verifier-nengo` installs.

Each core becomes a block there. What its blocks use of a core is compared with what is counted
here, for every core and limit, and whether its validation takes the same cores. Its emulator has
no delays: only networks without any are run in it, spike for spike. nengo 3.2 is free for
non-commercial use only, so that it is never imported here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bioplastic.export.bundle import foreign
from bioplastic.export.bundle.folder import Bundle
from bioplastic.export.bundle.foreign import Failed, Verdict
from bioplastic.export.preflight.placement import LOIHI, counted, place
from bioplastic.kernels.loihi.layout import arrays, begins
from bioplastic.quantize.loihi import LoihiNetwork

NAME, MODULE, SCRIPT = "nengo-loihi", "nengo_loihi", "replay_nengo_loihi.py"
CHECKED = "compartments", "in-axons", "out-axons", "synapse bits"
"""What its validation of a block refuses."""
TABLES = "decay profiles", "thresholds", "synapse formats"
Spikes = tuple[np.ndarray, np.ndarray]


def laid_out(
    network: LoihiNetwork, core: np.ndarray, stimulus: Mapping[str, Spikes], steps: int
) -> dict[str, np.ndarray]:
    """The arrays that the script reads: units as `kernels.loihi.layout` numbers them.

    core (N,)   of each neuron        steps   for its emulator; 0: only count
    """
    begin, flat = begins(network), arrays(network)
    size = {p.name: p.size for p in network.populations}
    empty = np.zeros(0, np.int64)

    def neurons(name: str) -> np.ndarray:
        return np.concatenate([
            empty, *(np.full(size[p.name], getattr(p, name)) for p in network.populations)
        ])  # fmt: skip

    shown = [(when, begin[name] + which) for name, (when, which) in stimulus.items()]
    return {
        "sources": np.array(flat.sources), "steps": np.array(steps), "core": core,
        "du": neurons("du"), "dv": neurons("dv"), "threshold": flat.threshold, "bias": flat.bias,
        "refractory": flat.refractory,
        "pre": np.concatenate([empty, *(q.i + begin[q.pre] for q in network.projections)]),
        "post": np.concatenate([
            empty, *(q.j + begin[q.post] - flat.sources for q in network.projections)
        ]),
        "charge": np.concatenate([empty, *(q.charge for q in network.projections)]),
        "exponent": np.concatenate([
            empty, *(np.full(len(q.i), q.exponent) for q in network.projections)
        ]),
        "stimulus_steps": np.concatenate([empty, *(when for when, _ in shown)]),
        "stimulus_ids": np.concatenate([empty, *(which for _, which in shown)]),
    }  # fmt: skip


def replayed(
    network: LoihiNetwork, core: np.ndarray, stimulus: Mapping[str, Spikes], steps: int,
    python: Path | None, seconds: float,
) -> dict[str, np.ndarray]:  # fmt: skip
    """What nengo-loihi says of a placed network.

    used, theirs (cores, 4)   CHECKED in the format that is counted here, and in its own
    tables (cores, 3)         TABLES          valid (cores,)   whether it takes the core
    spikes (steps, N) bool    of its emulator, where steps > 0
    Raises Absent, Failed and UnsupportedModel as `foreign.run` does.
    """
    if python is None:
        raise foreign.Absent(f"no nengo-loihi: make verifier-nengo, or set {foreign.NENGO[0]}")
    with tempfile.TemporaryDirectory(prefix="bioplastic-verify-") as held:
        given, out = Path(held) / "in.npz", Path(held) / "out.npz"
        np.savez(given, **laid_out(network, core, stimulus, steps))  # type: ignore[arg-type]
        foreign.run(python, MODULE, SCRIPT, [str(given), str(out)], held, seconds)
        found = foreign.stored(out)
    cores = int(core.max(initial=-1)) + 1
    shapes = {"used": (cores, 4), "theirs": (cores, 4), "tables": (cores, 3), "valid": (cores,)}
    if steps:
        shapes["spikes"] = (steps, len(core))
    for name, shape in shapes.items():
        if name not in found or found[name].shape != shape:
            raise Failed(f"{SCRIPT}: it stored no {name} of the shape {shape}")
    return found


def of_bundle(
    bundle: Bundle, folder: Path, python: Path | None, seconds: float
) -> Verdict | tuple[dict[str, Spikes], dict[str, float]]:
    """Compare what each core uses; the spikes of its emulator where no synapse has a delay."""
    network = bundle.network
    beyond, core = _beyond(network), place(network).core
    steps = 0 if beyond else bundle.steps
    found = replayed(network, core, bundle.stimulus, steps, python, seconds)
    cores = len(found["used"])
    figures = {
        "cores_that_use_what_is_counted": float(cores),
        "synapse_bits_counted": float(found["used"][:, 3].sum()),
        "synapse_bits_in_its_own_format": float(found["theirs"][:, 3].sum()),
    }
    wrong = _use(network, core, found)
    if wrong is not None:
        return Verdict(tool=NAME, outcome="differs", message=wrong)
    if beyond:
        said = (
            f"{cores} cores: {', '.join((*CHECKED, *TABLES))} as counted here; spikes not"
            f" compared: {beyond}"
        )
        return Verdict(tool=NAME, outcome="equal", message=said, figures=figures)
    spikes: dict[str, Spikes] = {}
    at = 0
    for p in network.populations:
        when, which = np.nonzero(found["spikes"][:, at : at + p.size])
        spikes[p.name] = when, which
        at += p.size
    return spikes, figures


def _beyond(network: LoihiNetwork) -> str | None:
    """What keeps its emulator from spiking as the network does."""
    longest = max((int(np.max(q.delay, initial=0)) for q in network.projections), default=0)
    if longest:
        return f"it has no delays, and these are up to {longest} steps"
    begin = begins(network)
    ends = [
        np.stack([q.i + begin[q.pre], q.j + begin[q.post], np.full(len(q.i), q.exponent)])
        for q in network.projections
    ]
    pairs = np.concatenate([np.zeros((3, 0), np.int64), *ends], axis=1)
    if np.unique(pairs, axis=1).shape[1] < pairs.shape[1]:
        return "it keeps one of two synapses of an axon onto a neuron"
    return None


def _use(network: LoihiNetwork, core: np.ndarray, found: Mapping[str, np.ndarray]) -> str | None:
    """The first core of which it says something else."""
    ours, most = counted(network, core), LOIHI.most()
    theirs = np.concatenate([found["used"], found["tables"]], axis=1)
    names = (*CHECKED, *TABLES)
    mine = np.stack([ours[name] for name in names], axis=1)
    for k, n in np.argwhere(mine != theirs)[:1]:
        return f"core {k}: {names[n]} {theirs[k, n]:,}, counted here {mine[k, n]:,}"
    fits = np.all([ours[name] <= most[name] for name in CHECKED], axis=0)
    for (k,) in np.argwhere(fits != found["valid"])[:1]:
        return f"core {k}: {'refused' if fits[k] else 'taken'} there and not here"
    return None
