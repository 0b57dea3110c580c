"""The verdict in words, computed from the records: who wins, by how much, and what would change it.

No sentence here knows a name or a figure; each is made from the standing of a task, and says
"loses" as readily as "wins".
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from bioplastic.learning.compare.paired import FEWEST, LEVEL
from bioplastic.learning.compare.table import Entry, Standing, versus

NAMES = {
    "local": "local rule",
    "three-factor": "three-factor rule",
    "backprop": "backprop",
    "least-squares": "least squares",
    "floor": "floor",
}


def figure(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}" if math.isfinite(value) else "no figure"


def apart(standing: Standing, a: float, b: float) -> str:
    """How far a is from b: in the unit, before it in per cent of b where both are positive.

    Fractions are in points, hundredths: per cent of an accuracy tell nothing.
    """
    unit = standing.metric.unit
    if unit.split()[:1] == ["fraction"]:
        return f"{figure(100 * abs(a - b))} points"
    amount = f"{figure(abs(a - b))} {unit}".strip()
    return f"{abs(a - b) / b:.1%} ({amount})" if a > 0 and b > 0 else amount


def headline(standing: Standing) -> str:
    """One sentence: who is best, and how certain that is."""
    best = standing.best
    if best is None:
        return "Nobody has a figure."
    kind = NAMES.get(best.group, best.group)
    unit = standing.metric.unit
    found = f"{best.learner} ({kind}) is best with {figure(best.score)} {unit}".strip()
    if len(standing.pairs) == 0:
        return f"{found}; there is nobody to compare it with."
    if standing.certain:
        rivals = list(standing.pairs)
        others = rivals[0] if len(rivals) == 1 else f"all {len(rivals)} others"
        return f"{found}, better than {others}."
    steady = _steady(standing)
    tested = [name for name in standing.doubtful if name not in steady]
    if tested:
        found += f", but not certain against {_names(tested)}"
    if steady:
        verb = "is" if len(steady) == 1 else "are"
        found += f"; {_names(steady)} {verb} behind by what no seed changes and no test can judge"
    return f"{found}."


def _steady(standing: Standing) -> list[str]:
    """Rivals behind the best by the same number in every seed, without windows to compare.

    They are not certain, but not for being near: one number has no spread that could judge it.
    """
    entries = {e.learner: e for e in standing.entries}
    return [
        name
        for name in standing.doubtful
        if standing.pairs[name].over == "nothing"
        and standing.pairs[name].interval.deterministic
        and standing.best is not None
        and entries[name].score != standing.best.score
    ]


def sentences(standing: Standing) -> list[str]:
    """The verdict of one task: winner, local rule against each other group, target, who is missing.

    A win or a loss is called so only if the paired interval says so; else it is "not told apart",
    or where there are too few seeds for an interval, their number stands there.
    """
    found = [headline(standing)]
    ours = standing.first("local")
    if ours is None:
        found.append("No local rule has a figure here.")
    else:
        rivals = [standing.first(group) for group in NAMES if group != "local"]
        duels = [_duel(standing, ours, rival) for rival in rivals if rival is not None]
        if duels:
            found.append(f"{ours.learner} {'; '.join(duels)}.")
    if standing.target is not None:
        found.append(target(standing))
    found += published(standing)
    found += missing(standing)
    return found


def _duel(standing: Standing, ours: Entry, rival: Entry) -> str:
    """What the best local learner does against the best of another group."""
    amount = apart(standing, ours.score, rival.score)
    who = f"{rival.learner} (best {NAMES[rival.group]}, {figure(rival.score)})"
    if ours.score == rival.score:
        return f"ties with {who}"
    ahead = standing.better(ours.score, rival.score)
    if standing.apart(ours, rival):
        return f"{'beats' if ahead else 'loses to'} {who} by {amount}"
    known = versus(ours, rival).interval.known
    doubt = "not told apart" if known else f"but {_seeds(ours, rival)} cannot tell"
    return f"is {amount} {'ahead of' if ahead else 'behind'} {who}, {doubt}"


def _seeds(a: Entry, b: Entry) -> str:
    """How many seeds two learners share."""
    n = len(set(a.scores) & set(b.scores))
    return f"{n} seed{'' if n == 1 else 's'}"


def target(standing: Standing) -> str:
    """Whether the figure that was promised is reached, and by how much."""
    wanted = standing.target
    if wanted is None:
        return "No figure was promised."
    found = next((e for e in standing.entries if e.learner == wanted.learner), None)
    said = f"Target for {wanted.learner}: {figure(wanted.score)} ({wanted.why})."
    if found is None or found.interval is None:
        return f"{said} Not measured{': ' + found.note if found and found.note else ''}."
    if found.score == wanted.score:
        return f"{said} Reached exactly."
    reached = standing.better(found.score, wanted.score)
    amount = apart(standing, found.score, wanted.score)
    return f"{said} {'Reached' if reached else 'Missed'}: {figure(found.score)}, by {amount}."


def published(standing: Standing) -> list[str]:
    """How far our own learner of the same kind is from a published row, where there is one."""
    found = []
    for row in standing.published:
        ours = next((e for e in standing.entries if e.learner == row.ours), None)
        if ours is None or ours.interval is None:
            continue
        amount = apart(standing, ours.score, row.score)
        which = f"the published {row.name} ({figure(row.score)})"
        if ours.score == row.score:
            found.append(f"{ours.learner} reaches {which} exactly.")
        else:
            how = "better than" if standing.better(ours.score, row.score) else "short of"
            found.append(f"{ours.learner} ({figure(ours.score)}) is {amount} {how} {which}.")
    return found


def missing(standing: Standing) -> list[str]:
    """Who has no figure, and why; nobody is dropped in silence."""
    reasons: dict[str, list[str]] = {}
    for e in standing.entries:
        if e.interval is None:
            reasons.setdefault(e.note or "the score is not a number", []).append(e.learner)
    return [f"No figure for {_names(names)}: {note}." for note, names in reasons.items()]


def changes(standing: Standing) -> list[str]:
    """What would change the verdict, as far as the records can tell; one sentence each."""
    best = standing.best
    if best is None:
        return ["Any finite figure."]
    steady = _steady(standing)
    found = [_more(standing, best, name) for name in standing.doubtful if name not in steady]
    if steady:
        found.append(
            f"Other data of the same kind: no seed changes {best.learner}, nor {_names(steady)}."
        )
    rivals = [e for e in standing.entries if e.learner in standing.pairs]
    if rivals and standing.certain:
        near = min(rivals, key=lambda e: abs(e.score - best.score))
        found.append(
            f"{near.learner} better by {apart(standing, best.score, near.score)}, with the same"
            " information and budget."
        )
        if near.interval is not None and near.interval.deterministic:
            found.append(
                f"Other data of the same kind: {near.learner} has one value for all seeds."
            )
    found += _ends(standing, best, rivals)
    if best.interval is not None and best.interval.n < FEWEST:
        found.append(f"{FEWEST} seeds or more: below, nothing is certain.")
    return found


def _more(standing: Standing, best: Entry, name: str) -> str:
    """How many seeds would tell two entries apart, if mean and spread stayed as they are.

    n = ((z(1 − α/2m) + z(.8)) s/d̄)²: 80 % power, two-sided, at the strictest of Holm's levels over
    the m rivals; and no fewer than that the sign-flip test can reach it, 2^(1 − n) ≤ α/m.
    """
    rival = next(e for e in standing.entries if e.learner == name)
    shared = sorted(set(best.scores) & set(rival.scores))
    d = np.array([best.scores[s] - rival.scores[s] for s in shared])
    if len(d) < 2 or d.mean() == 0 or d.std(ddof=1) == 0:
        return f"More seeds, or other data: {best.learner} and {name} are not told apart."
    strict = (1 - LEVEL) / max(len(standing.pairs), 1)
    z = NormalDist().inv_cdf
    need = math.ceil(((z(1 - strict / 2) + z(0.8)) * d.std(ddof=1) / d.mean()) ** 2)
    need = max(need, math.ceil(math.log2(2 / strict)), FEWEST)
    said = f"About {need}" if need > len(d) else f"A few more than {len(d)}"
    return (
        f"{said} seeds, which would tell {best.learner} and {name} apart if mean and spread stayed."
    )


def _ends(standing: Standing, best: Entry, rivals: list[Entry]) -> list[str]:
    """Who is ahead where the curves end, when it is not the winner: a longer stream would tell."""
    if len(best.y) == 0:
        return []
    same = [e for e in rivals if len(e.y) and e.x[-1] == best.x[-1]]
    return [
        f"A longer stream: in the last tenth {e.learner} is at {figure(_end(e))}, {best.learner} at"
        f" {figure(_end(best))}."
        for e in same
        if standing.better(_end(e), _end(best))
    ]


def _end(e: Entry) -> float:
    """Mean over the last tenth of the windows of a learning curve."""
    return float(e.y[-max(1, len(e.y) // 10) :].mean())


def _names(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " * (len(names) > 1) + names[-1] if names else "nobody"
