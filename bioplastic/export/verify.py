"""Does a bundle hold what it says? Replay it here and in every tool of the verifier environment."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bioplastic.errors import BioplasticError, UnsupportedModel, UsageError, nearest
from bioplastic.export import sanafe
from bioplastic.export.bundle import Bundle, Spikes
from bioplastic.kernels.loihi.run import run_loihi

VARIABLE = "BIOPLASTIC_VERIFIERS"
DEFAULT = Path(".verifiers/bin/python")
SCRIPTS = Path(__file__).parent / "replay"
UNABLE = 3
"""Exit code of a script whose tool cannot hold the network."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one tool said.

    outcome     "equal", "differs", "unable" (it cannot hold the network), "absent", "failed"
    message     one line for a person
    figures     what else the tool reported, name with unit → number
    """

    tool: str
    outcome: str
    message: str
    figures: Mapping[str, float]


class _Absent(BioplasticError):
    """The tool or its environment is not here."""


class _Failed(BioplasticError):
    """The tool broke; the message holds its last line."""


def interpreter(given: str | Path | None = None) -> Path | None:
    """The Python of the verifier environment: given, $BIOPLASTIC_VERIFIERS, or ./.verifiers.

    Raises UsageError for one that was named and is not there; None when nothing was named.
    """
    named = given or os.environ.get(VARIABLE)
    if named:
        if not Path(named).is_file():
            raise UsageError(f"{named}: no such interpreter; make verifiers builds one")
        return Path(named)
    return DEFAULT.absolute() if DEFAULT.is_file() else None


Found = tuple[dict[str, Spikes], dict[str, float]]


def _own(backend: str) -> Callable[[Bundle, Path, Path | None, float], Found]:
    def replay(bundle: Bundle, folder: Path, python: Path | None, seconds: float) -> Found:
        run = run_loihi(bundle.network, bundle.stimulus, bundle.steps, backend=backend)
        if not (np.array_equal(run.state.u, bundle.u) and np.array_equal(run.state.v, bundle.v)):
            raise _Failed("the state after the last step is not the one in the bundle")
        return {name: (r.steps, r.ids) for name, r in run.spikes.items()}, {}

    return replay


def _tool(script: str, module: str) -> Callable[[Bundle, Path, Path | None, float], Found]:
    def replay(bundle: Bundle, folder: Path, python: Path | None, seconds: float) -> Found:
        if python is None:
            raise _Absent(f"no verifier environment: make verifiers, or set {VARIABLE}")
        with tempfile.TemporaryDirectory(prefix="bioplastic-verify-") as held:
            out = Path(held) / "found.npz"
            more = []
            if module == "sanafe":
                sanafe.write(bundle.network, bundle.stimulus, bundle.steps, Path(held))
                more = [held]
            _run(python, module, script, [str(folder.absolute()), str(out), *more], held, seconds)
            return _read(out, bundle)

    return replay


TOOLS: dict[str, Callable[[Bundle, Path, Path | None, float], Found]] = {
    "reference": _own("reference"),
    "cpu": _own("cpu"),
    "lava": _tool("replay_lava.py", "lava"),
    "brian2-loihi": _tool("replay_brian2_loihi.py", "brian2_loihi"),
    "sanafe": _tool("replay_sanafe.py", "sanafe"),
}


def names(asked: str | None) -> tuple[str, ...]:
    """Tools by name, split at commas; all of them for None. UsageError with the nearest name."""
    if asked is None:
        return tuple(TOOLS)
    chosen = [word.strip() for word in asked.split(",")]
    for word in chosen:
        if word not in TOOLS:
            raise UsageError(f"no verifier {word!r}{nearest(word, TOOLS)}")
    return tuple(dict.fromkeys(chosen))


def verify(
    bundle: Bundle, folder: Path, tool: str, *, python: Path | None, seconds: float
) -> Verdict:
    """Replay a bundle in one tool and compare every spike.

    folder    where the bundle lies, for tools that read it themselves
    python    interpreter of the verifier environment, see `interpreter`
    seconds   after which a tool is stopped and has failed
    """
    try:
        found, figures = TOOLS[tool](bundle, folder, python, seconds)
    except _Absent as reason:
        return Verdict(tool=tool, outcome="absent", message=str(reason), figures={})
    except UnsupportedModel as reason:
        return Verdict(tool=tool, outcome="unable", message=str(reason), figures={})
    except _Failed as reason:
        return Verdict(tool=tool, outcome="failed", message=str(reason), figures={})
    first = divergence(bundle, found)
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
    run = run_loihi(bundle.network, _until(bundle, step), step, trace=True)
    v = int(run.v[name][-1, neuron]) if step else 0
    who = "bundle spikes, the tool does not" if here else "the tool spikes, the bundle does not"
    return f"step {step}, {name}[{neuron}]: {who}; v = {v} after the step before"


def _until(bundle: Bundle, steps: int) -> dict[str, Spikes]:
    """The stimulus of the first steps."""
    return {
        name: (when[when < steps], which[when < steps])
        for name, (when, which) in bundle.stimulus.items()
    }


def _run(
    python: Path, module: str, script: str, arguments: list[str], where: str, seconds: float
) -> None:
    """Run a script of `SCRIPTS` under the other interpreter."""
    asked = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    if subprocess.run([str(python), "-c", asked], cwd=where, check=False).returncode:
        raise _Absent(f"{module} is not installed in {python}")
    command = [str(python), str(SCRIPTS / script), *arguments]
    try:
        done = subprocess.run(
            command, cwd=where, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise _Failed(f"stopped after {seconds:g} s; --timeout gives it longer") from None
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    if done.returncode == UNABLE:
        raise UnsupportedModel(last)
    if done.returncode:
        raise _Failed(f"exit code {done.returncode}: {last}")


def _read(path: Path, bundle: Bundle) -> Found:
    """What a script stored: spikes of every population, and figures."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        spikes = {
            p.name: (arrays.pop(f"steps{k}"), arrays.pop(f"ids{k}"))
            for k, p in enumerate(bundle.network.populations)
        }
        return spikes, {name: float(value) for name, value in arrays.items()}
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise _Failed(f"what it stored cannot be read: {error}") from None
