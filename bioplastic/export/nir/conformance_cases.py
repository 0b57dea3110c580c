"""Small NIR graphs, each with one thing that a reader can get wrong, and what each must say.

All have dt = 0.1 ms, one input and one output. What belongs to a graph is computed by
`bioplastic.export.nir.euler`, and for exported networks by the arithmetic of the chip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bioplastic.export.nir import euler as nir_euler
from bioplastic.export.nir.graph import canonical, flat, graph, lanes
from bioplastic.export.nir.nested import nested
from bioplastic.export.nir.nodes import Tree, ends
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.quantize.loihi import (
    LoihiNetwork,
    LoihiPopulation,
    LoihiProjection,
    LoihiSource,
)

DT, STEPS = 1e-4, 80
GIVEN, HIDDEN, SEEN = 4, 6, 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A graph, what it is shown, and what it must say.

    asks      what a reader must do for it
    given     (T, N) float32     expected   (T, M) spikes
    old       whether the dialect of nir 1.0.4 can say it
    walked    whether it is meant for readers that walk along the list of edges
    """

    name: str
    asks: str
    tree: Tree
    given: np.ndarray
    expected: np.ndarray
    old: bool = True
    walked: bool = False

    def otherwise(self, habits: nir_euler.Habits) -> np.ndarray:
        """What a reader with those habits would say, (T, M)."""
        return nir_euler.run(self.tree, self.given, DT, habits, walked=self.walked)["output"]


def _f(value: object, size: int) -> np.ndarray:
    return np.full(size, value, np.float32)


def _lif(
    size: int,
    threshold: float,
    *,
    steps: float = 20,
    r: float = 1,
    leak: float = 0,
    reset: float = 0,
) -> Tree:
    """Leaky neurons with a time constant of so many steps."""
    return {"type": "LIF", "tau": _f(steps * DT, size), "r": _f(r, size),
            "v_leak": _f(leak, size), "v_threshold": _f(threshold, size),
            "v_reset": _f(reset, size), "metadata": {}}  # fmt: skip


def _matrix(weight: np.ndarray, kind: str = "Affine") -> Tree:
    """An Affine without bias, which every importer takes, or a Linear."""
    bias = {"bias": np.zeros(len(weight), np.float32)} if kind == "Affine" else {}
    return {"type": kind, "weight": weight, **bias, "metadata": {}}


def _delay(size: int, steps: int) -> Tree:
    return {"type": "Delay", "delay": _f(steps * DT, size), "metadata": {}}


def _weights(seed: int, post: int, pre: int, low: float, high: float) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, (post, pre)).astype(np.float32)


def _chain(*parts: tuple[str, Tree]) -> Tree:
    """Parts one behind the other between input and output."""
    names = ["input", *(name for name, _ in parts), "output"]
    take, give = ends(GIVEN)[0], ends(SEEN)[1]
    edges = [*pairwise(names)]
    return graph({"input": take, **dict(parts), "output": give}, edges)


def _layers(
    hidden: Tree,
    *between: tuple[str, Tree],
    w: np.ndarray | None = None,
    kind: str = "Affine",
) -> Tree:
    """Input, matrix, hidden neurons, matrix, seen neurons, output."""
    w_in = _weights(1, HIDDEN, GIVEN, 5, 80) if w is None else w
    return _chain(
        *between, ("w_in", _matrix(w_in, kind)), ("hidden", hidden),
        ("w_out", _matrix(_weights(2, SEEN, HIDDEN, -15, 60), kind)), ("seen", _lif(SEEN, 4)),
    )  # fmt: skip


def _looped(*inside: tuple[str, Tree]) -> Tree:
    """`_layers` with a loop around the hidden neurons, through `inside` and a matrix."""
    tree = _layers(_lif(HIDDEN, 5))
    names = ["hidden", *(name for name, _ in inside), "w_loop", "hidden"]
    tree["nodes"] |= dict(inside) | {"w_loop": _matrix(_weights(3, HIDDEN, HIDDEN, -60, 40))}
    tree["edges"] += pairwise(names)
    return tree


