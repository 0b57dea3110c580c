"""NIR graphs stepped in numpy by explicit Euler steps of dt, and the habits that readers have.

A step computes every node once, in an order in which each comes after those it listens to. In a
loop without a `Delay` one edge leads back, and what goes over it arrives one step later; a `Delay`
of k·dt holds exactly k steps, in loops too. Neurons spike where v > threshold, strictly, and are
set to v_reset. What several edges bring is added. All numbers are float64.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.export.nir.nested import walk
from bioplastic.export.nir.nodes import Tree


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What a reader does otherwise than the definition; the default is the definition.

    without_loops    edges that lead back are left out
    without_delays   a Delay passes everything on at once (in a loop, after the loop's step)
    loop_step        a loop takes a step of its own beside its Delay
    at_threshold     neurons spike where v >= threshold
    subtracts        a spike takes the threshold from v instead of setting it to v_reset
    zero_reset       v_reset is taken as 0
    unit_r           r of a LIF is taken as 1, and r·dt of an IF
    without_leak     v_leak is taken as 0
    begins_at_leak   v begins at v_leak instead of 0, which NIR leaves open
    """

    without_loops: bool = False
    without_delays: bool = False
    loop_step: bool = False
    at_threshold: bool = False
    subtracts: bool = False
    zero_reset: bool = False
    unit_r: bool = False
    without_leak: bool = False
    begins_at_leak: bool = False


def flattened(tree: Tree, prefix: str = "") -> tuple[dict[str, Tree], list[tuple[str, str]]]:
    """Nodes by path, sub-graphs opened: their Input and Output stand where edges met them."""
    nodes: dict[str, Tree] = {}
    edges: list[tuple[str, str]] = []
    inner = {name for name, node in tree["nodes"].items() if node["type"] == "NIRGraph"}
    for name, node in tree["nodes"].items():
        if name in inner:
            more, links = flattened(node, f"{prefix}{name}.")
            nodes |= more
            edges += links
        else:
            nodes[prefix + name] = node
    for a, b in tree["edges"]:
        source = f"{prefix}{a}.output" if a in inner else prefix + a
        target = f"{prefix}{b}.input" if b in inner else prefix + b
        edges.append((source, target))
    return nodes, edges


def _back(edges: list[tuple[str, str]], start: str) -> set[tuple[str, str]]:
    """Edges that lead back to a node on the way to them, on a depth-first walk."""
    out: dict[str, list[str]] = {}
    for a, b in edges:
        out.setdefault(a, []).append(b)
    found: set[tuple[str, str]] = set()
    done: set[str] = set()
    way: dict[str, None] = {start: None}
    stack = [(start, iter(out.get(start, [])))]
    while stack:
        node, rest = stack[-1]
        following = next(rest, None)
        if following is None:
            stack.pop()
            del way[node]
            done.add(node)
        elif following in way:
            found.add((node, following))
        elif following not in done:
            way[following] = None
            stack.append((following, iter(out.get(following, []))))
    return found


def _ordered(nodes: dict[str, Tree], edges: list[tuple[str, str]]) -> list[str]:
    """Nodes, each after its sources over `edges`, which close no loop."""
    waits = dict.fromkeys(nodes, 0)
    out: dict[str, list[str]] = {}
    for a, b in edges:
        waits[b] += 1
        out.setdefault(a, []).append(b)
    ready, found = deque(n for n, k in waits.items() if k == 0), []
    while ready:
        node = ready.popleft()
        found.append(node)
        for b in out.get(node, []):
            waits[b] -= 1
            if waits[b] == 0:
                ready.append(b)
    return found


class _Node:
    """One node and its state."""

    def __init__(self, node: Tree, dt: float, habits: Habits) -> None:
        self.node, self.kind, self.dt, self.habits = node, node["type"], dt, habits
        begun = node.get("v_leak", 0.0) if habits.begins_at_leak else 0.0
        self.v: np.ndarray | float = begun
        self.i: np.ndarray | float = 0.0

    def __call__(self, x: Any) -> np.ndarray:
        known = getattr(self, f"_{self.kind.lower()}", None)
        if known is None:
            raise UnsupportedModel(f"a node of the type {self.kind!r} is not computed here")
        return np.asarray(known(x))

    def _input(self, x: Any) -> Any:
        return x

    _output = _input
    _delay = _input

    def _linear(self, x: Any) -> Any:
        return self.node["weight"] @ x

    def _affine(self, x: Any) -> Any:
        return self.node["weight"] @ x + self.node["bias"]

    def _scale(self, x: Any) -> Any:
        return self.node["scale"] * x

    def _threshold(self, x: Any) -> Any:
        top = self.node["threshold"]
        return (x >= top if self.habits.at_threshold else x > top).astype(float)

    def _r(self) -> Any:
        return 1.0 if self.habits.unit_r else self.node["r"]

    def _leak(self) -> Any:
        return 0.0 if self.habits.without_leak else self.node["v_leak"]

    def _fire(self) -> Any:
        top = self.node["v_threshold"]
        z = self.v >= top if self.habits.at_threshold else self.v > top
        low = 0.0 if self.habits.zero_reset else self.node.get("v_reset", 0.0)
        self.v = np.where(z, self.v - top if self.habits.subtracts else low, self.v)
        return z.astype(float)

    def _li(self, x: Any) -> Any:
        self.v = self.v + self.dt / self.node["tau"] * (self._leak() - self.v + self._r() * x)
        return self.v

    def _lif(self, x: Any) -> Any:
        self._li(x)
        return self._fire()

    def _i(self, x: Any) -> Any:
        self.v = self.v + (1.0 if self.habits.unit_r else self.dt * self.node["r"]) * x
        return self.v

    def _if(self, x: Any) -> Any:
        self._i(x)
        return self._fire()

    def _cubali(self, x: Any) -> Any:
        self.i = self.i + self.dt / self.node["tau_syn"] * (self.node["w_in"] * x - self.i)
        change = self._leak() - self.v + self.node["r"] * self.i
        self.v = self.v + self.dt / self.node["tau_mem"] * change
        return self.v

    def _cubalif(self, x: Any) -> Any:
        self._cubali(x)
        return self._fire()


