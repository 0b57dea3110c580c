"""LinearIF in the twin: any linear subthreshold system, held states, events, plateaus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bioplastic.bridge.surrogate import step as spiked
from bioplastic.bridge.twin_cells import WAIT, Cells, Fired, Plan, States, bare, cells_of
from bioplastic.bridge.twin_value import Row, combine, one_step
from bioplastic.description import LinearEvent, LinearIF, Population, Taylor
from bioplastic.simulate.grid import whole
from bioplastic.simulate.propagator import LinearSystem


@dataclass(frozen=True)
class _Event:
    """One LinearEvent on the grid; it is tested again after `dead` steps."""

    name: str
    row: Row
    theta: str
    scale: float
    matrix: list[Row]
    offset: list[float]
    dead: int
    duration: int
    late: bool

    @property
    def since(self) -> str:
        """State: steps since the last event."""
        return f"since {self.name}"

    @property
    def plateau(self) -> str:
        """State: 1 while the plateau lasts."""
        return f"plateau {self.name}"


@dataclass(frozen=True)
class _Ready:
    inputs: list[Tensor]  # what stands in the system beside states and plateaus: 1, or offsets
    theta: Tensor


class LinearCells(Cells):
    """States by their names; "steps since spike"; for each event "since <event>" in steps and
    "plateau <event>", 1 while it lasts.
    """

    def __init__(self, population: Population, plan: Plan) -> None:
        super().__init__(population, plan)
        neuron = population.neuron
        assert isinstance(neuron, LinearIF)
        self.names = list(neuron.names)
        self.refractory = whole(f"{population.name}.neuron.t_ref", neuron.t_ref, plan.dt)
        self.held, self.deaf = set(neuron.held), set(neuron.deaf)
        self.row, self.matrix = _rows(neuron.row[None])[0], _rows(neuron.reset)
        self.reset_offset = [float(r) for r in neuron.reset_offset]
        self.initial = np.asarray(neuron.initial, dtype=float)
        trained = plan.trainable
        self.theta = self.value("theta", neuron.theta, trainable=trained.thresholds)
        self.scale = float(np.max(np.abs(self.theta.si()))) or 1.0
        self.offset = self.value("offset", neuron.offset, trainable=trained.offsets)
        self.apart = neuron.offset.ndim == 2 or trained.offsets
        self.events = [self._event(k, event) for k, event in enumerate(neuron.events)]
        self.event_names = [event.name for event in self.events]
        self.gains = dict.fromkeys(self.names, 1.0)
        self.units_of = dict.fromkeys(self.names)
        self.weight_scale = self.scale
        system = self._system(neuron)
        order = neuron.integrator.order if isinstance(neuron.integrator, Taylor) else None
        self.free = _rows(one_step(system.matrix(), plan.dt, order))
        self.still = self.free
        if self.refractory:
            self.still = _rows(one_step(system.matrix(without=system.held), plan.dt, order))

    def _system(self, neuron: LinearIF) -> LinearSystem:
        """States, then the input 1 (or an offset for each state), then a switch per plateau.

        One input for an offset that all neurons share: its step is then rounded once.
        """
        system, states = LinearSystem(), {name: f"x {name}" for name in self.names}
        for name, state in states.items():
            system.add(state, 1, held=name in self.held)
        for k, name in enumerate(self.names):
            for m, source in enumerate(self.names):
                if neuron.matrix[k, m]:
                    system.drive(states[name], states[source], float(neuron.matrix[k, m]))
        if self.apart:
            for name, state in states.items():
                system.add(f"offset {name}", 1)
                system.drive(state, f"offset {name}", 1.0)
        else:
            system.add("one", 1)
            for state, constant in zip(states.values(), neuron.offset, strict=True):
                if constant:
                    system.drive(state, "one", float(constant))
        for event, mine in zip(neuron.events, self.events, strict=True):
            system.add(mine.plateau, 1)
            if mine.duration and event.drive is not None:
                for state, drive in zip(states.values(), event.drive, strict=True):
                    if drive:
                        system.drive(state, mine.plateau, float(drive))
        return system

    def _event(self, k: int, event: LinearEvent) -> _Event:
        owner, dt = f"{self.population_name}.{event.name}", self.plan.dt
        duration = whole(f"{owner}.duration", event.duration, dt)
        dead = whole(f"{owner}.dead_time", event.dead_time, dt)
        theta = np.asarray(event.theta, dtype=float)
        self.register_buffer(f"theta_{k}", torch.as_tensor(theta).to(self.plan.dtype))
        return _Event(
            name=event.name,
            row=_rows(np.asarray(event.row)[None])[0],
            theta=f"theta_{k}",
            scale=float(np.max(np.abs(theta))) or 1.0,
            matrix=_rows(event.reset),
            offset=[float(r) for r in event.reset_offset],
            dead=max(dead, duration + 1),
            duration=duration,
            late=event.late,
        )

    def start(self, batch: int, like: Tensor) -> States:
        """The description's initial states; no spike and no event yet."""
        x = {n: self.full(self.initial[..., k], batch, like) for k, n in enumerate(self.names)}
        for event in self.events:
            x[event.since] = self.never(batch, like)
            x[event.plateau] = torch.zeros(batch, self.size, dtype=like.dtype, device=like.device)
        if self.refractory:
            x[WAIT] = self.never(batch, like)
        return x

    def prepare(self) -> _Ready:
        """Offsets and threshold as they are now."""
        self.offset.check()
        self.theta.check()
        b = self.offset()
        if not self.apart:
            return _Ready([torch.ones((), dtype=b.dtype, device=b.device)], self.theta())
        return _Ready([b[..., k] for k in range(len(self.names))], self.theta())

    def integrate(self, ready: _Ready, x: States) -> tuple[States, dict[str, Tensor]]:
        """x ← P x + Q (b + Σ drive); held states stand still, others see the value they hold."""
        new = dict(x)
        for event in self.events:
            new[event.since] = x[event.since] + 1
            lasts = new[event.since] <= event.duration
            new[event.plateau] = x[event.plateau] * lasts.to(x[event.plateau].dtype)
        values = [*(x[n] for n in self.names), *ready.inputs]
        values += [new[event.plateau] for event in self.events]
        free = None
        if self.refractory:
            new[WAIT] = x[WAIT] + 1
            free = new[WAIT] >= self.refractory
        for k, name in enumerate(self.names):
            moved = combine(self.free[k], values)
            if free is not None and name in self.held:
                moved = torch.where(free, moved, x[name])
            elif free is not None and self.free[k] != self.still[k]:
                moved = torch.where(free, moved, combine(self.still[k], values))
            new[name] = moved.expand_as(x[name])
        return new, {}

    def fire(self, ready: _Ready, x: States, starts: Tensor) -> tuple[States, Fired]:
        """row·x > theta for the spike and for each event that is not dead."""
        new = dict(x)
        values = [x[name] for name in self.names]
        potential = combine(self.row, values)
        spikes = spiked(
            potential > ready.theta, (potential - ready.theta) / self.scale, self.plan.surrogate
        )
        if self.refractory:
            spikes = spikes * (x[WAIT] >= self.refractory).to(spikes.dtype)
            new[WAIT] = torch.where(spikes.detach() > 0, 0, x[WAIT])
        events = {}
        for event in self.events:
            form = combine(event.row, values)
            theta = getattr(self, event.theta)
            on = spiked(form > theta, (form - theta) / event.scale, self.plan.surrogate)
            on = on * (x[event.since] >= event.dead).to(on.dtype)
            new[event.since] = torch.where(on.detach() > 0, 0, x[event.since])
            new[event.plateau] = x[event.plateau] * (1.0 - on.detach()) + on
            events[event.name] = on
        return new, Fired(spikes=spikes, potential=potential, events=events)

    def arrive(self, x: States, arrivals: Mapping[str, Tensor]) -> States:
        """States jump; deaf ones not while the neuron is refractory."""
        new = dict(x)
        for target, total in arrivals.items():
            if target in self.deaf and self.refractory:
                total = total * (x[WAIT] >= self.refractory).to(total.dtype)
            new[target] = new[target] + total
        return new

    def reset(self, ready: _Ready, x: States, fired: Fired) -> States:
        """Early events, the spike, late events: each x ← R x + r where it happened."""
        new = dict(x)
        for event in self.events:
            if not event.late:
                new |= self._affine(new, event.matrix, event.offset, fired.events[event.name])
        new |= self._affine(new, self.matrix, self.reset_offset, fired.spikes)
        for event in self.events:
            if event.late:
                new |= self._affine(new, event.matrix, event.offset, fired.events[event.name])
        return new

    def _affine(self, x: States, matrix: list[Row], offset: list[float], on: Tensor) -> States:
        seen = self.plan.reset.seen(on)
        values = [x[name] for name in self.names]
        after = {}
        for k, name in enumerate(self.names):
            if offset[k] == 0.0 and all(f == float(m == k) for m, f in enumerate(matrix[k])):
                continue  # x ← x
            to = combine(matrix[k], values) + offset[k]
            after[name] = values[k] * (1.0 - seen) + to * seen
        return after

    def described(self, population: Population) -> Population:
        """The population with trained theta and offset."""
        neuron = population.neuron
        assert isinstance(neuron, LinearIF)
        changes: dict[str, Any] = {}
        if not np.array_equal(self.theta.si(), np.asarray(neuron.theta, dtype=float)):
            theta = self.theta.si()
            changes["theta"] = theta if theta.ndim else float(theta)
        if not np.array_equal(self.offset.si(), neuron.offset):
            changes["offset"] = self.offset.si()
        return replace(population, neuron=replace(neuron, **changes)) if changes else population


def _rows(matrix: np.ndarray) -> list[Row]:
    return [[float(p) for p in row] for row in matrix]


@cells_of.register
def _linear(neuron: LinearIF, population: Population, plan: Plan) -> Cells:
    bare(population)
    return LinearCells(population, plan)
