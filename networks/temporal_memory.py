"""Spiking temporal memory: a recurrent network that learns which element comes next.

Every symbol has a subpopulation of excitatory neurons and one inhibitory neuron. Recurrent synapses
end on a branch; enough coincident mature ones start a plateau that predicts the neuron: it fires
earlier at the next input, and the inhibitory neuron silences the rest of the subpopulation.

Source: Bouhadjar, Wouters, Diesmann & Tetzlaff 2022 [bouhadjar2022], tables 1-2 and the task sets.
"""

if __name__ != "bioplastic.networks.temporal_memory":
    raise ImportError("import bioplastic.networks.temporal_memory")

from functools import partial

import numpy as np
from brian2 import pA, second

from bioplastic.description import (
    LIF,
    DendriticTree,
    ExponentialCurrent,
    Network,
    PermanenceSTDP,
    PlateauBranch,
    PlateauHomeostasis,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.description.connectivity import (
    Connectivity,
    fixed_indegree,
    groups,
    with_permanence,
)
from bioplastic.description.neuron import peak_current
from bioplastic.description.stimulus import presentations
from bioplastic.networks.temporal_memory_tasks import RATES as RATES
from bioplastic.networks.temporal_memory_tasks import SEQUENCES as SEQUENCES
from bioplastic.networks.temporal_memory_tasks import Parameters as Parameters
from bioplastic.networks.temporal_memory_tasks import parameters as parameters


def schedule(p: Parameters) -> tuple[SpikeTrain, np.ndarray]:
    """Input spikes, and the element times (episodes, sequences, longest) in s, nan-padded."""
    place = {symbol: k for k, symbol in enumerate(p.symbols)}
    return presentations(
        [[place[c] for c in sequence] for sequence in p.sequences],
        interval=p.delta_t,
        pause=p.pause,
        episodes=p.episodes,
        start=p.start,
    )


def temporal_memory(p: Parameters, rng: np.random.Generator) -> Network:
    """The network of `p`, its recurrent synapses and initial permanences drawn from `rng`.

    Populations: source "symbols" (and "prime" when p.primed), "excitatory", "inhibitory".
    Projections: "external", "recurrent" (plastic), "excite", "inhibit" (and "priming").
    """
    train, times = schedule(p)
    m, n = len(p.symbols), p.neurons
    group = np.repeat(np.arange(m), n)
    sources = [Source(name="symbols", size=m, train=train, labels=p.symbols)]
    projections = [_recurrent(p, rng), *_static(p, group)]
    if p.primed:
        sources.append(_prime(p, times))
        projections.append(_priming(p))
    return Network(
        name=f"temporal memory, set {p.task}",
        sources=sources,
        populations=[_excitatory(p), _inhibitory(p)],
        projections=projections,
        notes={
            "group": group, "element_times": times, "sequences": p.sequences, "winners": p.winners,
        },
    )  # fmt: skip


def _excitatory(p: Parameters) -> Population:
    branch = PlateauBranch(
        name="distal",
        tau=p.tau_distal,
        threshold=p.plateau_threshold,
        plateau_current=p.plateau_current,
        duration=p.plateau_duration,
        tau_trace=p.tau_trace,
    )
    neuron = LIF(
        tau_m=p.tau_m_excitatory,
        c_m=p.c_m,
        v_th=p.threshold_excitatory,
        t_ref=p.refractory_excitatory,
        receptors=(
            ExponentialCurrent(name="external", tau=p.tau_external),
            ExponentialCurrent(name="inhibition", tau=p.tau_to_excitatory),
        ),
    )
    size = len(p.symbols) * p.neurons
    return Population(
        name="excitatory", size=size, neuron=neuron, dendrites=DendriticTree(branches=(branch,))
    )


def _inhibitory(p: Parameters) -> Population:
    neuron = LIF(
        tau_m=p.tau_m_inhibitory,
        c_m=p.c_m,
        v_th=p.threshold_inhibitory,
        t_ref=p.refractory_inhibitory,
        receptors=(ExponentialCurrent(name="excitation", tau=p.tau_to_inhibitory),),
    )
    return Population(name="inhibitory", size=len(p.symbols), neuron=neuron, labels=p.symbols)


def _recurrent(p: Parameters, rng: np.random.Generator) -> Projection:
    """Plastic synapses.

    The paper reads the pre trace when the post spike reaches the synapse, at t_i + d; the rule
    reads it at t_i. No pre spike can come between (dt_min > d), so exp(−d/tau_plus) is the
    difference, and lambda_plus carries it.
    """
    size = len(p.symbols) * p.neurons
    drawn = fixed_indegree(
        rng, size, size, round(p.connectivity * size), weight=0 * pA, delay=p.delay_recurrent
    )
    lambda_plus, lambda_h, lambda_minus = p.rates
    late = float(np.exp(-p.delay_recurrent / p.tau_plus))
    rule = PermanenceSTDP(
        w_mature=p.w_mature,
        lambda_plus=lambda_plus * late,
        tau_plus=p.tau_plus,
        lambda_minus=lambda_minus,
        dt_max=2 * p.delta_t,
        p_max=p.p_max,
        theta_p=p.theta_p,
        homeostasis=PlateauHomeostasis(rate=lambda_h, target=1.0) if p.homeostasis else None,
    )
    return Projection(
        name="recurrent",
        pre="excitatory",
        post="excitatory",
        target="distal",
        connectivity=with_permanence(drawn, rng.uniform(0, p.p_init, len(drawn))),
        plasticity=rule,
    )


def _static(p: Parameters, group: np.ndarray) -> list[Projection]:
    one = np.arange(len(p.symbols))
    excitatory = partial(peak_current, tau_m=p.tau_m_excitatory, c_m=p.c_m)
    drive = excitatory(p.psp_external, tau_syn=p.tau_external)
    stop = excitatory(p.psp_inhibition, tau_syn=p.tau_to_excitatory)
    count = peak_current(
        1.2 * p.threshold_inhibitory / p.winners,
        tau_m=p.tau_m_inhibitory,
        tau_syn=p.tau_to_inhibitory,
        c_m=p.c_m,
    )
    rows = [
        ("external", "symbols", "excitatory", "external", one, group, drive),
        ("excite", "excitatory", "inhibitory", "excitation", group, one, count),
        ("inhibit", "inhibitory", "excitatory", "inhibition", one, group, stop),
    ]
    return [
        Projection(
            name=name,
            pre=pre,
            post=post,
            target=target,
            connectivity=groups(from_group, to_group, weight=weight, delay=p.delay),
        )
        for name, pre, post, target, from_group, to_group, weight in rows
    ]


def _prime(p: Parameters, times: np.ndarray) -> Source:
    first = times[:, :, 0] - float(p.prime_ahead)
    index = np.broadcast_to(np.arange(first.shape[1]), first.shape)
    train = SpikeTrain(i=index.ravel(), t=first.ravel() * second)
    return Source(name="prime", size=len(p.sequences), train=train, labels=p.sequences)


def _priming(p: Parameters) -> Projection:
    place = [p.symbols.index(sequence[0]) for sequence in p.sequences]
    j = np.concatenate([k * p.neurons + np.arange(p.primed) for k in place])
    return Projection(
        name="priming",
        pre="prime",
        post="excitatory",
        target="distal",
        connectivity=Connectivity(
            i=np.repeat(np.arange(len(place)), p.primed),
            j=j,
            weight=1.4 * p.plateau_threshold,
            delay=p.delay,
        ),
    )
