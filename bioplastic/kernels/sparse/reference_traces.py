"""TraceSTDP as a specification, and which class learns by which rule."""

from __future__ import annotations

import numpy as np

from bioplastic.kernels.sparse.events import Past, arriving_groups, columns, rows
from bioplastic.kernels.sparse.reference_learning import (
    KIND_POST,
    KIND_PRE,
    DitheredLearning,
    Learning,
    PairLearning,
    PermanenceLearning,
)
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_network import IntegerNetwork, IntegerProjection
from bioplastic.quantize.integer_rule import (
    IntegerChange,
    IntegerJump,
    IntegerPairSTDP,
    IntegerPermanence,
    IntegerPut,
    IntegerTrace,
    IntegerTraceRule,
    Statement,
    WidePairSTDP,
)


def make_learning(
    network: IntegerNetwork,
    q: IntegerProjection,
    x: dict[str, np.ndarray],
    counters: dict[str, int],
) -> Learning:
    """The rule of `q`, working on the arrays of `x` in place."""
    kinds = {
        IntegerPairSTDP: PairLearning,
        WidePairSTDP: PairLearning,
        IntegerPermanence: PermanenceLearning,
        IntegerTraceRule: TraceLearning,
    }
    return (
        Learning(network, q, x, counters)
        if q.rule is None
        else kinds[type(q.rule)](network, q, x, counters)
    )


class TraceLearning(DitheredLearning):
    """Statements in the order written; the n-th Change of a side has its own dithers."""

    def on_pre(self, step: int, past: Past) -> None:
        """Run `on_pre` for the groups that arrive in `step`."""
        groups = arriving_groups(self.q, past, step)
        at = rows(self.q, groups)
        self._run(self.rule.on_pre, "pre", groups, at, at, step)

    def on_post(self, step: int, past: Past) -> None:
        """Run `on_post` for the neurons that spike in `step`."""
        ids = past[step][self.q.post]
        place = columns(self.q, ids)
        self._run(self.rule.on_post, "post", ids, self.col_syn[place], place, step)

    def _run(
        self,
        program: tuple[Statement, ...],
        side: str,
        own: np.ndarray,
        at: np.ndarray,
        place: np.ndarray,
        step: int,
    ) -> None:
        """Run the statements of one side.

        own   groups or post neurons that have the event      at, place   their synapses
        """
        kind = KIND_PRE if side == "pre" else KIND_POST
        for statement in program:
            if isinstance(statement, IntegerChange):
                total = np.zeros(len(at), np.int64)
                for term in statement.terms:
                    total += term.table[self.entry(at)] * self._product(
                        term.pre, term.post, at, step
                    )
                self.learn(at, place, total, 1, (step, kind), statement.fraction)
                kind += 2
            else:
                self._move(statement, side, own, step)

    def _traces(self, side: str) -> tuple[IntegerTrace, ...]:
        traces: tuple[IntegerTrace, ...] = getattr(self.rule, f"{side}_traces")
        return traces

    def _value(self, side: str, number: int, at: np.ndarray, step: int) -> np.ndarray:
        """Trace `number` of one side at the places `at`, decayed to `step`, Q20."""
        value = self.x[f"{self.q.name}/{side}_trace"][number]
        last = self.x[f"{self.q.name}/{side}_step"][number]
        return fp.decayed(value[at], step - last[at], self._traces(side)[number].table)

    def _move(
        self, statement: IntegerJump | IntegerPut, side: str, own: np.ndarray, step: int
    ) -> None:
        """Let a trace jump, saturated at ±16 units, or put it to a value."""
        n = statement.trace
        if isinstance(statement, IntegerPut):
            wanted = np.full(len(own), statement.value)
        else:
            wanted = self._value(side, n, own, step) + statement.amount
        kept, saturated = fp.saturate(wanted, -fp.TRACE_MAX, fp.TRACE_MAX)
        self.x[f"{self.q.name}/{side}_trace"][n, own] = kept
        self.x[f"{self.q.name}/{side}_step"][n, own] = step
        self.counters["saturations"] += saturated

    def _product(
        self, pre: tuple[int, ...], post: tuple[int, ...], at: np.ndarray, step: int
    ) -> np.ndarray:
        """Product of the traces of a term at the synapses `at`, rounded to Q20 once."""
        values = [self._value("pre", n, self.group[at], step) for n in pre]
        values += [self._value("post", n, self.post_ids[at], step) for n in post]
        if not values:
            return np.full(len(at), fp.TRACE_ONE)
        if len(values) == 1:
            return values[0]
        return np.asarray(fp.round_shift(values[0] * values[1], fp.TRACE))
