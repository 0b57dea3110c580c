"""Where the neurons of a Loihi network go, and whether the chip holds them.

Neurons fill one core after the other, in the order of the network. Counted: compartments; in-axons,
one for each pre neuron that has a synapse there; out-axons, one for each pair of a neuron of the
core and a core that it reaches; bits of synapse memory. Sources sit off the chip.
Synapse memory, in the sparse format: blocks of up to 64 synapses of one axon, each synapse 8 bits
of weight, 10 of index and 6 of delay, 10 bits of head a block, rounded up to units of 64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.export.limits import (
    LOIHI_AXONS,
    LOIHI_BITS,
    LOIHI_CORES,
    LOIHI_NEURONS,
)
from bioplastic.kernels.loihi.layout import Arrays, arrays
from bioplastic.quantize.loihi import LoihiNetwork

BLOCK, PER_SYNAPSE, HEAD, UNIT = 64, 8 + 10 + 6, 10, 64


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
    pre = np.repeat(np.arange(len(flat.first) - 1), np.diff(flat.first))
    order = np.argsort(flat.post, kind="stable")
    begin = np.searchsorted(flat.post[order], np.arange(len(flat.keep_u) + 1))
    core = np.zeros(len(flat.keep_u), np.int64)
    number, held, bits = 0, 0, 0
    axons: dict[int, int] = {}
    for n in range(len(core)):
        own, count = np.unique(pre[order[begin[n] : begin[n + 1]]], return_counts=True)
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
    return Placement(chip=chip, core=core, resources=_used(flat, pre, core, chip))


def _grown(axons: dict[int, int], own: np.ndarray, count: np.ndarray) -> int:
    """Bits that the synapses of one more neuron add to a core."""
    before = np.array([axons.get(u, 0) for u in own.tolist()], np.int64)
    return int((axon_bits(before + count) - axon_bits(before)).sum())


def _used(flat: Arrays, pre: np.ndarray, core: np.ndarray, chip: Chip) -> tuple[Resource, ...]:
    cores = int(core.max(initial=-1)) + 1
    pairs, synapses = np.unique(
        np.stack([pre, core[flat.post]]) if len(pre) else np.zeros((2, 0), np.int64),
        axis=1, return_counts=True,
    )  # fmt: skip
    unit, target = pairs
    on_chip = unit >= flat.sources
    found = {
        "compartments": (np.bincount(core, minlength=cores), chip.compartments),
        "in-axons": (np.bincount(target, minlength=cores), chip.in_axons),
        "out-axons": (
            np.bincount(core[unit[on_chip] - flat.sources], minlength=cores),
            chip.out_axons,
        ),
        "synapse bits": (
            np.bincount(target, weights=axon_bits(synapses), minlength=cores).astype(np.int64),
            chip.synapse_bits,
        ),
    }
    resources = [Resource(name="cores", used=cores, most=chip.cores, where="chip")]
    for name, (used, most) in found.items():
        worst = int(np.argmax(used)) if len(used) else 0
        resources.append(
            Resource(
                name=name, used=int(used.max(initial=0)), most=most, where=f"core {worst}"
            )
        )  # fmt: skip
    return tuple(resources)
