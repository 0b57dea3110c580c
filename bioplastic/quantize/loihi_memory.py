"""A learned temporal memory as a Loihi network: every branch a neuron that holds its plateau.

One step of the chip is `MemoryForm.step`. For each excitatory population the chip has
    somata    Leaky neurons. A drive brings three charges, placed so that a predicted neuron crosses
              its threshold in the first step and the others in the third.
    echoes    One a neuron: it repeats a spike for as many steps as two inputs of a branch may come
              apart and still count together (one chip synapse instead of one a step).
    branches  One a branch, without memory: enough echoes in one step make it spike. Its own spike
              comes back two steps later and makes it spike again, and every spike brings the soma
              the charge of two steps of the plateau's current; the step between is closed. Inputs
              while a plateau lasts are lost.
    timers    One a branch: it counts the spikes of its branch and ends the plateau in time. A spike
              of the soma makes it spike at once: the plateau ends, the count is zero again.
              Echoes keep the branch shut while the soma would be refractory.
Inhibitory neurons count the spikes of one step and stop what has not spiked: their spike comes back
two steps after those that caused it. No neuron has a memory of its current (du = 4095) and none is
refractory, so that lava-nc, brian2-loihi and SANA-FE compute the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from brian2 import second

from bioplastic.description import LIF, Network, PlateauBranch, Population, SpikeTrain
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.quantize.loihi import (
    LONGEST_DELAY,
    LoihiNetwork,
    LoihiPopulation,
    LoihiProjection,
    LoihiSource,
)
from bioplastic.quantize.loihi_codes import coded, coded_up, synapses, volts_per_unit
from bioplastic.quantize.loihi_memory_parts import Links, Parts, branches, parts_of
from bioplastic.quantize.loihi_memory_timing import Psp, fewest, rise, samples, window
from bioplastic.result import SpikeRecord

COUNT = 100
"""Weight of the strongest recurrent synapse, and of a spike that an inhibitory neuron counts."""
FORGETS = 4095
"""Decay of u or v with which nothing is left a step later."""


@dataclass(frozen=True, kw_only=True)
class MemoryForm:
    """How a temporal memory is laid out on the chip.

    step            s of a step of the chip, > 0; shorter than predicted neurons are ahead of others
    longest_delay   steps, 2 to 62
    """

    step: float = 1e-3
    longest_delay: int = LONGEST_DELAY

    def __post_init__(self) -> None:
        """Check the layout."""
        if not 0 < self.step < 1:
            raise UsageError(f"MemoryForm: step = {self.step} s: above 0, below 1 s")
        if not 2 <= self.longest_delay <= LONGEST_DELAY:
            raise UsageError(
                f"MemoryForm: longest_delay = {self.longest_delay} steps: 2 to {LONGEST_DELAY}"
            )

    def steps(self, seconds: float) -> int:
        """Nearest whole number of steps."""
        return round(seconds / self.step)


@dataclass(frozen=True, kw_only=True, eq=False)
class LoihiMemory:
    """The network and what its spikes mean.

    plateaus   "population.branch" → length of its plateau in steps
    fewest     "population.branch" → coincident inputs that start a plateau
    winners    inhibitory population → spikes in one step that make it stop the rest
    rounding   largest relative rounding of a charge
    """

    network: LoihiNetwork
    form: MemoryForm
    plateaus: Mapping[str, int]
    fewest: Mapping[str, int]
    winners: Mapping[str, int]
    rounding: float

    def stimulus(
        self, trains: Mapping[str, SpikeTrain], steps: int
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Spikes of the sources in the first `steps` steps: source → (steps, ids)."""
        found = {}
        for name, train in trains.items():
            when = train.steps(self.form.step * second)
            inside = when < steps
            found[name] = when[inside], train.i[inside]
        return found

    def onsets(self, spikes: Mapping[str, SpikeRecord], branch: str) -> SpikeRecord:
        """Plateau onsets of a branch population: spikes with none two steps before."""
        record = spikes[branch]
        span = 3 + int(record.steps.max(initial=0))
        keys = record.ids * span + record.steps + 2
        first = ~np.isin(keys - 2, keys)
        return SpikeRecord(
            population=branch, steps=record.steps[first], ids=record.ids[first],
            size=record.size, dt=record.dt,
        )  # fmt: skip


