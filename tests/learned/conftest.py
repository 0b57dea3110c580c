"""A small network that holds one of everything a description can hold."""

import numpy as np
import pytest
from brian2 import Hz, ms, mV, nA, pA, second

from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    AllToAll,
    AlphaCurrent,
    BranchGain,
    Change,
    Compartment,
    ConductanceLIF,
    Connectivity,
    DendriticTree,
    EscapeRace,
    Exact,
    ExponentialConductance,
    ExponentialCurrent,
    ExponentialEuler,
    FastState,
    Free,
    GateBranch,
    GradedBranch,
    GroupShunt,
    HardWTA,
    Jump,
    LinearEvent,
    LinearIF,
    Network,
    PairSTDP,
    PermanenceSTDP,
    PlateauBranch,
    Population,
    PostTrace,
    PowerLaw,
    PreTrace,
    Projection,
    Put,
    Recruitment,
    Rhythm,
    Source,
    SpikeTrain,
    SymbolSchedule,
    SynapticScaling,
    Taylor,
    Term,
    ThetaSTDP,
    TowardsHigh,
    TowardsLow,
    TraceSTDP,
)
from bioplastic.learned import Learned


def _populations():
    drive, fast = ExponentialCurrent(name="drive", tau=0.002 * second), AlphaCurrent(
        name="fast", tau=0.001 * second
    )  # fmt: skip
    gate, plateau = GateBranch(), PlateauBranch()
    apical = Compartment(name="apical", v_plateau=12 * mV, receptors=(fast,))
    linear = LinearIF(
        names=("v", "u"), matrix=-np.eye(2), offset=np.zeros(2), row=np.array([1.0, 0.0]),
        theta=1.5, reset=np.eye(2), reset_offset=np.array([0.0, -1e-300]), held=("v",),
        deaf=("v",), integrator=Taylor(order=2),
        events=(LinearEvent(name="dspike", row=np.array([0.0, 1.0]), theta=np.array([0.5]),
                            reset=np.zeros((2, 2)), reset_offset=np.ones(2), late=True,
                            duration=5 * ms, drive=np.array([3.0, 0.0])),),
    )  # fmt: skip
    exact = LinearIF(
        names=("v",), matrix=-np.ones((1, 1)), offset=np.zeros((2, 1)), row=np.ones(1),
        theta=np.ones(2), reset=np.zeros((1, 1)), reset_offset=np.zeros(1), integrator=Exact(),
    )  # fmt: skip
    conductances = ConductanceLIF(
        receptors=(ExponentialConductance(name="ampa", tau=5 * ms, reversal=0 * mV),),
        theta_step=1 * mV, integrator=ExponentialEuler(), initial_g=np.array([0.25]),
    )  # fmt: skip
    return (
        Population(name="cells", size=4, neuron=LIF(receptors=(drive, fast)),
                   dendrites=DendriticTree(branches=(gate, plateau, apical)),
                   inhibition=GroupShunt(), recruitment=Recruitment(), mature=1),
        Population(name="adaptive", size=3, neuron=AdaptiveLIF(
            i_offset=np.array([1.0, 0.1 + 0.2, -0.0]) * nA, receptors=(drive,)),
            inhibition=HardWTA(k=2), labels=("a", "β", "c/d")),
        Population(name="linear", size=1, neuron=linear),
        Population(name="exact", size=2, neuron=exact),
        Population(name="leaky", size=2, neuron=conductances),
        Population(name="race", size=3, neuron=EscapeRace(), gain=BranchGain(),
                   dendrites=DendriticTree(branches=(GradedBranch(name="order1"),))),
    )  # fmt: skip


def _rule():
    up = Term(coefficient=0.01, traces=("x",), dependence=TowardsHigh(mu=0.5))
    down = Term(coefficient=-0.02, traces=("y",), dependence=TowardsLow())
    return TraceSTDP(
        traces=(PreTrace(name="x", tau=20 * ms), PostTrace(name="y", tau=30 * ms)),
        on_pre=(Change(terms=(down, Term(coefficient=-1e-3, dependence=Free()))),
                Jump(trace="x", amount=1.0)),
        on_post=(Change(terms=(up,)), Put(trace="y", value=1.0)), low=0.0, high=1.0, fresh=True,
    )  # fmt: skip


def everything():
    """A network with one of everything."""
    i, j = np.array([0, 1, 2, 3]), np.array([1, 0, 2, 1])
    train = SpikeTrain(i=np.array([1, 0]), t=np.array([0.3, 0.1]) * second)
    projections = (
        Projection(name="grow", pre="cells", post="cells", target="distal",
                   connectivity=Connectivity(i=i, j=j, weight=0 * pA, permanence=np.arange(4.0)),
                   plasticity=PermanenceSTDP(w_mature=12.5 * pA)),
        Projection(name="pair", pre="in", post="adaptive", target="drive",
                   connectivity=Connectivity(i=i[:2], j=j[1::-1] * 2, weight=[3.0, 0.1] * pA),
                   plasticity=PairSTDP(w_max=1 * nA, dependence=PowerLaw(mu=0.5)),
                   scaling=SynapticScaling(total=5 * pA)),
        Projection(name="values", pre="cells", post="race", target="order1",
                   connectivity=AllToAll(n_pre=4, n_post=3, weight=0.0, delay=0.01 * second),
                   plasticity=ThetaSTDP(fast=FastState())),
        Projection(name="traces", pre="in", post="leaky", target="ampa",
                   connectivity=Connectivity(i=i[:2], j=i[:2], weight=0.5), plasticity=_rule()),
        Projection(name="prime", pre="cells", post="cells", target="prime",
                   connectivity=Connectivity(i=i, j=j, weight=1 * pA), plasticity=Recruitment()),
    )  # fmt: skip
    schedule = SymbolSchedule(symbols=np.array([0, 2, 1]), size=3)
    return Network(
        name="everything", projections=projections, rhythm=Rhythm(), populations=_populations(),
        sources=(Source(name="in", size=2, train=train, labels=("x", "y")),),
        notes={"rate": 3 * Hz, "schedule": schedule, "list": [1, 2.5, "z", None, True],
               "odd/key.": {"": np.arange(6, dtype=">i2").reshape(2, 3)}, "pair": (1, 2)},
    )  # fmt: skip


def everything_learned():
    """What it learned."""
    arrays = {
        "grow/permanence": np.array([0.5, 11.0, 20.0, 10.0]),
        "pair/weight": np.array([1.0, 0.25]) * pA,
        "values/weight": np.arange(-6, 6, dtype=np.int8).reshape(4, 3),
        "prime/i": np.array([3]),
        "prime/j": np.array([0]),
        "cells/mature": np.array(3),
        "race/gain": np.linspace(0, 1, 800, dtype=np.float32),
        "cells/empty": np.empty((0, 2)),
    }
    return Learned(everything(), arrays, {"seed": 7, "versions": {"numpy": "2"}})


@pytest.fixture
def network():
    return everything()


@pytest.fixture
def learned():
    return everything_learned()
