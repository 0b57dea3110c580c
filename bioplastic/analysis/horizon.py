"""How long two executors of one network stay together: the agreement horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bioplastic.analysis.compare import Divergence, agreement, first_divergence
from bioplastic.analysis.spikes import isi_cv, rates
from bioplastic.errors import UsageError
from bioplastic.result import SpikeRecord, Table

HORIZONS = (0.010, 0.020, 0.050)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far one population is the same in two runs, a (float) and b (integer).

    divergence   first spike that one run lacks, None: equal to the end
    equal        horizon s -> |A ∩ B|/|A ∪ B| of the spikes before it
    spikes       of a and of b             rate   mean rate of a and of b, Hz
    cv           mean CV of the interspike intervals of a and of b, nan where no neuron has three
    """

    population: str
    duration: float
    divergence: Divergence | None
    equal: Mapping[float, float]
    spikes: tuple[int, int]
    rate: tuple[float, float]
    cv: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class WeightDistance:
    """How far the weights of one projection are apart after two runs.

    mean, largest   |w_a − w_b| in `unit`          moved   mean |w_a − w_a(0)|: the size of learning
    """

    projection: str
    mean: float
    largest: float
    moved: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class Horizon:
    """Agreement of every population and distance of every plastic projection."""

    populations: tuple[Agreement, ...]
    weights: tuple[WeightDistance, ...] = ()
    horizons: Sequence[float] = field(default=HORIZONS)

    @property
    def first(self) -> float:
        """Seconds up to the first spike that differs in any population; inf when none does."""
        times = [p.divergence.time for p in self.populations if p.divergence is not None]
        return min(times, default=float("inf"))

    def share(self, horizon: float) -> float:
        """Share of equal spikes before `horizon`, all populations together (the least of them)."""
        return min((p.equal[horizon] for p in self.populations), default=1.0)

    def tables(self) -> tuple[Table, ...]:
        """Spikes, and weights where there are plastic ones."""
        spikes = Table(
            key="horizon",
            title="Agreement horizon",
            caption="Share of equal spikes, |A ∩ B|/|A ∪ B|, before each time.",
            columns=(
                "population", "first difference",
                *(f"equal to {1e3 * h:g} ms" for h in self.horizons),
                "spikes", "rate (Hz)", "ISI CV",
            ),
            rows=[
                (
                    p.population,
                    "none" if p.divergence is None else f"{1e3 * p.divergence.time:.4g} ms",
                    *(f"{100 * p.equal[h]:.2f} %" for h in self.horizons),
                    "{:,} / {:,}".format(*p.spikes),
                    "{:.3g} / {:.3g}".format(*p.rate),
                    "{:.3g} / {:.3g}".format(*p.cv),
                )
                for p in self.populations
            ],
        )  # fmt: skip
        if not self.weights:
            return (spikes,)
        weights = Table(
            key="weight-distance",
            title="Distance of the weights",
            caption="After the run, beside how far learning moved them.",
            columns=("projection", "mean |Δ|", "largest |Δ|", "mean change by learning", "unit"),
            rows=[
                (w.projection, f"{w.mean:.3g}", f"{w.largest:.3g}", f"{w.moved:.3g}", w.unit)
                for w in self.weights
            ],
        )
        return spikes, weights


def compare_population(
    a: SpikeRecord, b: SpikeRecord, *, duration: float, horizons: Sequence[float] = HORIZONS
) -> Agreement:
    """Agreement of two records of one population over `duration` seconds."""
    return Agreement(
        population=a.population,
        duration=duration,
        divergence=first_divergence(a, b),
        equal=agreement(a, b, horizons),
        spikes=(len(a.steps), len(b.steps)),
        rate=tuple(float(rates(r, stop=duration).mean()) for r in (a, b)),  # type: ignore[arg-type]
        cv=(_mean_cv(a), _mean_cv(b)),
    )


def compare_weights(
    projection: str, before: np.ndarray, a: np.ndarray, b: np.ndarray, *, unit: str
) -> WeightDistance:
    """Distance of two weight vectors (S,) that both started from `before` (S,)."""
    if not before.shape == a.shape == b.shape:
        raise UsageError(f"{projection}.weight: shapes {before.shape}, {a.shape}, {b.shape} differ")
    gap = np.abs(a - b)
    return WeightDistance(
        projection=projection,
        mean=float(gap.mean()) if gap.size else 0.0,
        largest=float(gap.max(initial=0.0)),
        moved=float(np.abs(a - before).mean()) if gap.size else 0.0,
        unit=unit,
    )


def _mean_cv(record: SpikeRecord) -> float:
    found = isi_cv(record)
    found = found[~np.isnan(found)]
    return float(found.mean()) if len(found) else float("nan")


def window_agreement(
    a: SpikeRecord, b: SpikeRecord, *, width: float, stop: float
) -> tuple[np.ndarray, np.ndarray]:
    """Share of equal spikes in windows of `width` up to `stop`: ends (W,) s, shares (W,).

    |A ∩ B|/|A ∪ B| of the spikes inside each window; nan where both are silent
    """
    if a.size != b.size or not np.isclose(a.dt, b.dt, rtol=1e-9, atol=0):
        raise UsageError(f"{a.population} and {b.population}: lie on different grids")
    each, windows = round(width / a.dt), int(stop / width + 1e-9)
    if each < 1 or windows < 1:
        raise UsageError(f"width = {width} s: must be at least dt = {a.dt} s, at most stop")
    ours, theirs = (np.unique(r.steps * r.size + r.ids) for r in (a, b))
    place = each * a.size
    both = np.bincount(np.intersect1d(ours, theirs) // place, minlength=windows)[:windows]
    either = np.bincount(np.union1d(ours, theirs) // place, minlength=windows)[:windows]
    share = np.divide(both, either, out=np.full(windows, np.nan), where=either > 0)
    return width * np.arange(1, windows + 1), share
