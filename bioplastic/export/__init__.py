"""Hand the spikes of a run, and what it learned, to other programs; read back before it returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from bioplastic.errors import BioplasticError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bioplastic.result import SpikeRecord

TARGETS: dict[str, str] = {
    "aedat2": "AEDAT 2.0 address-events (32-bit address, µs) with an address map",
    "aedat4": "AEDAT 4.0 polarity events, addresses folded into a picture",
    "eieio": "EIEIO packets of SpiNNaker (keys of 16 or 32 bits, times in steps)",
    "evt3": "EVT 3.0 polarity events, addresses folded into a picture",
    "sonata": "SONATA spikes in HDF5, with nodes and edges of the learned network",
}
"""File formats of spikes, and what they are."""
FORMS: dict[str, str] = {
    "aedat2": "aer.forms:AEDAT2",
    "aedat4": "aer.forms:AEDAT4",
    "eieio": "aer.eieio",
    "evt3": "aer.forms:EVT3",
    "sonata": "sonata.spikes",
}
"""What writes and reads a format here: write(records, folder), read(folder)."""
CHIPS: dict[str, str] = {
    "loihi": "loihi.target",
    "brian2-loihi": "loihi.target",
    "sanafe": "loihi.target",
    "spinnaker": "spinnaker.target",
    "nir": "nir.target",
    "nir-old": "nir.target",
    "plasticity": "plastic.bundle",
    "xylo": "xylo.target",
}
"""The module here that exports a network for a chip, by target.

It has prepare(learned, symbols, target) -> ready, and write(ready, folder) -> folder; `ready` has
lines(), which --check prints, and fits."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export wrote; as text, the line that the command prints.

    folder     where it lies            target       name of the format
    events     number of spikes         populations  number of populations
    files      number of files          network      whether nodes and edges were written too
    left_out   parts of the network that the format cannot hold
    """

    folder: Path
    target: str
    events: int
    populations: int
    files: int
    network: bool = False
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        also = " and the learned network" if self.network else ""
        return (
            f"{self.folder}: {self.events:,} spikes of {self.populations} populations{also} as "
            f"{self.target} in {self.files} files, read back and equal"
            + "".join(f"\n  left out: {part}" for part in self.left_out)
        )


def export(run_dir: Path | str, target: str, out: Path | str | None = None) -> Exported:
    """Write the spikes of a finished run in another format; read them back and compare.

    run_dir  folder of the run; result.h5 is read, for SONATA also learned.h5 if it is there
    target   a name of TARGETS
    out      a folder that does not exist yet; default RUN-TARGET beside the run
    Raises UsageError for an unknown target or an existing `out`, CorruptFile for a damaged run,
    BioplasticError when the disk refuses. Whatever happens, `out` is complete or absent.
    """
    if target not in TARGETS:
        raise UsageError(f"no target {target!r}{nearest(target, TARGETS)}")
    run = Path(run_dir)
    folder = Path(out) if out else run.with_name(f"{run.resolve().name}-{target}")
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"--out {folder}: exists already; nothing is overwritten")
    from bioplastic.result_file import read_spikes

    return write(read_spikes(run / "result.h5"), target, folder, learned=run / "learned.h5")


def write(
    spikes: Mapping[str, SpikeRecord], target: str, folder: Path, *, learned: Path | None = None
) -> Exported:
    """Write spikes as `target` into a new folder, read them back and compare.

    learned   file of a learned network, which SONATA takes along; need not exist
    """
    from bioplastic.atomic import publish
    from bioplastic.export.aer.address import in_order, same
    from bioplastic.export.sonata import network as sonata_network
    from bioplastic.learned import Learned

    records = {name: in_order(name, record) for name, record in spikes.items()}
    network = None
    if target == "sonata" and learned is not None and learned.exists():
        network = Learned.load(learned)
    left_out: list[str] = []
    form = resolve_name(f"bioplastic.export.{FORMS[target]}")

    def fill(partial: Path) -> None:
        if network is not None:
            left_out.extend(sonata_network.write(network, partial))
            sonata_network.compare(network, partial)
        form.write(records, partial)
        back = form.read(partial)
        if list(back) != list(records) or not all(same(back[k], records[k]) for k in records):
            raise BioplasticError(f"{folder}: what was read back is not what was written")

    final = publish(folder, fill)
    return Exported(
        folder=final, target=target, populations=len(records), network=network is not None,
        events=sum(len(r.steps) for r in records.values()), files=len(list(final.iterdir())),
        left_out=tuple(left_out),
    )  # fmt: skip
