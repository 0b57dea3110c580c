"""Proof that given spikes cannot bring a state of the first layer out of its format.

`lower` proves it for the train of the description, and for later layers whatever comes, because
neurons are refractory. A run is given other spikes: either no spikes at all can do harm, which is
tried first, or these do not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.kernels.feedforward.layer import Layer, Layers, unpack
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.quantize.bounds import bound_population
from bioplastic.quantize.integer_network import IntegerPopulation, IntegerProjection, IntegerSource

Pre = IntegerSource | IntegerPopulation


def check_no_overflow(layers: Layers, before: np.ndarray, state: KernelState) -> None:
    """Raise UsageError, naming the state, when it could overflow.

    before   (B, R + T, W) int32: the spikes of the source, those on their way first
    state    where the run starts: what is left of earlier spikes adds to what these can do
    """
    for layer in layers.layers[:1]:
        if _harmless(layer, replace(layer.population, size=layer.pre_size, refractory=1)):
            continue
        bits, p = unpack(before, layer.pre_size), layer.population
        for b, one in enumerate(bits):
            steps, ids = np.nonzero(one)
            source = IntegerSource(name=layer.pre, size=layer.pre_size, steps=steps, ids=ids)
            left = sum(
                int(np.abs(a[b].astype(np.int64)).max(initial=0))
                for name, a in state.arrays.items()
                if name.startswith((f"{p.name}.", f"{p.name}/v"))
            )
            try:
                bounds = bound_population(p, _incoming(layer, source))
            except UnsupportedModel as error:
                raise UsageError(f"spikes[{b}]: {error}") from None
            products = p.pvv + int(np.abs(layer.channels[:, 2:4]).sum())
            for found in bounds:
                more = left * (products if found is bounds[-1] else 1)
                if found.bound + more > found.limit:
                    raise UsageError(
                        f"spikes[{b}]: {found.what}: after what the state holds could reach "
                        f"{found.bound + more:.3g} LSB, the format holds {found.limit:.3g}"
                    )


def _harmless(layer: Layer, pre: Pre) -> bool:
    try:
        bound_population(layer.population, _incoming(layer, pre))
    except UnsupportedModel:
        return False
    return True


def _incoming(layer: Layer, pre: Pre) -> dict[int, list[tuple[IntegerProjection, object]]]:
    found: dict[int, list[tuple[IntegerProjection, object]]] = {}
    for q in layer.projections:
        found.setdefault(q.channel, []).append((q, pre))
    return found
