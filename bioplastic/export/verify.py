"""Does a bundle hold what it says? Replay it here and in every tool of the verifier environment."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from bioplastic.errors import CorruptFile, UnsupportedModel, UsageError, chosen, nearest
from bioplastic.export.bundle import folder as bundles
from bioplastic.export.bundle import foreign, sealed
from bioplastic.export.bundle.folder import Bundle, Spikes
from bioplastic.export.bundle.foreign import VARIABLE as VARIABLE
from bioplastic.export.bundle.foreign import Absent, Failed, Verdict
from bioplastic.export.bundle.foreign import interpreter as interpreter
from bioplastic.export.loihi import nengo as loihi_nengo
from bioplastic.export.nir import norse as nir_norse
from bioplastic.export.sanafe import network as sanafe
from bioplastic.export.spinnaker import verify as spinnaker_verify
from bioplastic.kernels.loihi.run import run_loihi

KINDS = {
    "bioplastic-bundle": "verify",
    "bioplastic-cable": "sanafe.verify",
    "bioplastic-pynn": "spinnaker.verify",
    "bioplastic-rule": "plastic.verify",
    "bioplastic-xylo-bundle": "xylo.verify",
}
"""The module here that reads and verifies a bundle, by the kind that its index tells."""


class Kind(Protocol):
    """What reads and verifies bundles of one kind.

    TOOLS   name → what replays a bundle: spikes and figures to compare, or a verdict
    """

    TOOLS: Mapping[str, Callable[[Any, Path, Path | None, float], Any]]

    def read(self, folder: Path) -> Any:
        """The bundle; CorruptFile where anything is missing or changed."""
        ...

    def title(self, bundle: Any) -> str:
        """One line for a person."""
        ...


def kind_of(folder: Path) -> Kind:
    """What verifies the bundle in a folder; UsageError or CorruptFile where there is none."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    if not os.path.lexists(folder / sealed.INDEX):
        raise UsageError(f"{folder}: no bundle; it has no {sealed.INDEX}")
    name = sealed.read_json(folder / sealed.INDEX).get("format")
    if not isinstance(name, str) or name not in KINDS:
        raise CorruptFile(f"{folder}: {name!r} is no kind of bundle{nearest(str(name), KINDS)}")
    return cast(Kind, import_module(f"bioplastic.export.{KINDS[name]}"))


read = bundles.read


def title(bundle: Bundle) -> str:
    """One line for a person."""
    neurons = sum(p.size for p in bundle.network.populations)
    return f"{bundle.network.name}: {neurons:,} neurons, {bundle.steps:,} steps"


Found = tuple[dict[str, Spikes], dict[str, float]]


def _own(backend: str) -> Callable[[Bundle, Path, Path | None, float], Found]:
    def replay(bundle: Bundle, folder: Path, python: Path | None, seconds: float) -> Found:
        run = run_loihi(bundle.network, bundle.stimulus, bundle.steps, backend=backend)
        if not (np.array_equal(run.state.u, bundle.u) and np.array_equal(run.state.v, bundle.v)):
            raise Failed("the state after the last step is not the one in the bundle")
        return {name: (r.steps, r.ids) for name, r in run.spikes.items()}, {}

    return replay


def _tool(script: str, module: str) -> Callable[[Bundle, Path, Path | None, float], Found]:
    def replay(bundle: Bundle, folder: Path, python: Path | None, seconds: float) -> Found:
        with tempfile.TemporaryDirectory(prefix="bioplastic-verify-") as held:
            out = Path(held) / "found.npz"
            more = []
            if module == "sanafe":
                sanafe.write(bundle.network, bundle.stimulus, bundle.steps, Path(held))
                more = [held]
            arguments = [str(folder.absolute()), str(out), *more]
            foreign.run(python, module, script, arguments, held, seconds)
            return _read(out, bundle)

    return replay


TOOLS: dict[str, Callable[[Bundle, Path, Path | None, float], Found | Verdict]] = {
    "reference": _own("reference"),
    "cpu": _own("cpu"),
    "lava": _tool("replay_lava.py", "lava"),
    "brian2-loihi": _tool("replay_brian2_loihi.py", "brian2_loihi"),
    "sanafe": _tool("replay_sanafe.py", "sanafe"),
    "spynnaker": spinnaker_verify.of_bundle,
    "norse": nir_norse.of_bundle,
    "nengo-loihi": loihi_nengo.of_bundle,
}


def names(asked: str | None, tools: Mapping[str, Any] = TOOLS) -> tuple[str, ...]:
    """Tools by name, split at commas; all of them for None. UsageError with the nearest name."""
    return chosen(asked, tools, "verifier")


def verify(
    bundle: Any, folder: Path, tool: str, *, python: Path | None, seconds: float,
    tools: Mapping[str, Callable[[Any, Path, Path | None, float], Any]] = TOOLS,
) -> Verdict:  # fmt: skip
    """Replay a bundle in one tool and compare everything.

    folder    where the bundle lies, for tools that read it themselves
    python    interpreter of the verifier environment, see `interpreter`
    seconds   after which a tool is stopped and has failed
    tools     of the bundle's kind
    """
    try:
        found = tools[tool](bundle, folder, python, seconds)
    except (Absent, UnsupportedModel, Failed) as reason:
        return foreign.outcome_of(tool, reason)
    if isinstance(found, Verdict):
        return found
    spikes, figures = found
    first = divergence(bundle, spikes)
    if first is None:
        total = sum(len(when) for when, _ in bundle.expected.values())
        message = f"{total:,} spikes in {bundle.steps:,} steps, none differs"
        return Verdict(tool=tool, outcome="equal", message=message, figures=figures)
    return Verdict(tool=tool, outcome="differs", message=first, figures=figures)


def divergence(bundle: Bundle, found: Mapping[str, Spikes]) -> str | None:
    """The first spike that only one side has, in words; None where all are equal."""
    first: tuple[int, str, int, bool] | None = None
    for p in bundle.network.populations:
        ours = {*zip(*(a.tolist() for a in bundle.expected[p.name]), strict=True)}
        theirs = {*zip(*(a.tolist() for a in found[p.name]), strict=True)}
        for step, neuron in ours ^ theirs:
            if first is None or (step, p.name, neuron) < first[:3]:
                first = step, p.name, neuron, (step, neuron) in ours
    if first is None:
        return None
    step, name, neuron, here = first
    run = run_loihi(bundle.network, _until(bundle, step), step)
    v = int(run.state.v[_first(bundle, name) + neuron])
    who = "bundle spikes, the tool does not" if here else "the tool spikes, the bundle does not"
    return f"step {step}, {name}[{neuron}]: {who}; v = {v} after the step before"


def _first(bundle: Bundle, name: str) -> int:
    """Where a population begins in the state of a run."""
    at = 0
    for p in bundle.network.populations:
        if p.name == name:
            break
        at += p.size
    return at


def _until(bundle: Bundle, steps: int) -> dict[str, Spikes]:
    """The stimulus of the first steps."""
    return {
        name: (when[when < steps], which[when < steps])
        for name, (when, which) in bundle.stimulus.items()
    }


def _read(path: Path, bundle: Bundle) -> Found:
    """What a script stored: spikes of every population, and figures."""
    arrays = foreign.stored(path)
    try:
        spikes = {
            p.name: (arrays.pop(f"steps{k}"), arrays.pop(f"ids{k}"))
            for k, p in enumerate(bundle.network.populations)
        }
        return spikes, {name: float(value) for name, value in arrays.items()}
    except (KeyError, ValueError, TypeError) as error:
        raise Failed(f"what it stored cannot be read: {error}") from None
