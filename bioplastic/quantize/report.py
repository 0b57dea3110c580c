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
    lsb     value of an LSB in the unit of the state (SI); nan for a sum of products
    """

    what: str
    bound: float
    limit: int
    lsb: float = float("nan")

    @property
    def headroom(self) -> float:
        """Limit over bound."""
        return self.limit / self.bound if self.bound else float("inf")


@dataclass(frozen=True, kw_only=True)
class Dead:
    """A population that can never spike, whatever the network does.

    what     name of the population       reason  no path to it, or not enough drive
    """

    what: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class LoweringReport:
    """Roundings, bounds and dead populations of one network."""

    roundings: tuple[Rounding, ...]
    bounds: tuple[Bound, ...]
    dead: tuple[Dead, ...] = ()

    @property
    def worst(self) -> Rounding:
        """The array with the largest relative error."""
        return max(self.roundings, key=lambda r: r.relative)

    def tables(self) -> tuple[Table, ...]:
        """The tables of a run report: rounding errors, overflow bounds, dead populations if any."""
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
            columns=("state", "bound (LSB)", "limit", "headroom", "LSB (SI)"),
            rows=[
                (
                    b.what,
                    f"{b.bound:.4g}",
                    f"{b.limit:.4g}",
                    f"{b.headroom:.3g}",
                    f"{b.lsb:.3g}" if b.lsb == b.lsb else "",
                )
                for b in self.bounds
            ],
        )
        dead = Table(
            key="dead",
            title="Dead populations",
            caption="Populations that can never spike.",
            columns=("population", "reason"),
            rows=[(d.what, d.reason) for d in self.dead],
        )
        return (roundings, bounds, dead) if self.dead else (roundings, bounds)
