"""Do cables follow in SANA-FE as they are written? Every potential and spike."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bioplastic.export.bundle import foreign
from bioplastic.export.bundle.foreign import Failed, Verdict
from bioplastic.export.sanafe import cable as cables
from bioplastic.export.sanafe.cable import Cable

SCRIPT = "replay_sanafe_branch.py"
read = cables.read


def title(cable: Cable) -> str:
    """One line for a person."""
    taps = len(cable.time)
    return f"cables: {cable.neurons:,} neurons with {taps} taps each, {cable.steps:,} steps"


def compared(cable: Cable, tool: str, v: np.ndarray, spikes: np.ndarray, **more: float) -> Verdict:
    """Compare v and spikes, (steps, N) each, with the trace: no difference is allowed."""
    for step, n in np.argwhere((v != cable.v) | (spikes != cable.spikes))[:1]:
        message = (
            f"step {step}, n[{n}]: v = {v[step, n]!r}, spikes {int(spikes[step, n])}; in the"
            f" bundle {cable.v[step, n]!r}, {int(cable.spikes[step, n])}"
        )
        return Verdict(tool=tool, outcome="differs", message=message, figures=more)
    message = (
        f"{int(cable.spikes.sum()):,} spikes, all potentials in {cable.steps:,} steps, none differs"
    )
    return Verdict(tool=tool, outcome="equal", message=message, figures=more)


def _reference(cable: Cable, folder: Path, python: Path | None, seconds: float) -> Verdict:
    return compared(cable, "reference", *cables.run(cable))


def _sanafe(cable: Cable, folder: Path, python: Path | None, seconds: float) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="bioplastic-verify-") as held:
        for name, text in cables.texts(cable).items():
            (Path(held) / name).write_text(text, encoding="ascii")
        out = Path(held) / "found.npz"
        words = [held, str(cable.steps), str(out)]
        foreign.run(python, "sanafe", SCRIPT, words, held, seconds)
        found = foreign.stored(out)
    for name in ("v", "spikes"):
        if name not in found or found[name].shape != cable.v.shape:
            raise Failed(f"{SCRIPT}: it stored no {name} of the shape {cable.v.shape}")
    energy = float(found["energy_joule"]) if "energy_joule" in found else float("nan")
    return compared(cable, "sanafe", found["v"], found["spikes"] == 1, energy_joule=energy)


TOOLS: dict[str, Callable[[Cable, Path, Path | None, float], Verdict]] = {
    "reference": _reference,
    "sanafe": _sanafe,
}
