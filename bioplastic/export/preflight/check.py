"""Does a chip hold a network? Every limit with what is used, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass

from bioplastic.errors import UnsupportedModel, UsageError, nearest
from bioplastic.export.preflight.demands import DEMANDS, PLACED, counted
from bioplastic.export.preflight.limits import CHIPS, Chip, Limit
from bioplastic.export.preflight.placement import Placement, place
from bioplastic.quantize.loihi import LoihiNetwork


@dataclass(frozen=True, kw_only=True)
class Row:
    """One limit of a chip against one network.

    most    what fits; that of the placement where it was given another chip
    help    the smallest change that would make it fit; empty where it fits
    """

    limit: Limit
    used: int
    most: int
    where: str
    help: str

    @property
    def fits(self) -> bool:
        """Whether it is within the limit."""
        return self.used <= self.most

    @property
    def refuses(self) -> bool:
        """Whether the limit is passed and known well enough to say no."""
        return not self.fits and self.limit.confirmed

    def line(self) -> str:
        """For a person."""
        mark = "" if self.fits else f"   PASSED: {self.help}"
        doubt = "" if self.limit.confirmed else " (unconfirmed)"
        return (
            f"  {self.limit.what:20} {self.used:>12,} of {self.most:>13,}  {self.where or 'all'}"
            f"{mark}   [{self.limit.source}]{doubt}"
        )


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """All limits of one chip."""

    chip: str
    rows: tuple[Row, ...]

    @property
    def fits(self) -> bool:
        """Whether no confirmed limit is passed."""
        return not any(row.refuses for row in self.rows)


def chip_named(name: str) -> Chip:
    """A chip of the limits; UsageError with the nearest name."""
    for chip in CHIPS:
        if chip.name == name:
            return chip
    raise UsageError(f"no chip {name!r}{nearest(name, [c.name for c in CHIPS])}")


def preflight(chip: Chip, network: LoihiNetwork, placement: Placement | None = None) -> Preflight:
    """Count what the network uses of everything that the chip has a limit for.

    placement   where its neurons go on Loihi; made if a limit needs it and it is not given
    """
    c = counted(network, chip.per_core)
    rows = []
    for limit in chip.limits:
        if limit.what not in PLACED:
            demand = DEMANDS[limit.what](c)
            passed = demand.used > limit.most
            rows.append(
                Row(
                    limit=limit, used=demand.used, most=limit.most, where=demand.where,
                    help=demand.help(limit.most) if passed else "",
                )
            )  # fmt: skip
            continue
        placement = placement or place(network)
        used = next(r for r in placement.resources if r.name == limit.what)
        fewer = f"about {int(c.neurons * used.most / max(used.used, 1)):,} of {c.neurons:,} neurons"
        rows.append(
            Row(
                limit=limit, used=used.used, most=used.most, where=used.where,
                help="" if used.fits else fewer,
            )
        )  # fmt: skip
    return Preflight(chip=chip.name, rows=tuple(rows))


def refuse_unless_it_fits(network: LoihiNetwork, found: Preflight) -> None:
    """Raise UnsupportedModel with every limit that is passed and the smallest change that helps."""
    over = [row for row in found.rows if row.refuses]
    if over:
        words = "; ".join(
            f"{r.limit.what} {r.used:,} of {r.most:,} ({r.where or 'all'}): {r.help}" for r in over
        )
        raise UnsupportedModel(f"{network.name!r} does not fit {found.chip}: {words}")
