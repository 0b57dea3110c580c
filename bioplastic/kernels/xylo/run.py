"""The door to `xylo-1`: events of the channels in, spikes and potentials out."""

from __future__ import annotations

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.kernels.xylo.reference import Trace, advance
from bioplastic.quantize.xylo import EVENTS_IN, XyloNetwork


def run_xylo(network: XyloNetwork, events: np.ndarray) -> Trace:
    """Run a network from rest.

    events (T, channels) int   events of each channel in each step, 0..15
    Raises UsageError for events of another shape, type or number.
    """
    given = np.asarray(events)
    if given.ndim != 2 or given.shape[1] != network.inputs or given.dtype.kind not in "biu":
        raise UsageError(f"events: {given.dtype} {given.shape}: must be (T, {network.inputs}) ints")
    if given.size and not 0 <= given.min() <= given.max() <= EVENTS_IN:
        raise UsageError(
            f"events {given.min()}..{given.max()}: a channel takes 0 to {EVENTS_IN} in a step"
        )
    return advance(network, given.astype(np.int64))
