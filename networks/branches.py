"""Many copies of one neuron, each with its own stimulus: active branches, passive ones, a point.

Every stimulus is a row (neuron, site, time, weight) and gets a source of its own. A site is a
receptor "branch.place"; places lie along the branch, and inputs further out arrive slower, as
through a cable (Rall 1964). The point neuron takes all rows through one somatic receptor.
"""

if __name__ != "bioplastic.networks.branches":
    raise ImportError("import bioplastic.networks.branches")

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import ms, mV, nS, pA, pF, volt

from bioplastic.description import (
    LIF,
    AlphaCurrent,
    Compartment,
    DendriticTree,
    Network,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.description.connectivity import Connectivity

PLACES = {"near": 2 * ms, "middle": 6 * ms, "far": 10 * ms, "tip": 14 * ms}
BRANCHES = ("left", "right")


@dataclass(frozen=True)
class Stimulus:
    """One input spike: which copy of the neuron, where, when (ms), how strong (pA)."""

    neuron: int
    site: str
    time: float
    weight: float


def branch_circuit(
    rows: Sequence[Stimulus],
    *,
    size: int,
    v_plateau: Any = 12 * mV,
    plateau_current: Any = 250 * pA,
    duration: Any = 30 * ms,
) -> Network:
    """`size` copies of three neurons: "active", "passive" and "point", under the same stimuli.

    v_plateau, plateau_current, duration   event of the active branches
    No soma spikes (threshold 1 V): what is read is its potential, as in Polsky et al. 2004.
    """
    receptors = tuple(AlphaCurrent(name=name, tau=tau) for name, tau in PLACES.items())

    def tree(threshold: Any) -> DendriticTree:
        return DendriticTree(
            branches=tuple(
                Compartment(
                    name=name,
                    g_c=6 * nS,
                    v_plateau=threshold,
                    plateau_current=plateau_current,
                    duration=duration,
                    receptors=receptors,
                )
                for name in BRANCHES
            )
        )

    soma = LIF(c_m=100 * pF, v_th=1 * volt)
    point = LIF(c_m=100 * pF, v_th=1 * volt, receptors=(AlphaCurrent(name="all", tau=2 * ms),))
    train = SpikeTrain(i=np.arange(len(rows)), t=np.array([r.time for r in rows]) * ms)
    projections = [_onto("point", "all", range(len(rows)), rows)]
    for site in dict.fromkeys(r.site for r in rows):
        chosen = [k for k, r in enumerate(rows) if r.site == site]
        projections += [_onto(name, site, chosen, rows) for name in ("active", "passive")]
    return Network(
        name="branches",
        sources=[Source(name="stimuli", size=len(rows), train=train)],
        populations=[
            Population(name="active", size=size, neuron=soma, dendrites=tree(v_plateau)),
            Population(name="passive", size=size, neuron=soma, dendrites=tree(None)),
            Population(name="point", size=size, neuron=point),
        ],
        projections=projections,
    )


def _onto(post: str, site: str, chosen: Sequence[int], rows: Sequence[Stimulus]) -> Projection:
    return Projection(
        name=f"{site} of {post}",
        pre="stimuli",
        post=post,
        target=site,
        connectivity=Connectivity(
            i=np.array(chosen),
            j=np.array([rows[k].neuron for k in chosen]),
            weight=np.array([rows[k].weight for k in chosen]) * pA,
            delay=0.1 * ms,
        ),
    )
