"""What the memory of this machine can do: the floor under every other figure.

One thread adds one array to another, b += a; three streams of 8 bytes per element (two reads, one
write). Small arrays stay in a cache; the largest does not.
"""

from __future__ import annotations

import numpy as np

from bioplastic.benchmarks.measured import Measured, cpu_seconds
from bioplastic.result import Table

FULL = {"sizes": (1 << 12, 1 << 15, 1 << 18, 1 << 24)}
QUICK = {"sizes": (1 << 12, 1 << 15)}


def bandwidth(elements: int) -> float:
    """Bytes per second of b += a over arrays of so many float64."""
    a, b = np.ones(elements), np.zeros(elements)
    loops = max(1, (1 << 24) // elements)

    def add() -> None:
        for _ in range(loops):
            np.add(a, b, out=b)

    add()
    return 3 * 8 * elements * loops / max(cpu_seconds(add), 1e-9)


def measure(*, sizes: tuple[int, ...]) -> Measured:
    """Bandwidth for arrays of each size."""
    found = {n: bandwidth(n) for n in sizes}
    return Measured(
        figures={f"bandwidth_{16 * n // 1024}_kib_gb_per_s": v / 1e9 for n, v in found.items()},
        table=Table(
            key="bandwidth",
            title="Memory bandwidth of this machine",
            caption="b += a in float64 on one thread, 24 bytes an element.",
            columns=("both arrays, KiB", "GB/s"),
            rows=[(16 * n // 1024, f"{v / 1e9:.1f}") for n, v in found.items()],
        ),
    )
