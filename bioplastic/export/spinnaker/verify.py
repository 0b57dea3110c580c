"""Compile a bundle's PyNN script with sPyNNaker for a virtual board and compare what it made."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from bioplastic.errors import CorruptFile, UnsupportedModel, one_line
from bioplastic.export.bundle import foreign
from bioplastic.export.bundle.folder import Bundle
from bioplastic.export.bundle.foreign import Failed, Verdict
from bioplastic.export.pynn import network as pynn_network
from bioplastic.export.pynn import script as pynn_script
from bioplastic.export.pynn.network import PynnNetwork
from bioplastic.export.spinnaker import check as spinnaker_check
from bioplastic.export.spinnaker import target as spinnaker

NAME = "spynnaker"


def compiled(network: PynnNetwork, python: Path | None, seconds: float) -> Verdict:
    """Compile the script of a network, made anew from its arrays; compare memory, keys, routes."""
    with tempfile.TemporaryDirectory(prefix="bioplastic-verify-") as held:
        source, work, out = Path(held) / "script", Path(held) / "work", Path(held) / "found.npz"
        source.mkdir()
        work.mkdir()
        pynn_script.write(network, source)
        arguments = [str(source), str(out)]
        foreign.run(python, "spynnaker", "compile_spynnaker.py", arguments, str(work), seconds)
        found = spinnaker_check.check(network, foreign.stored(out))
    if found.wrong is not None:
        return Verdict(tool=NAME, outcome="differs", message=found.wrong, figures=found.figures,
                       report=found.report)  # fmt: skip
    return Verdict(tool=NAME, outcome="equal", message=found.said, figures=found.figures,
                   report=found.report)  # fmt: skip


def of_bundle(bundle: Bundle, folder: Path, python: Path | None, seconds: float) -> Verdict:
    """The same for a frozen bundle: its own script where it has one, else one made here."""
    if not (folder / pynn_script.SCRIPT).is_file():
        return compiled(spinnaker.frozen(bundle), python, seconds)
    network = own(folder)
    made = spinnaker.frozen(bundle, network.left_out)
    if pynn_script.text(made) != pynn_script.text(network):
        raise Failed(f"{pynn_script.SCRIPT} is not the network of {folder}/network.json")
    return compiled(network, python, seconds)


def own(folder: Path) -> PynnNetwork:
    """The network beside a script, which must be the script of that network."""
    network = pynn_network.read(folder)
    try:
        text = pynn_script.text(network).encode()
        same = (folder / pynn_script.SCRIPT).read_bytes() == text
    except (UnsupportedModel, LookupError, UnicodeError) as error:
        what = f"{pynn_network.TABLE} holds no network for a script ({one_line(error)})"
        raise CorruptFile(f"{folder}: {what}") from None
    if not same:
        raise CorruptFile(f"{folder / pynn_script.SCRIPT}: not the script of the arrays beside it")
    return network


def read(folder: Path) -> PynnNetwork:
    """A bundle of a plastic network.

    Raises UsageError where there is no folder, CorruptFile where anything is missing or changed.
    """
    spinnaker.read(folder)
    return own(folder)


def title(network: PynnNetwork) -> str:
    """One line for a person."""
    neurons = sum(p.size for p in network.populations)
    learning = sum(len(q.i) for q in network.projections if q.rule is not None)
    return f"{network.name}: {neurons:,} neurons, {network.synapses:,} synapses, {learning:,} learn"


def _tool(network: PynnNetwork, folder: Path, python: Path | None, seconds: float) -> Verdict:
    return compiled(network, python, seconds)


TOOLS: dict[str, Callable[[PynnNetwork, Path, Path | None, float], Verdict]] = {NAME: _tool}
