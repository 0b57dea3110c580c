"""A small recurrent network with every mechanism that Brian2 runs, drawn from a seed."""

import brian2
import numpy as np
import pytest
from brian2 import ms, mV, nS, pA

from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    AlphaCurrent,
    Compartment,
    Connectivity,
    DendriticTree,
    ExponentialCurrent,
    HardWTA,
    Network,
    PairSTDP,
    PermanenceSTDP,
    PlateauBranch,
    Population,
    PowerLaw,
    Projection,
    Source,
    SynapticScaling,
)
from bioplastic.description.connectivity import fixed_indegree, with_permanence
from bioplastic.description.stimulus import poisson

DT = 0.1 * ms
DURATION = 60 * ms


def _everything(seed=0, *, python=True, order=None):
    """The network; python=False leaves out what C++ standalone cannot run.

    order   permutation of the 20 excitatory neurons, or None
    """
    rng = np.random.default_rng(seed)
    n = 20
    place = np.arange(n) if order is None else np.argsort(order)  # old index -> new index
    offset = rng.uniform(300, 520, n)
    e = Population(
        name="e",
        size=n,
        neuron=AdaptiveLIF(
            i_offset=offset[np.arange(n) if order is None else order] * pA,
            theta_step=0.3 * mV,
            receptors=(
                ExponentialCurrent(name="fast", tau=3 * ms),
                AlphaCurrent(name="slow", tau=4 * ms),
            ),
        ),
        dendrites=DendriticTree(
            branches=(
                PlateauBranch(name="distal", duration=8 * ms, tau_trace=50 * ms),
                Compartment(
                    name="tuft",
                    g_c=2 * nS,
                    v_plateau=6 * mV,
                    plateau_current=120 * pA,
                    duration=4 * ms,
                    receptors=(AlphaCurrent(name="ampa", tau=2 * ms),),
                ),
            )
        ),
    )
    i = Population(
        name="i",
        size=4,
        neuron=LIF(t_ref=1 * ms, receptors=(ExponentialCurrent(name="exc", tau=2 * ms),)),
        inhibition=HardWTA(k=1, period=5 * ms) if python else None,
    )
    source = Source(
        name="s", size=10, train=poisson(rng, np.full(10, 80.0) / (1000 * ms), DURATION, DT)
    )

    def move(c, pre, post):
        return Connectivity(
            i=place[c.i] if pre else c.i,
            j=place[c.j] if post else c.j,
            weight=c.weight,
            delay=c.delay,
            permanence=c.permanence,
        )

    def wired(n_pre, n_post, k, low, high, delays, itself=True):
        c = fixed_indegree(rng, n_pre, n_post, k, weight=1 * pA, delay=DT, itself=itself)
        count = len(c)
        low_high = delays if isinstance(delays, tuple) else (delays, delays + 1)
        steps = rng.integers(low_high[0], low_high[1], count)
        return Connectivity(
            i=c.i, j=c.j, weight=rng.uniform(low, high, count) * pA, delay=steps * DT
        )

    recurrent = wired(n, n, 8, 0, 1, 20, itself=False)
    recurrent = with_permanence(recurrent, rng.uniform(5, 10, len(recurrent)))
    permanence = PermanenceSTDP(w_mature=30 * pA, lambda_plus=0.2, dt_max=30 * ms)
    pair = PairSTDP(w_max=400 * pA, a_plus=0.05, a_minus=0.04, dependence=PowerLaw(mu=0.3))
    projections = [
        Projection(name="in", pre="s", post="e", target="fast", plasticity=pair,
                   connectivity=move(wired(10, n, 5, 50, 400, (1, 30)), False, True),
                   scaling=SynapticScaling(total=900 * pA, period=20 * ms) if python else None),
        Projection(name="tuft", pre="s", post="e", target="tuft.ampa",
                   connectivity=move(wired(10, n, 3, 50, 300, (0, 9)), False, True)),
        Projection(name="prime", pre="s", post="e", target="distal",
                   connectivity=move(wired(10, n, 2, 30, 70, 15), False, True)),
        Projection(name="rec", pre="e", post="e", target="distal", plasticity=permanence,
                   connectivity=move(recurrent, True, True)),
        Projection(name="slow", pre="e", post="e", target="slow",
                   connectivity=move(wired(n, n, 3, 10, 100, (1, 50), itself=False), True, True)),
        Projection(name="ei", pre="e", post="i", target="exc",
                   connectivity=move(wired(n, 4, 10, 100, 900, 3), True, False)),
        Projection(name="ie", pre="i", post="e", target="fast",
                   connectivity=move(wired(4, n, 2, -300, -100, 2), False, True)),
    ]  # fmt: skip
    return Network(name="everything", sources=[source], populations=[e, i], projections=projections)


@pytest.fixture(scope="session")
def everything():
    """Function of (seed, python=, order=) that gives the network."""
    return _everything


@pytest.fixture(autouse=True)
def _quick_compilation():
    """Optimising a toy network costs more than it saves."""
    before = brian2.prefs["codegen.cpp.extra_compile_args_gcc"]
    brian2.prefs["codegen.cpp.extra_compile_args_gcc"] = ["-w", "-O1"]
    yield
    brian2.prefs["codegen.cpp.extra_compile_args_gcc"] = before
