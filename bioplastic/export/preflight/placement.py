"""Where the neurons of a Loihi network go, and whether the chip holds them.

Neurons fill one core after the other, in the order of the network. Counted: compartments; in-axons,
one for each pre neuron and weight exponent that has a synapse there; out-axons, one for each neuron
of the core, core that it reaches and exponent there. Sources sit off the chip. An exponent counts,
because nengo-loihi gives an axon one synapse format, and a format has one exponent.
Tables that all neurons of a core share are counted too: decay profiles, one for each (du, dv,
refractory period); thresholds, one for each vth; synapse formats, one for each weight exponent. A
bias is each neuron's own.
Synapse memory, in the sparse format: blocks of up to 64 synapses of one axon, each synapse 8 bits
of weight, 10 of index and 6 of delay, 10 bits of head a block, rounded up to units of 64. The
format is the same for all networks. nengo-loihi has no delays and takes as few bits of index as the
largest index needs, 0 and 6 to 10: then a synapse has 8 to 18 bits and not 24, so that what is
counted here is never less, and at most 3 times as much.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bioplastic.export.preflight.limits import (
    LOIHI_AXONS,
    LOIHI_BITS,
    LOIHI_CORES,
    LOIHI_FORMATS,
    LOIHI_NEURONS,
    LOIHI_PROFILES,
    LOIHI_THRESHOLDS,
)
from bioplastic.kernels.loihi.layout import Arrays, arrays, begins
from bioplastic.quantize.loihi import EXPONENT_HIGH, EXPONENT_LOW, LoihiNetwork

BLOCK, PER_SYNAPSE, HEAD, UNIT = 64, 8 + 10 + 6, 10, 64
EXPONENTS = EXPONENT_HIGH - EXPONENT_LOW + 1


@dataclass(frozen=True, kw_only=True)
class Chip:
    """Limits of one chip.

    cores, compartments, in_axons, out_axons, synapse_bits   a chip has, a core holds
    profiles, thresholds, formats   rows of a core's tables, see above
    source   where the numbers stand
    """

    name: str
    cores: int
    compartments: int
    in_axons: int
    out_axons: int
    synapse_bits: int
    profiles: int
    thresholds: int
    formats: int
    source: str

    def most(self) -> dict[str, int]:
        """What a core holds, by the name of the limit."""
        return {
            "compartments": self.compartments, "in-axons": self.in_axons,
            "out-axons": self.out_axons, "synapse bits": self.synapse_bits,
            "decay profiles": self.profiles, "thresholds": self.thresholds,
            "synapse formats": self.formats,
        }  # fmt: skip


LOIHI = Chip(
    name="Loihi",
    cores=LOIHI_CORES,
    compartments=LOIHI_NEURONS,
    in_axons=LOIHI_AXONS,
    out_axons=LOIHI_AXONS,
    synapse_bits=LOIHI_BITS,
    profiles=LOIHI_PROFILES,
    thresholds=LOIHI_THRESHOLDS,
    formats=LOIHI_FORMATS,
    source="Davies et al. 2018; axons, synapse memory and tables as nengo-loihi 1.1 checks them",
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
    profile, threshold = _rows(flat)
    core = np.zeros(len(flat.keep_u), np.int64)
    number, here = 0, _Core()
    for n in range(len(core)):
        own, count = np.unique(axon[order[begin[n] : begin[n + 1]]], return_counts=True)
        neuron = _Neuron(
            axons=dict(zip(own.tolist(), count.tolist(), strict=True)),
            profile=int(profile[n]), threshold=int(threshold[n]),
        )  # fmt: skip
        if here.held and not here.takes(neuron, chip):
            number, here = number + 1, _Core()
        here.add(neuron)
        core[n] = number
    return Placement(chip=chip, core=core, resources=_used(network, core, chip))


@dataclass(frozen=True, kw_only=True)
class _Neuron:
    """Synapses by axon, and the rows of the core's tables that a neuron needs."""

    axons: dict[int, int]
    profile: int
    threshold: int


@dataclass(kw_only=True)
class _Core:
    """What a core holds while it is filled."""

    held: int = 0
    bits: int = 0
    axons: dict[int, int] = field(default_factory=dict)
    profiles: set[int] = field(default_factory=set)
    thresholds: set[int] = field(default_factory=set)
    formats: set[int] = field(default_factory=set)

    def takes(self, neuron: _Neuron, chip: Chip) -> bool:
        """Whether one more neuron passes no limit of a core."""
        formats = self.formats.union(u % EXPONENTS for u in neuron.axons)
        return (
            self.held + 1 <= chip.compartments
            and len(self.axons.keys() | neuron.axons.keys()) <= chip.in_axons
            and self.bits + self._grown(neuron) <= chip.synapse_bits
            and len(self.profiles | {neuron.profile}) <= chip.profiles
            and len(self.thresholds | {neuron.threshold}) <= chip.thresholds
            and len(formats) <= chip.formats
        )

    def add(self, neuron: _Neuron) -> None:
        """Put it there."""
        self.held, self.bits = self.held + 1, self.bits + self._grown(neuron)
        for u, k in neuron.axons.items():
            self.axons[u] = self.axons.get(u, 0) + k
            self.formats.add(u % EXPONENTS)
        self.profiles.add(neuron.profile)
        self.thresholds.add(neuron.threshold)

    def _grown(self, neuron: _Neuron) -> int:
        """Bits that the synapses of one more neuron add."""
        before = np.array([self.axons.get(u, 0) for u in neuron.axons], np.int64)
        count = np.array(list(neuron.axons.values()), np.int64)
        return int((axon_bits(before + count) - axon_bits(before)).sum())


def _rows(flat: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Number of the decay profile and of the threshold of each neuron, (N,) int64 each."""
    decays = np.stack([flat.keep_u, flat.keep_v, flat.refractory], axis=1)
    profile = np.unique(decays, axis=0, return_inverse=True)[1]
    threshold = np.unique(flat.threshold, return_inverse=True)[1]
    return profile.reshape(-1).astype(np.int64), threshold.astype(np.int64)


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
    profile, threshold = _rows(flat)

    def distinct(core: np.ndarray, row: np.ndarray) -> np.ndarray:
        """How many rows of a table each core needs."""
        return np.bincount(np.unique(np.stack([core, row]), axis=1)[0], minlength=cores)

    return {
        "compartments": np.bincount(core, minlength=cores),
        "in-axons": np.bincount(target, minlength=cores),
        "out-axons": np.bincount(core[inside], minlength=cores),
        "synapse bits": bits.astype(np.int64),
        "decay profiles": distinct(core, profile),
        "thresholds": distinct(core, threshold),
        "synapse formats": distinct(target, pairs[0] % EXPONENTS),
    }


def _used(network: LoihiNetwork, core: np.ndarray, chip: Chip) -> tuple[Resource, ...]:
    cores = int(core.max(initial=-1)) + 1
    most = chip.most()
    resources = [Resource(name="cores", used=cores, most=chip.cores, where="chip")]
    for name, used in counted(network, core).items():
        worst = int(np.argmax(used)) if len(used) else 0
        resources.append(
            Resource(
                name=name, used=int(used.max(initial=0)), most=most[name], where=f"core {worst}"
            )
        )  # fmt: skip
    return tuple(resources)
