"""Hard winner-take-all in the twin: a ranking per step, without branching on data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bioplastic.bridge.twin_cells import Plan
from bioplastic.description import HardWTA
from bioplastic.simulate.equations import Parts
from bioplastic.simulate.inhibition import competition


@dataclass(frozen=True)
class Contest:
    """At most k winners per competition, the largest distance first, the lower index at equality.

    No gradient runs through the ranking: who wins is a fact of the forward pass.
    """

    k: int
    starts: Callable[[int], bool]

    @classmethod
    def of(cls, parts: Parts, plan: Plan) -> Contest | None:
        """The contest of a population, or None without inhibition."""
        inhibition = parts.population.inhibition
        if inhibition is None:
            return None
        assert isinstance(inhibition, HardWTA)
        return cls(inhibition.k, competition(inhibition, parts, plan.network.rhythm))

    def full(self, batch: int, like: Tensor) -> Tensor:
        """Winners left at the start, (B, 1) int64."""
        return torch.full((batch, 1), self.k, dtype=torch.int64, device=like.device)

    def run(
        self, distance: Tensor, able: Tensor | None, left: Tensor, starts: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Winners (B, N) bool and the winners left (B, 1).

        distance (B, N)   v − v_th (− theta); only > 0 takes part        able   not refractory
        """
        left = torch.where(starts, self.k, left)
        enters = distance > 0
        if able is not None:
            enters = enters & able
        ranked = torch.where(enters, distance, -torch.inf)
        order = torch.sort(ranked, dim=1, descending=True, stable=True).indices
        rank = torch.argsort(order, dim=1)
        winners = enters & (rank < left)
        return winners, left - winners.sum(dim=1, keepdim=True)
