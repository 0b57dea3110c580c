"""Flat arrays for the plain form of the fast executor: static synapses onto simple LIF neurons.

Every population begins at a multiple of BLOCK and is filled up with neurons that never do anything,
so that every loop runs over whole vectors. A refractory neuron keeps the step until which it waits,
counted from the start of the piece of the run, instead of a number that falls in every step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bioplastic.kernels.sparse.layout import BLOCK, State, _starts, groups
from bioplastic.quantize.fixed_point import PROPAGATOR
from bioplastic.quantize.integer_network import (
    ExponentialChannel,
    IntegerNetwork,
    IntegerPopulation,
)

AWAKE, MIXED, ASLEEP = 0, 1, 2
CURRENTS = 2
NEVER = np.iinfo(np.int32).max
FAR = 1 << 30
"""No piece of a run has more steps, so that every step until which a neuron waits fits int32."""
PLAIN_NUMBERS = [
    "first",
    "end",
    "size",
    "channels",
    "group",
    "unit",
    "pvv",
    "pv1",
    "pv2",
    "p11",
    "p22",
    "v_th",
    "v_reset",
    "refractory",
    "offset",
    "spread",
]


class Plain(NamedTuple):
    """Neurons; `number` (P, 16) holds the columns named in PLAIN_NUMBERS.

    first, end counts neurons, the unused ones included. `spread` is 1 where every neuron has an
    offset of its own, else 0: then eight equal ones stand for all.
    """

    number: np.ndarray
    v: np.ndarray  # (M,) int32, M = all places
    until: np.ndarray  # (M,) int32: integrates in step t when until <= t; NEVER where unused
    current: np.ndarray  # (2M,) int32: first currents of all neurons, then second ones
    even: np.ndarray  # int64: offsets of neurons 0, 2, … of every population, half a unit added
    odd: np.ndarray
    active: np.ndarray  # (M/BLOCK,) uint8
    rest: np.ndarray  # (P,) AWAKE: all blocks are, MIXED: some may rest, ASLEEP: all do


class Fan(NamedTuple):
    """What delivery wants to know of each projection, (Q,) each."""

    population: np.ndarray
    base: np.ndarray  # place of post neuron 0 in `current`
    least: np.ndarray  # smallest and largest weight
    most: np.ndarray


def is_plain(network: IntegerNetwork, theta: np.ndarray) -> bool:
    """Whether the plain form can run `network`, whose adaptive thresholds stand at `theta`."""
    return (
        all(
            isinstance(p, IntegerPopulation)
            and not p.winners
            and not p.theta_step
            and len(p.channels) <= CURRENTS
            and all(type(c) is ExponentialChannel for c in p.channels)
            and abs(p.v_th) < 1 << 31
            and p.refractory < FAR
            for p in network.populations
        )
        and all(q.rule is None for q in network.projections)
        and not np.any(theta)
    )


def places(network: IntegerNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Place of each neuron among all places, and the first place of each population."""
    sizes = [p.size for p in network.populations]
    first = _starts([-(-n // BLOCK) * BLOCK for n in sizes])
    parts = [np.arange(n) + first[k] for k, n in enumerate(sizes)]
    return np.concatenate([np.zeros(0, np.int64), *parts]), first


def lay_plain(network: IntegerNetwork, flat: State) -> Plain:
    """The neurons of `flat`, awake; the run has yet to do its first step."""
    at, first = places(network)
    size = int(first[-1])
    v, until = np.zeros(size, np.int32), np.full(size, NEVER, np.int32)
    v[at], until[at] = flat.v, flat.refractory - 1
    current = np.zeros(CURRENTS * size, np.int32)
    place, unit = groups(network)
    rows: list[list[int]] = []
    offsets = [np.zeros(0, np.int64)]
    begin = 0
    for k, p in enumerate(network.populations):
        assert isinstance(p, IntegerPopulation)
        pull = _offsets(p)
        rows.append(
            [int(first[k]), int(first[k + 1]), p.size, len(p.channels), place[p.name],
             int(unit[place[p.name]]), p.pvv, *_propagators(p), p.v_th, p.v_reset, p.refractory,
             begin, int(len(pull) > BLOCK // 2)]
        )  # fmt: skip
        offsets.append(pull)
        begin += len(pull) // 2
    pull = np.concatenate(offsets)
    found = Plain(
        number=np.array(rows, np.int64).reshape(-1, len(PLAIN_NUMBERS)),
        v=v,
        until=until,
        current=current,
        even=np.ascontiguousarray(pull[::2]),
        odd=np.ascontiguousarray(pull[1::2]),
        active=np.ones(size // BLOCK, np.uint8),
        rest=np.zeros(len(network.populations), np.int64),
    )
    for here, there in _currents(network, first):
        found.current[there] = flat.current[here]
    return found


def _propagators(p: IntegerPopulation) -> list[int]:
    both: list[Any] = [*p.channels, *[ExponentialChannel(name="", pii=0, pvi=0)] * CURRENTS]
    return [c.pvi for c in both[:CURRENTS]] + [c.pii for c in both[:CURRENTS]]


def _offsets(p: IntegerPopulation) -> np.ndarray:
    """Offsets with half a unit added: sixteen where all are alike, else one for each place."""
    alike = not p.size or p.offset.min() == p.offset.max()
    length = BLOCK // 2 if alike else max(-(-p.size // BLOCK) * BLOCK, BLOCK)
    found = np.zeros(length, np.int64)
    if alike:
        found[:] = p.offset[0] if p.size else 0
    else:
        found[: p.size] = p.offset
    return found + (1 << (PROPAGATOR - 1))


def _currents(network: IntegerNetwork, first: np.ndarray) -> list[tuple[slice, slice]]:
    """Where each current stands in State.current and in Plain.current."""
    found, base = [], 0
    for k, p in enumerate(network.populations):
        for c in range(len(p.channels)):
            low = int(first[k] + c * first[-1])
            found.append((slice(base, base + p.size), slice(low, low + p.size)))
            base += p.size
    return found


def lay_fan(network: IntegerNetwork, plain: Plain) -> Fan:
    """Delivery of each projection."""
    names = [p.name for p in network.populations]
    post = np.array([names.index(q.post) for q in network.projections], np.int64)
    base = [
        int(plain.number[p, 0]) + q.channel * len(plain.v)
        for p, q in zip(post.tolist(), network.projections, strict=True)
    ]
    reach = np.array([q.reach for q in network.projections], np.int64).reshape(-1, 2)
    return Fan(
        population=post,
        base=np.array(base, np.int64),
        least=np.ascontiguousarray(reach[:, 0]),
        most=np.ascontiguousarray(reach[:, 1]),
    )


def unlay_plain(network: IntegerNetwork, plain: Plain, flat: State, steps: int) -> None:
    """Copy the neurons back into `flat`, `steps` steps after the start of the piece."""
    at, first = places(network)
    flat.v[:] = plain.v[at]
    flat.refractory[:] = np.maximum(plain.until[at] - (steps - 1), 0)
    for here, there in _currents(network, first):
        flat.current[here] = plain.current[there]


def later(plain: Plain, steps: int) -> None:
    """Count from `steps` steps later on; what is over is over, and the unused never begin."""
    unused = plain.until == NEVER
    plain.until[:] = np.where(unused, NEVER, np.maximum(plain.until.astype(np.int64) - steps, -1))
