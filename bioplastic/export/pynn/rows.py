"""How many neurons of a population one core takes: a row of synapses has at most 256 words.

A row holds the synapses of one pre neuron onto the neurons of one core, one word each, and 2 words
of head where they learn.
"""

from __future__ import annotations

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.export.pynn.network import PynnNetwork, PynnPopulation

NEURONS_PER_CORE, ROW_WORDS, PLASTIC_HEAD = 256, 256, 2


def per_core(network: PynnNetwork, p: PynnPopulation) -> int:
    """Largest power of two, at most 256, at which every row fits.

    Raises UnsupportedModel where one pre neuron has too many synapses onto one neuron.
    """
    count = NEURONS_PER_CORE
    while count:
        if all(_longest(q.i, q.j, count) <= ROW_WORDS - PLASTIC_HEAD * (q.rule is not None)
               for q in network.projections if q.post == p.name):  # fmt: skip
            return count
        count //= 2
    raise UnsupportedModel(
        f"population {p.name!r}: a pre neuron has more than {ROW_WORDS} synapses onto one neuron"
    )


def _longest(i: np.ndarray, j: np.ndarray, count: int) -> int:
    """Synapses of the longest row at `count` neurons a core."""
    if not len(i):
        return 0
    cores = int(j.max()) // count + 1
    return int(np.bincount(i * cores + j // count).max())
