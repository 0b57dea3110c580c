"""Symbols per second of the spiking text network, all spikes simulated, learning on, one thread."""

from __future__ import annotations

from brian2 import ms

from bioplastic.benchmarks.measured import Measured
from bioplastic.description import SymbolSchedule
from bioplastic.learning import corpus
from bioplastic.learning.sequence import run_sequence
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention
from bioplastic.result import Table

FULL = {"symbols": 100_000, "repeats": 3}
QUICK = {"symbols": 500, "repeats": 1}


def measure(*, symbols: int, repeats: int) -> Measured:
    """The run of `sequence-prediction` on KJV, without controls and baselines."""
    text = corpus.load("kjv", symbols=symbols)
    schedule = SymbolSchedule(symbols=text.symbols, size=text.alphabet_size)
    network = dendritic_attention(schedule, Parameters(pool=len(text)), labels=text.glyphs)
    runs = [run_sequence(network, dt=0.5 * ms, seed=1, progress=False) for _ in range(repeats)]
    best = min(r.run.cpu_seconds for r in runs)
    count = runs[0].run.counters
    events = count["conducted_events"] + count["value_events"]
    return Measured(
        figures={
            "text_symbols_per_second": symbols / best,
            "text_events_per_second": events / best,
            "text_bits_per_symbol": float(runs[0].surprise.mean()),
        },
        table=Table(
            key="text",
            title=f"Text network, {symbols:,} symbols of KJV",
            caption=f"CPU seconds of the kernel, best of {repeats}; plasticity on.",
            columns=("CPU seconds", "symbols/s", "synaptic events/s", "bits/symbol"),
            rows=[
                (f"{best:.2f}", f"{symbols / best:,.0f}", f"{events / best:.3g}",
                 f"{runs[0].surprise.mean():.3f}")
            ],
        ),
    )  # fmt: skip
