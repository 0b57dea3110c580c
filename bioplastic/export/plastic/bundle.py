"""The learning rules of a network for chips, with weight trajectories that belong to them.

A sealed folder: `rules.json` has, for each plastic projection, the rule on Loihi (dw, traces, what
was rounded), the arguments of lava's STDPLoihi, and the STDPMechanism of sPyNNaker;
`trajectory.npz` has forced spikes of 12 separate synapses and, by projection number K:
    pre, post (S, T) bool       K/described (S, T)   weights in units of w_max, by the description
    K/loihi (S, T)              weights in LSB, by the rule on Loihi without rounding of traces
A rule that one target does not hold is left out for that target, with the reason.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.atomic import publish_new
from bioplastic.description import TraceSTDP
from bioplastic.errors import Malformed, UnsupportedModel
from bioplastic.export.bundle import sealed, twofold
from bioplastic.export.bundle.foreign import SCRIPTS
from bioplastic.export.bundle.twofold import Stored
from bioplastic.export.plastic import loihi as plastic_loihi
from bioplastic.export.plastic import rule as plastic_rule
from bioplastic.export.plastic import spynnaker as plastic_spynnaker
from bioplastic.export.plastic import trains as plastic_trains
from bioplastic.export.plastic.loihi import STEP, LoihiRule, LoihiTerm, LoihiTrace
from bioplastic.export.pynn import network as pynn_network
from bioplastic.learned import Learned

FORMAT = "bioplastic-rule"
RULES, TRAJECTORY = "rules.json", "trajectory.npz"
LIMIT = 1 << 30
START = 128
"""LSB: the weight that every trajectory begins with."""
DENSITIES = (0.05, 0.03, 0.02, 0.01)
"""Spikes per step of the drawn trains: the first at which no weight comes near its bounds."""
PRE_TRACES = 3
"""Profiles of pre traces of a core. Source: nengo-loihi 1.1, hardware/validate.py."""
_NANO = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class RuleTrace:
    """A rule on its targets, and its trajectories.

    loihi, spynnaker   the rule there, or the reason why it is not
    described          (S, T) in units of w_max        expected   (S, T) LSB, None without `loihi`
    """

    projection: str
    kind: str
    loihi: LoihiRule | str
    spynnaker: Mapping[str, Any] | str
    described: np.ndarray
    expected: np.ndarray | None


@dataclass(frozen=True, kw_only=True, eq=False)
class RuleBundle:
    """Rules and the events, (S, T) bool, that their trajectories follow."""

    name: str
    pre: np.ndarray
    post: np.ndarray
    rules: tuple[RuleTrace, ...]

    @property
    def fits(self) -> bool:
        """Whether some target holds some rule."""
        return any(not isinstance(x, str) for r in self.rules for x in (r.loihi, r.spynnaker))

    def lines(self) -> list[str]:
        """What `--check` prints."""
        found = [f"{self.name}: {len(self.rules)} rules; a step of the chip is {STEP * 1e3:g} ms"]
        for r in self.rules:
            found.append(f"  {r.projection}, {r.kind}:")
            if isinstance(r.loihi, str):
                found.append(f"    not on Loihi: {r.loihi}")
            else:
                taus = ", ".join(
                    f"{t.name}: impulse {t.impulse}, tau {t.tau:g}" for t in r.loihi.traces
                )
                found.append(f"    Loihi: dw = {r.loihi.dw}; {taus}; 255 is w_max")
                found += [f"      {part}" for part in r.loihi.rounded]
                assert r.expected is not None
                away = np.abs(r.expected - r.described * plastic_loihi.WEIGHT_MAX)
                apart = ~(self.pre & self.post).any(axis=1)
                found.append(
                    f"      weights of the trains: {away[apart].max(initial=0):.2f} LSB from the"
                    f" description, {away[~apart].max(initial=0):.2f} where spikes coincide"
                )
            if isinstance(r.spynnaker, str):
                found.append(f"    not on sPyNNaker: {r.spynnaker}")
            else:
                found.append(f"    sPyNNaker: {r.spynnaker['timing']}, {r.spynnaker['weight']}")
        held = [r.loihi for r in self.rules if not isinstance(r.loihi, str)]
        if held:
            pre = {(t.impulse, t.tau) for rule in held for t in rule.traces if t.name[0] == "x"}
            found.append(
                f"  profiles of pre traces, all rules on one core of Loihi: {len(pre)} of"
                f" {PRE_TRACES}   [nengo-loihi 1.1, hardware/validate.py]"
            )
        return found


def prepare(learned: Learned, symbols: np.ndarray | None, target: str = "plasticity") -> RuleBundle:
    """The rules of all plastic projections, and what they do to forced spikes.

    Raises UnsupportedModel where nothing learns by a rule of traces.
    """
    net = learned.description
    plastic = [q for q in net.projections if q.plasticity is not None]
    if not plastic:
        raise UnsupportedModel(f"{net.name!r}: no projection learns")
    refusals, kept = [], []
    for q in plastic:
        try:
            kept.append((q, plastic_rule.products(q.name, q.plasticity)))
        except UnsupportedModel as reason:
            refusals.append(str(reason))
    if not kept:
        raise UnsupportedModel("; ".join(refusals))
    for density in DENSITIES:
        pre, post = plastic_trains.forced(density)
        rules = tuple(_traced(q.name, q.plasticity, form, pre, post) for q, form in kept)
        if all(_inside(r) for r in rules):
            break
    return RuleBundle(name=net.name, pre=pre, post=post, rules=rules)


def _inside(rule: RuleTrace) -> bool:
    """Whether no trajectory comes within a quarter of its range of a bound."""
    top = plastic_loihi.WEIGHT_MAX
    held = [rule.described * top] + ([] if rule.expected is None else [rule.expected])
    return all(top / 4 <= x.min() <= x.max() <= 3 * top / 4 for x in held)


def _traced(
    owner: str, rule: Any, form: plastic_rule.ProductRule, pre: np.ndarray, post: np.ndarray
) -> RuleTrace:
    loihi: LoihiRule | str
    spynnaker: Mapping[str, Any] | str
    try:
        loihi = plastic_loihi.loihi_rule(owner, rule)
    except UnsupportedModel as reason:
        loihi = str(reason)
    try:
        spynnaker = asdict(plastic_spynnaker.mechanism(owner, rule, _NANO))
    except UnsupportedModel as reason:
        spynnaker = str(reason)
    begin = form.low + (form.high - form.low) * START / plastic_loihi.WEIGHT_MAX
    described = plastic_rule.trajectory(form, pre, post, begin, STEP) / form.high
    expected = None
    if not isinstance(loihi, str):
        expected = plastic_loihi.trajectory(loihi, pre, post, START)
    kind = type(rule).__name__ + (", pre first" if isinstance(rule, TraceSTDP) else "")
    return RuleTrace(
        projection=owner, kind=kind, loihi=loihi, spynnaker=spynnaker, described=described,
        expected=expected,
    )  # fmt: skip


def write(ready: RuleBundle, folder: Path) -> Path:
    """Write the bundle; it is read back and compared before it appears.

    Raises UsageError when the folder exists, BioplasticError when the disk refuses.
    """

    def fill(partial: Path) -> None:
        table, arrays = _stored(ready)
        np.savez_compressed(partial / TRAJECTORY, **arrays)  # type: ignore[arg-type]
        sealed.write_json(partial / RULES, table)
        for name in ("replay_rule_lava.py", "replay_rule_brian2_loihi.py"):
            shutil.copyfile(SCRIPTS / name, partial / name)
        sealed.seal(partial, FORMAT, {})

    return publish_new(folder, fill, lambda partial: read(partial).lines() == ready.lines())


def _stored(ready: RuleBundle) -> Stored:
    """What both files hold."""
    arrays = {"pre": ready.pre, "post": ready.post}
    rules = []
    for k, r in enumerate(ready.rules):
        arrays[f"{k}/described"] = r.described
        if r.expected is not None:
            arrays[f"{k}/loihi"] = r.expected
        rules.append(
            {"projection": r.projection, "kind": r.kind, "spynnaker": r.spynnaker,
             "loihi": r.loihi if isinstance(r.loihi, str) else _table(r.loihi)}
        )  # fmt: skip
    return {"name": ready.name, "start": START, "rules": rules}, arrays


def _table(rule: LoihiRule) -> dict[str, Any]:
    return {
        "dw": rule.dw, "unit": rule.unit, "rounded": list(rule.rounded),
        "traces": [asdict(t) for t in rule.traces], "terms": [asdict(q) for q in rule.terms],
        "stdp_loihi": rule.stdp_loihi(),
    }  # fmt: skip


def read(folder: Path) -> RuleBundle:
    """Read a bundle; CorruptFile where anything is missing, changed, or not such a bundle."""
    index = sealed.unseal(folder, FORMAT)
    table, arrays = (sealed.listed(folder, index, name) for name in (RULES, TRAJECTORY))
    return twofold.read(table, arrays, LIMIT, what="rules", make=_bundle, store=_stored)


def _bundle(table: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> RuleBundle:
    pre, post = arrays["pre"], arrays["post"]
    if pre.dtype != np.bool_ or post.dtype != np.bool_ or pre.ndim != 2:
        raise Malformed("events are no truth values by synapse and step")
    if post.shape != pre.shape:
        raise Malformed("pre and post differ in shape")
    rules = tuple(_rule(k, entry, arrays, pre.shape) for k, entry in enumerate(table["rules"]))
    return RuleBundle(name=str(table["name"]), pre=pre, post=post, rules=rules)


def _rule(
    k: int, entry: dict[str, Any], arrays: Mapping[str, np.ndarray], shape: tuple[int, ...]
) -> RuleTrace:
    held = entry["loihi"]
    loihi: LoihiRule | str = str(held)
    if isinstance(held, dict):
        loihi = LoihiRule(
            traces=tuple(
                LoihiTrace(name=str(t["name"]), impulse=int(t["impulse"]), tau=float(t["tau"]))
                for t in held["traces"]
            ),
            terms=tuple(
                LoihiTerm(
                    event=str(q["event"]), mantissa=int(q["mantissa"]),
                    exponent=int(q["exponent"]), traces=tuple(map(str, q["traces"])),
                    wanted=float(q["wanted"]),
                )
                for q in held["terms"]
            ),
            unit=float(held["unit"]), rounded=tuple(map(str, held["rounded"])),
        )  # fmt: skip
        _refuse_impossible(loihi)
    expected = arrays[f"{k}/loihi"] if isinstance(held, dict) else None
    for values in (arrays[f"{k}/described"], expected):
        if values is not None and (values.shape != shape or values.dtype != np.float64):
            raise Malformed(f"trajectory {k}: {values.dtype} {values.shape}")
        if values is not None and not np.all(np.isfinite(values)):
            raise Malformed(f"trajectory {k}: a weight that is not finite")
    spynnaker = entry["spynnaker"]
    return RuleTrace(
        projection=str(entry["projection"]), kind=str(entry["kind"]), loihi=loihi,
        spynnaker=asdict(_mechanism(spynnaker)) if isinstance(spynnaker, dict) else str(spynnaker),
        described=arrays[f"{k}/described"], expected=expected,
    )  # fmt: skip


def _mechanism(entry: dict[str, Any]) -> pynn_network.PynnRule:
    found = pynn_network.rule(entry)
    assert found is not None
    return found


def _refuse_impossible(rule: LoihiRule) -> None:
    """Raise Malformed for what the learning engine does not hold, or a trace that is not there."""
    names = [t.name for t in rule.traces]
    known = {name for side in plastic_loihi.NAMES.values() for name in side}
    if len(set(names)) != len(names) or not set(names) <= known:
        raise Malformed(f"traces {names}")
    for t in rule.traces:
        if not (1 <= t.impulse <= plastic_loihi.TRACE_MAX and 0 < t.tau < np.inf):
            raise Malformed(f"trace {t.name}: impulse {t.impulse}, tau {t.tau}")
    for q in rule.terms:
        if q.event not in ("x0", "y0") or not set(q.traces) <= set(names):
            raise Malformed(f"a term of {q.event} and {q.traces}")
        if not 1 <= abs(q.mantissa) <= plastic_loihi.MANTISSA or (
            q.exponent not in plastic_loihi.EXPONENTS
        ):
            raise Malformed(f"a factor of {q.mantissa}*2^{q.exponent}")
