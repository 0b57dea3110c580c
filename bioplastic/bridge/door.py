"""One call from anyone's Brian2 network, or a description, to whole numbers."""

from __future__ import annotations

from typing import Any

from bioplastic import quantize
from bioplastic.description import Network
from bioplastic.errors import UsageError
from bioplastic.quantize import IntegerNetwork
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.lean import lean


def lower(
    network: Any,
    dt: Any = None,
    *,
    duration: Any = None,
    seed: int = 0,
    fraction: int = fp.STATE_FRACTION,
    plastic_bits: int = 8,
) -> IntegerNetwork:
    """Turn a network into integers for the kernels; scales are chosen from the overflow proof.

    Linear populations that are LIF neurons in other words become LIF populations (`lean`).

    network    a description, or whatever `bioplastic.simulate.read` reads: a brian2.Network, a list
               of Brian2 objects, ``brian2.collect()``
    dt         step, s; None: the clock of a Brian2 network (a description has none)
    duration   s, for how long random sources of a Brian2 network are drawn
    seed       of those draws, and key of the stochastic rounding of plastic weights, 0..2^32 − 1
    fraction, plastic_bits   see `bioplastic.quantize.lower`
    Raises UnsupportedModel naming object, line and reason for what cannot be taken, and for states
    that could overflow; UsageError for a description without dt, or a dt that is not the clock's.
    """
    if isinstance(network, Network):
        if dt is None:
            raise UsageError(f"{network.name}: a description has no time step: give dt")
        if duration is not None:
            raise UsageError(f"{network.name}: duration draws sources of a Brian2 network only")
        return lean(
            quantize.lower(network, dt, seed=seed, fraction=fraction, plastic_bits=plastic_bits)
        )
    from bioplastic.simulate import read

    description = read(network, duration=duration, seed=seed, level=1)
    clock = description.notes["dt"]
    if dt is not None and abs(float(dt) - float(clock)) > 1e-9 * float(clock):
        raise UsageError(f"dt = {dt}: the Brian2 network runs on a clock of {clock}")
    return lean(
        quantize.lower(description, clock, seed=seed, fraction=fraction, plastic_bits=plastic_bits)
    )
