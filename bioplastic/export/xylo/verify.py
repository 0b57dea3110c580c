"""Does a Xylo bundle hold what it says? Replay it here and in xylosim; potentials included."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bioplastic.export.bundle import foreign
from bioplastic.export.bundle.foreign import Failed, Verdict
from bioplastic.export.xylo import bundle as xylo_bundle
from bioplastic.export.xylo.bundle import XyloBundle, digest
from bioplastic.kernels.xylo.reference import Trace
from bioplastic.kernels.xylo.run import run_xylo

read = xylo_bundle.read


def title(bundle: XyloBundle) -> str:
    """One line for a person."""
    neurons = bundle.network.hidden + bundle.network.outputs
    return f"{bundle.network.name}: {neurons:,} neurons, {bundle.steps:,} steps"


def compared(bundle: XyloBundle, tool: str, found: Trace) -> Verdict:
    """Compare every hidden and readout spike and every potential with the bundle's."""
    first = divergence(bundle, found)
    if first is not None:
        return Verdict(tool=tool, outcome="differs", message=first)
    hidden, out = (int(part[2].sum()) for part in (bundle.hidden, bundle.out))
    message = (
        f"{hidden:,} hidden and {out:,} readout spikes, all potentials in {bundle.steps:,} steps,"
        " none differs"
    )
    return Verdict(tool=tool, outcome="equal", message=message)


def divergence(bundle: XyloBundle, found: Trace) -> str | None:
    """The first spike or potential that differs, in words; None where all are equal."""
    for name, expected, raster in (
        ("hidden", bundle.hidden, found.hidden), ("readout", bundle.out, found.out),
    ):  # fmt: skip
        whole = np.zeros_like(raster)
        whole[expected[0], expected[1]] = expected[2]
        for step, neuron in np.argwhere(whole != raster)[:1]:
            return (
                f"step {step}, {name}[{neuron}]: {whole[step, neuron]} spikes in the bundle,"
                f" {raster[step, neuron]} in the tool"
            )
    if digest(found.v, found.v_out) == bundle.potentials:
        return None
    ours = run_xylo(bundle.network, bundle.raster())
    for name, mine, theirs in (("hidden", ours.v, found.v), ("readout", ours.v_out, found.v_out)):
        for step, neuron in np.argwhere(mine != theirs)[:1]:
            return (
                f"step {step}, {name}[{neuron}]: v = {theirs[step, neuron]}, here"
                f" {mine[step, neuron]}"
            )
    return "the potentials are not those that the bundle was sealed with"


def _reference(bundle: XyloBundle, folder: Path, python: Path | None, seconds: float) -> Verdict:
    return compared(bundle, "reference", run_xylo(bundle.network, bundle.raster()))


def _xylosim(bundle: XyloBundle, folder: Path, python: Path | None, seconds: float) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="bioplastic-verify-") as held:
        out = Path(held) / "found.npz"
        words = [str(folder.absolute()), str(out)]
        foreign.run(python, "xylosim", "replay_xylosim.py", words, held, seconds)
        arrays = foreign.stored(out)
    shapes = [(bundle.steps, n) for n in (bundle.network.hidden, bundle.network.outputs) * 2]
    found = [np.asarray(arrays.get(key, np.zeros(0))) for key in Trace._fields]
    if [a.shape for a in found] != shapes or any(a.dtype.kind not in "iu" for a in found):
        raise Failed(f"it stored {[a.shape for a in found]}, not {shapes} whole numbers")
    return compared(bundle, "xylosim", Trace(*(a.astype(np.int64) for a in found)))


TOOLS: dict[str, Callable[[XyloBundle, Path, Path | None, float], Verdict]] = {
    "reference": _reference,
    "xylosim": _xylosim,
}
