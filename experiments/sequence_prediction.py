"""How well does a spiking network with local plasticity predict a real text, one pass?

Prequential: each symbol is predicted before it is learned. The dendritic-attention network, all
spikes simulated, int8 weights; baselines on the same symbols beside it. Half a minute at the
default size on one core, and as much again at the first start, which compiles.
What it reaches on both bundled texts stands in docs/sequence-prediction.md, beside the commands.
"""

if __name__ != "bioplastic.experiments.sequence_prediction":
    raise ImportError("import bioplastic.experiments.sequence_prediction")

from dataclasses import dataclass, replace
from typing import Any

from brian2 import ms

from bioplastic import provenance
from bioplastic.config import setting
from bioplastic.description import Network, Rhythm, SymbolSchedule
from bioplastic.learning import baselines, corpus
from bioplastic.learning.sequence import SequenceRun, learned, run_sequence
from bioplastic.learning.space import Symbols
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention
from bioplastic.report.sequence import sections
from bioplastic.result import Quantity, Result

QUICK = {"symbols": 2000}
BACKENDS = ("cpu", "reference")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is predicted, by which network, against whom."""

    corpus: str = setting("kjv", help="kjv, alice29, or the path of a file")
    symbols: int = setting(100_000, low=2, high=100_000_000, help="how many symbols of it")
    alphabet: str = setting("az", help="az, bytes, text, integers or dna")
    limit: int = setting(256, low=2, high=4096, help="largest alphabet accepted")
    order: int = setting(7, low=0, high=12, help="longest context in symbols")
    skips: int = setting(0, low=0, high=4, help="branches that see older order-3 keys")
    word: bool = setting(True, help="a word context, where the alphabet has a space")
    winners: int = setting(4, low=1, high=20, help="gamma cycles (races) per theta cycle")
    revisit: int = setting(0, low=0, high=100, help="spikes of a parent before it may recruit")
    dt: Any = setting(0.5 * ms, low=0.1 * ms, high=1 * ms, help="grid")
    shuffle: bool = setting(True, help="also run the control with shuffled spike times")
    baselines: str = setting("default", help="default, all, none, or names with commas")


def _stream(config: Config) -> corpus.SymbolStream:
    return corpus.load(
        config.corpus, symbols=config.symbols, alphabet=config.alphabet, limit=config.limit
    )


def _network(config: Config, stream: corpus.SymbolStream, schedule: SymbolSchedule) -> Network:
    base = Parameters()
    space = stream.glyphs.index(" ") if " " in stream.glyphs else None
    symbols = Symbols(size=stream.alphabet_size, delimiter=space, labels=stream.glyphs)
    parameters = replace(
        base,
        order=config.order,
        skips=config.skips,
        delimiter=(symbols.word_ends or None) if config.word else None,
        pool=len(stream),
        rhythm=Rhythm(gamma=config.winners),
        stdp=replace(base.stdp, winners=config.winners),
        recruitment=replace(base.recruitment, min_activations=config.revisit),
    )
    return dendritic_attention(schedule, parameters, labels=stream.glyphs)


def _schedule(stream: corpus.SymbolStream) -> SymbolSchedule:
    return SymbolSchedule(symbols=stream.symbols, size=stream.alphabet_size)


def describe(config: Config, *, seed: int) -> Network:
    """The network on the stream's schedule."""
    stream = _stream(config)
    return _network(config, stream, _schedule(stream))


def _metrics(found: SequenceRun, shuffled: SequenceRun | None, others: dict) -> dict:
    metrics = found.metrics()
    if shuffled is not None:
        metrics["shuffled_bits_per_symbol"] = float(shuffled.surprise.mean())
    for name, other in others.items():
        metrics[f"baseline_{name}_bits_per_symbol"] = other.bits_per_symbol
    return metrics


def run(config: Config, *, seed: int, backend: str) -> Result:
    """Predict the stream, run the control and the baselines."""
    baselines.names(config.baselines)
    stream = _stream(config)
    schedule = _schedule(stream)
    key = int(provenance.seed_tree(seed).child("circuit").key()) & 0xFFFFFFFF
    network = _network(config, stream, schedule)
    found = run_sequence(network, dt=config.dt, seed=key, backend=backend, label=stream.name)
    shuffled = None
    if config.shuffle:
        moved = schedule.shuffled(provenance.stream(seed, "shuffle"), config.dt)
        control = _network(config, stream, moved)
        shuffled = run_sequence(
            control, dt=config.dt, seed=key, backend=backend, label="times shuffled"
        )
    others = baselines.run(stream, config.baselines)
    metrics = _metrics(found, shuffled, others)
    best = min(
        (r for r in others.values() if r.bits_per_symbol == r.bits_per_symbol),
        key=lambda r: r.bits_per_symbol,
        default=None,
    )
    beside = f" Best baseline: {best.name}, {best.bits_per_symbol:.3f}." if best else ""
    return Result(
        metrics=metrics,
        headline=f"{metrics['bits_per_symbol']:.3f} bits per symbol on the first"
        f" {len(stream):,} symbols of {stream.name}, learned in one pass by local plasticity."
        + beside,
        sections=sections(found, stream.glyphs, others, shuffled),
        spikes=found.run.spikes,
        arrays={"surprise": Quantity(values=found.surprise, unit="bit")},
        network=network.table(),
        learned=learned(found, {"experiment": "sequence-prediction", "seed": seed}),
    )
