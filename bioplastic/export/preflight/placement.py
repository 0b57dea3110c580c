"""Where the neurons of a Loihi network go, and whether the chip holds them.

Neurons fill one core after the other, in the order of the network. Counted: compartments; in-axons,
one for each pre neuron and weight exponent that has a synapse there; out-axons, one for each neuron
of the core, core that it reaches and exponent there. Sources sit off the chip. An exponent counts,
because nengo-loihi gives an axon one synapse format, and a format has one exponent.
Synapse memory, in the sparse format: blocks of up to 64 synapses of one axon, each synapse 8 bits
of weight, 10 of index and 6 of delay, 10 bits of head a block, rounded up to units of 64. The
format is the same for all networks. nengo-loihi has no delays and takes as few bits of index as the
largest index needs, 0 and 6 to 10: then a synapse has 8 to 18 bits and not 24, so that what is
counted here is never less, and at most 3 times as much.
Not counted: the profiles of a core, in nengo-loihi up to 31 of decays and refractory period, 7 of
thresholds and 15 synapse formats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.export.preflight.limits import (
    LOIHI_AXONS,
    LOIHI_BITS,
    LOIHI_CORES,
    LOIHI_NEURONS,
)
from bioplastic.kernels.loihi.layout import Arrays, arrays, begins
from bioplastic.quantize.loihi import EXPONENT_HIGH, EXPONENT_LOW, LoihiNetwork

BLOCK, PER_SYNAPSE, HEAD, UNIT = 64, 8 + 10 + 6, 10, 64
EXPONENTS = EXPONENT_HIGH - EXPONENT_LOW + 1


@dataclass(frozen=True, kw_only=True)
class Chip:
    """Limits of one chip.

    cores, compartments, in_axons, out_axons, synapse_bits   a chip has, a core holds
    source   where the numbers stand
    """

    name: str
    cores: int
    compartments: int
    in_axons: int
    out_axons: int
    synapse_bits: int
    source: str


LOIHI = Chip(
    name="Loihi",
    cores=LOIHI_CORES,
    compartments=LOIHI_NEURONS,
    in_axons=LOIHI_AXONS,
    out_axons=LOIHI_AXONS,
    synapse_bits=LOIHI_BITS,
    source="Davies et al. 2018; axons and synapse memory as nengo-loihi 1.1 checks them",
)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One limit and how much of it is used by the core that uses most (or by the chip)."""

    name: str
    used: int
    most: int
    where: str

    @property
    def fits(self) -> bool:
        """Whether it is within the limit."""
        return self.used <= self.most


@dataclass(frozen=True, kw_only=True, eq=False)
class Placement:
    """core (N,) int64: core of each neuron, populations in order; what is used of each limit."""

    chip: Chip
    core: np.ndarray
    resources: tuple[Resource, ...]

    @property
    def fits(self) -> bool:
        """Whether every resource is within its limit."""
        return all(r.fits for r in self.resources)


