"""What is lost when time is collapsed into integers?

Question: a network in full time, the same with all spikes of a window summed to integers (what
"spiking" language models run), and the same with its input times shuffled: what survives?
Four probes (leak, synchrony, order, permutation of code steps), and a trained dendritic-attention
network: bits per symbol when windows of symbols lose their order.
Expected: collapse answers none of the four; the text network loses bits with every symbol that a
window swallows. Half a minute at the default size.
"""

if __name__ != "bioplastic.experiments.collapse_audit":
    raise ImportError("import bioplastic.experiments.collapse_audit")

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import ms, second

from bioplastic import provenance
from bioplastic.analysis import bits as bits_of
from bioplastic.bridge import collapse_probes as probes
from bioplastic.bridge.collapse_audit import Audit, audit, separation
from bioplastic.config import setting
from bioplastic.description import Network, SymbolSchedule
from bioplastic.errors import UsageError
from bioplastic.kernels.circuit.run import run_circuit
from bioplastic.learned import Learned
from bioplastic.learning import corpus
from bioplastic.learning.collapse import Collapsed, collapsed_windows
from bioplastic.learning.collapse_counts import count_bits
from bioplastic.learning.sequence import SCALE, run_sequence
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention
from bioplastic.provenance import stream
from bioplastic.quantize.circuit_frozen import frozen
from bioplastic.result import Note, Panel, Quantity, Result, Table

