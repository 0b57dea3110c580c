"""Numbers of a temporal-memory run, for one seed and for several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.analysis.temporal_memory import PredictionScore
from bioplastic.result import SpikeRecord, Table


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One seed: spikes, plateau onsets, scores, and what it cost."""

    spikes: dict[str, SpikeRecord]
    onsets: SpikeRecord
    score: PredictionScore
    active: np.ndarray
    model_seconds: float
    cpu_seconds: float


def _of_one(r: Run) -> dict[str, float | int]:
    last = [row[~np.isnan(row)][-1] for row in r.active[-1]]
    return {
        "episodes_to_zero_error": r.score.first_zero,
        "episodes_to_stable_zero_error": r.score.stable_zero,
        "final_error": float(r.score.error[-1]),
        "false_positives": int(r.score.false_positives[-1].sum()),
        "false_negatives": int(r.score.false_negatives[-1].sum()),
        "active_neurons_last_element": float(np.mean(last)),
        "model_seconds": r.model_seconds,
        "cpu_seconds": r.cpu_seconds,
    }


def metrics(runs: dict[int, Run]) -> dict[str, float | int]:
    """Metrics of all seeds; with several, each also as NAME_seed<k>.

    Without suffix: the mean, but for the episodes the largest, and −1 if any seed says never.
    """
    each = {seed: _of_one(r) for seed, r in runs.items()}
    together: dict[str, float | int] = {}
    for name in next(iter(each.values())):
        values = [m[name] for m in each.values()]
        if name.startswith("episodes_to"):
            together[name] = -1 if min(values) < 0 else max(values)
        else:
            together[name] = float(np.mean(values))
    together["seeds_ending_at_zero_error"] = sum(m["final_error"] == 0 for m in each.values())
    if len(each) > 1:
        together |= {f"{n}_seed{k}": v for k, m in each.items() for n, v in m.items()}
    return together


def table(runs: dict[int, Run]) -> Table:
    """One row for each seed."""
    each = {seed: _of_one(r) for seed, r in runs.items()}
    names = list(next(iter(each.values())))
    return Table(
        key="seeds",
        title="Every seed",
        caption="False positives and negatives: subpopulations, sum over sequences, last episode.",
        columns=("seed", *(n.replace("_", " ") for n in names)),
        rows=[(seed, *(round(v, 3) for v in m.values())) for seed, m in each.items()],
    )
