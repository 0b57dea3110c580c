"""What a network in chip integers uses of the things that chips have little of.

Each demand is one number with where it is largest, counted from the network alone; what would help
is said with it. Units are sources and neurons; a pair of units counts once for each synapse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bioplastic.kernels.loihi.layout import Arrays, arrays
from bioplastic.quantize.loihi import LoihiNetwork, LoihiProjection


@dataclass(frozen=True, kw_only=True)
class Demand:
    """How much of one thing is used, and what would make it fit.

    where   the neuron or projection that uses most; empty for a sum
    help    what to change, given the most that fits
    """

    used: int
    where: str
    help: Callable[[int], str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Counted:
    """A network and what is counted from it once.

    pre (S,)      unit of each synapse          per_core   neurons of a core, 0 = no cores
    """

    network: LoihiNetwork
    flat: Arrays
    pre: np.ndarray
    per_core: int

    @property
    def neurons(self) -> int:
        """Neurons, without sources."""
        return len(self.flat.keep_u)

    def name(self, neuron: int) -> str:
        """population[index] of a neuron."""
        for p in self.network.populations:
            if neuron < p.size:
                return f"{p.name}[{neuron}]"
            neuron -= p.size
        raise IndexError(neuron)

    def unit(self, unit: int) -> str:
        """The same for a unit, sources first."""
        for s in self.network.sources:
            if unit < s.size:
                return f"{s.name}[{unit}]"
            unit -= s.size
        return self.name(unit)


def counted(network: LoihiNetwork, per_core: int = 0) -> Counted:
    """Lay a network out for counting."""
    flat = arrays(network)
    pre = np.repeat(np.arange(len(flat.first) - 1), np.diff(flat.first))
    return Counted(network=network, flat=flat, pre=pre, per_core=per_core)


def _fewer(c: Counted, used: int, what: str) -> Callable[[int], str]:
    return lambda most: (
        f"about {int(c.neurons * most / used):,} of {c.neurons:,} neurons: fewer {what}"
    )


def _neurons(c: Counted) -> Demand:
    what = "symbols learned, or neurons a symbol"
    return Demand(used=c.neurons, where="", help=_fewer(c, c.neurons, what))


def _cores(c: Counted) -> Demand:
    """Populations start on a core of their own, as tools map them."""
    used = sum(-(-p.size // c.per_core) for p in c.network.populations)
    return Demand(used=used, where="", help=_fewer(c, used, "symbols learned, or neurons a symbol"))


def _entries(c: Counted) -> Demand:
    """One key and mask for the part of a group that sits on a core, before compression."""
    sizes = [s.size for s in c.network.sources] + [p.size for p in c.network.populations]
    used = sum(-(-size // c.per_core) for size in sizes)
    return Demand(used=used, where="", help=_fewer(c, used, "populations, or compressed tables"))


def _synapses(c: Counted) -> Demand:
    used = len(c.flat.post)
    return Demand(
        used=used, where="", help=lambda most: f"leave out the {used - most:,} weakest synapses"
    )


def _bytes(c: Counted) -> Demand:
    """A word of 32 bits a synapse."""
    used = 4 * len(c.flat.post)
    return Demand(
        used=used, where="", help=lambda most: f"leave out {(used - most) // 4:,} synapses"
    )


def _fan_in(c: Counted) -> Demand:
    each = np.bincount(c.flat.post, minlength=c.neurons)
    worst = int(np.argmax(each)) if len(each) else 0

    def advice(most: int) -> str:
        over = int(np.maximum(each - most, 0).sum())
        return f"leave out the {over:,} weakest synapses of {int((each > most).sum()):,} neurons"

    return Demand(used=int(each.max(initial=0)), where=c.name(worst), help=advice)


def _fan_out(c: Counted) -> Demand:
    each = np.diff(c.flat.first)
    worst = int(np.argmax(each))

    def advice(most: int) -> str:
        copies = int((-(-np.maximum(each, 1) // max(most, 1)) - 1).sum())
        return f"{copies:,} copies share the targets of {int((each > most).sum()):,} units"

    return Demand(used=int(each.max(initial=0)), where=c.unit(worst), help=advice)


def _delay(c: Counted) -> Demand:
    longest = np.zeros(len(c.flat.first) - 1, np.int64)
    np.maximum.at(longest, c.pre, c.flat.lag - 1)
    worst = int(np.argmax(longest))

    def advice(most: int) -> str:
        relays = int(np.maximum(-(-(longest + 1) // (most + 1)) - 1, 0).sum())
        return f"{relays:,} relay neurons hand spikes on, {most + 1} step{'s'[:most]} each"

    return Demand(used=int(longest.max(initial=0)), where=c.unit(worst), help=advice)


def _inputs(c: Counted) -> Demand:
    used = c.flat.sources
    return Demand(used=used, where="", help=lambda most: f"learn from at most {most} symbols")


def _senders(c: Counted) -> Demand:
    used = int(np.count_nonzero(np.diff(c.flat.first)))
    return Demand(used=used, where="", help=_fewer(c, used, "neurons that send"))


def _chips_reached(c: Counted) -> Demand:
    """Chips of four cores that the targets of a unit lie on, neurons packed in their order."""
    chip = c.flat.post // (4 * max(c.per_core, 1))
    pairs = np.unique(np.stack([c.pre, chip]), axis=1) if len(chip) else np.zeros((2, 0), np.int64)
    each = np.bincount(pairs[0], minlength=len(c.flat.first) - 1)
    worst = int(np.argmax(each))

    def advice(most: int) -> str:
        return f"place the targets of {int((each > most).sum()):,} units closer together"

    return Demand(used=int(each.max(initial=0)), where=c.unit(worst), help=advice)


def _bits(values: np.ndarray) -> int:
    """Bits of the magnitudes of whole numbers, in multiples of their common divisor."""
    some = np.abs(values[values != 0])
    return int(np.max(some) // np.gcd.reduce(some)).bit_length() if len(some) else 0


def _weight_bits(c: Counted) -> Demand:
    """One scale for the whole network: charges as multiples of their common divisor."""
    used = _bits(c.flat.charge)
    return Demand(
        used=used, where="",
        help=lambda most: f"round charges: steps {2 ** (used - most)} times as wide",
    )  # fmt: skip


def _mantissa_bits(c: Counted) -> Demand:
    """The same for one projection at a time, which has an exponent of its own."""

    def bits(q: LoihiProjection) -> int:
        return (int(np.max(np.abs(np.asarray(q.weight)), initial=0)) // 2).bit_length()

    worst = max(c.network.projections, key=bits, default=None)
    used = 0 if worst is None else bits(worst)
    return Demand(
        used=used, where="" if worst is None else worst.name,
        help=lambda most: f"round weights: steps {2 ** (used - most)} times as wide",
    )  # fmt: skip


def _weights_of_a_neuron(c: Counted) -> Demand:
    pairs = np.unique(np.stack([c.flat.post, c.flat.charge]), axis=1)
    each = np.bincount(pairs[0], minlength=c.neurons)
    worst = int(np.argmax(each)) if len(each) else 0

    def advice(most: int) -> str:
        return f"cluster the weights of {int((each > most).sum()):,} neurons to {most} values"

    return Demand(used=int(each.max(initial=0)), where=c.name(worst), help=advice)


DEMANDS: dict[str, Callable[[Counted], Demand]] = {
    "neurons": _neurons,
    "cores of neurons": _cores,
    "router entries": _entries,
    "synapses": _synapses,
    "synapse bytes": _bytes,
    "fan-in": _fan_in,
    "CAM entries": _fan_in,
    "fan-out": _fan_out,
    "longest delay": _delay,
    "inputs": _inputs,
    "tags": _senders,
    "sources of a row": _senders,
    "chips reached": _chips_reached,
    "weight bits": _weight_bits,
    "mantissa bits": _mantissa_bits,
    "weights of a neuron": _weights_of_a_neuron,
}
"""How each thing is counted. What a placement counts core by core is not here."""
PLACED = (
    "cores", "compartments", "in-axons", "out-axons", "synapse bits", "decay profiles",
    "thresholds", "synapse formats",
)  # fmt: skip
"""Counted by `bioplastic.export.preflight.placement`."""
