"""A multilayer perceptron on a window of the last inputs (time-delay network), trained online."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from bioplastic.errors import UsageError
from bioplastic.learning.learners.online import Online, sizes
from bioplastic.learning.learners.online_network import SequenceNetwork, State
from bioplastic.learning.space import Space


class WindowNetwork(SequenceNetwork):
    """The last `window` inputs side by side → GELU layers → linear outputs.

    state  the last window − 1 inputs (B, window − 1, D), zeros before the beginning
    """

    def __init__(self, inputs: int, outputs: int, window: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.window = window
        self.first = nn.Linear(window * inputs, hidden)
        self.inner = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers - 1))
        self.output = nn.Linear(hidden, outputs)
        self.neurons = hidden * layers
        self.inputs = inputs

    def begin(self, batch: int = 1) -> State:
        """Zeros."""
        return self.output.weight.new_zeros(batch, self.window - 1, self.inputs)

    def _windows(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Windows (B, T, window · D), the oldest input first, and the state after."""
        seen = torch.cat((state, x), 1)
        windows = seen.unfold(1, self.window, 1).transpose(2, 3)
        return windows.reshape(len(x), x.shape[1], -1), seen[:, x.shape[1] :]

    def advance(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Outputs (B, T, K) and the state after."""
        windows, state = self._windows(x, state)
        hidden = functional.gelu(self.first(windows))
        for layer in self.inner:
            hidden = functional.gelu(layer(hidden))
        return self.output(hidden), state

    def reading(self) -> tuple[torch.Tensor, ...]:
        """The first weights."""
        return (self.first.weight,)

    def read(self, inputs: torch.Tensor, state: State) -> torch.Tensor:
        """The windows (T, window · D)."""
        return self._windows(inputs[None], state)[0][0]

    def readers(self) -> Sequence[tuple[int, tuple[torch.Tensor, ...]]]:
        """Each layer feeds the next."""
        fed: list[nn.Linear] = [*self.inner, self.output]
        return [(layer.in_features, (layer.weight,)) for layer in fed]


@dataclass(frozen=True, kw_only=True)
class WindowMLP(Online):
    """Time-delay network: the last `window` inputs → hidden layers → outputs. It has no other past.

    window   inputs that it sees
    hidden   units per layer
    layers   hidden layers
    The rest as in `Online`.
    The defaults are the best of eight random trials on the first 10 000 symbols of kjv
    (docs/figures/search-kjv.jsonl; every learner had eight).
    Source: as TDNN in Cui et al. 2016 [cui2016].
    """

    name: str = "window_mlp"
    window: int = 12
    hidden: int = 500
    layers: int = 1
    learning_rate: float = 9.788e-3
    decay: float = 14_950.0
    clip: float = 0.279
    truncation: int = 8

    def __post_init__(self) -> None:
        """Check the sizes."""
        super().__post_init__()
        if min(self.window, self.hidden, self.layers) < 1:
            raise UsageError(
                f"{self.name}: window={self.window}, hidden={self.hidden} and"
                f" layers={self.layers} start at 1"
            )

    def module(self, space: Space, generator: torch.Generator) -> nn.Module:
        """The network."""
        inputs, outputs = sizes(space)
        return WindowNetwork(inputs, outputs, self.window, self.hidden, self.layers)
