"""A rule as the STDPMechanism of sPyNNaker 7.4: which of its classes holds it, and what it loses.

    pair, additive or multiplicative   SpikePairRule; nearest neighbours: SpikeNearestPairRule
    inhibitory STDP with a target rate Vogels2011Rule          triplets: PfisterSpikeTriplet
Their traces have 11 bits after the point and tables of exponentials; amplitudes are S16.15, in the
unit of the weight for AdditiveWeightDependence. Events of one step change nothing. With
backprop_delay off a lag counts from the spike of pre, ours from its arrival.
"""

from __future__ import annotations

from typing import Any

from bioplastic.errors import UnsupportedModel
from bioplastic.export.plastic.rule import POST, PRE, ProductRule, Term, products
from bioplastic.export.pynn.network import PynnRule

LEAST = 2.0**-16
"""Half a step of S16.15: an amplitude below it becomes zero."""


def mechanism(owner: str, rule: Any, unit: float) -> PynnRule:
    """The mechanism of a described rule.

    owner   name of the projection      unit   SI units in one unit of PyNN's weight (nA: 1e-9)
    Raises UnsupportedModel, naming the projection, for a rule that none of the classes holds, and
    for an amplitude that S16.15 rounds to zero.
    """
    form = products(owner, rule)
    if form.low < 0:
        raise UnsupportedModel(f"projection {owner!r}: low = {form.low:g}: weights have no sign")
    timing, arguments, weight, more = _classes(owner, form, unit)
    for name, value in {**arguments, **more}.items():
        if name.startswith("A") and value and abs(value) < LEAST:
            raise UnsupportedModel(
                f"projection {owner!r}: {name} = {value:.3g}: S16.15 rounds it to zero; weights of"
                " larger numbers would hold it"
            )
    return PynnRule(
        timing=timing, timing_args=arguments, weight=weight,
        weight_args={"w_min": form.low / unit, "w_max": form.high / unit, **more},
    )  # fmt: skip


def _classes(
    owner: str, form: ProductRule, unit: float
) -> tuple[str, dict[str, float], str, dict[str, float]]:
    post = {_key(t, form): t for t in form.terms if t.event == POST}
    pre = {_key(t, form): t for t in form.terms if t.event == PRE}
    if len(post) + len(pre) != len(form.terms):
        raise _none(owner)
    additive = "AdditiveWeightDependence"
    if set(post) == {("x",)} and set(pre) == {("y",)}:
        up, down = post["x",], pre["y",]
        if down.coefficient > 0 or up.coefficient < 0:
            raise _none(owner)
        if form.mu not in (0.0, 1.0):
            raise UnsupportedModel(
                f"projection {owner!r}: mu = {form.mu}: sPyNNaker has 0 and 1, no power between"
            )
        scale = unit if form.mu == 0 else form.high
        timing = "extra_models.SpikeNearestPairRule" if form.nearest else "SpikePairRule"
        weight = additive if form.mu == 0 else "MultiplicativeWeightDependence"
        return timing, _pair(form, up, down, scale), weight, {}
    if form.nearest or form.mu:
        raise _none(owner)
    if set(post) == {("x",)} and set(pre) == {("y",), ()}:
        up, toward, away = post["x",], pre["y",], pre[()]
        if up.coefficient <= 0 or abs(up.coefficient - toward.coefficient) > 1e-9 * up.coefficient:
            raise _none(owner)
        tau = form.tau(up.traces[0])
        if abs(tau - form.tau(toward.traces[0])) > 1e-12:
            raise _none(owner)
        eta = up.coefficient / unit
        alpha = -away.coefficient / up.coefficient
        arguments = {"alpha": alpha, "tau": tau * 1e3, "A_plus": eta, "A_minus": eta}
        return "extra_models.Vogels2011Rule", arguments, additive, {}
    if ("x", "y") in post or ("x", "y") in pre:
        return _triplet(owner, form, post, pre)
    raise _none(owner)


def _triplet(
    owner: str, form: ProductRule, post: dict[tuple[str, ...], Term],
    pre: dict[tuple[str, ...], Term],
) -> tuple[str, dict[str, float], str, dict[str, float]]:  # fmt: skip
    """Pfister's: at post x (A2₊ + A3₊ y₂), at pre −y (A2₋ + A3₋ x₂), y₂ and x₂ before they jump."""
    zero = Term(event=POST, coefficient=0.0)
    fast = {s: next((t.traces[0] for t in d.values() if len(t.traces) == 1), None)
            for s, d in (("x", post), ("y", pre))}  # fmt: skip
    slow: dict[str, str] = {}
    for terms, own in ((post, "y"), (pre, "x")):
        for term in (t for t in terms.values() if len(t.traces) == 2):
            if len(term.before) != 1:
                raise _none(owner)
            slow[own] = term.before[0]
            other = next(n for n in term.traces if n != slow[own])
            side = "x" if own == "y" else "y"
            if fast[side] not in (None, other):
                raise _none(owner)
            fast[side] = other
    if not set(post) <= {("x",), ("x", "y")} or not set(pre) <= {("y",), ("x", "y")}:
        raise _none(owner)
    if fast["x"] is None or fast["y"] is None:
        raise _none(owner)
    taus = {
        "tau_plus": form.tau(fast["x"]), "tau_minus": form.tau(fast["y"]),
        "tau_x": form.tau(slow.get("x", fast["x"])), "tau_y": form.tau(slow.get("y", fast["y"])),
    }  # fmt: skip
    high = form.high
    arguments = {name: tau * 1e3 for name, tau in taus.items()}
    arguments["A_plus"] = post.get(("x",), zero).coefficient / high
    arguments["A_minus"] = -pre.get(("y",), zero).coefficient / high
    more = {
        "A3_plus": post.get(("x", "y"), zero).coefficient / high,
        "A3_minus": -pre.get(("x", "y"), zero).coefficient / high,
    }
    return (
        "extra_models.PfisterSpikeTriplet", arguments,
        "extra_models.WeightDependenceAdditiveTriplet", more,
    )  # fmt: skip


def _pair(form: ProductRule, up: Term, down: Term, scale: float) -> dict[str, float]:
    return {
        "tau_plus": form.tau(up.traces[0]) * 1e3, "tau_minus": form.tau(down.traces[0]) * 1e3,
        "A_plus": up.coefficient / scale, "A_minus": -down.coefficient / scale,
    }  # fmt: skip


def _key(term: Term, form: ProductRule) -> tuple[str, ...]:
    """The sides of a term's traces, x for pre and y for post, sorted."""
    sides = {t.name: "x" if t.side == PRE else "y" for t in form.traces}
    return tuple(sorted(sides[n] for n in term.traces))


def _none(owner: str) -> UnsupportedModel:
    return UnsupportedModel(f"projection {owner!r}: no timing rule of sPyNNaker holds its terms")
