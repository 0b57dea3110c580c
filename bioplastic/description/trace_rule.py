"""Plasticity written as a short program on traces: what happens to w when pre or post spikes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from brian2 import second

from bioplastic.description import _check


@dataclass(frozen=True, kw_only=True)
class PreTrace:
    """Trace of the arrivals at a synapse, dx/dt = −x/tau between them; zero at the start.

    name   used by the statements       tau   s
    """

    name: str
    tau: Any

    def __post_init__(self) -> None:
        _check.quantity(self, "tau", second, low=0, open_low=True)


@dataclass(frozen=True, kw_only=True)
class PostTrace:
    """Trace of the spikes of the post neuron, dx/dt = −x/tau between them; zero at the start."""

    name: str
    tau: Any

    def __post_init__(self) -> None:
        _check.quantity(self, "tau", second, low=0, open_low=True)


@dataclass(frozen=True, kw_only=True)
class Jump:
    """x += amount: all-to-all pairing."""

    trace: str
    amount: float

    def __post_init__(self) -> None:
        _check.quantity(self, "amount", 1)


@dataclass(frozen=True, kw_only=True)
class Put:
    """x = value: nearest-neighbour pairing."""

    trace: str
    value: float

    def __post_init__(self) -> None:
        _check.quantity(self, "value", 1)


@dataclass(frozen=True, kw_only=True)
class Free:
    """Weight dependence: none, factor 1."""


@dataclass(frozen=True, kw_only=True)
class TowardsHigh:
    """Weight dependence (high − w)^mu, w and high in units of the weight."""

    mu: float = 1.0

    def __post_init__(self) -> None:
        _check.quantity(self, "mu", 1, low=0)


@dataclass(frozen=True, kw_only=True)
class TowardsLow:
    """Weight dependence (w − low)^mu, w and low in units of the weight."""

    mu: float = 1.0

    def __post_init__(self) -> None:
        _check.quantity(self, "mu", 1, low=0)


@dataclass(frozen=True, kw_only=True)
class Term:
    """One term of a weight change: coefficient · Π traces · dependence(w).

    coefficient   signed, in units of the weight (over those of the dependence)
    traces        names of no, one or two traces, read at their present values
    """

    coefficient: float
    traces: tuple[str, ...] = ()
    dependence: Free | TowardsHigh | TowardsLow = _check.default(Free())

    def __post_init__(self) -> None:
        _check.quantity(self, "coefficient", 1)
        if len(self.traces) > 2:
            raise _check.fail(self, "traces", self.traces, "a term reads at most two traces")


@dataclass(frozen=True, kw_only=True)
class Change:
    """w ← clip(w + Σ terms, low, high), with the bounds of the rule."""

    terms: tuple[Term, ...]


UNBOUNDED = sys.float_info.max
"""The bound of a weight that nothing limits."""


@dataclass(frozen=True, kw_only=True)
class TraceSTDP:
    """Spike-timing plasticity as statements on traces, run in the order written.

    When a pre spike arrives (spike + delay) w is transmitted, then `on_pre` runs, statement by
    statement; when post spikes `on_post` runs. In a step in which both happen `on_pre` comes first:
    a post statement reads the pre trace after its jump. `on_pre` moves pre traces, `on_post` post
    traces; both read all of them. (PairSTDP differs: there coincident spikes change nothing.)

    traces            PreTraces and PostTraces
    low, high         bounds of w, low < high; ±UNBOUNDED where there is none (floats only)
    on_pre, on_post   Jump, Put and Change statements
    fresh             w is transmitted after `on_pre`, with its new value, instead of before
    w, low, high and the coefficients share the unit of the projection's weight, as plain SI floats.
    Covers pair STDP, nearest-neighbour STDP, triplets (Pfister & Gerstner 2006), inhibitory
    plasticity with a target rate (Vogels et al. 2011) and pre-only rules (Diehl & Cook 2015).
    """

    traces: tuple[PreTrace | PostTrace, ...]
    on_pre: tuple[Jump | Put | Change, ...]
    on_post: tuple[Jump | Put | Change, ...]
    low: float
    high: float
    fresh: bool = False

    def __post_init__(self) -> None:
        _check.unique(self, "traces", (t.name for t in self.traces))
        _check.quantity(self, "low", 1)
        _check.quantity(self, "high", 1)
        if not self.low < self.high:
            raise _check.fail(self, "low", self.low, f"must be < high = {self.high}")
        sides = {"on_pre": PreTrace, "on_post": PostTrace}
        known = {t.name: t for t in self.traces}
        for side, kind in sides.items():
            for statement in getattr(self, side):
                if isinstance(statement, Change):
                    names = [n for term in statement.terms for n in term.traces]
                else:
                    names = [statement.trace]
                for name in names:
                    if name not in known:
                        raise _check.fail(self, side, repr(name), "no such trace")
                moved = known.get(getattr(statement, "trace", ""))
                if moved is not None and not isinstance(moved, kind):
                    raise _check.fail(self, side, repr(moved.name), f"moves a {kind.__name__} only")
