"""Which lowered networks the fused loop knows, and their numbers, laid out for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_network import (
    ExponentialChannel,
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
)
from bioplastic.quantize.integer_rule import IntegerChange, IntegerJump, IntegerTraceRule


class Change(NamedTuple):
    """One weight change: (towards[e] x + constant[e]) in Q(20 + fraction), e the table entry.

    number   0 where there is none, else 1; shift turns the sum into Q8
    """

    number: int
    towards: np.ndarray
    constant: np.ndarray
    shift: int


class Synapses(NamedTuple):
    """One dense projection: weights (P, N), their scale, bounds and changes."""

    weight: np.ndarray
    scale: int
    low: int
    high: int
    entry: int
    on_pre: Change
    on_post: Change
    place: int  # of the projection in the network: the last word of a dither's counter


class Neurons(NamedTuple):
    """The numbers of the population; `cycle` 0 is one competition for the whole run."""

    pvv: int
    pii: int
    pvi: int
    v_th: int
    v_reset: int
    refractory: int
    winners: int
    cycle: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Circuit:
    """A lowered network that the fused loop knows: pixels and clock, one population under HardWTA.

    image, clock     the projections from the two sources, in the order of the network
    jump, table      step of the pre trace of the image and its decay, 0 and empty when static
    """

    network: IntegerNetwork
    population: IntegerPopulation
    image: IntegerProjection
    clock: IntegerProjection
    jump: int
    table: np.ndarray

    def neurons(self) -> Neurons:
        """The numbers of the population."""
        p = self.population
        channel = p.channels[0]
        assert isinstance(channel, ExponentialChannel)
        return Neurons(
            pvv=p.pvv, pii=channel.pii, pvi=channel.pvi, v_th=p.v_th, v_reset=p.v_reset,
            refractory=p.refractory, winners=p.winners, cycle=p.cycle,
        )  # fmt: skip

    def synapses(self, q: IntegerProjection, weight: np.ndarray) -> Synapses:
        """A projection with these weights (S,), which the loop changes in place."""
        rule = q.rule
        low, high, shift = 0, 0, 0
        if isinstance(rule, IntegerTraceRule):
            low, high, shift = rule.low, rule.high, rule.shift
        return Synapses(
            weight=weight.reshape(-1, self.population.size),
            scale=int(q.scale),
            low=low,
            high=high,
            entry=shift,
            on_pre=_change(rule, "on_pre"),
            on_post=_change(rule, "on_post"),
            place=[one.name for one in self.network.projections].index(q.name),
        )


def _change(rule: object, side: str) -> Change:
    none = np.zeros(128, np.int64)
    found = [s for s in getattr(rule, side, ()) if isinstance(s, IntegerChange)]
    if not found:
        return Change(0, none, none, 1)
    towards, constant = none.copy(), none.copy()
    for term in found[0].terms:
        (towards if term.pre else constant)[:] += term.table
    return Change(1, towards, constant, fp.TRACE + found[0].fraction - fp.DITHER)


def circuit(network: IntegerNetwork) -> Circuit:
    """Read a lowered network; UnsupportedModel, naming the object, for any other shape.

    Two sources, one leaky population with one exponential current under HardWTA, one dense
    projection of delay one step from each source; the first may have one pre trace, the second,
    from a single neuron, none. `bioplastic.networks.wta_classifier` describes them.
    """
    name = network.name
    if len(network.sources) != 2 or len(network.populations) != 1 or len(network.projections) != 2:
        raise UnsupportedModel(f"{name}: the classifier kernel runs two sources, one population")
    p = network.populations[0]
    if (
        not isinstance(p, IntegerPopulation)
        or len(p.channels) != 1
        or not isinstance(p.channels[0], ExponentialChannel)
        or p.theta_step
        or p.winners < 1
        or np.any(p.offset)
        or (p.cycle and p.starts != (0,))
    ):
        raise UnsupportedModel(
            f"{name}: {p.name}: the classifier kernel runs LIF neurons with one exponential "
            "current, without offset, under HardWTA"
        )
    by_pre = {q.pre: q for q in network.projections}
    if set(by_pre) != {s.name for s in network.sources} or network.sources[1].size != 1:
        raise UnsupportedModel(f"{name}: the classifier kernel needs a source of size 1 second")
    for q in network.projections:
        if not q.full or q.delays.tolist() != [1] or q.channel != 0:
            raise UnsupportedModel(f"{name}: {q.name}: must be dense, with a delay of one step")
    image, clock = (by_pre[s.name] for s in network.sources)
    jump, table = _image(name, image)
    _clock(name, clock)
    return Circuit(
        network=network, population=p, image=image, clock=clock, jump=jump, table=table
    )  # fmt: skip


def _image(name: str, q: IntegerProjection) -> tuple[int, np.ndarray]:
    """Step and decay of the pre trace."""
    rule = q.rule
    if rule is None:
        return 0, np.zeros(1, np.int32)
    if (
        not isinstance(rule, IntegerTraceRule)
        or rule.fresh
        or len(rule.pre_traces) != 1
        or rule.post_traces
        or [type(s) for s in rule.on_pre] != [IntegerJump]
        or [type(s) for s in rule.on_post] != [IntegerChange]
        or not _simple(rule)
    ):
        raise UnsupportedModel(f"{name}: {q.name}: a jump on pre and one change on post only")
    (jump,) = rule.on_pre
    assert isinstance(jump, IntegerJump)
    return jump.amount, rule.pre_traces[0].table


def _clock(name: str, q: IntegerProjection) -> None:
    rule = q.rule
    if rule is not None and (
        not isinstance(rule, IntegerTraceRule)
        or rule.fresh
        or rule.pre_traces
        or rule.post_traces
        or len(rule.on_pre) > 1
        or len(rule.on_post) > 1
        or not _simple(rule)
    ):
        raise UnsupportedModel(f"{name}: {q.name}: at most one change on each side, no trace")


def _simple(rule: IntegerTraceRule) -> bool:
    """Whether changes read one pre trace at most."""
    changes = [s for s in (*rule.on_pre, *rule.on_post) if isinstance(s, IntegerChange)]
    return all(t.pre in ((), (0,)) and not t.post for c in changes for t in c.terms)
