"""In which order a description lists its synapses, kept without a number for every synapse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ByRow:
    """Listed by pre, delay, post: the order of the rows themselves."""

    def places(self, targets: np.ndarray) -> np.ndarray:
        """Place in the description of every synapse in row order, (S,) int64."""
        return np.arange(len(targets))


@dataclass(frozen=True)
class ByColumn:
    """Listed by post, then in row order, as a fixed in-degree is drawn."""

    def places(self, targets: np.ndarray) -> np.ndarray:
        """Place in the description of every synapse in row order, (S,) int64."""
        places = np.empty(len(targets), np.int64)
        places[np.argsort(targets, kind="stable")] = np.arange(len(targets))
        return places


@dataclass(frozen=True, eq=False)
class Mixed:
    """Any other order: one number for every synapse, 4 bytes.

    place (S,) int32   place in the description, row order
    """

    place: np.ndarray

    def places(self, targets: np.ndarray) -> np.ndarray:
        """Place in the description of every synapse in row order, (S,) int64."""
        return self.place.astype(np.int64)


Listing = ByRow | ByColumn | Mixed


def listing_of(order: np.ndarray, targets: np.ndarray) -> Listing:
    """The narrowest listing that gives `order` back.

    order (S,)   place in the description of every synapse in row order      targets (S,)  row order
    """
    if np.array_equal(order, np.arange(len(order))):
        return ByRow()
    if np.array_equal(order, ByColumn().places(targets)):
        return ByColumn()
    return Mixed(order.astype(np.int32))
