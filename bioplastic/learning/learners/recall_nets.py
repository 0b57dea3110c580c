"""Networks of torch for recall: one mixer between an embedding and the outputs.

Every mixer sees each symbol together with the one before it, so that one layer can bind a value to
the key that precedes it: what a short convolution gives, and more than a plain block has.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Mixer(nn.Module):
    """Sums up the past: (B, L, 2d) → (B, L, width). It says what it keeps and what that costs."""

    def numbers(self, seen: int) -> int:
        """Numbers of state after `seen` symbols."""
        raise NotImplementedError

    def mixing(self, seen: int) -> int:
        """Products of activations by activations at the symbol that has `seen` before it."""
        raise NotImplementedError


class Softmax(Mixer):
    """Causal attention, one head: y_t = Σ_s softmax_s(q_t·k_s/√d) v_s. State: all k and v.

    Source: Vaswani et al. 2017 [vaswani2017].
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.q, self.k, self.v = (nn.Linear(inputs, width, bias=False) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, L, width)."""
        return functional.scaled_dot_product_attention(
            self.q(x), self.k(x), self.v(x), is_causal=True
        )

    def numbers(self, seen: int) -> int:
        """A key and a value for every symbol."""
        return 2 * self.width * seen

    def mixing(self, seen: int) -> int:
        """A scalar product and a sum over all."""
        return 2 * self.width * (seen + 1)


class LowRank(Mixer):
    """Causal attention whose keys and values are made of a latent c of few numbers: k = Uc, v = Wc.

    State: all c. q·Uc is reckoned as (Uᵀq)·c, and Σ a W c as W Σ a c, so the cost goes with the
    rank. Source: DeepSeek-AI 2024 [deepseek2024], multi-head latent attention.
    """

    def __init__(self, inputs: int, width: int, rank: int) -> None:
        super().__init__()
        self.width, self.rank = width, rank
        self.q = nn.Linear(inputs, width, bias=False)
        self.c = nn.Linear(inputs, rank, bias=False)
        self.k, self.v = (nn.Linear(rank, width, bias=False) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, L, width)."""
        c = self.c(x)
        return functional.scaled_dot_product_attention(
            self.q(x), self.k(c), self.v(c), is_causal=True
        )

    def numbers(self, seen: int) -> int:
        """A latent for every symbol."""
        return self.rank * seen

    def mixing(self, seen: int) -> int:
        """A scalar product and a sum over all, in the latent."""
        return 2 * self.rank * (seen + 1)


class Linear(Mixer):
    """Linear attention: S += φ(k) vᵀ, z += φ(k), y = φ(q)S / φ(q)·z, φ = elu + 1. State: S, z.

    Trained in the parallel form, equal to the recurrent one (`step`).
    Source: Katharopoulos et al. 2020 [katharopoulos2020].
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.q, self.k, self.v = (nn.Linear(inputs, width, bias=False) for _ in range(3))

    def features(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """φ(q), φ(k), v."""
        return functional.elu(self.q(x)) + 1, functional.elu(self.k(x)) + 1, self.v(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, L, width)."""
        q, k, v = self.features(x)
        a = torch.tril(q @ k.transpose(1, 2))
        return (a @ v) / (a.sum(dim=-1, keepdim=True) + 1e-6)

    def step(self, x: torch.Tensor, s: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """One symbol (B, 2d): y (B, width), and after it S (B, width, width), z (B, width)."""
        q, k, v = self.features(x)
        s, z = s + k[:, :, None] * v[:, None, :], z + k
        y = (q[:, None, :] @ s)[:, 0] / ((q * z).sum(dim=-1, keepdim=True) + 1e-6)
        return y, s, z

    def numbers(self, seen: int) -> int:
        """A matrix and a vector."""
        return self.width * (self.width + 1)

    def mixing(self, seen: int) -> int:
        """Outer product in, matrix product out, normaliser."""
        return 2 * self.width * self.width + 2 * self.width


class Recurrent(Mixer):
    """Gated recurrent units. Source: Cho et al. 2014 [cho2014]."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.gru = nn.GRU(inputs, width, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, L, width)."""
        found: torch.Tensor = self.gru(x)[0]
        return found

    def numbers(self, seen: int) -> int:
        """The hidden state."""
        return self.width

    def mixing(self, seen: int) -> int:
        """Products of the gates."""
        return 3 * self.width


class RecallNet(nn.Module):
    """Embedding → [this symbol, the one before] → mixer → norm → hidden layer → outputs."""

    def __init__(self, size: int, embedding: int, mixer: Mixer, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, embedding)
        nn.init.normal_(self.embedding.weight, std=embedding**-0.5)
        self.mixer = mixer
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, size)

    def forward(self, x: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
        """Logits (n, V) where asked (B, L) is True, in the order of torch.nonzero."""
        e = self.embedding(x)
        before = functional.pad(e, (0, 0, 1, 0))[:, :-1]
        y = self.mixer(torch.cat((e, before), dim=-1))
        found: torch.Tensor = self.output(self.norm(y[asked]))
        return found

    def macs(self, seen: int) -> float:
        """Multiply-accumulates of one symbol: weights that are used, and mixing.

        The embedding is looked up: none. The outputs are counted at every symbol, asked or not.
        """
        used = sum(p.numel() for p in self.mixer.parameters() if p.dim() == 2)
        return float(used + self.output.weight.numel() + self.mixer.mixing(seen))
