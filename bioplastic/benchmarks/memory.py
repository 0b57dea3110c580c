"""Bytes per synapse: how the resident memory of a fresh process grows with a network and its run.

Two sizes of the same network are lowered and run, each in a process of its own, and the difference
in resident memory is divided by the difference in synapses, so that the interpreter, compiled code
and everything that does not grow with synapses cancels. The float description is freed before.
"""

from __future__ import annotations

from bioplastic.benchmarks.measured import Measured, in_child
from bioplastic.result import Table

FULL = {"synapses": (1 << 20, 1 << 23)}
QUICK = {"synapses": (1 << 14, 1 << 16)}


def measure(*, synapses: tuple[int, int]) -> Measured:
    """Growth for static and for plastic synapses."""
    figures, rows = {}, []
    for kind in ("static", "plastic"):
        grown = [
            in_child("bioplastic.benchmarks.memory_child", {"kind": kind, "synapses": s})
            for s in synapses
        ]
        each = (grown[1]["bytes"] - grown[0]["bytes"]) / (
            grown[1]["synapses"] - grown[0]["synapses"]
        )
        figures[f"bytes_per_{kind}_synapse"] = each
        rows.append((kind, f"{each:.2f}"))
    return Measured(
        figures=figures,
        table=Table(
            key="memory",
            title="Memory per synapse",
            caption="Growth of resident memory between networks of "
            f"{synapses[0]:,} and {synapses[1]:,} synapses, lowered and run.",
            columns=("synapses", "bytes each"),
            rows=rows,
        ),
    )
