"""Parts of a run of the fast executor: its two forms, spikes under way, given and found."""

from __future__ import annotations

import numpy as np

from bioplastic.kernels.sparse.cpu_events import CYCLE, WINNERS
from bioplastic.kernels.sparse.cpu_neurons import SPAN
from bioplastic.kernels.sparse.cpu_plain import advance_plain
from bioplastic.kernels.sparse.cpu_step import advance
from bioplastic.kernels.sparse.cpu_traces import buffers_of
from bioplastic.kernels.sparse.cpu_weights import FRESH, RULE
from bioplastic.kernels.sparse.events import Found
from bioplastic.kernels.sparse.layout import (
    BLOCK,
    PERMANENCE,
    STATIC,
    Channels,
    Populations,
    State,
    groups,
    lay_others,
)
from bioplastic.kernels.sparse.layout_plain import FAR, later, lay_fan, lay_plain, unlay_plain
from bioplastic.kernels.sparse.layout_run import Given, Output, Ring
from bioplastic.kernels.sparse.layout_synapses import Projections
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.quantize.integer_network import IntegerNetwork
from bioplastic.quantize.integer_population import noted

COUNTERS = ("spikes", "synaptic_events", "weight_updates", "saturations", "neuron_updates")
ROOM = 1 << 16


def run_form(
    form: Plain | General, ring: Ring, given: Given, step: int, last: int
) -> tuple[Found, Found, dict[str, int]]:
    """Advance a form from `step` to `last`.

    Returns the spikes by population, the plateau onsets by "population.branch", and the counters.
    """
    network, start = form.network, step
    neurons = sum(p.size for p in network.populations)
    counters = np.zeros(len(COUNTERS), np.int64)
    pieces: list[tuple[np.ndarray, ...]] = []
    while step < last:
        room = ROOM + neurons + BLOCK * len(network.populations)
        out = output(room, ROOM + len(form.flat.hold), counters)
        step = form.advance(ring, given, out, step, last)
        n, m = out.written
        pieces.append((out.step[:n], out.unit[:n], out.onset_step[:m], out.onset_slot[:m]))
    form.finish(last)
    spike_step, unit, onset_step, slot = (
        np.concatenate([np.zeros(0, np.int64), *part])
        for part in (zip(*pieces, strict=True) if pieces else ((), (), (), ()))
    )
    found = dict(zip(COUNTERS, counters.tolist(), strict=True))
    found["neuron_updates_skipped"] = (last - start) * neurons - found["neuron_updates"]
    spikes = by_range(unit_ranges(network), spike_step, unit)
    return spikes, by_range(slot_ranges(network), onset_step, slot), found


class Plain:
    """Static synapses onto simple LIF neurons."""

    def __init__(
        self, network: IntegerNetwork, flat: State, synapses: Projections, step: int
    ) -> None:
        self.network, self.flat, self.synapses, self.origin = network, flat, synapses, step
        self.neurons = lay_plain(network, flat)
        self.fan = lay_fan(network, self.neurons)

    def advance(self, ring: Ring, given: Given, out: Output, step: int, last: int) -> int:
        """Go on until `last` or until `out` is full; return the step."""
        if step - self.origin >= FAR:
            later(self.neurons, step - self.origin)
            self.origin = step
        end = min(last, self.origin + FAR)
        return advance_plain(
            self.neurons, self.synapses, self.fan, ring, given, out,
            self.origin, step, end, self.network.max_delay,
        )  # fmt: skip

    def finish(self, last: int) -> None:
        """Write the state at `last` where it belongs."""
        unlay_plain(self.network, self.neurons, self.flat, last - self.origin)


