"""Projections to integers: row and column order, weights with one scale, plasticity constants."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from brian2 import amp

from bioplastic.description import (
    Connectivity,
    Network,
    PairSTDP,
    PermanenceSTDP,
    Population,
    Projection,
    TraceSTDP,
)
from bioplastic.description.trace_rule import UNBOUNDED
from bioplastic.errors import UnsupportedModel
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_network import IntegerProjection
from bioplastic.quantize.integer_rule import IntegerPermanence, IntegerRule
from bioplastic.quantize.listing import listing_of
from bioplastic.quantize.lower_population import state_per_weight, weight_unit
from bioplastic.quantize.lower_rule import lower_pair, lower_permanence
from bioplastic.quantize.lower_trace_rule import lower_trace_rule
from bioplastic.quantize.report import Rounding

MOST_DELAY = 1 << 16
NARROW = 1 << 16


def listed(q: Projection) -> Projection:
    """The same projection with every synapse listed, in case its connectivity is a rule."""
    c = q.connectivity
    return q if isinstance(c, Connectivity) else replace(q, connectivity=c.explicit())


def synapses(q: Projection) -> Connectivity:
    """Explicit synapses of a projection that went through `listed`."""
    assert isinstance(q.connectivity, Connectivity)
    return q.connectivity


def lower_projection(
    network: Network, q: Projection, dt: float, lsb: float, *, plastic_bits: int = 8
) -> tuple[IntegerProjection, list[Rounding]]:
    """Sort the synapses into rows and columns and turn weights and rule into integers.

    lsb            value of an LSB of the state that `q` targets, SI
    plastic_bits   8 or 16: width of the weights of PairSTDP and TraceSTDP
    """
    pre, post = network[q.pre], network[q.post]
    assert isinstance(post, Population)
    c = synapses(q)
    steps = fp.grid_steps(c.delays(), dt)
    late = float(np.max(np.abs(steps * dt - c.delays()), initial=0.0))
    delays, which = np.unique(steps, return_inverse=True)
    if len(delays) and delays[-1] > MOST_DELAY:
        raise UnsupportedModel(f"{q.name}.delay: {delays[-1]} steps; at most {MOST_DELAY}")
    group = c.i * len(delays) + which
    order = np.argsort(group * post.size + c.j, kind="stable")
    targets = narrow(c.j[order], post.size)
    filled = np.bincount(group, minlength=pre.size * len(delays))
    row_ptr = np.concatenate([[0], np.cumsum(filled)])
    unit = state_per_weight(post.neuron, q.target) / lsb
    weights = _weights(q, unit, plastic_bits)
    rule, roundings = _rule(q, order, dt, weights)
    full = _is_full(targets, filled, post.size)
    listed = rule is not None and (not full or isinstance(rule, IntegerPermanence))
    col_group, col_rank = _columns(targets, row_ptr, filled) if listed else (_NONE, _NONE)
    lowered = IntegerProjection(
        name=q.name,
        pre=q.pre,
        post=q.post,
        channel=post.targets().index(q.target),
        delays=delays,
        row_ptr=row_ptr,
        targets=targets,
        full=full,
        weight=weights.whole[order],
        scale=weights.scale,
        listing=listing_of(order, targets),
        col_ptr=np.concatenate([[0], np.cumsum(np.bincount(targets, minlength=post.size))]),
        col_group=col_group,
        col_rank=col_rank,
        rule=rule,
    )
    largest = abs(weights.scale) * int(np.max(np.abs(weights.whole.astype(np.int64)), initial=0))
    return lowered, [
        Rounding(
            what=f"{q.name}.weight",
            bits=8 * weights.whole.itemsize,
            error=weights.error / unit,
            relative=weights.error / largest if largest else 0.0,
            unit=weight_unit(post.neuron, q.target),
        ),
        Rounding(what=f"{q.name}.delay", bits=64, error=late, relative=0.0, unit="s"),
        *roundings,
    ]


_NONE = np.zeros(0, np.uint16)


def narrow(index: np.ndarray, end: int) -> np.ndarray:
    """Indices 0..end − 1 as uint16 where they fit, else int32."""
    return index.astype(np.uint16 if end <= NARROW else np.int32)


def _columns(
    targets: np.ndarray, row_ptr: np.ndarray, filled: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Group of every synapse and its place in the group, column order; both of one width."""
    column = np.argsort(targets, kind="stable")
    group = np.repeat(np.arange(len(filled)), filled)[column]
    end = max(len(filled), int(np.max(filled, initial=0)))
    return narrow(group, end), narrow(column - row_ptr[group], end)


def _is_full(targets: np.ndarray, filled: np.ndarray, size: int) -> bool:
    """Whether every group has all post neurons, each once."""
    if not len(filled) or np.any(filled != size):
        return False
    return all(np.array_equal(row, np.arange(size)) for row in targets.reshape(-1, size))


@dataclass(frozen=True, kw_only=True)
class _Weights:
    """Weights in the order of the description.

    whole       int8 or int16            scale      LSB per weight unit
    error       largest, LSB             low, high  bounds under a rule, weight units
    per_unit    weight units for one SI unit
    """

    whole: np.ndarray
    scale: int
    error: float
    per_unit: float
    low: int = 0
    high: int = 0


