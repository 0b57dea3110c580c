"""The full state of a network between two steps, in one HDF5 file without pickle.

Variables of neurons and synapses, the step, and the spikes in flight: for each pathway, which
synapse is reached how many steps ahead, in the order of delivery. A run that is split in two equals
one run, bit for bit, because nothing else carries over from step to step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from brian2.core.variables import ArrayVariable
from brian2.synapses.spikequeue import SpikeQueue

from bioplastic import hdf5, hdf5_guard
from bioplastic.description import Network
from bioplastic.errors import BioplasticError, Malformed, UsageError
from bioplastic.simulate.build import Built

FORMAT, VERSION = "bioplastic-state", 1
LIMIT = 8 * 2**30  # bytes of arrays in one file
_LONGEST = 1 << 16
_AHEAD = 1 << 20
"""Steps that a spike may lie ahead."""
DERIVED = {"i", "N", "t", "dt", "t_in_timesteps"}


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """State of a network between two steps.

    network     name of its description       step   steps done so far        dt   s
    arrays      ``populations/NAME/VARIABLE``, ``projections/NAME/VARIABLE`` (SI units) and
                ``flight/NAME/PATHWAY`` (E, 2) int64: steps ahead, synapse
    resumable   False when the engine could not give its spikes in flight (C++ standalone)
    """

    network: str
    step: int
    dt: float
    arrays: dict[str, np.ndarray]
    resumable: bool = True

    @property
    def time(self) -> float:
        """Model time, s."""
        return self.step * self.dt

    def weight(self, projection: str) -> np.ndarray:
        """Weights of a plastic projection (S,), SI units; static ones stand in the description."""
        return self.variable("projections", projection, "w")

    def permanence(self, projection: str) -> np.ndarray:
        """Permanences of a projection (S,)."""
        return self.variable("projections", projection, "P")

    def variable(self, kind: str, owner: str, name: str) -> np.ndarray:
        """One array; UsageError when it does not exist."""
        path = f"{kind}/{owner}/{name}"
        if path not in self.arrays:
            raise UsageError(f"state of {self.network!r}: there is no {path}")
        return self.arrays[path]

    def save(self, path: str | Path) -> None:
        """Write the state; the file appears complete or not at all.

        Raises BioplasticError when the disk refuses, UsageError when the arrays exceed `LIMIT`.
        """
        path, size = Path(path), sum(a.nbytes for a in self.arrays.values())
        if size > LIMIT:
            raise UsageError(f"{path}: {size:,} bytes of arrays; a file holds at most {LIMIT:,}")
        try:
            hdf5.store(path, hdf5.image(self._fill))
        except OSError as error:
            raise BioplasticError(f"{path}: not written: {error}") from None

    def _fill(self, file: h5py.File) -> None:
        for name in sorted(self.arrays):
            file.create_dataset(name, data=self.arrays[name], compression="gzip")
        file.attrs.update(
            format=FORMAT,
            version=VERSION,
            network=self.network,
            step=self.step,
            dt=self.dt,
            resumable=self.resumable,
            sha256=self.digest(),
        )

    @classmethod
    def load(cls, path: str | Path) -> State:
        """Read a state that nobody vouches for.

        Raises UsageError where there is no file, CorruptFile when it is not a state, or not whole,
        or changed.
        """
        path = Path(path)
        if not path.exists():
            raise UsageError(f"{path}: there is no such file")
        with hdf5_guard.reading(path) as file:
            if file.attrs.get("format") != FORMAT:
                raise Malformed(f"not a {FORMAT} file")
            version, step = (hdf5_guard.scalar(file, name) for name in ("version", "step"))
            if version != VERSION:
                raise Malformed(f"version {version}, this reads {VERSION}")
            dt, resumable = hdf5_guard.scalar(file, "dt"), file.attrs["resumable"]
            if type(step) is not int or step < 0 or type(dt) is not float or not 0 < dt < np.inf:
                raise Malformed(f"step {step} of {dt} s")
            if not isinstance(resumable, np.bool_):
                raise Malformed("resumable is no truth value")
            state = cls(
                network=hdf5_guard.word(file, "network", _LONGEST),
                step=step,
                dt=dt,
                arrays={
                    name: hdf5_guard.numbers(name, data)
                    for name, data in hdf5_guard.datasets(file, LIMIT)
                },
                resumable=bool(resumable),
            )
            if state.digest() != hdf5_guard.word(file, "sha256"):
                raise Malformed("its content does not match its checksum")
            for name in state.arrays:
                if name.startswith("flight/"):
                    _refuse_flight(name, state.arrays[name])
        return state

    def digest(self) -> str:
        """sha256 over everything."""
        sha = hashlib.sha256(f"{self.network}|{self.step}|{self.dt!r}|{self.resumable}".encode())
        for name in sorted(self.arrays):
            array = np.ascontiguousarray(self.arrays[name])
            sha.update(f"{name}|{array.dtype.str}|{array.shape}".encode())
            sha.update(array.tobytes())
        return sha.hexdigest()


def capture(network: Network, built: Built, step: int, dt: float, *, flight: bool = True) -> State:
    """The state of a network that has run to `step`; flight False leaves out spikes in flight."""
    arrays = {}
    for path, variable in _variables(built):
        arrays[path] = np.array(variable.get_value())
    if flight:
        for name, synapses in built.synapses.items():
            for pathway in synapses._pathways:
                arrays[f"flight/{name}/{pathway.objname}"] = _in_flight(pathway)
    return State(network=network.name, step=step, dt=dt, arrays=arrays, resumable=flight)


def restore(state: State, network: Network, built: Built, dt: float) -> None:
    """Put a state into a freshly built network; UsageError when it belongs to another one."""
    if not state.resumable:
        raise UsageError(
            "state: C++ standalone does not give its spikes in flight, so this state can be read "
            "but not resumed; use target='numpy' or 'cython'"
        )
    if abs(state.dt - dt) > 1e-9 * dt:
        raise UsageError(f"state: was saved at dt = {state.dt * 1e3:g} ms, not {dt * 1e3:g} ms")
    variables = dict(_variables(built))
    known = set(variables)
    saved = {path for path in state.arrays if not path.startswith("flight/")}
    if known != saved:
        odd = sorted(known ^ saved)[0]
        raise UsageError(f"state of {state.network!r} does not fit {network.name!r}: {odd}")
    for path, variable in variables.items():
        values = state.arrays[path]
        if values.shape != np.shape(variable.get_value()):
            raise UsageError(f"state of {state.network!r} does not fit {network.name!r}: {path}")
        variable.set_value(values)
    for name, synapses in built.synapses.items():
        for pathway in synapses._pathways:
            flight = state.arrays.get(f"flight/{name}/{pathway.objname}")
            if flight is not None and len(flight):
                if flight[:, 1].max() >= len(synapses):
                    raise UsageError(
                        f"state of {state.network!r} does not fit {network.name!r}: flight/{name}"
                    )
                _launch(pathway, flight)
    built.network.t_ = state.step * dt


def _variables(built: Built) -> Iterator[tuple[str, Any]]:
    """Every array that changes during a run, with its path."""
    owners = [
        *(("populations", name, built.groups[name]) for name in built.parts),
        *(("projections", name, synapses) for name, synapses in built.synapses.items()),
    ]
    for kind, name, owner in owners:
        for variable in owner.variables.values():
            if (
                isinstance(variable, ArrayVariable)
                and variable.owner is not None
                and variable.owner.name == owner.name
                and not variable.constant
                and not variable.name.startswith("_")
                and variable.name not in DERIVED
            ):
                yield f"{kind}/{name}/{variable.name}", variable


def _refuse_flight(name: str, flight: np.ndarray) -> None:
    """Raise Malformed for spikes that no pathway has: each step ahead becomes a list."""
    if flight.dtype != np.int64 or flight.ndim != 2 or flight.shape[1] != 2:
        raise Malformed(f"{name}: {flight.dtype} {flight.shape} is no list of spikes in flight")
    if len(flight) and not (flight.min() >= 0 and flight[:, 0].max() < _AHEAD):
        raise Malformed(f"{name}: a spike in flight outside 0..{_AHEAD - 1} steps")


def _in_flight(pathway: Any) -> np.ndarray:
    """Spikes on their way, (E, 2): steps ahead, synapse; in the order of delivery."""
    state = pathway.queue._full_state()
    if len(state) == 3:  # Brian2's Python queue: (dt, [[ahead, synapse]], shape)
        rows = np.asarray(state[1], dtype=np.int64).reshape(-1, 2)
        return rows[np.argsort(rows[:, 0], kind="stable")]
    offset, bins = state
    ahead = [(k, synapse) for k in range(len(bins)) for synapse in bins[(offset + k) % len(bins)]]
    return np.array(ahead, dtype=np.int64).reshape(-1, 2)


def _launch(pathway: Any, flight: np.ndarray) -> None:
    ahead, synapse = flight.T
    if isinstance(pathway.queue, SpikeQueue):  # Brian2 without its compiled queue
        most = int(np.bincount(ahead).max())
        pathway.queue._restore_from_full_state((None, flight, (int(ahead.max()) + 1, most)))
        return
    bins = [synapse[ahead == k].tolist() for k in range(int(ahead.max()) + 1)]
    pathway.queue._restore_from_full_state((0, bins))
