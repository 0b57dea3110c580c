"""A rule as Loihi's learning engine takes it: `dw`, a sum of products, and traces of 7 bits.

    dw = 2^-2*x1*y0 - 2^-2*y1*x0     x0, y0: a spike in this step; x1, x2, y1, y2, y3: traces
Of an amplitude the chip holds impulse · 2^k, of a constant m·2^k: what is rounded is listed. A
weight of w_max is 255, without sign. Order of a step, in lava-nc and brian2-loihi alike: traces
decay, then jump, then dw is taken with all of them; so two spikes of one step make a pair, which
`PairSTDP` does not count, and a trace is read after its own jump, which is taken off again here.
Source: Davies et al. 2018 [davies2018]; ranges as lava-nc 0.10 and brian2-loihi 0.5 check them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.export.plastic.rule import PRE, ProductRule, products

STEP = 1e-3
"""One step of the chip, s."""
TRACE_MAX, WEIGHT_MAX = 127, 255
EXPONENTS = range(-7, 10)
MANTISSA = 7
PILE = 3
"""Impulses that a trace holds at once before it saturates at 127."""
NAMES = {PRE: ("x1", "x2"), "post": ("y1", "y2", "y3")}


@dataclass(frozen=True, kw_only=True)
class LoihiTrace:
    """A trace of the chip: its impulse, 1..127, and its time constant in steps."""

    name: str
    impulse: int
    tau: float


@dataclass(frozen=True, kw_only=True)
class LoihiTerm:
    """mantissa · 2^exponent · event · Π traces, event "x0" or "y0"; `wanted` is what it stands for,

    LSB for each unit jump of its traces.
    """

    event: str
    mantissa: int
    exponent: int
    traces: tuple[str, ...]
    wanted: float

    @property
    def factor(self) -> float:
        """mantissa · 2^exponent."""
        return float(self.mantissa * 2.0**self.exponent)

    def __str__(self) -> str:
        size = abs(self.mantissa)
        scale = ([str(size)] if size != 1 else []) + [f"2^{self.exponent}"]
        return "*".join([*scale, *self.traces, self.event])


@dataclass(frozen=True, kw_only=True)
class LoihiRule:
    """A rule on the chip.

    unit       of the described weight in one LSB
    rounded    what the chip holds instead of what was described, in words
    """

    traces: tuple[LoihiTrace, ...]
    terms: tuple[LoihiTerm, ...]
    unit: float
    rounded: tuple[str, ...]

    @property
    def dw(self) -> str:
        """The string that brian2-loihi and lava take."""
        text = ""
        for term in self.terms:
            sign = "-" if term.mantissa < 0 else "+"
            text += f" {sign} {term}" if text else f"{'-' if sign == '-' else ''}{term}"
        return text

    @property
    def error(self) -> float:
        """Largest relative rounding of a term, 0 for none."""
        impulse = {t.name: t.impulse for t in self.traces}
        held = [q.factor * math.prod(impulse[n] for n in q.traces) for q in self.terms]
        return max(
            (abs(h / q.wanted - 1) for h, q in zip(held, self.terms, strict=True)), default=0.0
        )

    def stdp_loihi(self) -> dict[str, float] | None:
        """Arguments of lava's STDPLoihi, or None where the rule is no pair rule of powers of two.

        lava rounds A_plus and A_minus to powers of two without a word; these are.
        """
        if [(q.event, q.traces) for q in self.terms] != [("y0", ("x1",)), ("x0", ("y1",))]:
            return None
        up, down = self.terms
        if up.mantissa != 1 or down.mantissa != -1:
            return None
        x, y = self.traces
        return {
            "learning_rate": 1, "A_plus": up.factor, "A_minus": down.factor, "tau_plus": x.tau,
            "tau_minus": y.tau, "x1_impulse": x.impulse, "y1_impulse": y.impulse, "t_epoch": 1,
        }  # fmt: skip


def loihi_rule(owner: str, rule: Any, dt: float = STEP) -> LoihiRule:
    """The rule of a projection on Loihi.

    owner   name of the projection, for messages      dt   step of the chip, s
    Raises UnsupportedModel for weight dependence, nearest neighbours, more traces than the chip
    has, bounds below zero, and amplitudes outside what products and impulses span.
    """
    form = products(owner, rule)
    if form.mu or form.nearest or form.low != 0:
        what = "mu > 0" if form.mu else "nearest-neighbour traces" if form.nearest else "low != 0"
        raise UnsupportedModel(f"projection {owner!r}: {what}: not on Loihi's learning engine")
    unit = form.high / WEIGHT_MAX
    names = _names(owner, form)
    wanted = list(_wanted(form, unit))
    alone = {n for n in names if [traces for _, traces, _ in wanted].count((n,)) == 1
             and sum(n in traces for _, traces, _ in wanted) == 1}  # fmt: skip
    impulses, terms = _fitted(owner, wanted, names, alone)
    made = tuple(
        LoihiTrace(name=names[t.name], impulse=impulses[t.name], tau=t.tau / dt)
        for t in form.traces
    )
    return LoihiRule(traces=made, terms=tuple(terms), unit=unit, rounded=tuple(_said(made, terms)))


def _fitted(
    owner: str, wanted: list[tuple[str, tuple[str, ...], float]], names: dict[str, str],
    alone: set[str],
) -> tuple[dict[str, int], list[LoihiTerm]]:  # fmt: skip
    """Impulses and terms; traces that several terms read get the largest impulse that all bear."""
    refused: UnsupportedModel | None = None
    for shared in (32, 16, 8, 4, 2, 1):
        impulses, terms = dict.fromkeys(names, shared), []
        try:
            for event, traces, c in wanted:
                if len(traces) == 1 and traces[0] in alone:
                    impulses[traces[0]], exponent = _impulse(owner, abs(c))
                    mantissa = 1
                else:
                    product = math.prod(impulses[n] for n in traces)
                    mantissa, exponent = _mantissa(owner, abs(c) / product)
                terms.append(
                    LoihiTerm(
                        event="x0" if event == PRE else "y0", exponent=exponent, wanted=c,
                        mantissa=mantissa if c > 0 else -mantissa,
                        traces=tuple(names[n] for n in traces),
                    )
                )  # fmt: skip
        except UnsupportedModel as reason:
            refused = reason
        else:
            return impulses, terms
    assert refused is not None
    raise refused


def _names(owner: str, form: ProductRule) -> dict[str, str]:
    found: dict[str, str] = {}
    for side, names in NAMES.items():
        mine = [t.name for t in form.traces if t.side == side]
        if len(mine) > len(names):
            raise UnsupportedModel(
                f"projection {owner!r}: {len(mine)} traces of {side}: Loihi has {len(names)}"
            )
        found.update(zip(mine, names, strict=False))
    return found


def _wanted(form: ProductRule, unit: float) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Terms in LSB; a trace read before its own jump is the trace after it, less one jump."""
    total: dict[tuple[str, tuple[str, ...]], float] = {}
    for term in form.terms:
        kept = tuple(n for n in term.traces if n not in term.before)
        for count in range(len(term.before) + 1):
            for with_jump in itertools.combinations(term.before, count):
                sign = (-1) ** (len(term.before) - count)
                key = term.event, tuple(n for n in term.traces if n in kept or n in with_jump)
                total[key] = total.get(key, 0.0) + sign * term.coefficient / unit
    for (event, traces), c in total.items():
        if c:
            yield event, traces, c


