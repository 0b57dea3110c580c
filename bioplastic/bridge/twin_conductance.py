"""ConductanceLIF in the twin: conductances, optional adaptation of the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from brian2 import volt
from torch import Tensor

from bioplastic.bridge.surrogate import step as spiked
from bioplastic.bridge.twin_cells import WAIT, Cells, Fired, Plan, States, bare, cells_of
from bioplastic.description import ConductanceLIF, ExponentialEuler, Population
from bioplastic.simulate.grid import whole


@dataclass(frozen=True)
class _Ready:
    v_th: Tensor
    v_rest: Tensor
    drive: Tensor


class ConductanceCells(Cells):
    """States v (V), "g <receptor>" (leak units), theta (V), and "steps since spike"."""

    def __init__(self, population: Population, plan: Plan) -> None:
        super().__init__(population, plan)
        neuron = population.neuron
        assert isinstance(neuron, ConductanceLIF)
        dt = plan.dt
        self.refractory = whole(f"{population.name}.neuron.t_ref", neuron.t_ref, dt)
        self.held = neuron.held and self.refractory > 0
        self.euler = not isinstance(neuron.integrator, ExponentialEuler)
        self.adaptive = float(neuron.theta_step) > 0 or neuron.initial_theta is not None
        self.theta_step, self.part = float(neuron.theta_step), dt / float(neuron.tau_m)
        self.keep_theta = self._kept(dt / float(neuron.tau_theta))
        self.keep = [self._kept(dt / float(r.tau)) for r in neuron.receptors]
        self.reversals = [float(r.reversal) for r in neuron.receptors]
        self.g = [f"g {r.name}" for r in neuron.receptors]
        self.v_reset = float(neuron.v_reset)
        v_rest = np.asarray(neuron.v_rest / volt, dtype=float)
        self.register_buffer("v_rest", torch.as_tensor(v_rest).to(plan.dtype))
        self.initial = {"v": v_rest if neuron.initial_v is None else neuron.initial_v / volt}
        given = np.zeros(len(self.g)) if neuron.initial_g is None else np.asarray(neuron.initial_g)
        self.initial |= {name: given[..., k] for k, name in enumerate(self.g)}
        if self.adaptive:
            theta = neuron.initial_theta
            self.initial["theta"] = np.zeros(()) if theta is None else theta / volt
        v_th, drive = (np.asarray(q / volt, dtype=float) for q in (neuron.v_th, neuron.drive))
        self.scale = float(np.max(np.abs(v_th - self.v_reset))) or 1.0
        trained = plan.trainable
        self.v_th = self.value("v_th", v_th, trainable=trained.thresholds)
        self.drive = self.value("drive", drive, trainable=trained.offsets, otherwise=self.scale)
        self.into = {"v": "v"} | {r.name: f"g {r.name}" for r in neuron.receptors}
        self.gains = dict.fromkeys(self.into, 1.0)
        self.units_of = {name: volt if name == "v" else 1 for name in self.into}

    def start(self, batch: int, like: Tensor) -> States:
        """The description's initial values."""
        x = {n: self.full(np.asarray(v, dtype=float), batch, like) for n, v in self.initial.items()}
        if self.refractory:
            x[WAIT] = self.never(batch, like)
        return x

    def prepare(self) -> _Ready:
        """Threshold and drive as they are now."""
        self.v_th.check()
        self.drive.check()
        assert isinstance(self.v_rest, Tensor)
        return _Ready(self.v_th(), self.v_rest, self.drive())

    def _kept(self, part: float) -> float:
        return 1 - part if self.euler else float(np.exp(-part))

    def integrate(self, ready: _Ready, x: States) -> tuple[States, dict[str, Tensor]]:
        """Exponential Euler, or Euler: every state from the old values of the others."""
        new, v = dict(x), x["v"]
        moved = self._euler(ready, x) if self.euler else self._exponential(ready, x)
        if self.refractory:
            new[WAIT] = x[WAIT] + 1
        if self.held:
            free = new[WAIT] >= self.refractory
            moved = torch.where(free, v + (moved - v), v)
        for name, keep in zip(self.g, self.keep, strict=True):
            new[name] = x[name] * keep
        if self.adaptive:
            new["theta"] = x["theta"] * self.keep_theta
        new["v"] = moved
        return new, {}

    def _exponential(self, ready: _Ready, x: States) -> Tensor:
        total, driven = torch.ones_like(x["v"]), ready.v_rest + ready.drive
        for name, reversal in zip(self.g, self.reversals, strict=True):
            total, driven = total + x[name], driven + x[name] * reversal
        rest = driven / total
        return rest + (x["v"] - rest) * torch.exp(-total * self.part)

    def _euler(self, ready: _Ready, x: States) -> Tensor:
        v = x["v"]
        pull = ready.v_rest - v + ready.drive
        for name, reversal in zip(self.g, self.reversals, strict=True):
            pull = pull + x[name] * (reversal - v)
        return v + self.part * pull

    def fire(self, ready: _Ready, x: States, starts: Tensor) -> tuple[States, Fired]:
        """v > v_th (+ theta), not refractory."""
        new, v = dict(x), x["v"]
        limit = ready.v_th + x["theta"] if self.adaptive else ready.v_th
        spikes = spiked(v > limit, (v - limit) / self.scale, self.plan.surrogate)
        if self.refractory:
            spikes = spikes * (x[WAIT] >= self.refractory).to(spikes.dtype)
            new[WAIT] = torch.where(spikes.detach() > 0, 0, x[WAIT])
        return new, Fired(spikes=spikes, potential=v)

    def arrive(self, x: States, arrivals: Mapping[str, Tensor]) -> States:
        """Conductances, or v itself, jump."""
        new = dict(x)
        for target, total in arrivals.items():
            name = self.into[target]
            new[name] = new[name] + total
        return new

    def reset(self, ready: _Ready, x: States, fired: Fired) -> States:
        """v ← v_reset, theta jumps."""
        new, seen = dict(x), self.plan.reset.seen(fired.spikes)
        new["v"] = x["v"] * (1.0 - seen) + self.v_reset * seen
        if self.adaptive:
            new["theta"] = x["theta"] + self.theta_step * fired.spikes
        return new

    def described(self, population: Population) -> Population:
        """The population with trained thresholds and drive."""
        neuron = population.neuron
        assert isinstance(neuron, ConductanceLIF)
        changes: dict[str, Any] = {}
        for name, value in (("v_th", self.v_th), ("drive", self.drive)):
            if not np.array_equal(value.si(), np.asarray(getattr(neuron, name) / volt, float)):
                changes[name] = value.si() * volt
        return replace(population, neuron=replace(neuron, **changes)) if changes else population


@cells_of.register
def _conductance(neuron: ConductanceLIF, population: Population, plan: Plan) -> Cells:
    bare(population)
    return ConductanceCells(population, plan)
