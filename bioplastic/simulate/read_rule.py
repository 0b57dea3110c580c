"""Weight changes written by a stranger as TraceSTDP: traces, jumps, terms, bounds.

The description's weight is what arrives, f·w for a synapse that transmits f·w, so every number of
the rule is scaled by f; bounds swap and (high − w) becomes (w − low) when f < 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy
from brian2 import second

from bioplastic.description import (
    Change,
    Free,
    Jump,
    PostTrace,
    PreTrace,
    Put,
    Term,
    TowardsHigh,
    TowardsLow,
    TraceSTDP,
)
from bioplastic.description.trace_rule import UNBOUNDED
from bioplastic.simulate.read_scope import Expr, free_names, monomials, refuse, symbol
from bioplastic.simulate.read_synapse_code import Move, SynapseModel

NEAR = 1e-12  # relative difference of a bound and the same number computed in another order


class RuleReader:
    """Reads the moves of a Synapses whose plastic variable is `weight`, transmitted times f."""

    def __init__(self, model: SynapseModel, weight: str, factor: float) -> None:
        self.model, self.weight, self.factor = model, weight, factor
        self.scope = model.scope
        self.low, self.high = -UNBOUNDED, UNBOUNDED
        self.bounded = ""

    def read(self, *, fresh: bool) -> TraceSTDP:
        """The rule; `fresh` when the weight is transmitted after the code of the arrival."""
        pre = [m for p in self.model.pathways if p.side == "pre" for m in p.moves]
        post = [m for p in self.model.pathways if p.side == "post" for m in p.moves]
        pre, post = self._merged(pre), self._merged(post)
        self._bounds([*pre, *post])
        traces = self._traces(pre, post)
        low, high = sorted(self._sent(end) for end in (self.low, self.high))
        return TraceSTDP(
            traces=traces,
            on_pre=tuple(self._statement(m) for m in pre),
            on_post=tuple(self._statement(m) for m in post),
            low=low,
            high=high,
            fresh=fresh,
        )

    def _sent(self, end: float) -> float:
        """A bound of the weight as a bound of what is transmitted; none stays none."""
        with np.errstate(over="ignore"):
            sent = self.factor * end
        none = abs(end) == UNBOUNDED or abs(sent) > UNBOUNDED
        return float(np.copysign(UNBOUNDED, sent)) if none else sent

    def _merged(self, moves: list[Move]) -> list[Move]:
        """``w += x`` and at once ``w = clip(w, …)`` as one move."""
        found: list[Move] = []
        for move in moves:
            last = found[-1] if found else None
            if (
                last is not None
                and last.variable == move.variable == self.weight
                and _clip(last.value) is None
            ):
                value = move.value.subs(symbol(self.weight), last.value)
                found[-1] = Move(move.variable, value, f"{last.line}; {move.line}")
            else:
                found.append(move)
        return found

    def _bounds(self, moves: list[Move]) -> None:
        """Every change has the same bounds, or none has any."""
        seen: dict[tuple[float, float], str] = {}
        for move in moves:
            if move.variable != self.weight:
                continue
            limits = (-UNBOUNDED, UNBOUNDED)
            if (clip := _clip(move.value)) is not None:
                ends = [self._limit(end, move.line) for end in clip.args[1:]]
                limits = (ends[0], ends[1])
            seen.setdefault(limits, move.line)
        if len(seen) > 1:
            (one, line), (other, _) = sorted(seen.items())[:2]
            raise refuse(self.model.name, line, f"clips to {_shown(one)}, other code to "
                         f"{_shown(other)}; a rule has one pair of bounds")  # fmt: skip
        for (low, high), line in seen.items():
            if not low < high:
                raise refuse(self.model.name, line, f"clips to {low:g}..{high:g}")
            self.low, self.high, self.bounded = low, high, line

    def _limit(self, end: Expr, line: str) -> float:
        if end in (sympy.oo, -sympy.oo) or free_names(end) == {"inf"}:
            positive = end == sympy.oo or end == symbol("inf")
            return UNBOUNDED if positive else -UNBOUNDED
        return self.scope.one(end, line, "a bound of the weight")

    def _traces(self, pre: list[Move], post: list[Move]) -> tuple[PreTrace | PostTrace, ...]:
        found: list[PreTrace | PostTrace] = []
        for name, equation in self.model.traces.items():
            line = str(equation)
            rate = monomials(self.scope.parse(equation.expr.code, line), self.model.traces)
            if rate is None or set(rate) != {(name,)}:
                raise refuse(self.model.name, line, "is no trace: it must only decay to 0")
            slope = self.scope.one(rate[(name,)], line, "the time constant of a trace")
            if not slope < 0:
                raise refuse(self.model.name, line, "is no trace: it must decay")
            if np.any(np.asarray(getattr(self.model.synapses, f"{name}_")[:]) != 0):
                raise refuse(self.model.name, line, "a trace that does not start at 0")
            movers = [any(m.variable == name for m in side) for side in (pre, post)]
            if all(movers):
                raise refuse(self.model.name, line, "moves at pre and at post spikes; a trace "
                             "belongs to one side")  # fmt: skip
            kind = PostTrace if movers[1] else PreTrace
            found.append(kind(name=name, tau=-1 / slope * second))
        return tuple(found)

    def _statement(self, move: Move) -> Jump | Put | Change:
        if move.variable in self.model.traces:
            return self._trace(move)
        clip = _clip(move.value)
        value = move.value if clip is None else clip.args[0]
        change = value - symbol(self.weight)
        names = {*self.model.traces, self.weight}
        if clip is not None and sympy.expand(change) == 0:
            return Change(terms=())
        terms = []
        for part in sympy.Add.make_args(_without_weight(value, self.weight)):
            terms += self._terms(part, move.line, names)
        return Change(terms=tuple(t for t in terms if t.coefficient))

    def _trace(self, move: Move) -> Jump | Put:
        found = monomials(move.value, {*self.model.traces, self.weight})
        name, line = move.variable, move.line
        if found is not None and not set(found) - {()}:
            return Put(trace=name, value=self._constant(found, line))
        if found is not None and not set(found) - {(), (name,)} and found.get((name,)) == 1:
            return Jump(trace=name, amount=self._constant(found, line))
        raise refuse(self.model.name, line, "moves a trace by something else than a constant")

    def _constant(self, found: dict[tuple[str, ...], Expr], line: str) -> float:
        return self.scope.one(found.get((), sympy.Integer(0)), line, "the move of a trace")

    def _terms(self, part: Expr, line: str, names: set[str]) -> list[Term]:
        """One summand of a change: factors of traces, at most one of the weight, the rest."""
        traces, rest, dependence = list[str](), sympy.Integer(1), None
        for factor in sympy.Mul.make_args(part):
            base, power = factor.as_base_exp()
            if base.is_Symbol and base.name in self.model.traces and power.is_Integer and power > 0:
                traces += [base.name] * int(power)
            elif free_names(factor) & names:
                found = self._dependence(base, power, line)
                if found is None or dependence is not None:
                    return self._expanded(part, line, names)
                dependence = found
            else:
                rest = rest * factor
        if len(traces) > 2:
            raise refuse(self.model.name, line, "a product of more than two traces")
        scale, law = dependence or (1.0, Free())
        number = self.scope.one(rest, line, "a learning rate")
        return [self._term(number * scale, tuple(traces), law)]

    def _dependence(self, base: Expr, power: Expr, line: str) -> tuple[float, Any] | None:
        """``(a + b w)^mu`` as a multiple of (high − w)^mu or (w − low)^mu."""
        found = monomials(base, {*self.model.traces, self.weight})
        if found is None or set(found) - {(), (self.weight,)} or free_names(power) & {
            *self.model.traces, self.weight
        }:  # fmt: skip
            return None
        a = self.scope.one(found.get((), sympy.Integer(0)), line, "a weight dependence")
        b = self.scope.one(found[(self.weight,)], line, "a weight dependence")
        mu = self.scope.one(sympy.sympify(power), line, "an exponent")
        if mu < 0 or not b:
            raise refuse(self.model.name, line, "a weight dependence with a negative exponent")
        for bound, sign, law in ((self.high, -1, TowardsHigh), (self.low, 1, TowardsLow)):
            if b * sign > 0 and abs(bound) < UNBOUNDED:
                near = abs(-a / b - bound) <= NEAR * max(abs(bound), abs(a / b))
                if near:
                    return abs(b) ** mu, law(mu=mu)
        return None

    def _expanded(self, part: Expr, line: str, names: set[str]) -> list[Term]:
        found = monomials(part, names)
        if found is None:
            raise refuse(self.model.name, line, "is no sum of products of traces and the weight")
        terms = []
        for monomial, coefficient in found.items():
            traces = tuple(n for n in monomial if n != self.weight)
            number = self.scope.one(coefficient, line, "a learning rate")
            depends = len(monomial) - len(traces)
            if depends > 1 or len(traces) > 2:
                raise refuse(self.model.name, line, "is not linear in the weight and at most two "
                             "traces")  # fmt: skip
            if not depends:
                terms.append(self._term(number, traces, Free()))
                continue
            if abs(self.low) == UNBOUNDED:
                raise refuse(self.model.name, line, "depends on the weight, which is never clipped")
            terms.append(self._term(number, traces, TowardsLow()))  # w = (w − low) + low
            terms.append(self._term(number * self.low, traces, Free()))
        return terms

    def _term(self, number: float, traces: tuple[str, ...], law: Any) -> Term:
        f = self.factor
        if isinstance(law, Free):
            return Term(coefficient=f * number, traces=traces)
        if f < 0:
            swap = {TowardsHigh: TowardsLow, TowardsLow: TowardsHigh}
            law = swap[type(law)](mu=law.mu)
        scaled = f * abs(f) ** -law.mu * number
        return Term(coefficient=scaled, traces=traces, dependence=law)


def _clip(value: Expr) -> Any:
    return value if type(value).__name__ == "clip" else None


def _without_weight(value: Expr, weight: str) -> Expr:
    """``value − w`` with its factors kept: the summand w is taken out, not expanded."""
    parts = list(sympy.Add.make_args(value))
    if symbol(weight) in parts:
        parts.remove(symbol(weight))
        return sympy.Add(*parts)
    return sympy.expand(value - symbol(weight))


def _shown(limits: tuple[float, float]) -> str:
    ends = ["nothing" if abs(x) == UNBOUNDED else f"{x:g}" for x in limits]
    return "..".join(ends)
