"""The hand-over: what a network learned, in a file that any executor reads and none owns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Quantity as Physical
from brian2 import get_dimensions
from brian2.units.fundamentalunits import DIMENSIONLESS

from bioplastic import learned_file, serialise, strict_json
from bioplastic.description import (
    AllToAll,
    Connectivity,
    Network,
    PermanenceSTDP,
    Population,
    Projection,
)
from bioplastic.errors import BioplasticError, CorruptFile, UsageError, nearest, one_line
from bioplastic.result import Quantity
from bioplastic.unit_si import Malformed, scale_of, unit_of

_SYNAPTIC = ("i", "j", "weight", "delay", "permanence")  # arrays with a place in Connectivity


@dataclass(frozen=True, eq=False)
class Learned:
    """A network description, the arrays it learned, and where they come from.

    description   the network as it was before learning
    arrays        "<projection>/weight", "<projection>/permanence", "<population>/<state>", ... ->
                  Quantity (a Brian2 Quantity or plain numbers become one). A projection that grew
                  synapses gives "<projection>/i" and "/j" (S,) too; "weight", "delay" and
                  "permanence" are then (S,) or scalar. "<population>/mature" counts grown neurons.
    manifest      JSON values: versions, seeds, command, ...
    Raises UsageError when an array names nothing in the description, or its unit or shape is wrong.
    """

    description: Network
    arrays: Mapping[str, Any] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plain = {name: _plain(name, value) for name, value in self.arrays.items()}
        object.__setattr__(self, "arrays", plain)
        net = self.description
        owners = [p.name for p in net.sources] + [p.name for p in net.populations]
        owners += [p.name for p in net.projections]
        for name in plain:
            owner, *rest = name.split("/")
            if owner not in owners:
                raise UsageError(f"learned array {name!r}: no {owner!r}{nearest(owner, owners)}")
            if not rest or any(part in ("", ".", "..") for part in rest) or "\0" in name:
                raise UsageError(f"learned array {name!r}: must be named '{owner}/<what>'")
        self.network()

    def array(self, name: str) -> Any:
        """One array in SI as a Brian2 Quantity, plain when dimensionless; UsageError if absent."""
        if name not in self.arrays:
            raise UsageError(f"no learned array {name!r}{nearest(name, self.arrays)}")
        found = self.arrays[name]
        factor, dimension = scale_of(found.unit, name)
        values = found.values if factor == 1.0 else found.values * factor
        return values if dimension is DIMENSIONLESS else Physical(values, dim=dimension)

    @property
    def content_hash(self) -> str:
        """SHA-256 in hex over description, arrays, units and manifest; equal on every machine."""
        return self._content().digest()

    def save(self, path: Path | str) -> Path:
        """Write the file, complete or not at all; an older file of that name is replaced.

        Raises UsageError for what cannot be stored, BioplasticError when the disk refuses.
        """
        path = Path(path)
        if path.is_dir():
            raise UsageError(f"{path}: is a folder, not a file")
        learned_file.write(path, self._content())
        return path

    @classmethod
    def load(cls, path: Path | str, *, limit: int = learned_file.LIMIT) -> Learned:
        """Read a file written by `save`.

        limit   bytes of arrays that may be taken into memory
        Raises UsageError when there is no such file, CorruptFile naming file and reason when it is
        truncated, changed, of another version, too large, or not a learned network.
        """
        content = learned_file.read(Path(path), limit)
        parts: dict[str, dict[str, Any]] = {"network": {}, "arrays": {}}
        for name, (values, unit) in content.arrays.items():
            group, _, rest = name.partition("/")
            kept = Quantity(values=values, unit=unit if unit != "1" else "")
            parts[group][rest] = kept if group == "arrays" else values
        try:
            description = serialise.load(strict_json.parse(content.description), parts["network"])
            manifest = strict_json.parse(content.manifest)
            if not isinstance(description, Network) or not isinstance(manifest, dict):
                raise Malformed("must hold a Network and a manifest")
            learned = cls(description, parts["arrays"], manifest)
        except (Malformed, BioplasticError) as error:
            raise CorruptFile(f"{path}: {one_line(error)}") from None
        except Exception as error:  # descriptions see values that no person typed
            raise CorruptFile(f"{path}: {type(error).__name__}: {one_line(error)}") from None
        return learned

    def network(self, *, plastic: bool = True) -> Network:
        """The description with the learned synapses in place, to be simulated on.

        plastic=False also takes every plasticity rule away: permanences become weights
        (w_mature where P > theta_p), scaling and recruitment end, gains stop moving.
        State that a description has no place for (gain tables, traces) stays in `arrays`; so do,
        while plastic, the grown synapses of an AllToAll, which goes on to say what may still grow.
        """
        return replace(
            self.description,
            populations=tuple(self._population(p, plastic) for p in self.description.populations),
            projections=tuple(self._projection(p, plastic) for p in self.description.projections),
        )

    def _population(self, population: Population, plastic: bool) -> Population:
        if f"{population.name}/mature" in self.arrays:
            values = self.arrays[f"{population.name}/mature"].values
            mature = int(np.count_nonzero(values) if values.ndim else values)
            population = replace(population, mature=mature)
        if not plastic:
            gain = population.gain and replace(population.gain, rate=0.0)
            population = replace(population, recruitment=None, gain=gain)
        return population

    def _projection(self, projection: Projection, plastic: bool) -> Projection:
        found = {
            key: self.array(f"{projection.name}/{key}")
            for key in _SYNAPTIC
            if f"{projection.name}/{key}" in self.arrays
        }
        plain = {
            key: np.asarray(found.pop(key)) for key in ("i", "j", "permanence") if key in found
        }
        synapses = _grown(projection, plain | found)
        if plastic:
            rule = isinstance(projection.connectivity, AllToAll) and "i" in plain
            return projection if rule else replace(projection, connectivity=synapses)
        structural = projection.plasticity
        if isinstance(structural, PermanenceSTDP) and "weight" not in found:
            mature = np.asarray(synapses.permanence) > float(structural.theta_p)
            weight = np.broadcast_to(mature, (len(synapses),)) * structural.w_mature
            synapses = replace(synapses, weight=weight)
        return replace(projection, connectivity=synapses, plasticity=None, scaling=None)

    def _content(self) -> learned_file.Content:
        tree, network = serialise.dump(self.description)
        try:
            serialise.load(tree, network)  # what cannot be read back must not be written
            manifest = strict_json.canonical(dict(self.manifest))
            strict_json.parse(manifest)
        except (Malformed, TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"{self.description.name}: cannot be stored: {error}") from None
        arrays = {f"network/{name}": (values, "1") for name, values in network.items()}
        for name, found in self.arrays.items():
            arrays[f"arrays/{name}"] = (serialise.little_endian(found.values), found.unit or "1")
        return learned_file.Content(strict_json.canonical(tree), manifest, arrays)


def _plain(name: str, value: Any) -> Quantity:
    """Return a Quantity of plain numbers with a unit that is understood."""
    if isinstance(value, Physical):
        value = Quantity(values=np.asarray(value), unit=unit_of(value.dim))
    elif not isinstance(value, Quantity):
        value = Quantity(values=np.asarray(value))
    values = np.asarray(value.values)
    if values.dtype.kind not in "biuf" or values.dtype.itemsize > 8:
        raise UsageError(f"learned array {name!r}: type {values.dtype} cannot be stored")
    if not name.isprintable() or not value.unit.isascii():
        raise UsageError(f"learned array {name!r} in {value.unit!r}: not a name or not a unit")
    scale_of(value.unit, f"learned array {name!r}")
    return Quantity(values=values, unit="" if value.unit == "1" else value.unit)


def _grown(projection: Projection, found: dict[str, Any]) -> Connectivity | AllToAll:
    """Return the connectivity with the arrays found for it, checked for shape and dimension."""
    old = projection.connectivity
    if ("i" in found) != ("j" in found):
        raise UsageError(f"learned arrays of {projection.name!r}: i without j, or j without i")
    if "weight" in found:
        new, known = get_dimensions(found["weight"]), get_dimensions(old.weight)
        if new is not known:
            raise UsageError(
                f"learned array '{projection.name}/weight': unit {unit_of(new)!r} is not that of "
                f"the description, {unit_of(known)!r}"
            )
    if "i" in found:
        return Connectivity(**{"weight": old.weight, "delay": old.delay} | found)
    if not found:
        return old
    if isinstance(old, AllToAll):  # (n_pre, n_post) matrices are its synapses, pre-major
        shapes = {(len(old.sources()), old.n_post), (len(old),), ()}
        if any(np.shape(values) not in shapes for values in found.values()):
            raise UsageError(f"learned arrays of {projection.name!r}: must have shape {shapes}")
        old = old.explicit()
        found = {k: v.reshape(-1) if np.ndim(v) == 2 else v for k, v in found.items()}
    return replace(old, **found)
