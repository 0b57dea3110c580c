"""A lowered network with other source spikes than it was lowered with, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bioplastic.errors import UsageError, nearest
from bioplastic.quantize.bounds import check_trains
from bioplastic.quantize.integer_network import IntegerNetwork, IntegerSource


def with_trains(
    network: IntegerNetwork, trains: Mapping[str, tuple[np.ndarray, np.ndarray]], *, proved: bool
) -> IntegerNetwork:
    """The network with other source spikes; unless any are `proved` to do no harm, these are."""
    known = {s.name: s for s in network.sources}
    for name in trains:
        if name not in known:
            raise UsageError(f"{network.name}: no source {name!r}{nearest(name, known)}")
    made = tuple(_with_train(s, *trains[s.name]) if s.name in trains else s for s in known.values())
    found = replace(network, sources=made)
    if not proved:
        check_trains(found)
    return found


def _with_train(source: IntegerSource, steps: np.ndarray, ids: np.ndarray) -> IntegerSource:
    steps, ids = np.asarray(steps, np.int64), np.asarray(ids, np.int64)
    if steps.shape != ids.shape or steps.ndim != 1:
        raise UsageError(f"{source.name}: steps {steps.shape} and ids {ids.shape}: both are (E,)")
    outside = (ids < 0) | (ids >= source.size) | (steps < 0)
    if outside.any():
        at = int(np.flatnonzero(outside)[0])
        raise UsageError(
            f"{source.name}: spike of id {ids[at]} in step {steps[at]}: ids are "
            f"0..{source.size - 1}, steps >= 0"
        )
    order = np.lexsort((ids, steps))
    steps, ids = steps[order], ids[order]
    twice = np.flatnonzero((np.diff(steps) == 0) & (np.diff(ids) == 0))
    if len(twice):
        raise UsageError(
            f"{source.name}: id {ids[twice[0]]} spikes twice in step {steps[twice[0]]}"
        )
    return replace(source, steps=steps, ids=ids)
