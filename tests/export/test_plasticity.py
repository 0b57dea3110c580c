"""Rules that travel: products, Loihi's dw, sPyNNaker's classes, trajectories, and the band."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms, pA

from bioplastic import cli
from bioplastic.benchmarks.plastic import network as plastic_network
from bioplastic.description import PermanenceSTDP
from bioplastic.description.plasticity import PowerLaw
from bioplastic.errors import CorruptFile, UnsupportedModel
from bioplastic.export import verify
from bioplastic.export.plastic import band as plastic_band
from bioplastic.export.plastic import bundle as plastic_bundle
from bioplastic.export.plastic import loihi as plastic_loihi
from bioplastic.export.plastic import rule as plastic_rule
from bioplastic.export.plastic import spynnaker as plastic_spynnaker
from bioplastic.export.plastic import trains as plastic_trains
from bioplastic.export.plastic import verify as plastic_verify
from bioplastic.learned import Learned
from bioplastic.theory.stdp import weight_after
from tests.export.rules import INHIBITORY, NEAREST, PAIR, TRIPLET, W_MAX

DT = 1e-3


@pytest.mark.parametrize("mu", [0.0, 0.4, 1.0])
def test_pair_products_follow_the_closed_form(mu):
    """Every order, bursts and coincidences, against sums over all pairs."""
    rule = replace(PAIR, dependence=PowerLaw(mu=mu))
    pre, post = plastic_trains.forced(0.05)
    form = plastic_rule.products("p", rule)
    found = plastic_rule.trajectory(form, pre, post, 0.5 * W_MAX, DT)[:, -1] / W_MAX
    for k in range(len(pre)):
        want = weight_after(rule, np.flatnonzero(pre[k]), np.flatnonzero(post[k]), DT * 1000 * ms, 0.5)  # fmt: skip # noqa: E501
        assert found[k] == pytest.approx(want, abs=1e-12)
    together = 2  # the third pattern has nothing but coincidences, 80 steps apart
    assert abs(found[together] - 0.5) < 0.02


def test_the_trains_have_every_order():
    pre, post = plastic_trains.forced(0.05)
    lags = {int(b - a) for a, b in zip(*(np.argmax(x, axis=1)[:3] for x in (pre, post)), strict=True)}  # fmt: skip # noqa: E501
    assert lags == {3, -3, 0}
    assert (pre & post).any(axis=1)[6:].all()
    assert not pre[:, :2].any()


def test_the_rule_of_a_pair_on_loihi():
    rule = plastic_loihi.loihi_rule("p", PAIR)
    assert rule.dw == "2^-2*x1*y0 - 2^-3*y1*x0"
    assert [(t.name, t.impulse, t.tau) for t in rule.traces] == [("x1", 41, 17), ("y1", 41, 34)]
    assert rule.rounded[0] == "2^-2*x1*y0: 10.25 LSB a pair instead of 10.2 (+0.49%)"
    assert rule.error == pytest.approx(0.25 / 51)
    assert rule.stdp_loihi() == {
        "learning_rate": 1, "A_plus": 0.25, "A_minus": -0.125, "tau_plus": 17, "tau_minus": 34,
        "x1_impulse": 41, "y1_impulse": 41, "t_epoch": 1,
    }  # fmt: skip


def test_the_rules_of_traces_on_loihi():
    inhibitory = plastic_loihi.loihi_rule("i", INHIBITORY)
    assert inhibitory.dw == "2^-4*y1*x0 - 2^-1*x0 + 2^-4*x1*y0"
    assert inhibitory.stdp_loihi() is None
    triplet = plastic_loihi.loihi_rule("t", TRIPLET)
    assert {q.traces for q in triplet.terms} == {("y1",), ("y1", "x2"), ("x1",), ("x1", "y2")}


@pytest.mark.parametrize("rule", [PAIR, INHIBITORY, TRIPLET])
def test_loihi_follows_the_description_up_to_what_it_rounds(rule):
    """On trains without coincidences; `before` takes off the jump that Loihi reads."""
    made = plastic_loihi.loihi_rule("p", rule)
    pre, post = plastic_trains.forced(0.03)
    apart = ~(pre & post).any(axis=1)
    pre, post = pre[apart], post[apart]
    form = plastic_rule.products("p", rule)
    exact = replace(
        made, terms=tuple(replace(q, exponent=0, mantissa=1, wanted=q.wanted) for q in made.terms)
    )
    want = plastic_rule.trajectory(form, pre, post, 0.5 * W_MAX, DT) / W_MAX * 255
    impulse = {t.name: t.impulse for t in made.traces}
    for q in exact.terms:
        value = q.wanted / np.prod([impulse[n] for n in q.traces])
        object.__setattr__(q, "mantissa", value)
    found = plastic_loihi.trajectory(exact, pre, post, 127.5)
    assert np.abs(found - want).max() < 1e-9


def test_what_loihi_does_not_hold_is_refused_by_name():
    for rule, message in (
        (replace(PAIR, dependence=PowerLaw(mu=1.0)), "mu > 0"),
        (NEAREST, "nearest-neighbour traces"),
        (replace(PAIR, a_plus=1e-6), "an amplitude of 0.000255 LSB"),
        (PermanenceSTDP(w_mature=1 * pA), "PermanenceSTDP is no sum of products"),
    ):
        with pytest.raises(UnsupportedModel, match="projection 'p'.*" + message):
            plastic_loihi.loihi_rule("p", rule)


def test_the_classes_of_spynnaker():
    found = plastic_spynnaker.mechanism("p", INHIBITORY, 1e-9)
    assert found.timing == "extra_models.Vogels2011Rule"
    assert found.timing_args == pytest.approx(
        {"alpha": 0.2, "tau": 20, "A_plus": 0.001, "A_minus": 0.001}
    )
    found = plastic_spynnaker.mechanism("p", TRIPLET, 1e-9)
    assert found.timing_args == pytest.approx({
        "tau_plus": 16.8, "tau_minus": 33.7, "tau_x": 101, "tau_y": 125, "A_plus": 0.005,
        "A_minus": 0.007,
    })  # fmt: skip
    assert found.weight_args["A3_plus"] == pytest.approx(0.0062)
    assert found.weight_args["A3_minus"] == pytest.approx(0.0023)
    found = plastic_spynnaker.mechanism("p", NEAREST, 1e-9)
    assert found.timing == "extra_models.SpikeNearestPairRule"
    found = plastic_spynnaker.mechanism("p", replace(PAIR, dependence=PowerLaw(mu=1.0)), 1e-9)
    assert found.weight == "MultiplicativeWeightDependence"
    assert found.timing_args["A_plus"] == pytest.approx(0.04)  # of (w_max − w)


def sampled(engine, rule, pre, post, runs, seed):
    """Weights of `runs` draws under an engine, one trace and one bit at a time."""
    rng = np.random.default_rng(seed)
    found = np.zeros((runs, *pre.shape))
    for s in range(len(pre)):
        x = {t.name: np.zeros(runs) for t in rule.traces}
        w = np.full(runs, float(plastic_bundle.START))
        for t in range(pre.shape[1]):
            events = {"x0": int(pre[s, t]), "y0": int(post[s, t])}
            read, after = {}, {}
            for trace in rule.traces:
                name, keep = trace.name, engine.keep(trace.tau)
                own = events["x0" if name[0] == "x" else "y0"] * trace.impulse
                bit = rng.random(runs) < keep * x[name] % 1
                if engine.late:
                    read[name] = np.minimum(x[name] + own, 127)
                    after[name] = np.minimum(np.floor(keep * read[name]) + bit, 127)
                else:
                    after[name] = np.minimum(np.floor(keep * x[name]) + bit + own, 127)
                    read[name] = after[name]
            dw = np.zeros(runs)
            for q in rule.terms:
                dw += q.factor * events[q.event] * np.prod([read[n] for n in q.traces], axis=0)
            w = w + (np.sign(dw) * np.ceil(abs(dw)) if engine.whole else dw)
            w = np.floor(w) + (rng.random(runs) < w % 1)
            x = after
            found[:, s, t] = w
    return found


@pytest.mark.parametrize("engine", [plastic_band.LAVA, plastic_band.BRIAN2])
def test_the_mean_and_the_band_of_random_rounding(engine):
    """The mean is that of draws; all draws lie in the band; another rule leaves it."""
    pre, post = (x[4:9] for x in plastic_trains.forced(0.03))
    for described in (PAIR, INHIBITORY):
        rule = plastic_loihi.loihi_rule("p", described)
        draws = sampled(engine, rule, pre, post, 40, 3)
        low, mean, high = plastic_band.band(engine, rule, pre, post, 128, checks=draws.size)
        assert np.all((low <= draws) & (draws <= high))
        spread = draws.std(axis=0) + 0.1
        both = np.cumsum(pre & post, axis=1) * engine.whole  # rounded together there
        assert np.all(np.abs(draws.mean(axis=0) - mean) <= 5 * spread / np.sqrt(40) + both)
    swapped = replace(PAIR, a_plus=PAIR.a_minus, a_minus=PAIR.a_plus)
    other = sampled(engine, plastic_loihi.loihi_rule("p", swapped), pre, post, 2, 4)
    pair = plastic_loihi.loihi_rule("p", PAIR)
    low, _, high = plastic_band.band(engine, pair, pre, post, 128, checks=other.size)
    assert np.any((other < low) | (other > high))


@pytest.fixture(scope="module")
def learned():
    """A network whose one projection learns by PAIR."""
    net = plastic_network(4, 0.05)
    plastic = replace(net.projections[0], plasticity=PAIR)
    return Learned(replace(net, projections=(plastic,)), {}, {"dt_seconds": 1e-4})


def test_a_bundle_of_rules(learned, tmp_path):
    ready = plastic_bundle.prepare(learned, None)
    assert ready.fits
    assert "dw = 2^-2*x1*y0 - 2^-3*y1*x0" in "\n".join(ready.lines())
    folder = plastic_bundle.write(ready, tmp_path / "bundle")
    kind = verify.kind_of(folder)
    bundle = kind.read(folder)
    assert kind.title(bundle) == "plastic: 1 rules, 12 synapses, 240 steps"
    found = verify.verify(bundle, folder, "reference", python=None, seconds=9, tools=kind.TOOLS)
    assert (found.outcome, found.figures["largest_difference_lsb"]) == ("equal", 0)
    rule = bundle.rules[0]
    forged = replace(rule, expected=rule.expected + np.eye(12, 240) * 1e-6)
    other = replace(bundle, rules=(forged,))
    found = verify.verify(other, folder, "reference", python=None, seconds=9, tools=kind.TOOLS)
    assert found.outcome == "differs"
    assert "plastic: synapse 0, step 0: ours" in found.message
    path = folder / "rules.json"
    path.write_text(path.read_text().replace("2^-2", "2^-1"))
    with pytest.raises(CorruptFile, match=r"rules\.json: truncated, or changed"):
        kind.read(folder)


def test_the_bound_of_rounding_is_small_and_not_zero(learned):
    ready = plastic_bundle.prepare(learned, None)
    rule = ready.rules[0].loihi
    assert not isinstance(rule, str)
    assert 0 < plastic_verify.rounding(rule, ready.pre, ready.post) < 1e-9


def test_nothing_that_learns_is_said(learned):
    still = replace(
        learned.description,
        projections=(replace(learned.description.projections[0], plasticity=None),),
    )
    with pytest.raises(UnsupportedModel, match="no projection learns"):
        plastic_bundle.prepare(Learned(still, {}, {}), None)


def test_from_a_run_to_a_verified_rule(tmp_path, capsys):
    run, out = tmp_path / "window", tmp_path / "rule"
    assert cli.main(["run", "stdp-window", "--quick", "--out", str(run)]) == 0
    assert cli.main(["export", str(run), "--to", "plasticity", "--out", str(out)]) == 0
    assert "plastic, PairSTDP:" in capsys.readouterr().out
    assert cli.main(["verify", str(out), "--with", "reference"]) == 0
    assert cli.main(["export", str(run), "--to", "spinnaker"]) == 2
    assert "tau_syn_E = 0.05, 1 ms: IF_curr_exp has one" in capsys.readouterr().err


@pytest.mark.oracle
@pytest.mark.parametrize("tool", ["lava", "brian2-loihi"])
@pytest.mark.parametrize("rule", [PAIR, INHIBITORY, TRIPLET], ids=["pair", "inhibitory", "triplet"])
def test_foreign_tools_learn_alike(learned, tool, rule, tmp_path):
    """lava's floats are ours but for rounding; what is rounded at random stays in its band."""
    python = verify.interpreter()
    if python is None:
        pytest.skip(f"set {verify.VARIABLE} to the Python of the verifier environment")
    net = learned.description
    net = replace(net, projections=(replace(net.projections[0], plasticity=rule),))
    ready = plastic_bundle.prepare(Learned(net, {}, {"dt_seconds": 1e-4}), None)
    folder = plastic_bundle.write(ready, tmp_path / "bundle")
    kind = verify.kind_of(folder)
    found = verify.verify(kind.read(folder), folder, tool, python=python, seconds=500,
                          tools=kind.TOOLS)  # fmt: skip
    unable = tool == "brian2-loihi" and rule is TRIPLET
    assert found.outcome == ("unable" if unable else "equal"), found.message
