"""What to record, and how many bytes that will take, known before the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import brian2
import numpy as np
from brian2 import ms, second

from bioplastic.description import LinearIF, Network, Population
from bioplastic.errors import UsageError, nearest
from bioplastic.result import SpikeRecord
from bioplastic.simulate.build import Built, own
from bioplastic.simulate.equations import identifier
from bioplastic.simulate.grid import whole


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Samples of a projection at t = 0, every, 2 every, …, before the step at that time.

    projection   its name                          every      s, a multiple of dt
    subset       synapse numbers, None = all       variable   "weight" or "permanence"
    """

    projection: str
    every: Any = field(default_factory=lambda: 100 * ms)
    subset: Sequence[int] | None = None
    variable: str = "weight"

    @property
    def key(self) -> str:
        """Name in `Run.weights`: the projection, with ``.permanence`` when that is sampled."""
        return self.projection + ("" if self.variable == "weight" else f".{self.variable}")


@dataclass(frozen=True, kw_only=True)
class Voltages:
    """Samples of neurons at t = 0, every, 2 every, …, before the step at that time.

    population   its name                         every       s, a multiple of dt
    subset       neuron numbers, None = all       variables   "v", receptors, branches, "b.trace" …
    """

    population: str
    every: Any = field(default_factory=lambda: 1 * ms)
    subset: Sequence[int] | None = None
    variables: tuple[str, ...] = ("v",)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a run keeps.

    spikes     populations, sources and ``population.branch`` (plateau onsets); None = all of them
    weights, voltages   samples           limit   bytes that samples may take in all
    Samples are bounded and checked before the run; spikes take 12 bytes each as they come.
    """

    spikes: tuple[str, ...] | None = None
    weights: tuple[Weights, ...] = ()
    voltages: tuple[Voltages, ...] = ()
    limit: int = 2**30

    def bytes(self, network: Network, duration: Any) -> int:
        """Bytes that all samples of a run of `duration` (s) will take."""
        total = 0
        for w in self.weights:
            count = _count(w.subset, len(network.projection(w.projection).connectivity))
            total += 8 * count * _samples(duration, w.every)
        for v in self.voltages:
            count = _count(v.subset, network[v.population].size) * len(v.variables)
            total += 8 * count * _samples(duration, v.every)
        return total

    def check(self, network: Network, duration: Any) -> None:
        """UsageError when the samples would pass the limit, before anything is built."""
        need = self.bytes(network, duration)
        if need > self.limit:
            raise UsageError(
                f"record: the samples need {need / 2**20:,.0f} MiB, the limit is "
                f"{self.limit / 2**20:,.0f} MiB; sample less often (every=…) or a subset"
            )


def _count(subset: Sequence[int] | None, size: int) -> int:
    return size if subset is None else len(subset)


def _samples(duration: Any, every: Any) -> int:
    return int(np.ceil(float(duration / every) - 1e-9))


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Values over time: times (T,) s, ids (M,), values name -> (T, M) in SI units."""

    times: np.ndarray
    ids: np.ndarray
    values: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        """The samples of one variable, (T, M)."""
        return self.values[name]


def spike_sources(network: Network) -> list[str]:
    """Everything whose spikes or plateau onsets can be recorded."""
    names = [s.name for s in network.sources] + [p.name for p in network.populations]
    for population in network.populations:
        names += [f"{population.name}.{branch}" for branch in _events(population)]
    return names


def _events(population: Population) -> list[str]:
    if isinstance(population.neuron, LinearIF):
        return [event.name for event in population.neuron.events]
    branches = population.dendrites.branches if population.dendrites else ()
    silent = [b.name for b in branches if getattr(b, "v_plateau", 0) is None]
    return [b.name for b in branches if b.name not in silent]


