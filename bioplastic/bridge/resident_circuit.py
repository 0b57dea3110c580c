"""The circuit kernel on tensors that live on a GPU; see `resident` for what that promises.

What the host derives from a state before a launch, `gpu_program.derived`, is made on the device:
the list of awake keys by a running sum, the table of children by one program for every key, which
takes the first free cell. Which of two children lies first in the table changes no result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from bioplastic.bridge.ops_circuit import KEPT, MADE
from bioplastic.kernels.circuit.gpu_common import N_COUNTERS
from bioplastic.kernels.circuit.gpu_program import (
    HASH,
    Derived,
    Tables,
    derived,
    rule,
    tables,
    tiles,
    warps,
)
from bioplastic.kernels.circuit.gpu_step import circuit_kernel
from bioplastic.quantize.circuit import IntegerCircuit
from bioplastic.quantize.circuit_program import State, Trace, fresh_trace

_HASH = tl.constexpr(HASH)


@triton.jit(do_not_specialize=["keys", "symbols", "cells"])
def table_kernel(parent, symbol, table, keys, symbols, cells):
    """Enter key `program_id(0)` of circuit `program_id(1)` into the table of children."""
    k, g = tl.program_id(0), tl.program_id(1).to(tl.int64)
    mother = tl.load(parent + g * keys + k)
    if mother >= 0:
        pair = mother.to(tl.uint64) * symbols + tl.load(symbol + g * keys + k).to(tl.uint64)
        product = ((pair & 0xFFFFFFFF) * _HASH) & 0xFFFFFFFF
        at = (product >> 8).to(tl.int64) & (cells - 1)
        taken = tl.atomic_cas(table + g * cells + at, -1, k)
        while taken != -1:
            at = (at + 1) & (cells - 1)
            taken = tl.atomic_cas(table + g * cells + at, -1, k)


def _copy(tensor: Tensor) -> Tensor:
    return tensor.clone(memory_format=torch.contiguous_format)


class ResidentCircuit:
    """A circuit on one device."""

    def __init__(self, circuit: IntegerCircuit, device: torch.device) -> None:
        self.circuit, self.device = circuit, device
        self.program = circuit.program
        self.tables = Tables._make(
            torch.tensor(np.ascontiguousarray(a), device=device) for a in tables(self.program)
        )
        self.sizes = derived(self.program, circuit.state)
        self.cells = len(self.sizes.child)

    def __call__(self, given: Sequence[Tensor], state: Sequence[Tensor]) -> list[Tensor]:
        """L theta cycles; what is given is left as it is."""
        symbols, phase = given
        batch, cycles = symbols.shape
        seed = state[0]
        now: Any = State._make(_copy(t) for t in state[1:])
        room = fresh_trace(self.program, cycles)
        rooms = (len(room.key_id), len(room.out_id))
        numbers = rule(self.program, self.circuit.state, self.sizes, cycles, rooms)
        tile = tiles(numbers)
        found: Any = Trace._make(
            torch.empty((batch, *a.shape), dtype=torch.from_numpy(a[:0]).dtype, device=self.device)
            for a in room
        )
        counts = torch.empty((batch, N_COUNTERS.value), dtype=torch.int64, device=self.device)
        found = found._replace(counts=counts)
        written = torch.empty((batch, 2), dtype=torch.int32, device=self.device)
        shown, steps, following = self._shown(symbols, phase, now.step)
        circuit_kernel[(batch,)](
            self.tables, now, self._derived(now, batch), found, written, seed & 0xFFFFFFFF,
            shown, steps, following, **numbers._asdict(), tile=tile, num_warps=warps(tile),
        )  # fmt: skip
        return self._back(found, written, seed, now)

    def _shown(self, symbols: Tensor, phase: Tensor, step: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Symbols, the steps of their spikes (−1: none), the symbols that come next (−1: none)."""
        period, batch = self.program.period, len(symbols)
        known = (symbols >= 0) & (symbols < self.program.symbols) & (phase >= 0) & (phase < period)
        shown = torch.where(known, symbols, -1)
        cycle = torch.arange(symbols.shape[1], dtype=torch.int64, device=self.device)
        steps = torch.where(known, step + period * cycle + phase, -1)
        last = torch.full((batch, 1), -1, dtype=torch.int32, device=self.device)
        following = torch.cat([shown[:, 1:], last], dim=1)
        return shown.clamp(min=0).contiguous(), steps.contiguous(), following.contiguous()

    def _derived(self, now: Any, batch: int) -> Derived:
        """What a launch keeps beside the state; see `gpu_program.derived`."""
        n, symbols = now.v.shape[1], self.program.symbols
        pools = now.mature.shape[1]
        up = (now.v != 0) | (now.i != 0) | (now.ref > 0)
        place = torch.where(up, torch.cumsum(up, dim=1) - 1, n)  # the sleeping write behind the end
        awake = self._zeros(batch, n + 1)
        awake.scatter_(
            1, place, torch.arange(n, device=self.device).to(torch.int32).expand(batch, n)
        )
        awake[:, n] = 0
        asleep = torch.arange(n, device=self.device) >= up.sum(dim=1, keepdim=True)
        grown = now.parent >= 0
        one = grown.to(torch.int32)
        children = self._zeros(batch, n).scatter_add_(1, now.parent.clamp(min=0).long(), one)
        of = self.tables.pool_of.long() * symbols + now.symbol.clamp(min=0)
        by_symbol = self._zeros(batch, pools * symbols).scatter_add_(1, of, one)
        child = torch.full((batch, self.cells), -1, dtype=torch.int32, device=self.device)
        table_kernel[(n, batch)](now.parent, now.symbol, child, n, symbols, self.cells)
        return Derived(
            awake=torch.where(asleep, 0, awake[:, :n]).contiguous(),
            awake_count=up.sum(dim=1, keepdim=True).to(torch.int32),
            mark=up.to(torch.int32),
            child=child,
            children=children,
            by_symbol=by_symbol,
        )

    def _back(self, found: Any, written: Tensor, seed: Tensor, now: Any) -> list[Tensor]:
        kept = {name: getattr(found, name) for name in MADE}
        for names, column in (
            (("key_step", "key_id"), 0),
            (("out_step", "out_id", "out_forced"), 1),
        ):
            for name in names:
                place = torch.arange(kept[name].shape[1], device=self.device)
                kept[name] = torch.where(place < written[:, column, None], kept[name], -1)
        counts = torch.stack([found.counts[:, k] for k in KEPT], dim=1)
        return [*kept.values(), written.to(torch.int64), counts, seed.clone(), *now]

    def _zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=torch.int32, device=self.device)