def axon_bits(synapses: np.ndarray) -> np.ndarray:
    """Bits of synapse memory of axons with so many synapses each, int64."""
    whole, rest = np.divmod(np.asarray(synapses, np.int64), BLOCK)

    def block(n: np.ndarray | int) -> np.ndarray:
        return np.asarray(-(-(np.asarray(n) * PER_SYNAPSE + HEAD) // UNIT) * UNIT)

    return np.asarray(whole * block(BLOCK) + np.where(rest > 0, block(rest), 0))


def place(network: LoihiNetwork, chip: Chip = LOIHI) -> Placement:
    """Fill the cores; a neuron opens a new core where it would pass a limit of the present one.

    What passes a limit all the same (a neuron with too many axons, too many cores) is in the
    result: `Placement.fits` says so, `preflight.refuse_unless_it_fits` raises.
    """
    flat = arrays(network)
    axon = _axons(network, flat)
    order = np.argsort(flat.post, kind="stable")
    begin = np.searchsorted(flat.post[order], np.arange(len(flat.keep_u) + 1))
    core = np.zeros(len(flat.keep_u), np.int64)
    number, held, bits = 0, 0, 0
    axons: dict[int, int] = {}
    for n in range(len(core)):
        own, count = np.unique(axon[order[begin[n] : begin[n + 1]]], return_counts=True)
        more = _grown(axons, own, count)
        new = sum(1 for u in own.tolist() if u not in axons)
        full = (
            held + 1 > chip.compartments
            or len(axons) + new > chip.in_axons
            or bits + more > chip.synapse_bits
        )
        if full and held:
            number, held, axons, bits = number + 1, 0, {}, 0
            more = _grown(axons, own, count)
        for u, k in zip(own.tolist(), count.tolist(), strict=True):
            axons[u] = axons.get(u, 0) + k
        bits, held, core[n] = bits + more, held + 1, number
    return Placement(chip=chip, core=core, resources=_used(network, core, chip))


def _axons(network: LoihiNetwork, flat: Arrays) -> np.ndarray:
    """Axon of each synapse of the flat form, (S,) int64: unit·EXPONENTS + exponent − lowest."""
    unit = np.repeat(np.arange(len(flat.first) - 1), np.diff(flat.first))
    begin = begins(network)
    empty = np.zeros(0, np.int64)
    pre = np.concatenate([empty, *(q.i + begin[q.pre] for q in network.projections)])
    exponent = np.concatenate([
        empty, *(np.full(len(q.i), q.exponent - EXPONENT_LOW) for q in network.projections),
    ])  # fmt: skip
    order = np.argsort(pre.astype(np.int64), kind="stable")  # as `arrays` lists them
    return np.asarray(unit * EXPONENTS + exponent[order].astype(np.int64))


def _grown(axons: dict[int, int], own: np.ndarray, count: np.ndarray) -> int:
    """Bits that the synapses of one more neuron add to a core."""
    before = np.array([axons.get(u, 0) for u in own.tolist()], np.int64)
    return int((axon_bits(before + count) - axon_bits(before)).sum())


def counted(network: LoihiNetwork, core: np.ndarray) -> dict[str, np.ndarray]:
    """What each core holds, by the name of the limit: (cores,) int64.

    core (N,) int64   core of each neuron, numbered from 0 without a gap
    """
    flat = arrays(network)
    cores = int(core.max(initial=-1)) + 1
    axon = _axons(network, flat)
    pairs, synapses = np.unique(
        np.stack([axon, core[flat.post]]) if len(axon) else np.zeros((2, 0), np.int64),
        axis=1, return_counts=True,
    )  # fmt: skip
    unit, target = pairs[0] // EXPONENTS, pairs[1]
    inside = unit[unit >= flat.sources] - flat.sources
    bits = np.bincount(target, weights=axon_bits(synapses), minlength=cores)
    return {
        "compartments": np.bincount(core, minlength=cores),
        "in-axons": np.bincount(target, minlength=cores),
        "out-axons": np.bincount(core[inside], minlength=cores),
        "synapse bits": bits.astype(np.int64),
    }


def _used(network: LoihiNetwork, core: np.ndarray, chip: Chip) -> tuple[Resource, ...]:
    cores = int(core.max(initial=-1)) + 1
    most = {
        "compartments": chip.compartments, "in-axons": chip.in_axons,
        "out-axons": chip.out_axons, "synapse bits": chip.synapse_bits,
    }  # fmt: skip
    resources = [Resource(name="cores", used=cores, most=chip.cores, where="chip")]
    for name, used in counted(network, core).items():
        worst = int(np.argmax(used)) if len(used) else 0
        resources.append(
            Resource(
                name=name, used=int(used.max(initial=0)), most=most[name], where=f"core {worst}"
            )
        )  # fmt: skip
    return tuple(resources)