def _held(node: Tree, dt: float) -> int:
    """Steps that a Delay holds; all its lanes must agree."""
    steps = np.unique(np.rint(np.asarray(node["delay"]) / dt).astype(int))
    if len(steps) != 1:
        raise UnsupportedModel(f"a Delay with lanes of {steps.tolist()} steps")
    return int(steps[0])


def run(
    tree: Tree,
    given: np.ndarray,
    dt: float,
    habits: Habits = Habits(),
    *,
    walked: bool = False,
) -> dict[str, np.ndarray]:
    """Output of every node by path, (T, n), for what `given` (T, N) brings to `input` each step.

    walked   compute nodes in the order of a depth-first walk along the edges, sub-graph by
             sub-graph, as nirtorch does; what comes from a node further on is a step old
    Raises UnsupportedModel for a type of node that is not computed here.
    """
    nodes, edges = flattened(tree)
    held = {} if habits.without_delays else _delays(nodes, edges, dt, habits.loop_step)
    into = {e for e in edges if held.get(e[1])}  # what a Delay takes, it gives later
    rest = [e for e in edges if e not in into]
    if walked:
        place = {name: k for k, name in enumerate(_walk(tree))}
        back = {(a, b) for a, b in rest if place[a] >= place[b]}
        order = sorted(place, key=place.__getitem__)
    else:
        back = _back([*rest, *(("input", n) for n in held)], "input")
        order = _ordered(nodes, [e for e in rest if e not in back])
    old = {n: [a for a, b in back if b == n and not habits.without_loops] for n in order}
    new = {n: [a for a, b in rest if b == n and (a, b) not in back] for n in order}
    cells = {name: _Node(node, dt, habits) for name, node in nodes.items()}
    lines = {n: deque([np.zeros(len(nodes[n]["delay"]))] * k) for n, k in held.items() if k}
    said: dict[str, np.ndarray] = {}
    found: dict[str, list[np.ndarray]] = {n: [] for n in order}
    for row in np.asarray(given, np.float64):
        before, said = said, {}
        for n in order:
            if n in lines:
                said[n] = lines[n].popleft()
            else:
                x: Any = row if n == "input" else 0.0
                for a in new[n]:
                    x = x + said[a]
                for a in old[n]:
                    x = x + before.get(a, 0.0)
                said[n] = cells[n](x)
            found[n].append(said[n])
        for n, line in lines.items():
            line.append(np.sum([said[a] for a, b in into if b == n], axis=0))
    return {n: np.array(rows) for n, rows in found.items()}


def _walk(tree: Tree, prefix: str = "") -> list[str]:
    """Paths of all nodes in the order of a depth-first walk, sub-graphs where they are met."""
    found = []
    for name in walk(tree["edges"]):
        node = tree["nodes"][name]
        inner = node["type"] == "NIRGraph"
        found += _walk(node, f"{prefix}{name}.") if inner else [prefix + name]
    return found


def _delays(
    nodes: dict[str, Tree], edges: list[tuple[str, str]], dt: float, loop_step: bool
) -> dict[str, int]:
    """Steps that each Delay holds."""
    looped = _in_loops(nodes, edges) if loop_step else set()
    found = {name: _held(node, dt) for name, node in nodes.items() if node["type"] == "Delay"}
    return {name: k + (name in looped) for name, k in found.items()}


def _in_loops(nodes: dict[str, Tree], edges: list[tuple[str, str]]) -> set[str]:
    """Nodes from which a way leads back to themselves."""
    out: dict[str, list[str]] = {}
    for a, b in edges:
        out.setdefault(a, []).append(b)

    def reaches(start: str) -> bool:
        seen, stack = set(), list(out.get(start, []))
        while stack:
            node = stack.pop()
            if node == start:
                return True
            if node not in seen:
                seen.add(node)
                stack += out.get(node, [])
        return False

    return {n for n in nodes if nodes[n]["type"] == "Delay" and reaches(n)}
