"""A described dendritic branch in NIR: CubaLI → Threshold → Linear → LIF.

    CubaLI      the branch below its threshold, a leaky integrator of a synaptic current: v_b of a
                `Compartment`, or the current of a `PlateauBranch` (two equal time constants make
                its alpha function)
    Threshold   the event
    Linear      what the soma receives while it lasts
    LIF         the soma
All values are in SI units. NIR has no event that lasts: a Threshold is up only while its input is
above, so that `lost` names the duration, and what a branch and its soma do to each other besides.
Exported networks do not need this form: lowering turns their keys into neurons, exactly.
Source: Pedersen et al. 2024 [pedersen2024].
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import e
from typing import Any

import numpy as np
from brian2 import amp, farad, ms, ohm, second, siemens, volt

from bioplastic.description import LIF
from bioplastic.description.dendrite import Branch, Compartment, PlateauBranch
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.export.nir.graph import graph
from bioplastic.export.nir.nodes import Tree, ends, linear


@dataclass(frozen=True, kw_only=True)
class BranchGraph:
    """A branch and its soma as a NIR graph, as a dict, and what the graph does not say."""

    tree: Tree
    lost: tuple[str, ...]


def branch_graph(
    branch: Branch, soma: LIF, weight: np.ndarray, *, event: Any, dt: Any
) -> BranchGraph:
    """Write N branches of one kind, one a neuron, and their somata.

    weight (N, inputs)   jump of the current on the branch of each neuron at a spike, A; for a
                         `PlateauBranch` the peak of its alpha function
    event                current into the soma while the event is up, A
    dt                   length of a step, s: a spike is a 1 for one step
    Raises UnsupportedModel for branches whose events gate or hold what arrives (NIR has no product
    of two signals and no state that is set), for a `Compartment` without exactly one exponential
    receptor, and for somata other than a plain LIF.
    """
    w = np.asarray(weight, np.float64)
    if w.ndim != 2 or not w.size:
        raise UsageError(f"weight of {w.shape}: must be a matrix (neurons, inputs)")
    if type(soma) is not LIF:
        raise UnsupportedModel(f"soma: {type(soma).__name__}: NIR has the plain LIF only")
    size, step = len(w), float(dt / second)
    if isinstance(branch, Compartment):
        cells, lost = _compartment(branch, size, step)
    elif isinstance(branch, PlateauBranch):
        cells, lost = _plateau(branch, size, step)
    else:
        raise UnsupportedModel(
            f"branch {branch.name!r}: {type(branch).__name__} sets or gates by what arrives, which"
            " NIR cannot say; export the learned network instead, whose keys become neurons"
        )
    take, give = ends(w.shape[1])[0], ends(size)[1]
    nodes = {"input": take, "arrivals": linear(w), **cells}
    names = ["input", "arrivals", "branch"]
    if "event" in cells:
        nodes["plateau"] = linear(np.eye(size) * float(event / amp))
        names += ["event", "plateau"]
    nodes |= {"soma": _soma(soma, size), "output": give}
    names += ["soma", "output"]
    edges = list(pairwise(names))
    if soma.t_ref > 0 * ms:
        lost = (*lost, f"the refractory period of {soma.t_ref}")
    return BranchGraph(tree=graph(nodes, edges, {"branch": branch.name}), lost=lost)


def _each(value: Any, size: int) -> np.ndarray:
    return np.full(size, float(value), np.float64)


def _compartment(b: Compartment, size: int, dt: float) -> tuple[Tree, tuple[str, ...]]:
    """tau dv_b/dt = (v_leak − v_b) + r I, with the coupling as a leak to a soma at rest."""
    kinds = [type(r).__name__ for r in b.receptors]
    if kinds != ["ExponentialCurrent"]:
        raise UnsupportedModel(
            f"branch {b.name!r}: receptors {kinds}: a CubaLI has one, which is exponential"
        )
    tau_syn = float(b.receptors[0].tau / second)
    pull = float(b.tau_b / second) * float(b.g_c / siemens) / float(b.c_b / farad)
    tau = float(b.tau_b / second) / (1 + pull)
    r = float(b.tau_b / second) / float(b.c_b / farad) / (1 + pull)
    cells: Tree = {
        "branch": {"type": "CubaLI", "tau_syn": _each(tau_syn, size), "tau_mem": _each(tau, size),
                   "r": _each(r, size), "v_leak": _each(b.v_rest / volt, size),
                   "w_in": _each(tau_syn / dt, size), "metadata": {}}
    }  # fmt: skip
    lost = [f"what the soma does to {b.name!r}: it counts as at rest"]
    if b.v_plateau is not None:
        cells["event"] = _event(float(b.v_plateau / volt), size)
        lost.append(f"the {b.duration} of the event: it is up while v_b > v_plateau")
    return cells, tuple(lost)


def _plateau(b: PlateauBranch, size: int, dt: float) -> tuple[Tree, tuple[str, ...]]:
    """I = (e/tau) s exp(−s/tau) for a spike that brings 1: two equal filters, and a factor e."""
    tau = _each(b.tau / second, size)
    cells: Tree = {
        "branch": {"type": "CubaLI", "tau_syn": tau, "tau_mem": tau, "r": _each(1, size),
                   "v_leak": _each(0, size), "w_in": e * tau / dt, "metadata": {}},
        "event": _event(float(b.threshold / amp), size),
    }  # fmt: skip
    return cells, (
        f"the {b.duration} of the plateau: it is up while I > threshold",
        "arrivals during a plateau, which the branch ignores and the graph does not",
        "the current below the threshold, which the soma does not receive",
    )


def _event(threshold: float, size: int) -> Tree:
    return {"type": "Threshold", "threshold": _each(threshold, size), "metadata": {}}


def _soma(p: LIF, size: int) -> Tree:
    """tau dv/dt = (v_rest − v) + R I, R = tau/C."""
    tau, r = float(p.tau_m / second), float(p.resistance / ohm)
    leak = np.asarray(p.v_rest / volt) + r * np.asarray(p.i_offset / amp)
    return {"type": "LIF", "tau": _each(tau, size), "r": _each(r, size),
            "v_leak": np.broadcast_to(leak, (size,)).astype(np.float64),
            "v_threshold": _each(p.v_th / volt, size),
            "v_reset": _each(p.v_reset / volt, size), "metadata": {}}  # fmt: skip
