"""A causal Transformer with a bounded window, trained online; the block that others reuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from bioplastic.errors import UsageError
from bioplastic.learning.learners.online import Online, sizes
from bioplastic.learning.learners.online_network import SequenceNetwork, State
from bioplastic.learning.space import Space


class Mixer(nn.Module):
    """Mixes what was met into each position, causally: the part of a block that differs.

    out    the linear map (d, width) that its result goes through; it is applied by the mixer
    """

    out: nn.Linear

    def begin(self, batch: int) -> State:
        """The state before anything was met."""
        raise NotImplementedError

    def advance(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Result (B, T, d) of x (B, T, d), and the state after."""
        raise NotImplementedError

    def mixing(self, seen: int) -> float:
        """Products of activations by activations in the step that has `seen` before it."""
        raise NotImplementedError


class Block(nn.Module):
    """x + mixer(norm x), then x + MLP(norm x): pre-norm, GELU, one hidden layer of `hidden`."""

    def __init__(self, width: int, hidden: int, mixer: Mixer) -> None:
        super().__init__()
        self.norm_mixer = nn.LayerNorm(width)
        self.mixer = mixer
        self.norm_hidden = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)

    def advance(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Result (B, T, d) and the state after."""
        mixed, state = self.mixer.advance(self.norm_mixer(x), state)
        x = x + mixed
        return x + self.down(functional.gelu(self.up(self.norm_hidden(x)))), state


class AttentionNetwork(SequenceNetwork):
    """Embedding → blocks → norm → linear outputs.

    inputs, outputs   D and K
    width             d, of the residual stream
    hidden            units of each MLP
    mixers            makes the mixer of each layer
    Embeddings start as N(0, 1); the maps that write into the residual stream are divided by
    √(2 layers), the others are torch's default, uniform in ±1/√fan-in.
    Source: Vaswani et al. 2017 [vaswani2017]; Xiong et al. 2020, the norm before [xiong2020].
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int,
        hidden: int,
        layers: int,
        mixer: Callable[[], Mixer],
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, width, bias=False)
        self.blocks = nn.ModuleList(Block(width, hidden, mixer()) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, outputs)
        self.neurons = width + sum(units for units, _ in self.readers())
        with torch.no_grad():
            nn.init.normal_(self.embed.weight)
            for _, fed in self.readers():
                for writes in fed:
                    writes.div_((2 * layers) ** 0.5)

    def _layers(self) -> list[Block]:
        return list(self.blocks)  # type: ignore[arg-type]

    def begin(self, batch: int = 1) -> State:
        """The states of the mixers."""
        return tuple(block.mixer.begin(batch) for block in self._layers())

    def advance(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Outputs (B, T, K) and the state after."""
        x = self.embed(x)
        after = []
        for block, held in zip(self._layers(), state, strict=True):
            x, held = block.advance(x, held)
            after.append(held)
        return self.output(self.norm(x)), tuple(after)

    def reading(self) -> tuple[torch.Tensor, ...]:
        """The embedding."""
        return (self.embed.weight,)

    def readers(self) -> Sequence[tuple[int, tuple[torch.Tensor, ...]]]:
        """Hidden units of each MLP, and what each mixer hands to its output map.

        The residual stream is left: it is a bus, not units.
        """
        fed = [layer for block in self._layers() for layer in (block.mixer.out, block.down)]
        return [(layer.in_features, (layer.weight,)) for layer in fed]

    def mixing(self, seen: int) -> float:
        """The products of the mixers."""
        return sum(block.mixer.mixing(seen) for block in self._layers())


def rotated(x: torch.Tensor, first: int = 0) -> torch.Tensor:
    """Turn pairs of numbers of x (…, T, n) by angles that grow with the position: RoPE.

    Position `first` + t turns pair i by (first + t) · 10000^(−2i/n). Only differences of positions
    matter to a product, so positions may be counted from the oldest one at hand.
    Source: Su et al. 2024 [su2024].
    """
    length, n = x.shape[-2:]
    rates = 10_000.0 ** (-torch.arange(0, n, 2, dtype=x.dtype) / n)
    angles = (first + torch.arange(length, dtype=x.dtype))[:, None] * rates
    a, b = x[..., : n // 2], x[..., n // 2 :]
    return torch.cat((a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()), -1)


def visible(length: int, cached: int, window: int) -> torch.Tensor:
    """Which of cached + length positions each of the last `length` sees: (length, all) bool.

    Its own and the window − 1 before it.
    """
    here = cached + torch.arange(length)[:, None]
    there = torch.arange(cached + length)[None]
    return (there <= here) & (there > here - window)


class WindowAttention(Mixer):
    """Softmax attention over the last `window` positions, its own included.

    state  keys and values (B, heads, n, d/heads) of the last n < window positions: the KV cache
    Keys lie in the cache before they are turned, and are turned by their place in it.
    """

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window, self.width = heads, window, width
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)

    def begin(self, batch: int) -> State:
        """An empty cache."""
        empty = self.out.weight.new_zeros(batch, self.heads, 0, self.width // self.heads)
        return empty, empty.clone()

    def advance(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Result (B, T, d) and the cache after."""
        batch, length, _ = x.shape
        parts = self.query_key_value(x).view(batch, length, 3, self.heads, -1)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        cached = state[0].shape[2]
        k, v = torch.cat((state[0], k), 2), torch.cat((state[1], v), 2)
        mixed = functional.scaled_dot_product_attention(
            rotated(q, cached), rotated(k), v, attn_mask=visible(length, cached, self.window)
        )
        keep = max(cached + length - self.window + 1, 0)
        after = k[:, :, keep:], v[:, :, keep:]
        return self.out(mixed.transpose(1, 2).reshape(batch, length, -1)), after

    def mixing(self, seen: int) -> float:
        """Two products of d numbers with each position in sight."""
        return 2.0 * self.width * min(seen + 1, self.window)


@dataclass(frozen=True, kw_only=True)
class Blocks(Online):
    """What Transformers and their relatives share; see `AttentionNetwork`.

    width    d, a multiple of 2 · heads
    layers   blocks
    heads    per block
    hidden   units of each MLP; 0 for 4 d
    The rest as in `Online`.
    """

    width: int = 128
    layers: int = 3
    heads: int = 4
    hidden: int = 0
    betas: tuple[float, float] = (0.9, 0.98)
    warm_up: float = 500.0
    learning_rate: float = 2e-3

    def __post_init__(self) -> None:
        """Check the sizes."""
        super().__post_init__()
        if min(self.width, self.layers, self.heads) < 1 or self.hidden < 0:
            raise UsageError(
                f"{self.name}: width={self.width}, layers={self.layers} and heads={self.heads}"
                f" start at 1, hidden={self.hidden} at 0"
            )
        if self.width % (2 * self.heads):
            raise UsageError(
                f"{self.name}: width={self.width} must be a multiple of 2 · heads={self.heads}"
            )

    def mixer(self) -> Mixer:
        """The mixer of one block."""
        raise NotImplementedError

    def module(self, space: Space, generator: torch.Generator) -> nn.Module:
        """The network."""
        inputs, outputs = sizes(space)
        return AttentionNetwork(
            inputs,
            outputs,
            width=self.width,
            hidden=self.hidden or 4 * self.width,
            layers=self.layers,
            mixer=self.mixer,
        )


@dataclass(frozen=True, kw_only=True)
class Transformer(Blocks):
    """Causal Transformer: softmax attention over a bounded window, rotary positions, KV cache.

    window   positions that each position sees in each layer, its own included: what is stored is
             bounded by it, and so is the cost of a symbol. The stack sees layers · (window − 1) + 1
    Cached keys and values keep the weights with which they were made, and carry no gradient: the
    recurrence over segments of Transformer-XL.
    The rest as in `Blocks` and `Online`.
    The defaults are the best of eight random trials on the first 10 000 symbols of kjv
    (docs/figures/search-kjv.jsonl; every learner had eight).
    Source: Vaswani et al. 2017 [vaswani2017]; Dai et al. 2019, segments.
    """

    name: str = "transformer"
    width: int = 192
    layers: int = 3
    window: int = 32
    learning_rate: float = 6.494e-4
    decay: float = 20_700.0
    clip: float = 0.318
    truncation: int = 16

    def __post_init__(self) -> None:
        """Check the sizes."""
        super().__post_init__()
        if self.window < 1:
            raise UsageError(f"{self.name}: window={self.window} starts at 1")

    def mixer(self) -> Mixer:
        """Window attention."""
        return WindowAttention(self.width, self.heads, self.window)
