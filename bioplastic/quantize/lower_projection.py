"""Projections to integers: row and column order, weights with one scale, plasticity constants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from brian2 import amp

from bioplastic.description import (
    LIF,
    AlphaCurrent,
    Connectivity,
    ExponentialCurrent,
    Network,
    PairSTDP,
    PermanenceSTDP,
    Population,
    Projection,
)
from bioplastic.errors import UnsupportedModel
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_network import (
    IntegerPairSTDP,
    IntegerPermanence,
    IntegerProjection,
)
from bioplastic.quantize.lower_population import resistance
from bioplastic.quantize.report import Rounding

MOST_DELAY = 1 << 16


def listed(q: Projection) -> Projection:
    """The same projection with every synapse listed, in case its connectivity is a rule."""
    c = q.connectivity
    return q if isinstance(c, Connectivity) else replace(q, connectivity=c.explicit())


def synapses(q: Projection) -> Connectivity:
    """Explicit synapses of a projection that went through `listed`."""
    assert isinstance(q.connectivity, Connectivity)
    return q.connectivity


def lower_projection(
    network: Network, q: Projection, dt: float, fraction: int
) -> tuple[IntegerProjection, list[Rounding]]:
    """Sort the synapses into rows and columns and turn weights and rule into integers."""
    pre, post = network[q.pre], network[q.post]
    assert isinstance(post, Population)
    c = synapses(q)
    steps = fp.grid_steps(c.delays(), dt)
    delays, which = np.unique(steps, return_inverse=True)
    if len(delays) and delays[-1] > MOST_DELAY:
        raise UnsupportedModel(f"{q.name}.delay: {delays[-1]} steps; at most {MOST_DELAY}")
    i, j = c.i, c.j
    order = np.lexsort((j, which, i))
    groups = pre.size * len(delays)
    filled = np.bincount((i * len(delays) + which)[order], minlength=groups)
    column = np.argsort(j[order], kind="stable")
    unit = _state_per_ampere(post, q.target) / fp.state_lsb(fraction)
    weight, scale, error = _weights(q, unit)
    late = np.max(np.abs(steps * dt - c.delays()), initial=0.0)
    lowered = IntegerProjection(
        name=q.name,
        pre=q.pre,
        post=q.post,
        channel=post.targets().index(q.target),
        delays=delays,
        row_ptr=np.concatenate([[0], np.cumsum(filled)]),
        post_ids=j[order].astype(np.int32),
        weight=weight[order],
        scale=scale,
        order=order,
        col_ptr=np.concatenate([[0], np.cumsum(np.bincount(j, minlength=post.size))]),
        col_syn=column,
        rule=_rule(q, order, dt),
    )
    largest = abs(scale) * int(np.max(np.abs(weight.astype(np.int64)), initial=0))
    roundings = [
        Rounding(
            what=f"{q.name}.weight",
            bits=8 * weight.itemsize,
            error=error / unit,
            relative=error / largest if largest else 0.0,
            unit="A",
        ),
        Rounding(what=f"{q.name}.delay", bits=64, error=float(late), relative=0.0, unit="s"),
    ]
    return lowered, roundings + _permanence_rounding(q, lowered)


def _state_per_ampere(post: Population, target: str) -> float:
    """Volts of channel state for one ampere of weight: R, times e where the state is a rise."""
    assert isinstance(post.neuron, LIF)
    for receptor in post.neuron.receptors:
        if receptor.name == target:
            assert isinstance(receptor, ExponentialCurrent | AlphaCurrent)
            alpha = isinstance(receptor, AlphaCurrent)
            return resistance(post.neuron) * (float(np.e) if alpha else 1.0)
    return resistance(post.neuron) * float(np.e)


def _weights(q: Projection, unit: float) -> tuple[np.ndarray, int, float]:
    """Integer weights in the order of the description, their scale, and the largest error in LSB.

    unit   LSB of channel state for one ampere
    Static: int8 when every weight is a small multiple of the smallest, else int16.
    """
    rule, wanted = q.plasticity, synapses(q).weights(amp) * unit
    if isinstance(rule, PermanenceSTDP):
        mature = float(rule.w_mature / amp) * unit
        scale = int(np.rint(mature))
        return np.ones(len(wanted), np.int8), scale, abs(mature - scale)
    if not isinstance(rule, PairSTDP):
        return _static(wanted)
    scale = max(1, int(np.rint(float(rule.w_max / amp) * unit / fp.WEIGHT_MAX)))
    if len(wanted) and (wanted.min() < 0 or wanted.max() > scale * (fp.WEIGHT_MAX + 0.5)):
        raise UnsupportedModel(f"{q.name}.weight: plastic weights must lie in 0..w_max")
    whole = np.rint(wanted / scale)
    return whole.astype(np.int8), scale, _error(whole * scale, wanted)


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


def _rule(q: Projection, order: np.ndarray, dt: float) -> Any:
    rule = q.plasticity
    try:
        if isinstance(rule, PermanenceSTDP):
            return _permanence(rule, np.asarray(q.connectivity.permanence)[order], dt)
        return _pair(rule, dt) if isinstance(rule, PairSTDP) else None
    except ValueError as error:
        raise UnsupportedModel(f"{q.name}.plasticity: {error}") from None


def _pair(rule: PairSTDP, dt: float) -> IntegerPairSTDP:
    share = np.arange(fp.WEIGHT_MAX + 1) / fp.WEIGHT_MAX
    up = rule.a_plus * fp.WEIGHT_MAX * (1 - share) ** rule.dependence.mu
    down = rule.a_minus * fp.WEIGHT_MAX * share**rule.dependence.mu
    if max(up.max(), down.max()) * fp.TRACE_ONE > fp.STATE_LIMIT:
        raise ValueError("a_plus and a_minus must stay below 16")
    return IntegerPairSTDP(
        potentiate=fp.to_fixed(up, fp.TRACE).astype(np.int32),
        depress=fp.to_fixed(down, fp.TRACE).astype(np.int32),
        plus_table=fp.decay_table(dt, float(rule.tau_plus)),
        minus_table=fp.decay_table(dt, float(rule.tau_minus)),
    )


def _permanence(rule: PermanenceSTDP, initial: np.ndarray, dt: float) -> IntegerPermanence:
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


def _permanence_rounding(q: Projection, lowered: IntegerProjection) -> list[Rounding]:
    rule = lowered.rule
    if not isinstance(rule, IntegerPermanence):
        return []
    wanted = np.asarray(q.connectivity.permanence)[lowered.order]
    error = _error(rule.initial * (rule.p_max / 2.0**fp.PERMANENCE), wanted)
    relative = error / float(np.max(np.abs(wanted), initial=0.0) or 1.0)
    what = f"{q.name}.permanence"
    return [Rounding(what=what, bits=32, error=error, relative=relative, unit="1")]
