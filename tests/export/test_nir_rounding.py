"""How far a reader of NIR may come from a chip that rounds, and which traces it cannot change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bioplastic.export import verify
from bioplastic.export.bundle import folder as bundles
from bioplastic.export.bundle import foreign
from bioplastic.export.nir.rounding import apart, clear, judged
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.quantize.loihi import LoihiNetwork, LoihiPopulation, LoihiProjection, LoihiSource

STEPS = 600
"""Enough for a potential to come near its threshold; 100 of them stay clear in some networks."""


def leaky(seed=1, *, du=4095, dv=390, vth=1000, grain=100):
    """Two leaky populations behind 20 sources, one of them onto the other and itself."""
    rng = np.random.default_rng(seed)
    sizes = {"in": 20, "a": 12, "b": 5}
    populations = tuple(
        LoihiPopulation(name=name, size=sizes[name], du=du, dv=dv, vth=vth) for name in "ab"
    )
    projections = []
    for pre, post in (("in", "a"), ("a", "a"), ("a", "b")):
        n, m = sizes[pre], sizes[post]
        pairs = rng.choice(n * m, n * m // 2, replace=False)
        projections.append(LoihiProjection(
            name=f"{pre} {post}", pre=pre, post=post, i=pairs // m, j=pairs % m,
            weight=grain * rng.choice([-1, 1, 2], len(pairs), p=[0.5, 0.25, 0.25]),
            delay=rng.integers(0, 4, len(pairs)), exponent=3,
        ))  # fmt: skip
    net = LoihiNetwork(
        name="leaky", dt=1e-3, sources=(LoihiSource(name="in", size=20),),
        populations=populations, projections=tuple(projections),
    )  # fmt: skip
    when, which = np.nonzero(rng.random((STEPS, 20)) < 0.1)
    return net, {"in": (when, which)}


def potentials(net, stimulus):
    """v before the threshold, (T, N) a population, from currents, one step after the other."""
    run = run_loihi(net, stimulus, STEPS, trace=True)
    found = {}
    for p in net.populations:
        v = np.zeros(p.size, np.int64)
        rows = []
        for t in range(STEPS):
            kept = [int(x * (4096 - p.dv) / 4096) for x in v.tolist()]  # below 2^53: exact enough
            v = np.array(kept) + run.u[p.name][t]
            rows.append(v)
            v = np.where(v > p.vth << 6, 0, v)
        found[p.name] = np.array(rows)
        spikes = np.nonzero(found[p.name] > p.vth << 6)
        assert np.array_equal(spikes[0], run.spikes[p.name].steps)
    return found


@pytest.mark.parametrize("dv", [1, 390, 742, 4095])
def test_how_near_a_trace_comes_to_its_threshold(dv):
    net, stimulus = leaky(dv=dv)
    found = clear(net, stimulus, STEPS)
    for p in net.populations:
        away = potentials(net, stimulus)[p.name] - (p.vth << 6)
        assert found[p.name] == np.where(away > 0, away, -away).min()
    assert clear(net, {}, 0) == {"a": 1 << 24, "b": 1 << 24}


@pytest.mark.parametrize("dv", [3, 100, 390, 742, 2000])
def test_float32_stays_as_near_as_the_bound_says(dv):
    """v ← v + f32(dv/4096)·(I·f32(4096/dv) − v), as norse steps a LIF; no spikes."""
    net, stimulus = leaky(dv=dv, vth=131_071, grain=20)
    run = run_loihi(net, stimulus, STEPS, trace=True)
    p = net.populations[0]
    assert not len(run.spikes[p.name].ids)
    v, share, gain = np.zeros(p.size, np.float32), np.float32(dv / 4096), np.float32(4096 / dv)
    worst = 0.0
    for t in range(STEPS):
        i = run.u[p.name][t].astype(np.float32) * gain
        v = v + share * (i - v)
        worst = max(worst, float(np.abs(v - run.v[p.name][t]).max()))
    print(dv, worst, apart(net, p))
    assert 0.4 < worst <= apart(net, p)


def test_which_populations_are_judged():
    net, stimulus = leaky()
    found = judged(net, stimulus, STEPS)
    assert set(found) == {"a", "b"}
    assert not found["a"].decided
    assert found["a"].reason.endswith("by up to 53; in the trace v stays 12 from its threshold")
    short = {"in": (stimulus["in"][0][:100], stimulus["in"][1][:100])}
    assert all(r.decided for r in judged(net, short, int(short["in"][0].max())).values())
    near = replace(net, populations=tuple(replace(p, vth=1, dv=300) for p in net.populations))
    assert not judged(near, {}, 9)["a"].decided  # 64 from its threshold at rest, 68 apart
    still = replace(net, populations=tuple(replace(p, dv=0) for p in net.populations))
    assert judged(still, stimulus, STEPS) == {}
    slow = replace(net, populations=tuple(replace(p, dv=0, du=99) for p in net.populations))
    assert not judged(slow, stimulus, STEPS)["a"].decided
    tired = replace(net, populations=tuple(replace(p, refractory=2) for p in net.populations))
    assert judged(tired, stimulus, STEPS)["a"].reason.startswith("a refractory period of 2 steps")


@pytest.mark.oracle
@pytest.mark.parametrize(("dv", "seed"), [(390, 4), (742, 0), (2000, 15)])
def test_norse_spikes_alike_though_v_decays(dv, seed, tmp_path):
    python = verify.interpreter(None, "norse")
    if python is None:
        pytest.skip(f"set {foreign.IMPORTERS[0]} to the Python of make importers")
    net, stimulus = leaky(seed, dv=dv)
    first = stimulus["in"][0] < 100
    when, which = (part[first] for part in stimulus["in"])
    made = bundles.made(net, {"in": (when, which)}, 100)
    assert all(len(when) > 50 for when, _ in made.expected.values())
    folder = bundles.write(made, tmp_path / "bundle")
    found = verify.verify(made, folder, "norse", python=python, seconds=900)
    assert found.outcome == "equal", found.message
