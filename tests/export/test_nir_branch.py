"""A described branch as a NIR graph: closed forms, events, and what is named as lost."""

import nir
import numpy as np
import pytest
from brian2 import amp, ms, mV, nS, pA, pF, second

from bioplastic.description import LIF, AdaptiveLIF, AlphaCurrent, ExponentialCurrent
from bioplastic.description.dendrite import Compartment, GateBranch, GradedBranch, PlateauBranch
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.export.nir import euler as nir_euler
from bioplastic.export.nir import file as nir_file
from bioplastic.export.nir.branch import branch_graph

DT = 0.01 * ms
SOMA = LIF(tau_m=10 * ms, c_m=250 * pF, v_th=20 * mV, t_ref=0 * ms)


def compartment(**change):
    own = {"receptors": (ExponentialCurrent(name="ampa", tau=4 * ms),)}
    values = {"tau_b": 10 * ms, "c_b": 60 * pF, "g_c": 3 * nS, "v_plateau": 8 * mV}
    return Compartment(name="tuft", **(values | own | change))


def ran(made, spikes, steps):
    """Every node of the graph for one input that spikes in the steps named."""
    given = np.zeros((steps, 1))
    given[spikes] = 1
    return nir_euler.run(made.tree, given, float(DT / second))


def test_a_compartment_follows_two_exponentials():
    """v_b(t) = R J (tau_s/(tau_s − tau)) (e^(−t/tau_s) − e^(−t/tau)), to the order of the step."""
    b = compartment(v_plateau=None)
    made = branch_graph(b, SOMA, np.array([[30e-12]]), event=0 * pA, dt=DT)
    v = ran(made, [0], 3000)["branch"][:, 0]
    pull = float(b.tau_b * b.g_c / b.c_b)
    tau, tau_s = 10e-3 / (1 + pull), 4e-3
    r = 10e-3 / 60e-12 / (1 + pull)
    t = np.arange(1, 3001) * 1e-5
    exact = r * 30e-12 * tau_s / (tau_s - tau) * (np.exp(-t / tau_s) - np.exp(-t / tau))
    assert np.abs(v - exact).max() < exact.max() * 1e-5 / min(tau, tau_s) * 2  # 2 Euler filters
    assert [e for e in made.tree["edges"] if "event" in e] == []


def test_an_alpha_function_peaks_at_its_weight_and_time():
    b = PlateauBranch(tau=5 * ms, threshold=1 * amp)
    made = branch_graph(b, SOMA, np.array([[40e-12]]), event=0 * pA, dt=DT)
    current = ran(made, [0], 3000)["branch"][:, 0]
    assert current.max() == pytest.approx(40e-12, rel=2 * 1e-5 / 5e-3)
    assert abs(current.argmax() * 1e-5 - 5e-3) <= 3e-5


def test_the_event_drives_the_soma_only_above_threshold():
    b = compartment(v_plateau=2 * mV)
    made = branch_graph(b, SOMA, np.array([[30e-12]]), event=2000 * pA, dt=DT)
    one, three = ran(made, [0], 1500), ran(made, [0, 100, 200], 1500)
    assert one["branch"].max() < 2e-3 < three["branch"].max()
    assert not one["event"].any()
    assert not one["soma"].any()
    up = three["branch"][:, 0] > 2e-3
    assert np.array_equal(three["event"][:, 0], up)
    v = np.zeros(1501)
    for k in np.arange(1500):  # the soma by itself: tau dv/dt = −v + R I
        v[k + 1] = v[k] + 1e-3 * (4e7 * 2e-9 * up[k] - v[k])
        v[k + 1] *= v[k + 1] <= 20e-3
    assert int(three["soma"].sum()) == int(((v[1:] == 0) & up).sum()) > 0


def test_the_library_takes_the_graph(tmp_path):
    made = branch_graph(compartment(), SOMA, np.full((3, 2), 30e-12), event=200 * pA, dt=DT)
    nir_file.write(tmp_path / "b.nir", made.tree)
    kinds = {name: type(n).__name__ for name, n in nir.read(tmp_path / "b.nir").nodes.items()}
    assert [kinds[n] for n in ("branch", "event", "plateau", "soma")] == [
        "CubaLI", "Threshold", "Linear", "LIF",
    ]  # fmt: skip


def test_what_is_lost_is_named():
    made = branch_graph(compartment(), LIF(), np.ones((1, 1)), event=1 * pA, dt=DT)
    assert made.lost == (
        "what the soma does to 'tuft': it counts as at rest",
        "the 50. ms of the event: it is up while v_b > v_plateau",
        "the refractory period of 2. ms",
    )
    plateau = branch_graph(PlateauBranch(), SOMA, np.ones((1, 1)), event=1 * pA, dt=DT)
    assert "60. ms of the plateau" in plateau.lost[0]


@pytest.mark.parametrize(
    ("branch", "soma", "weight", "error", "message"),
    [
        (GateBranch(), SOMA, np.ones((1, 1)), UnsupportedModel, "GateBranch sets or gates"),
        (GradedBranch(name="g"), SOMA, np.ones((1, 1)), UnsupportedModel, "whose keys become"),
        (compartment(receptors=()), SOMA, np.ones((1, 1)), UnsupportedModel, "receptors"),
        (compartment(receptors=(AlphaCurrent(name="a", tau=1 * ms),)), SOMA, np.ones((1, 1)),
         UnsupportedModel, "which is exponential"),
        (compartment(), AdaptiveLIF(), np.ones((1, 1)), UnsupportedModel, "plain LIF only"),
        (compartment(), SOMA, np.ones(3), UsageError, "must be a matrix"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused(branch, soma, weight, error, message):
    with pytest.raises(error, match=message):
        branch_graph(branch, soma, weight, event=1 * pA, dt=DT)
