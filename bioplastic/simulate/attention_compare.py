"""Where two executors of one dendritic-attention network part, and by how little.

All randomness is shared (Philox counters), so the first difference has a cause to be measured: a
race whose leader was ahead by less than the potentials differ, or that crossed threshold closer
than that to the end of a step (the step is part of the dither's counter, so a weight may then round
the other way).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.simulate.attention_result import AttentionRun

Kind = Literal["recruited", "winner", "step", "weight"]


@dataclass(frozen=True, kw_only=True)
class Parting:
    """The first difference between two runs.

    kind         "recruited": a key; "winner" or "step": a race; "weight": a synaptic state
    cycle        theta cycle             index    pool, gamma cycle, or position in the weights
    ours, theirs what the two runs have there
    margin       race: by how much the first run's decision held, nats; nan elsewhere
    difference   race: by how much the potentials in question differ then, nats; nan elsewhere
    efficacy     largest difference of the learned worths of fast states one cycle before, nats
    """

    kind: Kind
    cycle: int
    index: int
    ours: float
    theirs: float
    margin: float = float("nan")
    difference: float = float("nan")
    efficacy: float = 0.0

    def __str__(self) -> str:
        where = f"cycle {self.cycle}: {self.kind} {self.index} is {self.ours:g} and {self.theirs:g}"
        if np.isnan(self.margin):
            return where
        what = {
            "winner": "leader and runner-up were apart by",
            "step": "the leader crossed threshold, from the edge of a step, by",
        }[self.kind]
        return (
            f"{where}; {what} {self.margin:.2g} nats, the executors' potentials by "
            f"{self.difference:.2g} (worths of fast states by {self.efficacy:.2g})"
        )


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far two runs agree.

    recruited, winners, steps, weights   shares of equal entries: recruited keys (L, P), winners of
                                         races and their steps (L, gamma), final weights (R, V)
    bits            bits/symbol of both      potentials   largest |Δu| of any cycle, nats
    before          the same before the first difference
    first           the first difference, or None
    """

    cycles: int
    recruited: float
    winners: float
    steps: float
    weights: float
    bits: tuple[float, float]
    potentials: float
    before: float
    first: Parting | None

    def __str__(self) -> str:
        apart = abs(self.bits[0] - self.bits[1])
        return (
            f"{self.cycles} cycles: recruited keys {self.recruited:.4%}, "
            f"winners {self.winners:.3%}, steps of winners {self.steps:.3%}, "
            f"final weights {self.weights:.4%} equal; bits/symbol {self.bits[0]:.5f} and "
            f"{self.bits[1]:.5f} (differ by {apart:.2g}); potentials differ by at most "
            f"{self.before:.2g} nats before the first difference, {self.potentials:.2g} in all\n"
            f"first difference: {self.first or 'none'}"
        )


def compare(a: AttentionRun, b: AttentionRun) -> Agreement:
    """Compare two runs of one network with one seed; `a` is the one that recorded its contests.

    Raises UsageError when their shapes differ or `a` has no contests (the Brian2 run has them).
    """
    if a.potentials.shape != b.potentials.shape or a.recruited.shape != b.recruited.shape:
        raise UsageError(
            f"compare: {a.potentials.shape} and {b.potentials.shape} are not runs of one network"
        )
    if a.contests is None:
        raise UsageError("compare: give the Brian2 run first, it has the margins of the races")
    apart = np.abs(a.potentials - b.potentials).max(axis=1)
    first = first_parting(a, b)
    ends = len(apart) if first is None else first.cycle
    return Agreement(
        cycles=len(apart),
        recruited=float((a.recruited == b.recruited).mean()),
        winners=float((a.winners == b.winners).mean()),
        steps=float((a.steps == b.steps).mean()),
        weights=float((a.weights == b.weights).mean()),
        bits=(float(a.bits().mean()), float(b.bits().mean())),
        potentials=float(apart.max()),
        before=float(apart[:ends].max(initial=0.0)),
        first=first,
    )


def first_parting(a: AttentionRun, b: AttentionRun) -> Parting | None:
    """The first difference of two runs; in one cycle keys come before races before weights."""
    found: list[Parting] = []
    pairs: list[tuple[Kind, np.ndarray, np.ndarray]] = [
        ("recruited", a.recruited, b.recruited),
        ("winner", a.winners, b.winners),
        ("step", a.steps, b.steps),
    ]
    for kind, ours, theirs in pairs:
        for cycle, index in np.argwhere(ours != theirs)[:1].tolist():
            values = {"ours": float(ours[cycle, index]), "theirs": float(theirs[cycle, index])}
            found.append(Parting(kind=kind, cycle=cycle, index=index, **values))
    found += _weight(a, b)
    if not found:
        return None
    order = ["recruited", "race", "weight"]

    def rank(p: Parting) -> tuple[int, int, int]:
        race = p.kind in ("winner", "step")
        return p.cycle, order.index("race" if race else p.kind), p.index if race else 0

    first = min(found, key=rank)
    return _race(first, a, b) if first.kind in ("winner", "step") else first


def _weight(a: AttentionRun, b: AttentionRun) -> list[Parting]:
    """The first weight that ends a cycle at different values, or changes in one run only."""
    ours, theirs = ({(*w, x) for w, x in zip(map(tuple, r.changed.tolist()), r.changed_to.tolist(),
                     strict=True)} for r in (a, b))  # fmt: skip
    odd = sorted(ours ^ theirs)
    if not odd:
        return []
    cycle, index, _ = odd[0]
    values = [
        next((x for c, i, x in sorted(run) if (c, i) == (cycle, index)), float("nan"))
        for run in (ours, theirs)
    ]
    return [Parting(kind="weight", cycle=cycle, index=index, ours=values[0], theirs=values[1])]


def _race(found: Parting, a: AttentionRun, b: AttentionRun) -> Parting:
    """Add margin and difference of potentials to a race that came out differently.

    The second run tells its potentials at that step (`potentials_at`) or, without that, at the end
    of the cycle, which are the same unless a plateau changed in between: then they count as nan.
    """
    assert a.contests is not None
    cycle, gamma = found.cycle, found.index
    contest = a.contests[cycle, gamma]
    if np.isnan(contest).any():
        return found
    ours, theirs = contest - a.noise[cycle, gamma], b.potentials[cycle]
    if b.potentials_at is not None:
        theirs = b.potentials_at(cycle, gamma, int(a.steps[cycle, gamma]))
    elif np.abs(ours - a.potentials[cycle]).max() > 1e-9:
        theirs = np.full_like(theirs, np.nan)
    apart = ours - theirs
    if found.kind == "winner":
        leader, second = np.argsort(contest)[[-1, -2]]
        margin, difference = contest[leader] - contest[second], apart[leader] - apart[second]
    else:
        leader = int(np.argmax(contest))
        start, per_step = a.ramp
        lack = (start - contest[leader]) / per_step
        margin, difference = abs(lack - round(lack)) * per_step, apart[leader]
    return replace(
        found,
        margin=float(margin),
        difference=float(abs(difference)),
        efficacy=float(np.abs(a.efficacy - b.efficacy)[max(cycle - 1, 0)].max()),
    )
