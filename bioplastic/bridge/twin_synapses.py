"""Projections of the twin: sparse weights, fixed delays, sums by index."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from brian2 import get_dimensions, second
from brian2.units.fundamentalunits import DIMENSIONLESS, get_unit_for_display
from torch import Tensor, nn

from bioplastic.bridge.twin_cells import Cells, Plan
from bioplastic.bridge.twin_value import Scaled
from bioplastic.description import Connectivity, Projection
from bioplastic.errors import DescriptionError
from bioplastic.simulate.grid import whole_each


class Synapses(nn.Module):
    """S synapses: post[j] += gain · Σ weight · spike of pre, `delay` steps ago.

    The weights are one parameter (S,); i, j and the delays are fixed.
    """

    i: Tensor
    j: Tensor
    delay: Tensor

    def __init__(self, projection: Projection, n_pre: int, post: Cells, plan: Plan) -> None:
        super().__init__()
        self.projection_name, self.pre, self.post = projection.name, projection.pre, projection.post
        self.target, self.n_pre, self.n_post = projection.target, n_pre, post.size
        check_unit(projection, post.units_of[projection.target])
        self.gain = post.gains[projection.target]
        given = synapses_of(projection)
        delays = whole_each(f"{projection.name}.delay", given.delays() * second, plan.dt)
        self.longest = int(delays.max(initial=0))
        weights = np.asarray(given.weight, dtype=float)
        self.weight = Scaled(
            f"{projection.name}.weight",
            np.broadcast_to(weights, (len(given),)),
            plan.dtype,
            trainable=plan.trainable.weights,
            otherwise=post.weight_scale,
        )
        for name, values in (("i", given.i), ("j", given.j), ("delay", delays)):
            self.register_buffer(name, torch.as_tensor(np.array(values)))

    def prepare(self) -> Tensor:
        """Gain·weight (S,), as the description gives it or as training left it."""
        self.weight.check()
        weight = self.weight()
        return weight if self.gain == 1.0 else self.gain * weight

    def forward(self, weight: Tensor, recent: Tensor) -> Tensor:
        """What arrives now, (B, N_post).

        weight (S,)            recent (B, D+1, N_pre): spikes of this step, of the one before, …
        """
        batch = recent.shape[0]
        arriving = recent.reshape(batch, -1).index_select(1, self.delay * self.n_pre + self.i)
        total = torch.zeros(batch, self.n_post, dtype=recent.dtype, device=recent.device)
        return total.index_add(1, self.j, weight * arriving)


def synapses_of(projection: Projection) -> Connectivity:
    """The synapses of a projection one by one."""
    given = projection.connectivity
    return given if isinstance(given, Connectivity) else given.explicit()


def check_unit(projection: Projection, unit: Any) -> None:
    """Raise DescriptionError unless the weights have the dimension of their target.

    unit   a Brian2 unit, or None: plain SI floats of any dimension (LinearIF)
    """
    got = get_dimensions(projection.connectivity.weight)
    if unit is None or got == get_dimensions(unit):
        return
    want = get_dimensions(unit)
    names = [
        "plain numbers" if d is DIMENSIONLESS else get_unit_for_display(d) for d in (got, want)
    ]
    raise DescriptionError(
        f"{projection.name}.connectivity.weight is in {names[0]}: "
        f"the target {projection.target!r} needs {names[1]}"
    )
