"""Export learned networks for chips and replay them in foreign tools; print the table.

python docs/measure_chips.py        needs the environments of `make verifiers` and `make importers`
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MEMORY = "bioplastic run temporal-memory --set task=II"
TEXT = "bioplastic run sequence-prediction --set symbols={} --set order={}"
CASES = (
    (MEMORY, "loihi", "lava"), (MEMORY, "brian2-loihi", "brian2-loihi"),
    (MEMORY, "sanafe", "sanafe"),
    (TEXT.format(1200, 4), "loihi", "lava"),
    (TEXT.format(1200, 4), "brian2-loihi", "brian2-loihi"),
    (TEXT.format(1200, 4), "sanafe", "sanafe"),
    (TEXT.format(1200, 4), "nir", "norse"),
    (TEXT.format(5000, 7), "loihi", "cpu"),
)  # fmt: skip
"""(run, target, tool that replays the bundle)"""
PLAIN = " --set baselines=none --set shuffle=false"


def called(command: str, where: str) -> tuple[str, float]:
    """Run one command line: what it printed, CPU seconds; a tool that differs stops everything."""
    print(f"$ {command}", file=sys.stderr, flush=True)
    words = [str(Path(sys.executable).with_name("bioplastic")), *command.split()[1:]]
    tools = {
        f"BIOPLASTIC_{name.upper()}": str(ROOT / f".{name}/bin/python")
        for name in ("verifiers", "importers")
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        words, cwd=where, capture_output=True, text=True, check=False,
        env={**tools, **os.environ},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, cpu


def kept(facts: Mapping[str, Any]) -> str:
    """How well the network predicts before and after, whichever kind it is."""
    if "as_learned" in facts:
        a = facts["as_learned"]
        return (
            f"prediction error {a['own_error']:.4f}, {a['error']:.4f}; of {a['elements']} elements"
            f" the same neurons answer in {a['active']}, are predicted after {a['predicted']}"
        )
    own, new = facts["bits_per_symbol_before"], facts["bits_per_symbol_exported"]
    return f"{own:.4f}, {new:.4f} bits/symbol ({new / own - 1:+.2%})"


def source(folder: Path) -> str:
    """Where the table comes from, of the manifest of a run: versions, revision, machine."""
    manifest = json.loads((folder / "manifest.json").read_text())
    git, machine = manifest["git"] or {}, manifest["hardware"] or {}
    revision = str(git.get("revision", "unknown"))[:7] + "+ changes" * bool(git.get("dirty"))
    return (
        f"*bioplastic {manifest['versions']['bioplastic']}, revision {revision};"
        f" {machine.get('processor')}, {machine.get('cores')} cores;"
        " `python docs/measure_chips.py`.*"
    )


def main() -> None:
    """Print the rows."""
    print("| target | neurons | cores | steps | replayed in | differing spikes | CPU s of the "
          "replay | predicts before, exported | commands |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    runs: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as where:
        for run, target, tool in CASES:
            if run not in runs:
                runs[run] = f"run{len(runs)}"
                called(f"{run}{PLAIN if run != MEMORY else ''} --out {runs[run]}", where)
            export = f"bioplastic export {runs[run]} --to {target}"
            called(export, where)
            bundle = f"{runs[run]}-{target}"
            verify = f"bioplastic verify {bundle} --with {tool}"
            said, cpu = called(verify, where)
            found = re.search(r"equal +([\d,]+) spikes in ([\d,]+) steps, none differs", said)
            if found is None:
                raise SystemExit(f"{bundle}: {said}")
            neurons = re.search(r"([\d,]+) neurons", said)
            folder = Path(where) / bundle
            facts = json.loads((folder / "index.json").read_text())["facts"]
            cores = "–"  # NIR places nothing
            if (folder / "placement.json").exists():
                placed = json.loads((folder / "placement.json").read_text())["resources"]
                cores = next(r["used"] for r in placed if r["name"] == "cores")
            print(
                f"| {target} | {neurons and neurons[1]} | {cores} | {found[2]} | {tool} | "
                f"0 of {found[1]} | {cpu:.0f} | {kept(facts)} | "
                f"`{run} --out {runs[run]}`; `{export}`; `{verify}` |",
                flush=True,
            )
        print(f"\n{source(Path(where) / 'run0')}")


if __name__ == "__main__":
    main()
