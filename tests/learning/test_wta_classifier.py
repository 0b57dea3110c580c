"""The winner-take-all classifier: its rule, its homeostasis, Brian2 against integers, counts."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from bioplastic import simulate
from bioplastic.errors import DescriptionError, UsageError
from bioplastic.kernels.dispatch import run
from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learners.image_learner import ImageSpace
from bioplastic.learning.learners.wta_classifier import UntrainedWTA, WTAClassifier
from bioplastic.learning.learners.wta_readout import WTAReadout
from bioplastic.learning.space import Symbols
from bioplastic.networks.wta_classifier import (
    DT,
    Bursts,
    Parameters,
    clock_unit,
    response,
    start_weights,
    weight_unit,
    wta_classifier,
)
from bioplastic.quantize import lower

BURSTS = Bursts(energy=3.0)
TOY = Parameters(inputs=25, neurons=6, bursts=BURSTS)
SPACE = ImageSpace(pixels=25, classes=3)
SMALL = WTAClassifier(neurons=6, voters=2, energy=3.0, stages=3, gamma=1.3, gamma_end=0.2)


def pictures(n: int, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Three noisy patterns of 25 pixels and which one each picture shows."""
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(0).random((3, 25)) < 0.4
    labels = rng.integers(0, 3, n)
    bright = patterns[labels] * rng.uniform(120, 255, (n, 25))
    return np.clip(bright + rng.uniform(0, 40, (n, 25)), 0, 255).astype(np.uint8), labels


def lowered(counts: np.ndarray, eta: float, gamma: float, parameters: Parameters = TOY):
    weights = start_weights(parameters, 1)
    network = wta_classifier(counts, parameters=parameters, weights=weights, eta=eta, gamma=gamma)
    return network, lower(network, DT, seed=3, fraction=20, plastic_bits=16)


def weights_of(network, state) -> np.ndarray:
    """Weights (P, N) in units of w_max."""
    q = network["image"]
    found = np.empty(len(q.weight))
    found[q.order] = state.arrays["image/weight"] / q.rule.high
    return found.reshape(TOY.inputs, TOY.neurons)


def update_error(eta: float, mu: float) -> float:
    """Most that one integer update departs from the rule, units of w_max.

    The tables have 128 entries, so w is read with an error of half an entry, 2^-8. The slope of the
    step, eta mu [(x − 1) w^(mu−1) − x (1 − w)^(mu−1)], stays below eta·mu·1.5 for mu = 1 and for
    mu >= 2, as x < 1.5. One LSB for the dither, half of one for the start, and traces to 2^-16.
    """
    return eta * mu * 1.5 * 2.0**-8 + 1.5 / 32766 + 3 * eta * 2.0**-16


def trace(n: np.ndarray, bursts: Bursts) -> np.ndarray:
    """Pre trace at the decision after n spikes: Σ_(k<n) e^(−(2+k)/4), over that of `levels`."""
    tail = np.exp(-(2 + np.arange(bursts.most)) / 4)
    total = np.concatenate([[0], np.cumsum(tail)])
    return total[n] / total[bursts.levels]


def test_bursts_end_together_and_count_brightness():
    images = np.array([[0, 10, 20, 255], [0, 0, 0, 0]], np.uint8)
    bursts = Bursts(levels=2, most=4, energy=3.0)
    counts = bursts.counts(images)
    assert counts.tolist() == [[0, 0, 0, 4], [0, 0, 0, 0]]
    counts = np.array([[0, 1, 3, 4], [2, 0, 0, 0]])
    steps, pixels = bursts.spikes(counts, 100, 10)
    assert list(zip(steps.tolist(), pixels.tolist(), strict=True)) == [
        (100, 3), (101, 2), (101, 3), (102, 2), (102, 3), (103, 1), (103, 2), (103, 3),
        (112, 0), (113, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bursts(levels=0),
        lambda: Bursts(energy=0.0),
        lambda: Parameters(winners=401),
        lambda: Parameters(period=6),
        lambda: wta_classifier(
            np.zeros((0, 25), np.uint8), parameters=TOY, weights=np.zeros((2, 2)), eta=0.1, gamma=1
        ),
    ],
)
def test_description_refuses(make):
    with pytest.raises(DescriptionError):
        make()


def test_response_is_that_of_the_membrane():
    """Euler steps of 1 µs against the closed form: the error of first order is dt/tau = 7e-4."""
    v, i, dt, resistance = 0.0, 1.0, 1e-6, 4e-3 / 250e-12
    for _ in range(3000):
        v, i = v + dt * (resistance * i - v) / 4e-3, i - dt * i / 1.5e-3
    assert v == pytest.approx(float(response(3.0)), rel=2e-3)


