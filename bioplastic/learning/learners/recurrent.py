"""Gated recurrent networks trained online: GRU and LSTM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from bioplastic.errors import UsageError
from bioplastic.learning.learners.online import Online, sizes
from bioplastic.learning.learners.online_network import SequenceNetwork, State
from bioplastic.learning.space import Space


class Recurrent(SequenceNetwork):
    """Input → recurrent units → linear outputs.

    state  (layers, B, hidden), or two of them for an LSTM: hidden and cell
    """

    def __init__(self, cell: type[nn.RNNBase], inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.recurrent: Any = cell(inputs, hidden)  # type: ignore[call-arg,arg-type]
        self.output = nn.Linear(hidden, outputs)
        self.neurons = hidden

    def begin(self, batch: int = 1) -> State:
        """Zeros."""
        zeros = self.output.weight.new_zeros(1, batch, self.neurons)
        return (zeros, zeros.clone()) if isinstance(self.recurrent, nn.LSTM) else zeros

    def advance(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Outputs (B, T, K) and the state after."""
        hidden, state = self.recurrent(x.transpose(0, 1), state)
        return self.output(hidden).transpose(0, 1), state

    def reading(self) -> tuple[torch.Tensor, ...]:
        """Weights from the input into the gates."""
        return (self.recurrent.weight_ih_l0,)

    def readers(self) -> Sequence[tuple[int, tuple[torch.Tensor, ...]]]:
        """The hidden units feed the gates and the outputs."""
        return [(self.neurons, (self.recurrent.weight_hh_l0, self.output.weight))]

    def mixing(self, seen: int) -> float:
        """Products of gates: r∘(Uh), z∘h, (1 − z)∘n of a GRU; i∘g, f∘c, o∘tanh c of an LSTM."""
        return 3.0 * self.neurons


@dataclass(frozen=True, kw_only=True)
class GRU(Online):
    """Gated recurrent units, h' = (1 − z)∘n + z∘h, then linear outputs.

    hidden   units
    The rest as in `Online`. With the settings of `learning.gru.OnlineGRU`, and its weights, it is
    that baseline bit for bit.
    The defaults are the best of eight random trials on the first 10 000 symbols of kjv
    (docs/figures/search-kjv.jsonl; every learner had eight).
    Source: Cho et al. 2014 [cho2014].
    """

    name: str = "gru"
    hidden: int = 512
    learning_rate: float = 2.642e-3
    decay: float = 29_540.0
    clip: float = 0.3013
    truncation: int = 8

    def __post_init__(self) -> None:
        """Check the sizes."""
        super().__post_init__()
        _units(self.name, self.hidden)

    def module(self, space: Space, generator: torch.Generator) -> nn.Module:
        """The network; weights uniform in ±1/√hidden."""
        inputs, outputs = sizes(space)
        return Recurrent(nn.GRU, inputs, self.hidden, outputs)


@dataclass(frozen=True, kw_only=True)
class LSTM(Online):
    """Long short-term memory, c' = f∘c + i∘g, h = o∘tanh c', then linear outputs.

    hidden       units
    forget_bias  b of the forget gate at the beginning, so that memory is kept from the first step
    The rest as in `Online`.
    The defaults are the best of eight random trials on the first 10 000 symbols of kjv
    (docs/figures/search-kjv.jsonl; every learner had eight).
    Source: Hochreiter & Schmidhuber 1997 [hochreiter1997]; Gers et al. 2000, forget gate.
    """

    name: str = "lstm"
    hidden: int = 512
    forget_bias: float = 1.0
    learning_rate: float = 5.156e-3
    decay: float = 27_480.0
    clip: float = 0.3582
    truncation: int = 8

    def __post_init__(self) -> None:
        """Check the sizes."""
        super().__post_init__()
        _units(self.name, self.hidden)

    def module(self, space: Space, generator: torch.Generator) -> nn.Module:
        """The network; weights uniform in ±1/√hidden."""
        inputs, outputs = sizes(space)
        made = Recurrent(nn.LSTM, inputs, self.hidden, outputs)
        with torch.no_grad():
            made.recurrent.bias_hh_l0[self.hidden : 2 * self.hidden] = self.forget_bias
        return made


def _units(name: str, hidden: int) -> None:
    if hidden < 1:
        raise UsageError(f"{name}: hidden={hidden} starts at 1")
