"""Flat form of the learning rules for the fast executor: statements, changes, terms, traces.

Pair STDP is a program too: a change at arrivals (sign −1), a change at post spikes (sign +1), and
traces that jump last.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_rule import (
    IntegerChange,
    IntegerJump,
    IntegerPairSTDP,
    IntegerPermanence,
    IntegerPut,
    IntegerTerm,
    IntegerTraceRule,
    Statement,
)

TRACES = 3  # after STATIC, PAIR, PERMANENCE
JUMP, PUT, CHANGE = 0, 1, 2
NO_TRACE = -1


class Program(NamedTuple):
    """All rules of a network; rows of int64 with the columns named here."""

    statement: np.ndarray  # code, trace and amount (Q20), or change and which one of its side
    change: np.ndarray  # first term, end of terms, bits from the sum to Q8, sign
    term: np.ndarray  # flat, first factor, second factor (traces or NO_TRACE)
    step: np.ndarray  # (terms, 128) int32
    trace: np.ndarray  # first place in pre_trace or post_trace, first entry in decay, its length,
    # and the side: 0 pre, 1 post
    decay: np.ndarray  # int32, all decay tables


class Programs:
    """Collects the programs of the projections, one after the other."""

    def __init__(self) -> None:
        self.statements: list[tuple[int, int, int]] = []
        self.changes: list[tuple[int, int, int, int]] = []
        self.terms: list[tuple[int, int, int]] = []
        self.steps: list[np.ndarray] = []
        self.traces: list[tuple[int, int, int, int]] = []
        self.tables: list[np.ndarray] = []
        self.length = self.pre = self.post = 0

    def add_permanence(self, rule: IntegerPermanence, size: int) -> int:
        """The one trace of a rule on permanences; returns its number."""
        self._trace(self.pre, rule.table, 0)
        self.pre += size
        return len(self.traces) - 1

    def add(
        self, rule: IntegerPairSTDP | IntegerTraceRule, groups: int, posts: int
    ) -> dict[str, Any]:
        """Append a rule; returns its columns of PROJECTION_NUMBERS."""
        if isinstance(rule, IntegerPairSTDP):
            pre, post = [rule.plus_table], [rule.minus_table]
            down, up = (
                IntegerTerm(table=rule.depress, post=(0,)),
                IntegerTerm(table=rule.potentiate, pre=(0,)),
            )
            on_pre: tuple[Statement, ...] = (IntegerChange(terms=(down,), fraction=rule.fraction),)
            on_post: tuple[Statement, ...] = (IntegerChange(terms=(up,), fraction=rule.fraction),)
            signs = -1, 1
        else:
            pre, post = ([t.table for t in side] for side in (rule.pre_traces, rule.post_traces))
            on_pre, on_post, signs = rule.on_pre, rule.on_post, (1, 1)
        first = len(self.traces)
        for table in pre:
            self._trace(self.pre, table, 0)
            self.pre += groups
        for table in post:
            self._trace(self.post, table, 1)
            self.post += posts
        places = {"trace": first, "pre_traces": len(pre), "post_traces": len(post)}
        places["on_pre"] = len(self.statements)
        self._statements(on_pre, first, first + len(pre), first, signs[0])
        places["on_post"] = len(self.statements)
        self._statements(on_post, first, first + len(pre), first + len(pre), signs[1])
        return places | {"on_end": len(self.statements)}

    def _trace(self, at: int, table: np.ndarray, side: int) -> None:
        self.traces.append((at, self.length, len(table), side))
        self.tables.append(table)
        self.length += len(table)

    def _statements(
        self, program: tuple[Statement, ...], pre: int, post: int, own: int, sign: int
    ) -> None:
        """Append statements; `pre`, `post`, `own`: first traces of each side and of this one."""
        nth = 0
        for s in program:
            if isinstance(s, IntegerJump):
                self.statements.append((JUMP, own + s.trace, s.amount))
            elif isinstance(s, IntegerPut):
                self.statements.append((PUT, own + s.trace, s.value))
            else:
                self.statements.append((CHANGE, len(self.changes), nth))
                nth += 1
                first = len(self.terms)
                for t in s.terms:
                    factors = [*(pre + n for n in t.pre), *(post + n for n in t.post)]
                    a, b = (*factors, NO_TRACE, NO_TRACE)[:2]
                    self.terms.append((int(t.flat), a, b))
                    self.steps.append(t.table)
                bits = fp.TRACE + s.fraction - fp.DITHER
                self.changes.append((first, len(self.terms), bits, sign))

    def flat(self) -> Program:
        """Everything as arrays."""
        return Program(
            statement=np.array(self.statements, np.int64).reshape(-1, 3),
            change=np.array(self.changes, np.int64).reshape(-1, 4),
            term=np.array(self.terms, np.int64).reshape(-1, 3),
            step=np.array(self.steps, np.int32).reshape(-1, 128),
            trace=np.array(self.traces, np.int64).reshape(-1, 4),
            decay=np.concatenate([np.zeros(0, np.int32), *self.tables]),
        )
