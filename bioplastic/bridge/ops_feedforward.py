"""The feed-forward kernel as `bioplastic::feedforward`: state as tensors, run on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from bioplastic.bridge.ops_program import (
    Executor,
    Field,
    Numba,
    Prepared,
    Triton,
    check_executor,
    content_hash,
    prepare,
    register,
)
from bioplastic.bridge.ops_sparse import check_spikes
from bioplastic.bridge.ops_values import check_layers, check_padding, masks
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.kernels.feedforward.layer import EventDriven, Layers, TimeBatched, words
from bioplastic.kernels.feedforward.run import initial_state, run
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.quantize.bounds import EveryStep, bound_population


def check_any_input(layers: Layers) -> None:
    """Raise UnsupportedModel, naming the state, when some input could overflow it."""
    for layer in layers.layers[:1]:  # later layers hear neurons: lower proved it
        incoming: dict[int, list[tuple[Any, Any]]] = {}
        for q in layer.projections:
            incoming.setdefault(q.channel, []).append((q, EveryStep(layer.pre_size)))
        try:
            bound_population(layer.population, incoming)
        except UnsupportedModel as error:
            raise UnsupportedModel(
                f"{layers.name}: if every neuron of {layer.pre!r} spikes in every step, {error}"
            ) from None


class PreparedLayers(Prepared):
    """A chain of layers.

    given    spikes (B, T, W) int32 of the source
    made     spikes (B, T, W): populations in their order, each from a word of its own
    state    step (B,) int64, then the arrays of `feedforward.run.initial_state`
    """

    op = "feedforward"

    def __init__(self, layers: Layers, executor: Executor) -> None:
        self.layers, self.executor = layers, executor
        self.name = layers.name
        self.program = content_hash(layers)
        self.source_words = words(layers.source.size)
        self.words = sum(words(size) for size in layers.sizes.values()) - self.source_words
        arrays = initial_state(layers).arrays
        self.state = (
            Field("step", (), np.int64),
            *(Field(name, a.shape[1:], a.dtype) for name, a in arrays.items()),
        )
        self._mask = masks([layers.source.size])

    @property
    def method(self) -> EventDriven | TimeBatched:
        """How layers are run."""
        how = None if self.executor is None else self.executor.how
        assert isinstance(how, EventDriven | TimeBatched | None)
        return how or EventDriven()

    def check_given(self, given: Sequence[torch.Tensor]) -> tuple[Any, Any]:
        """(B, T)."""
        return check_spikes(self.name, given[0], self.source_words)

    def made(self, length: Any) -> list[Field]:
        """Spikes."""
        return [Field("spikes", (length, self.words), np.int32)]

    def initial(self) -> list[np.ndarray]:
        """At rest, no spike under way."""
        return [np.array(0), *(a[0].copy() for a in initial_state(self.layers).arrays.values())]

    def cpu(
        self, given: Sequence[torch.Tensor], state: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        """All inputs, by numba."""
        spikes = given[0].numpy() & self._mask
        names = [f.name for f in self.state[1:]]
        arrays = {name: t.numpy() for name, t in zip(names, state[1:], strict=True)}
        start = KernelState(step=0, arrays=arrays)
        ran = run(self.layers, spikes, backend="cpu", method=self.method, state=start)
        made = np.concatenate(list(ran.spikes.values()), axis=2)
        after = [torch.from_numpy(np.array(ran.state.arrays[name])) for name in names]
        return [torch.from_numpy(made), state[0] + spikes.shape[1], *after]

    def resident(self, device: torch.device) -> Any:
        """On a GPU, by Triton."""
        from bioplastic.bridge.resident_feedforward import ResidentLayers

        return ResidentLayers(self.layers, self.method, device)

    def check_values(self, state: Sequence[np.ndarray]) -> None:
        """See `ops_values.check_layers`."""
        arrays = {f.name: a for f, a in zip(self.state, state, strict=True)}
        check_layers(arrays)
        for name, size in self.layers.sizes.items():
            check_padding(arrays[f"{name}/recent"], [size])
        for p in (one.population for one in self.layers.layers):
            if not p.theta_step and arrays[f"{p.name}/theta"].any():
                raise UsageError(f"state {p.name}/theta: must be 0 where thresholds do not adapt")


@prepare.register
def _(program: Layers, executor: Executor = None) -> Prepared:
    hows = (EventDriven, TimeBatched)
    check_executor(executor, {Numba: hows, Triton: hows})
    check_any_input(program)
    return register(PreparedLayers(program, executor))
