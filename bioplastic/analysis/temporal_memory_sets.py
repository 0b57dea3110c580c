"""Which neurons answered each element and which were predicted after it, set by set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bioplastic.analysis.temporal_memory import plateau_ends
from bioplastic.result import SpikeRecord


@dataclass(frozen=True, kw_only=True, eq=False)
class Elements:
    """What was shown, in order.

    times (K,) s      when each element came, ascending
    group (K,) int    its subpopulation
    last (K,) bool    the next comes a plateau later or more: the last of a sequence. Whether the
                      one before lies within a plateau, so that it could predict this one, decides
                      which are `scored`
    """

    times: np.ndarray
    group: np.ndarray
    duration: float

    @property
    def last(self) -> np.ndarray:
        """Elements that end a sequence, (K,) bool."""
        return np.append(np.diff(self.times) >= self.duration * (1 - 1e-9), True)

    @property
    def scored(self) -> np.ndarray:
        """Index of the last elements of sequences of two or more."""
        follows = np.insert(np.diff(self.times) < self.duration * (1 - 1e-9), 0, False)
        return np.flatnonzero(self.last & follows)


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What one executor did with the elements.

    active (K, N) bool      neurons that spiked from an element until the next
    predicted (K, N) bool   neurons in a plateau `probe` seconds after an element
    """

    active: np.ndarray
    predicted: np.ndarray

    def errors(
        self, elements: Elements, group: np.ndarray, enough: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """False positives and false negatives for the last element of each sequence, (S,) each.

        group (N,)   subpopulation of each neuron, −1 = of none
        enough       predicted neurons from which on a subpopulation counts as predicted
        Source: Bouhadjar et al. 2022 [bouhadjar2022], prediction error.
        """
        at = elements.scored
        size = 1 + max(int(group.max(initial=0)), int(elements.group.max(initial=0)))
        counted = np.zeros((len(at), size), np.int64)
        inside = group >= 0
        for row, k in enumerate(at):
            counted[row] = np.bincount(
                group[inside], weights=self.predicted[k - 1, inside], minlength=size
            )
        said = counted >= enough
        hit = said[np.arange(len(at)), elements.group[at]]
        return said.sum(axis=1) - hit, (~hit).astype(np.int64)


def answers(
    spikes: SpikeRecord, onsets: Sequence[SpikeRecord], elements: Elements, probe: float, end: float
) -> Answers:
    """Read spikes and plateau onsets of one population against the elements.

    onsets   one record a branch; a neuron is predicted when any of its branches holds a plateau
    probe    s after an element        end   s, when the run was over
    """
    dt, size, many = spikes.dt, spikes.size, len(elements.times)
    begin = np.rint(elements.times / dt).astype(np.int64)
    after = np.append(begin[1:], round(end / dt))
    active, predicted = np.zeros((many, size), bool), np.zeros((many, size), bool)
    place = np.searchsorted(begin, spikes.steps, side="right") - 1
    inside = (place >= 0) & (spikes.steps < after[place])
    active[place[inside], spikes.ids[inside]] = True
    for record in onsets:
        over = plateau_ends(record, spikes, round(elements.duration / dt))
        for k, step in enumerate(begin + round(probe / dt)):
            lasting = (record.steps <= step) & (step < over)
            predicted[k, record.ids[lasting]] = True
    return Answers(active=active, predicted=predicted)


def equal_sets(a: np.ndarray, b: np.ndarray) -> int:
    """How many rows of two (K, N) arrays are the same set."""
    return int((a == b).all(axis=1).sum())
