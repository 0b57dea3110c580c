"""The explicit state of an IntegerModule: tensors (B, …) that a run takes and gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree

from bioplastic.errors import UsageError, nearest


@dataclass(frozen=True, eq=False)
class ModuleState:
    """Everything that decides the future of B independent copies of one network.

    program   content hash of the network
    names     what the tensors are
    tensors   (B, …) integers, in the order of the names

    It is a pytree whose leaves are the tensors, so `torch.compile` takes it as it is.
    """

    program: str
    names: tuple[str, ...]
    tensors: tuple[Tensor, ...]

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.names:
            raise UsageError(f"state: no {name!r}{nearest(name, self.names)}")
        return self.tensors[self.names.index(name)]

    @property
    def batch(self) -> int:
        """B."""
        return int(self.tensors[0].shape[0])

    def to(self, device: torch.device | str) -> ModuleState:
        """The same state on another device."""
        return ModuleState(self.program, self.names, tuple(t.to(device) for t in self.tensors))

    def replace(self, **changed: Tensor) -> ModuleState:
        """The state with other tensors by name, such as seed=…; UsageError for an unknown name."""
        for name in changed:
            self[name]
        found = (
            changed.get(name, tensor) for name, tensor in zip(self.names, self.tensors, strict=True)
        )
        return ModuleState(self.program, self.names, tuple(found))

    def member(self, b: int) -> ModuleState:
        """The state of one member, as a batch of one that shares its memory."""
        if not 0 <= b < self.batch:
            raise UsageError(f"state: no member {b}: a batch of {self.batch}")
        return ModuleState(self.program, self.names, tuple(t[b : b + 1] for t in self.tensors))

    def difference(self, other: ModuleState) -> list[str]:
        """Names of tensors that differ in a single bit, type or shape."""
        mine, yours = self.as_dict(), other.as_dict()
        return [
            name
            for name in {**mine, **yours}
            if name not in mine
            or name not in yours
            or mine[name].dtype != yours[name].dtype
            or not torch.equal(mine[name].cpu(), yours[name].cpu())
        ]

    def as_dict(self) -> dict[str, Tensor]:
        """The tensors by name."""
        return dict(zip(self.names, self.tensors, strict=True))


def joined(states: Sequence[ModuleState]) -> ModuleState:
    """The members of several states as one batch; UsageError for states of different networks."""
    if not states:
        raise UsageError("states: at least one is needed")
    first = states[0]
    for one in states:
        if one.program != first.program:
            raise UsageError(
                f"states of different networks: content {one.program[:12]}… and "
                f"{first.program[:12]}…"
            )
    columns = zip(*(one.tensors for one in states), strict=True)
    return ModuleState(first.program, first.names, tuple(torch.cat(c) for c in columns))


def _flatten(state: ModuleState) -> tuple[list[Any], Any]:
    return list(state.tensors), (state.program, state.names)


def _unflatten(leaves: Any, context: Any) -> ModuleState:
    program, names = context
    return ModuleState(program, names, tuple(leaves))


def _with_keys(state: ModuleState) -> tuple[list[Any], Any]:
    keys: list[Any] = [_pytree.MappingKey(name) for name in state.names]
    return list(zip(keys, state.tensors, strict=True)), (state.program, state.names)


def _dumped(context: Any) -> Mapping[str, Any]:
    return {"program": context[0], "names": list(context[1])}


_pytree.register_pytree_node(
    ModuleState,
    _flatten,
    _unflatten,
    serialized_type_name="bioplastic.ModuleState",
    flatten_with_keys_fn=_with_keys,
    to_dumpable_context=_dumped,
    from_dumpable_context=lambda found: (found["program"], tuple(found["names"])),
)
