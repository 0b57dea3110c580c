"""What the sparse kernels run: a network in whole numbers. Formats are those of `fixed_point`.

Row order: synapses sorted by (pre, delay, post); a *group* is the run of one pre and one delay,
g = pre·len(delays) + index of the delay. Column order: sorted by (post, row place).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bioplastic.errors import DescriptionError, nearest
from bioplastic.quantize.integer_population import AlphaChannel as AlphaChannel
from bioplastic.quantize.integer_population import AnyPopulation
from bioplastic.quantize.integer_population import Channel as Channel
from bioplastic.quantize.integer_population import ExponentialChannel as ExponentialChannel
from bioplastic.quantize.integer_population import IntegerConductance as IntegerConductance
from bioplastic.quantize.integer_population import IntegerLinear as IntegerLinear
from bioplastic.quantize.integer_population import IntegerPopulation as IntegerPopulation
from bioplastic.quantize.integer_population import PlateauChannel as PlateauChannel
from bioplastic.quantize.integer_rule import IntegerPairSTDP as IntegerPairSTDP
from bioplastic.quantize.integer_rule import IntegerPermanence as IntegerPermanence
from bioplastic.quantize.integer_rule import IntegerRule
from bioplastic.quantize.integer_rule import IntegerTraceRule as IntegerTraceRule
from bioplastic.quantize.listing import Listing
from bioplastic.quantize.report import LoweringReport


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerSource:
    """Given spikes: steps (E,) int64 and ids (E,) int64, ordered by (step, id)."""

    name: str
    size: int
    steps: np.ndarray
    ids: np.ndarray
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerProjection:
    """Synapses of one kind, as narrow as they can be kept; properties give the wide arrays.

    channel                 place of the target in the channels of post
    delays (D,)             distinct delays, steps, ascending
    row_ptr (N_pre·D + 1,)  start of each group
    targets (S,)            post neurons in row order, uint16 or int32
    full                    every group has all post neurons, each once
    weight (S,)             int8 or int16, row order     scale  LSB per weight unit
    listing                 in which order the description lists the synapses
    col_ptr (N_post + 1,)   start of each column
    col_group, col_rank (S,)  column order: group of a synapse and its place in that group, uint16
                            or int32; empty without a rule, and where rows are full and weights
                            learn: there both follow from the place
    """

    name: str
    pre: str
    post: str
    channel: int
    delays: np.ndarray
    row_ptr: np.ndarray
    targets: np.ndarray
    full: bool
    weight: np.ndarray
    scale: int
    listing: Listing
    col_ptr: np.ndarray
    col_group: np.ndarray
    col_rank: np.ndarray
    rule: IntegerRule | None = None

    @property
    def post_ids(self) -> np.ndarray:
        """Post neuron of every synapse, (S,) int32, row order."""
        return self.targets.astype(np.int32, copy=False)

    @property
    def group(self) -> np.ndarray:
        """Group of every synapse, (S,) int64, row order."""
        return np.repeat(np.arange(len(self.row_ptr) - 1), np.diff(self.row_ptr))

    @property
    def order(self) -> np.ndarray:
        """Place of every synapse in the arrays of the description, (S,) int64, row order."""
        return self.listing.places(self.targets)

    @cached_property
    def reach(self) -> tuple[int, int]:
        """Smallest and largest weight; 0, 0 without synapses."""
        if not len(self.weight):
            return 0, 0
        return int(self.weight.min()), int(self.weight.max())

    @property
    def col_syn(self) -> np.ndarray:
        """Row place of every synapse, (S,) int64, column order; for a projection with a rule."""
        if self.full and not len(self.col_group):
            groups = len(self.row_ptr) - 1
            return np.arange(len(self.targets)).reshape(groups, -1).T.ravel()
        return self.row_ptr[self.col_group] + self.col_rank


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerNetwork:
    """A lowered network and the report of what lowering cost.

    dt     step, s        seed   key of the stochastic rounding
    """

    name: str
    dt: float
    seed: int
    sources: tuple[IntegerSource, ...]
    populations: tuple[AnyPopulation, ...]
    projections: tuple[IntegerProjection, ...]
    report: LoweringReport

    @property
    def groups(self) -> tuple[IntegerSource | AnyPopulation, ...]:
        """Everything that spikes: sources, then populations."""
        return (*self.sources, *self.populations)

    @property
    def max_delay(self) -> int:
        """Longest delay, steps."""
        return max((int(q.delays[-1]) for q in self.projections if len(q.delays)), default=0)

    def __getitem__(self, name: str) -> Any:
        """The source or population of that name, else the projection.

        A source may bear the name of its projection, as those of a PoissonInput of Brian2 do.
        """
        things: dict[str, Any] = {q.name: q for q in self.projections}
        things |= {x.name: x for x in self.groups}
        if name not in things:
            raise DescriptionError(f"{self.name}: no {name!r}{nearest(name, things)}")
        return things[name]