def _nested() -> Tree:
    tree = _layers(_lif(HIDDEN, 5))
    take, give = ends(HIDDEN)
    tree["nodes"]["hidden"] = graph(
        {"input": take, "lif": tree["nodes"]["hidden"], "output": give,
         "w": _matrix(_weights(3, HIDDEN, HIDDEN, -60, 40))},
        [("input", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")],
    )  # fmt: skip
    return tree


def _two_delays() -> Tree:
    """Each synapse onto the seen neurons has one of two delays: two delays, two masked matrices."""
    tree = _layers(_lif(HIDDEN, 5))
    w = tree["nodes"].pop("w_out")["weight"]
    mask = (np.arange(w.size).reshape(w.shape) % 2).astype(np.float32)
    tree["edges"] = [e for e in tree["edges"] if "w_out" not in e]
    for name, steps, part in (("a", 1, w * mask), ("b", 4, w * (1 - mask))):
        tree["nodes"] |= {f"delay_{name}": _delay(HIDDEN, steps), f"w_{name}": _matrix(part)}
        tree["edges"] += [("hidden", f"delay_{name}"), (f"delay_{name}", f"w_{name}"),
                          (f"w_{name}", "seen")]  # fmt: skip
    return tree


def _branch() -> Tree:
    """A passive branch, its threshold, and the soma: LI, Threshold, Linear, LIF."""
    branch = _lif(HIDDEN, 5)
    for name in ("v_threshold", "v_reset"):
        del branch[name]
    event: Tree = {"type": "Threshold", "threshold": _f(3, HIDDEN), "metadata": {}}
    return _chain(
        ("w_in", _matrix(_weights(1, HIDDEN, GIVEN, 5, 40))), ("branch", branch | {"type": "LI"}),
        ("event", event), ("w_out", _matrix(_weights(2, SEEN, HIDDEN, -5, 40))),
        ("seen", _lif(SEEN, 4)),
    )  # fmt: skip


def _slow(size: int, threshold: float) -> Tree:
    """Neurons with a current of four steps and a membrane of twenty."""
    cells = _lif(size, threshold)
    slow = {"tau_syn": _f(4 * DT, size), "tau_mem": cells.pop("tau"), "w_in": _f(1, size)}
    return {**cells, "type": "CubaLIF", **slow}


def _currents() -> Tree:
    tree = _layers(_slow(HIDDEN, 5))
    tree["nodes"]["seen"] = _slow(SEEN, 2)
    return tree


def _sums() -> Tree:
    cells: Tree = {"type": "IF", "r": _f(1 / DT, HIDDEN), "v_threshold": _f(90.5, HIDDEN),
                   "v_reset": _f(0, HIDDEN), "metadata": {}}  # fmt: skip
    return _layers(cells, w=_whole())


def _whole() -> np.ndarray:
    return np.rint(_weights(1, HIDDEN, GIVEN, 5, 80))


GRAPHS: tuple[tuple[str, str, Callable[[], Tree], bool], ...] = (
    ("chain", "Affine, LIF, Affine, LIF", lambda: _layers(_lif(HIDDEN, 5)), True),
    ("linear", "Linear in place of Affine", lambda: _layers(_lif(HIDDEN, 5), kind="Linear"), True),
    ("currents", "two layers of CubaLIF", _currents, True),
    ("whole-weights", "take an int32 matrix",
     lambda: _layers(_lif(HIDDEN, 5), w=_whole().astype(np.int32)), True),
    ("strict", "v at the threshold is no spike (v = 0 = threshold)",
     lambda: _layers(_lif(HIDDEN, 0), w=_weights(4, HIDDEN, GIVEN, -40, 60)), True),
    ("reset", "set v to v_reset = 0, whatever was above the threshold",
     lambda: _layers(_lif(HIDDEN, 2), w=_weights(1, HIDDEN, GIVEN, 60, 200)), True),
    ("low-reset", "set v to v_reset = -3", lambda: _layers(_lif(HIDDEN, 5, reset=-3)), False),
    ("leak", "v_leak = 4 under a threshold of 5", lambda: _layers(_lif(HIDDEN, 5, leak=4)), True),
    ("resistance", "r = tau/dt of a LIF",
     lambda: _layers(_lif(HIDDEN, 5, r=20), w=_weights(1, HIDDEN, GIVEN, 0.3, 4)), True),
    ("sums", "IF with r = 1/dt", _sums, True),
    ("loop", "keep a loop between nodes", _looped, True),
    ("nested-loop", "keep a loop inside a sub-graph", _nested, True),
    ("delay", "a Delay of three steps",
     lambda: _layers(_lif(HIDDEN, 5), ("late", _delay(GIVEN, 3))), True),
    ("loop-delay", "a loop with a Delay of two steps, two steps in all",
     lambda: _looped(("late", _delay(HIDDEN, 2))), True),
    ("synapse-delays", "two Delays side by side, each with a masked matrix", _two_delays, True),
    ("branch", "LI, Threshold, Linear, LIF", _branch, True),
)  # fmt: skip
"""(name, what it asks, graph, whether nir 1.0.4 can say it)."""


def network() -> LoihiNetwork:
    """A small network as exports are: coincidence cells with a delayed loop onto sums."""
    rng = np.random.default_rng(11)

    def drawn(name: str, pre: int, post: int, choices: tuple[int, ...], longest: int) -> dict:
        i, j = np.nonzero(rng.random((pre, post)) < 0.7)
        return {"name": name, "i": i, "j": j, "weight": rng.choice(choices, len(i)),
                "delay": rng.integers(0, longest + 1, len(i))}  # fmt: skip

    cells = (
        LoihiPopulation(name="keys", size=HIDDEN, du=4095, dv=4095, vth=150),
        LoihiPopulation(name="sums", size=SEEN, du=4095, dv=0, vth=400,
                        bias_mantissa=np.full(SEEN, 600), bias_exponent=1),
    )  # fmt: skip
    links = (
        LoihiProjection(pre="in", post="keys", **drawn("drive", GIVEN, HIDDEN, (100,), 1)),
        LoihiProjection(pre="keys", post="keys", **drawn("prime", HIDDEN, HIDDEN, (100,), 3)),
        LoihiProjection(pre="keys", post="sums", **drawn("value", HIDDEN, SEEN, (-30, 90), 2)),
    )
    return canonical(
        LoihiNetwork(name="small", dt=DT, sources=(LoihiSource(name="in", size=GIVEN),),
                     populations=cells, projections=links)
    )  # fmt: skip


def cases() -> tuple[Case, ...]:
    """All cases, with what belongs to them."""
    rng = np.random.default_rng(7)
    given = (rng.random((STEPS, GIVEN)) < 0.25).astype(np.float32)
    found = []
    for name, asks, make, old in GRAPHS:
        tree = make()
        expected = nir_euler.run(tree, given, DT)["output"]
        found.append(Case(name=name, asks=asks, tree=tree, given=given, expected=expected, old=old))
    net = network()
    when, which = np.nonzero(given)
    run = run_loihi(net, {"in": (when, which)}, STEPS)
    expected = np.zeros((STEPS, SEEN))
    expected[run.spikes["sums"].steps, run.spikes["sums"].ids] = 1
    assert lanes(net)["in"] == (0, GIVEN)
    for name, form, asks in (
        ("flat.nir", flat, "what `export --to nir` writes, with Delay"),
        ("network.nir", nested, "what `export --to nir` writes for readers without Delay"),
    ):
        found.append(
            Case(name=name, asks=asks, tree=form(net), given=given, expected=expected,
                 walked=form is nested)
        )  # fmt: skip
    return tuple(found)
