"""A temporal memory on Loihi: each mechanism alone, and the same predictions as the integers."""

from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms, mV, nA, pA, second

from bioplastic.description import (
    AlphaCurrent,
    Compartment,
    DendriticTree,
    HardWTA,
    Network,
    PairSTDP,
    PlateauBranch,
)
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.export.loihi.memory import lower as lowered
from bioplastic.kernels import dispatch
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.learned import Learned
from bioplastic.quantize import lower
from bioplastic.quantize.loihi_codes import LARGEST, coded, coded_up
from bioplastic.quantize.loihi_memory import MemoryForm, loihi_memory
from bioplastic.quantize.loihi_memory_timing import Psp, fewest, rise, samples, window
from tests.loihi.memories import NEURONS, WINNERS, chained, memory

A, B, C = 0, NEURONS, 2 * NEURONS
BRANCH = "excitatory.distal"


def ran(network, steps, form=None):
    """The chip's run of a network on its own trains: (what was made, run)."""
    made = loihi_memory(network, form)
    trains = {s.name: s.train for s in network.sources}
    return made, run_loihi(made.network, made.stimulus(trains, steps), steps, trace=True)


def plateaus(made, run, neuron):
    """(first step, last step) of each burst of a branch."""
    when = run.spikes[BRANCH].steps[run.spikes[BRANCH].ids == neuron]
    cut = np.flatnonzero(np.diff(when) != 2) + 1
    return [(int(part[0]), int(part[-1])) for part in np.split(when, cut) if len(part)]


@pytest.mark.parametrize("form", [MemoryForm(), MemoryForm(longest_delay=5)])
def test_a_plateau_lasts_and_leaves_nothing_behind(form):
    """30 spikes two apart are 60 steps, and move the soma 60 times; again and again."""
    net = memory(shown=[], primes=[(10, [3]), (75, [3]), (200, [3])])
    made, run = ran(net, 300, form)
    assert plateaus(made, run, 3) == [(11, 69), (76, 134), (201, 259)]
    assert made.plateaus == {BRANCH: 60}
    lifted = run.u["excitatory"][:, 3]
    assert np.flatnonzero(lifted[:75]).tolist() == list(range(12, 72))
    v = run.v["excitatory"][:, 3] / (64 * made.network.populations[0].vth) * 20
    assert v[71] == pytest.approx(8 * (1 - np.exp(-6)), rel=0.01)  # 200 pA · 40 MΩ, 60 ms
    assert made.onsets(run.spikes, BRANCH).steps.tolist() == [11, 76, 201]
    assert (run.spikes["excitatory.distal timer"].steps == [70, 135, 260]).all()


def test_inputs_during_a_plateau_are_lost():
    net = memory(shown=[], primes=[(10, [3]), (30, [3]), (31, [3])])
    made, run = ran(net, 200)
    assert plateaus(made, run, 3) == [(11, 69)]


def test_a_spike_of_the_soma_ends_the_plateau_and_the_count():
    """Whatever the phase of the loop; the next plateau is whole again."""
    for start in (40, 41):
        net = memory(shown=[(70, "A")], primes=[(start, [3]), (200, [3])])
        made, run = ran(net, 300)
        spike = run.spikes["excitatory"].steps[run.spikes["excitatory"].ids == 3].tolist()
        assert spike == [71]
        bursts = plateaus(made, run, 3)
        assert len(bursts) == 2
        assert bursts[0][1] in (70, 71)
        assert bursts[1] == (201, 259)


@pytest.mark.parametrize(("together", "starts"), [(4, False), (5, True)])
def test_the_fewest_inputs_that_start_a_plateau(together, starts):
    links = [(A + k, B) for k in range(together)]
    made, run = ran(memory(links=links, shown=[(10, "A")]), 60)
    assert made.fewest == {BRANCH: 5}
    assert bool(plateaus(made, run, B)) == starts


@pytest.mark.parametrize(("apart", "starts"), [(1, True), (4, True), (5, False), (20, False)])
def test_inputs_count_together_inside_the_window(apart, starts):
    """Two groups, of two neurons and of three; the window of the description is 4.26 ms."""
    q = memory().projection("recurrent")
    weight, branch = float(q.connectivity.weight), memory().populations[0].dendrites["distal"]
    assert 4 <= window(weight, float(branch.threshold), float(branch.tau)) * 1e3 < 5
    links = [(A, B), (A + 1, B), (C, B), (C + 1, B), (C + 2, B)]
    made, run = ran(memory(links=links, shown=[(10, "A"), (10 + apart, "C")]), 80)
    assert bool(plateaus(made, run, B)) == starts


