"""What lowering cost: the rounding error of every array, and the proof that nothing overflows."""

from __future__ import annotations

from dataclasses import dataclass

from bioplastic.result import Table


@dataclass(frozen=True, kw_only=True)
class Rounding:
    """One array on its way from float to integer.

    what       object and quantity, such as "recurrent.weight"      bits  width that holds it
    error      largest |integer value − float value|, in `unit`     unit  SI unit or "1"
    relative   error over the largest magnitude of the array (0 for an array of zeros)
    """

    what: str
    bits: int
    error: float
    relative: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class Bound:
    """Proof that a state cannot overflow.

    bound   largest magnitude that any input allows, LSB     limit   what the format holds
    """

    what: str
    bound: float
    limit: int

    @property
    def headroom(self) -> float:
        """Limit over bound."""
        return self.limit / self.bound if self.bound else float("inf")


@dataclass(frozen=True, kw_only=True)
class LoweringReport:
    """Roundings and bounds of one network."""

    roundings: tuple[Rounding, ...]
    bounds: tuple[Bound, ...]

    @property
    def worst(self) -> Rounding:
        """The array with the largest relative error."""
        return max(self.roundings, key=lambda r: r.relative)

    def tables(self) -> tuple[Table, Table]:
        """The two tables of a run report: rounding errors, overflow bounds."""
        roundings = Table(
            key="rounding",
            title="Rounding",
            caption="Largest error of each array when it became integer.",
            columns=("what", "bits", "largest error", "unit", "relative"),
            rows=[
                (r.what, r.bits, f"{r.error:.3g}", r.unit, f"{r.relative:.2g}")
                for r in self.roundings
            ],
        )
        bounds = Table(
            key="overflow",
            title="Overflow bounds",
            caption="Largest magnitude that any input allows, against what the format holds.",
            columns=("state", "bound (LSB)", "limit", "headroom"),
            rows=[
                (b.what, f"{b.bound:.4g}", f"{b.limit:.4g}", f"{b.headroom:.3g}")
                for b in self.bounds
            ],
        )
        return roundings, bounds