@pytest.mark.parametrize("mu", [1.0, 2.0, 3.0])
def test_one_image_moves_the_winner_by_the_rule(mu):
    parameters = replace(TOY, mu=mu)
    counts = BURSTS.counts(pictures(1)[0])
    _, integers = lowered(counts, 0.5, 1.0, parameters)
    result = run(integers, parameters.period)
    (winner,) = result.spikes["prototypes"].ids
    w, x = start_weights(parameters, 1), trace(counts[0], BURSTS)[:, None]
    wanted = w.copy()
    step = x * (1 - w) ** mu - (1 - x) * w**mu
    wanted[:, winner] = np.clip(w + 0.5 * step, 0, 1)[:, winner]
    found = weights_of(integers, result.state)
    assert np.abs(found - wanted).max() <= update_error(0.5, mu)
    assert np.abs(wanted - w).max() > 5 * update_error(0.5, mu)


def test_the_neuron_nearest_to_threshold_wins():
    """From rest, potentials at the decision are equal biases plus w times the burst responses."""
    counts = BURSTS.counts(pictures(8)[0])
    _, integers = lowered(counts, 0.0, 0.0)
    tail = response(2.0 + np.arange(BURSTS.most))
    total = np.concatenate([[0], np.cumsum(tail)]) / tail[: BURSTS.levels].sum()
    scores = total[counts] @ start_weights(TOY, 1)
    pixels = integers["pixels"]
    for k in range(8):
        steps, ids = BURSTS.spikes(counts[k : k + 1], 0, TOY.period)
        shown = replace(pixels, steps=steps, ids=ids)
        alone = replace(integers, sources=(shown, integers["clock"]))
        spikes = run(alone, TOY.period).spikes["prototypes"]
        assert spikes.steps.tolist() == [TOY.clock + 2]
        assert spikes.ids.tolist() == [scores[k].argmax()]
    top = np.sort(scores, axis=1)
    # weights are off by half of 1/32766 at most, and a score adds 25 pixels of 1.5 at most
    assert (top[:, -1] - top[:, -2]).min() > 25 * 1.5 / 32766


def test_brian2_and_integers_agree():
    """Same winners; each integer update adds at most `update_error`, and none grows on the way."""
    n, eta = 14, 0.5
    counts = BURSTS.counts(pictures(n)[0])
    network, integers = lowered(counts, eta, 1.7)
    duration = n * TOY.period
    brian = simulate.run(network, duration * DT, dt=DT)
    cpu = run(integers, duration)
    reference = run(integers, duration, backend="reference")
    assert cpu.state.difference(reference.state) == []
    found, wanted = cpu.spikes["prototypes"], brian.spikes["prototypes"]
    assert found.ids.tolist() == wanted.ids.tolist()
    assert found.steps.tolist() == wanted.steps.tolist()
    floats = np.asarray(brian.final.weight("image"), dtype=float) / float(weight_unit(BURSTS))
    wins = np.bincount(found.ids, minlength=TOY.neurons)
    error = np.abs(weights_of(integers, cpu.state) - floats.reshape(TOY.inputs, TOY.neurons))
    assert np.all(error.max(axis=0) <= wins * update_error(eta, TOY.mu) + 1 / 32766)
    bias = np.asarray(brian.final.weight("bias"), dtype=float) / float(clock_unit())
    q = integers["bias"]
    units = cpu.state.arrays["bias/weight"].astype(float) * 250 / q.rule.high
    assert np.abs(units - bias).max() <= (2 * n + 1) * 1.5 * 250 / q.rule.high


def test_homeostasis_makes_wins_equal_and_keeps_the_mean_bias():
    n, gamma = 240, 2.0
    counts = BURSTS.counts(pictures(n)[0])
    _, integers = lowered(counts, 0.0, gamma)
    result = run(integers, n * TOY.period)
    wins = np.bincount(result.spikes["prototypes"].ids, minlength=TOY.neurons)
    q = integers["bias"]
    unit = 250 / q.rule.high
    bias = result.state.arrays["bias/weight"].astype(float) * unit
    start = q.weight.astype(float) * unit
    # gamma (n/N − wins) is the whole change of a bias; each update rounds by less than an LSB
    assert np.abs((bias - start) - gamma * (n / TOY.neurons - wins)).max() <= 2 * n * unit
    assert abs(bias.mean() - start.mean()) <= 2 * n * unit
    assert wins.min() >= 0.8 * n / TOY.neurons


def test_pieces_and_backends_give_the_same_bits():
    images, labels = pictures(40)
    whole = SMALL.begin_images(SPACE, seed=4, total=40)
    whole.fit(images, labels)
    parts = SMALL.begin_images(SPACE, seed=4, total=40)
    for cut in (slice(0, 7), slice(7, 8), slice(8, 40)):
        parts.fit(images[cut], labels[cut])
    plain = replace(SMALL, backend="reference").begin_images(SPACE, seed=4, total=40)
    plain.fit(images, labels)
    assert whole._state.difference(parts._state) == []
    assert whole._state.difference(plain._state) == []
    other = SMALL.begin_images(SPACE, seed=5, total=40)
    other.fit(images, labels)
    assert whole._state.difference(other._state) != []


