"""A network on the CPU that is stepped from outside, piece by piece, without copying its state."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.kernels.sparse.cpu_run import General, given_spikes, recent, ring_of, run_form
from bioplastic.kernels.sparse.events import Found
from bioplastic.kernels.sparse.layout import State, lay_populations
from bioplastic.kernels.sparse.layout_synapses import (
    lay_projections,
    lay_state,
    read_back,
    read_synapses,
    state_pieces,
)
from bioplastic.kernels.sparse.state import KernelState, initial_state
from bioplastic.kernels.sparse.trains import with_trains
from bioplastic.quantize.bounds import any_spikes_hold
from bioplastic.quantize.integer_network import IntegerNetwork


class Session:
    """A run that goes on where it stopped: for closed loops and streams of short pieces.

    `dispatch.run` lays out every array of a network and copies its state at each call; a session
    does so once. Pieces are equal in every bit to one run over all of them.

    network   as lowered; the trains of its sources are those of the steps to come, until `run` is
              given others
    state     where to begin, left as it is; None: the start

    `step` is the next one. `arrays` are views of the running state by the keys of `KernelState`:
    weights that the executor keeps in tiles, and spikes under way, are only in `state()`. Whoever
    writes into them calls `wake()` before the next `run`: a block of neurons at rest is skipped.
    """

    def __init__(self, network: IntegerNetwork, state: KernelState | None = None) -> None:
        start = initial_state(network) if state is None else state
        self.network, self.step = network, start.step
        populations, channels = lay_populations(network)
        self._synapses = lay_projections(network, start.arrays)
        self._flat = lay_state(network, start, populations)
        self._ring = ring_of(network, start)
        self._form = General(network, populations, channels, self._synapses, self._flat)
        self._shapes = {k: (a.shape, a.dtype) for k, a in start.arrays.items()}
        self.arrays = self._views()

    def run(
        self,
        steps: int,
        sources: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    ) -> tuple[Found, Found, dict[str, int]]:
        """Go on for `steps` steps.

        sources   source -> (steps, ids) of its spikes, both (E,) integers in any order, steps
                  counted from the start of the network; a source that is not named keeps the train
                  of `network`. None: all keep it
        Returns (steps, ids) of the spikes by population and of the plateau onsets by
        "population.branch", and the counters, as `dispatch.run`.
        Raises UsageError for steps < 0, a source without that name, an id outside of it, two spikes
        of one source in one step; UnsupportedModel when a train could bring a state out of its
        format.
        """
        if steps < 0:
            raise UsageError(f"steps = {steps}: must be >= 0")
        network = self.network
        if sources:
            network = with_trains(network, sources, proved=any_spikes_hold(network))
        given = given_spikes(network)
        last = self.step + int(steps)
        found = run_form(self._form, self._ring, given, self.step, last)
        self.step = last
        return found

    def wake(self) -> None:
        """Compute every block of neurons in the next step, as after a change from outside."""
        self._flat.active[:] = 1

    def state(self) -> KernelState:
        """A copy of where the session stands."""
        shaped = {k: np.empty(shape, dtype) for k, (shape, dtype) in self._shapes.items()}
        like = KernelState(step=self.step, arrays=shaped)
        shared = read_back(self.network, like, self._flat, self._synapses)
        arrays = {key: array.copy() for key, array in shared.items()}
        arrays |= recent(self.network, self._ring, self.step)
        return KernelState(step=self.step, arrays=arrays)

    def _views(self) -> dict[str, np.ndarray]:
        """What lies in the flat arrays as it does in a KernelState."""
        found, at = {}, dict.fromkeys(State._fields, 0)
        for field, key, owner in state_pieces(self.network):
            if key in self._shapes:
                shape = self._shapes[key][0]
                size = int(np.prod(shape, dtype=np.int64))
                piece = getattr(self._flat, field)[at[field] : at[field] + size]
                found[key] = piece.reshape(shape)
            else:
                size = self.network[owner].size if owner else 0
            at[field] += size
        own = self._synapses.permanence, self._synapses.plastic8, self._synapses.plastic16
        for key, array in read_synapses(self.network, self._synapses).items():
            if any(np.may_share_memory(array, part) for part in own):
                found[key] = array
        return found
