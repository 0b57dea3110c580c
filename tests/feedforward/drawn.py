"""Drawn chains of layers, the spikes they are given, and what the sparse kernel makes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from brian2 import ms, mV, nA, second
from hypothesis import strategies as st

from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    AlphaCurrent,
    Connectivity,
    ExponentialCurrent,
    Network,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.kernels import dispatch
from bioplastic.kernels.feedforward.layer import Layers, layers, pack, unpack
from bioplastic.kernels.feedforward.run import LayersRun, sparse_state
from bioplastic.quantize import IntegerNetwork, lower

DT = 0.1 * ms
POISON = np.iinfo(np.int32).min


@dataclass(frozen=True, eq=False)
class Case:
    """A lowered chain, the same as layers, and (B, T, W) spikes."""

    network: IntegerNetwork
    layers: Layers
    spikes: np.ndarray


def chain(rng, sizes, *, longest, levels, parallel, alpha, adaptive, t_ref, offset=0.0) -> Network:
    """A chain of populations.

    sizes     of the source and of each population     longest   longest delay, steps
    levels    number of weights that differ; few make int8, many int16
    parallel  projections that join the same two groups
    alpha     1: a second receptor is an alpha current; 2: a third is exponential; targets alternate
    """
    receptors: tuple[Any, ...] = (ExponentialCurrent(name="fast", tau=3 * ms),)
    if alpha:
        receptors = (*receptors, AlphaCurrent(name="slow", tau=2 * ms))
    if alpha > 1:
        receptors = (*receptors, ExponentialCurrent(name="third", tau=1 * ms))
    more = {"tau_theta": 5 * ms, "theta_step": 3 * mV} if adaptive else {}
    neuron = (AdaptiveLIF if adaptive else LIF)(
        receptors=receptors, t_ref=t_ref * DT, i_offset=offset * nA, **more
    )
    names = ["in", *(f"p{k}" for k in range(1, len(sizes)))]
    projections = []
    for k in range(1, len(sizes)):
        for q in range(parallel):
            i, j = np.nonzero(rng.random((sizes[k - 1], sizes[k])) < 0.6)
            i, j = np.repeat(i, 1 + (q == 1)), np.repeat(j, 1 + (q == 1))  # synapses that repeat
            unit = 40.0 / max(sizes[k - 1], 4)
            weight = unit * rng.integers(-levels // 3, levels + 1, len(i)) / levels * nA
            connectivity = Connectivity(
                i=i, j=j, weight=weight, delay=rng.integers(0, longest + 1, len(i)) * DT
            )
            projections.append(
                Projection(
                    name=f"{names[k - 1]} to {names[k]}, {q}",
                    pre=names[k - 1],
                    post=names[k],
                    target=receptors[q % len(receptors)].name,
                    connectivity=connectivity,
                )
            )
    none = SpikeTrain(i=np.zeros(0, int), t=np.zeros(0) * second)
    return Network(
        name="drawn",
        sources=[Source(name="in", size=sizes[0], train=none)],
        populations=[
            Population(name=name, size=size, neuron=neuron)
            for name, size in zip(names[1:], sizes[1:], strict=True)
        ],
        projections=projections,
    )


def case(rng, batch, steps, density, sizes, **kinds) -> Case:
    network = lower(chain(rng, sizes, **kinds), DT, fraction=8)
    spikes = pack(rng.random((batch, steps, sizes[0])) < density)
    return Case(network, layers(network), spikes)


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    sizes=(1, 3, 31, 32, 33, 65),
    steps=40,
    depth=3,
    longest=(0, 1, 4),
    parallel=3,
) -> Case:
    return case(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        batch=draw(st.integers(1, 3)),
        steps=draw(st.integers(0, steps)),
        density=draw(st.sampled_from([0.0, 0.02, 0.3, 1.0])),
        sizes=[draw(st.sampled_from(sizes)) for _ in range(draw(st.integers(2, depth + 1)))],
        longest=draw(st.sampled_from(longest)),
        levels=draw(st.sampled_from([1, 3, 1000])),
        parallel=draw(st.integers(1, parallel)),
        alpha=draw(st.integers(0, 2)),
        adaptive=draw(st.booleans()),
        t_ref=draw(st.sampled_from([0, 1, 2, 20])),
        offset=draw(st.sampled_from([0.0, 0.6])),
    )


def same(a: LayersRun, b: LayersRun) -> None:
    assert list(a.spikes) == list(b.spikes)
    for name in a.spikes:
        np.testing.assert_array_equal(a.spikes[name], b.spikes[name], err_msg=name)
    assert a.state.difference(b.state) == []


def same_as_sparse(made: LayersRun, given: Case, backend: str = "cpu") -> None:
    """Run every input on its own in the sparse kernel and compare spikes and state."""
    source, steps = given.layers.source, given.spikes.shape[1]
    for b, bits in enumerate(unpack(given.spikes, source.size)):
        at, ids = np.nonzero(bits)
        network = replace(given.network, sources=(replace(source, steps=at, ids=ids),))
        wanted = dispatch.run(network, steps, backend=backend)
        assert sparse_state(given.layers, made.state, b).difference(wanted.state) == []
        for name, words in made.spikes.items():
            found = np.nonzero(unpack(words[b], given.layers.sizes[name]))
            np.testing.assert_array_equal(found[0], wanted.spikes[name].steps, err_msg=name)
            np.testing.assert_array_equal(found[1], wanted.spikes[name].ids, err_msg=name)
