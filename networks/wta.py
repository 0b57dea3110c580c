"""Winner-take-all over spike latency: the earlier (stronger) input makes its neuron win.

Each channel has one source and one excitatory neuron; an input spike suffices to fire it within a
millisecond. Either the competition is ideal (`hard_wta`) or one spiking inhibitory neuron counts
excitatory spikes and silences the rest (`spiking_wta`), as in Bouhadjar et al. 2022.
"""

if __name__ != "bioplastic.networks.wta":
    raise ImportError("import bioplastic.networks.wta")

from typing import Any

import numpy as np
from brian2 import ms, mV, pF

from bioplastic.description import (
    LIF,
    ExponentialCurrent,
    HardWTA,
    Network,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.description.connectivity import all_to_all, one_to_one
from bioplastic.description.neuron import peak_current

C_M, V_TH, TAU_M, TAU_DRIVE = 250 * pF, 20 * mV, 3 * ms, 1 * ms
TAU_COUNT_M, TAU_COUNT, TAU_STOP = 8 * ms, 0.5 * ms, 5 * ms
CENTRE = 0.3  # of a period: when the inputs come, so that a trial is over before the next


def hard_wta(inputs: SpikeTrain, *, size: int, k: int, period: Any) -> Network:
    """`size` neurons of which at most `k` spike in each `period` (s); inputs: one source each."""
    return Network(
        name=f"hard {k}-WTA",
        sources=[Source(name="inputs", size=size, train=inputs)],
        populations=[_excitatory(size, period, HardWTA(k=k, period=period))],
        projections=[_drive(size)],
    )


def spiking_wta(inputs: SpikeTrain, *, size: int, k: int, period: Any, delay: Any) -> Network:
    """The same neurons under one inhibitory neuron that fires when about `k` of them have.

    delay   of both connections, excitatory → inhibitory → excitatory, s
    Neurons whose input comes before the inhibition slip through: more than k may spike.
    """
    count = peak_current(1.4 * V_TH / k, tau_m=TAU_COUNT_M, tau_syn=TAU_COUNT, c_m=C_M)
    stop = peak_current(-5 * V_TH, tau_m=TAU_M, tau_syn=TAU_STOP, c_m=C_M)
    inhibitory = LIF(
        tau_m=TAU_COUNT_M,
        c_m=C_M,
        v_th=V_TH,
        t_ref=period / 4,
        receptors=(ExponentialCurrent(name="count", tau=TAU_COUNT),),
    )
    projections = [
        _drive(size),
        Projection(
            name="count",
            pre="excitatory",
            post="inhibitory",
            target="count",
            connectivity=all_to_all(size, 1, weight=count, delay=delay),
        ),
        Projection(
            name="stop",
            pre="inhibitory",
            post="excitatory",
            target="stop",
            connectivity=all_to_all(1, size, weight=stop, delay=delay),
        ),
    ]
    return Network(
        name=f"spiking {k}-WTA",
        sources=[Source(name="inputs", size=size, train=inputs)],
        populations=[
            _excitatory(size, period, None),
            Population(name="inhibitory", size=1, neuron=inhibitory),
        ],
        projections=projections,
    )


def _excitatory(size: int, period: Any, inhibition: HardWTA | None) -> Population:
    neuron = LIF(
        tau_m=TAU_M,
        c_m=C_M,
        v_th=V_TH,
        t_ref=period / 2,  # one spike a trial
        receptors=(
            ExponentialCurrent(name="drive", tau=TAU_DRIVE),
            ExponentialCurrent(name="stop", tau=TAU_STOP),
        ),
    )
    return Population(name="excitatory", size=size, neuron=neuron, inhibition=inhibition)


def _drive(size: int) -> Projection:
    weight = peak_current(2 * V_TH, tau_m=TAU_M, tau_syn=TAU_DRIVE, c_m=C_M)
    return Projection(
        name="drive",
        pre="inputs",
        post="excitatory",
        target="drive",
        connectivity=one_to_one(size, weight=weight, delay=0.1 * ms),
    )


def latency_trials(
    rng: np.random.Generator,
    *,
    size: int,
    k: int,
    trials: int,
    period: Any,
    lead: Any,
    jitter: Any,
    start: int = 0,
) -> tuple[SpikeTrain, np.ndarray]:
    """One spike per channel and trial; `k` channels drawn anew lead the others by `lead`.

    Time in the trial: 0.3 period − lead·(strong) + jitter·N(0, 1), clipped to 0.05 … 0.6 period.
    start    number of the first trial
    Returns the train and which channels were strong, (trials, k) int64.
    """
    strong = np.array([rng.permutation(size)[:k] for _ in range(trials)])
    when = CENTRE + float(jitter / period) * rng.standard_normal((trials, size))
    when[np.arange(trials)[:, None], strong] -= float(lead / period)
    when = np.clip(when, 0.05, 0.6) + start + np.arange(trials)[:, None]
    ids = np.broadcast_to(np.arange(size), when.shape)
    return SpikeTrain(i=ids.ravel(), t=when.ravel() * period), strong
