"""Small temporal memories whose mature synapses are set by hand."""

from dataclasses import replace

import numpy as np
from brian2 import ms, second

from bioplastic.description import Connectivity, Network, Projection, Source, SpikeTrain
from bioplastic.networks import temporal_memory as tm

NEURONS, WINNERS = 24, 5


def memory(sequences=("ABC", "DBE"), links=(), *, primes=(), shown=None, neurons=NEURONS):
    """A temporal memory of a few neurons a symbol, plasticity off.

    links    (pre, post) pairs of neuron numbers, symbol·neurons + k, one mature synapse each
    primes   (ms, neurons): a dendritic input that starts a plateau in these
    shown    (ms, symbol) pairs; default: every sequence once, 40 ms apart
    """
    p = tm.parameters(sequences=sequences, neurons=neurons, winners=WINNERS, episodes=1)
    drawn = tm.temporal_memory(p, np.random.default_rng(0))
    pairs = np.array(links, np.int64).reshape(-1, 2)
    projections = [
        replace(
            q, plasticity=None,
            connectivity=Connectivity(
                i=pairs[:, 0], j=pairs[:, 1], weight=p.w_mature, delay=p.delay_recurrent
            ),
        ) if q.name == "recurrent" else q
        for q in drawn.projections
    ]  # fmt: skip
    sources = list(drawn.sources)
    if shown is not None:
        when, which = zip(*shown, strict=True) if shown else ((), ())
        index = np.array([p.symbols.index(s) for s in which], np.int64)
        sources = [replace(sources[0], train=SpikeTrain(i=index, t=np.array(when) * ms))]
    if primes:
        train = SpikeTrain(i=np.arange(len(primes)), t=np.array([t for t, _ in primes]) * ms)
        sources.append(Source(name="prime", size=len(primes), train=train))
        post = np.concatenate([np.asarray(n) for _, n in primes])
        pre = np.repeat(np.arange(len(primes)), [len(n) for _, n in primes])
        projections.append(
            Projection(
                name="priming", pre="prime", post="excitatory", target="distal",
                connectivity=Connectivity(
                    i=pre, j=post, weight=1.4 * p.plateau_threshold, delay=p.delay
                ),
            )
        )  # fmt: skip
    return Network(
        name="by hand", sources=sources, populations=drawn.populations, projections=projections,
        notes={"winners": WINNERS},
    )  # fmt: skip


def chained(sequences=("ABC", "DBE"), neurons=NEURONS, code=7):
    """Links that tell two sequences with the same middle apart: `code` neurons for each context."""
    symbols = sorted(set("".join(sequences)))
    found = []
    for k, sequence in enumerate(sequences):
        before = [symbols.index(sequence[0]) * neurons + n for n in range(neurons)]
        for symbol in sequence[1:]:
            own = [symbols.index(symbol) * neurons + k * code + n for n in range(code)]
            found += [(i, j) for i in before[:code] for j in own]
            before = own
    return found


def seconds(network):
    """When the last source spike comes."""
    return max(float(s.train.t[-1] / second) for s in network.sources if len(s.train))
