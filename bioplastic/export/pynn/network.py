"""A network in PyNN's terms: neuron models by name, weights in mV or nA, delays in steps.

It lies in a folder as two files beside the script that builds it:
    network_pynn.json   names, sizes, models, parameters, rules, by number
    network_pynn.npz    source/K/steps, ids; population/K/PARAMETER; projection/K/i, j, …
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.errors import Malformed, UsageError
from bioplastic.export.bundle import twofold
from bioplastic.export.bundle.sealed import write_json
from bioplastic.export.bundle.twofold import Stored

TABLE, ARRAYS = "network_pynn.json", "network_pynn.npz"
RECEPTORS = ("excitatory", "inhibitory")
LIMIT = 4 * 2**30
MOST = 1 << 24
"""Neurons of a group: what a file only declares costs whoever builds it memory."""
Value = float | np.ndarray


@dataclass(frozen=True, kw_only=True)
class PynnRule:
    """An STDPMechanism of PyNN: a timing dependence and a weight dependence, by class name.

    timing, weight             names of sPyNNaker's classes
    timing_args, weight_args   their arguments: times in ms, weights in the unit of the projection
    """

    timing: str
    timing_args: Mapping[str, float]
    weight: str
    weight_args: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class PynnSource:
    """A SpikeSourceArray: spikes (E,) steps and ids."""

    name: str
    size: int
    steps: np.ndarray
    ids: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class PynnPopulation:
    """Neurons of one PyNN model.

    parameters   of the model, scalar or (N,): ms, mV, nA, nF
    most         largest sum of weights in one step, excitatory and inhibitory: sPyNNaker takes the
                 shift of its ring buffers from it; None where it shall estimate them itself
    """

    name: str
    size: int
    model: str
    parameters: Mapping[str, Value]
    most: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class PynnProjection:
    """Synapses onto one receptor, listed.

    i, j (S,)     pre and post index           weight (S,)   mV or nA, 0 or more
    delay (S,)    steps, 1 or more: a spike of step t is read in step t + delay
    """

    name: str
    pre: str
    post: str
    receptor: str
    i: np.ndarray
    j: np.ndarray
    weight: np.ndarray
    delay: np.ndarray
    rule: PynnRule | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class PynnNetwork:
    """A network on a grid of `timestep` ms, with the spikes of its sources.

    steps      length of the stimulus
    left_out   parts of the description that are not in here, each with the reason
    inexact    what the target computes otherwise than the description
    """

    name: str
    timestep: float
    steps: int
    sources: tuple[PynnSource, ...]
    populations: tuple[PynnPopulation, ...]
    projections: tuple[PynnProjection, ...]
    left_out: tuple[str, ...] = ()
    inexact: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Check names and indices."""
        groups: list[PynnSource | PynnPopulation] = [*self.sources, *self.populations]
        sizes = {g.name: g.size for g in groups}
        if len(sizes) != len(groups):
            raise UsageError(f"network {self.name!r}: two groups have one name")
        object.__setattr__(self, "sizes", sizes)
        if not (np.isfinite(self.timestep) and self.timestep > 0 and self.steps >= 0):
            raise UsageError(f"network {self.name!r}: {self.steps} steps of {self.timestep} ms")
        for g in groups:
            if not 1 <= g.size <= MOST:
                raise UsageError(f"{g.name!r}: {g.size:,} neurons: must be 1 to {MOST:,}")
        for s in self.sources:
            if len(s.steps) != len(s.ids):
                raise UsageError(f"source {s.name!r}: steps and ids differ in length")
            _within(f"source {s.name!r}", "step", s.steps, 0, self.steps)
            _within(f"source {s.name!r}", "id", s.ids, 0, s.size)
        words = [w for p in self.populations for w in (p.model, *p.parameters)]
        for rule in (q.rule for q in self.projections if q.rule is not None):
            words += [rule.timing, *rule.timing_args, rule.weight, *rule.weight_args]
        for word in words:
            if not word.isidentifier():  # it becomes a word of the script
                raise UsageError(f"network {self.name!r}: {word!r} is no name of a PyNN class")
        for p in self.populations:
            if not all(np.all(np.isfinite(x)) for x in (*p.parameters.values(), p.most or 0)):
                raise UsageError(f"population {p.name!r}: a parameter that is not finite")
        for q in self.projections:
            owner = f"projection {q.name!r}"
            if q.receptor not in RECEPTORS or q.pre not in sizes or q.post not in sizes:
                raise UsageError(f"{owner}: {q.pre!r} to {q.receptor!r} of {q.post!r}: no such end")
            if len({len(a) for a in (q.i, q.j, q.weight, q.delay)}) != 1:
                raise UsageError(f"{owner}: i, j, weight and delay differ in length")
            _within(owner, "pre", q.i, 0, sizes[q.pre])
            _within(owner, "post", q.j, 0, sizes[q.post])
            _within(owner, "delay", q.delay, 1, 1 << 20)
            if not np.all(np.isfinite(q.weight) & (q.weight >= 0)):
                raise UsageError(f"{owner}: a weight is negative or no number")

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return sum(len(q.i) for q in self.projections)