@pytest.mark.parametrize("predicted", [0, WINNERS - 1, WINNERS, 12])
def test_enough_winners_stop_the_rest(predicted):
    """Fewer than inhibition takes: all spike, the predicted two steps ahead."""
    net = memory(shown=[(60, "A")], primes=[(25, list(range(predicted)))] if predicted else [])
    made, run = ran(net, 120)
    spikes = run.spikes["excitatory"]
    assert made.winners == {"inhibitory": WINNERS}
    assert np.sort(spikes.ids[spikes.steps == 61]).tolist() == list(range(predicted))
    rest = [] if predicted >= WINNERS else list(range(predicted, NEURONS))
    assert np.sort(spikes.ids[spikes.steps == 63]).tolist() == rest
    assert len(spikes.ids) == predicted + len(rest)


def test_a_branch_is_shut_while_its_soma_is_refractory():
    """A prime 1 to 10 steps after the spike of the soma does nothing, one after 11 does."""
    for late in range(1, 14):
        net = memory(shown=[(50, "A")], primes=[(52 + late, [3])])
        made, run = ran(net, 150)
        spikes = run.spikes["excitatory"]
        assert spikes.steps[spikes.ids == 3].tolist() == [53]
        assert bool(plateaus(made, run, 3)) == (late > 10)