BACKENDS = ("cpu", "reference")
QUICK = {
    "trials": 20, "copies": 10, "draws": 20, "symbols": 400, "test": 60, "windows": "2,4",
    "orders": 2,
}  # fmt: skip
LEAK, ORDER = 100 * ms, 10 * ms
CODE = {"number": 12, "slots": 32, "step": 4 * ms, "share": 0.45}
DT = 0.5 * ms


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes of the probes, the text, and a network of your own."""

    trials: int = setting(200, low=2, high=10_000, help="trials of the synchrony question")
    copies: int = setting(100, low=1, high=10_000, help="synapses per order of spikes")
    draws: int = setting(200, low=2, high=10_000, help="permutations of the code's steps")
    corpus: str = setting("kjv", help="kjv, alice29, or the path of a file")
    symbols: int = setting(100_000, low=10, high=10_000_000, help="symbols to learn from")
    test: int = setting(2000, low=10, high=100_000, help="symbols after them, learning frozen")
    windows: str = setting("2,4,8", help="symbols per collapsed window, with commas")
    orders: int = setting(8, low=1, high=1000, help="orders drawn per window")
    learned: str = setting("", help="a learned.h5 of a network to audit as well")
    window: Any = setting(50 * ms, low=0.1 * ms, high=10 * second, help="its windows")
    duration: Any = setting(1 * second, low=1 * ms, high=1000 * second, help="its run")


def describe(config: Config, *, seed: int) -> Network:
    """The text network, before it learned."""
    return _text(config, seed)[0]


def run(config: Config, *, seed: int, backend: str) -> Result:
    """The four probes, the text, the given network; then the verdict."""
    windows = _windows(config.windows)
    rng = stream(seed, "collapse", "probes")
    panels, rows = [], []
    metrics: dict[str, float] = {}
    for probe in (_leak, _synchrony, _order, _permutation):
        panel, row, found = probe(config, rng, seed, backend)
        panels.append(panel)
        rows.append(row)
        metrics |= found
    network, lost, counted, levels = _attention(config, windows, seed, backend)
    bits = lost.bits()
    metrics |= {
        f"bits_per_symbol_window_{w}": float(b) for w, b in zip(lost.windows, bits, strict=True)
    }
    metrics |= {
        f"count_trained_bits_window_{w}": float(b)
        for w, b in zip(lost.windows, counted, strict=True)
    }
    metrics |= {f"bits_per_symbol_{k.replace(' ', '_')}": v for k, v in levels.items()}
    mine = [_given(config, seed, backend)] if config.learned else []
    return Result(
        metrics=metrics,
        headline=(
            f"Collapsed to counts, {sum(r[-1] == 'no' for r in rows)} of 4 properties of time are"
            f" lost, and a text network at {bits[0]:.2f} bits/symbol falls to {bits[1]:.2f} when"
            f" two symbols share a window and to {bits[-1]:.2f} with {lost.windows[-1]}."
        ),
        sections=[
            Note(key="verdict", title="In plain words", text=_verdict(rows, lost, bits, counted)),
            Table(
                key="audit",
                title="What survives",
                caption="The same integers go in; the last column says whether the collapsed"
                " network can still tell the two cases apart.",
                columns=("question", "full time", "collapsed", "survives"),
                rows=rows,
            ),
            *panels,
            _bits_panel(lost, bits, counted, levels),
            *mine,
        ],
        arrays={
            "window": Quantity(values=lost.windows),
            "bits_per_symbol": Quantity(values=bits, unit="bit"),
            "count_trained_bits_per_symbol": Quantity(values=counted, unit="bit"),
            "surprise": Quantity(values=lost.surprise, unit="bit"),
        },
        network=network.table(),
    )


def _windows(text: str) -> list[int]:
    try:
        found = sorted({int(w) for w in text.split(",")} - {1})
    except ValueError:
        found = []
    if not found or found[0] < 2:
        raise UsageError(f"windows = {text!r}: needs whole numbers >= 2 with commas, e.g. 2,4,8")
    return [1, *found]


Probe = tuple[Panel, tuple[str, str, str, str], dict[str, float]]


def _audit(network: Network, duration: Any, seed: int, backend: str) -> Audit:
    return audit(
        network, window=duration, duration=duration, dt=probes.DT, seed=seed, backend=backend
    )


def _flat(found: Audit, population: str) -> np.ndarray:
    assert found.collapsed is not None
    return found.collapsed[population][0]


def _panel(key: str, title: str, caption: str, draw: Callable[[Any, Any], Any]) -> Panel:
    def on(figure: Any) -> None:
        from bioplastic.plot import collapse as plot

        draw(plot, figure.subplots())

    return Panel(key=key, title=title, caption=caption, draw=on, size=(4.6, 3.2))


def _leak(config: Config, rng: np.random.Generator, seed: int, backend: str) -> Probe:
    found = _audit(probes.leak(20, LEAK), LEAK, seed, backend)
    full, flat, charge = found.full["cells"][0], _flat(found, "cells"), np.arange(1, 21)
    silent = int((full == 0).sum())
    row = (
        "leak",
        f"silent up to {silent} thresholds of charge, then {full[-1]} spikes for 20",
        f"{flat[0]} spike for 1, {flat[-1]} for 20",
        "yes" if np.array_equal(full, flat) else "no",
    )
    panel = _panel(
        "leak", "Leak", "A weak input never reaches threshold, however long it lasts.",
        lambda plot, ax: plot.leak(charge, full, flat, ax),
    )  # fmt: skip
    metrics = {"leak_silent_up_to": float(silent), "leak_spikes_for_20": float(full[-1])}
    return panel, row, metrics


def _synchrony(config: Config, rng: np.random.Generator, seed: int, backend: str) -> Probe:
    volleys = probes.Volleys(trials=config.trials)
    network, label = probes.synchrony(volleys, rng)
    found = _audit(network, volleys.duration, seed, backend)
    full, flat = found.full["cells"][0], _flat(found, "cells")
    area, blind = separation(full, label), separation(flat, label)
    row = (
        "synchrony",
        f"{full[label].mean():.2f} spikes in volleys, {full[~label].mean():.2f} evenly;"
        f" ROC area {area:.2f}",
        f"{flat[0]} spikes in both; ROC area {blind:.2f}",
        "yes" if blind > 0.5 else "no",
    )
    panel = _panel(
        "synchrony", "Synchrony", "The same 400 input spikes in a trial, in volleys or evenly.",
        lambda plot, ax: plot.counts_by_class(full, label, int(flat[0]), ax),
    )  # fmt: skip
    return panel, row, {"synchrony_roc_full": area, "synchrony_roc_collapsed": blind}


def _order(config: Config, rng: np.random.Generator, seed: int, backend: str) -> Probe:
    network = probes.order(60, ORDER, config.copies)
    found = _audit(network, 6000 * ms, seed, backend)
    share = found.state.arrays["plastic/weight"] / 127
    place = np.arange(2 * config.copies) < config.copies
    after = {"pre before post": share[place], "post before pre": share[~place]}
    counts = found.full["post"][0]
    up, down = (float(w.mean()) - 0.5 for w in after.values())
    alike = separation(counts, place) == 0.5
    row = (
        "order",
        f"Δw {up:+.2f} of w_max pre before post, {down:+.2f} post before pre",
        f"{counts[0]} pairs of counts in both: one Δw for both",
        "no" if alike else "yes",
    )
    panel = _panel(
        "order", "Order", "60 pairings at 10 ms, one dot a synapse; the counts are the same.",
        lambda plot, ax: plot.weights(0.5, after, ax),
    )  # fmt: skip
    return panel, row, {"order_change_pre_first": up, "order_change_post_first": down}


def _permutation(config: Config, rng: np.random.Generator, seed: int, backend: str) -> Probe:
    network, code = probes.permutation(draws=config.draws, rng=rng, **CODE)
    found = _audit(network, (CODE["slots"] + 1) * CODE["step"], seed, backend)
    full, flat = found.full["cells"][0], _flat(found, "cells")
    assert len(set(code.sum(axis=0))) == 1
    row = (
        "permutation",
        f"{full.min()} to {full.max()} spikes over {config.draws} orders of the code's steps",
        f"{flat.min()} for all",
        "no" if np.ptp(flat) == 0 and np.ptp(full) > 0 else "yes",
    )
    panel = _panel(
        "permutation", "Permutation of code steps",
        f"{CODE['number']} spikes in {CODE['slots']} steps of a count code, steps permuted.",
        lambda plot, ax: plot.permuted(full, int(flat[0]), ax),
    )  # fmt: skip
    return panel, row, {"permutation_least": int(full.min()), "permutation_most": int(full.max())}


def _text(config: Config, seed: int) -> tuple[Network, corpus.SymbolStream]:
    text = corpus.load(config.corpus, symbols=config.symbols + config.test)
    if len(text) < config.symbols + config.test:
        raise UsageError(
            f"corpus {text.name}: has {len(text)} symbols, symbols + test need"
            f" {config.symbols + config.test}"
        )
    schedule = SymbolSchedule(symbols=text.symbols[: config.symbols], size=text.alphabet_size)
    return dendritic_attention(schedule, Parameters(pool=config.symbols), labels=text.glyphs), text


def _attention(
    config: Config, windows: list[int], seed: int, backend: str
) -> tuple[Network, Collapsed, np.ndarray, dict[str, float]]:
    """Train in full time, freeze, then forecast what comes next under every kind of collapse."""
    network, text = _text(config, seed)
    key = int(provenance.seed_tree(seed).child("circuit").key()) & 0xFFFFFFFF
    found = run_sequence(network, dt=DT, seed=key, backend=backend, label="learning")
    still = frozen(found.circuit, found.run.state)
    after = text.symbols[config.symbols :]
    lost = collapsed_windows(
        still, after, windows, draws=config.orders, rng=stream(seed, "collapse", "orders"),
        backend=backend,
    )  # fmt: skip
    start, period = int(still.state.step[0]), still.program.period
    steps = start + np.arange(len(after)) * period
    drawn = stream(seed, "collapse", "phases").integers(period, size=len(after))
    late = run_circuit(still, after, steps + drawn, backend=backend, progress=False)
    known = ~np.isnan(lost.surprise).any(axis=0)
    shuffled = bits_of(late.potential[:-1], SCALE, after[1:])[known[1:]].mean()
    before, size = text.symbols[: config.symbols], text.alphabet_size
    count = np.bincount(before, minlength=size) + 1
    unigram = -np.log2(count / count.sum())[after[known]].mean()
    counted = [count_bits(before, after, int(w), size)[known].mean() for w in lost.windows]
    levels = {"time shuffled": float(shuffled), "unigram": float(unigram)}
    return network, lost, np.array(counted), levels


def _bits_panel(
    lost: Collapsed, bits: np.ndarray, counted: np.ndarray, levels: dict[str, float]
) -> Panel:
    def draw(figure: Any) -> None:
        from bioplastic.plot import collapse as plot

        curves = {"this network, order lost": bits, "predictor trained on counts": counted}
        plot.bits_lost(lost.windows, curves, levels, figure.subplots())

    return Panel(
        key="bits",
        title="Bits per symbol lost",
        caption="The trained text network, frozen, on the symbols that follow. In a window the"
        " symbols keep their counts and lose their order. The predictor trained on counts learned"
        " from sorted windows: what counts alone allow, and at window 1 an ordinary n-gram model.",
        draw=draw,
        size=(7.2, 3.4),
    )


def _given(config: Config, seed: int, backend: str) -> Table:
    network = Learned.load(Path(config.learned)).network(plastic=False)
    return audit(
        network, window=config.window, duration=config.duration, dt=probes.DT, seed=seed,
        backend=backend,
    ).table()  # fmt: skip


def _verdict(
    rows: list[tuple[str, str, str, str]], lost: Collapsed, bits: np.ndarray, counted: np.ndarray
) -> str:
    gone = [r[0] for r in rows if r[-1] == "no"]
    said = ", ".join(gone) if gone else "none"
    return (
        f"Summing the spikes of a window to an integer loses: {said}. The text network forecasts"
        f" at {bits[0]:.2f} bits per symbol in full time. When only the counts of"
        f" {lost.windows[1]} symbols are left it needs {bits[1]:.2f}, with {lost.windows[-1]}"
        f" {bits[-1]:.2f}. It was never trained for that: a table that learns from the same counts"
        f" needs {counted[1]:.2f} and {counted[-1]:.2f}, against {counted[0]:.2f} with order. Its"
        " differences are the price of collapse itself, the network's that of collapsing a network"
        " that computes in time."
    )