def test_it_learns_the_patterns_without_labels():
    images, labels = pictures(200)
    others, wanted = pictures(100, seed=9)
    student = SMALL.begin_images(SPACE, seed=1, total=200)
    student.fit(images, np.zeros_like(labels))
    before = student._state.copy()
    student.settle(images, labels)
    assert np.mean(student.classify(others) == wanted) >= 0.95
    assert before.difference(student._state) == []
    swapped = deepcopy(student)
    swapped.settle(images, 2 - labels)
    assert np.array_equal(swapped.classify(others), 2 - student.classify(others))
    assert student.images().shape == (6, 25)


def test_the_winners_of_the_frozen_network_are_the_best_k():
    images, labels = pictures(60)
    student = SMALL.begin_images(SPACE, seed=1, total=60)
    student.fit(images, labels)
    three = deepcopy(student)
    three.learner = replace(SMALL, voters=3)
    two, best = student.winners(images[:20]), three.winners(images[:20])
    assert two.shape == (20, 2)
    assert all(set(a) < set(b) for a, b in zip(two.tolist(), best.tolist(), strict=True))


def test_costs_are_those_of_the_spikes():
    images, labels = pictures(30)
    student = SMALL.begin_images(SPACE, seed=1, total=30)
    student.fit(images, labels)
    cost = student.cost()
    spikes = int(student.parameters.bursts.counts(images).sum())
    assert cost.symbols == 30
    assert cost.executions == 30 * 28
    assert cost.weight_updates == 30 * (6 + 25 + 1)  # clock to all, then to and from one winner
    assert cost.learning_macs == 2 * cost.weight_updates
    assert cost.trace_updates == spikes
    assert cost.effective_macs == 30 * 2 * 25
    zeros = 6 * (spikes + 30) - cost.effective_acs  # arrivals through weights that reached 0
    assert 0 <= zeros < 0.1 * cost.effective_acs
    assert cost.activations - cost.silent_activations == 30
    assert cost.plastic_synapses == 6 * 26
    student.settle(images, labels)
    after = student.cost()
    assert after.weight_updates == cost.weight_updates
    assert after.symbols == 60


def test_lesions_silence_for_good():
    images, labels = pictures(60)
    student = SMALL.begin_images(SPACE, seed=1, total=60)
    student.fit(images, labels)
    student.settle(images, labels)
    same = deepcopy(student)
    same.lesion_neurons(0.0, np.random.default_rng(0))
    same.lesion_synapses(0.0, np.random.default_rng(0))
    assert np.array_equal(same.winners(images), student.winners(images))
    half = deepcopy(student)
    half.lesion_neurons(0.5, np.random.default_rng(0))
    lost = np.random.default_rng(0).permutation(6)[:3]
    assert not np.isin(half.winners(images), lost).any()
    gone = deepcopy(student)
    gone.lesion_neurons(1.0, np.random.default_rng(0))
    assert np.all(gone.winners(images) == -1)
    assert set(gone.classify(images)) == {int(np.bincount(labels).argmax())}
    cut = deepcopy(student)
    cut.lesion_synapses(0.4, np.random.default_rng(0))
    assert np.count_nonzero(cut.images() == 0) >= 60
    with pytest.raises(UsageError, match="lesion"):
        cut.fit(images, labels)
    with pytest.raises(UsageError, match="fraction"):
        cut.lesion_neurons(1.5, np.random.default_rng(0))


def test_untrained_and_readout_keep_or_use_the_features():
    images, labels = pictures(90)
    frozen = UntrainedWTA(neurons=6, voters=2, energy=3.0, stages=1).begin_images(
        SPACE, seed=1, total=90
    )
    before = frozen.images()
    frozen.fit(images, labels)
    assert np.array_equal(frozen.images(), before)
    assert frozen.cost().plastic_synapses == 6
    readout = WTAReadout(
        neurons=6, voters=2, energy=3.0, stages=3, gamma=1.3, gamma_end=0.2,
        learning_rate=0.05, epochs=20,
    )  # fmt: skip
    student = readout.begin_images(SPACE, seed=1, total=90)
    student.fit(images, labels)
    student.settle(images, labels)
    assert np.mean(student.classify(images) == labels) >= 0.9
    plain = replace(SMALL, voters=2).begin_images(SPACE, seed=1, total=90)
    plain.fit(images, labels)
    assert np.array_equal(plain.images(), student.images())  # labels change no synapse of STDP
    assert student.cost().learning_macs > plain.cost().learning_macs


@pytest.mark.parametrize(
    "settings",
    [
        {"voters": 7, "neurons": 6},
        {"energy": None},
        {"eta_end": 0.0},
        {"gamma": 0.01},
        {"stages": 0},
    ],
)
def test_learner_refuses(settings):
    with pytest.raises(UsageError):
        WTAClassifier(**settings)


def test_other_spaces_are_unsuited():
    with pytest.raises(Unsuited):
        SMALL.begin(Symbols(size=3), seed=1)
    student = SMALL.begin_images(SPACE, seed=1, total=5)
    with pytest.raises(UsageError, match="uint8"):
        student.fit(np.zeros((2, 25)), np.zeros(2, np.int64))


def test_what_is_not_local_is_said():
    uses = SMALL.locality()
    assert sum(not use.local for use in uses) == 5
    assert {use.place for use in uses if use.local} <= {"pre", "post", "synapse"}
