"""A small network in PyNN's terms, and what sPyNNaker 7.4.1 made of it on 2026-11-29."""

from pathlib import Path

import numpy as np

from bioplastic.export.pynn.network import (
    PynnNetwork,
    PynnPopulation,
    PynnProjection,
    PynnRule,
    PynnSource,
)

RECORDED = Path(__file__).with_name("spynnaker_7_4_1.npz")
RULE = PynnRule(
    timing="SpikePairRule", weight="AdditiveWeightDependence",
    timing_args={"tau_plus": 17.0, "tau_minus": 34.0, "A_plus": 0.05, "A_minus": 0.03},
    weight_args={"w_min": 0.0, "w_max": 1.5},
)  # fmt: skip


def small():
    """Two cores of `a`, a plastic input, both signs, delays beyond the ring buffer."""
    rng = np.random.default_rng(3)

    def links(name, pre, n, post, m, receptor, count, longest, rule=None):
        pairs = rng.choice(n * m, count, replace=False)
        return PynnProjection(
            name=name, pre=pre, post=post, receptor=receptor, rule=rule, i=pairs // m, j=pairs % m,
            weight=rng.integers(1, 200, count) / 128, delay=rng.integers(1, longest, count),
        )  # fmt: skip

    leaky = {"tau_m": 20.0, "cm": 1.0, "v_rest": -65.0, "v_reset": -65.0, "v_thresh": -50.0,
             "tau_refrac": 2.0, "tau_syn_E": 5.0, "tau_syn_I": 8.0}  # fmt: skip
    return PynnNetwork(
        name='small, "quoted"', timestep=1.0, steps=50,
        sources=(
            PynnSource(name="in", size=7, steps=np.array([3, 3, 9]), ids=np.array([0, 6, 2])),
        ),
        populations=(
            PynnPopulation(name="a", size=270, model="IF_curr_exp",
                           parameters=leaky | {"i_offset": np.linspace(0, 1, 270)}),
            PynnPopulation(name="b", size=3, model="IF_curr_exp",
                           parameters=leaky | {"i_offset": 0.0}, most=(40.0, 20.0)),
        ),
        projections=(
            links("learn", "in", 7, "a", 270, "excitatory", 300, 5, RULE),
            links("same", "a", 270, "a", 270, "inhibitory", 200, 60),
            links("up", "a", 270, "b", 3, "excitatory", 150, 20),
            links("down", "a", 270, "b", 3, "inhibitory", 90, 20),
        ),
    )  # fmt: skip
