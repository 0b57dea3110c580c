"""The differentiable twin of a description: the same steps as Brian2's, in torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from brian2 import get_dimensions, second
from torch import Tensor, nn

from bioplastic.bridge import twin_conductance, twin_leaky, twin_linear  # noqa: F401  they register
from bioplastic.bridge.surrogate import (
    Counts,
    DetachedReset,
    FastSigmoid,
    Reset,
    Surrogate,
)
from bioplastic.bridge.twin_cells import Cells, Plan, States, cells_of, no_twin
from bioplastic.bridge.twin_run import (
    TwinRun,
    TwinState,
    given_spikes,
    train_tensor,
)
from bioplastic.bridge.twin_synapses import Synapses
from bioplastic.bridge.twin_value import Trainable, refuse_dtype
from bioplastic.bridge.twin_write import fingerprint, written
from bioplastic.description import Network, PairSTDP, PermanenceSTDP, TraceSTDP
from bioplastic.errors import UsageError, nearest
from bioplastic.learned import Learned

_FROZEN = (type(None), PairSTDP, PermanenceSTDP, TraceSTDP)
Out = dict[str, Tensor]


def twin(
    network: Network,
    *,
    dt: Any,
    surrogate: Surrogate | None = None,
    reset: Reset | None = None,
    dtype: torch.dtype = torch.float64,
    trainable: Trainable | None = None,
) -> Twin:
    """The differentiable twin of a description.

    Each step: integrate (exact propagators, those of `bioplastic.simulate`) → plateau onsets →
    threshold (strictly >) → deliver arrivals → reset. Forward spikes are those of
    `bioplastic.simulate.run` with ``plasticity=False``; backward, each spike and each plateau
    onset has the slope of `surrogate` at u = (v − v_th)/scale, where scale is v_th − v_reset (LIF,
    ConductanceLIF: its largest), the plateau threshold (PlateauBranch), or the largest |theta|
    (LinearIF and its events; 1 if that is 0).

    dt           time step, s          dtype      torch.float64, or float32 (spikes may then differ)
    surrogate    None: FastSigmoid()   reset      None: DetachedReset()
    trainable    which parameters have ``requires_grad``; None: weights only
    Plasticity rules are not differentiated: weights stand as they are at present (permanences as
    mature or not), rules and scaling do nothing.
    Raises UnsupportedModel for parts without a twin, UsageError for times off the grid.
    """
    refuse_dtype(dtype)
    seconds = _seconds(dt)
    _refuse(network)
    frozen = Learned(network).network(plastic=False)
    plan = Plan(
        network=frozen,
        dt=seconds,
        surrogate=surrogate or FastSigmoid(),
        reset=reset or DetachedReset(),
        dtype=dtype,
        trainable=trainable or Trainable(),
    )
    return Twin(network, plan)


def _seconds(dt: Any) -> float:
    if get_dimensions(dt) != get_dimensions(second) or np.ndim(dt) or not float(dt) > 0:
        raise UsageError(f"twin dt = {dt}: must be a time > 0, for example 0.1*ms")
    return float(dt / second)


def _refuse(network: Network) -> None:
    if not network.populations:
        raise UsageError(f"{network.name}: has no population to make a twin of")
    for population in network.populations:
        for thing in (population.recruitment, population.gain):
            if thing is not None:
                raise no_twin(population.name, thing)
        if type(population.neuron) not in cells_of.registry:
            raise no_twin(f"{population.name}.neuron", population.neuron)
    for projection in network.projections:
        if type(projection.plasticity) not in _FROZEN:
            raise no_twin(f"{projection.name}.plasticity", projection.plasticity)


class Twin(nn.Module):
    """A network as an nn.Module with explicit state; make it with `twin`.

    Parameters are kept as ``number * scale`` with a scale that is a power of two, so that numbers
    are of order one and nothing is rounded; `weight` gives SI values.
    """

    def __init__(self, network: Network, plan: Plan) -> None:
        super().__init__()
        self.network, self.plan = network, plan
        frozen = plan.network
        self.names = [p.name for p in frozen.populations]
        self.sources = {s.name: s.size for s in frozen.sources}
        cells = [cells_of(p.neuron, p, plan) for p in frozen.populations]
        self.cells = nn.ModuleList(cells)
        by_name = dict(zip(self.names, cells, strict=True))
        self.synapses = nn.ModuleList(
            Synapses(q, frozen[q.pre].size, by_name[q.post], plan) for q in frozen.projections
        )
        self.longest = dict.fromkeys([*self.sources, *self.names], 0)
        for s in self._all_synapses():
            self.longest[s.pre] = max(self.longest[s.pre], s.longest)
        self.register_buffer("like", torch.zeros((), dtype=plan.dtype), persistent=False)

    like: Tensor

    def _all_cells(self) -> list[tuple[str, Cells]]:
        return list(zip(self.names, self.cells, strict=True))  # type: ignore[arg-type]

    def _all_synapses(self) -> list[Synapses]:
        return list(self.synapses)  # type: ignore[arg-type]

    def population(self, name: str) -> Cells:
        """The cells of a population: its parameters; UsageError when there is none."""
        if name not in self.names:
            raise UsageError(
                f"{self.network.name}: no population {name!r}{nearest(name, self.names)}"
            )
        return dict(self._all_cells())[name]

    def projection(self, name: str) -> Synapses:
        """The synapses of a projection: ``.weight.number`` is its parameter."""
        found = {s.projection_name: s for s in self._all_synapses()}
        if name not in found:
            raise UsageError(f"{self.network.name}: no projection {name!r}{nearest(name, found)}")
        return found[name]

    def weight(self, name: str) -> Tensor:
        """Weights of a projection (S,), SI units, differentiable."""
        return self.projection(name).weight()

    def trains(self, steps: int, start: int = 0) -> dict[str, Tensor]:
        """The description's own spike trains on the grid: source -> (1, steps, N)."""
        return {
            s.name: train_tensor(s, self.plan.dt, start, steps, self.like)
            for s in self.network.sources
        }

    def start(self, batch: int = 1) -> TwinState:
        """The state at step 0, every tensor free to be changed or to ask for a gradient."""
        if batch < 1:
            raise UsageError(f"batch = {batch}: must be >= 1")
        history = {
            name: torch.zeros(
                (batch, self.longest[name], size), dtype=self.like.dtype, device=self.like.device
            )
            for name, size in [*self.sources.items(), *((n, c.size) for n, c in self._all_cells())]
        }
        populations = {name: cells.start(batch, self.like) for name, cells in self._all_cells()}
        return TwinState(
            network=self.network.name, step=0, populations=populations, history=history
        )

    def forward(
        self,
        spikes: Mapping[str, Tensor] | Tensor | None = None,
        state: TwinState | None = None,
        *,
        steps: int | None = None,
    ) -> TwinRun:
        """Run for T steps.

        spikes   source -> (B, T, N), or one such tensor when there is one source: 1 where it
                 spikes (other finite values are graded spikes); None: the description's own trains
        state    to go on from, of a run of this network; None: the start
        steps    T when `spikes` is None
        Raises UsageError for tensors of wrong shape, type or device, states of another network,
        and parameters that are not finite.
        """
        given = self._given(spikes, state, steps)
        duration = steps if steps is not None else next(iter(given.values())).shape[1]
        batch = next(iter(given.values())).shape[0] if given else (state.batch if state else 1)
        if state is not None and state.batch != batch:
            raise UsageError(f"state: has a batch of {state.batch}, the given spikes of {batch}")
        fresh = self.start(batch)
        if state is not None:
            state.fit(fresh)
        now = state or fresh
        cells, synapses = self._all_cells(), self._all_synapses()
        ready = {name: c.prepare() for name, c in cells}
        weights = [s.prepare() for s in synapses]
        x, history = now.populations, now.history
        flags = [torch.tensor(value, device=self.like.device) for value in (False, True)]
        found: dict[str, list[Tensor]] = {}
        for t in range(duration):
            starts = {name: flags[c.competes(now.step + t)] for name, c in cells}
            external = {name: train[:, t] for name, train in given.items()}
            x, history, out = self.step(ready, weights, x, history, external, starts)
            for name, value in out.items():
                found.setdefault(name, []).append(value)
        return self._record(
            found, replace(now, step=now.step + duration, populations=x, history=history)
        )

    def step(
        self,
        ready: dict[str, Any],
        weights: list[Tensor],
        x: dict[str, States],
        history: dict[str, Tensor],
        given: dict[str, Tensor],
        starts: dict[str, Tensor],
    ) -> tuple[dict[str, States], dict[str, Tensor], Out]:
        """One step as a pure function of tensors; no branch depends on data (torch.compile).

        ready, weights   what `prepare` of cells and synapses gave        x   states
        history          last spikes                given, starts   of this step
        Returns states, history, and the record: ``spikes/NAME``, ``potentials/NAME`` -> (B, N).
        """
        out: Out = {}
        spikes = dict(given)
        new, fired = {}, {}
        for name, cells in self._all_cells():
            states, onsets = cells.integrate(ready[name], x[name])
            new[name], fired[name] = cells.fire(ready[name], states, starts[name])
            spikes[name] = fired[name].spikes
            out[f"spikes/{name}"], out[f"potentials/{name}"] = spikes[name], fired[name].potential
            for event, on in {**onsets, **fired[name].events}.items():
                out[f"spikes/{name}.{event}"] = on
        recent = {n: torch.cat([s.unsqueeze(1), history[n]], dim=1) for n, s in spikes.items()}
        arrivals: dict[str, dict[str, Tensor]] = {name: {} for name in new}
        for synapses, weight in zip(self._all_synapses(), weights, strict=True):
            here, target = arrivals[synapses.post], synapses.target
            total = synapses(weight, recent[synapses.pre])
            here[target] = here[target] + total if target in here else total
        for name, cells in self._all_cells():
            states = cells.arrive(new[name], arrivals[name])
            new[name] = cells.reset(ready[name], states, fired[name])
        kept = {name: r[:, : self.longest[name]] for name, r in recent.items()}
        return new, kept, out

    def _given(
        self,
        spikes: Mapping[str, Tensor] | Tensor | None,
        state: TwinState | None,
        steps: int | None,
    ) -> dict[str, Tensor]:
        if state is not None and not isinstance(state, TwinState):
            raise UsageError(f"state: must be a TwinState, not {type(state).__name__}")
        if spikes is None:
            if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
                raise UsageError(f"steps = {steps!r}: must be a whole number >= 1 without spikes")
            own = self.trains(steps, state.step if state else 0)
            batch = state.batch if state else 1
            return {name: train.expand(batch, -1, -1) for name, train in own.items()}
        if steps is not None:
            raise UsageError("steps: the given spikes say how long the run is; leave it out")
        if not self.sources:
            raise UsageError(f"spikes: {self.network.name} has no source; give steps=… instead")
        return given_spikes(self.sources, spikes, self.like)

    def _record(self, found: dict[str, list[Tensor]], state: TwinState) -> TwinRun:
        whole = {name: torch.stack(values, dim=1) for name, values in found.items()}
        spikes = {n.partition("/")[2]: v for n, v in whole.items() if n.startswith("spikes/")}
        potentials = {n.partition("/")[2]: v for n, v in whole.items() if n.startswith("potent")}
        counts = {name: Counts()(spikes[name]) for name in self.names}
        return TwinRun(spikes=spikes, potentials=potentials, counts=counts, state=state)

    def write_back(self, network: Network) -> Network:
        """`network` with the values of the twin: weights, thresholds, offsets, time constants.

        Whatever did not change keeps its very object. Raises UsageError when `network` is not the
        described one, or a trained weight breaks the bounds of its rule; UnsupportedModel for
        trained weights under PermanenceSTDP, which permanences decide.
        """
        if fingerprint(network) != fingerprint(self.network):
            raise UsageError(f"write_back: {network.name!r} is not the network of this twin")
        before = self.plan.network
        return replace(
            network,
            populations=tuple(self.population(p.name).described(p) for p in network.populations),
            projections=tuple(
                written(q, before.projection(q.name), self.projection(q.name))
                for q in network.projections
            ),
        )

    def get_extra_state(self) -> dict[str, str]:
        """What `state_dict` says about the network the parameters belong to."""
        return {"network": self.network.name, "print": fingerprint(self.network)}

    def set_extra_state(self, state: Any) -> None:
        """Raise UsageError for a state_dict of another network."""
        if not isinstance(state, dict) or state.get("print") != fingerprint(self.network):
            name = state.get("network") if isinstance(state, dict) else state
            raise UsageError(f"state_dict of {name!r} does not belong to {self.network.name!r}")
