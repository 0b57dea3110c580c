"""A described STDP rule as a sum of products of traces: the form in which chips take it.

    at an event of pre:   w += Σ c Π traces          at an event of post:   w += Σ c Π traces
A trace jumps by one at each event of its own side and decays with its tau in between. Pair STDP is
+A₊w_max·x at post, −A₋w_max·y at pre; triplets read a second trace, inhibitory STDP has a constant.
Conventions that differ by target, and so stand in the form:
    own trace      `before` names traces that a term reads before they jump at the same event
    coincidence    what two events in one step do: PairSTDP nothing; TraceSTDP runs pre first
Source: Song, Miller & Abbott 2000 [song2000]; triplets: Pfister & Gerstner 2006 [pfister2006];
inhibitory STDP: Vogels et al. 2011 [vogels2011].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import second

from bioplastic.description import (
    Change,
    Free,
    Jump,
    PairSTDP,
    PostTrace,
    PreTrace,
    Put,
    TraceSTDP,
)
from bioplastic.errors import UnsupportedModel

PRE, POST = "pre", "post"


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A trace of `side`, PRE or POST, that decays with tau seconds."""

    name: str
    side: str
    tau: float


@dataclass(frozen=True, kw_only=True)
class Term:
    """w += coefficient · Π traces at each event of `event`; traces in `before` without its jump."""

    event: str
    coefficient: float
    traces: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ProductRule:
    """A rule as products.

    low, high   bounds of w, in the unit of the weight      mu   weight dependence: 0 none; 1: LTP
                is multiplied by (1 − w/high), LTD by w/high
    nearest     traces are set to one at an event, not raised
    pre_first   in a common step pre's products run first and its traces have jumped when post's
                run; otherwise a common step changes nothing
    """

    traces: tuple[Trace, ...]
    terms: tuple[Term, ...]
    low: float
    high: float
    mu: float = 0.0
    nearest: bool = False
    pre_first: bool = False

    def tau(self, name: str) -> float:
        """Time constant of a trace, s."""
        return next(t.tau for t in self.traces if t.name == name)


def products(owner: str, rule: Any) -> ProductRule:
    """The rule of a projection in products.

    owner   name of the projection, for the message
    Raises UnsupportedModel for rules that are no sum of products: permanences, theta phases,
    recruitment, weight dependence with a broken exponent, `fresh` transmission.
    """
    if isinstance(rule, PairSTDP):
        high = float(rule.w_max)
        return ProductRule(
            traces=(
                Trace(name="x", side=PRE, tau=float(rule.tau_plus / second)),
                Trace(name="y", side=POST, tau=float(rule.tau_minus / second)),
            ),
            terms=(
                Term(event=POST, coefficient=rule.a_plus * high, traces=("x",)),
                Term(event=PRE, coefficient=-rule.a_minus * high, traces=("y",)),
            ),
            low=0.0, high=high, mu=float(rule.dependence.mu),
        )  # fmt: skip
    if isinstance(rule, TraceSTDP):
        return _of_traces(owner, rule)
    raise UnsupportedModel(
        f"projection {owner!r}: {type(rule).__name__} is no sum of products of traces"
    )


def _of_traces(owner: str, rule: TraceSTDP) -> ProductRule:
    if rule.fresh:
        raise UnsupportedModel(f"projection {owner!r}: no chip transmits the weight after its rule")
    sides = {t.name: PRE if isinstance(t, PreTrace) else POST for t in rule.traces}
    assert all(isinstance(t, PreTrace | PostTrace) for t in rule.traces)
    moved = [s for s in (*rule.on_pre, *rule.on_post) if not isinstance(s, Change)]
    height = {s.trace: s.amount if isinstance(s, Jump) else s.value for s in moved}
    puts = [s.trace for s in moved if isinstance(s, Put)]
    if len(moved) != len(height) or (puts and len(puts) != len(moved)):
        raise UnsupportedModel(f"projection {owner!r}: a trace moves twice, or some only are put")
    if min(height.values(), default=1.0) <= 0:
        raise UnsupportedModel(f"projection {owner!r}: a trace jumps by 0 or less")
    terms = []
    for event, statements in ((PRE, rule.on_pre), (POST, rule.on_post)):
        jumped: set[str] = set()
        for s in statements:
            if not isinstance(s, Change):
                jumped.add(s.trace)
                continue
            for term in s.terms:
                if not isinstance(term.dependence, Free):
                    raise UnsupportedModel(
                        f"projection {owner!r}: {type(term.dependence).__name__} is a weight"
                        " dependence that the products do not hold"
                    )
                own = tuple(n for n in term.traces if sides[n] == event and n not in jumped)
                scale = float(np.prod([height.get(n, 1.0) for n in term.traces]))
                terms.append(
                    Term(event=event, coefficient=term.coefficient * scale, traces=term.traces,
                         before=own)
                )  # fmt: skip
    return ProductRule(
        traces=tuple(
            Trace(name=t.name, side=sides[t.name], tau=float(t.tau / second)) for t in rule.traces
        ),
        terms=tuple(terms), low=rule.low, high=rule.high, nearest=bool(puts), pre_first=True,
    )  # fmt: skip


def trajectory(rule: ProductRule, pre: np.ndarray, post: np.ndarray, w_0: float, dt: float) -> Any:
    """Weight after each step under forced events, as the description says; float64.

    pre, post (S, T) bool   events of S separate synapses     dt   step, s
    Returns (S, T) in the unit of the weight. Bounds are applied at each event.
    """
    keep = {t.name: float(np.exp(-dt / t.tau)) for t in rule.traces}
    side = {t.name: t.side for t in rule.traces}
    x = {t.name: np.zeros(len(pre)) for t in rule.traces}
    w, found = np.full(len(pre), w_0), np.zeros(pre.shape)
    for t in range(pre.shape[1]):
        events = {PRE: pre[:, t].astype(bool), POST: post[:, t].astype(bool)}
        for name in x:
            x[name] = x[name] * keep[name]
        old = {name: values.copy() for name, values in x.items()}
        for event in (PRE, POST):
            mine = [name for name in x if side[name] == event]
            for name in mine:
                jump = np.where(events[event], 1.0, 0.0)
                x[name] = np.where(events[event], 1.0, x[name]) if rule.nearest else x[name] + jump
            change = np.zeros(len(pre))
            for term in (q for q in rule.terms if q.event == event):
                value = np.full(len(pre), term.coefficient)
                for name in term.traces:
                    early = name in term.before or (side[name] != event and not rule.pre_first)
                    value = value * (old[name] if early else x[name])
                change += value * _dependence(rule, term.coefficient, w)
            w = np.where(events[event], np.clip(w + change, rule.low, rule.high), w)
        found[:, t] = w
    return found


def _dependence(rule: ProductRule, coefficient: float, w: np.ndarray) -> np.ndarray:
    if rule.mu == 0:
        return np.ones_like(w)
    share = w / rule.high
    return np.asarray((1 - share if coefficient > 0 else share) ** rule.mu)
