"""Which synapses a spike reaches: helpers that the reference and its rules share."""

from __future__ import annotations

import numpy as np

from bioplastic.quantize.integer_network import IntegerProjection

Spikes = dict[str, np.ndarray]  # name of a source or population -> ids that spike in one step
Past = dict[int, Spikes]  # step -> spikes, as far back as the longest delay


def arriving_groups(q: IntegerProjection, past: Past, step: int) -> np.ndarray:
    """Groups (one pre, one delay) whose spikes arrive in `step`, ascending."""
    found = [
        past[step - d][q.pre] * len(q.delays) + k
        for k, d in enumerate(q.delays.tolist())
        if step - d in past
    ]
    return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)


def rows(q: IntegerProjection, groups: np.ndarray) -> np.ndarray:
    """Row places of all synapses of `groups`."""
    parts = [np.arange(q.row_ptr[g], q.row_ptr[g + 1]) for g in groups]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def columns(q: IntegerProjection, ids: np.ndarray) -> np.ndarray:
    """Column places of all synapses onto the neurons `ids`."""
    parts = [np.arange(q.col_ptr[i], q.col_ptr[i + 1]) for i in ids]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
