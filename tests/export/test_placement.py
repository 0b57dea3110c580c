"""Placement on cores: counted by brute force, and refused with what would fit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from bioplastic.errors import UnsupportedModel
from bioplastic.export.preflight.check import chip_named, preflight, refuse_unless_it_fits
from bioplastic.export.preflight.placement import LOIHI, axon_bits, counted, place
from tests.loihi.drawn import networks
from tests.loihi.test_loihi import one

SMALL = replace(LOIHI, name="small", cores=4, compartments=3, in_axons=8, out_axons=9,
                synapse_bits=600, profiles=2, thresholds=2, formats=2)  # fmt: skip


def brute(net, core):
    """Resources by counting synapse by synapse."""
    begin: dict = {}
    at = 0
    for s in net.sources:
        begin[s.name] = None
    for p in net.populations:
        begin[p.name], at = at, at + p.size
    inside: dict = {}
    outside = set()
    for q in net.projections:
        for i, j in zip(q.i.tolist(), q.j.tolist(), strict=True):
            target = int(core[begin[q.post] + j])
            key = (target, q.pre, i, q.exponent)
            inside[key] = inside.get(key, 0) + 1
            if begin[q.pre] is not None:
                outside.add((int(core[begin[q.pre] + i]), begin[q.pre] + i, target, q.exponent))
    cores = int(core.max()) + 1
    neurons = [p for p in net.populations for _ in range(p.size)]
    own = [[n for n, c in zip(neurons, core, strict=True) if c == k] for k in range(cores)]
    bits = [0] * cores
    for (target, *_), n in inside.items():
        while n > 0:
            bits[target] += -(-(min(n, 64) * 24 + 10) // 64) * 64
            n -= 64
    return {
        "cores": cores,
        "compartments": max(np.bincount(core)),
        "in-axons": max([sum(k[0] == c for k in inside) for c in range(cores)], default=0),
        "out-axons": max([sum(k[0] == c for k in outside) for c in range(cores)], default=0),
        "synapse bits": max(bits),
        "decay profiles": max(len({(n.du, n.dv, n.refractory) for n in part}) for part in own),
        "thresholds": max(len({n.vth for n in part}) for part in own),
        "synapse formats": max(
            [len({e for c, _, _, e in inside if c == k}) for k in range(cores)], default=0
        ),
    }


@settings(max_examples=60, deadline=None)
@given(networks())
def test_resources_are_those_counted_one_by_one(drawn):
    net, _, _ = drawn
    for chip in (LOIHI, SMALL):
        found = place(net, chip)
        assert {r.name: r.used for r in found.resources} == brute(net, found.core)
        assert (np.diff(found.core) >= 0).all()
        assert (np.diff(found.core) <= 1).all()
        fits = {r.name: r.fits for r in found.resources}
        assert fits["compartments"]
        assert fits["decay profiles"]
        assert fits["thresholds"]
        # only a neuron alone may pass these
        if not (fits["in-axons"] and fits["synapse bits"] and fits["synapse formats"]):
            worst = next(r for r in found.resources if not r.fits and r.where != "chip")
            if worst.name != "out-axons":
                assert (found.core == int(worst.where.split()[1])).sum() == 1


def test_bits_of_an_axon():
    """64 synapses of 24 bits and a head of 10 are 1546 bits: 25 units of 64."""
    assert axon_bits(np.array([0, 1, 2, 3, 64, 65, 128])).tolist() == [
        0, 64, 64, 128, 1600, 1664, 3200,
    ]  # fmt: skip


def test_two_exponents_of_one_neuron_are_two_axons():
    """An axon has one synapse format, and a format one exponent."""
    net = one()
    q = net.projections[0]
    twice = replace(net, projections=(q, replace(q, name="more", exponent=q.exponent + 1)))
    once, both = (counted(n, place(n).core) for n in (net, twice))
    for name in ("in-axons", "out-axons", "synapse bits"):
        assert both[name].sum() == 2 * once[name].sum()
    assert once["in-axons"].sum() > 0


def test_what_does_not_fit_is_refused_with_what_would():
    net = one()
    wide = replace(net, populations=(replace(net.populations[0], size=20),))
    placed = place(wide, SMALL)
    assert not placed.fits
    with pytest.raises(UnsupportedModel, match=r"does not fit Loihi: cores 7 of 4 \(chip\)") as e:
        refuse_unless_it_fits(wide, preflight(chip_named("Loihi"), wide, placed))
    assert "about 11 of 20 neurons" in str(e.value)
    refuse_unless_it_fits(net, preflight(chip_named("Loihi"), net, place(net, SMALL)))


def test_a_core_has_seven_thresholds_and_31_decay_profiles():
    """Ten thresholds take two cores though twenty neurons fit into one; so do forty decays."""
    net = one()
    p = net.populations[0]

    def many(count, change):
        parts = tuple(replace(p, name=f"p{k}", size=2, **change(k)) for k in range(count))
        made = replace(net, populations=parts, projections=())
        placed = place(made)
        used = {r.name: r.used for r in placed.resources}
        assert placed.fits
        return used["cores"], used["thresholds"], used["decay profiles"]

    assert many(7, lambda k: {"vth": 10 + k}) == (1, 7, 1)
    assert many(10, lambda k: {"vth": 10 + k}) == (2, 7, 1)
    assert many(31, lambda k: {"dv": k}) == (1, 1, 31)
    assert many(40, lambda k: {"du": 4095 - k, "refractory": 1 + k % 3}) == (2, 1, 31)
