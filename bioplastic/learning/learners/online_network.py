"""What a network of torch must offer to be trained online, and what its step costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

State = Any
"""A tensor, or a tuple of states; a tensor's first dimension is the batch where there is one."""


class Module(Protocol):
    """The least that `OnlineStudent` asks of an nn.Module."""

    def begin(self) -> State:
        """The state before anything was met."""
        ...

    def __call__(self, inputs: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Outputs (T, K) of inputs (T, D), each from its own and earlier inputs; state after."""
        ...

    def detached(self, state: State) -> State:
        """The state without its gradient."""
        ...


@dataclass(frozen=True, kw_only=True)
class Work:
    """Counts of one stretch of forward steps; the words are those of `cost.Cost`."""

    dense: float = 0.0
    macs: float = 0.0
    acs: float = 0.0
    activations: float = 0.0
    silent: float = 0.0
    membrane_updates: float = 0.0
    executions: int | None = None


@runtime_checkable
class Counted(Protocol):
    """A module that counts its own work, spikes for example, instead of by its shapes."""

    def work(self, inputs: torch.Tensor, position: int) -> Work:
        """The counts of the newest forward pass: inputs (T, D), the first at step `position`."""
        ...


def detached(state: State) -> State:
    """A state of tensors in tuples, without gradients."""
    if isinstance(state, torch.Tensor):
        return state.detach()
    return tuple(detached(part) for part in state)


def elements(state: State) -> int:
    """How many numbers a state of tensors in tuples holds."""
    if isinstance(state, torch.Tensor):
        return state.numel()
    return sum(elements(part) for part in state)


class SequenceNetwork(nn.Module):
    """Base of the networks here: a batch of sequences, or one sequence step by step.

    Subclasses implement `begin` and `advance`, and say which weights read the input and what is
    multiplied beside weights; everything else follows.
    """

    neurons = 0
    """Units with a state or an activation of their own, for one position."""

    def begin(self, batch: int = 1) -> State:
        """The state before anything was met, of `batch` sequences."""
        raise NotImplementedError

    def advance(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Outputs (B, T, K) of inputs (B, T, D), and the state after them."""
        raise NotImplementedError

    def forward(self, inputs: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Outputs (T, K) of one sequence of inputs (T, D)."""
        outputs, state = self.advance(inputs[None], state)
        return outputs[0], state

    def forward_batch(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs (B, T, K) of whole sequences (B, T, D), each from the beginning."""
        return self.advance(x, self.begin(len(x)))[0]

    def detached(self, state: State) -> State:
        """The state without its gradient."""
        return detached(state)

    def reading(self) -> tuple[torch.Tensor, ...]:
        """Weights (n, D) that read the input."""
        raise NotImplementedError

    def read(self, inputs: torch.Tensor, state: State) -> torch.Tensor:
        """What the weights of `reading` see at each step, (T, D) with zeros where it is zero."""
        return inputs

    def readers(self) -> Sequence[tuple[int, tuple[torch.Tensor, ...]]]:
        """Groups of units that a lesion may silence: how many, and the weights (…, n) they feed."""
        raise NotImplementedError

    def mixing(self, seen: int) -> float:
        """Multiplications of activations by activations in the step that has `seen` before it."""
        return 0.0


def weights(module: nn.Module) -> list[nn.Parameter]:
    """The synapses: parameters of two dimensions or more. Biases and norms are none."""
    return [p for p in module.parameters() if p.dim() >= 2]
