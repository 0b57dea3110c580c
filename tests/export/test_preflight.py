"""Limits of chips against networks: counted one by one, refused where they are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.export.preflight.check import chip_named, preflight, refuse_unless_it_fits
from bioplastic.export.preflight.demands import DEMANDS, PLACED, counted
from bioplastic.export.preflight.limits import CHIPS, RECALLED, Chip, Limit
from bioplastic.export.preflight.placement import LOIHI
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.quantize.loihi import LoihiPopulation
from bioplastic.quantize.loihi_dead import dead_populations
from tests.loihi.drawn import networks
from tests.loihi.test_loihi import one


def brute(net, per_core):
    """Every demand by going through the synapses in plain Python."""
    sources = [(s.name, k) for s in net.sources for k in range(s.size)]
    neurons = [(p.name, k) for p in net.populations for k in range(p.size)]
    place = {n: k for k, n in enumerate(neurons)}
    links = [
        ((q.pre, i), (q.post, j), int(w) << (6 + q.exponent), d)
        for q in net.projections
        for i, j, w, d in zip(
            q.i.tolist(), q.j.tolist(), q.weight.tolist(), q.delay.tolist(), strict=True
        )
    ]
    into = {n: [x for x in links if x[1] == n] for n in neurons}
    out = {u: [x for x in links if x[0] == u] for u in (*sources, *neurons)}
    charges = [abs(x[2]) for x in links if x[2]]
    divisor = int(np.gcd.reduce(charges)) if charges else 1
    slices = [-(-p.size // per_core) for p in net.populations]
    entries = [-(-s.size // per_core) for s in net.sources]
    fan_in = max((len(x) for x in into.values()), default=0)
    return {
        "neurons": len(neurons),
        "cores of neurons": sum(slices),
        "router entries": sum(slices) + sum(entries),
        "synapses": len(links),
        "synapse bytes": 4 * len(links),
        "fan-in": fan_in,
        "CAM entries": fan_in,
        "fan-out": max((len(x) for x in out.values()), default=0),
        "longest delay": max((x[3] for x in links), default=0),
        "inputs": len(sources),
        "tags": sum(1 for x in out.values() if x),
        "sources of a row": sum(1 for x in out.values() if x),
        "chips reached": max(
            (len({place[x[1]] // (4 * per_core) for x in links}) for links in out.values()),
            default=0,
        ),
        "weight bits": len(f"{max(charges) // divisor:b}") if charges else 0,
        "mantissa bits": max(
            (len(f"{abs(int(w)) // 2:b}") for q in net.projections for w in q.weight if w),
            default=0,
        ),
        "weights of a neuron": max((len({x[2] for x in v}) for v in into.values()), default=0),
    }


@settings(max_examples=40, deadline=None)
@given(networks())
def test_demands_are_those_counted_one_by_one(drawn):
    net, _, _ = drawn
    c = counted(net, 2)
    assert {name: demand(c).used for name, demand in DEMANDS.items()} == brute(net, 2)


def test_every_limit_says_what_and_where_it_stands():
    assert len({c.name for c in CHIPS}) == len(CHIPS)
    for chip in CHIPS:
        for limit in chip.limits:
            assert limit.what in {*DEMANDS, *PLACED}
            assert limit.source
            assert limit.confirmed == (not limit.source.startswith(RECALLED))
    held = {limit.what: limit.most for limit in chip_named("Loihi").limits}
    assert held["synapse bits"] == LOIHI.synapse_bits == 128 * 1024 * 8
    with pytest.raises(UsageError, match="no chip 'Lohi'; did you mean 'Loihi'"):
        chip_named("Lohi")


def test_what_is_passed_is_refused_with_what_would_fit():
    """20 neurons, each with three synapses from three neurons, a delay of 7 steps."""
    net = one()
    i, j = np.divmod(np.arange(60), 20)
    q = replace(net.projections[0], pre="n", i=i, j=j, weight=np.full(60, 6),
                delay=np.full(60, 7))  # fmt: skip
    net = replace(net, populations=(replace(net.populations[0], size=20),), projections=(q,))
    chip = Chip(name="tiny", what="a test", per_core=4, limits=(
        Limit(what="fan-in", most=2, per="neuron", source="a test"),
        Limit(what="fan-out", most=8, per="neuron", source="a test"),
        Limit(what="longest delay", most=1, per="synapse", source="a test"),
        Limit(what="neurons", most=10, per="chip", source="a test"),
        Limit(what="synapses", most=60, per="chip", source="a test"),
        Limit(what="tags", most=2, per="chip", source=RECALLED, confirmed=False),
    ))  # fmt: skip
    found = preflight(chip, net)
    assert [(r.limit.what, r.used, r.fits, r.refuses) for r in found.rows] == [
        ("fan-in", 3, False, True), ("fan-out", 20, False, True),
        ("longest delay", 7, False, True), ("neurons", 20, False, True),
        ("synapses", 60, True, False), ("tags", 3, False, False),
    ]  # fmt: skip
    helps = [r.help for r in found.rows]
    assert helps[0] == "leave out the 20 weakest synapses of 20 neurons"
    assert helps[1] == "6 copies share the targets of 3 units"
    assert helps[2] == "9 relay neurons hand spikes on, 2 steps each"  # 8 steps are 4 of 2: 3 each
    assert helps[3].startswith("about 10 of 20 neurons")
    assert helps[4] == ""
    assert "(unconfirmed)" in found.rows[5].line()
    with pytest.raises(UnsupportedModel) as error:
        refuse_unless_it_fits(net, found)
    assert "does not fit tiny: fan-in 3 of 2 (n[0]): leave out" in str(error.value)
    assert "tags" not in str(error.value)


def test_a_population_that_quantisation_silenced():
    """Four inputs of 10 units against a threshold; memoryless, with a leak, and without."""
    net = one()
    p = LoihiPopulation(name="n", size=1, du=4095, dv=4095, vth=40)
    q = replace(net.projections[0], i=np.zeros(4, int), j=np.zeros(4, int),
                weight=np.full(4, 10), delay=np.arange(4))  # fmt: skip

    def reasons(**changes):
        return [d.reason for d in dead_populations(
            replace(net, populations=(replace(p, **changes),), projections=(q,)))]  # fmt: skip

    assert reasons(vth=41) == ["all its inputs in every step leave it 2% below threshold"]
    assert reasons(vth=39) == []
    assert reasons(vth=79, dv=2048) == []  # v gathers twice what comes
    assert reasons(vth=80, dv=2048) == ["all its inputs in every step leave it 0% below threshold"]
    assert reasons(vth=131071, dv=0) == []
    assert reasons(vth=131071, dv=0, bias_mantissa=np.array([-2600])) == [
        "nothing that can spike lifts it"
    ]


def test_death_spreads():
    net = one()
    far = replace(net.populations[0], name="far")
    link = replace(net.projections[0], name="on", pre="n", post="far")
    zero = replace(net.projections[0], weight=np.zeros_like(net.projections[0].weight))
    whole = replace(net, populations=(*net.populations, far), projections=(*net.projections, link))
    assert not dead_populations(whole)
    found = dead_populations(replace(whole, projections=(zero, link)))
    assert [(d.what, d.reason) for d in found] == [
        ("n", "nothing that can spike lifts it"), ("far", "nothing that can spike lifts it"),
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(networks())
def test_what_is_called_dead_never_spikes(drawn):
    net, stimulus, steps = drawn
    dead = {d.what for d in dead_populations(net)}
    run = run_loihi(net, stimulus, steps)
    assert not any(len(run.spikes[name].ids) for name in dead)
