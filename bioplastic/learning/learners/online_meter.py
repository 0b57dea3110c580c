"""Counts of a network that is trained online: forward by shapes and zeros, backward, optimiser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from bioplastic.learning.cost import Cost
from bioplastic.learning.learners.online_network import (
    Counted,
    SequenceNetwork,
    State,
    Work,
    elements,
    weights,
)

ADAM = 5
"""Multiply-accumulates per parameter and step: norm for the clip, two moments (1 + 2), write."""
ADAM_TOUCHES = 7
"""Numbers per parameter and step: reads weight, gradient, two moments; writes all but one."""


class Meter:
    """Adds up what a student spends.

    Forward, per step: every synapse once, and what `mixing` says. A weight that a lesion removed
    and an input of zero are left out of the effective counts; a one-hot or binary input gives
    accumulates instead of multiply-accumulates. Activations of zero inside (there are none with
    tanh, sigmoid and GELU) would be counted as multiplied.
    Backward, per step learned from: twice the effective forward operations (gradient of the
    activations and of the weights), of the input weights once (the input needs no gradient). A
    forward pass that is made again for the gradient is added to `learning_macs` too.
    Optimiser, per parameter and step: ADAM multiply-accumulates, two moments, one weight written.
    Bytes: per forward step the effective weights are read and the state is read and written; twice
    the weights per backward step; ADAM_TOUCHES numbers per parameter and optimiser step.
    """

    def __init__(self, module: nn.Module, binary: bool) -> None:
        self.binary = binary
        self.symbols = 0
        self.executions = 0
        self.wall = self.cpu = 0.0
        self.dense = self.macs = self.acs = 0.0
        self.activations = self.silent = self.membrane = 0.0
        self.moments = self.written = self.learning = self.bytes = 0.0
        self.lesion(module, {})

    def lesion(self, module: Any, masks: dict[str, torch.Tensor]) -> None:
        """Count again which synapses there are."""
        named = dict(module.named_parameters())
        self.parameters = sum(p.numel() for p in named.values())
        self.removed = sum(int((m == 0).sum()) for m in masks.values())
        self.all_weights = sum(p.numel() for p in weights(module))
        reading = module.reading() if isinstance(module, SequenceNetwork) else ()
        ours = {id(p) for p in reading}
        self.inner = sum(
            p.numel() - (int((masks[name] == 0).sum()) if name in masks else 0)
            for name, p in named.items()
            if p.dim() >= 2 and id(p) not in ours
        )
        self.columns: torch.Tensor | None = None  # live weights of each input
        for name, p in named.items():
            if id(p) in ours:
                live = masks[name] if name in masks else torch.ones_like(p)
                count = (live != 0).sum(dim=0).double()
                self.columns = count if self.columns is None else self.columns + count
        self.width = int(np.ceil(elements(module.begin()) * torch.finfo(dtype(module)).bits / 8))
        self.item = torch.finfo(dtype(module)).bits // 8

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure the time inside, with torch on one thread."""
        wall, cpu, threads = time.perf_counter(), time.process_time(), torch.get_num_threads()
        torch.set_num_threads(1)  # sums would depend on the number of threads
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            self.wall += time.perf_counter() - wall
            self.cpu += time.process_time() - cpu

    def _work(
        self, module: nn.Module, inputs: torch.Tensor, state: State, position: int
    ) -> tuple[Work, float]:
        """Counts of one stretch, and the bytes it touched."""
        steps = len(inputs)
        if isinstance(module, Counted):
            found = module.work(inputs, position)
            return found, self.item * (found.macs + found.acs + 2.0 * found.membrane_updates)
        if not isinstance(module, SequenceNetwork) or self.columns is None:
            return Work(dense=float(self.all_weights * steps)), 0.0
        mixing = float(sum(module.mixing(position + t) for t in range(steps)))
        with torch.no_grad():
            live = (module.read(inputs, state) != 0).sum(dim=0).double()
            drive = float(live @ self.columns)
        inner = float(self.inner * steps)
        work = Work(
            dense=float(self.all_weights * steps) + mixing,
            macs=inner + mixing + (0.0 if self.binary else drive),
            acs=drive if self.binary else 0.0,
            activations=float(module.neurons * steps),
        )
        return work, self.item * (inner + drive + 2.0 * mixing) + 2.0 * self.width * steps

    def forward(
        self, module: nn.Module, inputs: torch.Tensor, state: State, position: int
    ) -> tuple[float, float]:
        """Count a forward pass; return (operations of its inner, of its input weights)."""
        work, touched = self._work(module, inputs, state, position)
        self.executions += len(inputs) if work.executions is None else work.executions
        self.dense += work.dense
        self.macs += work.macs
        self.acs += work.acs
        self.activations += work.activations
        self.silent += work.silent
        self.membrane += work.membrane_updates
        self.bytes += touched
        return self._split(work)

    def _split(self, work: Work) -> tuple[float, float]:
        return (work.macs, work.acs) if self.binary else (work.macs + work.acs, 0.0)

    def again(
        self, module: nn.Module, inputs: torch.Tensor, state: State, position: int
    ) -> tuple[float, float]:
        """Count a forward pass that is made for the gradient only: it is a cost of learning."""
        work, touched = self._work(module, inputs, state, position)
        self.learning += work.macs + work.acs
        self.bytes += touched
        return self._split(work)

    def step(self, spent: tuple[float, float], share: float = 1.0) -> None:
        """Count one backward pass, of `share` of the forward pass that spent this, and one step."""
        inner, drive = spent
        self.learning += share * (2.0 * inner + drive) + ADAM * self.parameters
        self.bytes += self.item * (share * 2.0 * (inner + drive) + ADAM_TOUCHES * self.parameters)
        self.moments += 2.0 * self.parameters
        self.written += float(self.parameters - self.removed)

    def cost(self, module: nn.Module, state: State) -> Cost:
        """Totals so far."""
        buffers = sum(b.numel() * b.element_size() for b in module.buffers())
        held: Any = getattr(module, "neurons", 0)
        return Cost(
            symbols=self.symbols,
            executions=self.executions,
            footprint_bytes=3 * self.item * self.parameters + buffers + self.item * elements(state),
            plastic_synapses=self.all_weights - self.removed,
            neurons=int(held),
            states_per_synapse=2.0,
            dense_operations=self.dense,
            effective_macs=self.macs,
            effective_acs=self.acs,
            activations=self.activations,
            silent_activations=self.silent,
            membrane_updates=self.membrane,
            trace_updates=self.moments,
            weight_updates=self.written,
            learning_macs=self.learning,
            bytes_touched=self.bytes,
            wall_seconds=self.wall,
            cpu_seconds=self.cpu,
        )


def dtype(module: nn.Module) -> torch.dtype:
    """The number format of a module's parameters."""
    return next(module.parameters()).dtype
