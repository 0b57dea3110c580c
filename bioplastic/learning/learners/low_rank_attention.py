"""Attention whose cache holds a latent of low rank instead of keys and values, trained online."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from bioplastic.errors import UsageError
from bioplastic.learning.learners.online_network import State
from bioplastic.learning.learners.transformer import Blocks, Mixer, rotated, visible


class LatentAttention(Mixer):
    """Softmax attention over a window, keys and values unfolded from a latent.

    c = norm(W_c x) (rank numbers), keys W_k c, values W_v c, of every head; beside them one turned
    key r = RoPE(W_r x) of `turned` numbers that all heads share, so that positions need no place in
    the latent. Score of head i: (q_i · W_k c + q'_i · r) / √(d/heads + turned). W_k is applied to
    the query and W_v to the result, so no latent of the cache is ever unfolded.

    state  latents (B, n, rank) and position keys (B, n, turned) of the last n < window positions
    """

    def __init__(self, width: int, heads: int, window: int, rank: int, turned: int) -> None:
        super().__init__()
        self.heads, self.window, self.width = heads, window, width
        self.rank, self.turned = rank, turned
        self.query = nn.Linear(width, width + heads * turned, bias=False)
        self.latent = nn.Linear(width, rank + turned, bias=False)
        self.norm = nn.LayerNorm(rank)
        self.key_value = nn.Linear(rank, 2 * width, bias=False)
        self.out = nn.Linear(width, width)

    def begin(self, batch: int) -> State:
        """An empty cache."""
        like = self.out.weight
        return like.new_zeros(batch, 0, self.rank), like.new_zeros(batch, 0, self.turned)

    def advance(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Result (B, T, d) and the cache after."""
        batch, length, _ = x.shape
        cached = state[0].shape[1]
        low, place = self.latent(x).split((self.rank, self.turned), -1)
        low = torch.cat((state[0], self.norm(low)), 1)
        place = torch.cat((state[1], place), 1)
        content, position = self.query(x).split((self.width, self.heads * self.turned), -1)
        to_key, to_value = self.key_value.weight.view(2, self.heads, -1, self.rank)
        asked = self._heads(content) @ to_key  # (B, heads, T, rank)
        q = torch.cat((asked, rotated(self._heads(position), cached)), -1)
        k = torch.cat((low, rotated(place)), -1)[:, None].expand(-1, self.heads, -1, -1)
        v = low[:, None].expand(-1, self.heads, -1, -1)
        mixed = functional.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=visible(length, cached, self.window),
            scale=(self.width // self.heads + self.turned) ** -0.5,
        )
        mixed = mixed @ to_value.transpose(-1, -2)  # (B, heads, T, d/heads)
        keep = max(cached + length - self.window + 1, 0)
        after = low[:, keep:], place[:, keep:]
        return self.out(mixed.transpose(1, 2).reshape(batch, length, -1)), after

    def _heads(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, heads · n) → (B, heads, T, n)."""
        batch, length, _ = x.shape
        return x.view(batch, length, self.heads, -1).transpose(1, 2)

    def mixing(self, seen: int) -> float:
        """Per head and position in sight: rank + turned for the score, rank for the sum."""
        return float(self.heads * (2 * self.rank + self.turned) * min(seen + 1, self.window))


@dataclass(frozen=True, kw_only=True)
class LowRankAttention(Blocks):
    """Multi-head latent attention over a bounded window.

    window   positions that each position sees in each layer, its own included
    rank     numbers of the latent that stands for the keys and values of a position
    turned   numbers of the rotary key beside it, even
    The cache holds rank + turned numbers per position and layer; `Transformer` holds 2 d.
    The rest as in `Blocks` and `Online`.
    The defaults are the best of eight random trials on the first 10 000 symbols of kjv
    (docs/figures/search-kjv.jsonl; every learner had eight).
    Source: DeepSeek-AI 2024, §2.1 [deepseek2024].
    """

    name: str = "low_rank_attention"
    width: int = 128
    layers: int = 3
    window: int = 64
    rank: int = 32
    turned: int = 16
    learning_rate: float = 1.077e-3
    decay: float = 5318.0
    clip: float = 0.356
    truncation: int = 16

    def __post_init__(self) -> None:
        """Check the sizes."""
        super().__post_init__()
        if min(self.window, self.rank) < 1 or self.turned < 2 or self.turned % 2:
            raise UsageError(
                f"{self.name}: window={self.window} and rank={self.rank} start at 1,"
                f" turned={self.turned} is even and starts at 2"
            )

    def mixer(self) -> Mixer:
        """Latent attention."""
        return LatentAttention(self.width, self.heads, self.window, self.rank, self.turned)
