"""Energy as a stated function of the counts, memory traffic included. It is no measurement."""

from __future__ import annotations

from dataclasses import dataclass

from bioplastic.learning.cost import Cost

CAVEAT = (
    "Energy is counts times published prices of 45 nm silicon (Horowitz 2014), the same 32-bit"
    " floating-point prices for everyone, so integer learners are overcharged. Each byte that the"
    " algorithm touches is charged at the smallest memory that holds the whole footprint: 32 kB"
    " SRAM, 1 MB SRAM, or DRAM, which gives a range. Control, idle current, instruction fetch and"
    " the wires between chips are left out. Nothing here was measured; no chip was run."
)


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Picojoules of one operation in 45 nm at 0.9 V.

    add, multiply           32-bit floating point
    small_sram, large_sram  one 64-bit access to 32 kB and to 1 MB of SRAM
    dram_low, dram_high     one 64-bit access to DRAM, the published range
    Source: Horowitz 2014, figure 1.1.9 [horowitz2014].
    """

    add: float = 0.9
    multiply: float = 3.7
    small_sram: float = 20.0
    large_sram: float = 100.0
    dram_low: float = 1300.0
    dram_high: float = 2600.0

    @property
    def mac(self) -> float:
        """Multiply and add."""
        return self.add + self.multiply


FLOAT32 = Prices()
INT8 = Prices(add=0.03, multiply=0.2)
"""8-bit integers: the same memory, cheaper arithmetic. Not used by the report."""

SMALL, LARGE, WORD = 32 << 10, 1 << 20, 8


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Nanojoules per symbol.

    arithmetic     operations
    low, high      arithmetic and memory, from the cheapest DRAM to the dearest
    traffic        False: the learner did not count the bytes it touches, so memory is missing
    """

    arithmetic: float
    low: float
    high: float
    traffic: bool


def energy(cost: Cost, prices: Prices = FLOAT32) -> Energy:
    """Return the energy of one symbol, prediction and learning together.

        E = mac·(MACs + learning MACs + membrane updates + trace updates)
          + add·(ACs + weight updates) + access(footprint)·bytes / 8

    A membrane or trace update is a decay and an addition: one MAC. `cost` holds totals, which are
    divided by its symbols; executions are in the counts already, so nothing is multiplied twice.
    """
    arithmetic = prices.mac * (
        cost.effective_macs + cost.learning_macs + cost.membrane_updates + cost.trace_updates
    ) + prices.add * (cost.effective_acs + cost.weight_updates)
    low, high = prices.dram_low, prices.dram_high
    if cost.footprint_bytes <= LARGE:
        low = high = prices.large_sram
    if cost.footprint_bytes <= SMALL:
        low = high = prices.small_sram
    words = cost.bytes_touched / WORD
    scale = 1e-3 / max(cost.symbols, 1)
    return Energy(
        arithmetic=arithmetic * scale,
        low=(arithmetic + low * words) * scale,
        high=(arithmetic + high * words) * scale,
        traffic=cost.bytes_touched > 0,
    )
