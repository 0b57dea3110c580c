"""A folded view: addresses in one row laid out as a picture, for formats of event cameras.

Address a stands at x = a mod W, y = a // W, with polarity "on". W is the smallest width whose
square holds all addresses, so a viewer shows a square; neighbours in the picture are neighbours in
number and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.unit_si import Malformed

_KEYS = {"width", "height", "x", "y"}
_RULE = {"x": "address mod width", "y": "address // width"}


@dataclass(frozen=True, kw_only=True)
class Fold:
    """The rectangle of a view, in addresses: `width` of them a row, `height` rows."""

    width: int
    height: int

    @classmethod
    def of(cls, size: int, most: int) -> Fold:
        """Fold `size` addresses; UsageError when a side would pass `most`."""
        width = math.isqrt(size - 1) + 1
        if width > most:
            raise UsageError(
                f"{size:,} neurons; a view of {most} x {most} holds {most * most:,}: use aedat2"
            )
        return cls(width=width, height=-(-size // width))

    def xy(self, address: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of addresses, (E,) each."""
        y, x = np.divmod(np.asarray(address, np.int64), self.width)
        return x, y

    def address(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the addresses of x and y, (E,) int64; Malformed for a point outside."""
        if len(x) and not (
            0 <= x.min() <= x.max() < self.width and 0 <= y.min() <= y.max() < self.height
        ):
            raise Malformed(f"an event outside the view of {self.width} x {self.height}")
        return np.asarray(y.astype(np.int64) * self.width + x)

    def table(self) -> dict[str, Any]:
        """Return what the address map says of it, as JSON values."""
        return {"fold": {"width": self.width, "height": self.height, **_RULE}}

    @classmethod
    def parse(cls, table: dict[str, Any]) -> Fold:
        """Take the fold out of the JSON of an address map; Malformed when it is not one."""
        found = table.pop("fold", None)
        if not isinstance(found, dict) or set(found) != _KEYS:
            raise Malformed("the address map does not say how addresses are folded")
        if any(type(found[k]) is not int or found[k] < 1 for k in ("width", "height")):
            raise Malformed("width and height of the view must be whole numbers above 0")
        return cls(width=found["width"], height=found["height"])
