"""Every reader of files, with a whole file to break and the ways to break it.

A `Target` holds whole files as bytes; `broken` returns them with some of them damaged and, most of
the time, sealed again, as a forger would do it, so that what lies behind the seal is reached too.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from brian2 import ms, mV, nS, pF

from bioplastic import config, learned_file, result_file, runs, serialise, strict_json
from bioplastic.description import LIF, Compartment, ExponentialCurrent
from bioplastic.errors import CorruptFile, Malformed, one_line
from bioplastic.export.aer import aedat2, aedat4, eieio, evt3, lz4
from bioplastic.export.aer.address import in_order
from bioplastic.export.aer.fold import Fold
from bioplastic.export.aer.forms import AEDAT2, AEDAT4, EVT3
from bioplastic.export.bundle import folder as bundle
from bioplastic.export.bundle import sealed
from bioplastic.export.nir import golden as nir_golden
from bioplastic.export.nir import read as nir_read
from bioplastic.export.nir import target as nir
from bioplastic.export.nir.graph import canonical
from bioplastic.export.plastic import bundle as plastic_bundle
from bioplastic.export.plastic import rule as plastic_rule
from bioplastic.export.plastic import trains as plastic_trains
from bioplastic.export.sanafe import cable as cables
from bioplastic.export.sanafe.branch import TapSynapses, cable_taps
from bioplastic.export.sonata import network as sonata_network
from bioplastic.export.sonata import spikes as sonata
from bioplastic.export.spinnaker import target as spinnaker
from bioplastic.export.spinnaker import verify as spinnaker_verify
from bioplastic.export.xylo import bundle as xylo_bundle
from bioplastic.learned import Learned
from bioplastic.quantize.loihi import LoihiNetwork, LoihiPopulation, LoihiProjection, LoihiSource
from bioplastic.quantize.xylo import XyloNetwork, XyloSynapses
from bioplastic.result import Quantity, SpikeRecord
from bioplastic.simulate.checkpoint import State
from tests.export import pynn_small, rules
from tests.export.test_nir import STEPS, exact_network
from tests.hostile import mutate
from tests.hostile.mutate import Draw
from tests.learned.conftest import everything_learned

Files = dict[str, bytes]


@dataclass(frozen=True)
class Target:
    """files   whole, by name      read    takes the folder that holds them
    broken  (files, draw) -> files"""

    files: Files
    read: Callable[[Path], Any]
    broken: Callable[[Files, Draw], Files]


def _kind(name: str) -> Callable[[bytes, Draw], bytes]:
    """How to break a file of that name."""
    suffix = Path(name).suffix
    if suffix in (".nir", ".nird"):
        return lambda raw, draw: draw.choice(
            (mutate.broken_hdf5, mutate.broken_tree_of_numbers, mutate.broken)
        )(raw, draw)
    if suffix == ".npz":
        return lambda raw, draw: (
            mutate.broken_npz(raw, draw) if draw.random() < 0.8 else mutate.broken(raw, draw)
        )
    if suffix == ".h5":
        return lambda raw, draw: (
            mutate.broken_hdf5(raw, draw) if draw.random() < 0.6 else mutate.broken(raw, draw)
        )
    if suffix == ".json":
        return mutate.broken_json
    return mutate.broken


def _one(files: Files, draw: Draw) -> Files:
    """Break one file and leave it at that."""
    name = draw.choice(sorted(files))
    if len(files) > 1 and draw.random() < 0.03:
        return {k: v for k, v in files.items() if k != name}
    return {**files, name: _kind(name)(files[name], draw)}


def _sealed(files: Files, draw: Draw) -> Files:
    """Break a file of an export and, nine times of ten, its index vouches for the broken one."""
    found = _one(files, draw)
    if draw.random() < 0.1 or sealed.INDEX not in found:
        return found
    try:
        table = json.loads(found[sealed.INDEX])
        table.pop("sha256", None)
        if found[sealed.INDEX] == files[sealed.INDEX]:
            table["files"] = {k: _print(v) for k, v in found.items() if k != sealed.INDEX}
        table["sha256"] = sealed._digest(table)
        return {**found, sealed.INDEX: json.dumps(table).encode()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return found


def _print(raw: bytes) -> dict[str, Any]:
    return {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


def _exported(form: Any) -> Files:
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        form.write({k: in_order(k, r) for k, r in _spikes().items()}, folder)
        return _held(folder)


def _held(folder: Path) -> Files:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def _spikes() -> dict[str, SpikeRecord]:
    rng = np.random.default_rng(3)
    places = np.sort(rng.choice(2000 * 20, size=120, replace=False))

    def record(name: str, steps: Any, ids: Any, size: int, **more: Any) -> SpikeRecord:
        return SpikeRecord(
            population=name, steps=np.asarray(steps, np.int64), ids=np.asarray(ids, np.int64),
            size=size, **{"dt": 1e-4, **more},
        )  # fmt: skip

    return {
        "cells": record("cells", places // 20, places % 20, 20),
        "out put": record("out put", [0, 3, 20_000_000], [1, 0, 1], 2, dt=1e-3, labels=("a", "β")),
        "silent": record("silent", [], [], 3),
    }


def _file(name: str, make: Callable[[Path], Any], read: Callable[[Path], Any]) -> Target:
    with tempfile.TemporaryDirectory() as held:
        make(Path(held) / name)
        files = _held(Path(held))
    return Target(files, lambda folder: read(folder / name), _one)


def _resealed(raw: bytes) -> bytes:
    head, body = learned_file.HEAD, raw[learned_file.HEAD :]
    line = f"bioplastic-learned 1 {len(raw)} {hashlib.sha256(body).hexdigest()}\n".encode()
    return line.ljust(head - 1) + b"\n" + body


def _broken_learned(files: Files, draw: Draw) -> Files:
    """Break the bytes, the HDF5 inside, or what the HDF5 says, sealed at every level."""
    (raw,) = files.values()
    what = draw.random()
    if what < 0.15:
        new = mutate.broken(raw, draw)
    elif what < 0.35:
        new = raw[: learned_file.HEAD] + mutate.broken(raw[learned_file.HEAD :], draw)
        new = _resealed(new)
    elif what < 0.65:
        new = _resealed(mutate.broken_hdf5(raw, draw))
    else:
        content = _learned_content()
        part = draw.random()
        if part < 0.6:
            tree = mutate.broken_tree(json.loads(content.description), draw)
            content = dataclasses.replace(content, description=json.dumps(tree))
        elif part < 0.7:
            manifest = mutate.broken_json(content.manifest.encode(), draw).decode("latin-1")
            manifest = manifest.encode("ascii", "ignore").decode().replace("\0", "")
            content = dataclasses.replace(content, manifest=manifest)
        else:
            content = dataclasses.replace(content, arrays=_other_arrays(content.arrays, draw))
        try:
            new = _written(content)
        except (ValueError, TypeError, UnicodeError):  # what cannot be written cannot be read
            new = mutate.broken(raw, draw)
    return {"learned.h5": new}


def _other_arrays(arrays: Any, draw: Draw) -> dict[str, Any]:
    found = dict(arrays)
    name = draw.choice(sorted(found))
    values, unit = found.pop(name)
    what = draw.randrange(7)
    if what == 0:
        return found
    if what == 1:
        unit = draw.choice(("V", "1", "A", "s", "m^2", "kg^-1 s^3", "x", "m^99", "", "m^0.5", "pA"))
    elif what == 2:
        values = np.asarray(values).astype(draw.choice(("f4", "i1", "u8", "f8", "?")))
    elif what == 3:
        values = np.zeros(draw.choice(((), (0,), (1,), (3, 3), (2**16,))), values.dtype)
    elif what == 4 and values.size:
        values = np.array(values)
        extreme = draw.choice((0, -1, 2**31 - 1, 127, 10**6))
        values.reshape(-1)[draw.randrange(values.size)] = np.array(extreme).astype(values.dtype)
    elif what == 5:
        name = draw.choice(("arrays/new", "network/new", "arrays/in/weight", name + "x"))
    elif values.dtype.kind == "f":
        values = np.full_like(values, draw.choice((np.nan, np.inf, -1.0, 1e300)))
    found[name] = (values, unit)
    return found


@functools.cache
def _learned_content() -> learned_file.Content:
    return everything_learned()._content()


def _written(content: learned_file.Content) -> bytes:
    with tempfile.TemporaryDirectory() as held:
        learned_file.write(Path(held) / "x.h5", content)
        return (Path(held) / "x.h5").read_bytes()


def _result(path: Path) -> None:
    arrays = {
        "w": Quantity(values=np.arange(6, dtype=np.int8).reshape(2, 3)),
        "v": Quantity(values=np.linspace(-70, -50, 200), unit="mV"),
        "z": Quantity(values=np.array([1 + 2j])),
    }
    result_file.write_result(path, _spikes(), arrays)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One field of every kind."""

    count: int = config.setting(3, low=1, high=10)
    ratio: float = config.setting(0.5, low=0, high=1)
    tau: Any = config.setting(20 * ms, low=1 * ms, high=100 * ms)
    flag: bool = True
    path: Path = Path("x")
    word: Literal["a", "b"] = "a"
    maybe: int | None = None
    several: tuple[float, ...] = (1.0, 2.0)


