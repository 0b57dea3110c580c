"""Give every graph of a folder to one NIR importer, step it, keep what it said or where it broke.

Usage: python import_nir.py TOOL FOLDER OUT.json. The folder has cases.json, a .nir file for each
case and stimulus.npz; every case is tried, whatever becomes of the others.
"""

import importlib.metadata
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np


def stepped(model, x):
    """Step a torch model that takes (input, state) and returns (output, state)."""
    import torch

    state, found = None, []
    with torch.inference_mode():
        for row in x:
            answer = model(torch.from_numpy(row[None]), state)
            y, state = answer if isinstance(answer, tuple) else (answer, None)
            found.append(np.asarray(y, dtype=float).reshape(-1))
    return np.array(found)


def norse(graph, x, dt, path):
    """norse.torch.from_nir."""
    import norse.torch

    return stepped(norse.torch.from_nir(graph, dt=dt, ignore_warnings=True), x)


def snntorch(graph, x, dt, path):
    """snntorch.import_nir; it has no argument for dt."""
    from snntorch.import_nir import import_from_nir

    return stepped(import_from_nir(graph), x)


def spikingjelly(graph, x, dt, path):
    """spikingjelly.activation_based.nir_exchange."""
    from spikingjelly.activation_based import nir_exchange

    return stepped(nir_exchange.import_from_nir(graph, dt=dt), x)


def nirtorch(graph, x, dt, path):
    """nirtorch's own interpreter, with neurons of this script that follow the definition."""
    import nir
    import nirtorch as tool
    import torch

    class Neuron(torch.nn.Module):
        def __init__(self, node):
            super().__init__()
            plain = isinstance(node, nir.IF)
            self.gain = torch.from_numpy(dt * node.r if plain else dt / node.tau * node.r).float()
            self.keep = 1.0 if plain else torch.from_numpy(1 - dt / node.tau).float()
            leak = 0 * node.r if plain else dt / node.tau * node.v_leak
            self.leak = torch.from_numpy(leak).float()
            self.top = torch.from_numpy(node.v_threshold).float()
            self.low = torch.from_numpy(node.v_reset).float()

        def forward(self, x, state=None):
            v = torch.zeros_like(self.top) if state is None else state
            v = self.keep * v + self.gain * x + self.leak
            z = (v > self.top).float()
            return z, torch.where(z > 0, self.low, v)

    return stepped(tool.nir_to_torch(graph, {nir.LIF: Neuron, nir.IF: Neuron}), x)


def sinabs(graph, x, dt, path):
    """sinabs.nir, which takes all steps at once."""
    import torch
    from sinabs.nir import from_nir

    with torch.inference_mode():
        y = from_nir(graph, batch_size=1)(torch.from_numpy(x))
    return np.asarray(y[0] if isinstance(y, tuple) else y, dtype=float).reshape(len(x), -1)


def rockpool(graph, x, dt, path):
    """rockpool.nn.modules.torch.nir, which takes all steps at once."""
    import torch
    from rockpool.nn.modules.torch.nir import from_nir

    with torch.inference_mode():
        y = from_nir(graph)(torch.from_numpy(x[None]))
    return np.asarray(y[0] if isinstance(y, tuple) else y, dtype=float).reshape(len(x), -1)


def snn_mlir(graph, x, dt, path):
    """snn-mlir, which runs graphs only through its own compiler: what its check says."""
    command = [sys.executable, "-m", "snn_mlir", "check", "--json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent)
    if done.returncode == 0:
        return None
    report = json.loads(done.stdout)
    said = report["graph"] + [f for node in report["nodes"] for f in node["findings"]]
    raise ValueError(next(f["message"] for f in said if f["severity"] == "error"))


TOOLS = {
    "norse": norse, "snntorch": snntorch, "spikingjelly": spikingjelly, "nirtorch": nirtorch,
    "sinabs": sinabs, "rockpool": rockpool, "snn-mlir": snn_mlir,
}  # fmt: skip


def tried(tool, case, folder, x):
    """Return what became of one case: output, accepted, or the stage and words of its end."""
    import nir

    path = folder / f"{case['name']}.nir"
    stage = "reading"
    try:
        graph = nir.read(path)
        stage = "importing or running"
        y = TOOLS[tool](graph, x, case["dt"], path)
    except Exception as error:  # whatever it is, it is the finding
        return {"stage": stage, "error": type(error).__name__, "message": str(error)[:400]}
    return {"accepted": True} if y is None else {"output": y.tolist()}


def main(tool, folder, out):
    """Try all cases, store JSON."""
    import torch

    torch.manual_seed(0)  # what an importer leaves at its first value is random
    warnings.simplefilter("ignore")
    folder = Path(folder)
    cases = json.loads((folder / "cases.json").read_text())
    given = np.load(folder / "stimulus.npz")
    found = {c["name"]: tried(tool, c, folder, given[c["name"]].astype(np.float32)) for c in cases}
    versions = {
        name: importlib.metadata.version(name) for name in (tool, "nir", "nirtorch", "torch")
    }
    Path(out).write_text(json.dumps({"versions": versions, "cases": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