class General:
    """Every network."""

    def __init__(
        self,
        network: IntegerNetwork,
        pops: Populations,
        channels: Channels,
        synapses: Projections,
        flat: State,
    ) -> None:
        n, rule = pops.number, synapses.number[:, RULE]
        buffers = buffers_of(synapses)
        self.network, self.flat = network, flat
        self.parts = (
            flat, pops, lay_others(network), channels, synapses,
            buffers if np.any(rule != STATIC) else None, buffers.weight,
        )  # fmt: skip
        self.has = (
            bool(np.any((n[:, WINNERS] > 0) & (n[:, CYCLE] > 0))),
            bool(np.any(rule == PERMANENCE)),
            bool(np.any(synapses.number[:, FRESH] == 1)),
            bool(np.any((rule != PERMANENCE) & (rule != STATIC))),
        )
        self.total = np.zeros(SPAN * BLOCK, np.int64)

    def advance(self, ring: Ring, given: Given, out: Output, step: int, last: int) -> int:
        """Go on until `last` or until `out` is full; return the step."""
        return advance(
            *self.parts, ring, given, out, self.total, self.has,
            step, last, self.network.seed, self.network.max_delay,
        )  # fmt: skip

    def finish(self, last: int) -> None:
        """Nothing to do: the state is where it belongs."""


def output(spikes: int, onsets: int, counters: np.ndarray) -> Output:
    """Empty buffers for so many spikes and onsets; the counters are shared."""
    return Output(
        step=np.empty(spikes, np.int64),
        unit=np.empty(spikes, np.int64),
        onset_step=np.empty(onsets, np.int64),
        onset_slot=np.empty(onsets, np.int64),
        written=np.zeros(2, np.int64),
        counters=counters,
    )


def ring_of(network: IntegerNetwork, state: KernelState) -> Ring:
    """The spikes under way in a state."""
    first = groups(network)[1]
    slots = 1 << int(network.max_delay).bit_length()
    ring = Ring(
        units=np.zeros((slots, max(int(first[-1]), 1)), np.int64),
        edge=np.zeros((slots, len(first)), np.int64),
        step=np.full(slots, -1, np.int64),
    )
    units, steps = state.arrays["recent_unit"], state.arrays["recent_step"]
    for step in np.unique(steps).tolist():
        here = units[steps == step]
        slot = step & (slots - 1)
        ring.step[slot] = step
        ring.units[slot, : len(here)] = here
        ring.edge[slot] = np.searchsorted(here, first)
    return ring


def recent(network: IntegerNetwork, ring: Ring, end: int) -> dict[str, np.ndarray]:
    """The spikes under way at step `end`, as arrays of a KernelState."""
    units, steps = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for slot in np.argsort(ring.step):
        if ring.step[slot] >= max(end - network.max_delay, 0):
            here = ring.units[slot, : ring.edge[slot, -1]]
            units.append(here)
            steps.append(np.full(len(here), ring.step[slot]))
    return {"recent_unit": np.concatenate(units), "recent_step": np.concatenate(steps)}


def given_spikes(network: IntegerNetwork) -> Given:
    """The spikes of the sources, by (step, unit)."""
    first = groups(network)[1][: len(network.sources) + 1]
    none = np.zeros(0, np.int64)
    steps = np.concatenate([none, *(s.steps for s in network.sources)])
    units = np.concatenate([none, *(s.ids + first[k] for k, s in enumerate(network.sources))])
    order = np.lexsort((units, steps))
    return Given(step=steps[order], unit=units[order], first=first)


def unit_ranges(network: IntegerNetwork) -> dict[str, tuple[int, int]]:
    """Population -> its first unit and its size."""
    place, first = groups(network)
    return {p.name: (int(first[place[p.name]]), p.size) for p in network.populations}


def slot_ranges(network: IntegerNetwork) -> dict[str, tuple[int, int]]:
    """ "population.branch" -> first slot and size, of the branches whose onsets are noted."""
    found, base = {}, 0
    for p in network.populations:
        for c in p.channels:
            if c.name in noted(p):
                found[f"{p.name}.{c.name}"] = (base, p.size)
            base += p.size
    return found


def by_range(ranges: dict[str, tuple[int, int]], steps: np.ndarray, places: np.ndarray) -> Found:
    """(steps, ids) of each range."""
    found = {}
    for name, (first, size) in ranges.items():
        inside = (places >= first) & (places < first + size)
        found[name] = (steps[inside], places[inside] - first)
    return found
