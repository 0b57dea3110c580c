"""LIF and AdaptiveLIF with plateau branches and hard winner-take-all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from brian2 import amp, second, volt
from torch import Tensor, nn

from bioplastic.bridge.surrogate import step as spiked
from bioplastic.bridge.twin_cells import (
    WAIT,
    Cells,
    Fired,
    Plan,
    States,
    cells_of,
    no_twin,
)
from bioplastic.bridge.twin_compete import Contest
from bioplastic.bridge.twin_leaky_parts import (
    Plateau,
    branches_of,
    plateau_of,
    rates_of,
    retimed,
)
from bioplastic.bridge.twin_value import Propagator, Row, combine, one_step, positive
from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    DendriticTree,
    HardWTA,
    PlateauBranch,
    Population,
)
from bioplastic.simulate.build import collect
from bioplastic.simulate.equations import identifier


@dataclass(frozen=True)
class _Ready:
    rows: dict[str, Row]
    v_th: Tensor
    offset: Tensor | None


class LeakyCells(Cells):
    """Exact steps of the same linear system, in the same order of terms, as `simulate` builds.

    States (SI): v, I_<receptor> and h_<receptor>, theta, I_, h_, p_ and z_<branch>. Whole numbers:
    "steps since spike"; left_<branch>, steps the plateau still lasts; left, winners still free.
    """

    def __init__(self, population: Population, plan: Plan) -> None:
        super().__init__(population, plan)
        neuron, dt = population.neuron, plan.dt
        assert isinstance(neuron, LIF)
        parts = collect(population, dt, plan.network)
        self.parts_initial = {k: v for k, v in parts.initial.items() if k in parts.system.units}
        system = parts.system
        if plan.trainable.offsets and "i_offset" not in system.units:
            system.add("i_offset", amp)  # a current of 0 is left out; one to be trained is not
            system.drive("v", "i_offset", 1 / float(neuron.c_m))
        self.units = list(system.units)
        self.base = system.matrix()
        self.moving = sorted({into for into, _ in system.rates}, key=self.units.index)
        self.v_rest, self.v_reset = float(neuron.v_rest), float(neuron.v_reset)
        self.refractory, self.adaptive = parts.refractory, isinstance(neuron, AdaptiveLIF)
        self.theta_step = float(neuron.theta_step) if isinstance(neuron, AdaptiveLIF) else 0.0
        self.scale = float(neuron.v_th) - self.v_reset
        rheobase = float(neuron.c_m) * abs(float(neuron.v_th - neuron.v_rest)) / float(neuron.tau_m)
        self.weight_scale = rheobase
        trained = plan.trainable
        self.v_th = self.value("v_th", float(neuron.v_th), trainable=trained.thresholds)
        offset = np.asarray(neuron.i_offset / amp, dtype=float)
        self.i_offset = self.value(
            "i_offset", offset, trainable=trained.offsets, otherwise=rheobase
        )
        self.entries = rates_of(population)
        self.taus = nn.ModuleDict(
            {
                f"tau_{k}": self.value(f"tau_{k}", tau, trainable=trained.time_constants)
                for k, (tau, _) in self.entries.items()
            }
        )
        self.plateaus: list[Plateau] = [
            plateau_of(population, branch, dt) for branch in branches_of(population)
        ]
        self.event_names = [p.public for p in self.plateaus]
        self.contest = Contest.of(parts, plan)
        self.gains = {name: port.gain for name, port in parts.inputs.items()}
        self.into = {name: port.variable for name, port in parts.inputs.items()}
        self.units_of = dict.fromkeys(self.gains, amp)

    def start(self, batch: int, like: Tensor) -> States:
        """Rest, silence, no plateau."""
        names = [n for n in self.units if n != "i_offset"]
        x = {n: self.full(self.parts_initial.get(n, 0.0), batch, like) for n in names}
        for p in self.plateaus:
            x[p.left] = torch.zeros(batch, self.size, dtype=torch.int64, device=like.device)
        if self.refractory:
            x[WAIT] = self.never(batch, like)
        if self.contest is not None:
            x["left"] = self.contest.full(batch, like)
        return x

    def prepare(self) -> _Ready:
        """Propagators from the time constants as they are now."""
        for tau in self.taus.values():
            tau.check()  # type: ignore[operator]
            positive(tau.owner, tau.si())  # type: ignore[operator, arg-type]
        self.v_th.check()
        self.i_offset.check()
        offset = self.i_offset() if "i_offset" in self.units else None
        return _Ready(self._rows(), self.v_th(), offset)

    def _rows(self) -> dict[str, Row]:
        place = {name: k for k, name in enumerate(self.units)}
        trained = [t for t in self.taus.values() if t.number.requires_grad]
        if not trained:
            matrix = self.base.copy()
            for key, (_, entries) in self.entries.items():
                tau = float(self.taus[f"tau_{key}"].si())  # type: ignore[operator]
                for into, source, sign in entries:
                    matrix[place[into], place[source]] = sign / tau
            values = one_step(matrix, self.plan.dt)
            return {n: [float(p) for p in values[place[n]]] for n in self.moving}
        matrix_t = torch.as_tensor(self.base).to(self.v_th.number)
        for key, (_, entries) in self.entries.items():
            tau = self.taus[f"tau_{key}"]()
            for into, source, sign in entries:
                at = (torch.tensor(place[into]), torch.tensor(place[source]))
                matrix_t = matrix_t.index_put(at, sign / tau)
        moved = Propagator.apply(matrix_t, self.plan.dt)
        reach = one_step(self.base, self.plan.dt) != 0.0
        return {
            n: [moved[place[n], m] if reach[place[n], m] else 0.0 for m in range(len(place))]
            for n in self.moving
        }

    def integrate(self, ready: _Ready, x: States) -> tuple[States, dict[str, Tensor]]:
        """Exact step, then plateaus."""
        new = dict(x)
        values = [self._source(name, ready, x) for name in self.units]
        for name in self.moving:
            row = ready.rows[name]
            if name != "v":
                new[name] = combine(row, values)
                continue
            place = self.units.index("v")
            moved = self.v_rest + row[place] * values[place]  # rest first: Brian2's order of terms
            for m, value in enumerate(values):
                if m != place and not (isinstance(row[m], float) and row[m] == 0.0):
                    moved = moved + row[m] * value
            new[name] = moved
        if self.refractory:
            new[WAIT] = x[WAIT] + 1
            new["v"] = torch.where(new[WAIT] >= self.refractory, new["v"], x["v"])
        return self._plateaus(new)

    def _source(self, name: str, ready: _Ready, x: States) -> Tensor:
        if name == "i_offset":
            assert ready.offset is not None
            return ready.offset
        return x[name] - self.v_rest if name == "v" else x[name]

    def _plateaus(self, x: States) -> tuple[States, dict[str, Tensor]]:
        onsets = {}
        for p in self.plateaus:
            current = x[p.current]
            on = spiked(
                current > p.threshold, (current - p.threshold) / p.threshold, self.plan.surrogate
            )
            x[p.left] = (x[p.left] - 1).clamp(min=0)
            x[p.clamp] = x[p.clamp] * (x[p.left] > 0).to(on.dtype) + p.height * on
            x[p.left] = torch.where(current > p.threshold, p.steps, x[p.left])
            quiet = 1.0 - self.plan.reset.seen(on)
            x[p.current], x[p.rise] = current * quiet, x[p.rise] * quiet
            x[p.trace] = x[p.trace] + on
            onsets[p.public] = on
        return x, onsets

    def fire(self, ready: _Ready, x: States, starts: Tensor) -> tuple[States, Fired]:
        """v > v_th (+ theta), not refractory, and allowed by the competition."""
        v, limit = x["v"], ready.v_th
        distance = v - limit
        if self.adaptive:
            limit, distance = limit + x["theta"], distance - x["theta"]
        spikes = spiked(v > limit, (v - limit) / self.scale, self.plan.surrogate)
        able = x[WAIT] >= self.refractory if self.refractory else None
        new = dict(x)
        if self.contest is not None:
            winners, new["left"] = self.contest.run(distance.detach(), able, x["left"], starts)
            spikes = spikes * winners.to(spikes.dtype)
        if able is not None:
            spikes = spikes * able.to(spikes.dtype)
            new[WAIT] = torch.where(spikes.detach() > 0, 0, x[WAIT])
        return new, Fired(spikes=spikes, potential=v)

    def arrive(self, x: States, arrivals: Mapping[str, Tensor]) -> States:
        """Currents jump; a branch loses arrivals during its plateau and while v is held."""
        new = dict(x)
        branches = {p.public: p for p in self.plateaus}
        for target, total in arrivals.items():
            if target in branches:
                open_ = new[branches[target].clamp].detach() == 0
                if self.refractory:
                    open_ = open_ & (new[WAIT] >= self.refractory)
                total = total * open_.to(total.dtype)
            name = self.into[target]
            new[name] = new[name] + total
        return new

    def reset(self, ready: _Ready, x: States, fired: Fired) -> States:
        """v ← v_reset, theta jumps, plateaus end."""
        new, seen = dict(x), self.plan.reset.seen(fired.spikes)
        new["v"] = x["v"] * (1.0 - seen) + self.v_reset * seen
        if self.adaptive:
            new["theta"] = x["theta"] + self.theta_step * fired.spikes
        for p in self.plateaus:
            for name in (p.current, p.rise, p.clamp):
                new[name] = x[name] * (1.0 - seen)
        return new

    def competes(self, step: int) -> bool:
        """True when a competition starts in this step."""
        return self.contest is not None and self.contest.starts(step)

    def described(self, population: Population) -> Population:
        """The population with trained thresholds, offsets and time constants."""
        neuron, dendrites = population.neuron, population.dendrites
        assert isinstance(neuron, LIF)
        changes: dict[str, Any] = {}
        if float(self.v_th.si()) != float(neuron.v_th):
            changes["v_th"] = float(self.v_th.si()) * volt
        if not np.array_equal(self.i_offset.si(), np.asarray(neuron.i_offset / amp, dtype=float)):
            changes["i_offset"] = self.i_offset.si() * amp
        tau = {key: float(self.taus[f"tau_{key}"].si()) for key in self.entries}  # type: ignore[operator]
        for key, name in (("m", "tau_m"), ("theta", "tau_theta")):
            if f" {key}" in tau and tau[f" {key}"] != float(getattr(neuron, name)):
                changes[name] = tau[f" {key}"] * second
        receptors = tuple(retimed(r, tau[identifier(r.name)]) for r in neuron.receptors)
        if receptors != neuron.receptors:
            changes["receptors"] = receptors
        if dendrites is not None:
            branches = tuple(retimed(b, tau[identifier(b.name)]) for b in dendrites.branches)
            if any(new is not old for new, old in zip(branches, dendrites.branches, strict=True)):
                dendrites = DendriticTree(branches=branches)
        if not changes and dendrites is population.dendrites:
            return population
        return replace(population, neuron=replace(neuron, **changes), dendrites=dendrites)


@cells_of.register
def _leaky(neuron: LIF, population: Population, plan: Plan) -> Cells:
    for branch in branches_of(population):
        if type(branch) is not PlateauBranch:
            raise no_twin(f"{population.name}.{branch.name}", branch)
    if population.inhibition is not None and type(population.inhibition) is not HardWTA:
        raise no_twin(f"{population.name}.inhibition", population.inhibition)
    return LeakyCells(population, plan)


@cells_of.register
def _adaptive(neuron: AdaptiveLIF, population: Population, plan: Plan) -> Cells:
    return _leaky(neuron, population, plan)
