"""What the feed-forward kernels run: a chain source → p1 → p2 …, as packed spikes and int8 planes.

Spikes are packed 32 to a word: bit b of word k is neuron 32k + b. An array (B, T, W) int32 holds T
steps of B independent inputs, W = ceil(N/32) words of N neurons.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.quantize.fixed_point import STATE_LIMIT
from bioplastic.quantize.integer_network import (
    AlphaChannel,
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
    IntegerSource,
    PlateauChannel,
)

DENSE_LIMIT = (1 << 31) - 1
"""Most entries of the int8 planes of a layer: a GPU counts places in them in int32."""


@dataclass(frozen=True)
class EventDriven:
    """Add up the weights of the neurons that spiked: the work grows with the number of spikes."""


@dataclass(frozen=True)
class TimeBatched:
    """Multiply the spikes of many steps with the weights, then go through the steps.

    The work does not depend on the number of spikes, and it suits matrix units.

    steps   whose arrivals are held at once: 4·B·steps·C·N bytes for C channels
    Raises UsageError when steps < 1.
    """

    steps: int = 1024

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UsageError(f"TimeBatched: steps = {self.steps}: must be >= 1")


Method = EventDriven | TimeBatched


def words(size: int) -> int:
    """Words that hold one step of `size` neurons.

    >>> [words(n) for n in (1, 32, 33)]
    [1, 1, 2]
    """
    return -(-size // 32)


def pack(spikes: np.ndarray) -> np.ndarray:
    """Pack (…, N) of 0 and 1 into (…, W) int32.

    >>> pack(np.array([[1, 0, 1], [0, 0, 0]]))
    array([[5],
           [0]], dtype=int32)
    """
    octets = np.packbits(np.asarray(spikes, dtype=bool), axis=-1, bitorder="little")
    padded = np.zeros((*octets.shape[:-1], words(spikes.shape[-1]) * 4), np.uint8)
    padded[..., : octets.shape[-1]] = octets
    return padded.view("<i4").astype(np.int32, copy=False)


def unpack(packed: np.ndarray, size: int) -> np.ndarray:
    """Return the (…, N) uint8 of 0 and 1 that (…, W) int32 holds.

    >>> unpack(pack(np.array([1, 0, 1])), 3)
    array([1, 0, 1], dtype=uint8)
    """
    octets = np.ascontiguousarray(packed, "<i4").view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=size, bitorder="little")


@dataclass(frozen=True, kw_only=True, eq=False)
class Planes:
    """Weights as dense int8 matrices: a projection has one or more for each delay.

    An arrival from i adds Σ_p scale[p]·weight[p, i, j] to j. A weight too large for int8 is spread
    over planes whose scales are scale·256^k; scales are kept modulo 2^32, as sums are.

    delay, channel (P,) int32   ordered by channel
    scale (P,) int32            weight (P, N_pre, N) int8
    """

    delay: np.ndarray
    channel: np.ndarray
    scale: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Weights as lists, those of plane p and neuron i at ptr[p, i] … ptr[p, i + 1].

    A plane is one projection and one delay here.
    delay, channel (P,) int32   scale (P,) int64   ptr (P, N_pre + 1) int64
    post (S,) int32             weight (S,) int8 or int16
    """

    delay: np.ndarray
    channel: np.ndarray
    scale: np.ndarray
    ptr: np.ndarray
    post: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """A population and every projection onto it; all come from the group before it.

    pre, pre_size   name and number of the neurons before
    """

    pre: str
    pre_size: int
    population: IntegerPopulation
    projections: tuple[IntegerProjection, ...]

    @cached_property
    def numbers(self) -> np.ndarray:
        """Pvv, v_th, v_reset, refractory, theta_decay, theta_step: (6,) int64."""
        p = self.population
        found = (p.pvv, p.v_th, p.v_reset, p.refractory, p.theta_decay, p.theta_step)
        return np.array(found, dtype=np.int64)

    @cached_property
    def channels(self) -> np.ndarray:
        """PII, PIh, PvI, Pvh, and 1 where arrivals add to the rise: (C, 5) int64.

        An exponential current is one whose rise is always 0.
        """
        rows = [
            (c.pii, c.pih, c.pvi, c.pvh, 1)
            if isinstance(c, AlphaChannel)
            else (c.pii, 0, c.pvi, 0, 0)
            for c in self.population.channels
        ]
        return np.array(rows, dtype=np.int64)

    @cached_property
    def rows(self) -> Rows:
        """The synapses as lists."""
        many = [len(q.delays) for q in self.projections]
        kinds = [np.zeros(0, np.int8), *(q.weight for q in self.projections)]
        first, parts = 0, []
        found = []
        for q in self.projections:
            delays = len(q.delays)
            plane, pre = (q.group % delays, q.group // delays) if delays else (q.group, q.group)
            order = np.lexsort((q.post_ids, pre, plane))
            found.append((q.post_ids[order], q.weight[order]))
            keys = (plane * self.pre_size + pre)[order]
            starts = np.arange(delays)[:, None] * self.pre_size + np.arange(self.pre_size + 1)
            parts.append(first + np.searchsorted(keys, starts))
            first += len(q.weight)
        return Rows(
            delay=np.concatenate([q.delays for q in self.projections]).astype(np.int32),
            channel=np.repeat([q.channel for q in self.projections], many).astype(np.int32),
            scale=np.repeat([q.scale for q in self.projections], many).astype(np.int64),
            ptr=np.concatenate(parts),
            post=np.concatenate([post for post, _ in found]),
            weight=np.concatenate([weight for _, weight in found], dtype=np.result_type(*kinds)),
        )

    @cached_property
    def planes(self) -> Planes:
        """The synapses as int8 matrices; UnsupportedModel when they are too large for that."""
        rows, size = self.rows, self.population.size
        entries = len(rows.delay) * self.pre_size * size
        if entries > DENSE_LIMIT:
            raise UnsupportedModel(
                f"{self.projections[0].name}: {len(rows.delay)} delays of {self.pre_size} × {size} "
                f"weights are {entries} entries of dense planes, at most {DENSE_LIMIT}: "
                "use backend='cpu' with EventDriven()"
            )
        found: list[tuple[int, int, int, np.ndarray]] = []
        for p in range(len(rows.delay)):
            dense = np.zeros((self.pre_size, size), np.int64)
            part = slice(rows.ptr[p, 0], rows.ptr[p, -1])
            pre = np.repeat(np.arange(self.pre_size), np.diff(rows.ptr[p]))
            np.add.at(dense, (pre, rows.post[part]), rows.weight[part].astype(np.int64))
            scale = int(rows.scale[p])
            while dense.any():
                digit = dense.astype(np.int8)  # the low 8 bits, as −128 … 127
                found.append((int(rows.channel[p]), int(rows.delay[p]), scale, digit))
                dense, scale = (dense - digit) >> 8, scale << 8
        found.sort(key=lambda plane: plane[0])
        scales = np.array([scale & 0xFFFFFFFF for _, _, scale, _ in found], dtype=np.uint32)
        return Planes(
            channel=np.array([channel for channel, _, _, _ in found], dtype=np.int32),
            delay=np.array([delay for _, delay, _, _ in found], dtype=np.int32),
            scale=scales.view(np.int32),
            weight=np.array([w for _, _, _, w in found], dtype=np.int8).reshape(
                len(found), self.pre_size, size
            ),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Layers:
    """A chain of layers; `reach` steps of spikes may still be on their way."""

    name: str
    dt: float
    source: IntegerSource
    layers: tuple[Layer, ...]
    reach: int

    @property
    def sizes(self) -> dict[str, int]:
        """Name → number of neurons, of the source and of every population, in their order."""
        found = {self.source.name: self.source.size}
        return found | {one.population.name: one.population.size for one in self.layers}

    def given(self, first: int, steps: int) -> np.ndarray:
        """Return the spikes that the description gives the source, (1, steps, W) int32."""
        inside = (self.source.steps >= first) & (self.source.steps < first + steps)
        spikes = np.zeros((1, steps, self.source.size), np.uint8)
        spikes[0, self.source.steps[inside] - first, self.source.ids[inside]] = 1
        return pack(spikes)


def layers(network: IntegerNetwork) -> Layers:
    """Read a lowered network as a chain source → p1 → p2 … of static projections.

    Several projections may join the same two groups; delays of 0 steps and of any length may mix.
    Raises UnsupportedModel for everything else, naming the projection or the population.
    """
    name = network.name
    if len(network.sources) != 1:
        found = ", ".join(s.name for s in network.sources) or "none"
        raise UnsupportedModel(f"{name}: layers start at one source, found {found}")
    for q in network.projections:
        if q.rule is not None:
            raise UnsupportedModel(f"{name}: {q.name}: learns; weights of layers are static")
        largest = abs(q.scale) * int(np.max(np.abs(q.weight.astype(np.int64)), initial=0))
        if max(largest, abs(q.scale)) > STATE_LIMIT:
            raise UnsupportedModel(
                f"{name}: {q.name}.weight: one arrival of {largest} LSB, at most {STATE_LIMIT}: "
                "lower the weights, or pass fewer fraction bits"
            )
    found_layers: list[Layer] = []
    pre: IntegerSource | IntegerPopulation = network.sources[0]
    seen = [pre.name]
    while leading := [q for q in network.projections if q.pre == pre.name]:
        for q in leading:
            if q.post in seen:
                raise UnsupportedModel(
                    f"{name}: {q.name}: leads back from {q.pre} to {q.post}; "
                    "layers have no recurrence"
                )
            if q.post != leading[0].post:
                raise UnsupportedModel(
                    f"{name}: {q.name}: leads from {q.pre} to {q.post}, but "
                    f"{leading[0].name} leads to {leading[0].post}; layers are a chain"
                )
        post = network[leading[0].post]
        _check_population(name, post)
        for q in network.projections:
            if q.post == post.name and q.pre != pre.name:
                raise UnsupportedModel(
                    f"{name}: {q.name}: leads from {q.pre} to {q.post}, past {pre.name}; "
                    "layers are a chain"
                )
        found_layers.append(
            Layer(pre=pre.name, pre_size=pre.size, population=post, projections=tuple(leading))
        )
        pre = post
        seen.append(pre.name)
    for p in network.populations:
        if p.name not in seen:
            raise UnsupportedModel(f"{name}: {p.name}: no chain of projections leads to it")
    return Layers(
        name=name,
        dt=network.dt,
        source=network.sources[0],
        layers=tuple(found_layers),
        reach=network.max_delay,
    )


def _check_population(name: str, p: object) -> None:
    if not isinstance(p, IntegerPopulation):
        which = getattr(p, "name", "?")
        raise UnsupportedModel(
            f"{name}: {which}: {type(p).__name__}: layers are made of leaky neurons with currents"
        )
    if p.winners:
        raise UnsupportedModel(
            f"{name}: {p.name}: HardWTA: the neurons of a layer do not see each other"
        )
    for c in p.channels:
        if isinstance(c, PlateauChannel):
            raise UnsupportedModel(f"{name}: {p.name}.{c.name}: layers have no plateau branches")