TOML = config.to_toml(Settings(), experiment="x", seed=1).encode()
METRICS = b'{"a": 1.5, "b": null}'


def _run() -> Files:
    files = {"config.toml": TOML, "metrics.json": METRICS, "report.html": b"<p>"}
    with tempfile.TemporaryDirectory() as held:
        _result(Path(held) / "result.h5")
        files |= _held(Path(held))
    return _listed(files)


def _listed(files: Files) -> Files:
    listed = {k: _print(v) for k, v in files.items() if k != "manifest.json"}
    table = {"format": runs.FORMAT, "version": runs.VERSION, "seed": 1, "files": listed}
    return {**files, "manifest.json": json.dumps(table).encode()}


def _broken_run(files: Files, draw: Draw) -> Files:
    found = _one(files, draw)
    if found.get("manifest.json") == files["manifest.json"] and draw.random() < 0.9:
        return _listed(found)
    return found


def _read_run(folder: Path) -> None:
    run = runs.RunFolder.open(folder)
    config.from_toml(Settings, run.config_text)
    result_file.read_spikes(folder / "result.h5")


def _bundle() -> Files:
    net = LoihiNetwork(
        name="small", dt=1e-3,
        sources=(LoihiSource(name="in", size=3),),
        populations=(
            LoihiPopulation(name="a", size=4, du=4095, dv=100, vth=20),
            LoihiPopulation(name="b", size=2, du=200, dv=0, vth=50, refractory=3,
                            bias_mantissa=np.array([1, 2]), bias_exponent=3),
        ),
        projections=(
            LoihiProjection(name="ia", pre="in", post="a", i=np.array([0, 1, 2]),
                            j=np.array([0, 1, 3]), weight=np.array([40, 60, -20]),
                            delay=np.array([0, 5, 62])),
            LoihiProjection(name="ab", pre="a", post="b", i=np.array([0]), j=np.array([1]),
                            weight=np.array([200]), delay=np.array([1]), exponent=2),
        ),
    )  # fmt: skip
    steps = np.arange(0, 60, 3)
    made = bundle.made(net, {"in": (steps, steps % 3)}, 60, {"why": "a test"})
    with tempfile.TemporaryDirectory() as held:
        return _held(bundle.write(made, Path(held) / "b"))