def _impulse(owner: str, c: float) -> tuple[int, int]:
    """Impulse and exponent whose product is nearest c, the impulse at most 127/PILE."""
    for exponent in EXPONENTS:
        impulse = round(c / 2.0**exponent)
        if impulse <= TRACE_MAX // PILE:
            if impulse < 1:
                break
            return impulse, exponent
    raise UnsupportedModel(
        f"projection {owner!r}: an amplitude of {c:.3g} LSB: Loihi holds 2^-7 to"
        f" {TRACE_MAX // PILE}*2^{EXPONENTS[-1]} LSB, w_max being {WEIGHT_MAX}"
    )


def _mantissa(owner: str, c: float) -> tuple[int, int]:
    """m·2^k nearest c, m from 1 to 7."""
    every = [(m, k) for k in EXPONENTS for m in range(1, MANTISSA + 1)]
    best = min(every, key=lambda mk: (abs(mk[0] * 2.0 ** mk[1] - c), mk[0]))
    if not c / 2 < best[0] * 2.0 ** best[1] < 2 * c:
        raise UnsupportedModel(
            f"projection {owner!r}: a factor of {c:.3g}: Loihi has 2^-7 to 7*2^9"
        )
    return best


def _said(traces: tuple[LoihiTrace, ...], terms: list[LoihiTerm]) -> Iterator[str]:
    impulse = {t.name: t.impulse for t in traces}
    for q in terms:
        held = q.factor * math.prod(impulse[n] for n in q.traces)
        if held != q.wanted:
            yield f"{q}: {held:g} LSB a pair instead of {q.wanted:.6g} ({held / q.wanted - 1:+.2%})"
    for t in traces:
        yield f"{t.name}: saturates at 127, above {127 / t.impulse:.1f} impulses at once"


def trajectory(rule: LoihiRule, pre: np.ndarray, post: np.ndarray, w_0: float) -> np.ndarray:
    """Weight after each step, (S, T) float64 LSB, without rounding of traces and without an upper
    bound: what lava-nc's `floating_pt` computes, in the same order of operations.

    pre, post (S, T) bool   events of S separate synapses
    """
    state = {t.name: np.zeros(len(pre)) for t in rule.traces}
    w, found = np.full(len(pre), float(w_0)), np.zeros(pre.shape)
    for t in range(pre.shape[1]):
        events = {"x0": pre[:, t].astype(float), "y0": post[:, t].astype(float)}
        for trace in rule.traces:
            own = events["x0" if trace.name.startswith("x") else "y0"]
            decayed = np.exp(-1 / trace.tau) * state[trace.name]
            state[trace.name] = decayed + own * trace.impulse
        change = np.zeros(len(pre))
        for q in rule.terms:
            value = q.factor * events[q.event]
            for name in q.traces:
                value = value * state[name]
            change = change + value
        w = np.maximum(0.0, w + change)
        found[:, t] = w
    return found
