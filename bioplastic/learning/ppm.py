"""PPMd, the strongest classical compressor of small texts, through the optional pyppmd."""

from __future__ import annotations

from dataclasses import dataclass

from bioplastic.errors import UsageError
from bioplastic.learning.corpus import SymbolStream
from bioplastic.learning.prequential import Unavailable


@dataclass(frozen=True, kw_only=True)
class PPMd:
    """Size of the stream after PPMd variant H, as 7-zip writes it.

    The coder predicts each symbol from the past only, but hands out no probabilities, so there is
    one figure per stretch of text and none per symbol. It contains the coder's few bytes of ending.

    order    longest context, 2 to 64 symbols
    memory   bytes for its model, 2 KiB to 1 GiB
    Raises UsageError for values out of range, Unavailable without pyppmd or if V > 256.
    Source: Shkarin 2002 [shkarin2002].
    """

    order: int = 8
    memory: int = 1 << 26
    name: str = "ppmd"

    def __post_init__(self) -> None:
        """Check the ranges that pyppmd accepts."""
        if not 2 <= self.order <= 64:
            raise UsageError(f"ppmd order {self.order} is out of range 2 to 64")
        if not 1 << 11 <= self.memory <= 1 << 30:
            raise UsageError(f"ppmd memory {self.memory} B is out of range {1 << 11} to {1 << 30}")

    def bits_total(self, stream: SymbolStream, length: int | None = None) -> float:
        """Return the bits that the first `length` symbols (all of them if None) take."""
        if not stream.octets:
            raise Unavailable(
                f"codes bytes; this alphabet has {stream.alphabet_size} > 256 symbols"
            )
        try:
            import pyppmd
        except ImportError:
            raise Unavailable("not installed: pip install pyppmd") from None
        packed = pyppmd.compress(
            stream.as_bytes()[:length], max_order=self.order, mem_size=self.memory
        )
        return 8.0 * len(packed)
