"""Sections of the sequence-prediction report: curve, raster, attention, text, weights, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bioplastic import plot
from bioplastic.analysis import attention
from bioplastic.description import AllToAll
from bioplastic.learning.sequence import SequenceRun
from bioplastic.quantize.circuit_program import FRACTION, WEIGHT_FRACTION
from bioplastic.result import ColouredText, Note, Panel, SpikeRecord, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bioplastic.learning.baselines import BaselineResult

CYCLES_SHOWN = 4
TEXT_SHOWN = 600
ROWS_SHOWN = 14
LAGS = 10


def sections(
    found: SequenceRun,
    glyphs: Sequence[str],
    baselines: Mapping[str, BaselineResult],
    shuffled: SequenceRun | None,
) -> list[Panel | Table | ColouredText | Note]:
    """The report of one run, in reading order.

    glyphs (V,)   printable symbols       baselines  name → result       shuffled  the control run
    """
    return [
        standing(found, baselines, shuffled),
        curve(found, baselines, shuffled),
        coloured(found, glyphs),
        raster(found),
        attended(found, glyphs),
        efficacies(found),
        weights(found),
        costs(found),
        timing(found, shuffled),
    ]


def standing(
    found: SequenceRun, baselines: Mapping[str, BaselineResult], shuffled: SequenceRun | None
) -> Table:
    """Every predictor on the same symbols, best first."""
    third = 2 * len(found.surprise) // 3
    rows = [
        ("this network", float(found.surprise.mean()), float(found.surprise[third:].mean()), ""),
        *((r.name, r.bits_per_symbol, r.last_third, r.note) for r in baselines.values()),
    ]
    if shuffled is not None:
        mean, last = shuffled.surprise.mean(), shuffled.surprise[third:].mean()
        rows.append(("this network, spike times shuffled", float(mean), float(last), "control"))
    rows.sort(key=lambda row: (not np.isfinite(row[1]), row[1]))
    return Table(
        key="standing",
        title="Who predicts better",
        caption="Bits per symbol on the same symbols, one pass, each symbol predicted before it is"
        " learned. Lower is better. A missing figure says why.",
        columns=("predictor", "bits/symbol", "last third", "note"),
        rows=rows,
        best=0,
    )


def curve(
    found: SequenceRun, baselines: Mapping[str, BaselineResult], shuffled: SequenceRun | None
) -> Panel:
    """Learning curve beside the baselines."""
    lines: dict[str, float | np.ndarray] = {
        r.name: r.bits_per_symbol if r.surprise is None else r.surprise
        for r in baselines.values()
        if np.isfinite(r.bits_per_symbol) and r.name != "uniform"
    }
    if shuffled is not None:
        lines["times shuffled"] = shuffled.surprise

    def draw(figure: Figure) -> None:
        plot.learning_curve(found.surprise, figure.subplots(), baselines=lines)

    return Panel(
        key="curve",
        title="Learning curve",
        caption="Surprise in windows of the stream. PPMd is a level: its compressed size has no"
        " symbol-by-symbol figure.",
        draw=draw,
        size=(7.2, 3.8),
    )


def coloured(found: SequenceRun, glyphs: Sequence[str]) -> ColouredText:
    """The end of the stream, coloured by surprise."""
    part = slice(max(0, len(found.surprise) - TEXT_SHOWN), None)
    shown = ["·" if glyphs[s] == " " else glyphs[s] for s in found.run.symbols[part]]
    return ColouredText(
        key="text",
        title="What surprised it",
        caption="The last symbols of the stream; the darker, the less expected.",
        glyphs=shown,
        surprise=found.surprise[part],
    )


def raster(found: SequenceRun) -> Panel:
    """Last theta cycles: query, keys by order, race and teacher; time from the first one shown."""
    circuit, program = found.circuit, found.circuit.program
    shown = min(CYCLES_SHOWN, len(found.run.symbols))
    begin = (len(found.run.symbols) - shown) * program.period

    def late(name: str) -> SpikeRecord:
        record = found.run.spikes[name]
        keep = record.steps >= begin
        return replace(record, steps=record.steps[keep] - begin, ids=record.ids[keep])

    out = late(circuit.outputs)
    free = out.steps % program.period >= program.encoding
    lanes = [plot.Lane(label="query", spikes=late(circuit.source))]
    lanes += [plot.Lane(label=name, spikes=late(name)) for name in circuit.pools]
    lanes.append(plot.Lane(label="outputs", spikes=out, marked=free))
    window = (0.0, shown * program.period * circuit.dt)

    def draw(figure: Figure) -> None:
        plot.raster(lanes, figure.subplots(), window=window, rhythm=found.network.rhythm)

    return Panel(
        key="raster",
        title="A few theta cycles",
        caption="Query: the symbol of each cycle. Keys: one neuron per pool recognises its context,"
        " or a young one is recruited. Outputs: in the encoding phase (shaded) the teacher spikes;"
        " then the gamma cycles, one race each; dots are the winners.",
        draw=draw,
        size=(7.2, 5.2),
    )


def lags_of(found: SequenceRun, branch: int, t: int) -> list[int]:
    """Places back, from the symbol predicted after cycle t, that a branch's key stands for."""
    name = found.circuit.branches[branch]
    if name.startswith("order"):
        return list(range(1, min(int(name[5:]), t + 1) + 1))
    if name.startswith("skip"):
        shift = int(name[4:])
        return list(range(1 + shift, 4 + shift))
    ends = _word_ends(found)
    word = 0
    while word <= t and int(found.run.symbols[t - word]) not in ends:
        word += 1
    return list(range(1, min(word + 1, t + 1) + 1))


