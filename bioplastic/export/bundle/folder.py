"""A bundle: a Loihi network, a stimulus, and the spikes that belong to it, sealed together.

A folder, complete or absent, of three files and what an export adds for its tool:
    network.json   groups and projections by number: names, sizes, decays, thresholds, exponents
    arrays.h5      synapses, biases; stimulus/K and expected/K with steps and ids; end/u and end/v
    index.json     format, specification, number of steps, sizes and SHA-256 of the other two
Whoever replays it needs numpy and h5py and nothing of this package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bioplastic import hdf5, hdf5_guard
from bioplastic.atomic import publish_new
from bioplastic.errors import CorruptFile, UsageError, one_line
from bioplastic.export.bundle.sealed import listed, read_json, seal, unseal, write_json
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.quantize.loihi import (
    SPECIFICATION,
    LoihiNetwork,
    LoihiPopulation,
    LoihiProjection,
    LoihiSource,
)
from bioplastic.unit_si import Malformed

FORMAT = "bioplastic-bundle"
NETWORK, ARRAYS = "network.json", "arrays.h5"
LIMIT = 4 * 2**30
MOST_UNITS, MOST_CELLS = 1 << 24, 1 << 31
"""Sources and neurons of a bundle, and steps times sources, that reading accepts: what a file only
declares costs whoever replays it memory."""
Spikes = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """A network of the specification `loihi-1` and its golden trace.

    stimulus   source → (steps, ids) of its spikes         steps   length of the trace
    expected   population → (steps, ids), by step and id
    u, v       state of all neurons after the last step, populations in order
    facts      what a person may want to know: figures, layout of a cycle; plain JSON
    """

    network: LoihiNetwork
    stimulus: Mapping[str, Spikes]
    steps: int
    expected: Mapping[str, Spikes]
    u: np.ndarray
    v: np.ndarray
    facts: Mapping[str, Any] = field(default_factory=dict)


def made(
    network: LoihiNetwork,
    stimulus: Mapping[str, Spikes],
    steps: int,
    facts: Mapping[str, Any] | None = None,
) -> Bundle:
    """Run the network on its stimulus and keep what came out."""
    run = run_loihi(network, stimulus, steps)
    return Bundle(
        network=network,
        stimulus={s.name: stimulus.get(s.name, _silent()) for s in network.sources},
        steps=steps,
        expected={name: (r.steps, r.ids) for name, r in run.spikes.items()},
        u=run.state.u,
        v=run.state.v,
        facts=dict(facts or {}),
    )


def write(bundle: Bundle, folder: Path, more: Callable[[Path], None] | None = None) -> Path:
    """Write a bundle into a new folder and return it; it is read back before it appears.

    more   writes further files into the folder before it is sealed
    Raises UsageError when the folder exists, BioplasticError when the disk refuses.
    """

    def fill(partial: Path) -> None:
        if more is not None:
            more(partial)
        write_into(bundle, partial)

    return publish_new(folder, fill, lambda partial: same(read(partial), bundle))


def write_into(bundle: Bundle, folder: Path) -> None:
    """Write the three files into a folder that exists; index.json comes last."""
    net = bundle.network
    table = {
        "name": net.name,
        "dt": net.dt,
        "sources": [{"name": s.name, "size": s.size} for s in net.sources],
        "populations": [
            {key: getattr(p, key) for key in _POPULATION} for p in net.populations
        ],
        "projections": [{key: getattr(q, key) for key in _PROJECTION} for q in net.projections],
    }  # fmt: skip

    def fill(file: h5py.File) -> None:
        for k, p in enumerate(net.populations):
            file[f"populations/{k}/bias_mantissa"] = np.asarray(p.bias_mantissa, np.int64)
            _put(file, f"expected/{k}", bundle.expected[p.name])
        for k, s in enumerate(net.sources):
            _put(file, f"stimulus/{k}", bundle.stimulus[s.name])
        for k, q in enumerate(net.projections):
            for key in ("i", "j", "weight", "delay"):
                file[f"projections/{k}/{key}"] = np.asarray(getattr(q, key), np.int64)
        file["end/u"], file["end/v"] = bundle.u, bundle.v

    write_json(folder / NETWORK, table)
    (folder / ARRAYS).write_bytes(hdf5.image(fill))
    body = {"specification": SPECIFICATION, "steps": bundle.steps, "facts": dict(bundle.facts)}
    seal(folder, FORMAT, body)


def read(folder: Path) -> Bundle:
    """Read a bundle that nobody vouches for.

    Raises UsageError where there is no folder, CorruptFile where anything is missing, was changed,
    or is not what a bundle holds.
    """
    index = unseal(folder, FORMAT)
    if index.get("specification") != SPECIFICATION:
        raise CorruptFile(f"{folder}: its specification is not {SPECIFICATION!r}")
    steps, facts = index.get("steps"), index.get("facts")
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
        raise CorruptFile(f"{folder}: steps must be a whole number, 0 or more")
    if not isinstance(facts, dict):
        raise CorruptFile(f"{folder}: facts: must be a JSON object")
    table = read_json(listed(folder, index, NETWORK))
    arrays = hdf5_guard.arrays(listed(folder, index, ARRAYS), LIMIT)
    try:
        network = _network(table, arrays)
        refuse_too_many(network, steps)
        stimulus = {
            s.name: _spikes(arrays, f"stimulus/{k}", s.size, steps)
            for k, s in enumerate(network.sources)
        }
        expected = {
            p.name: _spikes(arrays, f"expected/{k}", p.size, steps)
            for k, p in enumerate(network.populations)
        }
        count = sum(p.size for p in network.populations)
        u, v = (_whole(arrays, f"end/{x}") for x in "uv")
        if u.shape != (count,) or v.shape != (count,):
            raise Malformed(f"end state of {u.shape}, {v.shape} for {count} neurons")
    except (Malformed, UsageError) as error:
        raise CorruptFile(f"{folder}: {one_line(error)}") from None
    return Bundle(
        network=network, stimulus=stimulus, steps=steps, expected=expected, u=u, v=v, facts=facts
    )


def refuse_too_many(network: LoihiNetwork, steps: int) -> None:
    """Raise Malformed where a replay would need more memory than `MOST_UNITS` and `MOST_CELLS`."""
    sources = sum(s.size for s in network.sources)
    units = sources + sum(p.size for p in network.populations)
    if units > MOST_UNITS or steps * max(sources, 1) > MOST_CELLS:
        raise Malformed(
            f"{steps:,} steps of {sources:,} sources, {units:,} units: a bundle holds at most"
            f" {MOST_UNITS:,} units and {MOST_CELLS:,} steps x sources"
        )


def same(a: Bundle, b: Bundle) -> bool:
    """Whether two bundles hold the same network, trace and facts."""
    return _flat(a) == _flat(b)


_POPULATION = ("name", "size", "du", "dv", "vth", "bias_exponent", "refractory")
_PROJECTION = ("name", "pre", "post", "exponent")


def _silent() -> Spikes:
    return np.zeros(0, np.int64), np.zeros(0, np.int64)


def _put(file: h5py.File, where: str, spikes: Spikes) -> None:
    file[f"{where}/steps"], file[f"{where}/ids"] = (np.asarray(a, np.int64) for a in spikes)


def _whole(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """A row of int64 numbers."""
    if name not in arrays:
        raise Malformed(f"{name} is missing")
    values = arrays[name]
    if values.ndim != 1 or values.dtype != np.int64:
        raise Malformed(f"{name}: {values.dtype} {values.shape} is not a row of int64")
    return values


def _spikes(arrays: Mapping[str, np.ndarray], where: str, size: int, steps: int) -> Spikes:
    when, which = _whole(arrays, f"{where}/steps"), _whole(arrays, f"{where}/ids")
    if len(when) != len(which):
        raise Malformed(f"{where}: {len(when)} steps for {len(which)} ids")
    if len(when) and not (
        0 <= when.min() <= when.max() < steps and 0 <= which.min() <= which.max() < size
    ):
        raise Malformed(f"{where}: a spike outside the trace or the group")
    return when, which


def _field(entry: Any, key: str, kind: type) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get(key), kind):
        raise Malformed(f"{NETWORK}: {key} is missing or of another type")
    if isinstance(entry[key], bool):
        raise Malformed(f"{NETWORK}: {key} is a truth value")
    return entry[key]


def _network(table: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> LoihiNetwork:
    dt = _field(table, "dt", float)
    if not 0 < dt < 1e6:
        raise Malformed(f"{NETWORK}: dt = {dt} s")
    return LoihiNetwork(
        name=_field(table, "name", str),
        dt=dt,
        sources=tuple(
            LoihiSource(name=_field(s, "name", str), size=_field(s, "size", int))
            for s in _field(table, "sources", list)
        ),
        populations=tuple(
            LoihiPopulation(
                name=_field(p, "name", str),
                **{key: _field(p, key, int) for key in _POPULATION[1:]},
                bias_mantissa=_whole(arrays, f"populations/{k}/bias_mantissa"),
            )
            for k, p in enumerate(_field(table, "populations", list))
        ),
        projections=tuple(
            LoihiProjection(
                name=_field(q, "name", str),
                pre=_field(q, "pre", str),
                post=_field(q, "post", str),
                exponent=_field(q, "exponent", int),
                i=_whole(arrays, f"projections/{k}/i"),
                j=_whole(arrays, f"projections/{k}/j"),
                weight=_whole(arrays, f"projections/{k}/weight"),
                delay=_whole(arrays, f"projections/{k}/delay"),
            )
            for k, q in enumerate(_field(table, "projections", list))
        ),
    )  # fmt: skip


_LISTS = ("i", "j", "weight", "delay")


def _flat(bundle: Bundle) -> list[Any]:
    """Everything in a bundle as plain Python, for comparison."""
    net = bundle.network
    return [
        net.name, net.dt, bundle.steps, dict(bundle.facts),
        [(s.name, s.size, *(np.asarray(a).tolist() for a in bundle.stimulus[s.name]))
         for s in net.sources],
        [([getattr(p, k) for k in _POPULATION], np.asarray(p.bias_mantissa).tolist(),
          *(np.asarray(a).tolist() for a in bundle.expected[p.name])) for p in net.populations],
        [([getattr(q, k) for k in _PROJECTION],
          *(np.asarray(getattr(q, k)).tolist() for k in _LISTS)) for q in net.projections],
        np.asarray(bundle.u).tolist(), np.asarray(bundle.v).tolist(),
    ]  # fmt: skip
