"""Numbers of linear and conductance populations for the Triton kernels, in the order they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bioplastic.kernels.sparse import gpu_tables as tables
from bioplastic.kernels.sparse.gpu_plan import words
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_population import AffineMap, IntegerConductance, IntegerLinear


class Joined:
    """Arrays one after the other; `add` returns where the new one begins."""

    def __init__(self, kind: Any) -> None:
        self.kind, self.parts, self.size = kind, [np.zeros(0, kind)], 0

    def add(self, array: Any) -> int:
        """Append numbers; returns the place of the first."""
        low = self.size
        self.parts.append(np.asarray(array).ravel().astype(self.kind))
        self.size += len(self.parts[-1])
        return low

    @property
    def array(self) -> np.ndarray:
        """At least one number long, so that there is an address."""
        return np.concatenate([*self.parts, np.zeros(0 if self.size else 1, self.kind)])


def lay_numbers(
    p: IntegerLinear | IntegerConductance, slot: int, onsets: Sequence[int],
    table: Joined, number: Joined, each: Joined,
) -> dict[str, Any]:  # fmt: skip
    """Append the numbers of `p`, see `gpu_linear` and `gpu_conductance`; returns its columns.

    slot   first channel slot      onsets   first word of every event in a row of onsets
    """
    columns: dict[str, Any] = {"slot": slot, "stride": 32 * words(p.size)}
    if isinstance(p, IntegerLinear):
        columns |= {"kind": tables.LINEAR.value, "states": len(p.states), "events": len(p.events)}
        columns["number"] = _linear(p, onsets, number)
        levels = [p.form.theta, *(e.form.theta for e in p.events)]
        differing = [*p.free.offset.T, *p.held.offset.T, *levels]
    else:
        columns |= {"kind": tables.CONDUCTANCE.value, "states": len(p.channels)}
        columns["number"] = _conductance(p, table, number)
        differing = [p.rest, p.v_th]
    columns["each"] = each.size
    for row in differing:
        each.add(np.concatenate([row, np.zeros(columns["stride"] - p.size, np.int64)]))
    return columns


def _linear(p: IntegerLinear, onsets: Sequence[int], number: Joined) -> int:
    first = number.add(p.free.matrix)
    number.add(p.held.matrix)
    number.add(p.form.row)
    number.add([s.deaf for s in p.states])
    early = [(n, e.jump) for n, e in enumerate(p.events) if not e.late]
    late = [(n, e.jump) for n, e in enumerate(p.events) if e.late]
    maps: list[tuple[int, AffineMap]] = [*early, (-1, p.reset), *late]
    for which, by in maps:
        number.add([which])
        number.add(by.matrix)
        number.add(by.offset)
    for e, onset in zip(p.events, onsets, strict=True):
        number.add([e.dead, e.duration, onset])
        number.add(e.form.row)
        number.add(e.drive)
        number.add(e.held_drive)
    return first


def _conductance(p: IntegerConductance, table: Joined, number: Joined) -> int:
    bits = p.shift + 2
    gain = fp.round_shift(p.rate << p.shift, bits)
    exponents = table.add(fp.exponential_table())
    first = number.add([p.rate, bits, 1 << p.shift, gain, p.exponential, p.held, exponents])
    number.add([0, *(r.decay for r in p.receptors)])
    number.add([0, *(r.reversal for r in p.receptors)])
    return first
