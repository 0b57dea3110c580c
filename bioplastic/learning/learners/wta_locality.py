"""What the WTA classifier uses: its rule is local, four aids around it are not."""

from __future__ import annotations

from bioplastic.learning.locality import Use

WTA_STDP = (
    Use(
        quantity="pre trace x", place="pre", latency="at the post spike", local=True,
        why="recent glutamate at the synapse; one trace a pixel",
    ),
    Use(
        quantity="post spike", place="post", latency="at the spike", local=True,
        why="the back-propagating action potential gates every change",
    ),
    Use(
        quantity="weight w", place="synapse", latency="at the post spike", local=True,
        why="power-law weight dependence of potentiation and depression",
    ),
    Use(
        quantity="own spikes for homeostasis", place="post", latency="one cycle", local=True,
        why="the clock's synapse is depressed by post spikes and grows at clock spikes",
    ),
    Use(
        quantity="the largest potential of the population (hard WTA)", place="population",
        latency="one step", local=False,
        why="instant inhibition that compares all neurons; spiking inhibition only approaches it",
    ),
    Use(
        quantity="clock spike", place="broadcast", latency="one cycle", local=False,
        why="one source to all neurons marks the end of an image",
    ),
    Use(
        quantity="norm of the image (gain control)", place="elsewhere", latency="one cycle",
        local=False, why="divides every pixel by a sum over all pixels, before the synapses",
    ),
    Use(
        quantity="steps eta and gamma", place="broadcast", latency="a twelfth of the pass",
        local=False, why="both fall over the pass: a common signal tells how far it is",
    ),
    Use(
        quantity="labels of neurons", place="elsewhere", latency="after the pass", local=False,
        why="an observer counts classes beside the network; no weight ever sees a label",
    ),
)  # fmt: skip
