"""A bundle of cables in SANA-FE: its YAML files, a stimulus, and the potentials that belong to it.

A sealed folder:
    architecture.yaml, network.yaml   what SANA-FE loads: group i → group n
    cable.json                        soma, number of neurons, what SANA-FE does not say
    cable.npz                         time, space; source, neuron, tap, jump (S,) of the synapses;
                                      raster (sources, steps); v, spikes (steps, N)
Potentials are those of the arithmetic in `bioplastic.export.sanafe.branch`, one operation after the
other in float64, after the reset of a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.atomic import publish_new
from bioplastic.errors import CorruptFile, Malformed, UnsupportedModel, UsageError
from bioplastic.export.bundle import sealed, twofold
from bioplastic.export.bundle.twofold import Stored
from bioplastic.export.sanafe import network as sanafe
from bioplastic.export.sanafe.branch import Taps, TapSynapses, tap_weights

FORMAT = "bioplastic-cable"
TABLE, ARRAYS = "cable.json", "cable.npz"
LIMIT = 1 << 30
_SOMA = "leak", "threshold", "reset", "bias"
_KINDS = {"f": np.float64, "i": np.int64, "b": np.bool_}
_ROWS = {
    "time": ("f", 1), "space": ("f", 1), "source": ("i", 1), "neuron": ("i", 1), "tap": ("i", 1),
    "jump": ("f", 1), "raster": ("b", 2), "v": ("f", 2), "spikes": ("b", 2),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Cable:
    """N neurons with the same taps, their synapses, a stimulus and what came of it.

    leak, threshold, reset, bias, time, space, lost   of the taps, see `branch.Taps`
    source, neuron, tap (S,) int64, jump (S,)         synapses; jump is what a spike adds to y
    raster (sources, steps) bool                      the stimulus
    v, spikes (steps, N)                              the trace; made from the others if empty
    """

    leak: float
    threshold: float
    reset: float
    bias: float
    time: np.ndarray
    space: np.ndarray
    lost: tuple[str, ...]
    neurons: int
    source: np.ndarray
    neuron: np.ndarray
    tap: np.ndarray
    jump: np.ndarray
    raster: np.ndarray
    v: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    spikes: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.bool_))

    @property
    def steps(self) -> int:
        """Length of the trace."""
        return int(self.raster.shape[1])


def made(taps: Taps, synapses: TapSynapses, raster: np.ndarray, neurons: int) -> Cable:
    """Put cables, synapses and a stimulus together, and run them.

    raster   (sources, steps) of 0 and 1: the spikes of the sources
    neurons  N; a unit of taps each, all on core 0.0
    Raises UnsupportedModel for delays other than one step and for more than one core holds,
    UsageError for indices or sites that are not there.
    """
    given = np.asarray(raster)
    if given.ndim != 2 or not given.size or not np.isin(given, (0, 1)).all():
        raise UsageError(f"raster of {given.shape}: must be (sources, steps) of 0 and 1")
    jumps = tap_weights(taps, synapses, len(given), neurons)
    if len(given) + neurons > sanafe.PER_CORE:
        raise UnsupportedModel(
            f"{neurons} neurons and {len(given)} sources: a core holds {sanafe.PER_CORE}"
        )
    still = Cable(
        leak=taps.leak, threshold=taps.threshold, reset=taps.reset, bias=taps.bias,
        time=np.asarray(taps.time, np.float64), space=np.asarray(taps.space, np.float64),
        lost=taps.lost, neurons=neurons, source=np.asarray(synapses.source, np.int64),
        neuron=np.asarray(synapses.neuron, np.int64),
        tap=np.array([k for k, _ in jumps], np.int64),
        jump=np.array([w for _, w in jumps], np.float64), raster=given.astype(np.bool_),
    )  # fmt: skip
    v, spikes = run(still)
    return _with_trace(still, v, spikes)


def _with_trace(cable: Cable, v: np.ndarray, spikes: np.ndarray) -> Cable:
    held = {name: getattr(cable, name) for name in Cable.__dataclass_fields__}
    return Cable(**{**held, "v": v, "spikes": spikes})


def run(cable: Cable) -> tuple[np.ndarray, np.ndarray]:
    """Step the cables: v (steps, N) float64 and spikes (steps, N) bool."""
    size, steps = len(cable.time), cable.steps
    y, x = np.zeros((size, cable.neurons)), np.zeros(cable.neurons)
    v, spikes = np.zeros((steps, cable.neurons)), np.zeros((steps, cable.neurons), np.bool_)
    for t in range(steps):
        new = y * cable.time[:, None]
        for k in range(size):
            if k > 0:
                new[k - 1] += y[k] * cable.space[k - 1]
                new[k] -= y[k] * cable.space[k - 1]
            if k < size - 1:
                new[k + 1] += y[k] * cable.space[k]
                new[k] -= y[k] * cable.space[k]
        y = new
        x = np.trunc(x * cable.leak * 64) / 64 + cable.bias + y[0]
        spikes[t] = x > cable.threshold
        x = np.where(spikes[t], cable.reset, x)
        v[t] = x
        on = cable.raster[cable.source, t]
        np.add.at(y, (cable.tap[on], cable.neuron[on]), cable.jump[on])
    return v, spikes


def write(cable: Cable, folder: Path) -> Path:
    """Write the bundle into a new folder; it is read back and compared before it appears.

    Raises UsageError when the folder exists, BioplasticError when the disk refuses.
    """

    def fill(partial: Path) -> None:
        for name, text in texts(cable).items():
            (partial / name).write_text(text, encoding="ascii")
        table, arrays = _stored(cable)
        sealed.write_json(partial / TABLE, table)
        np.savez_compressed(partial / ARRAYS, **arrays)  # type: ignore[arg-type]
        sealed.seal(partial, FORMAT, {})

    def whole(partial: Path) -> bool:
        back = read(partial)
        return np.array_equal(back.v, cable.v) and np.array_equal(back.spikes, cable.spikes)

    return publish_new(folder, fill, whole)


def read(folder: Path) -> Cable:
    """Read a bundle; CorruptFile where anything is missing, changed, or not such a bundle."""
    index = sealed.unseal(folder, FORMAT)
    table, arrays = (sealed.listed(folder, index, name) for name in (TABLE, ARRAYS))
    cable = twofold.read(table, arrays, LIMIT, what="cable", make=_cable, store=_stored)
    for name, text in texts(cable).items():
        if sealed.listed(folder, index, name).read_bytes() != text.encode("ascii"):
            raise CorruptFile(f"{folder / name}: not the network of {TABLE} and {ARRAYS}")
    return cable


def _stored(cable: Cable) -> Stored:
    table: dict[str, Any] = {name: getattr(cable, name) for name in _SOMA}
    table |= {"neurons": cable.neurons, "lost": list(cable.lost)}
    return table, {name: getattr(cable, name) for name in _ROWS}


def _cable(table: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Cable:
    held: dict[str, Any] = {name: float(table[name]) for name in _SOMA}
    if not np.all(np.isfinite(list(held.values()))):
        raise Malformed("soma: a number that is not finite")
    rows: dict[str, np.ndarray] = {}
    for name, (kind, ndim) in _ROWS.items():
        values = arrays[name]
        if values.dtype != _KINDS[kind] or values.ndim != ndim:
            raise Malformed(f"{name}: {values.dtype} {values.shape} is not what it must be")
        if not np.all(np.isfinite(values)):
            raise Malformed(f"{name}: a number that is not finite")
        rows[name] = values
    held |= {"neurons": int(table["neurons"]), "lost": tuple(map(str, table["lost"])), **rows}
    cable = Cable(**held)
    sources, taps = len(cable.raster), len(cable.time)
    if not (cable.neurons >= 1 and sources >= 1 and cable.steps >= 1 and taps >= 1):
        raise Malformed("no neurons, sources, steps or taps")
    if sources + cable.neurons > sanafe.PER_CORE or len(cable.space) != taps - 1:
        raise Malformed(f"{sources} sources, {cable.neurons} neurons, {taps} taps")
    if len({len(rows[name]) for name in ("source", "neuron", "tap", "jump")}) > 1:
        raise Malformed("source, neuron, tap and jump differ in length")
    for name, size in (("source", sources), ("neuron", cable.neurons), ("tap", taps)):
        if len(rows[name]) and not 0 <= rows[name].min() <= rows[name].max() < size:
            raise Malformed(f"a {name} outside 0..{size - 1}")
    if not cable.v.shape == cable.spikes.shape == (cable.steps, cable.neurons):
        raise Malformed(f"v {cable.v.shape}, spikes {cable.spikes.shape}")
    return cable


def texts(cable: Cable) -> dict[str, str]:
    """The two files of SANA-FE, by name."""
    sources, neurons = len(cable.raster), cable.neurons
    chip = sanafe.chip(sources, dendrite=f"dendrite[0..{neurons + sources - 1}]", model="taps")
    lines = _network(cable)
    lines += [
        f"    - i.{i} -> n.{j}: {{weight: {w!r}, tap: {k}}}"
        for i, j, k, w in zip(
            cable.source.tolist(), cable.neuron.tolist(), cable.tap.tolist(),
            cable.jump.tolist(), strict=True,
        )
    ]  # fmt: skip
    lines += ["mappings:"]
    # A unit of taps is one state: an input that shares it would be given the neuron's potential.
    lines += [
        f"  - i.{i}: [core: 0.0, soma: 'given[{i}]', dendrite: 'dendrite[{neurons + i}]']"
        for i in range(sources)
    ]
    lines += [
        f"  - n.{j}: [core: 0.0, soma: lif, dendrite: 'dendrite[{j}]']" for j in range(neurons)
    ]
    return {sanafe.ARCHITECTURE: chip, sanafe.NETWORK: "\n".join(lines) + "\n"}


def _network(cable: Cable) -> list[str]:
    lines = ["network:", "  name: cable", "  groups:", "    - name: i"]
    lines += ["      attributes: [log_spikes: true]", "      neurons:"]
    for i, row in enumerate(cable.raster):
        spikes = ", ".join(str(int(x)) for x in row)
        lines.append(f"        - {i}: [soma_hw_name: 'given[{i}]', spikes: [{spikes}]]")
    soma = (
        f"threshold: {cable.threshold!r}, reset: {cable.reset!r}, leak_decay: {cable.leak!r},"
        f" bias: {cable.bias!r}, force_update: true"
    )
    line = f"taps: {len(cable.time)}, time_constants: {cable.time.tolist()}"
    if len(cable.space):
        line += f", space_constants: {cable.space.tolist()}"
    lines += [
        "    - name: n",
        "      attributes: [soma_hw_name: lif, synapse_hw_name: synapse, log_spikes: true,"
        " log_potential: true, force_dendrite_update: true]",
        "      neurons:",
    ]
    lines += [
        f"        - {j}: [soma: {{{soma}}}, dendrite: {{{line}}}]" for j in range(cable.neurons)
    ]
    return [*lines, "  edges:"]
