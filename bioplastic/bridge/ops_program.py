"""Programs that the torch ops run, by the hash of their content; who runs them; what fits them.

An op takes tensors and a key. The key names a `Prepared` program in a register of this process; it
is the content hash of the lowered network and the executor. The register holds no program alive:
an `IntegerModule`, or whoever called `prepare`, does.
"""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import singledispatch
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch

from bioplastic.errors import UsageError
from bioplastic.kernels.feedforward.layer import EventDriven, TimeBatched
from bioplastic.kernels.sparse.executors import OneProgram, Windows

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"  # Triton decides when a kernel is defined
LARGEST_BATCH = 65_535
"""Members of a batch that one launch of a GPU holds."""
DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, kw_only=True)
class Numba:
    """One CPU thread runs the members of a batch one after the other.

    how   for layers: EventDriven() (None) or TimeBatched(); nothing else has a choice
    """

    how: EventDriven | TimeBatched | None = None


@dataclass(frozen=True, kw_only=True)
class Triton:
    """Triton runs all members of a batch at once, on a CUDA or HIP device.

    On tensors of the CPU it runs only in Triton's interpreter, which the process must have been
    started with (TRITON_INTERPRET=1).

    how   for networks: Windows() (None) or OneProgram(); for layers: EventDriven() (None) or
          TimeBatched(); a circuit has no choice
    """

    how: Windows | OneProgram | EventDriven | TimeBatched | None = None


Executor = Numba | Triton | None
"""None: by the device of the tensors, `Numba()` on the CPU and `Triton()` on a GPU."""


@dataclass(frozen=True)
class Field:
    """A tensor without its values: (B, *shape) of a type of numpy."""

    name: str
    shape: tuple[int, ...]
    kind: Any

    @property
    def dtype(self) -> torch.dtype:
        """The type in torch."""
        return torch.from_numpy(np.zeros(0, self.kind)).dtype