def _word_ends(found: SequenceRun) -> set[int]:
    root = found.network.projection("root word").connectivity
    return {int(s) for s in (root.explicit().i if isinstance(root, AllToAll) else root.i)}


def attended(found: SequenceRun, glyphs: Sequence[str]) -> Panel:
    """Which past symbols each of the last predictions used."""
    length = len(found.run.symbols)
    times = range(max(0, length - 1 - ROWS_SHOWN), length - 1)
    cycles = []
    for t in times:
        live = np.flatnonzero(found.run.held[t] >= 0)
        cycles.append(
            [(lags_of(found, b, t), float(found.run.share[t, b]) * 2.0**-FRACTION) for b in live]
        )
    used = attention(cycles, LAGS)
    text = ["·" if glyphs[s] == " " else glyphs[s] for s in found.run.symbols[: times.stop + 1]]
    start = times.start + 1

    def draw(figure: Figure) -> None:
        shown = text[start : start + len(used)]
        plot.attention_map(
            used, shown, figure.subplots(), before=text[max(0, start - LAGS) : start]
        )

    return Panel(
        key="attention",
        title="What each prediction looked at",
        caption="Rows: symbols to predict. Columns: the symbols before. Shade: share of the"
        " membrane potential for the symbol that came, over the contexts whose branches held a"
        " plateau; a branch of order k spreads its share over its k symbols.",
        draw=draw,
        size=(7.2, 5.0),
    )


def efficacies(found: SequenceRun) -> Table:
    """Learned worth of each branch."""
    program, state = found.circuit.program, found.run.state
    rows = []
    for b, name in enumerate(found.circuit.branches):
        pool = program.branch_pool[b]
        fast = [float(x) for x in state.fast[b, 1:] * 2.0**-FRACTION]
        rows.append((name, int(state.mature[pool]), *(round(x, 3) for x in fast)))
    states = [f"state {f}" for f in range(1, max(program.fast_levels, 1))]
    return Table(
        key="branches",
        title="What each branch learned to be worth",
        caption="Keys grown in the pool, and efficacy in nats of a synapse whose output followed"
        " this context before (state 1) and of the one that followed last (state 2).",
        columns=("branch", "keys", *states),
        rows=rows,
    )


def weights(found: SequenceRun) -> Panel:
    """Distribution of learned slow weights."""
    w = found.run.state.w

    def draw(figure: Figure) -> None:
        plot.weight_histogram(
            w[w != 0],
            figure.subplots(),
            w_max=found.circuit.program.w_max,
            scale=2.0**-WEIGHT_FRACTION,
        )

    return Panel(
        key="weights",
        title="Weights",
        caption="Slow int8 weights that are not zero; bars at the ends would be saturation."
        f" {found.metrics()['saturated_weights']:,} of {np.count_nonzero(w):,} sit at ±w_max.",
        draw=draw,
    )


def costs(found: SequenceRun) -> Table:
    """Operations per symbol, counted by the executor."""
    m = found.metrics()
    gru = 3 * 3 * (512 * 512 + 512 * found.circuit.program.symbols)
    rows = [
        ("spikes", m["spikes_per_symbol"], "all populations"),
        ("synaptic events", m["synaptic_events_per_symbol"], "arrivals that move a state"),
        ("blocked arrivals", m["blocked_arrivals_per_symbol"], "at synapses whose gate is shut"),
        ("weight updates", m["weight_updates_per_symbol"], "int8, stochastic rounding"),
        ("fast-state updates", m["fast_updates_per_symbol"], "2 bits each"),
        ("neuron updates executed", m["neuron_updates_per_symbol"], "the rest were at rest"),
        ("GRU-512, multiply–accumulates", float(gru), "9(h² + hV): forward and backward, one step"),
    ]
    return Table(
        key="costs",
        title="What a symbol costs",
        caption="Counts, not energy. The last row is arithmetic from the size of an online GRU.",
        columns=("per symbol", "count", "what"),
        rows=rows,
    )


def timing(found: SequenceRun, shuffled: SequenceRun | None) -> Note:
    """Verdict on time."""
    if shuffled is None:
        text = "The control with shuffled spike times was not run (shuffle=false)."
    else:
        text = (
            "With every symbol's spike at a random phase of its own cycle, same symbols in the same"
            f" order, the same network reaches {shuffled.surprise.mean():.3f} instead of"
            f" {found.surprise.mean():.3f} bits per symbol: primed gates have closed again when the"
            f" drive comes, and teacher spikes fall into the phase that depresses."
            f" It grew {shuffled.context_neurons:,} keys instead of {found.context_neurons:,}."
        )
    return Note(key="timing", title="Does timing matter?", text=text)
