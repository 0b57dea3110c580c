"""One array for the synapses of all projections, which hold parts of it: executors need no copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bioplastic.quantize.integer_network import IntegerProjection


def pooled(projections: Sequence[IntegerProjection]) -> list[IntegerProjection]:
    """The same projections with their targets, static weights and columns in shared arrays.

    An index is uint16 in the pool only when it is in every projection.
    """
    found = list(projections)
    for field in ("targets", "col_group", "col_rank"):
        everyone = [k for k, q in enumerate(found) if len(getattr(q, field))]
        wide = any(getattr(found[k], field).dtype != np.uint16 for k in everyone)
        _share(found, field, everyone, np.int32 if wide else np.uint16)
    for width in (np.int8, np.int16):
        static = [k for k, q in enumerate(found) if q.rule is None and q.weight.dtype == width]
        _share(found, "weight", static, width)
    return found


def _share(found: list[IntegerProjection], field: str, members: list[int], dtype: Any) -> None:
    sizes = [len(getattr(found[k], field)) for k in members]
    if len(members) < 2:
        return
    pool, low = np.empty(sum(sizes), dtype), 0
    for k, size in zip(members, sizes, strict=True):
        pool[low : low + size] = getattr(found[k], field)
        part: dict[str, Any] = {field: pool[low : low + size]}
        found[k] = replace(found[k], **part)
        low += size


def joined_views(parts: Sequence[np.ndarray], dtype: Any) -> np.ndarray:
    """The parts as one contiguous array of `dtype`; a view where they are neighbours already."""
    parts = [p for p in parts if len(p)]
    if not parts:
        return np.zeros(0, dtype)
    if all(p.dtype == dtype and p.flags.c_contiguous for p in parts):
        if len(parts) == 1:
            return parts[0]
        base = parts[0].base
        if isinstance(base, np.ndarray) and base.dtype == dtype and base.flags.c_contiguous:
            at = [p.ctypes.data for p in parts]
            ends = [a + p.nbytes for a, p in zip(at, parts, strict=True)]
            if at[1:] == ends[:-1] and all(p.base is base for p in parts):
                low = (at[0] - base.ctypes.data) // base.itemsize
                return base.ravel()[low : low + sum(map(len, parts))]
    return np.concatenate([p.astype(dtype, copy=False) for p in parts])
