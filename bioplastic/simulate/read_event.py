"""Custom events of a NeuronGroup: condition, timers as dead times and plateaus, action."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from brian2 import second

from bioplastic.description import LinearEvent
from bioplastic.simulate import grid
from bioplastic.simulate.read_model import Model, above, affine, switches
from bioplastic.simulate.read_objects import SLOTS
from bioplastic.simulate.read_scope import CLOCK, Expr, free_names, refuse, symbol


@dataclass(frozen=True)
class Elapsed:
    """A comparison with a timer, turned into: time since the timer was set `sign` `bound`.

    unit    s per unit of the clock: 1 for t, dt for t_in_timesteps     bound   in that unit
    """

    timer: str
    sign: str
    clock: str
    bound: float


def elapsed(model: Model, relation: Expr, line: object) -> Elapsed:
    """Read ``t > t_end``, ``t < t_end`` and the like, with constants added on either side."""
    ops = {
        sympy.StrictGreaterThan: ">", sympy.GreaterThan: ">=",
        sympy.StrictLessThan: "<", sympy.LessThan: "<=",
    }  # fmt: skip
    sign = ops.get(type(relation))
    if sign is None:
        raise refuse(model.name, line, "is no comparison of t with a timer")
    difference = sympy.expand(relation.lhs - relation.rhs)
    names = free_names(difference)
    timers, clocks = names & model.timers, names & set(CLOCK)
    if len(timers) != 1 or len(clocks) != 1:
        raise refuse(model.name, line, "depends on t, but is no comparison of t with a timer")
    timer, clock = timers.pop(), clocks.pop()
    factor = difference.coeff(symbol(clock))
    rest = sympy.expand(difference - factor * (symbol(clock) - symbol(timer)))
    if factor not in (1, -1) or free_names(rest) & {timer, clock}:
        raise refuse(model.name, line, "is no plain comparison of t with a timer")
    if factor == -1:
        sign = {">": "<", ">=": "<=", "<": ">", "<=": ">="}[sign]
    bound = -float(factor) * model.scope.one(rest, line, "a duration")
    return Elapsed(timer, sign, clock, bound)


class Events:
    """The events of a model, and the plateaus that their timers switch."""

    def __init__(self, model: Model) -> None:
        self.model, self.setters = model, dict[str, tuple[str, float]]()
        self.ties: list[str] = []
        for event, code in model.codes.items():
            for s in code:
                if s.target in model.timers:
                    self._timer(event, s)

    def _timer(self, event: str, s: Any) -> None:
        """``timer = t + D``: the event that sets the timer, and D."""
        model = self.model
        if event == "spike":
            raise refuse(model.name, s.line, "a timer that spikes set; only events may")
        if s.target in self.setters:
            raise refuse(model.name, s.line, "a timer that is set twice")
        value = model.scope.parse(s.value, s.line)
        clock = (free_names(value) & set(CLOCK)).pop()
        after = sympy.expand(value - symbol(clock))
        if s.operator != "=" or free_names(after) & {*CLOCK, *model.states}:
            raise refuse(model.name, s.line, "sets a timer to something else than t + constant")
        self.setters[s.target] = (event, model.scope.one(after, s.line, "a duration"))

    def steps(self, test: Elapsed, line: object) -> tuple[str, int]:
        """Event that sets the timer, and the steps since: least for > and >=, most for < and <=."""
        if test.timer not in self.setters:
            raise refuse(self.model.name, line, f"no event sets the timer {test.timer}")
        event, ahead = self.setters[test.timer]
        unit = self.model.dt if test.clock == "t" else 1.0
        bound = ahead + test.bound
        at, up = grid.above(bound * second, unit), grid.below(bound * second, unit)
        if at == up and test.clock == "t":
            self.ties.append(f"{self.model.name}: {line}")
        count = {">": at + 1, ">=": up, "<": up - 1, "<=": at}[test.sign]
        return event, count

    def at_start(self, test: Elapsed) -> np.ndarray:
        """Whether the comparison holds in step 0, for each neuron."""
        since = -self.model.start(test.timer) - test.bound
        return np.asarray(
            {">": since > 0, ">=": since >= 0, "<": since < 0, "<=": since <= 0}[test.sign]
        )

    def plateaus(self) -> dict[str, tuple[int, np.ndarray]]:
        """Event -> (steps, drive) of the terms of the equations that switch with its timer.

        Takes those terms out of the rates.
        """
        model = self.model
        found: dict[str, tuple[int, np.ndarray]] = {}
        for k, state in enumerate(model.states):
            line = model.lines[state]
            for monomial, total in list(model.rates[state].items()):
                if not set(CLOCK) & free_names(total):
                    continue
                if monomial:
                    raise refuse(model.name, line, f"the factor of {monomial[0]} depends on t")
                kept = sympy.Integer(0)
                for term in sympy.Add.make_args(sympy.expand(total)):
                    if not set(CLOCK) & free_names(term):
                        kept += term
                        continue
                    event, count, height = self._switched(term, line)
                    old = found.setdefault(event, (count, np.zeros(len(model.states))))
                    if old[0] != count:
                        raise refuse(model.name, line, "one event switches two durations")
                    old[1][k] += height
                model.rates[state][()] = kept
        return {e: (c, d) for e, (c, d) in found.items() if c > 0}

    def _switched(self, term: Expr, line: object) -> tuple[str, int, float]:
        model = self.model
        calls = switches(term)
        if len(calls) != 1:
            raise refuse(model.name, line, "depends on t")
        rest = sympy.simplify(term / calls[0]) if term != calls[0] else sympy.Integer(1)
        if set(CLOCK) & free_names(rest):
            raise refuse(model.name, line, "depends on t")
        test = elapsed(model, calls[0].args[0], line)
        if test.sign.startswith(">"):
            raise refuse(model.name, line, "a drive that stays on after a timer has ended")
        if np.any(self.at_start(test)):
            raise refuse(model.name, line, f"the timer {test.timer} starts with its plateau on")
        event, count = self.steps(test, line)
        return event, count, model.scope.one(rest, line, "the height of a plateau")

    def read(self, first: np.ndarray, plateaus: dict[str, tuple[int, np.ndarray]]) -> Any:
        """The LinearEvents, in the order of their actions; `first` are the states of step 0."""
        group = self.model.group
        spike = group.resetter.get("spike")
        rank = _rank(spike) if spike is not None else None
        names = [e for e in group.events if e != "spike"]
        names.sort(key=lambda e: _rank(group.resetter[e]) if e in group.resetter else (0, 0, e))
        return tuple(self._read(e, first, plateaus.get(e), rank) for e in names)

    def _read(
        self, event: str, first: np.ndarray, plateau: Any, spike: tuple[int, int, str] | None
    ) -> LinearEvent:
        model, group = self.model, self.model.group
        text = str(group.events[event])
        plain, timed = _parts(text)
        if len(plain) != 1:
            raise refuse(model.name, text, "needs one comparison of states, and may compare timers")
        test = above(model, plain[0])
        dead = 1
        for relation in timed:
            since = elapsed(model, model.scope.parse(relation, text), text)
            setter, count = self.steps(since, text)
            if since.sign.startswith("<") or setter != event:
                raise refuse(model.name, text, "waits for something else than its own timer")
            able = self.at_start(since)
            if np.any(~able & (first @ test.row > test.theta)):
                raise refuse(model.name, text, f"the timer {since.timer} forbids it in step 0")
            unit = model.dt if since.clock == "t" else 1.0
            if np.any(-model.start(since.timer) - since.bound < -0.5 * unit):
                raise refuse(model.name, text, f"the timer {since.timer} starts in the future")
            dead = max(dead, count)
        duration, drive = plateau or (0, None)
        if duration and dead <= duration:
            raise refuse(model.name, text, "may happen again while its own plateau lasts")
        code = model.codes.get(event, [])
        reset, offset = affine(model, code, model.timers)
        resetter = group.resetter.get(event)
        return LinearEvent(
            name=event,
            row=test.row,
            theta=_plain(test.theta),
            reset=reset,
            reset_offset=offset,
            dead_time=dead * model.dt * second,
            duration=duration * model.dt * second,
            drive=drive,
            late=resetter is not None and spike is not None and _rank(resetter) > spike,
        )


def _parts(text: str) -> tuple[list[str], list[str]]:
    """The comparisons of a condition joined by `and`: those without t, and those with t."""
    node = ast.parse(text.strip(), mode="eval").body
    joined = isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And)
    values = node.values if joined else [node]  # type: ignore[attr-defined]
    plain, timed = list[str](), list[str]()
    for value in values:
        names = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
        (timed if names & set(CLOCK) else plain).append(ast.unparse(value))
    return plain, timed


def _rank(resetter: Any) -> tuple[int, int, str]:
    return SLOTS.index(resetter.when), resetter.order, resetter.name


def _plain(theta: np.ndarray) -> Any:
    return float(theta) if not theta.ndim else theta
