"""Permanence rule on hand-written trains against a scalar re-implementation from the equations."""

import numpy as np
import pytest
from brian2 import ms, mV, pA, pF

from bioplastic import simulate
from bioplastic.description import (
    LIF,
    DendriticTree,
    ExponentialCurrent,
    Network,
    PermanenceSTDP,
    PlateauBranch,
    PlateauHomeostasis,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.description.connectivity import one_to_one, with_permanence
from bioplastic.errors import DescriptionError

DT = 0.1 * ms
DELAY = 20  # steps


def train(rows):
    i = np.concatenate([np.full(len(r), k) for k, r in enumerate(rows)]).astype(int)
    return SpikeTrain(i=i, t=np.concatenate([np.asarray(r, float) for r in rows]) * DT)


def network(pre, post, rule, permanence, prime=()):
    """Synapse k from source k to neuron k, which is forced to spike at post[k]."""
    size, tau = len(pre), 0.01 * ms
    neuron = LIF(t_ref=0 * ms, receptors=(ExponentialCurrent(name="force", tau=tau),))
    branch = PlateauBranch(tau_trace=30 * ms, duration=2 * ms, plateau_current=1 * pA)
    sources = [
        Source(name="pre", size=size, train=train(pre)),
        Source(name="teacher", size=size, train=train([np.asarray(r) - 2 for r in post])),
        Source(name="prime", size=size, train=train(prime or [[] for _ in pre])),
    ]

    def wire(name, weight, target, delay=1, p=None, law=None):
        synapses = one_to_one(size, weight=weight, delay=delay * DT)
        return Projection(
            name=name,
            pre=name if name != "plastic" else "pre",
            post="n",
            target=target,
            connectivity=with_permanence(synapses, p) if p is not None else synapses,
            plasticity=law,
        )

    return Network(
        name="permanence",
        sources=sources,
        populations=[
            Population(
                name="n", size=size, neuron=neuron, dendrites=DendriticTree(branches=(branch,))
            )
        ],
        projections=[
            wire("plastic", 0 * pA, "distal", DELAY, np.asarray(permanence, float), rule),
            wire("teacher", 40 * mV * 250 * pF / tau, "force"),
            wire("prime", 70 * pA, "distal"),
        ],
    )


def by_hand(pre, post, z_at, rule, p_0):
    """P after two trains, one synapse, straight from equations 9-13; z_at(step) is the trace."""
    dt, p = 1e-4, p_0
    for n in range(max([*pre, *post]) + 1):
        if n in pre:
            p = min(max(p - rule.p_max * rule.lambda_minus, p_0), rule.p_max)
        if n in post:
            earlier = [t for t in pre if t <= n]
            if earlier:
                lag = (n + DELAY - earlier[-1]) * dt
                if float(rule.dt_min) + 1e-9 < lag < float(rule.dt_max) - 1e-9:
                    x = sum(np.exp(-(n - t) * dt / float(rule.tau_plus)) for t in earlier)
                    gain = rule.p_max * rule.lambda_plus * x
                    if rule.homeostasis:
                        h = rule.homeostasis
                        gain += rule.p_max * h.rate * (h.target - z_at(n))
                    p = min(max(p + gain, p_0), rule.p_max)
    return p


# pre, post: order, coincidence, window edges (dt_min = 4 ms = 40, dt_max = 20 ms = 200, delay 20)
TRAINS = [
    ([10], [60]),  # pre before post: lag 70
    ([60], [10]),  # post before pre: depression only, held at the initial value
    ([50], [50]),  # coincident: lag 20 <= dt_min, excluded
    ([10, 50], [50]),  # coincident pre resets the lag
    ([10], [30]),  # lag 40 = dt_min: excluded
    ([10], [31]),  # lag 41
    ([10], [190]),  # lag 200 = dt_max: excluded
    ([10], [189]),  # lag 199
    ([10, 20, 30], [60, 70, 71]),
    ([5, 100, 180], [60, 130, 240]),
    ([10, 60, 110, 160], [40, 90, 140, 190]),
]


def run(rule, p_0, prime=(), trains=TRAINS):
    pre, post = zip(*trains, strict=True)
    net = network(pre, post, rule, [p_0] * len(pre), prime)
    found = simulate.run(net, 30 * ms)
    spikes = found.spikes["n"]
    for k, wanted in enumerate(post):
        assert np.array_equal(spikes.steps[spikes.ids == k], wanted)
    return found


@pytest.mark.parametrize("p_0", [0.0, 6.0, 19.5])
def test_every_order_and_window_edge_without_homeostasis(p_0):
    rule = PermanenceSTDP(w_mature=1 * pA, dt_max=20 * ms, homeostasis=None, lambda_minus=0.01)
    found = run(rule, p_0).final
    want = [by_hand(pre, post, None, rule, p_0) for pre, post in TRAINS]
    np.testing.assert_allclose(found.permanence("plastic"), want, rtol=0, atol=1e-12)
    mature = np.array(want) > rule.theta_p
    assert np.array_equal(found.weight("plastic"), np.where(mature, 1e-12, 0))


def test_homeostasis_reads_the_plateau_trace_at_the_post_spike():
    rule = PermanenceSTDP(
        w_mature=1 * pA, dt_max=20 * ms, homeostasis=PlateauHomeostasis(rate=0.1, target=0.7)
    )
    prime = [[3]] * len(TRAINS)
    found = run(rule, 3.0, prime)
    onsets = found.spikes["n.distal"]
    want = []
    for k, (pre, post) in enumerate(TRAINS):
        on = onsets.steps[onsets.ids == k]

        def z_at(n, on=on):
            return np.exp(-(n - on[on <= n]) * 1e-4 / 30e-3).sum()

        want.append(by_hand(pre, post, z_at, rule, 3.0))
    assert len(onsets.steps) == len(TRAINS) - 2  # two spike before their plateau could start
    np.testing.assert_allclose(found.final.permanence("plastic"), want, rtol=0, atol=1e-12)


def test_a_window_wider_than_the_delay_pairs_coincident_spikes_and_counts_the_trace_jump():
    rule = PermanenceSTDP(w_mature=1 * pA, dt_min=1 * ms, dt_max=20 * ms, homeostasis=None)
    found = run(rule, 3.0).final.permanence("plastic")
    want = [by_hand(pre, post, None, rule, 3.0) for pre, post in TRAINS]
    np.testing.assert_allclose(found, want, rtol=0, atol=1e-12)
    assert want[2] == pytest.approx(3 + 20 * 0.08)


def test_permanence_stays_between_its_start_and_p_max():
    rule = PermanenceSTDP(w_mature=1 * pA, lambda_plus=0.9, lambda_minus=0.9, homeostasis=None)
    p = run(rule, 2.0).final.permanence("plastic")
    assert np.all((p >= 2) & (p <= 20))
    assert p.max() == 20


def test_homeostasis_without_a_plateau_is_refused():
    rule = PermanenceSTDP(w_mature=1 * pA)
    net = network([[10]], [[60]], rule, [1.0])
    moved = [
        Projection(
            name=q.name,
            pre=q.pre,
            post=q.post,
            target="force" if q.name == "plastic" else q.target,
            connectivity=q.connectivity,
            plasticity=q.plasticity,
        )
        for q in net.projections
    ]
    other = Network(name="x", sources=net.sources, populations=net.populations, projections=moved)
    with pytest.raises(DescriptionError, match="PlateauBranch"):
        simulate.run(other, 1 * ms)
