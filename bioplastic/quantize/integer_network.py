"""What the sparse kernels run: a network in whole numbers. Formats are those of `fixed_point`.

Row order: synapses sorted by (pre, delay, post); a *group* is the run of one pre and one delay,
g = pre·len(delays) + index of the delay. Column order: sorted by (post, row place).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.errors import DescriptionError, nearest
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
class ExponentialChannel:
    """Current I ← PII·I; v += PvI·I. Arrivals add to I. Propagators Q30."""

    name: str
    pii: int
    pvi: int


@dataclass(frozen=True, kw_only=True, eq=False)
class AlphaChannel:
    """Current I ← PII·I + PIh·h, h ← PII·h; v += PvI·I + Pvh·h. Arrivals add to h."""

    name: str
    pii: int
    pih: int
    pvi: int
    pvh: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PlateauChannel(AlphaChannel):
    """Alpha channel that is clamped when I > threshold.

    threshold, clamp   LSB       duration  steps       table  Q30 decay of the plateau trace z
    """

    threshold: int
    clamp: int
    duration: int
    table: np.ndarray


Channel = ExponentialChannel | AlphaChannel


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerPopulation:
    """LIF neurons; potentials count from v_rest.

    pvv, pv1       Q30 decay of v and pull of a clamped current (1 − Pvv)
    offset (N,)    int64, Q30 LSB per step: pull of i_offset
    v_th, v_reset  LSB above rest          refractory  steps
    theta_decay, theta_step   Q30 and LSB of the adaptive threshold; 0, 0 without one
    winners        k of HardWTA, 0 = no competition
    cycle, starts  a competition starts where step mod cycle is in `starts`; 0: the run is one
    lsb, v_rest    volts: value of an LSB and of zero
    """

    name: str
    size: int
    pvv: int
    pv1: int
    offset: np.ndarray
    v_th: int
    v_reset: int
    refractory: int
    channels: tuple[Channel, ...]
    theta_decay: int = 0
    theta_step: int = 0
    winners: int = 0
    cycle: int = 0
    starts: tuple[int, ...] = ()
    lsb: float = 1.0
    v_rest: float = 0.0
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerPairSTDP:
    """Pair STDP on int8 weights.

    potentiate, depress (128,) int32   Q20 step at trace one, for every weight
    plus_table, minus_table            Q30 decay of the pre and of the post trace
    """

    potentiate: np.ndarray
    depress: np.ndarray
    plus_table: np.ndarray
    minus_table: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerPermanence:
    """Permanences, p_max = 2^24; a synapse is mature when P > theta.

    hebbian, decrement, rate   p_max·lambda_plus, p_max·lambda_minus, p_max·lambda_h
    target                     Q20 wanted value of z       homeostatic  whether z counts
    first_lag, last_lag        steps: a post spike pairs when first <= step + delay − t_pre <= last
    initial, floor (S,) int32  permanences at step 0 and their lower bounds, row order
    table                      Q30 decay of the pre trace
    """

    hebbian: int
    decrement: int
    rate: int
    target: int
    homeostatic: bool
    first_lag: int
    last_lag: int
    theta: int
    p_max: float
    initial: np.ndarray
    floor: np.ndarray
    table: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerProjection:
    """Synapses of one kind.

    channel                 place of the target in the channels of post
    delays (D,)             distinct delays, steps, ascending
    row_ptr (N_pre·D + 1,)  start of each group          post_ids (S,) int32  row order
    weight (S,)             int8 or int16, row order     scale  LSB per weight unit
    order (S,)              place in the description's arrays
    col_ptr (N_post + 1,)   col_syn (S,)  row place of every synapse in column order
    """

    name: str
    pre: str
    post: str
    channel: int
    delays: np.ndarray
    row_ptr: np.ndarray
    post_ids: np.ndarray
    weight: np.ndarray
    scale: int
    order: np.ndarray
    col_ptr: np.ndarray
    col_syn: np.ndarray
    rule: IntegerPairSTDP | IntegerPermanence | None = None

    @property
    def group(self) -> np.ndarray:
        """Group of every synapse, (S,) int64, row order."""
        return np.repeat(np.arange(len(self.row_ptr) - 1), np.diff(self.row_ptr))


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerNetwork:
    """A lowered network and the report of what lowering cost.

    dt     step, s        seed   key of the stochastic rounding
    """

    name: str
    dt: float
    seed: int
    sources: tuple[IntegerSource, ...]
    populations: tuple[IntegerPopulation, ...]
    projections: tuple[IntegerProjection, ...]
    report: LoweringReport

    @property
    def groups(self) -> tuple[IntegerSource | IntegerPopulation, ...]:
        """Everything that spikes: sources, then populations."""
        return (*self.sources, *self.populations)

    @property
    def max_delay(self) -> int:
        """Longest delay, steps."""
        return max((int(q.delays[-1]) for q in self.projections if len(q.delays)), default=0)

    def __getitem__(self, name: str) -> Any:
        """The source, population or projection of that name."""
        things: dict[str, Any] = {x.name: x for x in self.groups}
        things |= {q.name: q for q in self.projections}
        if name not in things:
            raise DescriptionError(f"{self.name}: no {name!r}{nearest(name, things)}")
        return things[name]
