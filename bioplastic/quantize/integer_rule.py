"""Learning rules of the sparse kernels in whole numbers. Formats are those of `fixed_point`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.quantize import fixed_point as fp


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerPairSTDP:
    """Pair STDP on weights 0..high, int8.

    potentiate, depress (128,) int32   step at trace one, Q`fraction` of a weight unit; entry
                                       w >> shift belongs to weight w
    plus_table, minus_table            Q30 decay of the pre and of the post trace
    """

    potentiate: np.ndarray
    depress: np.ndarray
    plus_table: np.ndarray
    minus_table: np.ndarray
    high: int = fp.WEIGHT_MAX
    shift: int = 0
    fraction: int = fp.TRACE

    @property
    def low(self) -> int:
        """Lower bound of a weight."""
        return 0


@dataclass(frozen=True, kw_only=True, eq=False)
class WidePairSTDP(IntegerPairSTDP):
    """The same on int16 weights. An executor that knows int8 only does not know this class."""


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

    @property
    def low(self) -> int:
        """Weight of an immature synapse, weight units."""
        return 0

    @property
    def high(self) -> int:
        """Weight of a mature synapse, weight units."""
        return 1


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerTrace:
    """A trace in Q20 of its own unit, saturating at ±16 units.

    table   Q30 decay        unit   value of 2^20, in the units of the description: its largest step
    """

    name: str
    table: np.ndarray
    unit: float


@dataclass(frozen=True, kw_only=True)
class IntegerJump:
    """Trace number `trace` of its side: x ← sat(x + amount), Q20."""

    trace: int
    amount: int


@dataclass(frozen=True, kw_only=True)
class IntegerPut:
    """Trace number `trace` of its side: x ← value, Q20."""

    trace: int
    value: int


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerTerm:
    """table[(w − low) >> shift] · Π traces; a product of two traces is rounded to Q20 once.

    table (128,) int32   Q`fraction` of the change, weight units
    pre, post            numbers of the traces it reads, at most two together
    """

    table: np.ndarray
    pre: tuple[int, ...] = ()
    post: tuple[int, ...] = ()

    @property
    def flat(self) -> bool:
        """Whether the weight does not matter: all entries are equal."""
        return bool(np.all(self.table == self.table[0]))


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerChange:
    """w ← clip(w + stochastic_round(Σ terms)): the sum in int64, one rounding to Q8, a dither."""

    terms: tuple[IntegerTerm, ...]
    fraction: int = fp.TRACE


Statement = IntegerJump | IntegerPut | IntegerChange


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerTraceRule:
    """A program on traces, statements in the order written; on_pre before on_post in a step.

    pre_traces    kept for every group (one pre, one delay), moved by on_pre
    post_traces   kept for every post neuron, moved by on_post
    low, high     bounds of a weight; a table has one entry for 2^shift weights
    fresh         weights are delivered after on_pre
    """

    pre_traces: tuple[IntegerTrace, ...]
    post_traces: tuple[IntegerTrace, ...]
    on_pre: tuple[Statement, ...]
    on_post: tuple[Statement, ...]
    low: int
    high: int
    shift: int
    fresh: bool = False


IntegerRule = IntegerPairSTDP | IntegerPermanence | IntegerTraceRule
