"""Brian2 in float64 and the integer kernel on the same network, noise and dithers."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from brian2 import ms

from bioplastic.description import FastState, Network, Recruitment, ThetaSTDP
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.learning.agreement import potential_bound
from bioplastic.simulate import attention
from bioplastic.simulate.attention_compare import Agreement, Parting, compare

DT = 0.5 * ms
EXACT = ThetaSTDP(fast=FastState(rate=1 / 128))
"""A rule whose steps of the fast states' worth are whole numbers of 2⁻¹⁷ nats."""
ROUNDED = ThetaSTDP(fast=FastState(rate=0.0078))
"""One whose steps the kernel has to round."""
SCENARIOS: dict[str, dict[str, Any]] = {
    "text": {"order": 3, "stdp": ROUNDED},
    "shuffled": {"order": 2, "shuffled": True, "stdp": ROUNDED},
    "skips, young keys wait, exact rates": {
        "order": 3,
        "skips": 2,
        "recruitment": Recruitment(min_activations=2),
        "stdp": EXACT,
    },
}


@pytest.fixture(scope="module", params=SCENARIOS)
def scenario(request, text, run_kernel):
    network = text(24, **SCENARIOS[request.param])
    ours = attention.run(network, dt=DT, seed=5, progress=False)
    return network, ours, run_kernel(network, dt=DT, seed=5)


def test_same_keys_races_weights_and_spikes(scenario):
    _, ours, theirs = scenario
    found = compare(ours, theirs)
    assert found.first is None, found
    assert (ours.recruited >= 0).sum() > 12
    assert (ours.winners >= 0).mean() > 0.9
    assert np.any(ours.weights != 0)
    for name, record in theirs.spikes.items():
        np.testing.assert_array_equal(ours.spikes[name].steps, record.steps, name)
        np.testing.assert_array_equal(ours.spikes[name].ids, record.ids, name)


def test_potentials_within_the_rounding_of_fixed_point(scenario):
    """In c cycles each worth E[f] takes at most (1 + gamma)·c steps, half an LSB (Q17) each."""
    network, ours, theirs = scenario
    bound = potential_bound(network, len(ours.symbols))
    apart = np.abs(ours.potentials - theirs.potentials).max(axis=1)
    assert np.all(apart <= bound), (apart / bound).max()
    rule = next(q.plasticity for q in network.projections if q.target == "order0")
    steps = 0 if rule == EXACT else (1 + network.rhythm.gamma) * len(ours.symbols)
    assert np.abs(ours.efficacy - theirs.efficacy).max() <= 2.0**-18 * steps + 1e-12


def test_bound_grows_only_where_steps_are_rounded(text):
    """Branches: orders 0, 1, 2 and the word; four races a cycle."""
    half = 2.0**-18
    exact, rounded, between = (
        potential_bound(text(4, order=2, stdp=rule), 3)
        for rule in (EXACT, ROUNDED, ThetaSTDP(fast=FastState(initial=(0.1, 0.5))))
    )
    np.testing.assert_allclose(exact, 4 * half, rtol=1e-6)
    np.testing.assert_allclose(rounded, 4 * half * np.array([6, 11, 16]), rtol=1e-6)
    np.testing.assert_allclose(between, 8 * half, rtol=1e-6)
    with pytest.raises(UnsupportedModel, match="not a dendritic attention network"):
        potential_bound(Network(name="empty"), 3)


def _first(found: Agreement) -> Parting:
    assert found.first is not None
    return found.first


def test_compare_names_the_first_difference_and_its_margin(scenario):
    _, ours, theirs = scenario
    winners, steps, recruited = (x.copy() for x in (theirs.winners, theirs.steps, theirs.recruited))
    free = np.argwhere(~np.isnan(ours.contests[:, :, 0]) & (np.arange(24) > 9)[:, None])
    cycle, gamma = free[0]
    winners[cycle, gamma] += 1
    found = compare(ours, dataclasses.replace(theirs, winners=winners))
    first = _first(found)
    assert (first.kind, first.cycle, first.index) == ("winner", cycle, gamma)
    contest = np.sort(ours.contests[cycle, gamma])
    assert first.margin == pytest.approx(contest[-1] - contest[-2])
    assert first.difference < first.margin
    assert "runner-up" in str(found)
    steps[cycle, gamma] += 1
    first = _first(compare(ours, dataclasses.replace(theirs, steps=steps)))
    assert first.kind == "step"
    assert 0 <= first.margin <= 0.5
    recruited[cycle, 0] = 7
    both = dataclasses.replace(theirs, winners=winners, recruited=recruited)
    assert _first(compare(ours, both)).kind == "recruited"


def test_margin_is_measured_at_the_step_of_the_race(scenario):
    _, ours, theirs = scenario
    assert theirs.potentials_at is not None
    for cycle, gamma in np.argwhere(~np.isnan(ours.contests[:, :, 0]))[5:60:9]:
        seen = ours.contests[cycle, gamma] - ours.noise[cycle, gamma]
        other = theirs.potentials_at(cycle, gamma, int(ours.steps[cycle, gamma]))
        assert np.abs(seen - other).max() < 1e-3


def test_compare_finds_a_weight(scenario):
    _, ours, theirs = scenario
    changed_to = theirs.changed_to.copy()
    changed_to[5] += 1 / 64
    found = _first(compare(ours, dataclasses.replace(theirs, changed_to=changed_to)))
    assert found.kind == "weight"
    assert (found.cycle, found.index) == tuple(theirs.changed[5])
    assert abs(found.ours - found.theirs) == 1 / 64


def test_compare_refuses_other_shapes_and_missing_contests(scenario):
    _, ours, theirs = scenario
    with pytest.raises(UsageError, match="Brian2 run first"):
        compare(theirs, ours)
    short = dataclasses.replace(theirs, potentials=theirs.potentials[1:])
    with pytest.raises(UsageError, match="not runs of one network"):
        compare(ours, short)


STUDIES: dict[str, tuple[dict[str, Any], float | None]] = {
    "rate 0.0078": ({"stdp": ROUNDED}, 1 / 64),
    "rate 1/128": ({"stdp": EXACT}, 1 / 64),
    "rate 0.0078, continuous weights": ({"stdp": ROUNDED}, None),
    "rate 0.0078, shuffled in time": ({"stdp": ROUNDED, "shuffled": True}, 1 / 64),
}


@pytest.mark.study
@pytest.mark.parametrize("name", STUDIES)
def test_500_symbols_of_text(name, text, run_kernel, capsys):
    parameters, grid = STUDIES[name]
    network = text(500, **parameters)
    ours = attention.run(network, dt=DT, seed=1, grid=grid, progress=False)
    theirs = run_kernel(network, dt=DT, seed=1)
    found = compare(ours, theirs)
    with capsys.disabled():
        print(f"\n{name} ({ours.seconds:.0f} s in Brian2): {found}")
    assert found.recruited == 1.0
    assert abs(found.bits[0] - found.bits[1]) < 0.02
    assert found.winners >= (0.99 if grid else 0.9)
    if name == "rate 1/128":
        assert found.first is None
        for population, record in theirs.spikes.items():
            np.testing.assert_array_equal(ours.spikes[population].steps, record.steps)
            np.testing.assert_array_equal(ours.spikes[population].ids, record.ids)
