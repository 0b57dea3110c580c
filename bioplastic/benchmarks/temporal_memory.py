"""CPU seconds of the spiking temporal memory, task I, all episodes, one thread."""

from __future__ import annotations

from bioplastic.benchmarks.measured import Measured
from bioplastic.config import configure
from bioplastic.experiments import temporal_memory as experiment
from bioplastic.result import Table

FULL = {"repeats": 3, "episodes": 0}
QUICK = {"repeats": 1, "episodes": 2}


def measure(*, repeats: int, episodes: int) -> Measured:
    """The kernel's time inside `bioplastic run temporal-memory`; episodes 0: as the task asks."""
    given = [f"episodes={episodes}"] if episodes else []
    config = configure(experiment.Config, given, where="temporal-memory")
    runs = [experiment.run(config, seed=1, backend="cpu") for _ in range(repeats)]
    best = min(float(r.metrics["cpu_seconds"]) for r in runs)
    return Measured(
        figures={"temporal_memory_cpu_seconds": best},
        table=Table(
            key="temporal-memory",
            title="Temporal memory, task I",
            caption=f"CPU seconds of the kernel, best of {repeats}.",
            columns=("CPU seconds", "what it found"),
            rows=[(f"{best:.2f}", runs[0].headline)],
        ),
    )
