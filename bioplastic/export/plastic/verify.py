"""Do the weights of a rule bundle follow in lava-nc and brian2-loihi as they are written?

lava's floating point: the same operations in the same order, so the same numbers up to the rounding
of exp; lava's fixed point and brian2-loihi round at random: every weight of every seed stays inside
the band of `bioplastic.export.plastic.band`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.export.bundle import foreign
from bioplastic.export.bundle.foreign import Failed, Verdict
from bioplastic.export.plastic import band as plastic_band
from bioplastic.export.plastic import bundle as plastic_bundle
from bioplastic.export.plastic import loihi as plastic_loihi
from bioplastic.export.plastic.bundle import RuleBundle, RuleTrace
from bioplastic.export.plastic.loihi import LoihiRule

SEEDS = 5
read = plastic_bundle.read


def title(bundle: RuleBundle) -> str:
    """One line for a person."""
    size, steps = bundle.pre.shape
    return f"{bundle.name}: {len(bundle.rules)} rules, {size} synapses, {steps} steps"


def _on_loihi(bundle: RuleBundle) -> list[tuple[int, RuleTrace, LoihiRule, np.ndarray]]:
    found = [
        (k, r, r.loihi, r.expected) for k, r in enumerate(bundle.rules)
        if not isinstance(r.loihi, str) and r.expected is not None
    ]  # fmt: skip
    if not found:
        raise UnsupportedModel("; ".join(str(r.loihi) for r in bundle.rules))
    return found


def rounding(rule: LoihiRule, pre: np.ndarray, post: np.ndarray) -> float:
    """Largest difference, LSB, that another rounding of exp and of sums in float64 can make.

    exp(−1/tau) may differ by one unit in the last place, each step multiplies by it and rounds,
    and each of at most 3 operations a term rounds: a trace read after T steps differs by 2T + 3
    units at most, relatively; the weight by T more of its largest value.
    """
    steps = pre.shape[1]
    reads = {"x0": pre, "y0": post}
    top = {t.name: t.impulse / (1 - np.exp(-1 / t.tau)) for t in rule.traces}
    moved = sum(
        abs(q.factor) * float(np.prod([top[n] for n in q.traces]))
        * float(reads[q.event].sum(axis=1).max(initial=0))
        for q in rule.terms
    )  # fmt: skip
    return float((2 * steps + 3) * moved + steps * (255 + moved)) * 2.0**-53


def _reference(bundle: RuleBundle, folder: Path, python: Path | None, seconds: float) -> Verdict:
    """Our own recursion again, on the rule that stands in the bundle."""
    worst = 0.0
    for _, r, rule, expected in _on_loihi(bundle):
        found = plastic_loihi.trajectory(rule, bundle.pre, bundle.post, plastic_bundle.START)
        bound = rounding(rule, bundle.pre, bundle.post)
        wrong = _first(r.projection, expected - bound, expected + bound, found)
        if wrong is not None:
            return Verdict(tool="reference", outcome="differs", message=wrong)
        worst = max(worst, float(np.abs(found - expected).max()))
    return Verdict(
        tool="reference", outcome="equal", message=_said(bundle, "of ours"),
        figures={"largest_difference_lsb": worst},
    )  # fmt: skip


def _lava(bundle: RuleBundle, folder: Path, python: Path | None, seconds: float) -> Verdict:
    held = _on_loihi(bundle)
    needs = [f"{k}/float" for k, *_ in held]
    found = _run(bundle, "lava", "replay_rule_lava.py", needs, folder, python, seconds)
    worst = spread = 0.0
    for k, r, rule, expected in held:
        theirs = found[f"{k}/float"]
        worst = max(worst, float(np.abs(theirs - expected).max()))
        bound = rounding(rule, bundle.pre, bundle.post)
        wrong = _first(f"{r.projection}, floating_pt", expected - bound, expected + bound, theirs)
        if wrong is not None:
            return Verdict(tool="lava", outcome="differs", message=wrong)
        if f"{k}/fixed" in found:
            out, apart = _banded(plastic_band.LAVA, r, rule, bundle, found[f"{k}/fixed"])
            if out is not None:
                return Verdict(tool="lava", outcome="differs", message=f"{out} (fixed_pt)")
            spread = max(spread, apart)
    figures = {
        "floating_pt_largest_difference_lsb": worst,
        "fixed_pt_largest_distance_from_mean_lsb": spread,
        "fixed_pt_seeds": SEEDS,
    }
    message = _said(bundle, "of floating_pt equal, of fixed_pt inside their band")
    return Verdict(tool="lava", outcome="equal", message=message, figures=figures)


def _brian2(bundle: RuleBundle, folder: Path, python: Path | None, seconds: float) -> Verdict:
    held = [x for x in _on_loihi(bundle) if all(len(q.traces) <= 1 for q in x[2].terms)]
    if not held:
        raise UnsupportedModel("no band is derived for products of two traces")
    script, needs = "replay_rule_brian2_loihi.py", [f"{k}/fixed" for k, *_ in held]
    found = _run(bundle, "brian2_loihi", script, needs, folder, python, seconds)
    spread = 0.0
    for k, r, rule, _ in held:
        out, apart = _banded(plastic_band.BRIAN2, r, rule, bundle, found[f"{k}/fixed"])
        if out is not None:
            return Verdict(tool="brian2-loihi", outcome="differs", message=out)
        spread = max(spread, apart)
    figures = {"largest_distance_from_mean_lsb": spread, "seeds": SEEDS}
    message = _said(bundle, "inside their band")
    return Verdict(tool="brian2-loihi", outcome="equal", message=message, figures=figures)


def _run(
    bundle: RuleBundle, module: str, script: str, needs: list[str], folder: Path,
    python: Path | None, seconds: float,
) -> dict[str, np.ndarray]:  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="bioplastic-verify-") as held:
        out = Path(held) / "found.npz"
        arguments = [str(folder.absolute()), str(out), str(SEEDS)]
        foreign.run(python, module, script, arguments, held, seconds)
        found = foreign.stored(out)
    for name in needs:
        if name not in found:
            raise Failed(f"{script}: it stored no {name}")
    for name, values in found.items():
        if values.shape[-2:] != bundle.pre.shape:
            raise Failed(f"{script}: {name} has the shape {values.shape}")
    return found


def _banded(
    engine: plastic_band.Engine, r: RuleTrace, rule: LoihiRule, bundle: RuleBundle,
    found: np.ndarray,
) -> tuple[str | None, float]:  # fmt: skip
    """The first weight outside the band, in words, and the largest distance from the mean."""
    start = plastic_bundle.START
    low, mean, high = plastic_band.band(
        engine, rule, bundle.pre, bundle.post, start, checks=found.size
    )
    for run in found:
        wrong = _first(r.projection, low, high, run)
        if wrong is not None:
            return wrong, 0.0
    return None, float(np.abs(found - mean).max())


def _first(name: str, low: np.ndarray, high: np.ndarray, found: np.ndarray) -> str | None:
    out = np.argwhere(((found < low) | (found > high)).T)
    if not len(out):
        return None
    step, synapse = out[0]
    a, b = low[synapse, step], high[synapse, step]
    ours = f"{a:.6g}" if a == b else f"{a:.4g} to {b:.4g}"
    return (
        f"{name}: synapse {synapse}, step {step}: ours {ours} LSB, the tool"
        f" {found[synapse, step]:.6g}"
    )


def _said(bundle: RuleBundle, what: str) -> str:
    count = len(_on_loihi(bundle)) * bundle.pre.size
    return f"{count:,} weights {what}"


TOOLS: dict[str, Callable[[RuleBundle, Path, Path | None, float], Verdict]] = {
    "reference": _reference,
    "lava": _lava,
    "brian2-loihi": _brian2,
}
