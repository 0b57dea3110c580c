"""Standing, verdict and energy: bold only where it is certain, and "loses" said as readily."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from bioplastic.learning.compare import verdict
from bioplastic.learning.compare.energy import FLOAT32, INT8, energy
from bioplastic.learning.compare.table import Standing, standing
from bioplastic.learning.cost import Cost
from bioplastic.learning.task import Metric, Published, Record, Target

LOWER = Metric(name="loss", unit="bits/symbol", lower_is_better=True)
HIGHER = Metric(name="accuracy", unit="", lower_is_better=False)


@dataclass(frozen=True)
class Given:
    """A task that only says what it is."""

    metric: Metric = LOWER
    target: Target | None = None
    published: tuple[Published, ...] = ()
    name: str = "text"
    question: str = "?"
    protocol: str = "one pass"
    seeds: int = 10
    fresh: bool = False
    extra: dict = field(default_factory=dict)

    def learners(self):
        return ()

    def check(self) -> None:
        """Nothing to check."""

    def measure(self, learner, *, seed):
        raise AssertionError


def records(name, rule, scores, *, note="", y=()):
    x = np.arange(1, len(y) + 1) * 10.0
    return [
        Record(
            task="text", learner=name, rule=rule, seed=s + 1, score=float(v), cost=None, x=x,
            y=np.array(y), note=note if not np.isfinite(v) else "",
        )
        for s, v in enumerate(scores)
    ]  # fmt: skip


def near(mean, *, seeds=10, spread=0.01, seed=0):
    return mean + spread * np.random.default_rng(seed).standard_normal(seeds)


def rank(*groups, **task) -> Standing:
    return standing(Given(**task), [r for group in groups for r in group])


def test_the_best_is_bold_when_every_difference_is_certain():
    found = rank(
        records("ours", "local", near(1.5)),
        records("gru", "backprop", near(2.0, seed=1)),
        records("lstm", "backprop", near(2.1, seed=2)),
        records("ngram", "none", [1.75] * 10),
    )
    assert found.best is not None
    assert found.best.learner == "ours"
    assert found.certain
    assert [e.learner for e in found.entries if found.bold(e)] == ["ours"]
    assert [e.group for e in found.entries] == ["local", "backprop", "backprop", "floor"]
    said = " ".join(verdict.sentences(found))
    assert "ours (local rule) is best with 1.5" in said
    assert "better than all 3 others" in said
    assert "beats gru (best backprop, 2" in said


@pytest.mark.parametrize(("rule", "kind"), [("backprop", "backprop"), ("none", "floor")])
def test_whoever_wins_is_bold_just_the_same(rule, kind):
    found = rank(records("ours", "local", near(2.0)), records("rival", rule, near(1.0, seed=1)))
    assert [e.learner for e in found.entries if found.bold(e)] == ["rival"]
    said = " ".join(verdict.sentences(found))
    assert f"rival ({kind}) is best with 1" in said
    assert "better than ours." in said
    assert f"loses to rival (best {kind}, " in said


def test_nothing_is_bold_in_doubt():
    found = rank(
        records("ours", "local", near(1.5)), records("gru", "backprop", near(1.501, seed=1))
    )
    assert not found.certain
    said = " ".join(verdict.sentences(found))
    assert "but not certain against" in said
    assert "not told apart" in said
    assert any("seeds, which would tell" in c for c in verdict.changes(found))


def test_seeds_that_would_tell_by_hand():
    """Spread twice the mean, one rival: (1.960 + 0.842)² · 4 = 31.4; with ties ten are too few."""
    d = np.array([1.0, -1.0] * 5)
    d = 0.5 + d / d.std(ddof=1)
    found = rank(records("a", "local", np.zeros(10)), records("b", "backprop", d))
    said = verdict._more(found, found.entries[0], "b")
    assert said.startswith("About 32 seeds, which would tell a and b apart")
    ties = np.array([0.0] * 3 + [1.0] * 7)  # over 15 rivals ten seeds are the least
    found = rank(records("a", "local", np.zeros(10)), records("b", "backprop", ties))
    many = replace(found, pairs=dict.fromkeys([*"bcdefghijklmnop"], found.pairs["b"]))
    assert verdict._more(many, found.entries[0], "b").startswith("A few more than 10 seeds")


def test_nothing_is_bold_below_five_seeds():
    found = rank(
        records("ours", "local", near(1.0, seeds=4)), records("gru", "backprop", near(9.0, seeds=4))
    )
    assert not found.certain
    assert any("5 seeds or more" in c for c in verdict.changes(found))
    assert "but 4 seeds cannot tell" in " ".join(verdict.sentences(found))


def test_higher_is_better_where_the_task_says_so():
    found = rank(
        records("ours", "local", near(0.9)), records("mlp", "backprop", near(0.8, seed=1)),
        metric=HIGHER, published=(Published(name="paper", score=0.99, source="x"),),
    )  # fmt: skip
    assert found.best is not None
    assert found.best.learner == "ours"  # what was published does not compete
    assert found.certain
    assert found.unit == "accuracy ↑"


def test_an_equal_score_is_not_better():
    found = rank(records("ours", "local", [1.0] * 10), records("twin", "backprop", [1.0] * 10))
    assert not found.certain
    assert "ties with twin" in " ".join(verdict.sentences(found))


def test_one_lost_seed_takes_the_figure_away():
    scores = near(1.0)
    scores[3] = np.inf
    found = rank(
        records("wild", "backprop", scores, note="diverged: loss inf at example 7"),
        records("ours", "local", near(2.0)),
    )
    assert found.best is not None
    assert found.best.learner == "ours"
    (wild,) = (e for e in found.entries if e.learner == "wild")
    assert wild.interval is None
    assert wild.scores[4] == np.inf
    (said,) = verdict.missing(found)
    assert said == "No figure for wild: 1 of 10 seeds: diverged: loss inf at example 7."


def test_ablations_compete_with_nobody():
    found = rank(records("ours", "local", near(2.0)), records("ours_no_wta", "local", near(1.0)))
    assert found.best is not None
    assert found.best.learner == "ours"
    assert not found.certain  # and there is nobody else
    assert "nobody to compare" in verdict.headline(found)


def test_deterministic_rivals_are_told_apart_by_windows():
    y = 2.0 + 0.1 * np.random.default_rng(1).standard_normal(40)
    apart = rank(
        records("a", "none", [float(y.mean())] * 10, y=y),
        records("b", "none", [float(y.mean()) + 0.5] * 10, y=y + 0.5 + 0.01 * np.sin(np.arange(40)))
    )  # fmt: skip
    assert apart.pairs["b"].over == "nothing"  # the curve of b does not average to its score
    (said,) = verdict.sentences(apart)[:1]
    assert "best with" in said
    assert said.endswith("; b is behind by what no seed changes and no test can judge.")
    (change,) = verdict.changes(apart)
    assert change == "Other data of the same kind: no seed changes a, nor b."
    shifted = y + 0.5 + 0.01 * np.sin(np.arange(40))
    apart = rank(
        records("a", "none", [float(y.mean())] * 10, y=y),
        records("b", "none", [float(shifted.mean())] * 10, y=shifted),
    )
    assert apart.pairs["b"].over == "windows"
    assert apart.certain


def test_target_by_how_much():
    wanted = Target(learner="ours", score=2.0, why="below PPMd")
    hit = rank(records("ours", "local", [1.5] * 5), target=wanted)
    miss = rank(records("ours", "local", [2.5] * 5), target=wanted)
    none = rank(records("gru", "backprop", [1.7] * 5), target=wanted)
    assert "Reached: 1.5, by 25.0% (0.5 bits/symbol)" in verdict.target(hit)
    assert "Missed: 2.5, by 25.0% (0.5 bits/symbol)" in verdict.target(miss)
    assert "Not measured" in verdict.target(none)
    fraction = Metric(name="accuracy", unit="fraction right", lower_is_better=False)
    right = rank(records("ours", "local", [1.0] * 5), target=replace(wanted, score=0.99),
                 metric=fraction)  # fmt: skip
    assert "Reached: 1, by 1 points" in verdict.target(right)


def test_a_rival_that_ends_ahead_is_named():
    ours, theirs = np.linspace(1.0, 1.8, 20), np.linspace(2.6, 1.2, 20)
    found = rank(
        records("ours", "local", [ours.mean()] * 5, y=ours),
        records("gru", "backprop", [theirs.mean()] * 5, y=theirs),
    )
    assert any(
        "longer stream: in the last tenth gru is at 1.237" in c for c in verdict.changes(found)
    )


def test_nobody_has_a_figure():
    found = rank(records("ours", "local", [np.nan] * 3, note="unsuited: x"))
    assert found.best is None
    assert "Nobody has a figure" in verdict.sentences(found)[0]


BASE = {"executions": 4, "plastic_synapses": 9}


def test_energy_by_hand():
    """2 symbols, 10 MACs at 4.6, 20 ACs at 0.9, 5 updates at 4.6: (46 + 18 + 23)/2 = 43.5 pJ."""
    cost = Cost(
        symbols=2, footprint_bytes=1000, effective_macs=8, learning_macs=2, effective_acs=18,
        weight_updates=2, membrane_updates=3, trace_updates=2, bytes_touched=64, **BASE,
    )  # fmt: skip
    found = energy(cost)
    assert found.arithmetic == pytest.approx(43.5e-3)
    assert found.low == found.high == pytest.approx((87 + 8 * 20) / 2 * 1e-3)
    assert found.traffic
    assert energy(cost, INT8).arithmetic < found.arithmetic


@pytest.mark.parametrize(
    ("footprint", "low", "high"),
    [
        (32 << 10, 20, 20),
        ((32 << 10) + 1, 100, 100),
        (1 << 20, 100, 100),
        ((1 << 20) + 1, 1300, 2600),
    ],
)
def test_memory_is_charged_by_the_place_that_holds_it_all(footprint, low, high):
    found = energy(Cost(symbols=1, footprint_bytes=footprint, bytes_touched=8, **BASE))
    assert [found.low, found.high] == pytest.approx([low * 1e-3, high * 1e-3])


def test_bytes_that_were_not_counted_are_said():
    assert not energy(Cost(symbols=1, footprint_bytes=1, effective_acs=1, **BASE)).traffic
    assert FLOAT32.mac == pytest.approx(4.6)
