"""Pair STDP and permanences to integers: tables, steps and windows."""

from __future__ import annotations

import numpy as np

from bioplastic.description import PairSTDP, PermanenceSTDP
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_rule import IntegerPairSTDP, IntegerPermanence, WidePairSTDP

ENTRIES = 128


def table_shift(low: int, high: int) -> int:
    """Smallest n for which weights low..high fall on 128 entries of 2^n weights each."""
    return max(0, int(high - low).bit_length() - 7)


def table_weights(low: int, high: int) -> np.ndarray:
    """Weight that each of the 128 entries of a table stands for, weight units: its middle."""
    shift = table_shift(low, high)
    middle = low + (np.arange(ENTRIES) << shift) + ((1 << shift) - 1) / 2
    return np.minimum(middle, high)


def table_fraction(step: np.ndarray) -> int:
    """Fraction bits of a table of steps (weight units): 20, or fewer when int32 would overflow."""
    largest = float(np.max(np.abs(step), initial=0.0))
    bits = fp.TRACE
    while bits > 0 and largest * 2.0**bits > fp.STATE_LIMIT:
        bits -= 1
    if largest * 2.0**bits > fp.STATE_LIMIT:
        raise ValueError(f"a step of {largest:.3g} weight units does not fit 32 bits")
    return bits


def lower_pair(rule: PairSTDP, dt: float, high: int, top: float, *, wide: bool) -> IntegerPairSTDP:
    """Pair STDP on weights 0..high; `top` is w_max in weight units, before it was rounded.

    wide   int16 instead of int8, where w_max is 127, whatever the scale
    Raises ValueError when a step does not fit its table.
    """
    top = top if wide else high
    share = np.minimum(table_weights(0, high) / top, 1.0)
    up = rule.a_plus * top * (1 - share) ** rule.dependence.mu
    down = rule.a_minus * top * share**rule.dependence.mu
    fraction = fp.TRACE
    if wide:
        fraction = min(table_fraction(up), table_fraction(down))
    elif max(up.max(), down.max()) * fp.TRACE_ONE > fp.STATE_LIMIT:
        raise ValueError("a_plus and a_minus must stay below 16")
    return (WidePairSTDP if wide else IntegerPairSTDP)(
        potentiate=fp.to_fixed(up, fraction).astype(np.int32),
        depress=fp.to_fixed(down, fraction).astype(np.int32),
        plus_table=fp.decay_table(dt, float(rule.tau_plus)),
        minus_table=fp.decay_table(dt, float(rule.tau_minus)),
        high=high,
        shift=table_shift(0, high),
        fraction=fraction,
    )


def lower_permanence(rule: PermanenceSTDP, initial: np.ndarray, dt: float) -> IntegerPermanence:
    """Permanences, their window and their steps.

    initial (S,)   permanences of the description, row order
    """
    first, last = fp.steps_inside(float(rule.dt_min), float(rule.dt_max), dt)
    start = fp.to_fixed(initial / rule.p_max, fp.PERMANENCE).astype(np.int32)
    homeostasis = rule.homeostasis
    return IntegerPermanence(
        hebbian=int(fp.to_fixed(rule.lambda_plus, fp.PERMANENCE)),
        decrement=int(fp.to_fixed(rule.lambda_minus, fp.PERMANENCE)),
        rate=int(fp.to_fixed(homeostasis.rate, fp.PERMANENCE)) if homeostasis else 0,
        target=int(fp.to_fixed(homeostasis.target, fp.TRACE)) if homeostasis else 0,
        homeostatic=homeostasis is not None,
        first_lag=first,
        last_lag=last,
        theta=int(fp.to_fixed(rule.theta_p / rule.p_max, fp.PERMANENCE)),
        p_max=rule.p_max,
        initial=start,
        floor=start,
        table=fp.decay_table(dt, float(rule.tau_plus)),
    )
