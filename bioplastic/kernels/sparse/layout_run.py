"""Flat arrays of one run of the fast executor: spikes under way, given spikes, output."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Ring(NamedTuple):
    """Spikes of the last steps: slot = step mod slots (a power of two)."""

    units: np.ndarray  # (slots, units) int64
    edge: np.ndarray  # (slots, groups + 1): where the spikes of each group begin
    step: np.ndarray  # (slots,) step that a slot holds


class Given(NamedTuple):
    """Source spikes ordered by (step, unit)."""

    step: np.ndarray
    unit: np.ndarray
    first: np.ndarray  # (sources + 1,) first unit of each source


class Output(NamedTuple):
    """Buffers of spikes and plateau onsets, and the counters."""

    step: np.ndarray
    unit: np.ndarray
    onset_step: np.ndarray
    onset_slot: np.ndarray
    written: np.ndarray  # (2,) spikes and onsets written
    counters: np.ndarray
