"""Run the commands behind the figures of these pages, and rewrite the tables that hold them.

    python docs/measure.py                    what can be measured, and how long it takes
    python docs/measure.py sequence ranges    measure; every page with that marker is rewritten
    python docs/measure.py picture            the figure of the README, from a quick run

A table stands between `<!-- measured: NAME -->` and `<!-- end of NAME -->`. Nobody types into it:
every row holds the command that made it, and the line below says on which machine and revision.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGES = (DOCS.parent / "README.md", *sorted(DOCS.glob("*.md")))
PENDING = "Not measured yet: `python docs/measure.py {name}` fills this table."


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run: its command, its metrics, its manifest and where it lies."""

    command: str
    metrics: Mapping[str, Any]
    manifest: Mapping[str, Any]
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One table: a row for each command; a column for each function of a run."""

    takes: str
    commands: Sequence[str]
    columns: Mapping[str, Callable[[Run], str]]


@dataclass(frozen=True, kw_only=True)
class Script:
    """A table that a program of its own prints, with the line that says where it comes from."""

    takes: str
    commands: Sequence[str]

    def lines(self) -> list[str]:
        """What the programs print."""
        found = []
        for command in self.commands:
            print(f"$ {command}", flush=True)
            called = [sys.executable, *command.split()[1:]]
            done = subprocess.run(called, check=True, cwd=DOCS.parent, stdout=subprocess.PIPE)
            found += done.stdout.decode().splitlines()
        return found


def metric(name: str, form: str = "{:.3f}") -> Callable[[Run], str]:
    """Return a column that shows one metric; a dash where a run has none."""

    def cell(run: Run) -> str:
        value = run.metrics.get(name)
        return "–" if value is None else form.format(value)

    return cell


def seeds(name: str, form: str = "{:g}") -> Callable[[Run], str]:
    """Return a column that lists one metric of every seed."""

    def cell(run: Run) -> str:
        found = {
            int(key.rpartition("_seed")[2]): value
            for key, value in run.metrics.items()
            if re.fullmatch(rf"{name}_seed\d+", key)
        } or {0: run.metrics.get(name)}
        return ", ".join("–" if v is None else form.format(v) for _, v in sorted(found.items()))

    return cell


def option(name: str) -> Callable[[Run], str]:
    """Return a column that shows a setting as it was typed."""
    return lambda run: (re.search(rf"{name}=(\S+)", run.command) or ("", "default"))[1]


def headline(run: Run) -> str:
    """Return what the run answered."""
    return str(run.manifest["headline"]).replace("|", r"\|")


SEQUENCE = "bioplastic run sequence-prediction"
MEMORY = "bioplastic run temporal-memory"
AGREEMENT = "bioplastic run lowering-agreement"
WINDOWS = {"full time": "window_1", **{f"{w} a window": f"window_{w}" for w in (2, 4, 8)}}
BASELINES = {
    "n-gram": "baseline_ngram_bits_per_symbol",
    "suffix table": "baseline_suffix_table_bits_per_symbol",
    "PPMd": "baseline_ppmd_bits_per_symbol",
    "GRU": "baseline_gru_bits_per_symbol",
}

PARTS = ("word=false", "order=3", "winners=1", "winners=10", "skips=2", "revisit=2")

MEASUREMENTS: dict[str, Measurement | Script] = {
    "sequence": Measurement(
        takes="about 2 minutes",
        commands=(f"{SEQUENCE} --set corpus=kjv", f"{SEQUENCE} --set corpus=alice29"),
        columns={
            "text": option("corpus"),
            "network, bits/symbol": metric("bits_per_symbol"),
            "last third": metric("bits_per_symbol_last_third"),
            "times shuffled": metric("shuffled_bits_per_symbol"),
            **{name: metric(key) for name, key in BASELINES.items() if name != "GRU"},
            "symbols/s": metric("symbols_per_second", "{:,.0f}"),
        },
    ),
    "costs": Measurement(
        takes="about 1 minute",
        commands=(f"{SEQUENCE} --set corpus=kjv --set baselines=none --set shuffle=false",),
        columns={
            "spikes/symbol": metric("spikes_per_symbol", "{:.1f}"),
            "synaptic events/symbol": metric("synaptic_events_per_symbol", "{:.0f}"),
            "arrivals at shut gates/symbol": metric("blocked_arrivals_per_symbol", "{:,.0f}"),
            "int8 weight updates/symbol": metric("weight_updates_per_symbol", "{:.1f}"),
            "fast-state updates/symbol": metric("fast_updates_per_symbol", "{:.1f}"),
            "keys grown": metric("context_neurons", "{:,}"),
            "saturated weights": metric("saturated_weights", "{:,}"),
            "steps with nothing to do": metric("empty_steps_fraction", "{:.0%}"),
        },
    ),
    "parts": Measurement(
        takes="about 5 minutes",
        commands=tuple(
            f"{SEQUENCE} --set baselines=none --set shuffle=false{change}"
            for change in ("", *(f" --set {part}" for part in PARTS))
        ),
        columns={
            "bits/symbol": metric("bits_per_symbol"),
            "keys grown": metric("context_neurons", "{:,}"),
            "int8 weight updates/symbol": metric("weight_updates_per_symbol", "{:.1f}"),
        },
    ),
    "gru": Measurement(
        takes="tens of minutes",
        commands=tuple(
            f"{SEQUENCE} --set corpus={corpus} --set baselines=gru --set shuffle=false"
            for corpus in ("kjv", "alice29")
        ),
        columns={
            "text": option("corpus"),
            "online GRU, 512 units": metric(BASELINES["GRU"]),
        },
    ),
    "teaching": Measurement(
        takes="about 2 minutes",
        commands=tuple(
            f"bioplastic run {name}"
            for name in ("stdp-window", "wta-competition", "branch-coincidence")
        ),
        columns={"answer": headline},
    ),
    "memory": Measurement(
        takes="about 10 minutes",
        commands=(
            f"{MEMORY} --set task=I --set seeds=5",
            f"{MEMORY} --set task=II --set seeds=5",
            f"{MEMORY} --set task=III --set seeds=5",
            f"{MEMORY} --set task=II --set seeds=5 --set homeostasis=false",
        ),
        columns={
            "set": option("task"),
            "first episode without error, by seed": seeds("episodes_to_zero_error"),
            "error in the last episode, by seed": seeds("final_error", "{:.2f}"),
            "active neurons, last element": metric("active_neurons_last_element", "{:.1f}"),
            "CPU s, by seed": seeds("cpu_seconds", "{:.1f}"),
        },
    ),
    "ranges": Measurement(
        takes="about 5 minutes",
        commands=tuple(
            f"{MEMORY} --set seeds=3 --set delta_t={ms}ms"
            for ms in (5, 10, 20, 40, 60, 80, 90, 100)
        ),
        columns={
            "interval": option("delta_t"),
            "first episode without error, by seed": seeds("episodes_to_zero_error"),
            "error in the last episode, by seed": seeds("final_error", "{:.2f}"),
        },
    ),
}
MEASUREMENTS |= {
    "collapse": Measurement(
        takes="about 3 minutes",
        commands=tuple(
            f"bioplastic run collapse-audit --set corpus={corpus}" for corpus in ("kjv", "alice29")
        ),
        columns={
            "text": option("corpus"),
            **{
                f"network, {what}": metric(f"bits_per_symbol_{key}", "{:.2f}")
                for what, key in WINDOWS.items()
            },
            **{
                f"trained on counts, {what}": metric(f"count_trained_bits_{key}", "{:.2f}")
                for what, key in WINDOWS.items()
            },
            "times shuffled": metric("bits_per_symbol_time_shuffled", "{:.2f}"),
            "unigram": metric("bits_per_symbol_unigram", "{:.2f}"),
        },
    ),
    "agreement": Measurement(
        takes="about 3 minutes",
        commands=(
            f"{AGREEMENT} --set network=cuba",
            f"{AGREEMENT} --set network=coba --set size=4000 --set probability=0.02",
        ),
        columns={
            "network": option("network"),
            "first difference, ms": metric("first_difference_ms", "{:.1f}"),
            **{
                f"equal to {ms} ms": metric(f"share_equal_to_{ms}ms", "{:.2%}")
                for ms in (10, 20, 50)
            },
            "rate, Hz (Brian2)": metric("rate_brian2_hz", "{:.2f}"),
            "rate, Hz (kernel)": metric("rate_kernel_hz", "{:.2f}"),
            "CV (Brian2)": metric("cv_brian2"),
            "CV (kernel)": metric("cv_kernel"),
        },
    ),
    "compare": Script(
        takes="a minute; bioplastic compare makes the cells before, in hours",
        commands=("python docs/measure_compare.py",),
    ),
    "importers": Script(
        takes="a minute, with the environments of make importers",
        commands=("python docs/measure_importers.py",),
    ),
    "chips": Script(
        takes="an hour or less, most of it waiting for lava-nc; needs make verifiers and importers",
        commands=("python docs/measure_chips.py",),
    ),
    "bench": Script(takes="about 5 minutes", commands=("python docs/measure_bench.py",)),
    "kernels": Script(takes="about 2 minutes", commands=("python docs/measure_kernels.py",)),
    "roofline": Script(
        takes="about 1 minute", commands=("python docs/measure_kernels.py roofline",)
    ),
}


def run(command: str, folder: Path) -> Run:
    """Run a `bioplastic run …` command into `folder`."""
    _, *words = command.split()
    print(f"$ {command}", flush=True)
    called = [sys.executable, "-m", "bioplastic.cli", *words, "--out", str(folder)]
    subprocess.run(called, check=True)
    read = {name: json.loads((folder / f"{name}.json").read_text()) for name in READ}
    return Run(command=command, folder=folder, **read)


READ = ("metrics", "manifest")


def table(measurement: Measurement, runs: Sequence[Run]) -> list[str]:
    """Return the Markdown lines of one table and of where it was measured."""
    columns = [*measurement.columns, "command"]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for one in runs:
        cells = [column(one) for column in measurement.columns.values()]
        lines.append(f"| {' | '.join([*cells, f'`{one.command}`'])} |")
    return [*lines, "", provenance(runs[-1].manifest)]


def provenance(manifest: Mapping[str, Any]) -> str:
    """Return one line: versions, revision, machine, seed."""
    git, hardware, versions = (manifest[k] or {} for k in ("git", "hardware", "versions"))
    revision = str(git.get("revision", "unknown"))[:7] + "+ changes" * bool(git.get("dirty"))
    return (
        f"*bioplastic {versions['bioplastic']}, revision {revision}; first seed"
        f" {manifest['seed']}; {hardware['processor']}, {hardware['cores']} cores,"
        f" Python {versions['python']}, numba {versions['numba']}.*"
    )


def marks(name: str) -> tuple[str, str]:
    """Return the lines that bound a table."""
    return f"<!-- measured: {name} -->", f"<!-- end of {name} -->"


def put(name: str, lines: Sequence[str]) -> list[Path]:
    """Write a table into every page that has its marker; return those pages."""
    first, last = marks(name)
    between = re.compile(f"(?<={re.escape(first)}\n).*?(?={re.escape(last)})", re.DOTALL)
    text, changed = "\n" + "\n".join(lines) + "\n\n", []
    for page in PAGES:
        old = page.read_text(encoding="utf-8")
        new = between.sub(lambda _: text, old)
        if first in old:
            page.write_text(new, encoding="utf-8")
            changed.append(page)
    return changed


def picture() -> None:
    """Copy the raster of a quick run of the main job to docs/figures."""
    with tempfile.TemporaryDirectory() as folder:
        done = run(f"{SEQUENCE} --quick", Path(folder) / "run")
        for name in ("raster", "attention"):
            svg = (done.folder / "figures" / f"{name}.svg").read_text(encoding="utf-8")
            tidy = "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"
            (DOCS / "figures" / f"{name}.svg").write_text(tidy, encoding="utf-8")


def main(names: Sequence[str]) -> int:
    """Measure what is named; without a name, say what there is."""
    unknown = [n for n in names if n not in MEASUREMENTS and n != "picture"]
    if unknown or not names:
        for name, measurement in MEASUREMENTS.items():
            print(f"{name:10} {measurement.takes}: {len(measurement.commands)} runs")
        print("picture    the figure of the README")
        return 2 if unknown else 0
    for name in names:
        if name == "picture":
            picture()
            continue
        measurement = MEASUREMENTS[name]
        if isinstance(measurement, Script):
            for page in put(name, measurement.lines()):
                print(f"{page.relative_to(DOCS.parent)}: {name}")
            continue
        scratch = Path(tempfile.mkdtemp(prefix="measure_"))
        try:
            runs = [run(c, scratch / str(k)) for k, c in enumerate(measurement.commands)]
            for page in put(name, table(measurement, runs)):
                print(f"{page.relative_to(DOCS.parent)}: {name}")
        finally:
            shutil.rmtree(scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