def _weights(q: Projection, unit: float, plastic_bits: int) -> _Weights:
    """Integer weights and their scale.

    unit   LSB of the target state for a weight of one SI unit
    Static: int8 when every weight is a small multiple of the smallest, else int16.
    """
    rule, c = q.plasticity, synapses(q)
    wanted = np.broadcast_to(np.asarray(c.weight, dtype=float), c.i.shape) * unit
    if isinstance(rule, PermanenceSTDP):
        mature = float(rule.w_mature / amp) * unit
        scale, whole = int(np.rint(mature)), np.ones(len(wanted), np.int8)
        return _Weights(whole=whole, scale=scale, error=abs(mature - scale), per_unit=1.0)
    if isinstance(rule, PairSTDP):
        return _plastic(q, wanted, 0.0, float(rule.w_max / amp), unit, plastic_bits)
    if isinstance(rule, TraceSTDP):
        if UNBOUNDED in (rule.high, -rule.low):
            raise UnsupportedModel(
                f"{q.name}.plasticity: low = {rule.low:g}, high = {rule.high:g}: integers need a"
                " range: clip the weight in the code of the rule, or set low and high"
            )
        return _plastic(q, wanted, float(rule.low), float(rule.high), unit, plastic_bits)
    whole, scale, error = _static(wanted)
    return _Weights(whole=whole, scale=scale, error=error, per_unit=unit / scale)


def _plastic(
    q: Projection, wanted: np.ndarray, low: float, high: float, unit: float, bits: int
) -> _Weights:
    """Weights with bounds; the larger of them becomes 127 or 32767 units, or a little less.

    low, high   bounds, SI         wanted (S,)   LSB of the target state
    """
    kind, most = (np.int8, fp.WEIGHT_MAX) if bits == 8 else (np.int16, fp.STATIC_MAX)
    largest = max(abs(low), abs(high)) * unit
    if isinstance(q.plasticity, PairSTDP) and bits == 8:
        scale = max(1, int(np.rint(largest / most)))
        ends = 0, most
    else:
        scale = max(1, int(np.ceil(largest / most)))
        ends = int(np.rint(low * unit / scale)), int(np.rint(high * unit / scale))
    if ends[0] == ends[1]:
        raise UnsupportedModel(
            f"{q.name}.plasticity: low = {low:g} and high = {high:g} are the same in units of "
            f"{scale / unit:.3g}; use plastic_bits=16 or more fraction bits"
        )
    if len(wanted) and (
        wanted.min() < scale * (ends[0] - 0.5) or wanted.max() > scale * (ends[1] + 0.5)
    ):
        bounds = "0..w_max" if isinstance(q.plasticity, PairSTDP) else f"{low:g}..{high:g}"
        raise UnsupportedModel(f"{q.name}.weight: plastic weights must lie in {bounds}")
    whole: np.ndarray = np.clip(np.rint(wanted / scale), *ends).astype(kind)
    error = _error(whole * float(scale), wanted)
    return _Weights(
        whole=whole, scale=scale, error=error, per_unit=unit / scale, low=ends[0], high=ends[1]
    )


def _static(wanted: np.ndarray) -> tuple[np.ndarray, int, float]:
    sizes = np.abs(wanted[wanted != 0])
    if not len(sizes):
        return np.zeros(len(wanted), np.int8), 1, 0.0
    smallest, largest = float(sizes.min()), float(sizes.max())
    scale = max(1, int(np.rint(smallest)))
    whole = np.rint(wanted / scale)
    if largest / scale <= fp.WEIGHT_MAX and _error(whole * scale, wanted) <= 1e-4 * largest:
        return whole.astype(np.int8), scale, _error(whole * scale, wanted)
    scale = max(1, int(np.ceil(largest / fp.STATIC_MAX)))
    whole = np.rint(wanted / scale)
    return whole.astype(np.int16), scale, _error(whole * scale, wanted)


def _error(got: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.max(np.abs(got - wanted), initial=0.0))


def _rule(
    q: Projection, order: np.ndarray, dt: float, weights: _Weights
) -> tuple[IntegerRule | None, list[Rounding]]:
    """The rule of `q` and what its parts lost."""
    rule = q.plasticity
    try:
        if isinstance(rule, PermanenceSTDP):
            wanted = np.asarray(q.connectivity.permanence)[order]
            lowered = lower_permanence(rule, wanted, dt)
            return lowered, [_permanence_rounding(q.name, lowered, wanted)]
        if isinstance(rule, PairSTDP):
            top = float(rule.w_max / amp) * weights.per_unit
            return lower_pair(rule, dt, weights.high, top, wide=weights.whole.itemsize == 2), []
        if isinstance(rule, TraceSTDP):
            program, found = lower_trace_rule(rule, dt, weights.low, weights.high, weights.per_unit)
            return program, [replace(r, what=f"{q.name}.plasticity.{r.what}") for r in found]
    except ValueError as error:
        raise UnsupportedModel(f"{q.name}.plasticity: {error}") from None
    return None, []


def _permanence_rounding(name: str, rule: IntegerPermanence, wanted: np.ndarray) -> Rounding:
    error = _error(rule.initial * (rule.p_max / 2.0**fp.PERMANENCE), wanted)
    relative = error / float(np.max(np.abs(wanted), initial=0.0) or 1.0)
    return Rounding(what=f"{name}.permanence", bits=32, error=error, relative=relative, unit="1")
