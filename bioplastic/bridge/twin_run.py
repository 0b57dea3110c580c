"""What goes into a run of the twin and what comes out: given spikes, states, the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from brian2 import second
from torch import Tensor

from bioplastic.description import Source
from bioplastic.errors import UsageError, nearest

States = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class TwinState:
    """State between two steps; nothing else carries over.

    network       name of the description             step   steps done so far
    populations   population -> state -> (B, N); potentials and currents in SI units, flags and
                  counters as whole numbers
    history       population or source -> its last spikes (B, D, N), the newest first; D is its
                  longest delay in steps
    """

    network: str
    step: int
    populations: dict[str, States]
    history: dict[str, Tensor]

    @property
    def batch(self) -> int:
        """B."""
        return next(iter(next(iter(self.populations.values())).values())).shape[0]

    def detach(self) -> TwinState:
        """The same values without their past, for truncated backpropagation through time."""
        return replace(
            self,
            populations={
                p: {k: v.detach() for k, v in states.items()}
                for p, states in self.populations.items()
            },
            history={k: v.detach() for k, v in self.history.items()},
        )

    def fit(self, mine: TwinState) -> None:
        """Raise UsageError unless this state has the names, shapes, types and device of `mine`."""
        who = f"state of {self.network!r}"
        if self.network != mine.network:
            raise UsageError(f"{who}: does not belong to {mine.network!r}")
        _alike(who, self.history, mine.history, "history")
        if set(self.populations) != set(mine.populations):
            odd = sorted(set(self.populations) ^ set(mine.populations))[0]
            raise UsageError(f"{who} does not fit {mine.network!r}: {odd!r}")
        for name, states in mine.populations.items():
            _alike(who, self.populations[name], states, name)


def _alike(who: str, given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], kind: str) -> None:
    if set(given) != set(wanted):
        odd = sorted(set(given) ^ set(wanted))[0]
        raise UsageError(f"{who}: {kind}/{odd} is missing or too much")
    for name, value in wanted.items():
        same_tensor(f"{who}: {kind}/{name}", given[name], tuple(value.shape), value)


def same_tensor(owner: str, given: Any, shape: tuple[int | None, ...], like: Tensor) -> None:
    """Raise UsageError unless `given` is a finite tensor of that shape, type and device.

    shape   None stands for any length         like   gives type and device
    """
    if not isinstance(given, Tensor):
        raise UsageError(f"{owner}: must be a torch.Tensor, not {type(given).__name__}")
    fits = len(shape) == given.ndim and all(
        want in (None, got) for want, got in zip(shape, given.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if s is None else str(s) for s in shape)
        raise UsageError(f"{owner}: shape {tuple(given.shape)}, must be ({wanted})")
    if given.dtype != like.dtype:
        raise UsageError(f"{owner}: type {given.dtype}, must be {like.dtype}")
    if given.device != like.device:
        raise UsageError(f"{owner}: on {given.device}, must be on {like.device}")
    if not bool(torch.isfinite(given).all()):
        raise UsageError(f"{owner}: must be finite")


@dataclass(frozen=True, kw_only=True, eq=False)
class TwinRun:
    """What a run of the twin found.

    spikes       population, and ``population.branch`` or ``population.event`` (onsets) -> (B, T, N)
                 of 0 and 1, with surrogate gradients
    potentials   population -> (B, T, N): what was tested against the threshold in each step (v, or
                 row·x of a LinearIF), after the update and before arrivals and reset
    counts       population -> (B, N) spikes of the run as whole numbers (`Counts`)
    state        after the last step; give it to the next run as `state`
    """

    spikes: dict[str, Tensor]
    potentials: dict[str, Tensor]
    counts: dict[str, Tensor]
    state: TwinState


def train_tensor(source: Source, dt: float, start: int, steps: int, like: Tensor) -> Tensor:
    """Spikes of a source in [start, start + steps) on the grid dt, (1, steps, N).

    Raises UsageError when a source spikes twice in one step.
    """
    at, ids = source.train.steps(dt * second), source.train.i
    keep = (at >= start) & (at < start + steps)
    dense = np.zeros((steps, source.size))
    np.add.at(dense, (at[keep] - start, ids[keep]), 1.0)
    if dense.size and dense.max() > 1:
        step, i = np.argwhere(dense > 1)[0]
        raise UsageError(
            f"{source.name}: source {i} spikes twice in the step at "
            f"{(start + step) * dt * 1e3:g} ms; dt = {dt * 1e3:g} ms holds one spike a step"
        )
    return torch.as_tensor(dense).to(like)[None]


def given_spikes(
    sources: Mapping[str, int], spikes: Mapping[str, Tensor] | Tensor, like: Tensor
) -> dict[str, Tensor]:
    """The given spikes by source, (B, T, N) each, with equal B and T.

    sources   name -> size
    Raises UsageError for a source that is missing or unknown, and for a wrong tensor.
    """
    if isinstance(spikes, Tensor):
        if len(sources) != 1:
            raise UsageError(
                f"spikes: one tensor needs exactly one source, there are {len(sources)}; "
                f"give {{name: tensor}} with {', '.join(sources) or 'no entries'}"
            )
        spikes = {next(iter(sources)): spikes}
    if not isinstance(spikes, Mapping):
        raise UsageError(f"spikes: must be a tensor or {{source: tensor}}, not {spikes!r}")
    for name in spikes:
        if name not in sources:
            raise UsageError(f"spikes: no source {name!r}{nearest(str(name), sources)}")
    shape: tuple[int | None, int | None] = (None, None)
    for name, size in sources.items():
        if name not in spikes:
            raise UsageError(f"spikes: source {name!r} is missing")
        same_tensor(f"spikes of {name!r}", spikes[name], (*shape, size), like)
        shape = (spikes[name].shape[0], spikes[name].shape[1])
        if 0 in shape:
            raise UsageError(f"spikes of {name!r}: shape {tuple(spikes[name].shape)} is empty")
    return dict(spikes)