class Recorder:
    """The monitors of one run."""

    def __init__(self, record: Record, network: Network, built: Built, dt: float) -> None:
        self.network, self.dt = network, dt
        self.clocks = {1: built.clock}
        self.spikes = {n: self._spike_monitor(n, built) for n in self._names(record)}
        self.weights = {w.key: self._weights(w, built) for w in record.weights}
        self.voltages = {v.population: self._voltages(v, built) for v in record.voltages}
        pairs = (*self.weights.values(), *self.voltages.values())
        own(built.network, *self.spikes.values(), *(monitor for monitor, _ in pairs))

    def _names(self, record: Record) -> list[str]:
        valid = spike_sources(self.network)
        for name in record.spikes or ():
            if name not in valid:
                raise UsageError(f"record.spikes: nothing is named {name!r}{nearest(name, valid)}")
        return valid if record.spikes is None else list(record.spikes)

    def _spike_monitor(self, name: str, built: Built) -> brian2.EventMonitor:
        title = f"spikes_{identifier(name)}"
        if name in built.groups:
            return brian2.SpikeMonitor(built.groups[name], name=title)
        population, _, branch = name.partition(".")
        event = f"plateau_{identifier(branch)}"
        return brian2.EventMonitor(built.groups[population], event, name=title)

    def _clock(self, owner: str, every: Any) -> brian2.Clock:
        steps = max(whole(f"record.{owner}.every", every, self.dt), 1)
        if steps not in self.clocks:
            self.clocks[steps] = brian2.Clock(
                dt=steps * self.dt * second, name=f"every_{steps}_steps"
            )
        return self.clocks[steps]

    def _weights(self, wanted: Weights, built: Built) -> tuple[brian2.StateMonitor, dict[str, str]]:
        self.network.projection(wanted.projection)
        states = {"weight": "w", **built.rules[wanted.projection].states}
        names = _variables(f"record.{wanted.projection}", (wanted.variable,), states)
        synapses = built.synapses[wanted.projection]
        count = len(synapses)
        ids = _ids(f"record.{wanted.projection}.subset", wanted.subset, count)
        return self._states(synapses, wanted.key, names, ids, wanted.every), names

    def _voltages(
        self, wanted: Voltages, built: Built
    ) -> tuple[brian2.StateMonitor, dict[str, str]]:
        self.network[wanted.population]
        parts = built.parts.get(wanted.population)
        states = parts.states if parts else {}
        names = _variables(f"record.{wanted.population}", wanted.variables, states)
        size = self.network[wanted.population].size
        ids = _ids(f"record.{wanted.population}.subset", wanted.subset, size)
        group = built.groups[wanted.population]
        return self._states(group, wanted.population, names, ids, wanted.every), names

    def _states(
        self, group: Any, key: str, names: dict[str, str], ids: np.ndarray, every: Any
    ) -> brian2.StateMonitor:
        return brian2.StateMonitor(
            group,
            list(names.values()),
            record=ids,
            clock=self._clock(key, every),
            name=f"samples_{identifier(key)}",
        )

    def spike_records(self) -> dict[str, SpikeRecord]:
        """All recorded spikes, ordered by (step, id)."""
        found = {}
        for name, monitor in self.spikes.items():
            steps = np.rint(np.asarray(monitor.t_) / self.dt).astype(np.int64)
            ids = np.asarray(monitor.i[:], dtype=np.int64)
            order = np.lexsort((ids, steps))
            group = self.network[name.partition(".")[0] if "." in name else name]
            found[name] = SpikeRecord(
                population=name,
                steps=steps[order],
                ids=ids[order],
                size=group.size,
                dt=self.dt,
                labels=group.labels,
            )
        return found

    def samples(self) -> tuple[dict[str, Samples], dict[str, Samples]]:
        """Weights and voltages."""
        weights, voltages = (
            {key: _read(monitor, names) for key, (monitor, names) in kind.items()}
            for kind in (self.weights, self.voltages)
        )
        return weights, voltages


def _variables(owner: str, wanted: Sequence[str], states: dict[str, str]) -> dict[str, str]:
    for name in wanted:
        if name not in states:
            raise UsageError(f"{owner}: no variable {name!r} to sample{nearest(name, states)}")
    return {name: states[name] for name in wanted}


def _ids(owner: str, subset: Sequence[int] | None, size: int) -> np.ndarray:
    ids = np.arange(size) if subset is None else np.asarray(subset, dtype=np.int64)
    if len(ids) and (ids.min() < 0 or ids.max() >= size):
        raise UsageError(f"{owner}: must lie in 0..{size - 1}")
    return ids


def _read(monitor: brian2.StateMonitor, names: dict[str, str]) -> Samples:
    return Samples(
        times=np.array(monitor.t_),
        ids=np.array(monitor.record),
        values={n: np.ascontiguousarray(getattr(monitor, f"{v}_").T) for n, v in names.items()},
    )