@pytest.mark.parametrize("longest", [5, 62])
def test_it_predicts_what_the_integers_predict(longest):
    """Sequences with a common middle, known and new orders: the same neurons, the same plateaus."""
    shown = [(30 + 40 * k + 60 * (k // 3), s) for k, s in enumerate("ABCDBEABEDBCACB")]
    net = memory(links=chained(), shown=shown)
    steps = 1000
    made, run = ran(net, steps, MemoryForm(longest_delay=longest))
    own = dispatch.run(lower(net, 0.1 * ms), 10 * steps)
    onsets = made.onsets(run.spikes, BRANCH)
    for when, _ in shown:
        for chip, whole in (
            (run.spikes["excitatory"], own.spikes["excitatory"]),
            (onsets, own.onsets[BRANCH]),
        ):
            here = chip.ids[(chip.steps >= when) & (chip.steps < when + 40)]
            there = whole.ids[(whole.steps >= 10 * when) & (whole.steps < 10 * (when + 40))]
            assert np.sort(here).tolist() == np.sort(there).tolist()
    assert len(onsets.ids) > 50
    assert made.network.populations[0].du == 4095
    assert max(int(q.delay.max()) for q in made.network.projections) <= longest


def test_the_report_says_so():
    shown = [(30 + 40 * k + 60 * (k // 3), s) for k, s in enumerate("ABCDBEABCDBE")]
    net = memory(links=chained(), shown=shown)
    found = lowered(Learned(net, {}, {"dt_seconds": 1e-4}), None, "sanafe")
    assert (found.shown.elements, found.shown.active, found.shown.predicted) == (12, 12, 12)
    assert (found.shown.sequences, found.shown.error, found.shown.own_error) == (4, 0.0, 0.0)
    wrong = memory(links=[*chained(), *[(B + i, 3 * NEURONS + j) for i in range(7) for j in (0, 1, 2)]], shown=shown)  # fmt: skip # noqa: E501
    found = lowered(Learned(wrong, {}, {"dt_seconds": 1e-4}), None, "loihi")
    assert found.shown.false_positives == found.shown.own_false_positives == 2
    assert found.shown.error == found.shown.own_error == 0.5


def test_times_in_closed_form():
    """Peak of the drive is the description's 22 mV; samples lie on it; rise and window solve."""
    net = memory()
    drive = net.projection("external").connectivity
    psp = Psp(weight=float(drive.weight), tau_m=0.01, tau_s=0.002, c_m=250e-12)
    assert psp.peak == pytest.approx(0.022, rel=1e-9)
    assert psp.at(psp.crossing(0.012)) == pytest.approx(0.012, rel=1e-6)
    assert psp.crossing(0.0221) == float("inf")
    keep = np.exp(-0.1)
    found = samples(psp, 0.02, 0.008, 1e-3, keep, "drive")
    v, heights = 0.0, []
    for tap in found.taps:
        v = keep * v + tap
        heights.append(v)
    assert 0.012 < heights[0] < heights[1] < 0.02 < heights[2]
    assert found.lifted == pytest.approx(0.02 - heights[0])
    assert fewest(1.1 / 5, 1.0) == 5
    assert fewest(1.0, 1.0) == 2  # strictly above
    x = rise(1.1 / 5, 1.0, 1.0)
    assert 1.1 * x * np.exp(1 - x) == pytest.approx(1)
    for most in (1.02, 1.1, 1.24):
        apart = window(most / 5, 1.0, 1.0)
        t = np.linspace(0, 5, 200_001)
        halves = [most / 2 * np.where(s > 0, s * np.exp(1 - s), 0) for s in (t, t - apart)]
        assert np.add(*halves).max() == pytest.approx(1, abs=1e-6)


def test_codes():
    for units in (1.2, 254, 255, 300.7, -5000, 32512):
        code = coded(units, "x")
        assert abs(code.units - units) <= 1 << code.exponent
        assert code.weight % 2 == 0
        assert abs(code.weight) <= 254
    assert coded_up(255, "x").units == 256
    for units, message in ((LARGEST + 300, "x: a charge of 32812 units; a synapse holds 32512"),
                           (0.4, "rounds to zero")):  # fmt: skip
        with pytest.raises(UnsupportedModel, match=message):
            coded(units, "x")
    with pytest.raises(UnsupportedModel, match="a synapse holds 32512"):
        coded_up(LARGEST + 1, "x")


def changed(net, *, population=None, projection=None, **new):
    """The network with fields of one population or projection replaced."""
    return Network(
        name=net.name, sources=net.sources,
        populations=[replace(p, **new) if p.name == population else p for p in net.populations],
        projections=[replace(q, **new) if q.name == projection else q for q in net.projections],
    )  # fmt: skip


def neuron(net, **new):
    return replace(net.populations[0].neuron, **new)


def test_what_has_no_place_is_refused_by_name():
    net = memory(links=chained())
    e = net.populations[0]
    branch = e.dendrites["distal"]
    drive, stop = (net.projection(name).connectivity for name in ("external", "inhibit"))
    among = replace(stop, i=np.array([0]), j=np.array([1]))
    for other, message in (
        (Network(name="plain", populations=net.populations[1:]), "plain: no population has a Plat"),
        (changed(net, population="excitatory", inhibition=HardWTA(k=1)), "excitatory: HardWTA"),
        (changed(net, population="excitatory", neuron=neuron(net, i_offset=1 * nA)), "i_offset"),
        (changed(net, population="excitatory", neuron=neuron(net, v_reset=-1 * mV)), "v_reset"),
        (changed(net, population="excitatory", neuron=neuron(net, tau_m=1 * ms)), "external"),
        (changed(net, population="excitatory", neuron=neuron(net, v_th=30 * mV)),
         "external: its largest potential, 22 mV, never passes the threshold of 30 mV"),
        (changed(net, projection="external", connectivity=replace(drive, weight=-drive.weight)),
         "external: -4112.21 pA: must be positive"),
        (changed(net, projection="external", plasticity=PairSTDP(w_max=20 * pA)), "must not learn"),
        (changed(net, population="excitatory", dendrites=DendriticTree(branches=(
            replace(branch, plateau_current=1 * pA),))), "predicted neurons spike .* ms before"),
        (changed(net, projection="inhibit", connectivity=replace(stop, weight=-stop.weight)),
         r"inhibit: 12915\.5 pA: must be negative"),
        (changed(net, projection="excite", pre="inhibitory", connectivity=among),
         r"excite: from 'inhibitory' to 'inhibitory'\.excitation: a temporal memory has no such"),
    ):  # fmt: skip
        with pytest.raises((UnsupportedModel, UsageError), match=message):
            loihi_memory(other)
    spread = replace(drive, weight=np.linspace(1, 2, len(drive)) * drive.weight)
    with pytest.raises(UnsupportedModel, match="external: synapses of several weights"):
        loihi_memory(changed(net, projection="external", connectivity=spread))
    soon = DendriticTree(branches=(replace(branch, tau=0.2 * ms),))
    q = net.projection("recurrent").connectivity
    fast = changed(net, projection="recurrent", connectivity=replace(q, delay=1 * ms))
    with pytest.raises(UnsupportedModel, match=r"recurrent: it acts after 1 steps of 1 ms"):
        loihi_memory(changed(fast, population="excitatory", dendrites=soon))
    with pytest.raises(UnsupportedModel, match=r"shorter than that, not of 4 ms"):
        loihi_memory(net, MemoryForm(step=4e-3))
    with pytest.raises(UsageError, match="longest_delay = 1 steps: 2 to 62"):
        MemoryForm(longest_delay=1)
    with pytest.raises(UsageError, match="step = 0 s"):
        MemoryForm(step=0)
    for receptors, message in (
        (tuple(AlphaCurrent(name=r.name, tau=r.tau) for r in e.neuron.receptors), "AlphaCurrent"),
    ):
        with pytest.raises(UnsupportedModel, match=message):
            loihi_memory(
                changed(net, population="excitatory", neuron=neuron(net, receptors=receptors))
            )
    tree = DendriticTree(branches=(branch, Compartment(name="apical")))
    with pytest.raises(UnsupportedModel, match=r"excitatory\.apical: Compartment"):
        loihi_memory(changed(net, population="excitatory", dendrites=tree))


def test_two_branches_are_two_populations():
    """Both lift the soma; each needs its own inputs."""
    net = memory(links=chained())
    e, branch = net.populations[0], net.populations[0].dendrites["distal"]
    second_ = PlateauBranch(name="apical", duration=30 * ms)
    tree = DendriticTree(branches=(branch, second_))
    both = changed(net, population="excitatory", dendrites=tree)
    made = loihi_memory(both)
    assert {"excitatory.distal", "excitatory.apical"} <= {p.name for p in made.network.populations}
    assert made.plateaus == {"excitatory.distal": 60, "excitatory.apical": 30}
    assert float(e.neuron.t_ref / second) == 0.01
