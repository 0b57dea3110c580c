"""TraceSTDP in integers: executors agree on drawn programs, and the mean follows Brian2."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brian2 import amp, ms, nA, pA, second
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioplastic import simulate
from bioplastic.description import (
    LIF,
    Change,
    Connectivity,
    ExponentialCurrent,
    Free,
    Jump,
    Network,
    PairSTDP,
    Population,
    PostTrace,
    PowerLaw,
    PreTrace,
    Projection,
    Put,
    Source,
    SpikeTrain,
    Term,
    TowardsHigh,
    TowardsLow,
    TraceSTDP,
)
from bioplastic.description.connectivity import all_to_all
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.kernels.dispatch import run
from bioplastic.kernels.sparse.layout_tiles import from_tiles, stride_of, to_tiles
from bioplastic.networks.stdp_pair import stdp_pair
from bioplastic.quantize import lower

DT = 0.1 * ms
NEURON = LIF(t_ref=0.5 * ms, receptors=(ExponentialCurrent(name="fast", tau=3 * ms),))
LAWS: tuple[Free | TowardsHigh | TowardsLow, ...] = (Free(), TowardsHigh(), TowardsLow(mu=0.4))
RESISTANCE = 10e-3 / 250e-12  # ohm, of the neurons of stdp_pair: tau_m/c_m
drawn = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def feed(rule, connectivity, n_pre, n_post, rng, *, recurrent=None) -> Network:
    """Sources onto a population that fires, some of them through plastic synapses."""
    at = np.unique(rng.integers(0, n_pre * 200, 25 * n_pre))
    train = SpikeTrain(i=at % n_pre, t=(at // n_pre) * 1e-4 * second)
    drive = all_to_all(n_pre, n_post, weight=2 * nA, delay=0.2 * ms)
    projections = [
        Projection(name="drive", pre="in", post="p", target="fast", connectivity=drive),
        Projection(
            name="q", pre="in", post="p", target="fast", connectivity=connectivity, plasticity=rule
        ),
    ]
    if recurrent is not None:
        projections.append(
            Projection(
                name="back", pre="p", post="p", target="fast", connectivity=recurrent,
                plasticity=rule,
            )
        )  # fmt: skip
    return Network(
        name="drawn",
        sources=[Source(name="in", size=n_pre, train=train)],
        populations=[Population(name="p", size=n_post, neuron=NEURON)],
        projections=projections,
    )


@st.composite
def rules(draw: st.DrawFn) -> TraceSTDP:
    """One to three traces a side and any program on them; weights in nA, bounds of either sign."""
    low, high = draw(st.sampled_from([(0.0, 1e-9), (-1e-9, 1e-9), (-5e-10, 2e-10), (-1e-9, 0.0)]))
    taus = st.sampled_from([0.3, 5.0, 20.0])
    pre = [PreTrace(name=f"x{k}", tau=draw(taus) * ms) for k in range(draw(st.integers(1, 3)))]
    post = [PostTrace(name=f"y{k}", tau=draw(taus) * ms) for k in range(draw(st.integers(0, 2)))]
    names = [t.name for t in pre] + [t.name for t in post]

    def change() -> Change:
        terms = []
        for _ in range(draw(st.integers(1, 3))):
            law = LAWS[draw(st.integers(0, 2))]
            size = (high - low) if isinstance(law, Free) else (high - low) ** (1 - law.mu)
            terms.append(
                Term(
                    coefficient=size * draw(st.sampled_from([0.3, 0.05, -0.05, -0.4])),
                    traces=tuple(draw(st.lists(st.sampled_from(names), max_size=2))),
                    dependence=law,
                )
            )
        return Change(terms=tuple(terms))

    def side(own: list[str]) -> tuple[Jump | Put | Change, ...]:
        program: list[Jump | Put | Change] = []
        for _ in range(draw(st.integers(1, 4))):
            kind = draw(st.sampled_from(["jump", "put", "change"])) if own else "change"
            amount = draw(st.sampled_from([1.0, 0.25, -0.5]))
            if kind == "change":
                program.append(change())
            elif kind == "jump":
                program.append(Jump(trace=draw(st.sampled_from(own)), amount=amount))
            else:
                program.append(Put(trace=draw(st.sampled_from(own)), value=amount))
        return tuple(program)

    return TraceSTDP(
        traces=(*pre, *post), low=low, high=high, fresh=draw(st.booleans()),
        on_pre=side([t.name for t in pre]), on_post=side([t.name for t in post]),
    )  # fmt: skip


@st.composite
def connectivities(
    draw: st.DrawFn, n_pre: int, n_post: int, low: float, high: float, rng
) -> Connectivity:
    """Full, dense or sparse; one delay or several."""
    share = draw(st.sampled_from([2.0, 0.7, 0.1]))
    i, j = np.nonzero(rng.random((n_pre, n_post)) < share)
    delay = draw(st.sampled_from([0, 3])) * DT
    if draw(st.booleans()):
        delay = rng.integers(0, 12, len(i)) * DT
    return Connectivity(i=i, j=j, weight=rng.uniform(low, high, len(i)) * amp, delay=delay)


@drawn
@given(data=st.data(), rule=rules(), bits=st.sampled_from([8, 16]))
def test_executors_agree_on_drawn_programs(data, rule, bits):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    n_post = data.draw(st.sampled_from([1, 7, 8, 33]))
    q = data.draw(connectivities(9, n_post, rule.low, rule.high, rng))
    back = data.draw(connectivities(n_post, n_post, rule.low, rule.high, rng))
    network = feed(rule, q, 9, n_post, rng, recurrent=back)
    lowered = lower(
        network, DT, seed=data.draw(st.integers(0, 2**32 - 1)), fraction=8, plastic_bits=bits
    )
    cpu, reference = run(lowered, 220), run(lowered, 220, backend="reference")
    assert cpu.counters["spikes"] > 0
    assert cpu.state.difference(reference.state) == []
    for name in ("weight_updates", "saturations", "synaptic_events", "spikes"):
        assert cpu.counters[name] == reference.counters[name]
    np.testing.assert_array_equal(cpu.spikes["p"].ids, reference.spikes["p"].ids)
    for name in ("q", "back"):
        weight = cpu.state.arrays[f"{name}/weight"]
        program = lowered[name].rule
        assert weight.dtype == (np.int8 if bits == 8 else np.int16)
        assert np.all((weight >= program.low) & (weight <= program.high))
    half = run(lowered, 97)
    rest = run(lowered, 123, state=half.state)
    assert rest.state.difference(reference.state) == []


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("mu", [0.0, 1.0])
@pytest.mark.parametrize(("n_pre", "n_post"), [(9, 8), (16, 33), (3, 1)])
def test_full_pair_stdp_agrees(bits, mu, n_pre, n_post):
    rng = np.random.default_rng(n_post)
    rule = PairSTDP(w_max=1 * nA, a_plus=0.03, a_minus=0.03, dependence=PowerLaw(mu=mu))
    full = all_to_all(n_pre, n_post, weight=rng.uniform(0, 1, n_pre * n_post) * nA, delay=0.3 * ms)
    lowered = lower(feed(rule, full, n_pre, n_post, rng), DT, fraction=10, plastic_bits=bits)
    assert lowered["q"].full
    cpu, reference = run(lowered, 250), run(lowered, 250, backend="reference")
    assert cpu.counters["weight_updates"] > 0
    assert cpu.state.difference(reference.state) == []
    assert cpu.counters["weight_updates"] == reference.counters["weight_updates"]


TRACES = (PreTrace(name="x", tau=13 * ms), PostTrace(name="y", tau=29 * ms))


def change(*terms: tuple[float, tuple[str, ...]], law=Free()) -> Change:  # noqa: B008
    """A Change whose terms are (coefficient, traces)."""
    return Change(terms=tuple(Term(coefficient=c, traces=t, dependence=law) for c, t in terms))


def program(on_pre, on_post) -> TraceSTDP:
    return TraceSTDP(traces=TRACES, on_pre=on_pre, on_post=on_post, low=0.0, high=1e-12)


X, Y = Jump(trace="x", amount=1.0), Jump(trace="y", amount=1.0)
PROGRAMS = {
    "pair": program((X, change((-3e-14, ("y",)))), (Y, change((2.5e-14, ("x",))))),
    "nearest, read before it moves": program(
        (change((-0.06, ("y",)), law=TowardsLow()), Put(trace="x", value=0.5)),
        (change((0.1, ("x",)), law=TowardsHigh()), Put(trace="y", value=0.7)),
    ),
    "triplet": program(
        (Jump(trace="x", amount=0.01), change((-2e-14, ("y",)))),
        (change((1e-12, ("x",)), (8e-13, ("x", "y"))), Y),
    ),
    "target rate": program(
        (X, change((4e-15, ("y",)), (-1.5e-14, ()))), (Y, change((4e-15, ("x",))))
    ),
}


def trains(rng, steps: int) -> tuple[list[int], list[int]]:
    """Spike steps of pre arrivals and of post, every order, two of them coincident."""
    pre, post = (np.sort(rng.choice(np.arange(5, steps), 9, replace=False)) for _ in range(2))
    return sorted({*pre.tolist(), 100, 150}), sorted({*post.tolist(), 100, 150})


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", list(PROGRAMS))
def test_mean_over_dithers_follows_brian2(name, bits):
    """One pair of trains, many synapses with their own dithers: their mean is the expectation.

    All programs are linear in w, so the expected weight obeys the float recursion, apart from
    roundings of each step: to Q8 (2^-9 unit), and of traces, tables and amounts, below 2^-17 of a
    step of at most 16 units each. The dither of a step has a variance of at most 1/4 unit².
    """
    rule, synapses, steps = PROGRAMS[name], 600, 400
    pre, post = trains(np.random.default_rng(3), steps)

    def network(size: int) -> Network:
        def train(spikes, shift):
            i = np.repeat(np.arange(size), len(spikes))
            return SpikeTrain(i=i, t=(np.tile(spikes, size) - shift) * DT)

        limits = PairSTDP(w_max=1 * pA)
        made = stdp_pair(
            train(pre, 1), train(post, 0), size=size, rule=limits, weight=0.5 * pA, dt=DT
        )
        plastic, *others = made.projections
        return replace(made, projections=[replace(plastic, plasticity=rule), *others])

    brian = simulate.run(network(1), (steps + 5) * DT)
    wanted = brian.final.weight("plastic")[0]
    lowered = lower(network(synapses), DT, seed=11, plastic_bits=bits)
    result = run(lowered, steps + 5)
    spikes = result.spikes["post"]
    assert np.array_equal(spikes.steps[spikes.ids == 7], brian.spikes["post"].steps)
    found = result.state.arrays["plastic/weight"].astype(float)
    q = lowered["plastic"]
    assert np.all((found > 0) & (found < q.rule.high))  # a bound would make the mean non-linear
    unit = q.scale * lowered["post"].lsb / RESISTANCE
    start = np.rint(0.5e-12 / unit) - 0.5e-12 / unit
    events = len(pre) + len(post)
    bias = events * (2.0**-9 + 16 * 2.0**-17) + abs(start)
    noise = 5 * np.sqrt(events * 0.25 / synapses)
    assert abs(found.mean() - wanted / unit) <= bias + noise
    assert abs(wanted - 0.5e-12) / unit > 2 * (bias + noise)  # and there was something to see
    assert found.std() > 0


def test_sixteen_bits_are_finer():
    rng = np.random.default_rng(5)
    full = all_to_all(8, 16, weight=rng.uniform(0, 1, 128) * nA, delay=0.3 * ms)
    network = feed(replace(PROGRAMS["pair"], high=1e-9), full, 8, 16, rng)
    errors = {}
    for bits in (8, 16):
        report = lower(network, DT, plastic_bits=bits).report
        errors[bits] = next(r.error for r in report.roundings if r.what == "q.weight")
    assert errors[16] < errors[8] / 200


def test_what_would_be_lost_or_does_not_fit_is_refused():
    rng = np.random.default_rng(5)
    full = all_to_all(4, 4, weight=0.5 * nA, delay=0.3 * ms)
    slow = (Change(terms=(Term(coefficient=1e-14),)),)
    rule = replace(PROGRAMS["pair"], high=1e-9, on_pre=slow)
    with pytest.raises(UnsupportedModel, match=r"q\.plasticity: on_pre\[0\].*always be lost"):
        lower(feed(rule, full, 4, 4, rng), DT)
    lower(feed(rule, full, 4, 4, rng), DT, plastic_bits=16, fraction=18)
    with pytest.raises(
        UnsupportedModel, match=r"q\.weight: plastic weights must lie in 0\.\.1e-10"
    ):
        lower(feed(replace(PROGRAMS["pair"], high=1e-10), full, 4, 4, rng), DT)
    near = replace(PROGRAMS["pair"], low=0.4999e-9, high=0.5e-9)
    with pytest.raises(UnsupportedModel, match="are the same in units of"):
        lower(feed(near, full, 4, 4, rng), DT)
    with pytest.raises(UsageError, match="plastic_bits = 12"):
        lower(feed(rule, full, 4, 4, rng), DT, plastic_bits=12)


@given(groups=st.integers(1, 20), posts=st.integers(1, 70), seed=st.integers(0, 99))
def test_tiles_give_back_what_they_took(groups, posts, seed):
    weight = np.random.default_rng(seed).integers(-99, 99, groups * posts).astype(np.int8)
    tiles = to_tiles(weight, posts)
    np.testing.assert_array_equal(from_tiles(tiles, groups, posts), weight)
    g, j = groups - 1, posts - 1
    place = (g >> 3) * stride_of(posts) + (j >> 3) * 64 + (g & 7) * 8 + (j & 7)
    assert tiles[place] == weight[-1]
