"""Keys and routing tables of a compiled network: does every spike have one key, and arrive?

A spike of a neuron has the key of its part of the population plus neuron << colour bits. On each
chip the first entry with key & mask == its key decides; where there is none a packet goes straight
on. Links 0 to 5 lead east, north-east, north, west, south-west, south.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LINKS = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))


@dataclass(frozen=True, kw_only=True)
class Part:
    """Neurons first..last of a group on one core; key and mask are None if nobody hears them."""

    label: str
    kind: str
    part: str
    first: int
    last: int
    core: tuple[int, int, int]
    colour_bits: int
    key: int | None
    mask: int | None

    @property
    def neurons(self) -> bool:
        """Whether its neurons live here; large fan-in puts their synapses on a core beside."""
        return "Synapses" not in self.part

    @property
    def hears(self) -> bool:
        """Whether spikes come here."""
        return "Neurons" not in self.part

    @property
    def count(self) -> int:
        """Number of neurons."""
        return self.last - self.first + 1


def parts(report: Mapping[str, Any]) -> list[Part]:
    """The parts of a compile report, in order of label and first neuron."""
    keys = {
        (k["label"], k["first"]): (k["key"], k["mask"])
        for k in report["keys"] if k["first"] is not None
    }  # fmt: skip
    found = []
    for p in report["placements"]:
        key, mask = keys.get((p["label"], p["first"]), (None, None))
        found.append(
            Part(
                label=p["label"], kind=p["kind"], part=p["part"], first=p["first"], last=p["last"],
                core=(p["x"], p["y"], p["p"]), colour_bits=p["colour_bits"], key=key, mask=mask,
            )
        )  # fmt: skip
    return sorted(found, key=lambda p: (p.label, p.first))


def uncovered(every: Sequence[Part], sizes: Mapping[str, int], heard: set[str]) -> str | None:
    """What is wrong with placements and keys, in words, or None.

    sizes   neurons of each group      heard   groups that have synapses, and so need keys
    Each neuron lies on one core, has one key, and no key means two neurons.
    """
    for label, size in sizes.items():
        mine = [p for p in every if p.label == label and p.neurons]
        at = 0
        for p in mine:
            if p.first != at:
                return f"{label}: neurons {at} to {p.first - 1} are placed {_times(p.first - at)}"
            at = p.last + 1
        if at != size:
            return f"{label}: {at} neurons are placed, of {size}"
        if label in heard and any(p.key is None for p in mine):
            return f"{label}: a part has no key, though it has synapses"
    keyed = [p for p in every if p.neurons and p.key is not None and p.mask is not None]
    for k, a in enumerate(keyed):
        assert a.key is not None
        assert a.mask is not None
        room = (~a.mask & 0xFFFF_FFFF) + 1
        if a.kind != "DelayExtensionVertex" and a.count << a.colour_bits > room:
            return f"{a.label}: {a.count} neurons do not fit the {room} keys of {a.key:#x}"
        if a.key & a.mask != a.key:
            return f"{a.label}: key {a.key:#x} has bits outside its mask {a.mask:#x}"
        for b in keyed[k + 1 :]:
            assert b.key is not None
            assert b.mask is not None
            if (a.key ^ b.key) & a.mask & b.mask == 0:
                return f"{a.label} and {b.label}: key {b.key:#x} is in both"
    return None


def _times(gap: int) -> str:
    return "nowhere" if gap > 0 else "twice"


def reached(
    tables: Mapping[str, Any], start: tuple[int, int], key: int
) -> set[tuple[int, int, int]]:
    """Cores (x, y, p) that a packet with this key comes to, from a core of chip `start`."""
    found: set[tuple[int, int, int]] = set()
    ahead: list[tuple[tuple[int, int], int | None]] = [(start, None)]
    seen = set()
    while ahead:
        chip, link = ahead.pop()
        if (chip, link) in seen:
            continue
        seen.add((chip, link))
        entry = next(
            (e for e in tables.get(f"{chip[0]},{chip[1]}", ()) if key & e[1] == e[0]), None
        )
        links = [link] if entry is None and link is not None else [] if entry is None else entry[2]
        found |= {(*chip, core) for core in (entry[3] if entry is not None else ())}
        for out in links:
            x, y = LINKS[out]
            nearby = chip[0] + x, chip[1] + y
            if 0 <= nearby[0] < 8 and 0 <= nearby[1] < 8:
                ahead.append((nearby, out))
    return found


def unreached(
    tables: Mapping[str, Any], every: Sequence[Part], ears: Sequence[Part], pre: str,
    neurons: np.ndarray, late: np.ndarray,
) -> str | None:  # fmt: skip
    """Which spikes do not come to the core that has synapses for them, in words, or None.

    ears           the cores that hold synapses of some post neurons: a spike comes to one of them
    neurons (S,)   pre neuron of each synapse there
    late (S,)      whether its delay is beyond the ring buffer: such a spike goes to a core that
                   holds it back, and from there to the ears
    """
    hops = {p.first: p for p in every if p.label == f"{pre}_delayed"}
    for p in (p for p in every if p.label == pre and p.neurons):
        own = (neurons >= p.first) & (neurons <= p.last)
        way: list[tuple[Part, Sequence[Part]]] = [(p, ears)] if np.any(own & ~late) else []
        if np.any(own & late):
            if p.first not in hops:
                return f"{pre}[{p.first}..{p.last}]: no core holds back its long delays"
            way += [(p, [hops[p.first]]), (hops[p.first], ears)]
        for a, goals in way:
            came = set() if a.key is None else reached(tables, a.core[:2], a.key)
            if len(came & {b.core for b in goals}) != 1:
                return (
                    f"{a.label}[{a.first}..{a.last}], key {a.key}: comes to"
                    f" {len(came & {b.core for b in goals})} of the cores"
                    f" {[b.core for b in goals]} of {goals[0].label}, not to one"
                )
    return None
