"""The feed-forward kernel on tensors that live on a GPU; see `resident` for what that promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import triton
from torch import Tensor

from bioplastic.bridge.ops_values import masks
from bioplastic.kernels.feedforward.gpu import (
    BLOCK,
    COLUMNS,
    INPUTS,
    STEPS,
    drive_kernel,
    event_kernel,
    scan_kernel,
)
from bioplastic.kernels.feedforward.layer import EventDriven, Layer, Layers, TimeBatched, words
from bioplastic.kernels.feedforward.run import initial_state


@dataclass(frozen=True, eq=False)
class _Tables:
    """What a layer keeps on the device.

    neurons    numbers, channels, offset     synapses  weight, delay, channel or ends, scale
    constants  what its kernels are compiled for
    """

    neurons: tuple[Tensor, ...]
    synapses: tuple[Tensor, ...]
    planes: int
    constants: dict[str, Any]


class ResidentLayers:
    """A chain of layers on one device."""

    def __init__(
        self, layers: Layers, method: EventDriven | TimeBatched, device: torch.device
    ) -> None:
        self.layers, self.method, self.device = layers, method, device
        self.names = list(initial_state(layers).arrays)
        self.mask = {
            name: torch.tensor(masks([size]), device=device) for name, size in layers.sizes.items()
        }
        self.tables = [self._tables(one) for one in layers.layers]

    def _tables(self, layer: Layer) -> _Tables:
        p, many = layer.planes, len(layer.channels)
        place = p.channel
        if isinstance(self.method, TimeBatched):
            place = np.searchsorted(p.channel, np.arange(many + 1)).astype(np.int32)
        numbers = [a.astype(np.int32) for a in (layer.numbers, layer.channels)]
        return _Tables(
            neurons=tuple(self._there(a) for a in (*numbers, layer.population.offset)),
            synapses=tuple(self._there(a) for a in (p.weight, p.delay, place, p.scale)),
            planes=len(p.delay),
            constants={
                "C": triton.next_power_of_2(many),
                "RISE": bool(layer.channels[:, 4].any()),
                "ADAPTIVE": bool(layer.population.theta_step),
                "BLOCK": BLOCK,
            },
        )

    def __call__(self, given: Sequence[Tensor], state: Sequence[Tensor]) -> list[Tensor]:
        """T steps; what is given is left as it is."""
        sent, layers = given[0], self.layers
        steps = sent.shape[1]
        x = dict(zip(self.names, state[1:], strict=True))
        source = layers.source.name
        before = torch.cat([x[f"{source}/recent"], sent], dim=1) & self.mask[source]
        after = {f"{source}/recent": before[:, steps:].clone()}
        made = []
        for layer, tables in zip(layers.layers, self.tables, strict=True):
            name = layer.population.name
            rows = self._gathered(layer, x)
            way = self._events if isinstance(self.method, EventDriven) else self._batched
            spikes, rows = way(layer, tables, before, steps, rows)
            after |= self._scattered(layer, rows)
            made.append(spikes)
            recent = x[f"{name}/recent"] & self.mask[name]
            before = torch.cat([recent, spikes], dim=1)
            after[f"{name}/recent"] = before[:, steps:].clone()
        return [torch.cat(made, dim=2), state[0] + steps, *(after[name] for name in self.names)]

    def _gathered(self, layer: Layer, x: dict[str, Tensor]) -> Tensor:
        """The state of a layer as its kernels take it, (B, 3 + 2·C, N)."""
        p = layer.population
        keys = [f"{p.name}.{c.name}" for c in p.channels]
        none = torch.zeros_like(x[f"{p.name}/v"])
        rows = [x[f"{p.name}/{name}"] for name in ("v", "refractory", "theta")]
        rows += [x[f"{key}/current"] for key in keys]
        rows += [x.get(f"{key}/rise", none) for key in keys]
        return torch.stack(rows, dim=1)

    def _scattered(self, layer: Layer, rows: Tensor) -> dict[str, Tensor]:
        p, many = layer.population, len(layer.channels)
        names = [f"{p.name}/{name}" for name in ("v", "refractory", "theta")]
        names += [f"{p.name}.{c.name}/current" for c in p.channels]
        names += [f"{p.name}.{c.name}/rise" for c in p.channels]
        assert len(names) == 3 + 2 * many
        return {name: rows[:, k].clone() for k, name in enumerate(names) if name in self.names}

    def _events(
        self, layer: Layer, tables: _Tables, given: Tensor, steps: int, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        size, many, batch = layer.population.size, len(layer.channels), len(given)
        spikes = self._empty(batch, steps, words(size))
        after = self._empty(*state.shape)
        event_kernel[(triton.cdiv(size, BLOCK), batch)](
            given, spikes, *tables.synapses, *tables.neurons, state, after,
            given.shape[1] - steps, steps, tables.planes, layer.pre_size, size, many,
            **tables.constants,
        )  # fmt: skip
        return spikes, after

    def _batched(
        self, layer: Layer, tables: _Tables, given: Tensor, steps: int, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        assert isinstance(self.method, TimeBatched)
        size, many, batch = layer.population.size, len(layer.channels), len(given)
        reach = given.shape[1] - steps
        spikes = self._empty(batch, steps, words(size))
        for first in range(0, steps, self.method.steps):
            now = min(self.method.steps, steps - first)
            drive = self._empty(batch, now, many, size)
            part = given[:, first : first + reach + now].contiguous()
            drive_kernel[(triton.cdiv(size, COLUMNS), triton.cdiv(now, STEPS), batch * many)](
                part, drive, *tables.synapses, reach, now, layer.pre_size, size, many,
                STEPS=STEPS, INPUTS=INPUTS, BLOCK=COLUMNS,
            )  # fmt: skip
            after = self._empty(*state.shape)
            scan_kernel[(triton.cdiv(size, BLOCK), batch)](
                drive, spikes, *tables.neurons, state, after, first, now, steps, size, many,
                **tables.constants,
            )  # fmt: skip
            state = after
        return spikes, state

    def _empty(self, *shape: int) -> Tensor:
        return torch.empty(shape, dtype=torch.int32, device=self.device)

    def _there(self, array: np.ndarray) -> Tensor:
        return torch.tensor(array, device=self.device)