def loihi_memory(network: Network, form: MemoryForm | None = None) -> LoihiMemory:
    """Write a temporal memory, plasticity off (`Learned.network(plastic=False)`), as chip neurons.

    Raises UnsupportedModel, naming the object, for what has no place there.
    """
    made = _Made(parts_of(network), form or MemoryForm())
    for p in made.parts.excitatory:
        made.somata(p)
        for branch in branches(p):
            made.branch(p, branch)
    for p in made.parts.inhibitory:
        made.inhibitory(p)
    return LoihiMemory(
        network=LoihiNetwork(
            name=network.name, dt=made.form.step,
            sources=tuple(LoihiSource(name=s.name, size=s.size) for s in network.sources),
            populations=tuple(made.populations), projections=tuple(made.projections),
        ),
        form=made.form, plateaus=made.plateaus, fewest=made.fewest, winners=made.winners,
        rounding=made.rounding,
    )  # fmt: skip


def _lif(p: Population) -> LIF:
    assert isinstance(p.neuron, LIF)
    return p.neuron


def _echo(p: str) -> str:
    return f"{p} echo"


class _Made:
    """Collects the populations and projections of the chip."""

    def __init__(self, parts: Parts, form: MemoryForm) -> None:
        self.parts, self.form = parts, form
        self.populations: list[LoihiPopulation] = []
        self.projections: list[LoihiProjection] = []
        self.plateaus: dict[str, int] = {}
        self.fewest: dict[str, int] = {}
        self.winners: dict[str, int] = {}
        self.rounding = 0.0
        self.windows = self._windows()

    def _windows(self) -> dict[str, int]:
        """Steps that the echo of a population lasts: the longest that a branch wants."""
        found: dict[str, int] = {}
        for q in self.parts.recurrent:
            b = self.parts.branch(q)
            apart = window(q.weight, float(b.threshold), float(b.tau))
            found[q.pre] = max(found.get(q.pre, 1), 1 + int(apart / self.form.step))
        for p in self.parts.excitatory:  # where no branch listens, an echo only shuts its own
            found.setdefault(p.name, min(self.form.longest_delay, 8))
        return found

    def _add(self, name: str, size: int, vth: int, dv: int) -> None:
        self.populations.append(LoihiPopulation(name=name, size=size, du=FORGETS, dv=dv, vth=vth))

    def _join(
        self, name: str, pre: str, post: str, index: tuple[np.ndarray, np.ndarray], units: float,
        delay: int,
    ) -> None:  # fmt: skip
        """Synapses that bring `units` of the post neuron's threshold, `delay` steps late."""
        if not 0 <= delay <= self.form.longest_delay:
            raise UnsupportedModel(
                f"{name}: a delay of {delay} steps of {self.form.step * 1e3:g} ms: the target holds"
                f" 0 to {self.form.longest_delay}"
            )
        code = coded(units, name)
        self.rounding = max(self.rounding, abs(code.units / units - 1))
        self.projections.append(synapses(name, pre, post, index, code, delay))

    def somata(self, p: Population) -> None:
        """Somata with their drives and inhibition, and their echoes."""
        neuron, every = _lif(p), np.arange(p.size)
        keep = float(np.exp(-self.form.step / float(neuron.tau_m)))
        threshold = float(neuron.v_th) - float(neuron.v_rest)
        plateau = max(float(b.plateau_current) for b in branches(p)) * float(neuron.resistance)
        arriving = [
            (q, Psp(weight=q.weight, tau_m=float(neuron.tau_m), tau_s=self.parts.tau(q),
                    c_m=float(neuron.c_m)))
            for q in (*self.parts.drives, *self.parts.stops) if q.post == p.name
        ]  # fmt: skip
        largest = max([threshold, *(abs(psp.jump) for _, psp in arriving)])
        unit = volts_per_unit(largest)
        self._add(p.name, p.size, round(threshold / unit), round(4096 * (1 - keep)))
        for q, psp in arriving:
            if q in self.parts.stops:
                # deep inhibition would stay on the winners, which are not refractory here
                stop = max(psp.jump, -threshold)
                self._join(q.name, q.pre, p.name, (q.i, q.j), stop / unit, 0)
                continue
            drive = samples(psp, threshold, plateau, self.form.step, keep, q.name)
            for k, tap in enumerate(drive.taps):
                self._join(f"{q.name} {k}", q.pre, p.name, (q.i, q.j), tap / unit, k)
        for b in branches(p):
            current = float(b.plateau_current) * float(neuron.resistance) * (1 - keep) / unit
            for late in (0, 1):
                self._join(
                    f"{p.name}.{b.name} plateau {late}", f"{p.name}.{b.name}", p.name,
                    (every, every), current, late,
                )  # fmt: skip
        self._add(_echo(p.name), p.size, COUNT // 2, FORGETS)
        for late in range(self.windows[p.name]):
            self._join(f"{p.name} echo {late}", p.name, _echo(p.name), (every, every), COUNT, late)

    def branch(self, p: Population, b: PlateauBranch) -> None:
        """Branch neurons with their inputs and their loop, and their timers."""
        name, every = f"{p.name}.{b.name}", np.arange(p.size)
        recurrent = [q for q in self.parts.recurrent if (q.post, q.target) == (p.name, b.name)]
        primes = [q for q in self.parts.primes if (q.post, q.target) == (p.name, b.name)]
        weights = [q.weight for q in recurrent or primes]
        amperes = max(weights, default=float(b.threshold)) / COUNT
        vth = round(float(b.threshold) / amperes)
        self._add(name, p.size, vth, FORGETS)
        fan_in = np.zeros(p.size)
        for q in (*recurrent, *primes):
            fan_in += np.bincount(q.j, minlength=p.size) * q.weight / amperes
        for q in recurrent:
            self._recurrent(q, b, amperes, name)
        for q in primes:
            self._join(q.name, q.pre, name, (q.i, q.j), q.weight / amperes, 0)
        loop = coded_up(1.5 * vth, f"{name} loop").units
        shut = -coded_up(loop + float(fan_in.max(initial=0)), f"{name} shut").units
        self._join(f"{name} closed", name, name, (every, every), shut, 0)
        self._join(f"{name} loop", name, name, (every, every), loop, 1)
        self._timer(p, b, name, shut)
        self._refractory(p, name, shut)
        self.fewest[name] = fewest(max(weights, default=np.inf), float(b.threshold))

    def _recurrent(self, q: Links, b: PlateauBranch, amperes: float, name: str) -> None:
        """From echoes to branches: the delay, and half the rise of the fewest inputs."""
        lag = self.form.steps(q.delay + rise(q.weight, float(b.threshold), float(b.tau)) / 2)
        if lag < 2:
            raise UnsupportedModel(
                f"{q.name}: it acts after {lag} steps of {self.form.step * 1e3:g} ms; through an"
                " echo it takes at least 2: use a shorter step"
            )
        self._join(q.name, _echo(q.pre), name, (q.i, q.j), q.weight / amperes, lag - 2)

    def _timer(self, p: Population, b: PlateauBranch, name: str, shut: float) -> None:
        """Counts the loop's turns of two steps; a spike of the soma makes it spike at once."""
        every, timer = np.arange(p.size), f"{name} timer"
        turns = max(1, round(self.form.steps(float(b.duration)) / 2))
        self.plateaus[name] = 2 * turns
        self._add(timer, p.size, 2 * turns - 1, 0)
        self._join(f"{name} turn", name, timer, (every, every), 2, 0)
        self._join(f"{name} over", timer, name, (every, every), shut, 0)
        strong = coded_up(2 * turns, timer).units
        self._join(f"{name} spent", p.name, timer, (every, every), strong, 0)

    def _refractory(self, p: Population, name: str, shut: float) -> None:
        """Keep a branch shut in the steps 1, 2, … t_ref after a spike of its soma."""
        every = np.arange(p.size)
        self._join(f"{name} shut", p.name, name, (every, every), shut, 0)
        steps, lasts = self.form.steps(float(_lif(p).t_ref)), self.windows[p.name]
        covered = 1
        while covered < steps:
            late = min(covered - 1, max(0, steps - lasts - 1))
            self._join(f"{name} shut {covered}", _echo(p.name), name, (every, every), shut, late)
            covered = late + lasts + 1

    def inhibitory(self, p: Population) -> None:
        """Neurons that count the spikes of a step."""
        neuron = _lif(p)
        threshold = float(neuron.v_th) - float(neuron.v_rest)
        counts = [q for q in self.parts.counts if q.post == p.name]
        peaks = {
            q.name: Psp(weight=q.weight, tau_m=float(neuron.tau_m), tau_s=self.parts.tau(q),
                        c_m=float(neuron.c_m)).peak
            for q in counts
        }  # fmt: skip
        if not counts:
            raise UnsupportedModel(f"{p.name}: no synapses that it could count")
        unit = max(peaks.values()) / COUNT
        keep = float(np.exp(-self.form.step / float(neuron.tau_m)))
        self._add(p.name, p.size, round(threshold / unit), round(4096 * (1 - keep)))
        for q in counts:
            self._join(q.name, q.pre, p.name, (q.i, q.j), peaks[q.name] / unit, 0)
        self.winners[p.name] = fewest(max(peaks.values()), threshold)