def _within(owner: str, what: str, values: np.ndarray, low: int, end: int) -> None:
    if len(values) and not low <= int(np.min(values)) <= int(np.max(values)) < end:
        raise UsageError(f"{owner}: a {what} outside {low}..{end - 1}")


def write(network: PynnNetwork, folder: Path) -> None:
    """Write both files into a folder that exists."""
    table, arrays = _stored(network)
    np.savez(folder / ARRAYS, **arrays)  # type: ignore[arg-type]
    write_json(folder / TABLE, table)


def _stored(network: PynnNetwork) -> Stored:
    """What both files hold."""
    arrays: dict[str, np.ndarray] = {}
    for k, s in enumerate(network.sources):
        arrays[f"source/{k}/steps"] = np.asarray(s.steps, np.int64)
        arrays[f"source/{k}/ids"] = np.asarray(s.ids, np.int64)
    populations: list[dict[str, Any]] = []
    for k, p in enumerate(network.populations):
        scalars = {n: float(v) for n, v in p.parameters.items() if np.ndim(v) == 0}
        for name, value in p.parameters.items():
            if name not in scalars:
                arrays[f"population/{k}/{name}"] = np.asarray(value, np.float64)
        populations.append(
            {"name": p.name, "size": p.size, "model": p.model, "parameters": scalars,
             "listed": sorted(set(p.parameters) - set(scalars)),
             "most": None if p.most is None else list(p.most)}
        )  # fmt: skip
    for k, q in enumerate(network.projections):
        for name in ("i", "j", "delay"):
            arrays[f"projection/{k}/{name}"] = np.asarray(getattr(q, name), np.int64)
        arrays[f"projection/{k}/weight"] = np.asarray(q.weight, np.float64)
    rules = [None if q.rule is None else asdict(q.rule) for q in network.projections]
    table: dict[str, Any] = {
        "name": network.name, "timestep_ms": float(network.timestep), "steps": network.steps,
        "sources": [{"name": s.name, "size": s.size} for s in network.sources],
        "populations": populations,
        "projections": [
            {"name": q.name, "pre": q.pre, "post": q.post, "receptor": q.receptor, "rule": rule}
            for q, rule in zip(network.projections, rules, strict=True)
        ],
        "left_out": list(network.left_out), "inexact": list(network.inexact),
    }  # fmt: skip
    return table, arrays


def read(folder: Path) -> PynnNetwork:
    """Read what `write` wrote; CorruptFile where it is not that."""
    return twofold.read(
        folder / TABLE, folder / ARRAYS, LIMIT, what="network", make=_network, store=_stored
    )


def _row(arrays: Mapping[str, np.ndarray], name: str, kind: type, size: int = -1) -> np.ndarray:
    """A row of finite numbers of a type, of `size` where that is known."""
    values = arrays[name]
    if values.ndim != 1 or values.dtype != kind or (size >= 0 and len(values) != size):
        raise Malformed(f"{name}: {values.dtype} {values.shape} is not a row as it must be")
    if not np.all(np.isfinite(values)):
        raise Malformed(f"{name}: a number that is not finite")
    return values


def _network(table: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> PynnNetwork:
    return PynnNetwork(
        name=str(table["name"]),
        timestep=float(table["timestep_ms"]),
        steps=int(table["steps"]),
        sources=tuple(
            PynnSource(
                name=str(s["name"]), size=int(s["size"]),
                ids=_row(arrays, f"source/{k}/ids", np.int64),
                steps=_row(arrays, f"source/{k}/steps", np.int64),
            )
            for k, s in enumerate(table["sources"])
        ),
        populations=tuple(
            PynnPopulation(
                name=str(p["name"]), size=int(p["size"]), model=str(p["model"]),
                parameters={
                    **{str(n): float(v) for n, v in p["parameters"].items()},
                    **{
                        str(n): _row(arrays, f"population/{k}/{n}", np.float64, p["size"])
                        for n in p["listed"]
                    },
                },
                most=None if p["most"] is None else (float(p["most"][0]), float(p["most"][1])),
            )
            for k, p in enumerate(table["populations"])
        ),
        projections=tuple(
            PynnProjection(
                name=str(q["name"]), pre=str(q["pre"]), post=str(q["post"]),
                receptor=str(q["receptor"]), rule=rule(q["rule"]),
                **{n: _row(arrays, f"projection/{k}/{n}", np.int64) for n in ("i", "j", "delay")},
                weight=_row(arrays, f"projection/{k}/weight", np.float64),
            )
            for k, q in enumerate(table["projections"])
        ),
        left_out=tuple(map(str, table["left_out"])),
        inexact=tuple(map(str, table["inexact"])),
    )  # fmt: skip


def rule(entry: Any) -> PynnRule | None:
    """A rule from the JSON values of its fields; whatever Python raises where it is none."""
    if entry is None:
        return None
    return PynnRule(
        timing=str(entry["timing"]), weight=str(entry["weight"]),
        timing_args={str(k): float(v) for k, v in entry["timing_args"].items()},
        weight_args={str(k): float(v) for k, v in entry["weight_args"].items()},
    )  # fmt: skip