def _xylo() -> Files:
    def listed(*rows: tuple[int, int, int, int], shift: int = 1) -> XyloSynapses:
        i, j, synapse, weight = np.array(rows, np.int64).T
        return XyloSynapses(i=i, j=j, synapse=synapse, weight=weight, shift=shift)

    ones = np.ones(3, np.int64)
    net = XyloNetwork(
        name="small", dt=1e-3, inputs=2, labels={"all": (0, 3)},
        w_in=listed((0, 0, 0, 90), (1, 1, 1, 70)), w_rec=listed((0, 2, 0, 60), (1, 2, 1, -20)),
        w_out=listed((2, 0, 0, 100), (0, 1, 0, 50)), dash_mem=2 * ones,
        dash_syn=np.ones((3, 2), np.int64), threshold=40 * ones, dash_mem_out=ones[:2],
        dash_syn_out=ones[:2], threshold_out=50 * ones[:2],
    )  # fmt: skip
    events = np.zeros((40, 2), np.int64)
    events[::3, 0], events[1::4, 1] = 1, 2
    with tempfile.TemporaryDirectory() as held:
        return _held(xylo_bundle.write(xylo_bundle.made(net, events), Path(held) / "b"))


def _loihi() -> tuple[LoihiNetwork, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Two populations and their sources: self-loops, a chain, delays 0 to 3."""
    net, stimulus = exact_network()
    kept = net.populations[:2]
    links = tuple(q for q in net.projections[:5])
    return dataclasses.replace(net, populations=kept, projections=links), stimulus


@functools.cache
def _nir() -> Files:
    net, stimulus = _loihi()
    with tempfile.TemporaryDirectory() as held:
        nir.write_into(bundle.made(net, stimulus, STEPS), Path(held), {"a": {"b": 1.5}})
        return _held(Path(held))


def _graph(name: str, read: Callable[[Path], Any]) -> Target:
    return Target({name: _nir()[name]}, lambda folder: read(folder / name), _one)


def _cable() -> Files:
    """One neuron with two taps, four sources, 40 steps."""
    ampa = (ExponentialCurrent(name="ampa", tau=4 * ms),)
    chain = [Compartment(name=n, g_c=20 * nS, receptors=ampa) for n in ("near", "far")]
    taps = cable_taps(chain, LIF(c_m=150 * pF), dt=0.25 * ms, unit=0.05 * mV)
    source = np.arange(4)
    synapses = TapSynapses(
        source=source, neuron=source * 0, site=["near.ampa", "far.ampa"] * 2,
        weight=np.full(4, 1e-9), delay=source * 0 + 1,
    )  # fmt: skip
    raster = np.random.default_rng(1).integers(0, 2, (4, 40))
    with tempfile.TemporaryDirectory() as held:
        return _held(cables.write(cables.made(taps, synapses, raster, 1), Path(held) / "b"))


def _rules() -> Files:
    """A rule on both targets, one that only Loihi holds, one on none."""
    pre, post = plastic_trains.forced(0.03)
    every = {"pair": rules.PAIR, "three": rules.TRIPLET, "near": rules.NEAREST}
    traced = tuple(
        plastic_bundle._traced(
            name, rule, plastic_rule.products(name, rule), pre[:, :60], post[:, :60]
        )
        for name, rule in every.items()
    )
    ready = plastic_bundle.RuleBundle(
        name="rules", pre=pre[:, :60], post=post[:, :60], rules=traced
    )
    with tempfile.TemporaryDirectory() as held:
        return _held(plastic_bundle.write(ready, Path(held) / "b"))


def _pynn() -> Files:
    with tempfile.TemporaryDirectory() as held:
        return _held(
            spinnaker.write(spinnaker.Prepared(network=pynn_small.small()), Path(held) / "b")
        )


def _state(path: Path) -> None:
    arrays = {
        "populations/a/v": np.linspace(-0.07, -0.05, 20), "projections/p/w": np.full(60, 2e-9),
        "populations/a/not_refractory": np.ones(20, bool), "flight/q/pre": np.zeros((0, 2), int),
        "flight/p/pre": np.array([[0, 3], [0, 59], [2, 7]]),
    }  # fmt: skip
    State(network="a β", step=50, dt=1e-4, arrays=arrays).save(path)


def _network() -> Files:
    with tempfile.TemporaryDirectory() as held:
        sonata_network.write(everything_learned(), Path(held))
        return {k: v for k, v in _held(Path(held)).items() if k.endswith(".h5")}


def _events(path: Path, module: Any, fold: Fold | None) -> None:
    time, address = np.arange(0, 6000, 50), np.arange(120) * 7 % 100
    chunks = [(time, address)]
    if fold is None:
        module.write(path, chunks, ["x"])
    else:
        module.write(path, chunks, ["x"], fold)


FOLD = Fold.of(100, 2048)
FRAME = (
    b"\x04\x22\x4d\x18\x60\x40\0" + (16).to_bytes(4, "little")
    + b"\x4fabcd\x04\0\x09\x30xyz\x02\0\x10q"
    + (6).to_bytes(4, "little") + b"\x50after" + bytes(4)
)  # fmt: skip


def _unpack(folder: Path) -> None:
    try:
        lz4.unpack((folder / "x").read_bytes(), 1 << 16)
    except Malformed as error:  # what its callers turn into CorruptFile
        raise CorruptFile(one_line(error)) from None


def _parse(folder: Path) -> None:
    try:
        tree = strict_json.parse((folder / "x.json").read_bytes())
        serialise.load(tree, _network_arrays())
    except Malformed as error:
        raise CorruptFile(one_line(error)) from None


def _network_arrays() -> dict[str, np.ndarray]:
    held = _learned_content().arrays.items()
    return {k.partition("/")[2]: v for k, (v, _) in held if k.startswith("network/")}


def _description() -> Files:
    tree = json.loads(_learned_content().description)
    return {"x.json": json.dumps(tree).encode()}


def _toml(folder: Path) -> None:
    config.from_toml(Settings, (folder / "x").read_text("utf-8", "surrogateescape"))


def _hdf5_of(raw: bytes) -> list[str]:
    """The names in a file, which show that a target holds what it should."""
    names: list[str] = []
    with h5py.File(io.BytesIO(raw)) as file:
        file.visit(names.append)
    return names


MAKERS: dict[str, Callable[[], Target]] = {
    "learned": lambda: Target(
        {"learned.h5": _written(_learned_content())},
        lambda folder: Learned.load(folder / "learned.h5"), _broken_learned,
    ),
    "result-spikes": lambda: _file("result.h5", _result, result_file.read_spikes),
    "result-arrays": lambda: _file("result.h5", _result, result_file.read_arrays),
    "run": lambda: Target(_run(), _read_run, _broken_run),
    "config": lambda: Target({"x": TOML}, _toml, _one),
    "json": lambda: Target(_description(), _parse, _one),
    "aedat2-file": lambda: _file("x", lambda p: _events(p, aedat2, None), aedat2.read),
    "aedat2": lambda: Target(_exported(AEDAT2), AEDAT2.read, _sealed),
    "aedat4-file": lambda: _file("x", lambda p: _events(p, aedat4, FOLD), aedat4.read_xy),
    "aedat4": lambda: Target(_exported(AEDAT4), AEDAT4.read, _sealed),
    "lz4": lambda: Target({"x": FRAME}, _unpack, _one),
    "evt3-file": lambda: _file("x", lambda p: _events(p, evt3, FOLD), evt3.read_xy),
    "evt3": lambda: Target(_exported(EVT3), EVT3.read, _sealed),
    "sonata": lambda: Target(_exported(sonata), sonata.read, _sealed),
    "sonata-network": lambda: Target(_network(), sonata_network.read, _one),
    "bundle": lambda: Target(_bundle(), bundle.read, _sealed),
    "xylo": lambda: Target(_xylo(), xylo_bundle.read, _sealed),
    "nir-flat": lambda: _graph(nir.FLAT, nir_read.read),
    "nir-nested": lambda: _graph(nir.NESTED, nir_read.read),
    "nir-golden": lambda: _graph(
        nir.GOLDEN, lambda path: nir_golden.read(path, canonical(_loihi()[0]))
    ),
    "eieio": lambda: Target(_exported(eieio), eieio.read, _sealed),
    "cable": lambda: Target(_cable(), cables.read, _sealed),
    "plasticity": lambda: Target(_rules(), plastic_bundle.read, _sealed),
    "spinnaker": lambda: Target(_pynn(), spinnaker_verify.read, _sealed),
    "state": lambda: _file("x.h5", _state, State.load),
}  # fmt: skip
"""Name of a reader -> its target, made when asked for."""
