"""Linear attention: a matrix of fast weights instead of a cache, trained online."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional

from bioplastic.errors import UsageError
from bioplastic.learning.learners.online_network import State
from bioplastic.learning.learners.transformer import Blocks, Mixer


class FastWeights(Protocol):
    """How a fast weight matrix S (B, heads, n, m) is written and read, T steps at a time."""

    def begin(self, like: torch.Tensor, batch: int, heads: int, n: int) -> State:
        """The state before anything was written; `like` gives the number format."""
        ...

    def advance(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, beta: torch.Tensor, state: State
    ) -> tuple[torch.Tensor, State]:
        """Read (B, heads, T, n) of q, k, v (B, heads, T, n) and beta (B, heads, T); state after."""
        ...

    def products(self, n: int) -> float:
        """Products of one step of one head of n keys and n values."""
        ...


@dataclass(frozen=True, kw_only=True)
class Sum:
    """Add what is met: S ← γ S + φ(k) vᵀ,  z ← γ z + φ(k),  y = Sᵀφ(q) / zᵀφ(q),  φ = elu + 1.

    retention   γ in (0, 1]; 1 never forgets
    Source: Katharopoulos et al. 2020 [katharopoulos2020]; the retention of Sun et al. 2023.
    """

    retention: float = 1.0

    def __post_init__(self) -> None:
        """Check the range."""
        if not 0.0 < self.retention <= 1.0:
            raise UsageError(f"Sum: retention={self.retention} lies in (0, 1]")

    def begin(self, like: torch.Tensor, batch: int, heads: int, n: int) -> State:
        """Zeros S and z."""
        return like.new_zeros(batch, heads, n, n), like.new_zeros(batch, heads, n, 1)

    def advance(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, beta: torch.Tensor, state: State
    ) -> tuple[torch.Tensor, State]:
        """Read and write a stretch; the sum over it is a masked product."""
        s, z = state
        q, k = functional.elu(q) + 1.0, functional.elu(k) + 1.0
        length = q.shape[-2]
        step = torch.arange(length, dtype=q.dtype)
        past = (step[:, None] - step).clamp(min=0.0)
        kept = torch.tril(torch.as_tensor(self.retention, dtype=q.dtype) ** past)
        since = (torch.as_tensor(self.retention, dtype=q.dtype) ** (step + 1.0))[:, None]
        scores = (q @ k.transpose(-1, -2)) * kept
        above = scores @ v + since * (q @ s)
        below = scores.sum(-1, keepdim=True) + since * (q @ z)
        until = k * kept[-1][:, None]
        faded = self.retention**length
        s = faded * s + until.transpose(-1, -2) @ v
        z = faded * z + until.sum(-2)[..., None]
        return above / (below + 1e-6), (s, z)

    def products(self, n: int) -> float:
        """Outer product and read of S, read of z, and the two fades unless γ = 1."""
        fades = n * n + n if self.retention < 1.0 else 0
        return float(2 * n * n + n + fades)


@dataclass(frozen=True, kw_only=True)
class Delta:
    """Write the difference to what is stored: S ← S + β k (v − Sᵀk)ᵀ,  y = Sᵀq;  |k| = |q| = 1.

    A key met again replaces its value instead of adding to it. β = sigmoid(w·x), one per head.
    k and q are SiLU, then divided by their length.
    Source: Schlag et al. 2021 [schlag2021]; the form for stretches of Yang et al. 2024 [yang2024].
    """

    def begin(self, like: torch.Tensor, batch: int, heads: int, n: int) -> State:
        """Zeros."""
        return like.new_zeros(batch, heads, n, n)

    def advance(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, beta: torch.Tensor, state: State
    ) -> tuple[torch.Tensor, State]:
        """Read and write a stretch exactly.

        With u_t = β_t (v_t − S_{t−1}ᵀk_t) and S_{t−1} = S_0 + Σ_{j<t} k_j u_jᵀ the u solve a
        triangular system: u_t + β_t Σ_{j<t} (k_t·k_j) u_j = β_t (v_t − S_0ᵀk_t).
        """
        q = functional.normalize(functional.silu(q), dim=-1)
        k = functional.normalize(functional.silu(k), dim=-1)
        alike = beta[..., None] * torch.tril(k @ k.transpose(-1, -2), -1)
        wanted = beta[..., None] * (v - k @ state)
        u = torch.linalg.solve_triangular(
            alike + torch.eye(k.shape[-2], dtype=k.dtype), wanted, upper=False, unitriangular=True
        )
        read = q @ state + torch.tril(q @ k.transpose(-1, -2)) @ u
        return read, state + k.transpose(-1, -2) @ u

    def products(self, n: int) -> float:
        """Read with the key, outer product, read with the query, β."""
        return float(3 * n * n + n)


class FastWeightAttention(Mixer):
    """A short causal convolution, then fast weights per head, then a norm per head.

    state  the last conv − 1 inputs (B, conv − 1, 3 d) of the convolution, and the fast weights
    Fast weights know no order: the convolution over the last `conv` positions of queries, keys and
    values gives it to them (Yang et al. 2024 [yang2024]).
    """

    def __init__(self, width: int, heads: int, conv: int, update: FastWeights) -> None:
        super().__init__()
        self.heads, self.width, self.update = heads, width, update
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.beta = nn.Linear(width, heads)
        self.conv = nn.Conv1d(3 * width, 3 * width, conv, groups=3 * width)
        self.norm = nn.LayerNorm(width // heads)
        self.out = nn.Linear(width, width)

    def begin(self, batch: int) -> State:
        """Nothing met, nothing written."""
        like = self.out.weight
        met = like.new_zeros(batch, self.conv.kernel_size[0] - 1, 3 * self.width)
        return met, self.update.begin(like, batch, self.heads, self.width // self.heads)

    def advance(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Result (B, T, d) and the state after."""
        batch, length, _ = x.shape
        met, fast = state
        seen = torch.cat((met, self.query_key_value(x)), 1)
        parts = self.conv(seen.transpose(1, 2)).transpose(1, 2)
        q, k, v = parts.reshape(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        beta = torch.sigmoid(self.beta(x)).transpose(1, 2)
        read, fast = self.update.advance(q, k, v, beta, fast)
        read = self.norm(read).transpose(1, 2).reshape(batch, length, -1)
        return self.out(read), (seen[:, length:], fast)

    def mixing(self, seen: int) -> float:
        """The products of the fast weights; the same at every step."""
        return self.heads * self.update.products(self.width // self.heads)


@dataclass(frozen=True, kw_only=True)
class LinearAttention(Blocks):
    """Blocks with fast weights instead of softmax attention: a state of fixed size.

    update   `Sum` (linear attention) or `Delta` (delta rule)
    conv     positions of the short convolution, its own included
    Per layer and head the state holds (d/heads)² numbers, whatever the length.
    The rest as in `Blocks` and `Online`.
    The defaults are the best of eight random trials on the first 10 000 symbols of kjv
    (docs/figures/search-kjv.jsonl; every learner had eight).
    Source: Katharopoulos et al. 2020 [katharopoulos2020]; Schlag et al. 2021 [schlag2021].
    """

    name: str = "linear_attention"
    width: int = 128
    layers: int = 2
    update: FastWeights = field(default_factory=lambda: Sum(retention=0.99))
    conv: int = 4
    learning_rate: float = 1.239e-3
    decay: float = 5762.0
    clip: float = 0.8435
    truncation: int = 8

    def __post_init__(self) -> None:
        """Check the sizes."""
        super().__post_init__()
        if self.conv < 1:
            raise UsageError(f"{self.name}: conv={self.conv} starts at 1")

    def mixer(self) -> Mixer:
        """Fast weights."""
        return FastWeightAttention(self.width, self.heads, self.conv, self.update)
