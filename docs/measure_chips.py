"""Export learned networks for chips and replay them in foreign tools; print the table.

python docs/measure_chips.py        needs the environments of `make verifiers` and `make importers`
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

RUN = "bioplastic run sequence-prediction --set symbols={symbols} --set order={order}"
CASES = (("loihi", "lava", 1200, 4), ("brian2-loihi", "brian2-loihi", 1200, 4),
         ("sanafe", "sanafe", 1200, 4), ("nir", "norse", 1200, 4),
         ("loihi", "cpu", 5000, 7))  # fmt: skip
"""(target, tool that replays it, symbols learned, longest context)"""


def called(command: str, where: str) -> str:
    """Run one command line and return what it printed; a tool that differs stops everything."""
    print(f"$ {command}", file=sys.stderr, flush=True)
    words = [str(Path(sys.executable).with_name("bioplastic")), *command.split()[1:]]
    done = subprocess.run(words, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Print the rows."""
    print("| target | neurons | cores | steps | replayed in | differing spikes | bits/symbol "
          "before, exported | commands |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as where:
        for k, (target, tool, symbols, order) in enumerate(CASES):
            run = RUN.format(symbols=symbols, order=order)
            called(f"{run} --set baselines=none --set shuffle=false --out run{k}", where)
            export, verify = f"bioplastic export run{k} --to {target}", f"--with {tool}"
            called(export, where)
            bundle = f"run{k}-{target}"
            said = called(f"bioplastic verify {bundle} {verify}", where)
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
            own, new = facts["bits_per_symbol_before"], facts["bits_per_symbol_exported"]
            print(
                f"| {target} | {neurons and neurons[1]} | {cores} | {found[2]} | {tool} | "
                f"0 of {found[1]} | {own:.4f}, {new:.4f} ({new / own - 1:+.2%}) | "
                f"`{run}`; `{export}`; `bioplastic verify {bundle} {verify}` |",
                flush=True,
            )


if __name__ == "__main__":
    main()
