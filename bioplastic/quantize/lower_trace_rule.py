"""TraceSTDP to integers: traces in units of their largest step, terms as tables over the weight."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bioplastic.description import TraceSTDP
from bioplastic.description.trace_rule import (
    Change,
    Free,
    Jump,
    PreTrace,
    Put,
    Term,
    TowardsHigh,
)
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_rule import (
    IntegerChange,
    IntegerJump,
    IntegerPut,
    IntegerTerm,
    IntegerTrace,
    IntegerTraceRule,
    Statement,
)
from bioplastic.quantize.lower_rule import table_fraction, table_shift, table_weights
from bioplastic.quantize.report import Rounding

LEAST_STEP = 2.0 ** -(fp.DITHER + 1)
SUM_LIMIT = 2.0**62


def lower_trace_rule(
    rule: TraceSTDP, dt: float, low: int, high: int, per_unit: float
) -> tuple[IntegerTraceRule, list[Rounding]]:
    """The statements of `rule` on weights low..high; the roundings name its parts only.

    per_unit   weight units (integers) for one SI unit of the weight
    Raises ValueError for a step that does not fit its format or that would always be lost.
    """
    units = {t.name: _unit(rule, t.name) for t in rule.traces}
    traces = {
        t.name: IntegerTrace(
            name=t.name, table=fp.decay_table(dt, float(t.tau)), unit=units[t.name]
        )
        for t in rule.traces
    }
    pre = [t.name for t in rule.traces if isinstance(t, PreTrace)]
    post = [t.name for t in rule.traces if not isinstance(t, PreTrace)]
    place = {name: k for side in (pre, post) for k, name in enumerate(side)}
    roundings: list[Rounding] = []
    sides: dict[str, tuple[Statement, ...]] = {}
    for side in ("on_pre", "on_post"):
        done: list[Statement] = []
        for k, statement in enumerate(getattr(rule, side)):
            if isinstance(statement, Change):
                change = _change(statement, units, place, pre, low, high, per_unit)
                roundings.append(_rounding(f"{side}[{k}]", statement, change))
                done.append(change)
            else:
                done.append(_move(statement, units, place))
        sides[side] = tuple(done)
    lowered = IntegerTraceRule(
        pre_traces=tuple(traces[n] for n in pre),
        post_traces=tuple(traces[n] for n in post),
        low=low,
        high=high,
        shift=table_shift(low, high),
        fresh=rule.fresh,
        **sides,
    )
    return lowered, roundings


def _unit(rule: TraceSTDP, name: str) -> float:
    """Largest step of a trace; 1 for one that never moves."""
    steps = [
        abs(s.amount if isinstance(s, Jump) else s.value)
        for s in (*rule.on_pre, *rule.on_post)
        if isinstance(s, Jump | Put) and s.trace == name
    ]
    return max(steps, default=0.0) or 1.0


def _move(
    statement: Jump | Put, units: Mapping[str, float], place: Mapping[str, int]
) -> IntegerJump | IntegerPut:
    unit, trace = units[statement.trace], place[statement.trace]
    if isinstance(statement, Jump):
        return IntegerJump(trace=trace, amount=int(fp.to_fixed(statement.amount / unit, fp.TRACE)))
    return IntegerPut(trace=trace, value=int(fp.to_fixed(statement.value / unit, fp.TRACE)))


def _change(
    change: Change,
    units: Mapping[str, float],
    place: Mapping[str, int],
    pre: list[str],
    low: int,
    high: int,
    per_unit: float,
) -> IntegerChange:
    steps = [_steps(term, units, low, high, per_unit) for term in change.terms]
    fraction = table_fraction(np.array(steps))
    most = sum(
        float(np.max(np.abs(step))) * 2.0**fraction * 2.0 ** (28 if len(term.traces) == 2 else 24)
        for term, step in zip(change.terms, steps, strict=True)
    )
    if most > SUM_LIMIT:
        raise ValueError(f"{len(steps)} terms do not fit one 64-bit sum")
    terms = tuple(
        IntegerTerm(
            table=fp.to_fixed(step, fraction).astype(np.int32),
            pre=tuple(place[n] for n in term.traces if n in pre),
            post=tuple(place[n] for n in term.traces if n not in pre),
        )
        for term, step in zip(change.terms, steps, strict=True)
    )
    return IntegerChange(terms=terms, fraction=fraction)


def _steps(
    term: Term, units: Mapping[str, float], low: int, high: int, per_unit: float
) -> np.ndarray:
    """Change of the weight at traces of one unit for each of the 128 entries, weight units."""
    w, dependence = table_weights(low, high) / per_unit, term.dependence
    scale = term.coefficient * per_unit * float(np.prod([units[n] for n in term.traces]))
    if isinstance(dependence, Free):
        return np.full(len(w), scale)
    away = high / per_unit - w if isinstance(dependence, TowardsHigh) else w - low / per_unit
    return np.asarray(scale * np.maximum(away, 0.0) ** dependence.mu)


def _rounding(what: str, change: Change, lowered: IntegerChange) -> Rounding:
    """Resolution of a change against its step at traces of one unit; refuses a step always lost."""
    step = sum(float(np.max(np.abs(t.table))) for t in lowered.terms) / 2.0**lowered.fraction
    wanted = any(term.coefficient != 0 for term in change.terms)
    if wanted and step < LEAST_STEP:
        raise ValueError(
            f"{what}: a step of {step:.2g} weight units would always be lost, the least is "
            f"{LEAST_STEP:.2g}; lower(…, plastic_bits=16) makes the unit 258 times smaller"
        )
    relative = LEAST_STEP / step if step else 0.0
    return Rounding(what=what, bits=64, error=LEAST_STEP, relative=relative, unit="weight unit")