class Prepared(ABC):
    """A lowered program with its executor, as an op finds it.

    op         name of the op in the namespace `bioplastic`
    program    content hash: 64 hexadecimal digits
    state      what the op takes and gives back as a state, in order
    """

    op: str
    name: str
    program: str
    executor: Executor
    state: tuple[Field, ...]

    @property
    def key(self) -> str:
        """What an op is told."""
        return f"{self.program}/{self.executor!r}"

    def __deepcopy__(self, memo: Any) -> Prepared:
        return self  # nothing in it changes, and the register knows it by its address

    @abstractmethod
    def check_given(self, given: Sequence[torch.Tensor]) -> tuple[Any, Any]:
        """(B, length) of what is given; UsageError for a wrong shape or type."""

    @abstractmethod
    def made(self, length: Any) -> list[Field]:
        """What the op gives back before the new state."""

    @abstractmethod
    def cpu(
        self, given: Sequence[torch.Tensor], state: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        """Run on the CPU by numba."""

    @abstractmethod
    def resident(self, device: torch.device) -> Any:
        """What runs on a device, its tables there: (given, state) -> tensors."""

    @abstractmethod
    def initial(self) -> list[np.ndarray]:
        """The state of one member at the start, in the order of `state`."""

    @abstractmethod
    def check_values(self, state: Sequence[np.ndarray]) -> None:
        """Raise UsageError for numbers that no run can have left, naming the array."""

    def on(self, device: torch.device) -> Any:
        """`resident` of that device, made once."""
        kept: dict[torch.device, Any] = self.__dict__.setdefault("_resident", {})
        if device not in kept:
            kept[device] = self.resident(device)
        return kept[device]


_REGISTER: WeakValueDictionary[str, Prepared] = WeakValueDictionary()


def register(made: Prepared) -> Prepared:
    """The program of that key: the one that is registered already, or else `made`."""
    return _REGISTER.setdefault(made.key, made)


def find(op: str, key: str) -> Prepared:
    """The program of a key; UsageError when there is none, or when it belongs to another op."""
    found = _REGISTER.get(key)
    if found is None:
        raise UsageError(
            f"bioplastic::{op}: no program {key[:12]}… is prepared in this process: keep its "
            "IntegerModule, or what `prepare` returned, alive"
        )
    if found.op != op:
        raise UsageError(f"bioplastic::{op}: {found.name} runs in bioplastic::{found.op}")
    return found


@singledispatch
def prepare(program: Any, executor: Executor = None) -> Prepared:
    """Prepare a lowered program for the ops, and register it.

    program    IntegerNetwork, Layers or IntegerCircuit
    executor   Numba(), Triton() or None: by the device of the tensors
    Raises UnsupportedModel when some spikes of the sources could bring a state out of its format:
    an op reads no spike on the host, so no spike may do harm. UsageError for an executor that does
    not know this kind of program.
    """
    raise UsageError(
        f"{type(program).__name__}: must be an IntegerNetwork (lower), Layers (layers) or an "
        "IntegerCircuit (lower_circuit)"
    )


def check_executor(executor: Executor, known: dict[type, tuple[type, ...]]) -> None:
    """Raise UsageError unless `executor` is None or one of `known`: its class -> classes of how."""
    if executor is None:
        return
    for kind, hows in known.items():
        if type(executor) is kind and (executor.how is None or type(executor.how) in hows):
            return
    valid = ", ".join(
        f"{kind.__name__}(how={how.__name__}())" if how else f"{kind.__name__}()"
        for kind, hows in known.items()
        for how in (None, *hows)
    )
    raise UsageError(f"executor = {executor!r}: valid here are None, {valid}")


def run(op: str, key: str, given: list[torch.Tensor], state: list[torch.Tensor]) -> list[Any]:
    """What every op does: find, check, run by the executor of the program."""
    program = find(op, key)
    _, length = check(program, given, state)
    device = given[0].device
    triton = isinstance(program.executor, Triton) or (
        program.executor is None and device.type == "cuda"
    )
    if isinstance(program.executor, Numba) and device.type != "cpu":
        raise UsageError(
            f"{program.name}: {program.executor!r} runs tensors of the CPU, not {device}"
        )
    if not length:
        return [
            *_empty(program, given, length),
            *(s.clone(memory_format=torch.contiguous_format) for s in state),
        ]
    if not triton:
        return program.cpu(given, state)
    _check_triton(program, device)
    if device.type != "cuda":
        return list(program.on(device)(given, state))
    with torch.cuda.device(device):
        return list(program.on(device)(given, state))


def fake(op: str, key: str, given: list[torch.Tensor], state: list[torch.Tensor]) -> list[Any]:
    """Shapes, types and device of what `run` returns."""
    program = find(op, key)
    _, length = check(program, given, state)
    return [
        *_empty(program, given, length),
        *(torch.empty(s.shape, dtype=s.dtype, device=s.device) for s in state),
    ]


def _empty(program: Prepared, given: list[torch.Tensor], length: Any) -> list[torch.Tensor]:
    batch = given[0].shape[0]
    return [
        torch.zeros((batch, *f.shape), dtype=f.dtype, device=given[0].device)
        for f in program.made(length)
    ]


def check(
    program: Prepared, given: Sequence[torch.Tensor], state: Sequence[torch.Tensor]
) -> tuple[Any, Any]:
    """(B, length); UsageError, naming the tensor, for what does not fit the program."""
    batch, length = program.check_given(given)
    device = given[0].device
    if device.type not in DEVICES:
        raise UsageError(
            f"{program.name}: tensors on {device}: must be on a CPU, CUDA or HIP device"
        )
    if batch < 1 or batch > LARGEST_BATCH:
        raise UsageError(f"{program.name}: a batch of {batch}: must be 1 to {LARGEST_BATCH}")
    if len(state) != len(program.state):
        raise UsageError(
            f"{program.name}: a state of {len(state)} tensors: must be {len(program.state)}"
        )
    for field, tensor in zip(program.state, state, strict=True):
        wanted = (batch, *field.shape)
        if tensor.dtype != field.dtype or tuple(tensor.shape) != wanted:
            raise UsageError(
                f"{program.name}: state {field.name!r}: must be {wanted} {field.dtype}, not "
                f"{tuple(tensor.shape)} {tensor.dtype}"
            )
        if tensor.device != device:
            raise UsageError(
                f"{program.name}: state {field.name!r} is on {tensor.device}, spikes on {device}"
            )
    return batch, length


def _check_triton(program: Prepared, device: torch.device) -> None:
    try:
        import triton  # noqa: F401
    except ImportError:
        raise UsageError(f"{program.name}: tensors on {device}: triton is not installed") from None
    if device.type == "cpu" and not INTERPRETED:
        raise UsageError(
            f"{program.name}: {program.executor!r} on tensors of the CPU needs Triton's "
            "interpreter: start the "
            "process with TRITON_INTERPRET=1, or move module and tensors to a GPU"
        )


_UNHASHED = {"report", "errors", "labels", "seed", "state"}
"""What a program carries along that decides no bit of a run, or that its state holds."""
_TRAIN = {"steps", "ids"}


def content(thing: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every array and number of a lowered program with its path, "projections/0/weight".

    Left out: the trains of the sources, since an op is given others; the report; labels; the seed
    and the state, which are given too.
    """
    if isinstance(thing, np.ndarray | int | float | str | bool | np.generic) or thing is None:
        yield path, thing
        return
    parts: Iterator[tuple[str, Any]]
    if is_dataclass(thing):
        train = _TRAIN if type(thing).__name__ == "IntegerSource" else set()
        names = [f.name for f in fields(thing) if f.name not in _UNHASHED | train]
        parts = ((name, getattr(thing, name)) for name in names)
        yield f"{path}/type".lstrip("/"), type(thing).__name__
    elif hasattr(thing, "_fields"):
        parts = ((name, getattr(thing, name)) for name in thing._fields if name not in _UNHASHED)
    else:
        parts = ((str(k), part) for k, part in enumerate(thing))
        yield f"{path}/length".lstrip("/"), len(thing)
    for name, part in parts:
        yield from content(part, f"{path}/{name}".lstrip("/"))


def content_hash(thing: Any) -> str:
    """sha256 over `content`, 64 hexadecimal digits; arrays as little-endian bytes."""
    sha = hashlib.sha256()
    for path, part in content(thing):
        if isinstance(part, np.ndarray):
            plain = np.ascontiguousarray(part).astype(part.dtype.newbyteorder("<"))
            sha.update(f"{path}={part.dtype.name}{part.shape};".encode())
            sha.update(plain.tobytes())
        else:
            value = part.item() if isinstance(part, np.generic) else part
            sha.update(f"{path}={value!r};".encode())
    return sha.hexdigest()


def tables(thing: Any) -> dict[str, np.ndarray]:
    """The arrays of a lowered program by path."""
    return {path: part for path, part in content(thing) if isinstance(part, np.ndarray)}
