"""A learned network in the Neuromorphic Intermediate Representation, with its golden trace.

Three files beside the bundle (`bioplastic.export.bundle.folder`), all read back before it appears:
    flat.nir      what the network is: populations, a matrix and a `Delay` for each delay
    network.nir   the same without `Delay`, for readers that have none, such as norse
    golden.nird   stimulus and expected response by name of node
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.errors import BioplasticError, UnsupportedModel
from bioplastic.export.bundle import folder as bundles
from bioplastic.export.loihi.lowerings import Lowered, lowering_of
from bioplastic.export.nir import file as nir_file
from bioplastic.export.nir import golden as nir_golden
from bioplastic.export.nir import read as nir_read
from bioplastic.export.nir.graph import canonical, flat
from bioplastic.export.nir.nested import dense_entries, nested
from bioplastic.export.nir.rounding import judged
from bioplastic.learned import Learned
from bioplastic.quantize.loihi import LoihiNetwork

FLAT, NESTED, GOLDEN = "flat.nir", "network.nir", "golden.nird"
OLD = "nir-old"
"""The target in the dialect of nir up to 1.0.4."""
LIMIT = 1 << 30
"""Bytes that the matrices of a graph may take in a reader, 4 a number."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ready:
    """A network that is ready to be written.

    made      lowered as for Loihi: NIR holds the same integers
    network   its network, canonical
    entries   numbers in all matrices, zeros included
    about     plasticity rules, and what the lowering lost, for the metadata
    """

    target: str
    made: Lowered
    network: LoihiNetwork
    entries: int
    about: Mapping[str, Any]

    @property
    def fits(self) -> bool:
        """Whether the matrices stay within the limit."""
        return 4 * self.entries <= LIMIT

    def lines(self) -> list[str]:
        """What `--check` prints."""
        net = self.network
        neurons = sum(p.size for p in net.populations)
        synapses = sum(len(q.i) for q in net.projections)
        mark = "" if self.fits else "   PASSED"
        found = [
            f"{self.target}: {neurons:,} neurons, {synapses:,} synapses",
            f"  matrices: {self.entries:,} numbers, {4 * self.entries:,} of {LIMIT:,} bytes in a"
            f" reader; NIR has no sparse synapses{mark}",
        ]
        for name, held in judged(net, *self.made.trace()).items():
            same = "the same spikes, though" if held.decided else "not spike for spike:"
            found.append(f"  {name}: {same} {held.reason}")
        rules = len(self.about.get("plasticity", {}))
        return [*found, f"  plasticity rules, in metadata only: {rules}", *self.made.lines()]


def prepare(learned: Learned, symbols: np.ndarray | None, target: str = "nir") -> Ready:
    """Lower a learned network as for Loihi and say what NIR makes of it.

    symbols (L,) int   what comes next, for a network that follows a stream of symbols; else None
    target             "nir", or "nir-old" for readers of nir up to 1.0.4
    Raises UnsupportedModel for what cannot be lowered, CorruptFile for a file without its grid.
    """
    made = lowering_of(learned.description).lower(learned, symbols, "loihi")
    network = canonical(made.network)
    rules = [q for q in learned.description.projections if q.plasticity]
    about = {
        "plasticity": {
            f"{k:04}": {"projection": q.name, "rule": repr(q.plasticity)}
            for k, q in enumerate(rules)
        },
        "lowering": _plain(made.facts()),
    }
    return Ready(
        target=target, made=made, network=network, entries=dense_entries(network),
        about={name: held for name, held in about.items() if held},
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """Facts as HDF5 holds them: groups, texts, whole numbers, finite floats; the rest as JSON."""
    if isinstance(value, Mapping):
        return {str(k).replace("/", "|").replace(".", "_"): _plain(v) for k, v in value.items()}
    if isinstance(value, (bool, int, str)) or (isinstance(value, float) and isfinite(value)):
        return value
    return repr(value)


def write(ready: Ready, folder: Path) -> Path:
    """Write a bundle with its graphs and trace, read back and compared before it appears.

    Raises UnsupportedModel for matrices beyond `LIMIT`, UsageError when the folder exists or there
    is nothing to make a trace of.
    """
    refuse_if_large(ready.network)
    stimulus, steps = ready.made.trace()
    facts = {"target": ready.target, **ready.made.facts()}
    bundle = bundles.made(ready.made.network, stimulus, steps, facts)
    return bundles.write(
        bundle,
        folder,
        lambda partial: write_into(bundle, partial, ready.about, old=ready.target == OLD),
    )


def refuse_if_large(network: LoihiNetwork) -> None:
    """Raise UnsupportedModel, with the size and the way out, before a large matrix is made."""
    entries = dense_entries(network)
    if 4 * entries > LIMIT:
        raise UnsupportedModel(
            f"{network.name!r}: its matrices have {entries:,} numbers, {4 * entries:,} bytes in a"
            f" reader; the limit is {LIMIT:,}, NIR has no sparse synapses. Learn from fewer symbols"
            " or use shorter contexts, or export --to loihi, which lists synapses"
        )


def write_into(
    bundle: bundles.Bundle, folder: Path, about: Mapping[str, Any], *, old: bool = False
) -> None:
    """Write the three files into a folder that exists and compare what is read back.

    Raises BioplasticError where anything differs.
    """
    network = canonical(bundle.network)
    for name, form in ((FLAT, flat), (NESTED, nested)):
        nir_file.write(folder / name, form(network, about), old=old)
        if not same(nir_read.read(folder / name), network):
            raise BioplasticError(f"{name}: what was read back is not what was written")
    nir_golden.write(bundle, folder / GOLDEN)
    _compare(bundle, folder)


def _compare(bundle: bundles.Bundle, folder: Path) -> None:
    """The trace must name nodes of both graphs and hold the spikes of the bundle."""
    stimulus, expected = nir_golden.read(folder / GOLDEN, bundle.network)
    for held, ours in ((stimulus, bundle.stimulus), (expected, bundle.expected)):
        for name, (when, which) in ours.items():
            order = np.lexsort((which, when))
            a, b = held[name]
            if not (np.array_equal(a, when[order]) and np.array_equal(b, which[order])):
                raise BioplasticError(f"{GOLDEN}: {name}: other spikes than the bundle's")
    import nir

    trace = nir.read_data(str(folder / GOLDEN))
    for name in (FLAT, NESTED):
        trace.check_nodes(nir.read(folder / name))


def same(a: LoihiNetwork, b: LoihiNetwork) -> bool:
    """Whether two networks are equal in every number."""
    return bundles.same(_still(a), _still(b))


def _still(network: LoihiNetwork) -> bundles.Bundle:
    return bundles.made(network, {}, 0)
