"""Replaying a bundle in norse through its NIR graph, in the environment of `make importers`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bioplastic.errors import UnsupportedModel
from bioplastic.export.bundle import foreign
from bioplastic.export.bundle.folder import Bundle, Spikes
from bioplastic.export.nir import target as nir
from bioplastic.export.nir.rounding import judged


def of_bundle(
    bundle: Bundle, folder: Path, python: Path | None, seconds: float
) -> tuple[dict[str, Spikes], dict[str, float]]:
    """What norse spikes on network.nir of the bundle, or on one made for it where it has none.

    Raises UnsupportedModel for a network that NIR cannot hold spike for spike, or that is too
    large; Absent and Failed as `foreign.run` does.
    """
    network = bundle.network
    for name, found in judged(network, bundle.stimulus, bundle.steps).items():
        if not found.decided:
            raise UnsupportedModel(f"NIR: population {name!r}: {found.reason}")
    if python is None:
        raise foreign.Absent(f"no importers: make importers, or set {foreign.IMPORTERS[0]}")
    with tempfile.TemporaryDirectory(prefix="bioplastic-verify-") as held:
        graph, out = (folder / nir.NESTED).absolute(), Path(held) / "found.npz"
        if not graph.is_file():
            nir.refuse_if_large(network)
            nir.write_into(bundle, Path(held), {})
            graph = Path(held) / nir.NESTED
        arguments = [str(folder.absolute()), str(out), str(graph)]
        foreign.run(python, "norse", "replay_norse.py", arguments, held, seconds)
        arrays = foreign.stored(out)
    try:
        return {
            p.name: (arrays[f"steps{k}"], arrays[f"ids{k}"])
            for k, p in enumerate(network.populations)
        }, {}
    except KeyError as error:
        raise foreign.Failed(f"what it stored has no {error}") from None
