"""Charges as the chip holds them: an even weight and a power of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.quantize.loihi import EXPONENT_HIGH, WEIGHT_HIGH, LoihiProjection

LARGEST = WEIGHT_HIGH << EXPONENT_HIGH
"""Largest charge of one synapse, in units of a threshold mantissa."""


@dataclass(frozen=True, kw_only=True)
class Code:
    """weight·2^exponent units of a threshold mantissa; weight even, at most 254 in magnitude."""

    weight: int
    exponent: int

    @property
    def units(self) -> int:
        """What a spike adds."""
        return self.weight << self.exponent


def coded(units: float, owner: str) -> Code:
    """The code nearest to a charge, with the smallest exponent that holds it.

    Raises UnsupportedModel, naming `owner`, for a charge that no synapse holds or that rounds to 0.
    """
    for exponent in range(EXPONENT_HIGH + 1):
        weight = 2 * round(units / (2 << exponent))
        if abs(weight) <= WEIGHT_HIGH:
            if weight == 0:
                raise UnsupportedModel(f"{owner}: a charge of {units:.3g} units rounds to zero")
            return Code(weight=weight, exponent=exponent)
    raise UnsupportedModel(f"{owner}: a charge of {units:.0f} units; a synapse holds {LARGEST}")


def coded_up(units: float, owner: str) -> Code:
    """The smallest code that is not below a positive charge; raises as `coded`."""
    for exponent in range(EXPONENT_HIGH + 1):
        weight = 2 * int(np.ceil(units / (2 << exponent)))
        if weight <= WEIGHT_HIGH:
            return Code(weight=weight, exponent=exponent)
    raise UnsupportedModel(f"{owner}: a charge of {units:.0f} units; a synapse holds {LARGEST}")


def volts_per_unit(largest: float) -> float:
    """Volts of a unit of the threshold mantissa, a power of two of 1 mV, so that `largest` fits."""
    return float(1e-3 * 2.0 ** np.ceil(np.log2(largest / 1e-3 / LARGEST)))


def synapses(
    name: str, pre: str, post: str, index: tuple[np.ndarray, np.ndarray], code: Code, delay: int
) -> LoihiProjection:
    """A projection of one code and one delay."""
    i, j = index
    return LoihiProjection(
        name=name, pre=pre, post=post, i=i, j=j, exponent=code.exponent,
        weight=np.full(len(i), code.weight), delay=np.full(len(i), delay),
    )  # fmt: skip
